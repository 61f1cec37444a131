/* SPDX-License-Identifier: MIT */
/* Any bytes as JSON: what the check passes json-glib parses, or refuses for its members' names, and
 * all strings of it are text. */
#include <string.h>

#include "model/files/json-check.h"
#include "model/files/json.h"
#include "model/files/printable.h"
#include "tests/fuzz/fuzz.h"

static void
check_text (const char *text)
{
  g_autofree char *shown = cow_printable (text, FALSE);

  g_assert_true (g_utf8_validate (text, -1, NULL));
  g_assert_true (g_utf8_validate (shown, -1, NULL));
  for (const char *c = shown; *c; c++)
    g_assert_true ((guchar)*c >= 0x20 && *c != 0x7f);
}

static void
check_node (JsonNode *node)
{
  if (JSON_NODE_HOLDS_OBJECT (node)) {
    JsonObjectIter iter;
    const char *name;
    JsonNode *member;
    json_object_iter_init (&iter, json_node_get_object (node));
    while (json_object_iter_next (&iter, &name, &member)) {
      check_text (name);
      check_node (member);
    }
  } else if (JSON_NODE_HOLDS_ARRAY (node)) {
    JsonArray *array = json_node_get_array (node);
    for (guint i = 0; i < json_array_get_length (array); i++)
      check_node (json_array_get_element (array, i));
  } else if (JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_STRING) {
    check_text (json_node_get_string (node));
  }
}

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t size)
{
  const char *text = (const char *)data;
  g_autoptr (GError) error = NULL, why = NULL;
  const gboolean passed = cow_json_check (text, size, "fuzz", &why);
  g_autoptr (JsonNode) root = cow_json_parse (text, size, "fuzz", &error);

  fuzz_check_outcome (root != NULL, error);
  g_assert_true (passed == (why == NULL));
  if (passed)
    g_assert_true (root || strstr (error->message, "two members have the name"));
  if (root)
    check_node (root);
  return 0;
}
