/* SPDX-License-Identifier: MIT */
/* The boxes that there are and those that were found, of frame after frame: what validation in
 * `train` and `eval` count with the same scores. Used by one thread. */
#ifndef COW_TRAINER_BOX_TALLY_H
#define COW_TRAINER_BOX_TALLY_H

#include "trainer/data/frames.h"
#include "trainer/eval/box-scores.h"

G_BEGIN_DECLS

/* What is asked of a frame (cow_cells_read ()): COCO counts a hundred boxes, and a sure answer's
 * rivals matter little. */
#define COW_BOX_TALLY_LEAST   .01f
#define COW_BOX_TALLY_OVERLAP .8
#define COW_BOX_TALLY_MOST    100

typedef struct {
  GArray *truth; /* of CowTrueBox */
  GArray *found; /* of CowFoundBox */
  guint n;       /* frames so far, which are the boxes' images */
} CowBoxTally;

void cow_box_tally_init (CowBoxTally *self);
void cow_box_tally_clear (CowBoxTally *self);
/* Forgets all. */
void cow_box_tally_reset (CowBoxTally *self);
/* One more frame, and what was found in what this preprocessing makes of it: `detections` of
 * CowDetection, which are moved to px of the frame (cow_frame_fit_all_back ()). */
void cow_box_tally_add (CowBoxTally *self, const CowFrames *frames, const CowFrame *frame,
                        const CowPreprocess *preprocess, GArray *detections);
void cow_box_tally_scores (const CowBoxTally *self, CowBoxScores *scores);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (CowBoxTally, cow_box_tally_clear)

G_END_DECLS

#endif
