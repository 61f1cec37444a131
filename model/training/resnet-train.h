/* SPDX-License-Identifier: MIT */
/*
 * ResNet-18 trained from scratch, up to its pooled features. Its buffer holds the running means and
 * variances, unit by unit, and the number of batches that they saw. In training the statistics are
 * the batch's, and the running ones move.
 */
#ifndef COW_RESNET_TRAIN_H
#define COW_RESNET_TRAIN_H

#include "model/training/trained-backbone.h"

G_BEGIN_DECLS

extern const CowTrainedClass cow_resnet_train_class;

G_END_DECLS

#endif
