/* SPDX-License-Identifier: MIT */
/* Model and adapter folders filled by the formula: they have the format and size of those that a
 * user downloads or trains, but they know nothing. */
#ifndef COW_FORMULA_FOLDER_H
#define COW_FORMULA_FOLDER_H

#include "model/files/vit-sizes.h"

G_BEGIN_DECLS

typedef struct {
  gboolean nf4;      /* linear layers as bitsandbytes quantises them, else everything in fp32 */
  gboolean outliers; /* the variant of formula-outliers.h */
  guint n_shards;    /* 1: model.safetensors; more: model-0000i-of-0000n.safetensors and an index */
} CowFormulaModel;

/* Writes a Hugging Face folder and holds at most one tensor in memory at a time. Makes the folder
 * and replaces the files of an earlier run. Errors: COW_ERROR_IO; COW_ERROR_ARGUMENT when n_shards
 * is 0 or larger than the number of tensors. */
gboolean cow_formula_write_model (const char *folder, const CowVitConfig *config,
                                  const CowFormulaModel *how, GError **error);

typedef struct {
  const char *base; /* the size's name: the files name it as their base, and the names of the head's
                       tensors start with it */
  int rank;         /* alpha is 2 rank */
  gboolean dora;
  gboolean all_linear; /* else q_proj only */
  gboolean head; /* with a head for the nine default classes: hidden, hidden / 4, hidden / 8, 9 */
  int picture_size; /* px, a side of the pictures that the card asks for */
} CowFormulaAdapter;

/* Writes an adapter folder as the trainer does. Each value depends on the tensor's key in the file,
 * for the head "SIZE.head.0.weight", ... Errors: COW_ERROR_IO; COW_ERROR_ARGUMENT for an invalid
 * rank or picture size. */
gboolean cow_formula_write_adapter (const char *folder, const CowVitConfig *config,
                                    const CowFormulaAdapter *how, GError **error);

G_END_DECLS

#endif
