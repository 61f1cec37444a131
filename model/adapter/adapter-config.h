/* SPDX-License-Identifier: MIT */
/*
 * PEFT's adapter_config.json, read and checked, and PEFT's rules of which modules its names mean.
 * An option that would change what the adapter computes and that this program does not have is
 * refused.
 */
#ifndef COW_ADAPTER_CONFIG_H
#define COW_ADAPTER_CONFIG_H

#include <json-glib/json-glib.h>

#include "model/files/vit-config.h"

G_BEGIN_DECLS

/* A name of a module, or of its end: "q_proj", "mlp.up_proj", "layer.3.mlp.up_proj"; or a regular
 * expression. */
typedef struct {
  char *suffix;
  GRegex *regex; /* that the whole name or its end behind a dot matches; NULL: a plain name */
  double value;  /* the rank or alpha that rank_pattern and alpha_pattern give it */
} CowPattern;

/* adapter_config.json, checked. */
typedef struct {
  char *path; /* the file, for messages */
  int rank;
  double alpha, dropout;
  gboolean dora, rslora;
  char *base;
  char **targets;                        /* NULL-terminated; {"all-linear", NULL} for that */
  char **excluded;                       /* NULL-terminated, may be empty */
  GRegex *target_regex, *excluded_regex; /* that a whole name matches, or NULL: the lists count */
  char **saved;                          /* modules_to_save, NULL-terminated, may be empty */
  GHashTable *own_names;  /* layer * COW_N_MODULES + module -> what the adapter's file calls it */
  GArray *layers;         /* of gint64: layers_to_transform; NULL: all */
  GArray *ranks, *alphas; /* of CowPattern, the first that fits counts */
} CowAdapterConfig;

/* Reads FOLDER/adapter_config.json. Clear `config` whether this succeeds or not. */
gboolean cow_adapter_config_read (const char *folder, CowAdapterConfig *config, GError **error);
void cow_adapter_config_clear (CowAdapterConfig *config);
/* Whether all regular expressions come to an end with the names of so many layers; when the
 * adapter's own names are noted, and before the following functions. COW_ERROR_UNSUPPORTED. */
gboolean cow_adapter_config_check (const CowAdapterConfig *config, int n_layers, GError **error);
/* PEFT's rules of which modules an adapter sits on, and with which rank and alpha. */
gboolean cow_adapter_config_targets (const CowAdapterConfig *config, int layer, CowModule module);
int cow_adapter_config_rank (const CowAdapterConfig *config, int layer, CowModule module);
double cow_adapter_config_alpha (const CowAdapterConfig *config, int layer, CowModule module);

/* Notes what the adapter's tensors call a module, which names and expressions may mean. */
void cow_adapter_config_name (CowAdapterConfig *config, int layer, CowModule module,
                              const char *name);
/* Whether a tensor's name is that of a module in modules_to_save. */
gboolean cow_adapter_config_saves (const CowAdapterConfig *config, const char *name);

/* Whether a module's name is, or ends after a dot in, `suffix`; in transformers' older names
 * (layer.N....) or newer (model.layer.N....). */
gboolean cow_module_matches (int layer, CowModule module, const char *suffix);
/* Whether a NULL-terminated list of targets covers a module. */
gboolean cow_targets_match (char *const *targets, int layer, CowModule module);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (CowAdapterConfig, cow_adapter_config_clear)

G_END_DECLS

#endif
