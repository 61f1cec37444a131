/* SPDX-License-Identifier: MIT */
/* What a network answers of pictures, one at a time, and how far another one's answers are from
 * that. */
#ifndef COW_PRECISION_ANSWERS_H
#define COW_PRECISION_ANSWERS_H

#include "model/network/classifier.h"

G_BEGIN_DECLS

typedef struct {
  const float *pixels; /* [n, 3, height, width], prepared as the classifier's are; borrowed */
  guint n;
  gsize n_features;
  guint n_classes; /* 0 without a head */
  float *features; /* [n, n_features] */
  float *logits;   /* [n, n_classes] */
  /* Where a picture has any number of labels, else NULL: [n_classes] from which probability on, and
   * [n, n_classes] which it has. */
  float *thresholds;
  guint8 *shown;
} CowAnswers;

/* Room for the answers of n pictures, which are still to be taken; to be cleared also on error. */
gboolean cow_answers_init (CowAnswers *self, const CowClassifier *classifier, const float *pixels,
                           guint n, GError **error);
void cow_answers_clear (CowAnswers *self);
/* Computes picture i. */
gboolean cow_answers_run (const CowAnswers *self, CowClassifier *classifier, guint i,
                          CowOutput *output, GError **error);
/* Copies what was computed of picture i; FALSE where a number of it is not finite. */
gboolean cow_answers_take (CowAnswers *self, guint i, const CowOutput *output);

typedef struct {
  double cosine; /* of the features; NAN where a number is not finite */
  double error;  /* of the logits, or without a head of the features: the squared distance as a
                          share of the squared length; INFINITY where a number is not finite */
  gboolean same_label; /* all of several labels; TRUE without a head */
} CowDifference;

/* How far an output of picture i is from what was taken. */
CowDifference cow_answers_compare (const CowAnswers *self, guint i, const CowOutput *output);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (CowAnswers, cow_answers_clear)

G_END_DECLS

#endif
