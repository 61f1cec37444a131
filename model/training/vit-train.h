/* SPDX-License-Identifier: MIT */
/*
 * A vision transformer in training: trained adapters on frozen (NF4 or dense) weights, or every
 * weight trained from scratch. Forward keeps what backward needs; with checkpointing only each
 * layer's input and, where magnitudes or layer scales train, its last product. The rest is computed
 * again.
 */
#ifndef COW_VIT_TRAIN_H
#define COW_VIT_TRAIN_H

#include "model/training/trained-backbone.h"

G_BEGIN_DECLS

extern const CowTrainedClass cow_vit_train_class;

G_END_DECLS

#endif
