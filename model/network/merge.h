/* SPDX-License-Identifier: MIT */
/*
 * An adapter made part of its base: a plain Hugging Face folder whose linear layers are gain * (W +
 * scale B A), with W dequantised where it was NF4 (merging into 4-bit weights would round the
 * adapter away). One tensor is in memory at a time.
 */
#ifndef COW_MERGE_H
#define COW_MERGE_H

#include "kernels/kernels.h"
#include "model/files/model-folder.h"

G_BEGIN_DECLS

typedef enum {
  COW_MERGE_F32,
  COW_MERGE_BF16, /* linear weights rounded to bfloat16 */
  COW_MERGE_NF4   /* linear weights quantised again: answers change */
} CowMergeStorage;

/* "fp32", "bf16", "nf4" */
const char *cow_merge_storage_name (CowMergeStorage storage);

typedef struct {
  const char *model, *adapter; /* located paths */
  const char *folder;          /* may exist, but not hold a model, adapter, head or card */
  CowMergeStorage storage;
  CowTensorProgress progress; /* or NULL */
  gpointer user_data;
} CowMergeOptions;

typedef struct {
  guint64 bytes;  /* of all tensors written */
  guint n_merged; /* linear layers that the adapter changed */
  guint n_plain,
      n_kept; /* linear layers without an adapter, and all else, which keeps values and type */
} CowMergeResult;

/*
 * Writes config.json and model.safetensors, and where the adapter has them its head and card. The
 * card's kind is "frozen", so that the folder is a model and its own adapter. An adapter folder
 * without LoRA or DoRA is COW_ERROR_ARGUMENT. Nothing is left behind by a failure.
 */
gboolean cow_merge (CkStream *stream, const CowMergeOptions *options, CowMergeResult *result,
                    GError **error);

G_END_DECLS

#endif
