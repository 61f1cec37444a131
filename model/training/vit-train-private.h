/* SPDX-License-Identifier: MIT */
/* Shared by vit-train.c (what trains), vit-train-pass.c (forward and backward). */
#ifndef COW_VIT_TRAIN_PRIVATE_H
#define COW_VIT_TRAIN_PRIVATE_H

#include "model/network/rope.h"
#include "model/training/train-linear.h"
#include "model/training/vit-train.h"

G_BEGIN_DECLS

/* A vector [hidden] that is either frozen (owned device memory) or a parameter. */
typedef struct {
  float *value;
  int parameter; /* -1: frozen */
} CowTrainVector;

typedef struct {
  CowTrainVector weight, bias;
} CowTrainNorm;

typedef struct {
  CowTrainNorm norm1, norm2;
  CowTrainVector scale1, scale2; /* value NULL where the network has no layer scale */
  CowTrainLinear module[COW_N_MODULES];
} CowTrainLayer;

/* What a layer's backward needs, [rows, hidden] unless said otherwise; device memory. */
typedef struct {
  float *n1, *q, *k, *v, *attended, *o;
  float *middle; /* the residual stream between attention and MLP */
  float *n2, *down;
  float *up, *gate, *act; /* [rows, intermediate]; gate only in a gated MLP */
} CowTrainActs;

struct _CowVitTrain {
  CkBackend *backend;
  CowParameters *parameters;
  CowVitConfig config;
  CowVitTrainOptions options;
  gboolean scratch;
  guint first_parameter, n_parameters; /* a scratch network's tensors among the parameters */

  CowTrainLinear patches;
  CowTrainVector prefix;   /* [1 + registers, hidden] */
  CowTrainVector position; /* [tokens, hidden] for timm's, else value NULL */
  CowTrainLayer *layers;
  CowTrainNorm norm;
  int first_trained; /* no gradient is needed below this layer */

  /* The pass */
  gint64 batch, tokens; /* of the pass */
  gint64 most_batch,
      most_rows; /* that the buffers below have room for: pictures, and tokens of all */
  int height, width;
  gboolean training;
  guint64 key;
  const float *pixels;
  CowRope rope;
  float **inputs;     /* [n_layers + 1]: the residual stream before each layer and after the last */
  CowTrainActs *acts; /* [n_layers], or one with checkpointing */
  float *class_tokens;                            /* [batch, hidden] before the final norm */
  float *features;                                /* [batch, hidden] */
  float *dx, *dhidden, *dattended, *dq, *dk, *dv; /* [rows, hidden] */
  float *dinner[2];                               /* [rows, intermediate] */
  float *dclass;                                  /* [batch, hidden] */
};

/* Makes all buffers fit a batch. */
gboolean cow_vit_train_ensure_buffers (CowVitTrain *self, gint64 batch, gint64 tokens,
                                       GError **error);
void cow_vit_train_clear_buffers (CowVitTrain *self);

G_END_DECLS

#endif
