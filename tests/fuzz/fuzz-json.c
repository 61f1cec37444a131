/* SPDX-License-Identifier: MIT */
/* Any bytes as JSON: what is taken can be described, has text for its names, and is the same again
 * after it was written. */
#include "model/files/json-object.h"
#include "tests/fuzz/fuzz.h"

static void
describe (JsonObject *object, const char *name, JsonNode *value, gpointer unused)
{
  g_autofree char *shown = cow_json_describe (value);

  g_assert_true (g_utf8_validate (name, -1, NULL) && g_utf8_validate (shown, -1, NULL));
  if (cow_json_holds (value, G_TYPE_STRING))
    g_assert_true (g_utf8_validate (json_node_get_string (value), -1, NULL));
}

/* Each getter takes any member, or says why not. */
static void
get (JsonObject *object, const char *name, JsonNode *value, gpointer unused)
{
  gint64 integer = 0;
  double number = 0;
  gboolean yes = FALSE;
  const char *text = NULL;
  JsonObject *inner = NULL;
  JsonArray *array = NULL;

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
  g_assert_true (integer >= -5 && integer <= 5 && number - number == 0);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonObject) object = cow_json_parse_object ((const char *)data, size, "fuzz", &error),
                         again = NULL;

  fuzz_check_outcome (object != NULL, error);
  if (!object)
    return 0;
  json_object_foreach_member (object, describe, NULL);
  json_object_foreach_member (object, get, NULL);
  g_autofree char *text = cow_json_object_text (object);
  again = cow_json_parse_object (text, strlen (text), "fuzz", &error);
  g_assert_no_error (error);
  g_autofree char *text_again = cow_json_object_text (again);
  g_assert_cmpstr (text, ==, text_again);
  return 0;
}
