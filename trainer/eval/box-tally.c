/* SPDX-License-Identifier: MIT */
#include "trainer/eval/box-tally.h"

#include "model/network/frame-fit.h"

void
cow_box_tally_init (CowBoxTally *self)
{
  self->truth = g_array_new (FALSE, FALSE, sizeof (CowTrueBox));
  self->found = g_array_new (FALSE, FALSE, sizeof (CowFoundBox));
  self->n = 0;
}

void
cow_box_tally_clear (CowBoxTally *self)
{
  g_clear_pointer (&self->truth, g_array_unref);
  g_clear_pointer (&self->found, g_array_unref);
}

void
cow_box_tally_reset (CowBoxTally *self)
{
  g_array_set_size (self->truth, 0);
  g_array_set_size (self->found, 0);
  self->n = 0;
}

void
cow_box_tally_add (CowBoxTally *self, const CowFrames *frames, const CowFrame *frame,
                   const CowPreprocess *preprocess, GArray *detections)
{
  const CowFrameBox *boxes = cow_frames_boxes (frames, frame);

  for (guint i = 0; i < frame->n_boxes; i++) {
    const CowTrueBox box = {
      .image = self->n, .place = boxes[i].place, .area = boxes[i].area, .crowd = boxes[i].crowd
    };
    g_array_append_val (self->truth, box);
  }
  cow_frame_fit_all_back (preprocess, frame->width, frame->height, detections);
  for (guint i = 0; i < detections->len; i++) {
    const CowDetection *detection = &g_array_index (detections, CowDetection, i);
    const CowFoundBox box = { .image = self->n,
                              .place = detection->box,
                              .score = (double)detection->score };
    g_array_append_val (self->found, box);
  }
  self->n++;
}

void
cow_box_tally_scores (const CowBoxTally *self, CowBoxScores *scores)
{
  cow_box_scores ((const CowTrueBox *)(void *)self->truth->data, self->truth->len,
                  (const CowFoundBox *)(void *)self->found->data, self->found->len, scores);
}
