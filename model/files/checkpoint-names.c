/* SPDX-License-Identifier: MIT */
/*
 * The table between Meta's names (facebookresearch/dinov3, VisionTransformer.state_dict) and
 * Hugging Face's (transformers, DINOv3ViTModel). Only beginnings are compared, so that what hangs
 * on a weight's name ("X.weight.absmax") goes along with it.
 */
#include "model/files/checkpoint-names.h"

#include <string.h>

#include "model/files/error.h"

typedef struct {
  const char *from, *to; /* to NULL: left out */
} Rule;

static const Rule top_rules[] = {
  { "cls_token", "embeddings.cls_token" },
  { "storage_tokens", "embeddings.register_tokens" },
  { "mask_token", "embeddings.mask_token" },
  { "pos_embed", "embeddings.position_embeddings" }, /* timm's */
  { "patch_embed.proj.", "embeddings.patch_embeddings." },
  { "local_cls_norm.", NULL },  /* for the small crops of Meta's training */
  { "rope_embed.", NULL },      /* computed from the configuration */
  { "rope_embeddings.", NULL }, /* the same, Hugging Face's */
};

/* Behind "blocks.N.". */
static const Rule block_rules[] = {
  { "norm1.", "norm1." },
  { "norm2.", "norm2." },
  { "attn.proj.", "attention.o_proj." },
  { "ls1.gamma", "layer_scale1.lambda1" },
  { "ls2.gamma", "layer_scale2.lambda1" },
  { "mlp.fc1.", "mlp.up_proj." },
  { "mlp.fc2.", "mlp.down_proj." },
  { "mlp.w1.", "mlp.gate_proj." },
  { "mlp.w2.", "mlp.up_proj." },
  { "mlp.w3.", "mlp.down_proj." },
};

/* The rule that `name` starts with, or NULL. */
static const Rule *
find_rule (const Rule *rules, guint n_rules, const char *name)
{
  for (guint i = 0; i < n_rules; i++)
    if (g_str_has_prefix (name, rules[i].from))
      return rules + i;
  return NULL;
}

/* Splits "blocks.12.REST": where REST starts, or NULL; *n_digits are those of the number, which
 * start at name + 7. */
static const char *
block_rest (const char *name, int *n_digits)
{
  gsize n;

  if (!g_str_has_prefix (name, "blocks."))
    return NULL;
  n = strspn (name + 7, "0123456789");
  *n_digits = (int)n;
  return n > 0 && n < 8 && name[7 + n] == '.' ? name + 7 + n + 1 : NULL;
}

/* The wrappers' names, which come and go with the version of transformers ("model.layer.0", but
 * "norm"). */
static const char *
strip_wrappers (const char *name)
{
  for (;;) {
    if (g_str_has_prefix (name, "model."))
      name += strlen ("model.");
    else if (g_str_has_prefix (name, "backbone."))
      name += strlen ("backbone.");
    else
      return name;
  }
}

/* Rows of the fused tensor: [3 * C, ...] is q, k, v one after the other. DINOv3's k has no bias:
 * its third of that is masked in training.
 */
static gboolean
split_qkv (const CowTensor *tensor, gboolean k_bias, const char *file, const char *block,
           int n_digits, CowTensor *views, guint *n_views, GError **error)
{
  gboolean bias = g_str_has_suffix (tensor->name, ".attn.qkv.bias");

  if (tensor->n_dims != (bias ? 1 : 2) || tensor->dims[0] % 3 != 0) {
    g_autofree char *shape = cow_tensor_shape_text (tensor);

    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: tensor %s has shape %s; %s was expected",
                 file, tensor->name, shape,
                 bias ? "[3 * C] (the biases of q, k and v)"
                      : "[3 * C, C] (the weights of q, k and v)");
    return FALSE;
  }
  for (guint i = 0; i < 3; i++) {
    CowTensor *view = views + *n_views;

    if (bias && i == 1 && !k_bias)
      continue;
    *view = *tensor;
    view->name = g_strdup_printf ("layer.%.*s.attention.%c_proj.%s", n_digits, block, "qkv"[i],
                                  bias ? "bias" : "weight");
    view->dims[0] = tensor->dims[0] / 3;
    view->n_bytes = tensor->n_bytes / 3;
    view->data = tensor->data + i * view->n_bytes;
    ++*n_views;
  }
  return TRUE;
}

static gboolean
translate_qkv (const CowTensor *tensor, gboolean k_bias, const char *file, const char *block,
               int n_digits, CowTensor *views, guint *n_views, GError **error)
{
  const char *part = block + n_digits + strlen (".attn.qkv.");

  if (g_str_equal (part, "bias_mask"))
    return TRUE;
  if ((g_str_equal (part, "weight") || g_str_equal (part, "bias")) && tensor->dtype != COW_U8)
    return split_qkv (tensor, k_bias, file, block, n_digits, views, n_views, error);
  g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
               "%s: tensor %s: a quantised fused qkv cannot be taken apart; quantise the network "
               "with its Hugging Face names",
               file, tensor->name);
  return FALSE;
}

/* The new name, free with g_free; NULL when the tensor is left out. */
static char *
translate_name (const char *name, const char *rest, int n_digits)
{
  const Rule *rule;

  if (rest != NULL && (rule = find_rule (block_rules, G_N_ELEMENTS (block_rules), rest)) != NULL)
    return g_strdup_printf ("layer.%.*s.%s%s", n_digits, name + 7, rule->to,
                            rest + strlen (rule->from));
  rule = find_rule (top_rules, G_N_ELEMENTS (top_rules), name);
  if (rule == NULL)
    return g_strdup (name);
  return rule->to != NULL ? g_strconcat (rule->to, name + strlen (rule->from), NULL) : NULL;
}

gboolean
cow_translate_tensor (const CowTensor *tensor, gboolean k_bias, const char *file, CowTensor *views,
                      guint *n_views, GError **error)
{
  const char *name = strip_wrappers (tensor->name);
  int n_digits = 0;
  const char *rest = block_rest (name, &n_digits);
  char *translated;

  *n_views = 0;
  if (rest != NULL && g_str_has_prefix (rest, "attn.qkv."))
    return translate_qkv (tensor, k_bias, file, name + 7, n_digits, views, n_views, error);
  translated = translate_name (name, rest, n_digits);
  if (translated == NULL)
    return TRUE;
  views[0] = *tensor;
  views[0].name = translated;
  /* Meta's is [1, C]; Hugging Face's [1, 1, C], as the other tokens'. */
  if (g_str_equal (name, "mask_token") && tensor->n_dims == 2) {
    views[0].n_dims = 3;
    views[0].dims[2] = tensor->dims[1];
    views[0].dims[1] = 1;
  }
  *n_views = 1;
  return TRUE;
}
