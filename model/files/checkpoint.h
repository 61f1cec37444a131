/* SPDX-License-Identifier: MIT */
/*
 * The tensors of a network, wherever they lie: a Hugging Face folder (one file or shards), a
 * .safetensors file or Meta's .pth, all under Hugging Face's names
 * ("layer.0.attention.q_proj.weight"). Meta's fused qkv appears as its three parts.
 */
#ifndef COW_CHECKPOINT_H
#define COW_CHECKPOINT_H

#include "model/files/tensor.h"

G_BEGIN_DECLS

typedef struct _CowCheckpoint CowCheckpoint;

/*
 * Opens a folder with model.safetensors or model.safetensors.index.json, or a file. Shard names
 * that are absolute or leave the folder are refused. A "model." or "backbone." before a name is
 * dropped; DINOv3 names of Meta's are translated; bias_mask, the k third of the qkv bias,
 * local_cls_norm and rope_embed.periods are left out.
 */
CowCheckpoint *cow_checkpoint_open (const char *path, GError **error);
void cow_checkpoint_close (CowCheckpoint *self);
const char *cow_checkpoint_path (const CowCheckpoint *self);
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
/* See cow_safetensors_release_pages (). */
void cow_checkpoint_release_pages (const CowCheckpoint *self, const CowTensor *tensor);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowCheckpoint, cow_checkpoint_close)

G_END_DECLS

#endif
