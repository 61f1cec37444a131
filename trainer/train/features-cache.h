/* SPDX-License-Identifier: MIT */
/*
 * Features of the frozen recipe: what the base makes of every picture and of each of its augmented
 * copies, computed once and kept on disk under a key of all that they depend on: the model's files,
 * the pictures' files, preprocessing, augmentation, seed, precision. A run that was killed goes on
 * where it stood; a run with the same key starts at once.
 */
#ifndef COW_TRAINER_FEATURES_CACHE_H
#define COW_TRAINER_FEATURES_CACHE_H

#include "model/network/classifier.h"
#include "trainer/data/loader.h"

G_BEGIN_DECLS

typedef struct _CowFeaturesCache CowFeaturesCache;

typedef struct {
  const char *folder; /* where features are kept; NULL: the user's cache folder */
  const char *model;  /* located path */
  const char *device; /* that computes; as cow_device_open () takes it */
  const CowDataset *dataset;
  CowSplit split;
  guint copies; /* of each picture: 1 as it is, more augmented */
  guint64 seed;
  CowPreprocess preprocess;
  CowAugment augment;
  CowPrecision precision; /* the recipe's */
  int batch, workers;
} CowFeaturesOptions;

/* The name of the files: SHA-256 in hexadecimal of all that the features of `items` (of
 * CowLoadItem) depend on. Free with g_free. */
char *features_key (const CowFeaturesOptions *options, const GArray *items, GError **error);
/* The checksum that row `row` [width] of the files has. */
guint64 features_row_sum (gsize row, const float *values, gint64 width);
/*
 * Opens the features of a split, computing what is missing, with a line of progress. A file that is
 * damaged is computed again, and said.
 * G_IO_ERROR_CANCELLED, the work so far kept, when the user asks to stop.
 */
CowFeaturesCache *cow_features_cache_open (const CowFeaturesOptions *options, GError **error);
void cow_features_cache_free (CowFeaturesCache *self);
/* Floats of a row. */
gint64 cow_features_cache_width (const CowFeaturesCache *self);
/* Features of a copy of a sample of the split; [width] */
const float *cow_features_cache_row (const CowFeaturesCache *self, guint sample, guint copy);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowFeaturesCache, cow_features_cache_free)

G_END_DECLS

#endif
