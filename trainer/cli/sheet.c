/* SPDX-License-Identifier: MIT */
#include "trainer/cli/sheet.h"

#include <string.h>

#include "model/files/printable.h"
#include "model/files/json.h"

#define BYTES_SUFFIX "_bytes"

/* A value on one line; free with g_free. */
static char *
value_text (const char *name, JsonNode *node)
{
  if (JSON_NODE_HOLDS_NULL (node))
    return g_strdup ("none");
  if (g_str_has_suffix (name, BYTES_SUFFIX))
    return g_format_size_full ((guint64)json_node_get_int (node), G_FORMAT_SIZE_LONG_FORMAT);
  if (JSON_NODE_HOLDS_ARRAY (node)) {
    JsonArray *array = json_node_get_array (node);
    GString *text = g_string_new (json_array_get_length (array) > 0 ? "" : "none");
    for (guint i = 0; i < json_array_get_length (array); i++) {
      g_autofree char *item = value_text ("", json_array_get_element (array, i));
      g_string_append_printf (text, "%s%s", i > 0 ? ", " : "", item);
    }
    return g_string_free (text, FALSE);
  }
  if (json_node_get_value_type (node) == G_TYPE_DOUBLE)
    return g_strdup_printf ("%g", json_node_get_double (node));
  if (json_node_get_value_type (node) == G_TYPE_STRING)
    return cow_printable (json_node_get_string (node), FALSE);
  return cow_json_text (node, FALSE);
}

static char *
name_text (const char *name)
{
  char *text = cow_printable (name, FALSE);
  if (g_str_has_suffix (text, BYTES_SUFFIX))
    text[strlen (text) - strlen (BYTES_SUFFIX)] = '\0';
  return g_strdelimit (text, "_", ' ');
}

static int
text_width (const char *text)
{
  return (int)g_utf8_strlen (text, -1);
}

static void
append_padded (GString *text, const char *value, int width)
{
  g_string_append_printf (text, "%s%*s", value, MAX (width - text_width (value), 0), "");
}

/* ---- tables ---------------------------------------------------------------------------------- */

static void
append_table_line (GString *text, char *const *cells, const int *widths, guint n, int indent)
{
  g_string_append_printf (text, "%*s", indent, "");
  for (guint i = 0; i + 1 < n; i++) {
    append_padded (text, cells[i], widths[i]);
    g_string_append (text, "  ");
  }
  g_string_append_printf (text, "%s\n", n > 0 ? cells[n - 1] : "");
}

/* Every object has the members of the first. */
static void
append_table (GString *text, JsonArray *rows, int indent)
{
  g_autoptr (GList) names = json_object_get_members (json_array_get_object_element (rows, 0));
  const guint n = g_list_length (names), n_rows = json_array_get_length (rows);
  g_autofree int *widths = g_new0 (int, n);
  g_auto (GStrv) cells = g_new0 (char *, (gsize)n *(n_rows + 1) + 1);
  guint i = 0;

  for (GList *name = names; name; name = name->next, i++) {
    cells[i] = name_text (name->data);
    for (guint row = 0; row < n_rows; row++)
      cells[(row + 1) * n + i] =
          value_text (name->data, json_object_get_member (json_array_get_object_element (rows, row),
                                                          name->data));
    for (guint row = 0; row <= n_rows; row++)
      widths[i] = MAX (widths[i], text_width (cells[row * n + i]));
  }
  for (guint row = 0; row <= n_rows; row++)
    append_table_line (text, cells + row * n, widths, n, indent);
}

/* ---- objects --------------------------------------------------------------------------------- */

static gboolean
is_table (JsonNode *node)
{
  return JSON_NODE_HOLDS_ARRAY (node) && json_array_get_length (json_node_get_array (node)) > 0 &&
         JSON_NODE_HOLDS_OBJECT (json_array_get_element (json_node_get_array (node), 0));
}

static void
append_member (GString *text, const char *name, JsonNode *node, int indent, int width)
{
  g_autofree char *label = name_text (name);

  g_string_append_printf (text, "%*s", indent, "");
  if (JSON_NODE_HOLDS_OBJECT (node)) {
    g_string_append_printf (text, "%s\n", label);
    sheet_append (text, json_node_get_object (node), indent + 2);
  } else if (is_table (node)) {
    g_string_append_printf (text, "%s\n", label);
    append_table (text, json_node_get_array (node), indent + 2);
  } else {
    g_autofree char *value = value_text (name, node);
    append_padded (text, label, width);
    g_string_append_printf (text, "  %s\n", value);
  }
}

void
sheet_append (GString *text, JsonObject *object, int indent)
{
  g_autoptr (GList) names = json_object_get_members (object);
  int width = 0;

  for (GList *name = names; name; name = name->next) {
    g_autofree char *label = name_text (name->data);
    width = MAX (width, text_width (label));
  }
  for (GList *name = names; name; name = name->next)
    append_member (text, name->data, json_object_get_member (object, name->data), indent, width);
}
