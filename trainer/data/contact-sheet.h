/* SPDX-License-Identifier: MIT */
/* A picture of what the network will see: some pictures of each class, each as it is and augmented.
 */
#ifndef COW_TRAINER_CONTACT_SHEET_H
#define COW_TRAINER_CONTACT_SHEET_H

#include "trainer/data/frames.h"
#include "trainer/data/loader.h"

G_BEGIN_DECLS

/* Rows; a sheet is for looking at. */
#define COW_CONTACT_SHEET_MOST_CLASSES 64

typedef struct {
  const CowDataset *dataset;
  CowSplit split;
  CkDevice *device;
  CowPreprocess preprocess;
  CowAugment augment;
  guint per_class;         /* pictures of each class */
  guint columns;           /* so many of them beside each other; 0: all */
  guint copies;            /* augmented copies that follow each of them */
  guint64 seed;            /* chooses them */
  const CowFrames *frames; /* of whole frames, whose boxes are drawn; else NULL */
} CowContactSheet;

/* Writes a PNG with a row a class, of the first classes where there are more than rows; a row has
 * as many lines as its columns ask for. What is
 * drawn went through resizing and augmentation as in training, before it was normalised. */
gboolean cow_contact_sheet_write (const CowContactSheet *self, const char *path, GError **error);

G_END_DECLS

#endif
