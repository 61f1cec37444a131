/* SPDX-License-Identifier: MIT */
/* What an adapter carries of its evaluation, in its cowbehavior.json. */
#include "model/adapter/adapter.h"
#include "model/adapter/card.h"
#include "trainer/eval/describe.h"
#include "trainer/eval/evaluation.h"

/* The defaults that a folder without a card has been used with, now written down: its kind is what
 * PEFT's files say. */
static gboolean
complete (CowCard *card, const char *adapter, const char *model, GError **error)
{
  g_autoptr (JsonObject) described = json_object_new ();
  if (!describe_adapter (described, adapter, error))
    return FALSE;
  g_free (card->kind);
  card->kind = g_strdup (json_object_get_string_member (described, "method"));
  g_free (card->base_name);
  card->base_name = g_strdup (model);
  return TRUE;
}

gboolean
cow_evaluation_keep (const char *adapter, const char *model, const CowCalibration *calibration,
                     const char *calibration_split, const CowEvaluation *metrics, GError **error)
{
  gboolean found = FALSE;
  g_autoptr (CowCard) card = cow_card_read (adapter, &found, error);
  if (!card || (!found && !complete (card, adapter, model, error)))
    return FALSE;
  if (calibration) {
    JsonObject *object = cow_calibration_to_json (calibration, (const char *const *)card->classes,
                                                  calibration_split);
    cow_card_set_member (card, "calibration", json_node_init_object (json_node_alloc (), object));
    json_object_unref (object);
  }
  if (metrics) {
    JsonNode *node = json_node_new (JSON_NODE_ARRAY);
    json_node_take_array (node, cow_evaluation_confusion_json (metrics));
    cow_card_set_member (card, "confusion", node);
    JsonObject *object = cow_evaluation_metrics_json (metrics);
    cow_card_set_member (card, "metrics", json_node_init_object (json_node_alloc (), object));
    json_object_unref (object);
  }
  return cow_card_write (card, adapter, error);
}
