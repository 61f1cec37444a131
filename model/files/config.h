/* SPDX-License-Identifier: MIT */
/* What a network looks like: Hugging Face's config.json of a DINOv3, or the same read off the
 * shapes of a bare checkpoint. */
#ifndef COW_CONFIG_H
#define COW_CONFIG_H

#include <json-glib/json-glib.h>

#include "model/files/checkpoint.h"

G_BEGIN_DECLS

typedef struct {
  int hidden_size, n_layers, n_heads, intermediate_size;
  int patch_size, n_channels, n_registers;
  int image_size; /* the side that it was made for; any multiple of patch_size works */
  gboolean gated; /* gated SiLU instead of GELU */
  gboolean q_bias, k_bias, v_bias, o_bias, mlp_bias;
  float norm_epsilon;
  float rope_theta;
  float rope_rescale; /* pos_embed_rescale: training scales positions by a random factor of at most
                         this; 0 for none */
  gboolean timm; /* timm's VisionTransformer: learned positions, no rotary ones, no layer scale;
                    names as timm has them */
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
/* The config that belongs to a path: config.json for a folder that has one, else inferred. */
gboolean cow_vit_config_for (const char *path, const CowCheckpoint *checkpoint,
                             CowVitConfig *config, GError **error);
/* The config.json that would belong to a folder, or to a model.safetensors in one; it need not
 * exist. Free with g_free. */
char *cow_vit_config_file_for (const char *path);
/* The quantization_config that transformers writes for NF4 with double quantisation. */
JsonObject *cow_quantisation_config_new (void);
/* The text of a config.json that transformers reads; with `nf4`, including bitsandbytes'
 * quantization_config. Free with g_free. */
char *cow_vit_config_to_json (const CowVitConfig *config, gboolean nf4);

/* Every linear layer inside `layer.N`, in the order of computation: the modules that NF4 quantises
 * and that adapters may target. */
typedef enum { COW_Q, COW_K, COW_V, COW_O, COW_GATE, COW_UP, COW_DOWN, COW_N_MODULES } CowModule;
/* "attention.q_proj", "mlp.up_proj", ... */
const char *cow_module_name (CowModule module);
/* Its shape and whether it has a bias; FALSE when this config has no such module (gate without
 * gated MLP). */
gboolean cow_vit_config_module (const CowVitConfig *config, CowModule module, gint64 *out,
                                gint64 *in, gboolean *bias);
/* Parameters of the whole network, biases and tokens included. */
gint64 cow_vit_config_n_parameters (const CowVitConfig *config);

G_END_DECLS

#endif
