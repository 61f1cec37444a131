/* SPDX-License-Identifier: MIT */
/* One linear layer of a network on a stream: weight, bias and adapter, ready to compute. */
#ifndef COW_LINEAR_H
#define COW_LINEAR_H

#include "model/adapter/adapter.h"
#include "model/files/error.h"

G_BEGIN_DECLS

typedef struct {
  CkStream *stream; /* borrowed */
  gint64 out, in;
  CkWeightSource source; /* what the weight was made from */
  CkWeight *weight;
  float *absmax; /* what an NF4 weight points at; host memory */
  float *bias;   /* [out], device memory, or NULL */
  gboolean adapted;
  CkAdapter adapter; /* its arrays are in device memory and owned */
} CowLinear;

/*
 * Takes NAME.weight [out, in] and, with has_bias, NAME.bias from a checkpoint, which must stay
 * open. `lora` may be NULL; it is copied, and DoRA's gain (magnitude / row norm) is computed here,
 * by the Gram form of the norm, so that inference costs what LoRA costs. more: one of
 * CK_USE_PRODUCTS, and CK_USE_BACKWARD where gradients pass through; 0 for neither. On failure self
 * is cleared.
 */
gboolean cow_linear_init (CowLinear *self, CkStream *stream, const CowCheckpoint *checkpoint,
                          const char *name, gint64 out, gint64 in, gboolean has_bias,
                          const CowLora *lora, CkWeightUses more, GError **error);
/* The same without the bias, whether the checkpoint has one or not: for what is done with the
 * weight alone. */
gboolean cow_linear_init_weight (CowLinear *self, CkStream *stream, const CowCheckpoint *checkpoint,
                                 const char *name, gint64 out, gint64 in, const CowLora *lora,
                                 GError **error);
/* The bias alone, device memory that the caller frees: NULL without an error where has_bias is
 * FALSE and the checkpoint has none either. */
gboolean cow_linear_bias (CkStream *stream, const CowCheckpoint *checkpoint, const char *name,
                          gint64 out, gboolean has_bias, float **bias, GError **error);
void cow_linear_clear (CowLinear *self);
/* Makes the weight again for other products; all else stays, and on failure all of it. The
 * checkpoint and the name are those that it was initialised with. */
gboolean cow_linear_set_products (CowLinear *self, const CowCheckpoint *checkpoint,
                                  const char *name, CkWeightUses products, GError **error);

/* Copies a vector of a checkpoint, checked to be [n] (or [1, .., 1, n]) and finite, to device
 * memory; NULL on error. */
float *cow_vector_upload (CkStream *stream, const CowCheckpoint *checkpoint, const char *name,
                          gint64 n, GError **error);

/* gain * (W + scale B A), or W without an adapter, to out [out, in] in host memory. */
gboolean cow_linear_merged (const CowLinear *self, float *out, GError **error);

G_END_DECLS

#endif
