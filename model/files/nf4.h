/* SPDX-License-Identifier: MIT */
/*
 * bitsandbytes' NF4 with and without double quantisation: quantising a matrix as bitsandbytes does,
 * and finding one in a checkpoint. Dequantising itself is the kernels'
 * (CkOperations.weight_dequantise). Formulas: bitsandbytes functional.py, QLoRA (Dettmers et al.,
 * 2023).
 */
#ifndef COW_NF4_H
#define COW_NF4_H

#include "kernels/kernels.h"
#include "model/files/checkpoint.h"

G_BEGIN_DECLS

#define COW_NF4_BLOCK        64  /* elements that share an absmax */
#define COW_NF4_NESTED_BLOCK 256 /* absmax values that share a second absmax */

extern const float cow_nf4_code[16];

/* A matrix quantised in memory. */
typedef struct {
  gint64 out, in;
  guint8 *codes; /* [ceil (out * in / 2)] */
  gsize n_codes;
  guint8 *absmax;       /* [n_blocks] codes of nested_map */
  float *nested_absmax; /* [n_nested] */
  gsize n_blocks, n_nested;
  float nested_map[256];
  float nested_offset;
} CowNf4;

/* The sizes that a quantised [out, in] has; out * in fits a gint64. */
void cow_nf4_sizes (gint64 out, gint64 in, gsize *n_codes, gsize *n_blocks, gsize *n_nested);
/* Quantises weight [out, in], fp32 and finite. Free with cow_nf4_clear, also after
 * COW_ERROR_MEMORY. */
gboolean cow_nf4_quantise (const float *weight, gint64 out, gint64 in, CowNf4 *nf4, GError **error);
void cow_nf4_clear (CowNf4 *nf4);
/* The bytes of X.weight.quant_state.bitsandbytes__nf4; `dtype` is that of the weight before
 * ("float32", "bfloat16", "float16"). */
char *cow_nf4_state_json (const CowNf4 *nf4, const char *dtype);

/*
 * Finds NAME ("layer.0.attention.q_proj.weight") in a checkpoint, dense or NF4, and describes it
 * for ck_weight_new (). For NF4, *absmax is the restored fp32 array that source->host_absmax
 * points to, the caller's to g_free after the weight; else NULL. Every size is checked against
 * [out, in]; NaN and infinities are refused. COW_ERROR_NOT_FOUND, _MISMATCH, _FORMAT, _UNSUPPORTED
 * (fp4, int8,
 * ...).
 */
gboolean cow_weight_find (const CowCheckpoint *checkpoint, const char *name, gint64 out, gint64 in,
                          CkWeightSource *source, float **absmax, GError **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (CowNf4, cow_nf4_clear)

G_END_DECLS

#endif
