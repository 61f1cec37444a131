/* SPDX-License-Identifier: MIT */
/*
 * A vision transformer in training: DINOv3 with trained adapters on frozen (NF4 or dense) weights,
 * or every weight trained from scratch, DINOv3's kind or timm's. Forward keeps what backward needs;
 * with checkpointing only each layer's input, the rest is computed again.
 */
#ifndef COW_VIT_TRAIN_H
#define COW_VIT_TRAIN_H

#include "model/adapter/adapter.h"
#include "model/training/parameters.h"

G_BEGIN_DECLS

typedef struct _CowVitTrain CowVitTrain;

typedef struct {
  gboolean checkpointing; /* recompute each layer in the backward pass: activations of one layer
                             instead of all */
  float adapter_dropout;  /* on the input of lora_A, in training only */
} CowVitTrainOptions;

/*
 * Adapters on the network of a checkpoint, which must stay open; `adapter` gives ranks and initial
 * values and must outlive the call of cow_vit_train_start (). Registers its tensors with
 * `parameters`.
 */
CowVitTrain *cow_vit_train_new_adapted (CowParameters *parameters, const CowVitConfig *config,
                                        const CowCheckpoint *checkpoint, const CowAdapter *adapter,
                                        const CowVitTrainOptions *options, GError **error);
/* A network whose every weight trains. Registers them under Hugging Face's names, timm's where
 * config->timm. */
CowVitTrain *cow_vit_train_new_scratch (CowParameters *parameters, const CowVitConfig *config,
                                        const CowVitTrainOptions *options, GError **error);
void cow_vit_train_free (CowVitTrain *self);

/* After cow_parameters_allocate (): initial values of adapters, from `adapter` (a `fresh` DoRA's
 * magnitudes from the weights). */
gboolean cow_vit_train_start (CowVitTrain *self, const CowAdapter *adapter, gboolean fresh,
                              GError **error);
/* A scratch network's initial values, as transformers' DINOv3 and timm have them: normal of .02,
 * ones, zeroes, layer scale 1. */
gboolean cow_vit_train_initialise (CowVitTrain *self, guint64 seed, GError **error);
/* Writes a scratch network as model.safetensors with config.json: Hugging Face's names, or timm's.
 */
gboolean cow_vit_train_write (const CowVitTrain *self, const char *folder, GError **error);
/* After each change of the parameters. */
gboolean cow_vit_train_refresh (CowVitTrain *self, GError **error);
/* After the last backward of an optimiser step. */
gboolean cow_vit_train_finish (CowVitTrain *self, GError **error);
/* Copies trained adapters to `adapter` (same ranks). */
gboolean cow_vit_train_read (const CowVitTrain *self, CowAdapter *adapter, GError **error);

/*
 * pixels [batch, 3, height, width] in device memory -> the class token after the final norm [batch,
 * hidden], device memory of the network's, valid until the next forward. `key` seeds this pass's
 * random numbers and `training` turns them on (adapter dropout, random scale of positions).
 */
const float *cow_vit_train_forward (CowVitTrain *self, const float *pixels, int batch, int height,
                                    int width, gboolean training, guint64 key, GError **error);
/* Adds the gradients of all parameters, given those of the features [batch, hidden]; once for the
 * last forward. */
gboolean cow_vit_train_backward (CowVitTrain *self, const float *dfeatures, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowVitTrain, cow_vit_train_free)

G_END_DECLS

#endif
