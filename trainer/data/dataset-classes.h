/* SPDX-License-Identifier: MIT */
/* Which classes a set has, and which of them each label means. */
#ifndef COW_TRAINER_DATASET_CLASSES_H
#define COW_TRAINER_DATASET_CLASSES_H

#include "trainer/data/dataset-draft.h"

/*
 * Gives the set its classes: those that were asked for, or else all labels, sorted, of those that
 * differ in case alone the first. place [labels] becomes the class of each label; the samples keep
 * their labels. COW_ERROR_ARGUMENT for a class that is listed twice, COW_ERROR_MISMATCH for a label
 * that is none of those that were asked for.
 */
gboolean dataset_classes_find (DatasetDraft *self, int *place, GError **error);

#endif
