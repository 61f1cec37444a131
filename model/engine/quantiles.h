/* SPDX-License-Identifier: MIT */
/* Quantiles of the last numbers of a series: how long things took lately, in bounded memory. Not
 * safe from several threads at once. */
#ifndef COW_QUANTILES_H
#define COW_QUANTILES_H

#include <glib.h>

G_BEGIN_DECLS

#define COW_QUANTILES_WINDOW 256

typedef struct {
  gint64 value[COW_QUANTILES_WINDOW]; /* the last, in a ring */
  guint n;                            /* of them that are there */
  guint next;                         /* place of the next */
} CowQuantiles;

/* All zero is an empty series. */
void cow_quantiles_add (CowQuantiles *self, gint64 value);
/* The smallest kept number that at least `share` (0..1) of the kept ones do not exceed; 0 of an
 * empty series. */
gint64 cow_quantiles_get (const CowQuantiles *self, double share);

G_END_DECLS

#endif
