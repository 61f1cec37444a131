/* SPDX-License-Identifier: MIT */
/* Model and adapter folders filled by the formula: what a user would download or train, in format
 * and size, without its knowledge. */
#ifndef COW_FORMULA_FOLDER_H
#define COW_FORMULA_FOLDER_H

#include "model/files/vit-sizes.h"

G_BEGIN_DECLS

typedef struct {
  gboolean nf4;   /* linear layers as bitsandbytes quantises them, else everything in fp32 */
  guint n_shards; /* 1: model.safetensors; more: model-0000i-of-0000n.safetensors and their index */
} CowFormulaModel;

/*
 * Writes a Hugging Face folder; no more than one tensor is in memory at a time. Makes the folder,
 * replaces the files of an earlier run. COW_ERROR_IO; COW_ERROR_ARGUMENT for more shards than
 * tensors or none.
 */
gboolean cow_formula_write_model (const char *folder, const CowVitConfig *config,
                                  const CowFormulaModel *how, GError **error);

typedef struct {
  const char *base; /* the size's name: what the files say they were made for, and the start of the
                       head's tensor names */
  int rank;         /* alpha is 2 rank */
  gboolean dora;
  gboolean all_linear; /* else q_proj alone */
  gboolean head; /* with a head for the nine default classes: hidden, hidden / 4, hidden / 8, 9 */
  int picture_size; /* px, a side of the pictures that the card asks for */
} CowFormulaAdapter;

/*
 * Writes an adapter folder as the trainer does. The values go by the tensors' keys in the file; the
 * head's by "SIZE.head.0.weight", ... COW_ERROR_IO; COW_ERROR_ARGUMENT for a rank or a picture size
 * that cannot be.
 */
gboolean cow_formula_write_adapter (const char *folder, const CowVitConfig *config,
                                    const CowFormulaAdapter *how, GError **error);

G_END_DECLS

#endif
