/* SPDX-License-Identifier: MIT */
#include "model/files/vit-family.h"

#include <string.h>

/* transformers' DINOv3ViTModel */
const CowVitNames cow_vit_names = {
  .class_token = "embeddings.cls_token",
  .registers = "embeddings.register_tokens",
  .mask_token = "embeddings.mask_token",
  .prefix = "embeddings.prefix_tokens",
  .positions = "embeddings.position_embeddings",
  .patches = "embeddings.patch_embeddings",
  .layer = "layer",
  .vectors = { "norm1.weight", "norm1.bias", "norm2.weight", "norm2.bias", "layer_scale1.lambda1",
               "layer_scale2.lambda1" },
  .modules = { "attention.q_proj", "attention.k_proj", "attention.v_proj", "attention.o_proj",
               "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj" },
  .norm_weight = "norm.weight",
  .norm_bias = "norm.bias",
};

/* timm's VisionTransformer */
static const CowVitNames timm_names = {
  .class_token = "cls_token",
  .prefix = "cls_token",
  .positions = "pos_embed",
  .patches = "patch_embed.proj",
  .layer = "blocks",
  .vectors = { "norm1.weight", "norm1.bias", "norm2.weight", "norm2.bias", "ls1.gamma",
               "ls2.gamma" },
  .modules = { [COW_O] = "attn.proj", [COW_UP] = "mlp.fc1", [COW_DOWN] = "mlp.fc2" },
  .qkv = "attn.qkv",
  .norm_weight = "norm.weight",
  .norm_bias = "norm.bias",
};

static const CowVitFamily families[] = {
  {
      .model_type = "dinov3_vit",
      .architecture = "DINOv3ViTModel",
      .image_processor = "DINOv3ViTImageProcessorFast",
      .title = "DINOv3 vision transformer",
      .rotary = TRUE,
      .layer_scale = TRUE,
      .adapters = TRUE,
      .names = &cow_vit_names,
      .patch_size = 16,
      .norm_epsilon = 1e-5f,
      .rope_rescale = 2,
      .class_deviation = .02,
  },
  {
      .model_type = "timm_vit",
      .architecture = "VisionTransformer",
      .title = "vision transformer as timm's",
      .learned_positions = TRUE,
      .names = &timm_names,
      .patch_size = 16,
      .k_bias = TRUE,
      .norm_epsilon = 1e-5f,
      .class_deviation = 1e-6,
      .uniform_patches = TRUE,
  },
  {
      .model_type = "dinov2",
      .architecture = "Dinov2Model",
      .image_processor = "BitImageProcessor",
      .title = "DINOv2 vision transformer",
      .learned_positions = TRUE,
      .any_size = TRUE,
      .layer_scale = TRUE,
      .names = &cow_vit_names,
      .patch_size = 14,
      .k_bias = TRUE,
      .norm_epsilon = 1e-6f,
      .class_deviation = .02,
  },
  {
      .model_type = "dinov2_with_registers",
      .architecture = "Dinov2WithRegistersModel",
      .image_processor = "BitImageProcessor",
      .title = "DINOv2 vision transformer with registers",
      .learned_positions = TRUE,
      .any_size = TRUE,
      .layer_scale = TRUE,
      .names = &cow_vit_names,
      .patch_size = 16,
      .n_registers = 4,
      .k_bias = TRUE,
      .norm_epsilon = 1e-6f,
      .class_deviation = .02,
  },
};

const CowVitFamily *
cow_vit_family_find (const char *model_type)
{
  for (gsize i = 0; i < G_N_ELEMENTS (families); i++)
    if (g_strcmp0 (families[i].model_type, model_type) == 0)
      return &families[i];
  return NULL;
}

const CowVitFamily *
cow_vit_family_default (void)
{
  return &families[0];
}

char *
cow_vit_family_types_text (void)
{
  GString *text = g_string_new (NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (families); i++)
    g_string_append_printf (text, "%s\"%s\"",
                            i == 0                             ? ""
                            : i + 1 == G_N_ELEMENTS (families) ? " and "
                                                               : ", ",
                            families[i].model_type);
  return g_string_free (text, FALSE);
}

const char *
cow_vit_names_whose (CowNamesOf names_of)
{
  static const char *const whose[] = { [COW_NAMES_HUGGING_FACE] = "Hugging Face's",
                                       [COW_NAMES_META] = "Meta's",
                                       [COW_NAMES_IMAGE_MODELS] = "timm's" };
  return whose[names_of];
}

gboolean
cow_vit_family_is_module (const char *part, gsize n)
{
  for (gsize i = 0; i < G_N_ELEMENTS (families); i++) {
    const char *type = families[i].model_type;
    if (strncmp (type, part, n) == 0 && (n == strlen (type) || n == strcspn (type, "_")))
      return TRUE;
  }
  return FALSE;
}

const char *
cow_module_name (CowModule module)
{
  g_return_val_if_fail ((int)module >= 0 && module < COW_N_MODULES, NULL);
  return cow_vit_names.modules[module];
}

gboolean
cow_linear_weight_parse (const char *name, int *layer, CowModule *module, const char **rest)
{
  if (!g_str_has_prefix (name, "layer."))
    return FALSE;
  const char *number = name + strlen ("layer.");
  const gsize digits = strspn (number, "0123456789");
  if (digits == 0 || digits > 6 || (digits > 1 && number[0] == '0') || number[digits] != '.')
    return FALSE;
  const char *inside = number + digits + 1;
  for (int m = 0; m < COW_N_MODULES; m++) {
    const char *known = cow_module_name ((CowModule)m), *weight = inside + strlen (known);
    if (!g_str_has_prefix (inside, known) || !g_str_has_prefix (weight, ".weight"))
      continue;
    *layer = (int)g_ascii_strtoll (number, NULL, 10);
    *module = (CowModule)m;
    *rest = weight + strlen (".weight");
    return **rest == '\0' || **rest == '.';
  }
  return FALSE;
}
