/* SPDX-License-Identifier: MIT */
/* What the last classified frame gave, kept for the frames that follow it without being classified themselves. */
#ifndef GST_COW_RESULTS_H
#define GST_COW_RESULTS_H

#include "model/engine.h"

G_BEGIN_DECLS

typedef struct {
  GArray *regions;       /* CowRegion; empty: there is nothing to carry over */
  GArray *probabilities; /* float [regions->len * n_classes] */
  guint n_classes;
  guint age; /* frames since the one that was classified */
} GstCowResults;

void gst_cow_results_init (GstCowResults *self);
void gst_cow_results_clear (GstCowResults *self);
/* Forgets everything and begins anew with age 0. */
void gst_cow_results_reset (GstCowResults *self, guint n_classes);
/* Adds the next region. */
void gst_cow_results_add (GstCowResults *self, const CowRegion *region, const float *probabilities);
/* Probabilities [n_classes] of region i, in the order in which they were added. */
const float *gst_cow_results_get (const GstCowResults *self, guint i);
/* Probabilities [n_classes] of the kept region that covers `region` best, if by more than half (intersection over union); else NULL. */
const float *gst_cow_results_find (const GstCowResults *self, const CowRegion *region);

G_END_DECLS

#endif
