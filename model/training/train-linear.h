/* SPDX-License-Identifier: MIT */
/*
 * A linear layer in training: a frozen weight with a trained adapter, or a weight and bias that are
 * trained themselves. Parameters live in a CowParameters; the layer computes straight from there.
 */
#ifndef COW_TRAIN_LINEAR_H
#define COW_TRAIN_LINEAR_H

#include "model/network/device.h"
#include "model/network/linear.h"
#include "model/training/parameters.h"

G_BEGIN_DECLS

typedef struct {
  CowLinear base; /* weight and bias; its adapter points into the parameters */
  CowParameters *parameters;
  /* Indices of trained tensors, -1 for none */
  int weight, bias, a, b, magnitude;
  gsize weight_offset,
      bias_offset; /* floats into those tensors: timm's fused qkv is one tensor for three layers */
  /* DoRA, host memory [out]: |W|^2 by row, the norms of this step, and the gain that goes to `gain`
   * [out] on the device */
  double *squares, *norms;
  float *gain_host, *gain;
  /* An adapter of which a part is fixed: what is computed with, of the trained and the fixed
   * together, and its gradients; device memory [rank, in] and [out, rank]. NULL: what trains is
   * computed with as it lies. */
  gint64 fixed;
  float *down, *up, *down_gradient, *up_gradient;
  CowPrecision precision; /* of products with the weight */
} CowTrainLinear;

/* A frozen weight of a checkpoint, used as `more` says (a precision's uses, CK_USE_STREAMED)
 * forward and backward; adapter tensors are registered under PEFT's names when lora is not NULL. */
gboolean cow_train_linear_init_adapted (CowTrainLinear *self, CowParameters *parameters,
                                        const CowCheckpoint *checkpoint, const char *name,
                                        gint64 out, gint64 in, gboolean has_bias,
                                        const CowLora *lora, CkWeightUses more, GError **error);
/* A trained weight (parameter `weight`, from float weight_offset on) and bias (or -1); products
 * with the weight, and for its gradient, are made in `precision`. */
void cow_train_linear_init_dense (CowTrainLinear *self, CowParameters *parameters, gint64 out,
                                  gint64 in, int weight, gsize weight_offset, int bias,
                                  gsize bias_offset, CowPrecision precision);
/*
 * After cow_parameters_allocate (): takes the values of `lora` and makes the layer ready. A `fresh`
 * adapter's magnitude starts as the norms of the weight's rows instead. Dense layers take no lora;
 * their values are the caller's to set.
 */
gboolean cow_train_linear_attach (CowTrainLinear *self, const CowLora *lora, gboolean fresh,
                                  GError **error);
/* After each optimiser step: DoRA's norms and gains, and what is computed with. */
gboolean cow_train_linear_refresh (CowTrainLinear *self, GError **error);
/* Before each optimiser step: what was summed for the gain becomes the gradient of the magnitude.
 */
gboolean cow_train_linear_finish (CowTrainLinear *self, GError **error);
/* Copies the trained adapter to `lora`, whose fixed part stays. */
gboolean cow_train_linear_read (const CowTrainLinear *self, CowLora *lora, GError **error);
void cow_train_linear_clear (CowTrainLinear *self);

/* Dropout of an adapter's input in one pass, as CkAdapter has it; the pointers are device memory.
 * All 0 for none. */
typedef struct {
  float p;
  const guint64 *key;
  guint8 *mask;  /* [rows, ck_mask_bytes (in)] */
  float *low;    /* [rows, rank] */
  gboolean kept; /* the forward has been there: this one repeats it */
} CowTrainDropout;

/* y = the layer of x. `dropout` may be NULL where there is no adapter. */
CkStatus cow_train_linear_forward (const CowTrainLinear *self, gint64 rows, const float *x,
                                   const CowTrainDropout *dropout, float *y);
CkStatus cow_train_linear_backward (const CowTrainLinear *self, gint64 rows, const float *x,
                                    const float *y, const float *dy, const CowTrainDropout *dropout,
                                    float *dx, gboolean add_dx);

G_END_DECLS

#endif
