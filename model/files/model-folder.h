/* SPDX-License-Identifier: MIT */
/* What those share that write a model folder from a checkpoint (quantise.h, merge.h). */
#ifndef COW_MODEL_FOLDER_H
#define COW_MODEL_FOLDER_H

#include "model/files/folder-writer.h"
#include "model/files/vit-config.h"

G_BEGIN_DECLS

/* Called after each tensor with bytes read so far of all; return FALSE to stop (COW_ERROR_IO
 * "cancelled", nothing left behind). */
typedef gboolean (*CowTensorProgress) (const char *tensor, guint64 done_bytes, guint64 total_bytes,
                                       gpointer user_data);

/*
 * Begins a folder for a new model. COW_ERROR_ARGUMENT when it holds a model already, or a file of
 * one of these names (NULL at the end, or NULL); COW_ERROR_IO.
 */
CowFolderWriter *cow_model_folder_begin (const char *folder, const char *const *others,
                                         GError **error);

/*
 * The config.json of a model made from that at `path`: the source's own, with or without
 * bitsandbytes' quantization_config, and of that type of numbers ("float32", "bfloat16"; NULL: as
 * it was); where there is none, one made from the sizes. Free with g_free.
 */
char *cow_model_config_text (const char *path, const CowVitConfig *config, gboolean nf4,
                             const char *dtype, GError **error);

G_END_DECLS

#endif
