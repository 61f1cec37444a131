/* SPDX-License-Identifier: MIT */
/* From the names that DINOv3 checkpoints come with (Hugging Face's old and new ones, Meta's) to the
 * one set that this program uses. */
#ifndef COW_CHECKPOINT_NAMES_H
#define COW_CHECKPOINT_NAMES_H

#include "model/files/tensor.h"

G_BEGIN_DECLS

#define COW_TRANSLATE_MAX 3 /* q, k and v of one fused tensor */

/*
 * What `tensor` is called here: 0 (it is left out) to COW_TRANSLATE_MAX views of its data in
 * `views`, whose names are the caller's to g_free. Names of no known scheme stay as they are.
 * COW_ERROR_FORMAT for a fused qkv that is not three of a size, COW_ERROR_UNSUPPORTED for a
 * quantised one; `file` is for the message. Without k_bias the second third of a qkv bias is left
 * out: Meta's networks mask it, in timm's it is k's bias.
 */
gboolean cow_translate_tensor (const CowTensor *tensor, gboolean k_bias, const char *file,
                               CowTensor *views, guint *n_views, GError **error);

G_END_DECLS

#endif
