/* SPDX-License-Identifier: MIT */
#include "trainer/train/run-card.h"

#include "cow-build.h"

static JsonNode *
node_of (JsonObject *object)
{
  JsonNode *node = json_node_new (JSON_NODE_OBJECT);
  json_node_take_object (node, object);
  return node;
}

/* Settings by key. Paths stay out, for a card travels with its adapter; so do those that change
 * nothing of what a step computes. */
static JsonObject *
settings_object (const CowRecipe *recipe)
{
  JsonObject *object = json_object_new ();

  for (guint i = 0; i < cow_recipe_n_settings (); i++) {
    if (cow_recipe_is_path (i) || cow_recipe_is_list (i) || cow_recipe_is_free (i) ||
        g_str_equal (cow_recipe_key (i), "recipe") ||
        /* the card says it, and those without it are to stay as they were */
        g_str_equal (cow_recipe_key (i), "multi-label") ||
        /* those of heads that find cows are not of others */
        (!recipe->detect && g_str_has_prefix (cow_recipe_key (i), "detect")))
      continue;
    g_autofree char *value = cow_recipe_get (recipe, i);
    if (*value)
      json_object_set_string_member (object, cow_recipe_key (i), value);
  }
  return object;
}

static JsonObject *
pictures_object (const CowDataset *dataset)
{
  JsonObject *object = json_object_new ();

  for (CowSplit split = COW_TRAIN; split < COW_N_SPLITS; split++)
    json_object_set_int_member (object, cow_split_name (split), dataset->splits[split]->len);
  return object;
}

CowCard *
run_card_new (const CowRecipe *recipe, const CowDataset *dataset, const char *base_path,
              const char *base_hash, const char *base_fingerprint, const char *device)
{
  CowCard *card = cow_card_new_default ();
  JsonObject *provenance = json_object_new ();

  g_free (card->kind);
  card->kind = g_strdup (cow_recipe_kind_name (recipe));
  g_strfreev (card->classes);
  card->classes = g_strdupv (dataset->classes);
  if (dataset->sets)
    cow_card_set_multiple (card, NULL);
  card->detects = recipe->detect;
  card->preprocess = recipe->preprocess;
  card->base_name = base_path ? g_path_get_basename (base_path) : NULL;
  card->base_hash = g_strdup (base_hash);
  card->base_fingerprint = g_strdup (base_fingerprint);
  json_object_set_string_member (provenance, "program", "cow-trainer " COW_VERSION);
  json_object_set_string_member (provenance, "recipe", recipe->name);
  json_object_set_string_member (provenance, "device", device);
  json_object_set_int_member (provenance, "arithmetic", CK_ARITHMETIC);
  json_object_set_object_member (provenance, "pictures", pictures_object (dataset));
  if (dataset->grouped_by)
    json_object_set_string_member (provenance, "grouped_by", dataset->grouped_by);
  json_object_set_object_member (provenance, "settings", settings_object (recipe));
  cow_card_set_member (card, "provenance", node_of (provenance));
  return card;
}

void
run_card_update (CowCard *card, const CowRunState *state, const CowDataset *dataset,
                 const float *thresholds)
{
  if (dataset->sets)
    cow_card_set_multiple (card, thresholds);
  if (state->history->len == 0)
    return;
  const CowEpoch *epoch = &g_array_index (state->history, CowEpoch, state->history->len - 1);
  JsonObject *metrics = json_object_new ();
  json_object_set_string_member (metrics, "split", cow_split_name (COW_VAL));
  json_object_set_int_member (metrics, "n", dataset->splits[COW_VAL]->len);
  json_object_set_double_member (metrics,
                                 card->detects   ? "map50_95"
                                 : dataset->sets ? "mean_average_precision"
                                                 : "accuracy",
                                 epoch->val_acc);
  if (card->detects)
    json_object_set_double_member (metrics, "map50", epoch->train_acc);
  json_object_set_double_member (metrics, "loss", epoch->val_loss);
  json_object_set_int_member (metrics, "epoch", (gint64)epoch->epoch);
  cow_card_set_member (card, "metrics", node_of (metrics));
}
