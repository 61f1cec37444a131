/* SPDX-License-Identifier: MIT */
#include "trainer/data/frame-places.h"

#include "model/network/frame-fit.h"

#define LEAST_SHOWN (1. / 3)

/* What of a box is inside; FALSE where it is too little to be learnt. */
static gboolean
cut (CowBounds *box, int width, int height)
{
  const double area = box->w * box->h, x = MAX (box->x, 0), y = MAX (box->y, 0),
               w = MIN (box->x + box->w, width) - x, h = MIN (box->y + box->h, height) - y;

  *box = (CowBounds){ x, y, w, h };
  return w > 0 && h > 0 && w * h >= LEAST_SHOWN * area;
}

void
cow_frame_places (const CowFrames *frames, const CowFrame *frame, const CowLoadItem *item,
                  CowAugment augment, const CowPreprocess *preprocess, GArray *places,
                  GArray *which)
{
  const CowFrameBox *boxes = cow_frames_boxes (frames, frame);
  const int width = preprocess->width, height = preprocess->height;

  g_array_set_size (places, 0);
  if (which)
    g_array_set_size (which, 0);
  for (guint i = 0; i < frame->n_boxes; i++) {
    CowBounds place = cow_frame_fit (preprocess, frame->width, frame->height, &boxes[i].place);
    if (item->copy > 0)
      cow_augment_boxes (augment, item->key, width, height, &place, 1);
    if (boxes[i].crowd || !cut (&place, width, height))
      continue;
    g_array_append_val (places, place);
    if (which)
      g_array_append_val (which, i);
  }
}
