/* SPDX-License-Identifier: MIT */
#include "model/adapter/kind.h"

/* A head of narrow ReLU layers on features that say nothing yet dies in the first steps: networks
 * from scratch get another. */
static const CowKind kinds[COW_N_NETWORKS] = {
  [COW_NETWORK_LORA] = { .name = "lora", .adapted = TRUE, .head = COW_HEAD_TAPERED },
  [COW_NETWORK_DORA] = { .name = "dora", .adapted = TRUE, .dora = TRUE, .head = COW_HEAD_TAPERED },
  [COW_NETWORK_FROZEN] = { .name = "frozen", .cached = TRUE, .head = COW_HEAD_TAPERED },
  [COW_NETWORK_TOKENS] = { .name = "frozen-tokens", .head = COW_HEAD_TAPERED },
  [COW_NETWORK_DINOV3] = { .name = "dinov3",
                           .model_type = "dinov3_vit",
                           .named = TRUE,
                           .head = COW_HEAD_NORMED },
  [COW_NETWORK_VIT] = { .name = "vit-small",
                        .model_type = "timm_vit",
                        .size = "vit_small_patch16_224",
                        .side = 224,
                        .head = COW_HEAD_NORMED },
  [COW_NETWORK_RESNET18] = { .name = "resnet18",
                             .model_type = "torchvision_resnet18",
                             .min_side = 32,
                             .head = COW_HEAD_HALVED },
};

const CowKind *
cow_kind (CowNetworkKind kind)
{
  g_return_val_if_fail ((int)kind >= 0 && kind < COW_N_NETWORKS, NULL);
  return &kinds[kind];
}

const CowKind *
cow_kind_find (const char *name)
{
  for (gsize i = 0; i < G_N_ELEMENTS (kinds); i++)
    if (g_str_equal (kinds[i].name, name))
      return &kinds[i];
  return NULL;
}

const char *const *
cow_kind_names (void)
{
  static const char *names[G_N_ELEMENTS (kinds) + 1];
  static gsize once;
  if (g_once_init_enter (&once)) {
    for (gsize i = 0; i < G_N_ELEMENTS (kinds); i++)
      names[i] = kinds[i].name;
    g_once_init_leave (&once, 1);
  }
  return names;
}

gboolean
cow_kind_needs_base (const CowKind *kind)
{
  return kind->model_type == NULL;
}

gboolean
cow_kind_reads_tokens (const CowKind *kind)
{
  return cow_kind_needs_base (kind) && !kind->adapted && !kind->cached;
}
