/* SPDX-License-Identifier: MIT */
#include "model/files/config-sizes.h"

static const struct {
  int hidden, layers, heads, intermediate;
  gboolean gated, qv_bias;
} sizes[] = {
  { 128, 4, 2, 256, FALSE, TRUE },     { 384, 12, 6, 1536, FALSE, TRUE },
  { 384, 12, 6, 1536, TRUE, TRUE },    { 768, 12, 12, 3072, FALSE, TRUE },
  { 1024, 24, 16, 4096, FALSE, TRUE }, { 1280, 32, 20, 5120, TRUE, TRUE },
  { 4096, 40, 32, 8192, TRUE, FALSE },
};

const char *const cow_vit_size_names[] = { "tiny",   "vits16",     "vits16plus", "vitb16",
                                           "vitl16", "vith16plus", "vit7b16",    NULL };

gboolean
cow_vit_config_of_size (const char *name, CowVitConfig *config)
{
  for (gsize i = 0; i < G_N_ELEMENTS (sizes); i++)
    if (g_str_equal (name, cow_vit_size_names[i])) {
      *config = (CowVitConfig){
        .hidden_size = sizes[i].hidden,
        .n_layers = sizes[i].layers,
        .n_heads = sizes[i].heads,
        .intermediate_size = sizes[i].intermediate,
        .patch_size = 16,
        .n_channels = 3,
        .n_registers = 4,
        .image_size = 224,
        .gated = sizes[i].gated,
        .q_bias = sizes[i].qv_bias,
        .v_bias = sizes[i].qv_bias,
        .o_bias = TRUE,
        .mlp_bias = TRUE,
        .norm_epsilon = 1e-5f,
        .rope_theta = 100.0f,
        .rope_rescale =
            i == 0 ? 0 : 2, /* the tiny one is trained with the positions that it will see */
      };
      return TRUE;
    }
  return FALSE;
}
