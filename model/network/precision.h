/* SPDX-License-Identifier: MIT */
/* The numbers that linear layers compute in, by the names that users type. */
#ifndef COW_PRECISION_H
#define COW_PRECISION_H

#include "model/files/error.h"

G_BEGIN_DECLS

/* Each is less exact than those before it. */
typedef enum {
  COW_PRECISION_AUTO, /* the fastest that was measured to keep the answers: precision-choice.h */
  COW_PRECISION_FP32,
  /* Linear layers and attention multiply whole numbers of 16 bits, with a scale for each 64
   * elements of weights and activations; everything else is fp32. */
  COW_PRECISION_INT16,
  /* The same with both factors rounded to fp16 or bf16, and sums in fp32: on GPUs. */
  COW_PRECISION_FP16,
  COW_PRECISION_BF16,
  COW_PRECISION_INT8, /* as INT16, with whole numbers of 8 bits; attention on GPUs is FP16's */
  COW_PRECISION_LAST = COW_PRECISION_INT8
} CowPrecision;

/* "auto" | "fp32" | "int16" | "fp16" | "bf16" | "int8" */
const char *cow_precision_name (CowPrecision precision);
/* The names of all precisions, "auto" first, ended by NULL; static. */
const char *const *cow_precision_names (void);
/* COW_ERROR_ARGUMENT names the precisions that there are. NULL is auto. */
gboolean cow_precision_parse (const char *name, CowPrecision *precision, GError **error);
/* "int8", or with some layers in a finer one "int8+int16"; static. */
const char *cow_precision_label (CowPrecision precision, CowPrecision finer, gboolean mixed);
/*
 * "int8", and where some of n_linear layers compute in `finer` (their names; NULL: none do) "int8,
 * with 3 of 72 layers in int16: layer.11.mlp.down_proj, ...", which names few. Free with g_free.
 */
char *cow_precision_text (CowPrecision precision, CowPrecision finer, const char *const *raised,
                          guint n_linear);

G_END_DECLS

#endif
