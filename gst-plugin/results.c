/* SPDX-License-Identifier: MIT */
/* What the last classified frame gave, kept for the frames that follow it. */
#include "gst-plugin/results.h"

#include "gst-plugin/regions.h"

/* Below this two boxes of neighbouring frames are rather two cows than one that moved. */
#define MIN_IOU 0.5

void
gst_cow_results_init (GstCowResults *self)
{
  self->regions = g_array_new (FALSE, FALSE, sizeof (CowRegion));
  self->probabilities = g_array_new (FALSE, FALSE, sizeof (float));
  gst_cow_results_reset (self, 0);
}

void
gst_cow_results_clear (GstCowResults *self)
{
  g_clear_pointer (&self->regions, g_array_unref);
  g_clear_pointer (&self->probabilities, g_array_unref);
}

void
gst_cow_results_reset (GstCowResults *self, guint n_classes)
{
  g_array_set_size (self->regions, 0);
  g_array_set_size (self->probabilities, 0);
  self->n_classes = n_classes;
  self->age = 0;
}

void
gst_cow_results_add (GstCowResults *self, const CowRegion *region, const float *probabilities)
{
  g_array_append_val (self->regions, *region);
  g_array_append_vals (self->probabilities, probabilities, self->n_classes);
}

const float *
gst_cow_results_get (const GstCowResults *self, guint i)
{
  return &g_array_index (self->probabilities, float, i * self->n_classes);
}

const float *
gst_cow_results_find (const GstCowResults *self, const CowRegion *region)
{
  const float *found = NULL;
  gdouble best = MIN_IOU;

  for (guint i = 0; i < self->regions->len; i++) {
    gdouble iou = gst_cow_region_iou (&g_array_index (self->regions, CowRegion, i), region);

    if (iou > best) {
      best = iou;
      found = gst_cow_results_get (self, i);
    }
  }
  return found;
}
