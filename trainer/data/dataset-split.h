/* SPDX-License-Identifier: MIT */
/* Divides pictures that come undivided. */
#ifndef COW_TRAINER_DATASET_SPLIT_H
#define COW_TRAINER_DATASET_SPLIT_H

#include "trainer/data/dataset-draft.h"

/* The parts are of the training pictures; what is taken becomes COW_VAL and COW_TEST. Warns of what
 * grouping could not do. */
void dataset_divide (DatasetDraft *self, double val_fraction, double test_fraction);

#endif
