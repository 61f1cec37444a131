/* SPDX-License-Identifier: MIT */
/* The head that classifies: linear layers, then softmax, or where pictures have several labels
 * sigmoid, at the card's temperature. Its results are COW_RESULT_LOGITS and
 * COW_RESULT_PROBABILITIES, [n_classes] each. */
#ifndef COW_HEAD_CLASSIFIER_H
#define COW_HEAD_CLASSIFIER_H

#include "model/adapter/head-weights.h"
#include "model/network/head.h"

G_BEGIN_DECLS

extern const CowHeadClass cow_head_classifier_class;

/* The same of weights, which are taken, without a card: its probabilities are sigmoids. NULL on
 * error. */
CowHead *cow_head_classifier_new (CkStream *stream, CowHeadWeights *weights, GError **error);

G_END_DECLS

#endif
