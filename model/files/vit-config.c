/* SPDX-License-Identifier: MIT */
/*
 * A vision transformer's sizes from config.json. Names, defaults and their meaning are those of
 * transformers' DINOv3ViTConfig. Other pos_embed_* settings and dropout are
 * not read. Without the file, the sizes are read off the tensors' shapes.
 */
#include "model/files/vit-config.h"

#include <math.h>
#include <string.h>

#include "model/files/error.h"
#include "model/files/file-writer.h"
#include "model/files/json-object.h"

#define MAX_HIDDEN       16384
#define MAX_LAYERS       256
#define MAX_HEADS        1024
#define MAX_INTERMEDIATE 65536
#define MAX_PATCH        64
#define MAX_CHANNELS     16
#define MAX_REGISTERS    64
#define MAX_IMAGE        8192
#define LIMIT            (1 << 20) /* keeps a size inside an int before it is validated */

/* Names of CowPositionRule in config.json, which this program writes of models that it makes. */
static const char *const position_rules[] = { "bicubic", "bicubic-antialiased", "bicubic-offset" };

/* Checks that every size is inside its limits and divides where it must; COW_ERROR_FORMAT with
 * `where` before it. */
static gboolean
validate (const CowVitConfig *c, const char *where, GError **error)
{
  const struct {
    const char *key;
    int value, min, max;
  } sizes[] = {
    { "hidden_size", c->hidden_size, 1, MAX_HIDDEN },
    { "num_hidden_layers", c->n_layers, 1, MAX_LAYERS },
    { "num_attention_heads", c->n_heads, 1, MAX_HEADS },
    { "intermediate_size", c->intermediate_size, 1, MAX_INTERMEDIATE },
    { "patch_size", c->patch_size, 1, MAX_PATCH },
    { "num_channels", c->n_channels, 1, MAX_CHANNELS },
    { "num_register_tokens", c->n_registers, 0, MAX_REGISTERS },
    { "image_size", c->image_size, c->patch_size, MAX_IMAGE },
  };
  for (gsize i = 0; i < G_N_ELEMENTS (sizes); i++)
    if (sizes[i].value < sizes[i].min || sizes[i].value > sizes[i].max) {
      g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: \"%s\" is %d, expected %d to %d", where,
                   sizes[i].key, sizes[i].value, sizes[i].min, sizes[i].max);
      return FALSE;
    }
  int head_dim = c->hidden_size / c->n_heads;
  /* Rotary embedding rotates pairs in two directions: a head has to fall into four equal parts. */
  if (c->hidden_size % c->n_heads != 0 || head_dim % 4 != 0 || head_dim > 256) {
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                 "%s: \"hidden_size\" %d in %d \"num_attention_heads\": expected heads of equal "
                 "size, a multiple of 4, at most 256",
                 where, c->hidden_size, c->n_heads);
    return FALSE;
  }
  if (c->family->learned_positions && !c->family->any_size && c->n_registers > 0) {
    g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
                 "%s: \"num_register_tokens\" is %d: a %s has none", where, c->n_registers,
                 c->family->title);
    return FALSE;
  }
  if (!isfinite (c->norm_epsilon) || c->norm_epsilon <= 0 || !isfinite (c->rope_theta) ||
      c->rope_theta <= 0 || !isfinite (c->rope_rescale) || c->rope_rescale < 0 ||
      c->rope_rescale > 100) {
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                 "%s: \"layer_norm_eps\" is %g, \"rope_theta\" %g and \"pos_embed_rescale\" %g, "
                 "expected the first two positive and finite "
                 "and the last 0 to 100",
                 where, c->norm_epsilon, c->rope_theta, c->rope_rescale);
    return FALSE;
  }
  return TRUE;
}

static gboolean
get_size (JsonObject *object, const char *where, const char *key, int *value, GError **error)
{
  gint64 v = *value;
  /* The exact limits are validate ()'s; this one keeps the value inside an int. */
  if (!cow_json_get_int (object, where, key, 0, LIMIT, &v, error))
    return FALSE;
  *value = (int)v;
  return TRUE;
}

static gboolean
get_float (JsonObject *object, const char *where, const char *key, float *value, GError **error)
{
  double v = *value;
  if (!cow_json_get_double (object, where, key, &v, error))
    return FALSE;
  *value = (float)v;
  return TRUE;
}

/* pos_embed_rescale: null for none. */
static gboolean
get_rescale (JsonObject *object, const char *where, float *value, GError **error)
{
  const char *key = "pos_embed_rescale";
  if (json_object_has_member (object, key) && json_object_get_null_member (object, key)) {
    *value = 0;
    return TRUE;
  }
  return get_float (object, where, key, value, error);
}

static gboolean
check_word (JsonObject *object, const char *where, const char *key, const char *expected,
            const char *fallback, GError **error)
{
  const char *word = fallback;
  if (!cow_json_get_string (object, where, key, &word, error))
    return FALSE;
  if (g_strcmp0 (word, expected) == 0)
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
               "%s: \"%s\" is %s%s%s, only \"%s\" is supported here", where, key,
               word != NULL ? "\"" : "", word != NULL ? word : "missing", word != NULL ? "\"" : "",
               expected);
  return FALSE;
}

static gboolean
check_quantisation (JsonObject *object, const char *where, GError **error)
{
  JsonObject *q = NULL;
  if (!cow_json_get_object (object, where, "quantization_config", &q, error))
    return FALSE;
  if (q == NULL)
    return TRUE;
  gboolean four_bit = FALSE;
  if (!check_word (q, where, "quant_method", "bitsandbytes", "bitsandbytes", error) ||
      !cow_json_get_bool (q, where, "load_in_4bit", &four_bit, error))
    return FALSE;
  if (!four_bit) {
    g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
                 "%s: \"quantization_config\" does not say \"load_in_4bit\": true; of "
                 "bitsandbytes' formats only NF4 is supported",
                 where);
    return FALSE;
  }
  /* bitsandbytes' own default is fp4, so a missing type is not NF4. */
  return check_word (q, where, "bnb_4bit_quant_type", "nf4", "fp4", error);
}

static gboolean
refuse_type (const char *type, const char *where, GError **error)
{
  g_autofree char *known = cow_vit_family_types_text ();
  g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
               "%s: \"model_type\" is %s%s%s, only %s are supported here", where, type ? "\"" : "",
               type ? type : "missing", type ? "\"" : "", known);
  return FALSE;
}

/* The width of the MLP, by transformers' rule for gated ones where nobody says it. */
static gboolean
get_mlp (JsonObject *o, const char *where, CowVitConfig *c, GError **error)
{
  double ratio = 4;
  if (!cow_json_get_bool (o, where, "use_swiglu_ffn", &c->gated, error) ||
      !cow_json_get_double (o, where, "mlp_ratio", &ratio, error))
    return FALSE;
  const double wide = c->hidden_size * (ratio > 0 && ratio < 1000 ? ratio : 0);
  c->intermediate_size = c->gated ? ((int)(wide * 2 / 3) + 7) / 8 * 8 : (int)wide;
  return get_size (o, where, "intermediate_size", &c->intermediate_size, error);
}

static gboolean
get_position_rule (JsonObject *o, const char *where, CowVitConfig *c, GError **error)
{
  const char *name =
      position_rules[c->n_registers > 0 ? COW_POSITIONS_ANTIALIASED : COW_POSITIONS_PLAIN];
  gboolean class_position = TRUE;
  if (!cow_json_get_string (o, where, "position_interpolation", &name, error) ||
      !cow_json_get_bool (o, where, "class_position", &class_position, error))
    return FALSE;
  c->no_class_position = !class_position;
  for (guint i = 0; i < G_N_ELEMENTS (position_rules); i++)
    if (g_str_equal (name, position_rules[i])) {
      c->position_rule = (CowPositionRule)i;
      return TRUE;
    }
  g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
               "%s: \"position_interpolation\" is \"%s\", expected \"bicubic\", "
               "\"bicubic-antialiased\" or \"bicubic-offset\"",
               where, name);
  return FALSE;
}

/* What all of transformers' vision transformers call alike. */
static gboolean
get_sizes (JsonObject *o, const char *where, CowVitConfig *c, GError **error)
{
  return check_quantisation (o, where, error) &&
         get_size (o, where, "hidden_size", &c->hidden_size, error) &&
         get_size (o, where, "num_hidden_layers", &c->n_layers, error) &&
         get_size (o, where, "num_attention_heads", &c->n_heads, error) &&
         get_size (o, where, "patch_size", &c->patch_size, error) &&
         get_size (o, where, "num_channels", &c->n_channels, error) &&
         get_size (o, where, "num_register_tokens", &c->n_registers, error) &&
         get_size (o, where, "image_size", &c->image_size, error);
}

/* transformers' Dinov2Config and Dinov2WithRegistersConfig. */
static gboolean
read_dinov2 (JsonObject *o, const char *where, CowVitConfig *c, GError **error)
{
  gboolean qkv_bias = TRUE;
  c->hidden_size = 768;
  c->n_heads = 12;
  if (!get_sizes (o, where, c, error) || !get_mlp (o, where, c, error) ||
      !cow_json_get_bool (o, where, "qkv_bias", &qkv_bias, error) ||
      !get_float (o, where, "layer_norm_eps", &c->norm_epsilon, error) ||
      !get_position_rule (o, where, c, error))
    return FALSE;
  c->q_bias = c->k_bias = c->v_bias = qkv_bias;
  return check_word (o, where, "hidden_act", "gelu", "gelu", error) && validate (c, where, error);
}

static gboolean
read_object (JsonObject *o, const char *where, CowVitConfig *c, GError **error)
{
  *c = (CowVitConfig){
    .family = cow_vit_family_default (),
    .hidden_size = 384,
    .n_layers = 12,
    .n_heads = 6,
    .intermediate_size = 1536,
    .n_channels = 3,
    .image_size = 224,
    .q_bias = TRUE,
    .v_bias = TRUE,
    .o_bias = TRUE,
    .mlp_bias = TRUE,
    .rope_theta = 100,
  };
  const char *type = NULL;
  if (!cow_json_get_string (o, where, "model_type", &type, error))
    return FALSE;
  c->family = cow_vit_family_find (type);
  if (!c->family)
    return refuse_type (type, where, error);
  c->patch_size = c->family->patch_size;
  c->n_registers = c->family->n_registers;
  c->k_bias = c->family->k_bias;
  c->norm_epsilon = c->family->norm_epsilon;
  c->rope_rescale = c->family->rope_rescale;
  if (c->family->any_size)
    return read_dinov2 (o, where, c, error);
  return get_sizes (o, where, c, error) &&
         get_size (o, where, "intermediate_size", &c->intermediate_size, error) &&
         cow_json_get_bool (o, where, "use_gated_mlp", &c->gated, error) &&
         cow_json_get_bool (o, where, "query_bias", &c->q_bias, error) &&
         cow_json_get_bool (o, where, "key_bias", &c->k_bias, error) &&
         cow_json_get_bool (o, where, "value_bias", &c->v_bias, error) &&
         cow_json_get_bool (o, where, "proj_bias", &c->o_bias, error) &&
         cow_json_get_bool (o, where, "mlp_bias", &c->mlp_bias, error) &&
         get_float (o, where, "layer_norm_eps", &c->norm_epsilon, error) &&
         get_float (o, where, "rope_theta", &c->rope_theta, error) &&
         get_rescale (o, where, &c->rope_rescale, error) &&
         check_word (o, where, "hidden_act", c->gated ? "silu" : "gelu", "gelu", error) &&
         validate (c, where, error);
}

static gboolean
read_file (const char *file, CowVitConfig *config, GError **error)
{
  g_autoptr (JsonObject) object = cow_json_read_object (file, error);
  return object != NULL && read_object (object, file, config, error);
}

gboolean
cow_vit_config_read (const char *folder, CowVitConfig *config, GError **error)
{
  g_autofree char *file = g_build_filename (folder, "config.json", NULL);
  return read_file (file, config, error);
}

/* ---- from the tensors -------------------------------------------------------------------------
 * The sizes read off the shapes of the tensors, for checkpoints without config.json (Meta's
 * .pth). The values that no shape tells are the same in every published size: epsilon 1e-5, theta
 * 100, heads of 64, or of 128 in the 7B.
 */

/* Dimension `axis` of a tensor that must have n_dims. */
static gboolean
dimension (const CowCheckpoint *checkpoint, const char *name, guint n_dims, guint axis, int *size,
           GError **error)
{
  const CowTensor *tensor = cow_checkpoint_find (checkpoint, name);
  if (tensor == NULL) {
    g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND,
                 "%s: no tensor %s: not a %s that is known here (a folder with config.json "
                 "says more than the tensors alone)",
                 cow_checkpoint_path (checkpoint), name, cow_vit_family_default ()->title);
    return FALSE;
  }
  if (tensor->n_dims != n_dims || tensor->dims[axis] < 1 || tensor->dims[axis] > LIMIT) {
    g_autofree char *shape = cow_tensor_shape_text (tensor);
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: %s has shape %s, expected %u dimensions",
                 cow_checkpoint_file_of (checkpoint, tensor), name, shape, n_dims);
    return FALSE;
  }
  *size = (int)tensor->dims[axis];
  return TRUE;
}

static gboolean
has (const CowCheckpoint *checkpoint, const char *name)
{
  return cow_checkpoint_find (checkpoint, name) != NULL;
}

static int
count_layers (const CowCheckpoint *checkpoint)
{
  guint limit = cow_checkpoint_n_tensors (checkpoint);
  for (guint n = 0; n < limit; n++) {
    g_autofree char *name = g_strdup_printf ("layer.%u.norm1.weight", n);
    if (!has (checkpoint, name))
      return (int)n;
  }
  return (int)limit;
}

/* The side of the square of patches that learned positions fit, with or without the class token's
 * before them. */
static gboolean
infer_positions (const CowCheckpoint *checkpoint, CowVitConfig *c, GError **error)
{
  int n = 0;
  if (!dimension (checkpoint, cow_vit_names.positions, 3, 1, &n, error))
    return FALSE;
  const int with = (int)lround (sqrt (n - 1.0)), without = (int)lround (sqrt ((double)n));
  c->no_class_position = with * with != n - 1;
  if (c->no_class_position && without * without != n) {
    g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
                 "%s: %s has %d rows, which are no square of patches, with or without the class "
                 "token's",
                 cow_checkpoint_path (checkpoint), cow_vit_names.positions, n);
    return FALSE;
  }
  c->image_size = c->patch_size * (c->no_class_position ? without : with);
  return TRUE;
}

/* How the positions of a DINOv2 are interpolated by those whose file it is. */
static CowPositionRule
rule_of (const CowCheckpoint *checkpoint, const CowVitConfig *c)
{
  return cow_checkpoint_names_of (checkpoint) == COW_NAMES_IMAGE_MODELS || c->n_registers > 0
             ? COW_POSITIONS_ANTIALIASED
         : cow_checkpoint_names_of (checkpoint) == COW_NAMES_META ? COW_POSITIONS_OFFSET
                                                                  : COW_POSITIONS_PLAIN;
}

static gboolean
infer_sizes (const CowCheckpoint *checkpoint, CowVitConfig *c, GError **error)
{
  const char *patch = "embeddings.patch_embeddings.weight", *up = "layer.0.mlp.up_proj.weight";
  const char *registers = "embeddings.register_tokens";
  if (!dimension (checkpoint, patch, 4, 0, &c->hidden_size, error) ||
      !dimension (checkpoint, patch, 4, 1, &c->n_channels, error) ||
      !dimension (checkpoint, patch, 4, 2, &c->patch_size, error) ||
      !dimension (checkpoint, up, 2, 0, &c->intermediate_size, error) ||
      (has (checkpoint, registers) &&
       !dimension (checkpoint, registers, 3, 1, &c->n_registers, error)) ||
      (c->family->learned_positions && !infer_positions (checkpoint, c, error)))
    return FALSE;
  if (c->family->learned_positions)
    c->position_rule = rule_of (checkpoint, c);
  c->n_layers = count_layers (checkpoint);
  c->gated = has (checkpoint, "layer.0.mlp.gate_proj.weight");
  c->q_bias = has (checkpoint, "layer.0.attention.q_proj.bias");
  c->k_bias = has (checkpoint, "layer.0.attention.k_proj.bias");
  c->v_bias = has (checkpoint, "layer.0.attention.v_proj.bias");
  c->o_bias = has (checkpoint, "layer.0.attention.o_proj.bias");
  c->mlp_bias = has (checkpoint, "layer.0.mlp.up_proj.bias");
  return TRUE;
}

/* Heads of 64, of DINOv3's 7B of 128, in all networks that are known by their tensors alone. */
static gboolean
infer_heads (const CowCheckpoint *checkpoint, CowVitConfig *c, GError **error)
{
  const int head_dim = c->hidden_size == 4096 ? 128 : 64;
  if (c->hidden_size % head_dim != 0) {
    g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
                 "%s: hidden size %d is no multiple of %d: a config.json has to tell the heads",
                 cow_checkpoint_path (checkpoint), c->hidden_size, head_dim);
    return FALSE;
  }
  c->n_heads = c->hidden_size / head_dim;
  return TRUE;
}

static void
start_inferring (const CowVitFamily *family, CowVitConfig *c)
{
  *c = (CowVitConfig){ .family = family,
                       .image_size = 224,
                       .norm_epsilon = family->norm_epsilon,
                       .rope_theta = 100,
                       .rope_rescale = family->rope_rescale };
}

/* Of networks with learned positions, those with layer scales are DINOv2. */
static const CowVitFamily *
infer_family (const CowCheckpoint *checkpoint)
{
  if (!has (checkpoint, cow_vit_names.positions))
    return cow_vit_family_default ();
  if (!has (checkpoint, "layer.0.layer_scale1.lambda1"))
    return NULL;
  return cow_vit_family_find (has (checkpoint, cow_vit_names.registers) ? "dinov2_with_registers"
                                                                        : "dinov2");
}

gboolean
cow_vit_config_infer (const CowCheckpoint *checkpoint, CowVitConfig *c, GError **error)
{
  const CowVitFamily *family = infer_family (checkpoint);
  if (family == NULL) {
    g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
                 "%s: a network with learned positions without a config.json, which "
                 "has to tell its heads",
                 cow_checkpoint_path (checkpoint));
    return FALSE;
  }
  start_inferring (family, c);
  if (has (checkpoint, "layer.0.mlp.up_proj.weight.quant_state.bitsandbytes__nf4")) {
    g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
                 "%s: NF4 tensors without a config.json: packed weights have no shape to infer "
                 "from; put the model's config.json beside them",
                 cow_checkpoint_path (checkpoint));
    return FALSE;
  }
  return infer_sizes (checkpoint, c, error) && infer_heads (checkpoint, c, error) &&
         validate (c, cow_checkpoint_path (checkpoint), error);
}

/* ---- timm's ------------------------------------------------------------------------------------
 * Its config.json names the architecture, and its program has the rest. The sizes are the tensors';
 * heads are of 64 (the 7B's of 128) in all of these, unless "model_args" says otherwise.
 */

static const char *const plain_sizes[] = { "vit_tiny_patch", "vit_small_patch", "vit_base_patch",
                                           "vit_large_patch" };

/* The model_type of an architecture, NULL where it is none that is read. */
static const char *
timm_type (const char *architecture)
{
  if (!g_str_has_prefix (architecture, "vit_"))
    return NULL;
  if (strstr (architecture, "_dinov3"))
    return "dinov3_vit";
  if (strstr (architecture, "_dinov2"))
    return strstr (architecture, "_reg") ? "dinov2_with_registers" : "dinov2";
  for (guint i = 0; i < G_N_ELEMENTS (plain_sizes); i++)
    if (g_str_has_prefix (architecture, plain_sizes[i])) {
      const char *rest = architecture + strlen (plain_sizes[i]);
      rest += strspn (rest, "0123456789");
      if (*rest == '_' && rest[1] != '\0' && rest[1 + strspn (rest + 1, "0123456789")] == '\0')
        return "timm_vit";
    }
  return NULL;
}

/* The model_type that a config.json says or means, NULL where it says nothing; for timm's unknown
 * architectures an error. */
static gboolean
type_of (JsonObject *object, const char *where, const char **type, GError **error)
{
  const char *architecture = NULL;
  *type = NULL;
  if (!cow_json_get_string (object, where, "model_type", type, error) ||
      !cow_json_get_string (object, where, "architecture", &architecture, error))
    return FALSE;
  if (*type != NULL || architecture == NULL || (*type = timm_type (architecture)) != NULL)
    return TRUE;
  g_set_error (
      error, COW_ERROR, COW_ERROR_UNSUPPORTED,
      "%s: \"architecture\" is \"%s\": of timm's networks, DINOv3, DINOv2 and plain vision "
      "transformers (vit_tiny, vit_small, vit_base, vit_large) are read",
      where, architecture);
  return FALSE;
}

static gboolean
read_timm (JsonObject *o, const char *where, const CowCheckpoint *checkpoint, const char *type,
           CowVitConfig *c, GError **error)
{
  JsonObject *arguments = NULL;
  start_inferring (cow_vit_family_find (type), c);
  if (g_str_equal (type, "timm_vit"))
    c->norm_epsilon = 1e-6f;
  if (!infer_sizes (checkpoint, c, error) || !infer_heads (checkpoint, c, error) ||
      !cow_json_get_object (o, where, "model_args", &arguments, error) ||
      (arguments != NULL && !get_size (arguments, where, "num_heads", &c->n_heads, error)))
    return FALSE;
  return validate (c, where, error);
}

/* ---- the file of a path, and its text -------------------------------------------------------- */

char *
cow_vit_config_file_for (const char *path)
{
  if (!cow_path_is_file (path))
    return g_build_filename (path, "config.json", NULL);
  g_autofree char *folder = g_path_get_dirname (path);
  return g_build_filename (folder, "config.json", NULL);
}

gboolean
cow_config_model_type (const char *path, char **type, GError **error)
{
  g_autofree char *file = cow_vit_config_file_for (path);
  const char *found = NULL;
  *type = NULL;
  if (!cow_path_exists (file))
    return TRUE;
  g_autoptr (JsonObject) object = cow_json_read_object (file, error);
  if (object == NULL || !type_of (object, file, &found, error))
    return FALSE;
  *type = g_strdup (found);
  return TRUE;
}

/* Whether a config.json says nothing of a network: it lies beside a file by chance. */
static gboolean
is_by_chance (JsonObject *object, const char *path)
{
  return !json_object_has_member (object, "model_type") &&
         !json_object_has_member (object, "architecture") &&
         !json_object_has_member (object, "architectures") &&
         !json_object_has_member (object, "hidden_size") && cow_path_is_file (path);
}

gboolean
cow_vit_config_for (const char *path, const CowCheckpoint *checkpoint, CowVitConfig *config,
                    GError **error)
{
  g_autofree char *file = cow_vit_config_file_for (path);
  const char *type = NULL;
  if (!cow_path_exists (file))
    return cow_vit_config_infer (checkpoint, config, error);
  g_autoptr (JsonObject) object = cow_json_read_object (file, error);
  if (object == NULL || !type_of (object, file, &type, error))
    return FALSE;
  if (is_by_chance (object, path))
    return cow_vit_config_infer (checkpoint, config, error);
  return cow_config_names_architecture (object)
             ? read_timm (object, file, checkpoint, type, config, error)
             : read_object (object, file, config, error);
}

gboolean
cow_config_names_architecture (JsonObject *object)
{
  return json_object_has_member (object, "architecture") &&
         !json_object_has_member (object, "model_type");
}

JsonObject *
cow_quantisation_config_new (void)
{
  JsonObject *q = json_object_new ();
  json_object_set_string_member (q, "quant_method", "bitsandbytes");
  json_object_set_boolean_member (q, "load_in_4bit", TRUE);
  json_object_set_boolean_member (q, "load_in_8bit", FALSE);
  json_object_set_string_member (q, "bnb_4bit_quant_type", "nf4");
  json_object_set_boolean_member (q, "bnb_4bit_use_double_quant", TRUE);
  json_object_set_string_member (q, "bnb_4bit_compute_dtype", "float32");
  json_object_set_string_member (q, "bnb_4bit_quant_storage", "uint8");
  json_object_set_boolean_member (q, "_load_in_4bit", TRUE);
  json_object_set_boolean_member (q, "_load_in_8bit", FALSE);
  json_object_set_null_member (q, "llm_int8_skip_modules");
  json_object_set_boolean_member (q, "llm_int8_enable_fp32_cpu_offload", FALSE);
  json_object_set_boolean_member (q, "llm_int8_has_fp16_weight", FALSE);
  json_object_set_double_member (q, "llm_int8_threshold", 6.0);
  return q;
}

/* The double that a person would write for a float: 1e-05, not 9.9999997473787516e-06. */
static double
short_double (float value)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];
  g_ascii_formatd (text, sizeof text, "%.7g", value);
  double v = g_ascii_strtod (text, NULL);
  return (float)v == value ? v : value;
}

char *
cow_vit_config_to_json (const CowVitConfig *c, gboolean nf4)
{
  g_autoptr (JsonObject) o = json_object_new ();
  g_autoptr (JsonArray) architectures = json_array_new ();
  json_array_add_string_element (architectures, c->family->architecture);
  json_object_set_array_member (o, "architectures", json_array_ref (architectures));
  json_object_set_string_member (o, "model_type", c->family->model_type);
  json_object_set_int_member (o, "hidden_size", c->hidden_size);
  json_object_set_int_member (o, "num_hidden_layers", c->n_layers);
  json_object_set_int_member (o, "num_attention_heads", c->n_heads);
  json_object_set_int_member (o, "intermediate_size", c->intermediate_size);
  json_object_set_int_member (o, "patch_size", c->patch_size);
  json_object_set_int_member (o, "num_channels", c->n_channels);
  json_object_set_int_member (o, "num_register_tokens", c->n_registers);
  json_object_set_int_member (o, "image_size", c->image_size);
  json_object_set_string_member (o, "hidden_act", c->gated ? "silu" : "gelu");
  json_object_set_boolean_member (o, "use_gated_mlp", c->gated);
  json_object_set_boolean_member (o, "query_bias", c->q_bias);
  json_object_set_boolean_member (o, "key_bias", c->k_bias);
  json_object_set_boolean_member (o, "value_bias", c->v_bias);
  json_object_set_boolean_member (o, "proj_bias", c->o_bias);
  json_object_set_boolean_member (o, "mlp_bias", c->mlp_bias);
  json_object_set_double_member (o, "layer_norm_eps", short_double (c->norm_epsilon));
  json_object_set_double_member (o, "rope_theta", short_double (c->rope_theta));
  if (c->rope_rescale > 0)
    json_object_set_double_member (o, "pos_embed_rescale", short_double (c->rope_rescale));
  else
    json_object_set_null_member (o, "pos_embed_rescale"); /* left out, it means 2 to transformers */
  if (c->family->any_size) {
    json_object_set_boolean_member (o, "use_swiglu_ffn", c->gated);
    json_object_set_string_member (o, "hidden_act", "gelu");
    json_object_set_boolean_member (o, "qkv_bias", c->k_bias);
    json_object_set_string_member (o, "position_interpolation", position_rules[c->position_rule]);
    json_object_set_boolean_member (o, "class_position", !c->no_class_position);
  }
  if (nf4)
    json_object_set_object_member (o, "quantization_config", cow_quantisation_config_new ());
  return cow_json_object_text (o);
}

gboolean
cow_vit_config_module (const CowVitConfig *c, CowModule module, gint64 *out, gint64 *in,
                       gboolean *bias)
{
  gint64 hidden = c->hidden_size, wide = c->intermediate_size;
  const gboolean attention_bias[] = { c->q_bias, c->k_bias, c->v_bias, c->o_bias };
  if (module == COW_GATE && !c->gated)
    return FALSE;
  *out = module == COW_GATE || module == COW_UP ? wide : hidden;
  *in = module == COW_DOWN ? wide : hidden;
  *bias = module <= COW_O ? attention_bias[module] : c->mlp_bias;
  return TRUE;
}
