/* SPDX-License-Identifier: MIT */
#include "tests/trainer/golden-json.h"

#include "model/files/json-object.h"

JsonObject *
golden_json (const char *name)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_build_filename (g_getenv ("COW_TEST_DATA"), "metrics", name, NULL);
  JsonObject *object = cow_json_read_object (path, &error);
  g_assert_no_error (error);
  return object;
}

guint *
golden_uints (JsonObject *object, const char *member, guint *n)
{
  JsonArray *array = json_object_get_array_member (object, member);
  g_assert_nonnull (array);
  *n = json_array_get_length (array);
  guint *values = g_new (guint, *n);
  for (guint i = 0; i < *n; i++)
    values[i] = (guint)json_array_get_int_element (array, i);
  return values;
}

double
golden_double (JsonObject *object, const char *member, const char *inside)
{
  JsonObject *from = inside ? json_object_get_object_member (object, member) : object;
  const char *name = inside ? inside : member;
  g_assert_true (json_object_has_member (from, name));
  return json_object_get_double_member (from, name);
}
