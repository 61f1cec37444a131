/* SPDX-License-Identifier: MIT */
/* From files to a set of labelled pictures. */
#ifndef COW_TRAINER_DATASET_OPEN_H
#define COW_TRAINER_DATASET_OPEN_H

#include "trainer/data/dataset.h"

G_BEGIN_DECLS

/*
 * Errors, each naming file, column or class: COW_ERROR_NOT_FOUND (a path, a column; which there
 * are), COW_ERROR_FORMAT (a table that is not one, with its line), COW_ERROR_MISMATCH (a label that
 * is not among the classes given; a class without pictures), COW_ERROR_ARGUMENT.
 */
CowDataset *cow_dataset_open (const CowDatasetOptions *options, GError **error);

G_END_DECLS

#endif
