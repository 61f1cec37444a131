/* SPDX-License-Identifier: MIT */
/* The head that classifies: linear layers, then softmax, or where pictures have several labels
 * sigmoid, at the card's temperature. Its results are COW_RESULT_LOGITS and
 * COW_RESULT_PROBABILITIES, [n_classes] each. */
#ifndef COW_HEAD_CLASSIFIER_H
#define COW_HEAD_CLASSIFIER_H

#include "model/network/head.h"

G_BEGIN_DECLS

extern const CowHeadClass cow_head_classifier_class;

G_END_DECLS

#endif
