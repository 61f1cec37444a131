/* SPDX-License-Identifier: MIT */
/* Whether two networks say the same of the same pictures: what a merged or quantised model has to
 * be asked before it is trusted. */
#ifndef COW_TRAINER_COMPARE_H
#define COW_TRAINER_COMPARE_H

#include "model/network/classifier.h"

G_BEGIN_DECLS

/* Pictures to compare on, ready for the network. */
typedef struct {
  guint n;
  CowPreprocess preprocess;
  float *pixels; /* [n, 3, height, width] */
} ComparePictures;

/* Reads and prepares these files; they must all be readable. */
gboolean compare_pictures_read (ComparePictures *self, const GPtrArray *paths,
                                const CowPreprocess *preprocess, CkDevice *device, GError **error);
/* n made-up pictures: coloured blobs, the same each time. */
gboolean compare_pictures_make (ComparePictures *self, guint n, const CowPreprocess *preprocess,
                                CkDevice *device, GError **error);
void compare_pictures_clear (ComparePictures *self);

/* One network's answers for each picture: its logits, or without a head its features. */
typedef struct {
  guint n, width;
  gboolean is_head;
  float *values; /* [n, width] */
  guint8 *shown; /* [n, width] which labels a picture has, where it may have several; else NULL */
} CompareAnswers;

gboolean compare_answers_get (CompareAnswers *self, CowClassifier *classifier,
                              const ComparePictures *pictures, int batch, GError **error);
void compare_answers_clear (CompareAnswers *self);

typedef struct {
  double most;   /* the largest difference of a value */
  double spread; /* the standard deviation of the first's values, to judge that by */
  guint changed; /* pictures whose label differs; 0 without a head */
} CompareResult;

/* COW_ERROR_MISMATCH when they are not of one shape. */
gboolean compare_answers (const CompareAnswers *a, const CompareAnswers *b, CompareResult *result,
                          GError **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (ComparePictures, compare_pictures_clear)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (CompareAnswers, compare_answers_clear)

G_END_DECLS

#endif
