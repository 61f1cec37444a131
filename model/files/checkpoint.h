/* SPDX-License-Identifier: MIT */
/*
 * The tensors of a network, wherever they lie: a Hugging Face folder (one file or shards,
 * safetensors or PyTorch's), a .safetensors file or a .pth, all under Hugging Face's names
 * ("layer.0.attention.q_proj.weight"). A fused qkv appears as its three parts.
 */
#ifndef COW_CHECKPOINT_H
#define COW_CHECKPOINT_H

#include "model/files/tensor.h"
#include "model/files/vit-family.h"

G_BEGIN_DECLS

typedef struct _CowCheckpoint CowCheckpoint;

/*
 * Opens a folder with model.safetensors, pytorch_model.bin or the index of shards of either, or a
 * file, which is told by its content. Shard names that are absolute or leave the folder are
 * refused. Wrappers before and in names are dropped, and of dictionaries that hold more than the
 * network, it alone is taken (tensor-names.h); names of Meta and timm are translated
 * (checkpoint-names.h). An adapter is refused: COW_ERROR_MISMATCH.
 */
CowCheckpoint *cow_checkpoint_open (const char *path, GError **error);
/* Another holder of the same: closing it gives one up. */
CowCheckpoint *cow_checkpoint_ref (CowCheckpoint *self);
void cow_checkpoint_close (CowCheckpoint *self);
/* COW_ERROR_IO where a file was written to or replaced since it was opened: what was read of the
 * files need not belong together. For the end of loading. */
gboolean cow_checkpoint_check (const CowCheckpoint *self, GError **error);
const char *cow_checkpoint_path (const CowCheckpoint *self);
/* Whose names were read and what was left out, for people: "Meta's, below \"teacher.backbone.\"; 12
 * tensors beside it are left out". NULL where there is nothing to say. */
const char *cow_checkpoint_note (const CowCheckpoint *self);
/* The same where only a part of what lies in the file was taken, beginning with the path; else
 * NULL. Free with g_free. */
char *cow_checkpoint_selection (const CowCheckpoint *self);
/* Whose names they are, which is also whose way of interpolating positions is meant. */
CowNamesOf cow_checkpoint_names_of (const CowCheckpoint *self);
/* In the order of their data, file by file. */
guint cow_checkpoint_n_tensors (const CowCheckpoint *self);
const CowTensor *cow_checkpoint_nth (const CowCheckpoint *self, guint i);
/* NULL when there is none. */
const CowTensor *cow_checkpoint_find (const CowCheckpoint *self, const char *name);
/* COW_ERROR_NOT_FOUND when there is none, COW_ERROR_MISMATCH when the shape differs. */
const CowTensor *cow_checkpoint_get (const CowCheckpoint *self, const char *name, guint n_dims,
                                     const gint64 *dims, GError **error);
/* The file that holds a tensor, for messages. */
const char *cow_checkpoint_file_of (const CowCheckpoint *self, const CowTensor *tensor);
/* See cow_safetensors_release_pages (). Nothing is given back while there are several holders. */
void cow_checkpoint_release_pages (const CowCheckpoint *self, const CowTensor *tensor);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowCheckpoint, cow_checkpoint_close)

G_END_DECLS

#endif
