/* SPDX-License-Identifier: MIT */
/* ResNet-18 trained from scratch, up to its pooled features; the head is head-train.h's. */
#ifndef COW_RESNET_TRAIN_H
#define COW_RESNET_TRAIN_H

#include "model/training/parameters.h"
#include "model/network/resnet.h"

G_BEGIN_DECLS

typedef struct _CowResnetTrain CowResnetTrain;

/* Registers its tensors under torchvision's names. */
CowResnetTrain *cow_resnet_train_new (CowParameters *parameters);
void cow_resnet_train_free (CowResnetTrain *self);
/* After cow_parameters_allocate (): torchvision's first values (convolutions normal by fan-out,
 * norms 1 and 0). */
gboolean cow_resnet_train_initialise (CowResnetTrain *self, guint64 seed, GError **error);

/*
 * The running means and variances, unit by unit, and the number of batches that they saw: state
 * that is no parameter. A host copy that the caller may read and write; what was written counts
 * after cow_resnet_train_refresh (). NULL on error.
 */
float *cow_resnet_train_running (CowResnetTrain *self, gsize *count, GError **error);
gboolean cow_resnet_train_refresh (CowResnetTrain *self, GError **error);

/* pixels [batch, 3, height, width] -> features [batch, COW_RESNET_FEATURES], both device memory;
 * the result is the network's until the next forward. In training the statistics are the batch's,
 * and the running ones move. */
const float *cow_resnet_train_forward (CowResnetTrain *self, const float *pixels, int batch,
                                       int height, int width, gboolean training, GError **error);
/* Adds the gradients of all parameters; once, after a forward in training. */
gboolean cow_resnet_train_backward (CowResnetTrain *self, const float *dfeatures, GError **error);
/* Writes model.safetensors (torchvision's names, the running statistics with them) and config.json.
 */
gboolean cow_resnet_train_write (CowResnetTrain *self, const char *folder, GError **error);
/* Bytes of the arrays that a pass of this batch needs. */
gsize cow_resnet_train_activation_bytes (int batch, int height, int width);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowResnetTrain, cow_resnet_train_free)

G_END_DECLS

#endif
