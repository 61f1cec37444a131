/* SPDX-License-Identifier: MIT */
/* The options that say which pictures, the same for every verb that reads labelled ones. */
#ifndef COW_TRAINER_DATASET_FLAGS_H
#define COW_TRAINER_DATASET_FLAGS_H

#include "trainer/data/dataset.h"

typedef struct {
  CowDatasetOptions data;
  double val_fraction, test_fraction;         /* DATASET_FLAGS_NONE where no flag gave them */
  double old_val_fraction, old_test_fraction; /* the same under their old names */
} DatasetFlags;

#define DATASET_FLAGS_NONE (-G_MAXDOUBLE)

#define DATASET_FLAGS_DEFAULT                                                                      \
  {                                                                                                \
    .data = COW_DATASET_OPTIONS_DEFAULT, .val_fraction = DATASET_FLAGS_NONE,                       \
    .test_fraction = DATASET_FLAGS_NONE, .old_val_fraction = DATASET_FLAGS_NONE,                   \
    .old_test_fraction = DATASET_FLAGS_NONE                                                        \
  }

/* Adds entries that fill the flags to an array of GOptionEntry; the verb has its own for seed. */
void dataset_flags_add (DatasetFlags *self, GArray *entries);
/* Puts the fractions into self->data, after the command line was read. */
gboolean dataset_flags_finish (DatasetFlags *self, GError **error);
void dataset_flags_clear (DatasetFlags *self);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (DatasetFlags, dataset_flags_clear)

#endif
