/* SPDX-License-Identifier: MIT */
/* Shared by vit-train.c (which tensors train), vit-train-pass.c (forward and backward) and
 * vit-train-file.c (first values and the written folder). */
#ifndef COW_VIT_TRAIN_PRIVATE_H
#define COW_VIT_TRAIN_PRIVATE_H

#include "model/network/vit-parts.h"
#include "model/training/train-linear.h"
#include "model/training/vit-train.h"

G_BEGIN_DECLS

/* The parameters that hold the tensors of CowVitVectors; -1: frozen, or none. */
typedef struct {
  int prefix, positions, norm_weight, norm_bias;
  int (*layers)[COW_N_VECTORS]; /* [n_layers] */
} CowVitIndices;

/* The values that a layer's backward needs, [rows, hidden] unless said otherwise; device memory. */
typedef struct {
  float *n1, *q, *k, *v, *attended, *o;
  float *middle; /* the residual stream between attention and MLP */
  float *n2;
  float *up, *gate, *act; /* [rows, intermediate]; gate only in a gated MLP */
} CowTrainActs;

/* What the dropout of an adapter's input leaves to the rest of a step (CkAdapter); NULL without, or
 * where the device keeps nothing. */
typedef struct {
  guint8 *mask;
  float *low;
} CowTrainKept;

typedef struct {
  CowTrainedBackbone parent;
  CowTrainedOptions options;
  gboolean scratch;                    /* every weight trains */
  guint first_parameter, n_parameters; /* a scratch network's tensors among the parameters, in the
                                          order of its layout */

  CowTrainLinear patches;
  CowVitVectors vectors; /* owned where frozen, else in the parameters */
  CowVitIndices indices;
  CowTrainLinear (*layers)[COW_N_MODULES]; /* [n_layers] */
  int first_trained;                       /* no gradient is needed below this layer */

  /* The pass */
  gint64 batch, tokens;
  gint64 most_batch, most_rows; /* pictures, and tokens of all, that the buffers have room for */
  int height, width;
  gboolean training;
  guint64 key;
  guint64 *keys; /* device [n_layers, COW_N_MODULES]: of each adapter's dropout; NULL before the
                    first pass that needs them */
  const float *pixels;
  CowRope rope;
  float **inputs;     /* [n_layers + 1]: the residual stream before each layer and after the last */
  CowTrainActs *acts; /* [n_layers], or one with checkpointing */
  float **down; /* [n_layers]: what a layer's last product gave, [rows, hidden], kept where its
                   backward reads it; the other layers share one: */
  float *shared_down;
  CowTrainKept (*kept)[COW_N_MODULES];            /* [n_layers] */
  float *class_tokens, *features, *dclass;        /* [batch, hidden]; before the last norm, after */
  float *dx, *dhidden, *dattended, *dq, *dk, *dv; /* [rows, hidden] */
  float *dinner, *dgate;                          /* [rows, intermediate] */
} CowVitTrain;

/* vit-train-pass.c */
const float *cow_vit_train_forward (CowTrainedBackbone *self, const float *pixels, int batch,
                                    int height, int width, gboolean training, guint64 key,
                                    GError **error);
gboolean cow_vit_train_backward (CowTrainedBackbone *self, const float *dfeatures, GError **error);
gboolean cow_vit_train_tokens (CowTrainedBackbone *self, const float *pixels, int batch, int height,
                               int width, gboolean training, guint64 key, const int *layers,
                               guint n, float *const *out, GError **error);
gboolean cow_vit_train_tokens_backward (CowTrainedBackbone *self, const int *layers, guint n,
                                        const float *const *dtokens, GError **error);
gsize cow_vit_train_activation_bytes (const CowBackboneConfig *config, const CowTrainedParts *parts,
                                      int batch, int height, int width, gboolean checkpointing);
void cow_vit_train_clear_buffers (CowVitTrain *self);

/* vit-train-file.c: the first values of a scratch network as transformers' DINOv3 and timm have
 * them (normal of .02, ones, zeroes, layer scale 1), and its folder: model.safetensors and
 * config.json. */
gboolean cow_vit_train_initialise (CowVitTrain *self, guint64 seed, GError **error);
gboolean cow_vit_train_write (const CowVitTrain *self, const char *folder, GError **error);

G_END_DECLS

#endif
