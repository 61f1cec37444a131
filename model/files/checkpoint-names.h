/* SPDX-License-Identifier: MIT */
/* From the names that checkpoints of DINOv3 and DINOv2 come with (Hugging Face's old and new ones,
 * Meta's, timm's) to the one set that this program uses. */
#ifndef COW_CHECKPOINT_NAMES_H
#define COW_CHECKPOINT_NAMES_H

#include "model/files/tensor.h"
#include "model/files/vit-family.h"

G_BEGIN_DECLS

#define COW_TRANSLATE_MAX 3 /* q, k and v of one fused tensor */

/* What one tensor's name does not tell. */
typedef struct {
  const char *file;    /* for messages */
  gboolean k_bias;     /* the middle third of a qkv bias is k's, and not a masked one */
  gboolean packed_mlp; /* "mlp.fc1" holds the gate and what it is multiplied with */
} CowNameHints;

/*
 * What `tensor` is called here: 0 (it is left out) to COW_TRANSLATE_MAX views of its data in
 * `views`, whose names are the caller's to g_free. Wrappers are dropped (tensor-names.h). Names of
 * no known scheme stay as they are. COW_ERROR_FORMAT for a fused tensor that is not parts of a
 * size, COW_ERROR_UNSUPPORTED for a quantised one.
 */
gboolean cow_translate_tensor (const CowTensor *tensor, const CowNameHints *hints, CowTensor *views,
                               guint *n_views, GError **error);

/* The linear layers that a module's name means, wrapped and in whosever names: one, three of a
 * fused qkv in the order of its rows, or 0 where it is none of a layer. */
guint cow_translate_module (const char *name, int *layer, CowModule modules[COW_TRANSLATE_MAX]);

G_END_DECLS

#endif
