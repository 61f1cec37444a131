/* SPDX-License-Identifier: MIT */
/* Where the boxes of a frame lie in what the network is shown of it. */
#ifndef COW_TRAINER_FRAME_PLACES_H
#define COW_TRAINER_FRAME_PLACES_H

#include "trainer/data/frames.h"
#include "trainer/data/loader.h"

G_BEGIN_DECLS

/*
 * Replaces what is in `places`, of CowBounds, by the boxes of a frame that are to be learnt, px of
 * the picture that cow_load_one () makes of the item with this preprocessing: cut at its edges,
 * without crowds and without those of which an augmented copy shows less than a third. `which`, of
 * guint, which may be NULL, likewise by which of the frame's boxes they are. Any thread.
 */
void cow_frame_places (const CowFrames *frames, const CowFrame *frame, const CowLoadItem *item,
                       CowAugment augment, const CowPreprocess *preprocess, GArray *places,
                       GArray *which);

G_END_DECLS

#endif
