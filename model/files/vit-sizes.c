/* SPDX-License-Identifier: MIT */
#include "model/files/vit-sizes.h"

static const struct {
  const char *name, *model_type;
  int hidden, layers, heads, intermediate, registers;
  gboolean gated, qv_bias;
  float norm_epsilon, rope_rescale;
} sizes[] = {
  /* The tiny one is trained with the positions that it will see. */
  { "tiny", "dinov3_vit", 128, 4, 2, 256, 4, FALSE, TRUE, 1e-5f, 0 },
  { "vits16", "dinov3_vit", 384, 12, 6, 1536, 4, FALSE, TRUE, 1e-5f, 2 },
  { "vits16plus", "dinov3_vit", 384, 12, 6, 1536, 4, TRUE, TRUE, 1e-5f, 2 },
  { "vitb16", "dinov3_vit", 768, 12, 12, 3072, 4, FALSE, TRUE, 1e-5f, 2 },
  { "vitl16", "dinov3_vit", 1024, 24, 16, 4096, 4, FALSE, TRUE, 1e-5f, 2 },
  { "vith16plus", "dinov3_vit", 1280, 32, 20, 5120, 4, TRUE, TRUE, 1e-5f, 2 },
  { "vit7b16", "dinov3_vit", 4096, 40, 32, 8192, 4, TRUE, FALSE, 1e-5f, 2 },
  { "vit_small_patch16_224", "timm_vit", 384, 12, 6, 1536, 0, FALSE, TRUE, 1e-6f, 0 },
};

const char *const cow_vit_size_names[] = { "tiny",   "vits16",     "vits16plus", "vitb16",
                                           "vitl16", "vith16plus", "vit7b16",    NULL };

gboolean
cow_vit_config_of_size (const char *name, CowVitConfig *config)
{
  for (gsize i = 0; i < G_N_ELEMENTS (sizes); i++)
    if (g_str_equal (name, sizes[i].name)) {
      const CowVitFamily *family = cow_vit_family_find (sizes[i].model_type);
      *config = (CowVitConfig){
        .family = family,
        .hidden_size = sizes[i].hidden,
        .n_layers = sizes[i].layers,
        .n_heads = sizes[i].heads,
        .intermediate_size = sizes[i].intermediate,
        .patch_size = 16,
        .n_channels = 3,
        .n_registers = sizes[i].registers,
        .image_size = 224,
        .gated = sizes[i].gated,
        .q_bias = sizes[i].qv_bias,
        .k_bias = family->k_bias,
        .v_bias = sizes[i].qv_bias,
        .o_bias = TRUE,
        .mlp_bias = TRUE,
        .norm_epsilon = sizes[i].norm_epsilon,
        .rope_theta = 100.0f,
        .rope_rescale = sizes[i].rope_rescale,
      };
      return TRUE;
    }
  return FALSE;
}
