/* SPDX-License-Identifier: MIT */
/* Any bytes as JSON: what the check passes json-glib parses, or refuses for its members' names; all
 * strings of it are text and can be shown; each getter takes a member or says why not; and it is
 * the same again after it was written. */
#include <math.h>
#include <string.h>

#include "model/files/json-check.h"
#include "model/files/json-object.h"
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

static void
get (JsonObject *object, const char *name, JsonNode *value, gpointer unused)
{
  g_autofree char *shown = cow_json_describe (value);
  gint64 integer = 0;
  double number = 0;
  gboolean yes = FALSE;
  const char *text = NULL;
  JsonObject *inner = NULL;
  JsonArray *array = NULL;

  check_text (shown);
  for (guint i = 0; i < 6; i++) {
    g_autoptr (GError) error = NULL;
    const gboolean ok = i == 0   ? cow_json_get_int (object, "fuzz", name, -5, 5, &integer, &error)
                        : i == 1 ? cow_json_get_double (object, "fuzz", name, &number, &error)
                        : i == 2 ? cow_json_get_bool (object, "fuzz", name, &yes, &error)
                        : i == 3 ? cow_json_get_string (object, "fuzz", name, &text, &error)
                        : i == 4 ? cow_json_get_object (object, "fuzz", name, &inner, &error)
                                 : cow_json_get_array (object, "fuzz", name, &array, &error);

    fuzz_check_outcome (ok, error);
  }
  g_assert_true (integer >= -5 && integer <= 5 && isfinite (number));
}

static void
write_again (JsonObject *object)
{
  g_autofree char *text = cow_json_object_text (object), *text_again = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonObject) again = cow_json_parse_object (text, strlen (text), "fuzz", &error);

  g_assert_no_error (error);
  text_again = cow_json_object_text (again);
  g_assert_cmpstr (text, ==, text_again);
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
  if (!root)
    return 0;
  check_node (root);
  json_object_foreach_member (json_node_get_object (root), get, NULL);
  write_again (json_node_get_object (root));
  return 0;
}
