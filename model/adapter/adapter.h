/* SPDX-License-Identifier: MIT */
/*
 * An adapter folder as PEFT and the trainer write it: low-rank matrices by module, read and
 * written. What belongs to the adapter but is not PEFT's (head, classes, preprocessing) is in
 * model/adapter/card.h.
 */
#ifndef COW_ADAPTER_H
#define COW_ADAPTER_H

#include "model/files/vit-config.h"

G_BEGIN_DECLS

/* The adapter of one linear layer; host memory, owned by the CowAdapter. */
typedef struct {
  gint64 in, out, rank;
  gint64 fixed; /* the last so many of its rank do not train: with the others' first values they
                   make the zero that it starts as; 0 in all that is read */
  float alpha;
  float scale;      /* alpha / rank, or alpha / sqrt (rank) with rslora */
  float *a;         /* [rank, in]  lora_A */
  float *b;         /* [out, rank] lora_B */
  float *magnitude; /* [out] for DoRA, else NULL */
} CowLora;

typedef struct {
  char *path; /* the folder that holds adapter_config.json */
  gboolean dora, rslora;
  int rank; /* r of the config; single layers may differ (rank_pattern) */
  float alpha, dropout;
  char *base;            /* base_model_name_or_path, or NULL */
  char **target_modules; /* NULL-terminated; {"all-linear", NULL} for that */
  int n_layers;
  CowLora **loras; /* [n_layers * COW_N_MODULES], NULL where a module has none */
} CowAdapter;

/*
 * Reads adapter_config.json and adapter_model.safetensors (or .bin) from `folder`,
 * `folder`/lora_adapters or `folder`/dora_adapters. rank_pattern and alpha_pattern override by
 * PEFT's rules. Names are read whatever stands before "layer.N." (tensor-names.h), with or without
 * an adapter's name, and in Meta's and timm's words, where a fused qkv's LoRA is that of each
 * third. Every targeted module must have its tensors, every tensor must belong to a module of
 * `config` and fit its shape, or to modules_to_save (the head's), and variants that this program
 * does not compute are refused by name. NULL without error is never returned: a folder without
 * adapter_config.json is COW_ERROR_NOT_FOUND.
 */
CowAdapter *cow_adapter_read (const char *folder, const CowVitConfig *config, GError **error);
/* Whether a folder holds a PEFT adapter at all (in itself or in those subfolders). */
gboolean cow_adapter_present (const char *folder);
/* Writes adapter_config.json and adapter_model.safetensors so that PEFT opens them on transformers
 * 5. Makes the folder. */
gboolean cow_adapter_write (const CowAdapter *self, const char *folder, GError **error);
void cow_adapter_free (CowAdapter *self);
/* NULL where the module has no adapter. */
const CowLora *cow_adapter_get (const CowAdapter *self, int layer, CowModule module);
gint64 cow_adapter_n_parameters (const CowAdapter *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowAdapter, cow_adapter_free)

G_END_DECLS

#endif
