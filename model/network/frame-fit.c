/* SPDX-License-Identifier: MIT */
#include "model/network/frame-fit.h"

CowBounds
cow_frame_fit (const CowPreprocess *self, int width, int height, const CowBounds *box)
{
  const CowRegion place = cow_preprocess_place (self, width, height);
  CowBounds there = cow_bounds_scaled (box, (double)place.w / width, (double)place.h / height);

  there.x += place.x;
  there.y += place.y;
  return there;
}

gboolean
cow_frame_fit_back (const CowPreprocess *self, int width, int height, CowBounds *box)
{
  const CowRegion place = cow_preprocess_place (self, width, height);
  CowBounds inside = { box->x - place.x, box->y - place.y, box->w, box->h };

  inside = cow_bounds_clipped (&inside, place.w, place.h);
  *box = cow_bounds_scaled (&inside, (double)width / place.w, (double)height / place.h);
  return box->w > 0 && box->h > 0;
}

void
cow_frame_fit_all_back (const CowPreprocess *self, int width, int height, GArray *detections)
{
  guint n = 0;

  for (guint i = 0; i < detections->len; i++) {
    CowDetection detection = g_array_index (detections, CowDetection, i);
    if (cow_frame_fit_back (self, width, height, &detection.box))
      g_array_index (detections, CowDetection, n++) = detection;
  }
  g_array_set_size (detections, n);
}
