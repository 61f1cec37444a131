/* SPDX-License-Identifier: MIT */
/* A checkpoint of any kind in, a bitsandbytes NF4 folder out, one tensor in memory at a time. */
#ifndef COW_QUANTISE_H
#define COW_QUANTISE_H

#include "model/files/model-folder.h"

G_BEGIN_DECLS

typedef struct {
  guint64 bytes_in, bytes_out;
  guint n_quantised, n_kept;
} CowQuantiseResult;

/*
 * Reads the checkpoint at `path` and writes `folder`/config.json and model.safetensors. `folder`
 * may exist but may not hold a model already. Linear layers inside layer.N become NF4; all else
 * keeps its values and type. COW_ERROR_* as the readers; a checkpoint that is quantised already is
 * COW_ERROR_UNSUPPORTED.
 */
gboolean cow_quantise (const char *path, const char *folder, CowTensorProgress progress,
                       gpointer user_data, CowQuantiseResult *result, GError **error);

/* As cow_quantise (), to a folder that is there, for those who add files of their own before it is
 * finished. What was written before a failure stays. */
gboolean cow_quantise_into (const char *path, const char *folder, CowTensorProgress progress,
                            gpointer user_data, CowQuantiseResult *result, GError **error);

G_END_DECLS

#endif
