/* SPDX-License-Identifier: MIT */
/*
 * The tables between the names of those who publish networks and the one set that this program
 * uses, which is that of transformers' DINOv3ViTModel: facebookresearch/dinov3 and dinov2
 * (VisionTransformer.state_dict), timm (Eva for DINOv3, VisionTransformer for DINOv2) and
 * transformers' Dinov2Model. Only beginnings are compared, so that what hangs on a weight's name
 * ("X.weight.absmax") goes along with it.
 */
#include "model/files/checkpoint-names.h"

#include <string.h>

#include "model/files/error.h"
#include "model/files/tensor-names.h"

typedef struct {
  const char *from, *to; /* to NULL: left out */
} Rule;

static const Rule top_rules[] = {
  { "cls_token", "embeddings.cls_token" },
  { "storage_tokens", "embeddings.register_tokens" },
  { "register_tokens", "embeddings.register_tokens" },
  { "reg_token", "embeddings.register_tokens" },
  { "mask_token", "embeddings.mask_token" },
  { "pos_embed", "embeddings.position_embeddings" },
  { "patch_embed.proj.", "embeddings.patch_embeddings." },
  { "embeddings.patch_embeddings.projection.", "embeddings.patch_embeddings." },
  { "layernorm.", "norm." },
  { "local_cls_norm.", NULL },  /* for the small crops of Meta's training */
  { "rope_embed.", NULL },      /* computed from the configuration */
  { "rope_embeddings.", NULL }, /* the same, Hugging Face's */
  { "rope.", NULL },            /* the same, timm's */
};

/* Behind "blocks.N." or "layer.N.". */
static const Rule block_rules[] = {
  { "attn.proj.", "attention.o_proj." },
  { "attn.q_bias", "attention.q_proj.bias" },
  { "attn.k_bias", "attention.k_proj.bias" },
  { "attn.v_bias", "attention.v_proj.bias" },
  { "attention.attention.query.", "attention.q_proj." },
  { "attention.attention.key.", "attention.k_proj." },
  { "attention.attention.value.", "attention.v_proj." },
  { "attention.output.dense.", "attention.o_proj." },
  { "ls1.gamma", "layer_scale1.lambda1" },
  { "ls2.gamma", "layer_scale2.lambda1" },
  { "gamma_1", "layer_scale1.lambda1" },
  { "gamma_2", "layer_scale2.lambda1" },
  { "mlp.fc1_g.", "mlp.gate_proj." },
  { "mlp.fc1_x.", "mlp.up_proj." },
  { "mlp.fc1.", "mlp.up_proj." },
  { "mlp.fc2.", "mlp.down_proj." },
  { "mlp.weights_out.", "mlp.down_proj." },
  { "mlp.w1.", "mlp.gate_proj." },
  { "mlp.w2.", "mlp.up_proj." },
  { "mlp.w3.", "mlp.down_proj." },
};

/* Tensors behind "blocks.N." or "layer.N." that hold the rows of several, one after the other. */
static const struct {
  const char *from;
  guint n;
  const char *to[COW_TRANSLATE_MAX];
  gboolean if_packed; /* only of networks whose first layer of the MLP has twice the rows */
} fused[] = {
  { "attn.qkv.", 3, { "attention.q_proj", "attention.k_proj", "attention.v_proj" }, FALSE },
  { "mlp.w12.", 2, { "mlp.gate_proj", "mlp.up_proj" }, FALSE },
  { "mlp.weights_in.", 2, { "mlp.gate_proj", "mlp.up_proj" }, FALSE },
  { "mlp.fc1.", 2, { "mlp.gate_proj", "mlp.up_proj" }, TRUE },
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

/* How many digits a name begins with if a dot follows them, else 0; "00" is no number. */
static gsize
number_length (const char *name)
{
  const gsize n = strspn (name, "0123456789");
  return n < 8 && name[n] == '.' && (name[0] != '0' || n == 1) ? n : 0;
}

/* Splits "blocks.12.REST" and "layer.12.REST", and "blocks.0.12.REST" of networks that were trained
 * in chunks: where REST starts, or NULL; *number is that of the layer. */
static const char *
block_rest (const char *name, const char **number, int *n_digits)
{
  const char *at = g_str_has_prefix (name, "blocks.")  ? name + 7
                   : g_str_has_prefix (name, "layer.") ? name + 6
                                                       : NULL;
  gsize n = at ? number_length (at) : 0;
  if (n == 0)
    return NULL;
  if (number_length (at + n + 1) > 0) {
    at += n + 1;
    n = number_length (at);
  }
  *number = at;
  *n_digits = (int)n;
  return at + n + 1;
}

/* Views of the rows of a fused tensor. DINOv3's k has no bias: its third of that is masked in
 * training. */
static gboolean
split (const CowTensor *tensor, const CowNameHints *hints, const char *number, int n_digits,
       guint which, const char *part, CowTensor *views, guint *n_views, GError **error)
{
  const gboolean bias = g_str_equal (part, "bias"), qkv = fused[which].n == 3;
  const guint n = fused[which].n;

  if (tensor->n_dims != (bias ? 1 : 2) || tensor->dims[0] % n != 0) {
    g_autofree char *shape = cow_tensor_shape_text (tensor);

    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                 "%s: tensor %s has shape %s; %u %s one after the other were expected", hints->file,
                 tensor->name, shape, n, bias ? "vectors" : "matrices");
    return FALSE;
  }
  for (guint i = 0; i < n; i++) {
    CowTensor *view = views + *n_views;

    if (bias && qkv && i == 1 && !hints->k_bias)
      continue;
    *view = *tensor;
    view->name = g_strdup_printf ("layer.%.*s.%s.%s", n_digits, number, fused[which].to[i], part);
    view->dims[0] = tensor->dims[0] / n;
    view->n_bytes = tensor->n_bytes / n;
    view->data = tensor->data + i * view->n_bytes;
    ++*n_views;
  }
  return TRUE;
}

static gboolean
translate_fused (const CowTensor *tensor, const CowNameHints *hints, const char *number,
                 int n_digits, guint which, const char *part, CowTensor *views, guint *n_views,
                 GError **error)
{
  if (g_str_equal (part, "bias_mask"))
    return TRUE;
  if ((g_str_equal (part, "weight") || g_str_equal (part, "bias")) && tensor->dtype != COW_U8)
    return split (tensor, hints, number, n_digits, which, part, views, n_views, error);
  g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
               "%s: tensor %s: a quantised fused tensor cannot be taken apart; quantise the "
               "network with its Hugging Face names",
               hints->file, tensor->name);
  return FALSE;
}

/* The row of `fused` that the rest of a block's name belongs to, or -1. */
static int
find_fused (const char *rest, const CowNameHints *hints)
{
  for (guint i = 0; i < G_N_ELEMENTS (fused); i++)
    if (g_str_has_prefix (rest, fused[i].from) && (!fused[i].if_packed || hints->packed_mlp))
      return (int)i;
  return -1;
}

/* The new name, free with g_free; NULL when the tensor is left out. */
static char *
translate_name (const char *name, const char *number, const char *rest, int n_digits)
{
  const Rule *rule;

  if (rest != NULL) {
    rule = find_rule (block_rules, G_N_ELEMENTS (block_rules), rest);
    return g_strdup_printf ("layer.%.*s.%s%s", n_digits, number, rule ? rule->to : "",
                            rule ? rest + strlen (rule->from) : rest);
  }
  rule = find_rule (top_rules, G_N_ELEMENTS (top_rules), name);
  if (rule == NULL)
    return g_strdup (name);
  return rule->to != NULL ? g_strconcat (rule->to, name + strlen (rule->from), NULL) : NULL;
}

gboolean
cow_translate_tensor (const CowTensor *tensor, const CowNameHints *hints, CowTensor *views,
                      guint *n_views, GError **error)
{
  g_autofree char *name = cow_name_unwrap (tensor->name);
  const char *number = NULL;
  int n_digits = 0;
  const char *rest = block_rest (name, &number, &n_digits);
  const int which = rest != NULL ? find_fused (rest, hints) : -1;
  char *translated;

  *n_views = 0;
  if (which >= 0)
    return translate_fused (tensor, hints, number, n_digits, (guint)which,
                            rest + strlen (fused[which].from), views, n_views, error);
  translated = translate_name (name, number, rest, n_digits);
  if (translated == NULL)
    return TRUE;
  views[0] = *tensor;
  views[0].name = translated;
  /* Meta's is [1, C]; Hugging Face's [1, 1, C], as the other tokens'. */
  if (g_str_equal (translated, "embeddings.mask_token") && tensor->n_dims == 2) {
    views[0].n_dims = 3;
    views[0].dims[2] = tensor->dims[1];
    views[0].dims[1] = 1;
  }
  *n_views = 1;
  return TRUE;
}

guint
cow_translate_module (const char *name, int *layer, CowModule modules[COW_TRANSLATE_MAX])
{
  g_autofree char *weight = g_strconcat (name, ".weight", NULL);
  const CowNameHints hints = { .file = name };
  CowTensor tensor = { .name = weight, .dtype = COW_F32, .n_dims = 2, .dims = { 6, 1 } };
  CowTensor views[COW_TRANSLATE_MAX];
  guint n_views = 0, n = 0;

  if (!cow_translate_tensor (&tensor, &hints, views, &n_views, NULL))
    return 0;
  for (guint i = 0; i < n_views; i++) {
    const char *rest;
    if (cow_linear_weight_parse (views[i].name, layer, &modules[n], &rest) && *rest == '\0')
      n++;
    g_free (views[i].name);
  }
  return n == n_views ? n : 0;
}
