/* SPDX-License-Identifier: MIT */
/* Which pictures of a run stay with its adapter (model/adapter/kept-pictures.h). */
#ifndef COW_TRAINER_KEEP_PICTURES_H
#define COW_TRAINER_KEEP_PICTURES_H

#include "model/adapter/kept-pictures.h"
#include "trainer/data/dataset.h"

/*
 * Takes n pictures of a split, or all where it has fewer: as many of each class as of another,
 * where there are so many, spread evenly over it, in turns, so that the first ones are of all
 * classes. The same set gives the same ones. Clear *kept.
 */
gboolean keep_pictures (const CowDataset *dataset, CowSplit split, guint n,
                        const CowPreprocess *preprocess, CkDevice *device, CowKeptPictures *kept,
                        GError **error);

#endif
