/* SPDX-License-Identifier: MIT */
/* Frames as a set of pictures, for what only wants to read pictures. */
#ifndef COW_TRAINER_FRAMES_DATASET_H
#define COW_TRAINER_FRAMES_DATASET_H

#include "trainer/data/frames.h"

G_BEGIN_DECLS

/* A sample a frame, in their order and splits, all of one class, "cow". */
CowDataset *cow_dataset_of_frames (const CowFrames *frames);

G_END_DECLS

#endif
