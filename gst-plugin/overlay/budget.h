/* SPDX-License-Identifier: MIT */
/* The time budget: how long the cows of a stream did what, in cow-seconds (two cows for one second
 * make two). Its size is bounded. */
#ifndef GST_COW_BUDGET_H
#define GST_COW_BUDGET_H

#include "gst-plugin/overlay/view.h"

G_BEGIN_DECLS

/* Different labels at most; further ones count as "other". */
#define GST_COW_BUDGET_MAX 32

typedef struct {
  char *label;
  gint label_id; /* -1: unknown; -2: other */
  guint32 colour;
  gdouble cow_seconds;
} GstCowShare;

typedef struct {
  GArray *shares;    /* of GstCowShare, by label_id, then by age; unknown and other last */
  GstClockTime last; /* running time of the last frame */
} GstCowBudget;

void gst_cow_budget_init (GstCowBudget *self);
void gst_cow_budget_clear (GstCowBudget *self);
/* Begins a new stream. */
void gst_cow_budget_reset (GstCowBudget *self);
/* Adds a frame at running time `now`, or GST_CLOCK_TIME_NONE: each cow that is shown in it has had
 * its label since the last frame. Of a pause only the first five seconds count. */
void gst_cow_budget_add (GstCowBudget *self, const GArray *view, GstClockTime now);
gdouble gst_cow_budget_total (const GstCowBudget *self);

G_END_DECLS

#endif
