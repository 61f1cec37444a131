/* SPDX-License-Identifier: MIT */
/* From which score on a box is worth telling: where F1 is best, at an overlap of .50. */
#ifndef COW_TRAINER_BOX_THRESHOLD_H
#define COW_TRAINER_BOX_THRESHOLD_H

#include "trainer/eval/box-scores.h"

G_BEGIN_DECLS

/* Of the boxes from a score on: how many are cows, are none, and how many cows have none. */
typedef struct {
  double score; /* 1 where no box is found */
  guint64 hits, ghosts, missed;
  double precision, recall, f1; /* 0 where there is nothing to divide by */
} CowBoxThreshold;

/*
 * Boxes are taken by falling score, of equals the first; each is the cow of its picture and
 * category that it overlaps most, by .50 at least, and that no surer one is already. What is found
 * in a crowd counts neither way. The best F1, of equals that of the higher score. Any thread.
 */
CowBoxThreshold cow_box_threshold (const CowTrueBox *truth, guint n_true, const CowFoundBox *found,
                                   guint n_found);

G_END_DECLS

#endif
