/* SPDX-License-Identifier: MIT */
/*
 * Which of PEFT's options may stand in an adapter_config.json. An option that changes the result
 * and is ignored gives wrong numbers without a word, so each known one has its place in a table,
 * and one that is not known may only be unset. Options as of PEFT 0.21.
 */
#include <string.h>

#include "model/adapter/adapter-private.h"
#include "model/files/json-object.h"

/* Read by adapter-config.c, or without meaning for what a trained adapter computes. */
static const char *const harmless[] = {
  /* read */
  "peft_type",
  "r",
  "lora_alpha",
  "lora_dropout",
  "target_modules",
  "exclude_modules",
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
  "fan_in_fan_out",    "modules_to_save",   "layer_replication",       "lora_bias",
  "use_qalora",        "use_bdlora",        "alora_invocation_tokens", "arrow_config",
  "megatron_config",   "target_parameters", "trainable_token_indices", "velora_config",
  "monteclora_config", "kasa_config",       "ensure_weight_tying",
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

gboolean
cow_adapter_options_check (JsonObject *object, const char *where, GError **error)
{
  g_autoptr (GList) keys = json_object_get_members (object);
  for (GList *l = keys; l != NULL; l = l->next)
    if (!check_option (l->data, json_object_get_member (object, l->data), where, error))
      return FALSE;
  return check_bias (object, where, error) && check_start (object, where, error);
}
