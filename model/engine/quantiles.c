/* SPDX-License-Identifier: MIT */
#include "model/engine/quantiles.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void
cow_quantiles_add (CowQuantiles *self, gint64 value)
{
  self->value[self->next] = value;
  self->next = (self->next + 1) % COW_QUANTILES_WINDOW;
  self->n = MIN (self->n + 1, COW_QUANTILES_WINDOW);
}

static int
compare (const void *a, const void *b)
{
  const gint64 x = *(const gint64 *)a, y = *(const gint64 *)b;
  return x < y ? -1 : x > y;
}

gint64
cow_quantiles_get (const CowQuantiles *self, double share)
{
  gint64 sorted[COW_QUANTILES_WINDOW];
  if (self->n == 0)
    return 0;
  memcpy (sorted, self->value, self->n * sizeof *sorted);
  qsort (sorted, self->n, sizeof *sorted, compare);
  const double rank = ceil (CLAMP (share, 0.0, 1.0) * self->n);
  return sorted[rank < 1 ? 0 : (guint)rank - 1];
}
