/* SPDX-License-Identifier: MIT */
/* The sizes of a vision transformer: Hugging Face's config.json, or the same read off the shapes of
 * a bare checkpoint. */
#ifndef COW_VIT_CONFIG_H
#define COW_VIT_CONFIG_H

#include <json-glib/json-glib.h>

#include "model/files/checkpoint.h"
#include "model/files/vit-family.h"

G_BEGIN_DECLS

/* How learned positions are made to fit another grid of patches. All are bicubic. */
typedef enum {
  COW_POSITIONS_PLAIN,       /* transformers' DINOv2 */
  COW_POSITIONS_ANTIALIASED, /* timm's networks, and DINOv2 with registers wherever it comes from */
  COW_POSITIONS_OFFSET       /* Meta's DINOv2 without registers: as if a grid were .1 larger */
} CowPositionRule;

typedef struct {
  const CowVitFamily *family; /* what no number tells; never NULL once it is read */
  int hidden_size, n_layers, n_heads, intermediate_size;
  int patch_size, n_channels, n_registers;
  int image_size;             /* the side that it was made for, which learned positions fit */
  gboolean no_class_position; /* learned positions are patches' alone */
  CowPositionRule position_rule;
  gboolean gated; /* gated SiLU instead of GELU */
  gboolean q_bias, k_bias, v_bias, o_bias, mlp_bias;
  float norm_epsilon;
  float rope_theta;
  float rope_rescale; /* pos_embed_rescale: training scales positions by a random factor of at most
                         this; 0 for none */
} CowVitConfig;

/*
 * Reads FOLDER/config.json; every size is checked (positive, dividing where it must, no more than
 * sane) before anyone allocates by it. COW_ERROR_NOT_FOUND, COW_ERROR_FORMAT, COW_ERROR_UNSUPPORTED
 * (another model_type, another activation, a quantisation that is not NF4).
 */
gboolean cow_vit_config_read (const char *folder, CowVitConfig *config, GError **error);
/* From the tensors alone, where there is no config.json (Meta's .pth): head size 128 where
 * hidden_size is 4096, else 64. */
gboolean cow_vit_config_infer (const CowCheckpoint *checkpoint, CowVitConfig *config,
                               GError **error);
/* The config that belongs to a path: that of the config.json in or beside it (transformers', ours,
 * or timm's with the sizes of the tensors), else inferred. */
gboolean cow_vit_config_for (const char *path, const CowCheckpoint *checkpoint,
                             CowVitConfig *config, GError **error);
/* The config.json that would belong to a folder, or to a file in one; it need not exist. Free with
 * g_free. */
char *cow_vit_config_file_for (const char *path);
/* Whether a config.json is timm's, which names its architecture and has no model_type. */
gboolean cow_config_names_architecture (JsonObject *object);
/* The quantization_config that transformers writes for NF4 with double quantisation. */
JsonObject *cow_quantisation_config_new (void);
/* The text of a config.json that transformers reads; with `nf4`, including bitsandbytes'
 * quantization_config. Free with g_free. */
char *cow_vit_config_to_json (const CowVitConfig *config, gboolean nf4);

/* The shape of a module and whether it has a bias; FALSE when this config has no such module (gate
 * without gated MLP). */
gboolean cow_vit_config_module (const CowVitConfig *config, CowModule module, gint64 *out,
                                gint64 *in, gboolean *bias);
/* The "model_type" of the config.json that belongs to a path, for timm's "architecture" that of its
 * family; *type is NULL, without an error, where there is no such file or it does not say. Free
 * with g_free. */
gboolean cow_config_model_type (const char *path, char **type, GError **error);

G_END_DECLS

#endif
