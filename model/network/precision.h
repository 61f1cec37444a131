/* SPDX-License-Identifier: MIT */
/* The numbers that linear layers compute in, by the names that users type. */
#ifndef COW_PRECISION_H
#define COW_PRECISION_H

#include "model/files/error.h"

G_BEGIN_DECLS

typedef enum {
  COW_PRECISION_AUTO, /* the fastest that was measured to keep the answers: precision-choice.h */
  COW_PRECISION_FP32,
  /* Linear layers multiply whole numbers of 16 or 8 bits, with a scale for each 64 elements of
   * weights and activations; everything else is fp32. */
  COW_PRECISION_INT16,
  COW_PRECISION_INT8,
  COW_PRECISION_LAST = COW_PRECISION_INT8
} CowPrecision;

/* "auto" | "fp32" | "int16" | "int8" */
const char *cow_precision_name (CowPrecision precision);
/* The names of all precisions, "auto" first, ended by NULL; static. */
const char *const *cow_precision_names (void);
/* COW_ERROR_ARGUMENT names the precisions that there are. NULL is auto. */
gboolean cow_precision_parse (const char *name, CowPrecision *precision, GError **error);
/* The next finer precision; fp32's is fp32. */
CowPrecision cow_precision_finer (CowPrecision precision);
/* "int8", or mixed with the next finer one "int8+int16"; static. */
const char *cow_precision_label (CowPrecision precision, gboolean mixed);
/*
 * "int8", and where some of n_linear layers compute in the next finer precision (their names;
 * NULL: none do) "int8, with 3 of 72 layers in int16: layer.11.mlp.down_proj, ...", which names
 * few. Free with g_free.
 */
char *cow_precision_text (CowPrecision precision, const char *const *raised, guint n_linear);

G_END_DECLS

#endif
