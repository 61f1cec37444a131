/* SPDX-License-Identifier: MIT */
/* Finds what is wrong with frames and their boxes: what is wrong with the pictures, and then what
 * the annotations say of them. */
#ifndef COW_TRAINER_CHECK_FRAMES_H
#define COW_TRAINER_CHECK_FRAMES_H

#include "model/adapter/preprocess.h"
#include "trainer/data/check.h"

G_BEGIN_DECLS

#define CHECK_FRAMES_FEW_BOXES 20 /* a class with fewer is named */

typedef struct {
  CowPreprocess preprocess; /* how the network will see a frame */
  guint least_box;          /* a box is named of which a side is shorter there, px */
  guint least_side;         /* as check_run () has it */
  int n_threads;
} CheckFramesOptions;

/* `frames` were opened with `keep_absent`, `dataset` is made of them; both are borrowed. As
 * check_run () else. */
Check *check_frames_run (const CowFrames *frames, const CowDataset *dataset,
                         const CheckFramesOptions *options, GError **error);

G_END_DECLS

#endif
