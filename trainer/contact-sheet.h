/* SPDX-License-Identifier: MIT */
/* A picture of what the network will see: some pictures of each class, each as it is and augmented. */
#ifndef COW_TRAINER_CONTACT_SHEET_H
#define COW_TRAINER_CONTACT_SHEET_H

#include "trainer/loader.h"

G_BEGIN_DECLS

/*
 * Writes a PNG with a row a class: `per_class` pictures of the split (chosen by the seed), each followed by two augmented copies. What is
 * drawn went through resizing and augmentation as in training.
 */
gboolean cow_contact_sheet (const CowDataset *dataset, CowSplit split, CkBackend *backend, const CowPreprocess *preprocess,
                            CowAugment augment, guint per_class, guint64 seed, const char *path, GError **error);

G_END_DECLS

#endif
