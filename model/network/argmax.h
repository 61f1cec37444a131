/* SPDX-License-Identifier: MIT */
/* Which class a row of logits or probabilities speaks for. */
#ifndef COW_ARGMAX_H
#define COW_ARGMAX_H

#include <glib.h>

G_BEGIN_DECLS

/* The index of the largest of n values, at least one; the first of equals, as numpy's argmax. */
static inline guint
cow_argmax (const float *values, guint n)
{
  guint best = 0;
  for (guint i = 1; i < n; i++)
    if (values[i] > values[best])
      best = i;
  return best;
}

G_END_DECLS

#endif
