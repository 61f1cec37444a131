/* SPDX-License-Identifier: MIT */
/*
 * adapter_config.json, and PEFT's rules of which module it means: a name in target_modules,
 * rank_pattern or alpha_pattern is a module's full name or its end after a dot; a string in place
 * of the list is a regular expression, and so are the patterns' names where they are no plain ones.
 * Expressions come from a stranger's file: few, short, and each match has a limit.
 */
#include "model/adapter/adapter-config.h"

#include <string.h>

#include "model/files/error.h"
#include "model/files/json-object.h"

#define MAX_RANK     65536
#define MAX_ALPHA    1e9  /* keeps scales inside fp32; PEFT's alphas are of the order of the rank */
#define MAX_REGEX    1000 /* bytes of a regular expression, */
#define MOST_REGEXES 32   /* and how many of them a file may have */
/* How much a match may try: a name takes some hundreds, or thousands by an expression that looks
 * for several words; an expression that never ends takes millions. */
#define LIMITS    "(*LIMIT_MATCH=50000)(*LIMIT_DEPTH=1000)"
#define MAX_NAMES 4096 /* entries of a list: 256 layers of 7 modules each by name, and some */

static void
clear_pattern (gpointer pattern)
{
  g_free (((CowPattern *)pattern)->suffix);
  g_clear_pointer (&((CowPattern *)pattern)->regex, g_regex_unref);
}

void
cow_adapter_config_clear (CowAdapterConfig *c)
{
  g_free (c->path);
  g_free (c->base);
  g_strfreev (c->targets);
  g_strfreev (c->excluded);
  g_strfreev (c->saved);
  g_clear_pointer (&c->target_regex, g_regex_unref);
  g_clear_pointer (&c->excluded_regex, g_regex_unref);
  g_clear_pointer (&c->own_names, g_hash_table_unref);
  g_clear_pointer (&c->layers, g_array_unref);
  g_clear_pointer (&c->ranks, g_array_unref);
  g_clear_pointer (&c->alphas, g_array_unref);
  *c = (CowAdapterConfig){ 0 };
}

/* ---- which module a name means --------------------------------------------------------------- */

gboolean
cow_module_matches (int layer, CowModule module, const char *suffix)
{
  /* The longer name ends in all that the shorter one does. */
  g_autofree char *name = g_strdup_printf (".model.layer.%d.%s", layer, cow_module_name (module));
  g_autofree char *end = g_strconcat (".", suffix, NULL);
  return g_str_has_suffix (name, end);
}

gboolean
cow_targets_match (char *const *targets, int layer, CowModule module)
{
  for (; *targets != NULL; targets++)
    if (strcmp (*targets, "all-linear") == 0 || cow_module_matches (layer, module, *targets))
      return TRUE;
  return FALSE;
}

static gpointer
key_of (int layer, CowModule module)
{
  return GINT_TO_POINTER (layer * COW_N_MODULES + (int)module);
}

void
cow_adapter_config_name (CowAdapterConfig *c, int layer, CowModule module, const char *name)
{
  if (c->own_names == NULL)
    c->own_names = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  g_hash_table_insert (c->own_names, key_of (layer, module), g_strdup (name));
}

static const char *
own_name (const CowAdapterConfig *c, int layer, CowModule module)
{
  return c->own_names ? g_hash_table_lookup (c->own_names, key_of (layer, module)) : NULL;
}

/* By transformers' older or newer name, or that in the adapter's file. A match that takes more
 * than its limit is none, with an error that says so. */
static gboolean
find_match (const CowAdapterConfig *c, const GRegex *regex, int layer, CowModule module,
            GError **error)
{
  g_autofree char *newer = g_strdup_printf ("model.layer.%d.%s", layer, cow_module_name (module));
  const char *names[] = { newer + strlen ("model."), newer, own_name (c, layer, module) };
  for (guint i = 0; i < G_N_ELEMENTS (names) && names[i]; i++) {
    g_autoptr (GError) local = NULL;
    if (g_regex_match_full (regex, names[i], -1, 0, 0, NULL, &local))
      return TRUE;
    if (local == NULL)
      continue;
    g_autofree char *shown = g_strescape (g_regex_get_pattern (regex) + strlen (LIMITS), NULL);
    g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
                 "%s: the regular expression \"%.200s\" takes too long on the name %s: one with "
                 "fewer repetitions inside others is needed",
                 c->path, shown, names[i]);
    return FALSE;
  }
  return FALSE;
}

/* After cow_adapter_config_check (). */
static gboolean
regex_matches (const CowAdapterConfig *c, const GRegex *regex, int layer, CowModule module)
{
  return find_match (c, regex, layer, module, NULL);
}

static gboolean
check_regex (const CowAdapterConfig *c, const GRegex *regex, int n_layers, GError **error)
{
  for (int i = 0; regex && i < n_layers * COW_N_MODULES; i++) {
    g_autoptr (GError) local = NULL;
    find_match (c, regex, i / COW_N_MODULES, (CowModule)(i % COW_N_MODULES), &local);
    if (local == NULL)
      continue;
    g_propagate_error (error, g_steal_pointer (&local));
    return FALSE;
  }
  return TRUE;
}

gboolean
cow_adapter_config_check (const CowAdapterConfig *c, int n_layers, GError **error)
{
  const GArray *patterns[] = { c->ranks, c->alphas };
  gboolean ok = check_regex (c, c->target_regex, n_layers, error) &&
                check_regex (c, c->excluded_regex, n_layers, error);
  for (guint p = 0; p < G_N_ELEMENTS (patterns); p++)
    for (guint i = 0; ok && i < patterns[p]->len; i++)
      ok = check_regex (c, g_array_index (patterns[p], CowPattern, i).regex, n_layers, error);
  return ok;
}

/* Whether a name is what the adapter's file calls the module, or the end of that. */
static gboolean
own_name_matches (const CowAdapterConfig *c, const char *name, int layer, CowModule module)
{
  const char *own = own_name (c, layer, module);
  g_autofree char *end = g_strconcat (".", name, NULL);
  return own && (g_str_equal (own, name) || g_str_has_suffix (own, end));
}

static gboolean
list_matches (const CowAdapterConfig *c, char *const *names, int layer, CowModule module)
{
  if (cow_targets_match (names, layer, module))
    return TRUE;
  for (; *names != NULL; names++)
    if (own_name_matches (c, *names, layer, module))
      return TRUE;
  return FALSE;
}

gboolean
cow_adapter_config_targets (const CowAdapterConfig *c, int layer, CowModule module)
{
  gboolean here = c->layers == NULL || c->target_regex != NULL;
  for (guint i = 0; !here && i < c->layers->len; i++)
    here = g_array_index (c->layers, gint64, i) == layer;
  if (!here || (c->excluded_regex ? regex_matches (c, c->excluded_regex, layer, module)
                                  : list_matches (c, c->excluded, layer, module)))
    return FALSE;
  return c->target_regex ? regex_matches (c, c->target_regex, layer, module)
                         : list_matches (c, c->targets, layer, module);
}

gboolean
cow_adapter_config_saves (const CowAdapterConfig *c, const char *name)
{
  g_auto (GStrv) parts = g_strsplit (name, ".", -1);
  for (char **part = parts; *part != NULL; part++)
    if (g_strv_contains ((const char *const *)c->saved, *part))
      return TRUE;
  return FALSE;
}

static double
pattern_value (const CowAdapterConfig *c, const GArray *patterns, int layer, CowModule module,
               double otherwise)
{
  for (guint i = 0; i < patterns->len; i++) {
    const CowPattern *pattern = &g_array_index (patterns, CowPattern, i);
    if (pattern->regex ? regex_matches (c, pattern->regex, layer, module)
                       : cow_module_matches (layer, module, pattern->suffix) ||
                             own_name_matches (c, pattern->suffix, layer, module))
      return pattern->value;
  }
  return otherwise;
}

int
cow_adapter_config_rank (const CowAdapterConfig *c, int layer, CowModule module)
{
  return (int)pattern_value (c, c->ranks, layer, module, c->rank);
}

double
cow_adapter_config_alpha (const CowAdapterConfig *c, int layer, CowModule module)
{
  return pattern_value (c, c->alphas, layer, module, c->alpha);
}

/* ---- options ---------------------------------------------------------------------------------
 * Which of PEFT's options an adapter_config.json may have. Ignoring an option that changes the
 * result would give wrong numbers without a word, so each known one has its place in a table, and
 * an unknown one may only be unset. Options as of PEFT 0.21.
 */

/* Options that are read above, or that are without meaning for what a trained adapter computes. */
static const char *const harmless[] = {
  /* read */
  "peft_type",
  "r",
  "lora_alpha",
  "lora_dropout",
  "target_modules",
  "exclude_modules",
  "modules_to_save",
  "layers_to_transform",
  "layers_pattern",
  "rank_pattern",
  "alpha_pattern",
  "use_dora",
  "use_rslora",
  "bias",
  "base_model_name_or_path",
  "init_lora_weights",
  /* where it comes from */
  "peft_version",
  "revision",
  "task_type",
  "auto_mapping",
  "inference_mode",
  "runtime_config",
  /* parts of options that are refused themselves when set */
  "megatron_core",
  "qalora_group_size",
  /* ways to start the training; those that also change the base are refused through
     init_lora_weights */
  "loftq_config",
  "eva_config",
  "corda_config",
  "lora_ga_config",
};

static const char *const refused[] = {
  "fan_in_fan_out",    "layer_replication",       "lora_bias",     "use_qalora",
  "use_bdlora",        "alora_invocation_tokens", "arrow_config",  "megatron_config",
  "target_parameters", "trainable_token_indices", "velora_config", "monteclora_config",
  "kasa_config",       "ensure_weight_tying",
};

static gboolean
listed (const char *key, const char *const *list, gsize n)
{
  for (gsize i = 0; i < n; i++)
    if (strcmp (key, list[i]) == 0)
      return TRUE;
  return FALSE;
}

/* null, false, 0, "", [] and {} are how an option says that it is not used. */
static gboolean
is_unset (JsonNode *node)
{
  if (JSON_NODE_HOLDS_NULL (node))
    return TRUE;
  if (JSON_NODE_HOLDS_ARRAY (node))
    return json_array_get_length (json_node_get_array (node)) == 0;
  if (JSON_NODE_HOLDS_OBJECT (node))
    return json_object_get_size (json_node_get_object (node)) == 0;
  if (cow_json_holds (node, G_TYPE_STRING))
    return json_node_get_string (node)[0] == '\0';
  if (cow_json_holds (node, G_TYPE_BOOLEAN))
    return !json_node_get_boolean (node);
  return json_node_get_double (node) == 0;
}

/*
 * PiSSA, OLoRA, CorDA, LoftQ and LoRA-GA start the training by taking a part out of the base's
 * weights, and PEFT does it again when it loads such an adapter: its matrices do not belong to the
 * base as it is.
 */
static gboolean
check_start (JsonObject *object, const char *where, GError **error)
{
  static const char *const fine[] = { "gaussian", "orthogonal", "eva" };
  JsonNode *node = json_object_get_member (object, "init_lora_weights");
  if (node == NULL || JSON_NODE_HOLDS_NULL (node) || cow_json_holds (node, G_TYPE_BOOLEAN))
    return TRUE;
  if (cow_json_holds (node, G_TYPE_STRING) &&
      listed (json_node_get_string (node), fine, G_N_ELEMENTS (fine)))
    return TRUE;
  g_autofree char *found = cow_json_describe (node);
  g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
               "%s: \"init_lora_weights\" is %s, which changes the base's weights too; convert the "
               "adapter with PEFT's "
               "save_pretrained (path_initial_model_for_weight_conversion=...)",
               where, found);
  return FALSE;
}

static gboolean
check_bias (JsonObject *object, const char *where, GError **error)
{
  const char *bias = "none";
  if (!cow_json_get_string (object, where, "bias", &bias, error))
    return FALSE;
  if (strcmp (bias, "none") == 0)
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
               "%s: \"bias\" is \"%s\", only \"none\" is supported", where, bias);
  return FALSE;
}

static gboolean
check_option (const char *key, JsonNode *node, const char *where, GError **error)
{
  if (listed (key, harmless, G_N_ELEMENTS (harmless)) || is_unset (node))
    return TRUE;
  g_autofree char *found = cow_json_describe (node);
  if (listed (key, refused, G_N_ELEMENTS (refused)))
    g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
                 "%s: \"%s\" is %s: this option of PEFT is not supported", where, key, found);
  else
    g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
                 "%s: \"%s\" is %s: this program does not know that option of PEFT, which may "
                 "change the result",
                 where, key, found);
  return FALSE;
}

static gboolean
check_options (JsonObject *object, const char *where, GError **error)
{
  g_autoptr (GList) keys = json_object_get_members (object);
  for (GList *l = keys; l != NULL; l = l->next)
    if (!check_option (l->data, json_object_get_member (object, l->data), where, error))
      return FALSE;
  return check_bias (object, where, error) && check_start (object, where, error);
}

/* ---- reading --------------------------------------------------------------------------------- */

/* A dot is the one character that names and regular expressions share; as PEFT matches it, it means
 * itself in every real name. */
static gboolean
is_plain (const char *name)
{
  const gsize plain =
      strspn (name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-");
  return name[0] != '\0' && name[plain] == '\0';
}

static gboolean
check_name (const char *name, const char *where, const char *key, GError **error)
{
  if (is_plain (name))
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
               "%s: \"%s\" has \"%s\", which is no module's name; only a string in place of the "
               "list is a regular expression",
               where, key, name);
  return FALSE;
}

/* Compiles `before` EXPRESSION `after`; NULL on error. */
static GRegex *
new_regex (const char *before, const char *expression, const char *after, const char *where,
           const char *key, GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autofree char *whole = NULL, *shown = g_strescape (expression, NULL);
  GRegex *regex = NULL;
  if (strlen (expression) <= MAX_REGEX) {
    whole = g_strconcat (LIMITS, before, "(?:", expression, ")", after, NULL);
    regex = g_regex_new (whole, G_REGEX_DOLLAR_ENDONLY, 0, &local);
  }
  if (regex == NULL)
    g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
                 "%s: \"%s\" is the regular expression \"%.200s\", which is not understood: %s",
                 where, key, shown, local ? local->message : "it is longer than 1000 bytes");
  return regex;
}

static gboolean
wrong_type (JsonNode *node, const char *where, const char *key, const char *expected,
            GError **error)
{
  g_autofree char *found = cow_json_describe (node);
  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: \"%s\" is %s, expected %s", where, key,
               found, expected);
  return FALSE;
}

static gboolean
add_name (JsonNode *node, const char *where, const char *key, GPtrArray *names, GError **error)
{
  if (!cow_json_holds (node, G_TYPE_STRING))
    return wrong_type (node, where, key, "names of modules", error);
  if (!check_name (json_node_get_string (node), where, key, error))
    return FALSE;
  g_ptr_array_add (names, g_strdup (json_node_get_string (node)));
  return TRUE;
}

/* A name or a list of names; absent and null give an empty list. */
static gboolean
get_names (JsonObject *object, const char *where, const char *key, char ***names, GError **error)
{
  g_autoptr (GPtrArray) list = g_ptr_array_new_with_free_func (g_free);
  JsonNode *node = json_object_get_member (object, key);
  if (node != NULL && JSON_NODE_HOLDS_ARRAY (node)) {
    JsonArray *array = json_node_get_array (node);
    if (json_array_get_length (array) > MAX_NAMES)
      return wrong_type (node, where, key, "at most 4096 names", error);
    for (guint i = 0; i < json_array_get_length (array); i++)
      if (!add_name (json_array_get_element (array, i), where, key, list, error))
        return FALSE;
  } else if (node != NULL && !JSON_NODE_HOLDS_NULL (node) &&
             !add_name (node, where, key, list, error)) {
    return FALSE;
  }
  g_ptr_array_add (list, NULL);
  *names = (char **)g_ptr_array_free (g_steal_pointer (&list), FALSE);
  return TRUE;
}

/* A string in place of a list: a regular expression that a whole name must match, unless it is
 * simply a name. */
static gboolean
get_names_or_regex (JsonObject *object, const char *where, const char *key, char ***names,
                    GRegex **regex, GError **error)
{
  JsonNode *node = json_object_get_member (object, key);
  if (node == NULL || !cow_json_holds (node, G_TYPE_STRING) ||
      is_plain (json_node_get_string (node)))
    return get_names (object, where, key, names, error);
  const char *text = json_node_get_string (node);
  *names = text[0] != '\0' ? g_strdupv ((char *[]){ (char *)text, NULL }) : g_new0 (char *, 1);
  if (text[0] == '\0')
    return TRUE;
  *regex = new_regex ("\\A", text, "\\z", where, key, error);
  return *regex != NULL;
}

static gboolean
get_targets (JsonObject *object, const char *where, CowAdapterConfig *c, GError **error)
{
  if (!cow_json_require (object, where, "target_modules", error) ||
      !get_names_or_regex (object, where, "target_modules", &c->targets, &c->target_regex, error) ||
      !get_names_or_regex (object, where, "exclude_modules", &c->excluded, &c->excluded_regex,
                           error) ||
      !get_names (object, where, "modules_to_save", &c->saved, error))
    return FALSE;
  JsonNode *node = json_object_get_member (object, "target_modules");
  if (cow_json_holds (node, G_TYPE_STRING) &&
      g_ascii_strcasecmp (c->targets[0] ? c->targets[0] : "", "all-linear") == 0) {
    g_free (c->targets[0]);
    c->targets[0] = g_strdup ("all-linear");
  }
  if (c->targets[0] != NULL)
    return TRUE;
  return wrong_type (node, where, "target_modules", "at least one name", error);
}

static gboolean
add_layer (JsonNode *node, const char *where, GArray *layers, GError **error)
{
  if (!cow_json_holds (node, G_TYPE_INT64))
    return wrong_type (node, where, "layers_to_transform", "an integer or a list of integers",
                       error);
  gint64 layer = json_node_get_int (node);
  g_array_append_val (layers, layer);
  return TRUE;
}

/* layers_to_transform: an index or a list of them; [] means all, as in PEFT. */
static gboolean
get_layers (JsonObject *object, const char *where, CowAdapterConfig *c, GError **error)
{
  JsonNode *node = json_object_get_member (object, "layers_to_transform");
  g_auto (GStrv) pattern = NULL;
  if (!get_names (object, where, "layers_pattern", &pattern, error))
    return FALSE;
  if (node == NULL || JSON_NODE_HOLDS_NULL (node))
    return TRUE;
  JsonArray *array = JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
  if (array != NULL && json_array_get_length (array) == 0)
    return TRUE;
  if (pattern[0] != NULL && !g_strv_contains ((const char *const *)pattern, "layer"))
    return wrong_type (json_object_get_member (object, "layers_pattern"), where, "layers_pattern",
                       "\"layer\", as a transformer's layers are called here", error);
  if (array != NULL && json_array_get_length (array) > MAX_NAMES)
    return wrong_type (node, where, "layers_to_transform", "at most 4096 layers", error);
  c->layers = g_array_new (FALSE, FALSE, sizeof (gint64));
  if (array == NULL)
    return add_layer (node, where, c->layers, error);
  for (guint i = 0; i < json_array_get_length (array); i++)
    if (!add_layer (json_array_get_element (array, i), where, c->layers, error))
      return FALSE;
  return TRUE;
}

static gboolean
get_alpha (JsonObject *object, const char *where, const char *key, double *alpha, GError **error)
{
  if (!cow_json_get_double (object, where, key, alpha, error))
    return FALSE;
  if (*alpha >= -MAX_ALPHA && *alpha <= MAX_ALPHA)
    return TRUE;
  return wrong_type (json_object_get_member (object, key), where, key, "a number of less than 1e9",
                     error);
}

static gboolean
get_patterns (JsonObject *object, const char *where, const char *key, gboolean ranks,
              GArray **patterns, GError **error)
{
  JsonObject *map = NULL;
  *patterns = g_array_new (FALSE, FALSE, sizeof (CowPattern));
  g_array_set_clear_func (*patterns, clear_pattern);
  if (!cow_json_get_object (object, where, key, &map, error))
    return FALSE;
  if (map == NULL)
    return TRUE;
  if (json_object_get_size (map) > MAX_NAMES)
    return wrong_type (json_object_get_member (object, key), where, key, "at most 4096 names",
                       error);
  g_autoptr (GList) names = json_object_get_members (map);
  guint n_regexes = 0;
  for (GList *l = names; l != NULL; l = l->next) {
    gint64 rank = 0;
    double value = 0;
    if ((ranks && !cow_json_get_int (map, where, l->data, 1, MAX_RANK, &rank, error)) ||
        (!ranks && !get_alpha (map, where, l->data, &value, error)))
      return FALSE;
    CowPattern pattern = { g_strdup (l->data), NULL, ranks ? (double)rank : value };
    if (!is_plain (l->data)) {
      if (++n_regexes > MOST_REGEXES)
        wrong_type (json_object_get_member (object, key), where, key,
                    "at most 32 regular expressions", error);
      else /* as PEFT's get_pattern_key () */
        pattern.regex = new_regex ("\\A(?:.*\\.)?", l->data, "$", where, key, error);
    }
    g_array_append_val (*patterns, pattern);
    if (!pattern.regex && !is_plain (l->data))
      return FALSE;
  }
  return TRUE;
}

static gboolean
check_type (JsonObject *object, const char *where, GError **error)
{
  const char *type = NULL;
  if (!cow_json_require (object, where, "peft_type", error) ||
      !cow_json_get_string (object, where, "peft_type", &type, error))
    return FALSE;
  if (strcmp (type, "LORA") == 0)
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
               "%s: \"peft_type\" is \"%s\", only \"LORA\" (with or without DoRA) is supported",
               where, type);
  return FALSE;
}

static gboolean
get_numbers (JsonObject *object, const char *where, CowAdapterConfig *c, GError **error)
{
  gint64 rank = 8; /* this and alpha: PEFT's defaults */
  c->alpha = 8;
  if (!cow_json_get_int (object, where, "r", 1, MAX_RANK, &rank, error) ||
      !get_alpha (object, where, "lora_alpha", &c->alpha, error) ||
      !cow_json_get_double (object, where, "lora_dropout", &c->dropout, error))
    return FALSE;
  c->rank = (int)rank;
  if (c->dropout >= 0 && c->dropout < 1)
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
               "%s: \"lora_dropout\" is %g, expected from 0 to below 1", where, c->dropout);
  return FALSE;
}

static gboolean
read_object (JsonObject *object, CowAdapterConfig *c, GError **error)
{
  const char *where = c->path, *base = NULL;
  if (!check_type (object, where, error) || !check_options (object, where, error) ||
      !get_numbers (object, where, c, error) ||
      !cow_json_get_bool (object, where, "use_dora", &c->dora, error) ||
      !cow_json_get_bool (object, where, "use_rslora", &c->rslora, error) ||
      !cow_json_get_string (object, where, "base_model_name_or_path", &base, error) ||
      !get_targets (object, where, c, error) || !get_layers (object, where, c, error) ||
      !get_patterns (object, where, "rank_pattern", TRUE, &c->ranks, error) ||
      !get_patterns (object, where, "alpha_pattern", FALSE, &c->alphas, error))
    return FALSE;
  c->base = g_strdup (base);
  return TRUE;
}

gboolean
cow_adapter_config_read (const char *folder, CowAdapterConfig *config, GError **error)
{
  *config = (CowAdapterConfig){ .path = g_build_filename (folder, "adapter_config.json", NULL) };
  g_autoptr (JsonObject) object = cow_json_read_object (config->path, error);
  return object != NULL && read_object (object, config, error);
}
