/* SPDX-License-Identifier: MIT */
/* The classifier head in training. */
#ifndef COW_HEAD_TRAIN_H
#define COW_HEAD_TRAIN_H

#include "model/adapter/head-weights.h"
#include "model/training/parameters.h"

G_BEGIN_DECLS

typedef struct _CowHeadTrain CowHeadTrain;

/*
 * With `like`, layers of that head's widths (it has `features` inputs and n_classes outputs) in the
 * style that its norm tells. Registers its tensors under the numbers of torch.nn.Sequential.
 */
CowHeadTrain *cow_head_train_new (CowParameters *parameters, gint64 features, guint n_classes,
                                  CowHeadStyle style, float dropout, const CowHeadWeights *like);
void cow_head_train_free (CowHeadTrain *self);
/* After cow_parameters_allocate (): values of `head`, or where NULL Kaiming's normal by fan-out
 * (COW_HEAD_TAPERED; else torch's defaults) from `seed`. */
gboolean cow_head_train_start (CowHeadTrain *self, const CowHeadWeights *head, guint64 seed,
                               GError **error);
/* x [batch, features] -> logits [batch, classes], both device memory; the result is the head's. x
 * must stay until the backward. */
const float *cow_head_train_forward (CowHeadTrain *self, const float *x, int batch,
                                     gboolean training, guint64 key, GError **error);
/* Adds the parameters' gradients; with want_dx, *dx is that of the features [batch, features],
 * memory of the head's. */
gboolean cow_head_train_backward (CowHeadTrain *self, const float *dlogits, gboolean want_dx,
                                  const float **dx, GError **error);
/* Writes classifier.safetensors. */
gboolean cow_head_train_write (const CowHeadTrain *self, const char *folder, GError **error);
/* Writes COW_IDENTITY_FILE: all but the last layer. */
gboolean cow_head_train_write_identity (const CowHeadTrain *self, const char *folder,
                                        GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowHeadTrain, cow_head_train_free)

G_END_DECLS

#endif
