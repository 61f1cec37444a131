/* SPDX-License-Identifier: MIT */
/*
 * ResNet-18 (He et al., 2016) as torchvision builds it, up to its pooled features: names, shapes
 * and the forward pass, which inference (cow_resnet_class) and training (resnet-train.h) share.
 * Everything between its first and last step lies channels last.
 */
#ifndef COW_RESNET_H
#define COW_RESNET_H

#include "kernels/training.h"
#include "model/network/backbone.h"

G_BEGIN_DECLS

#define COW_RESNET_FEATURES 512 /* width of the pooled features */
#define COW_RESNET_N_UNITS  20
#define COW_RESNET_N_NORM   4 /* tensors of a batch norm: weight, bias, running_mean, running_var */
#define COW_RESNET_MIN_SIDE 32
#define COW_RESNET_EPSILON  1e-5f
#define COW_RESNET_TYPE     "torchvision_resnet18" /* model_type in config.json */

/* A convolution, its batch norm, what is added to it, and its activation. */
typedef struct {
  const char *convolution, *norm; /* torchvision's names */
  int in, out, kernel, stride, padding;
  int from;     /* the unit whose output it reads: -1 the pixels, 0 the first unit's after the max
                   pooling */
  int residual; /* the unit whose output is added before the activation, -1 for none */
  gboolean relu;
} CowResnetUnit;

/* In the order in which they are computed. */
extern const CowResnetUnit cow_resnet_units[COW_RESNET_N_UNITS];
/* "weight", "bias", "running_mean", "running_var" */
extern const char *const cow_resnet_norm_names[COW_RESNET_N_NORM];

/* Device memory of a unit's weights. */
typedef struct {
  float *kernel;                     /* [out, in, kernel, kernel] */
  float *weight, *bias;              /* [out] */
  float *mean, *variance;            /* [out], the running ones */
  float *saved_mean, *saved_inverse; /* [out], written in training; else NULL */
} CowResnetValues;

/* Where the values on the way lie, device memory; inference lets units that never meet share it. */
typedef struct {
  float *input;                         /* [batch, height, width, 3] */
  float *convolved[COW_RESNET_N_UNITS]; /* [batch, height, width, out] after the convolution */
  float *output[COW_RESNET_N_UNITS];    /* the same after norm, residual and activation */
  float *pooled;                        /* the first unit's output after the max pooling */
  uint8_t *places;                      /* as large as pooled */
  float *features;                      /* [batch, COW_RESNET_FEATURES] */
} CowResnetActs;

/* The sides and the convolutions of a pass. */
typedef struct {
  gint64 batch, height, width;
  CkConvolution unit[COW_RESNET_N_UNITS];
  gint64 area[COW_RESNET_N_UNITS]; /* height * width of each unit's output */
  gint64 pooled_area;              /* ... after the max pooling */
} CowResnetShape;

/* FALSE with an error for a batch or sides that the network can't take or memory can't hold. */
gboolean cow_resnet_shape (CowResnetShape *shape, int batch, int height, int width, GError **error);
/* Floats of a unit's output. */
gsize cow_resnet_unit_size (const CowResnetShape *shape, int unit);
/* What unit reads. */
float *cow_resnet_source (const CowResnetActs *acts, int unit);
/* The batch norm of a unit, ready for its kernel. */
CkBatchNorm cow_resnet_norm (const CowResnetShape *shape, const CowResnetActs *acts,
                             const CowResnetValues *values, int unit);
/* pixels [batch, 3, height, width], device memory, to acts->features. */
CkStatus cow_resnet_pass (CkStream *stream, const CowResnetShape *shape,
                          const CowResnetValues *values, const CowResnetActs *acts,
                          const float *pixels, bool training);

/* ---- inference ------------------------------------------------------------------------------- */

extern const CowBackboneClass cow_resnet_class;

/* Whether the sides suit it; COW_ERROR_ARGUMENT where not. */
gboolean cow_resnet_check_size (int width, int height, GError **error);
/* Trained parameters up to the features. */
gint64 cow_resnet_n_parameters (void);

G_END_DECLS

#endif
