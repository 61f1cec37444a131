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

#define COW_BOX_GHOST    (-1)
#define COW_BOX_IN_CROWD (-2)

/*
 * Which cow each found box is: its index in `truth`, or one of the numbers above; [n_found], free
 * with g_free. Boxes are taken by falling score, of equals the first; each is the cow of its
 * picture and category that it overlaps most, by .50 at least, and that no surer one is already.
 * What is found in a crowd counts neither way. Whether boxes of lower scores are told changes
 * nothing of that. Any thread.
 */
int *cow_box_match (const CowTrueBox *truth, guint n_true, const CowFoundBox *found, guint n_found);
/* What is told from each score on, of CowBoxThreshold by falling score; g_array_unref. */
GArray *cow_box_thresholds (const CowTrueBox *truth, guint n_true, const CowFoundBox *found,
                            guint n_found, const int *matched);
/* Of these the one with the best F1, of equals that of the higher score. */
CowBoxThreshold cow_box_threshold_best (const CowTrueBox *truth, guint n_true,
                                        const GArray *thresholds);

G_END_DECLS

#endif
