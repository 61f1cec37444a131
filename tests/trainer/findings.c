/* SPDX-License-Identifier: MIT */
#include "tests/trainer/findings.h"

#include <string.h>

JsonObject *
findings_report (const Result *result, int status)
{
  g_autoptr (GError) error = NULL;

  if (result->status != status)
    g_error ("status %d, expected %d: %s %s", result->status, status, result->out, result->err);
  JsonObject *object = cow_json_parse_object (result->out, strlen (result->out), "check", &error);
  g_assert_no_error (error);
  return object;
}

guint
findings_count (JsonObject *report, const char *kind, gboolean near, JsonObject **first)
{
  JsonArray *findings = json_object_get_array_member (report, "findings");
  guint n = 0;

  for (guint i = 0; i < json_array_get_length (findings); i++) {
    JsonObject *finding = json_array_get_object_element (findings, i);
    if (!g_str_equal (json_object_get_string_member (finding, "kind"), kind) ||
        json_object_get_boolean_member (finding, "near") != near)
      continue;
    if (n++ == 0 && first)
      *first = finding;
  }
  return n;
}
