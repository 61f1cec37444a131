/* SPDX-License-Identifier: MIT */
/* See json-object.h. */
#include "model/files/json-object.h"

#include <math.h>

#define MAX_SHOWN 80 /* characters of a value in a message */

static JsonObject *
root_object (JsonNode *root)
{
  JsonObject *object = root != NULL ? json_node_dup_object (root) : NULL;
  g_clear_pointer (&root, json_node_unref);
  return object;
}

JsonObject *
cow_json_parse_object (const char *text, gsize n_bytes, const char *where, GError **error)
{
  return root_object (cow_json_parse (text, n_bytes, where, error));
}

JsonObject *
cow_json_read_object (const char *path, GError **error)
{
  return root_object (cow_json_read (path, error));
}

char *
cow_json_object_text (JsonObject *object)
{
  g_autoptr (JsonNode) root = json_node_init_object (json_node_alloc (), object);
  g_autofree char *text = cow_json_text (root, TRUE);
  return g_strconcat (text, "\n", NULL);
}

char *
cow_json_describe (JsonNode *node)
{
  g_autofree char *text = cow_json_text (node, FALSE);
  if (g_utf8_strlen (text, -1) <= MAX_SHOWN)
    return g_steal_pointer (&text);
  g_autofree char *start = g_utf8_substring (text, 0, MAX_SHOWN);
  return g_strconcat (start, "...", NULL);
}

gboolean
cow_json_holds (JsonNode *node, GType type)
{
  return JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == type;
}

static gboolean
wrong (JsonNode *node, const char *where, const char *key, const char *expected, GError **error)
{
  g_autofree char *found = cow_json_describe (node);
  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: \"%s\" is %s, expected %s", where, key,
               found, expected);
  return FALSE;
}

gboolean
cow_json_get_int (JsonObject *object, const char *where, const char *key, gint64 min, gint64 max,
                  gint64 *value, GError **error)
{
  JsonNode *node = json_object_get_member (object, key);
  if (node == NULL)
    return TRUE;
  gboolean is_int = cow_json_holds (node, G_TYPE_INT64);
  gint64 v = is_int ? json_node_get_int (node) : 0;
  if (!is_int || v < min || v > max) {
    g_autofree char *expected =
        g_strdup_printf ("an integer from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT, min, max);
    return wrong (node, where, key, expected, error);
  }
  *value = v;
  return TRUE;
}

gboolean
cow_json_get_double (JsonObject *object, const char *where, const char *key, double *value,
                     GError **error)
{
  JsonNode *node = json_object_get_member (object, key);
  if (node == NULL)
    return TRUE;
  if (!cow_json_holds (node, G_TYPE_INT64) && !cow_json_holds (node, G_TYPE_DOUBLE))
    return wrong (node, where, key, "a number", error);
  double v = json_node_get_double (node);
  if (!isfinite (v))
    return wrong (node, where, key, "a finite number", error);
  *value = v;
  return TRUE;
}

gboolean
cow_json_get_bool (JsonObject *object, const char *where, const char *key, gboolean *value,
                   GError **error)
{
  JsonNode *node = json_object_get_member (object, key);
  if (node == NULL)
    return TRUE;
  if (!cow_json_holds (node, G_TYPE_BOOLEAN))
    return wrong (node, where, key, "true or false", error);
  *value = json_node_get_boolean (node);
  return TRUE;
}

gboolean
cow_json_get_string (JsonObject *object, const char *where, const char *key, const char **value,
                     GError **error)
{
  JsonNode *node = json_object_get_member (object, key);
  if (node == NULL || JSON_NODE_HOLDS_NULL (node))
    return TRUE;
  if (!cow_json_holds (node, G_TYPE_STRING))
    return wrong (node, where, key, "a string", error);
  *value = json_node_get_string (node);
  return TRUE;
}

gboolean
cow_json_get_object (JsonObject *object, const char *where, const char *key, JsonObject **value,
                     GError **error)
{
  JsonNode *node = json_object_get_member (object, key);
  if (node == NULL || JSON_NODE_HOLDS_NULL (node))
    return TRUE;
  if (!JSON_NODE_HOLDS_OBJECT (node))
    return wrong (node, where, key, "an object {...}", error);
  *value = json_node_get_object (node);
  return TRUE;
}

gboolean
cow_json_get_array (JsonObject *object, const char *where, const char *key, JsonArray **value,
                    GError **error)
{
  JsonNode *node = json_object_get_member (object, key);
  if (node == NULL || JSON_NODE_HOLDS_NULL (node))
    return TRUE;
  if (!JSON_NODE_HOLDS_ARRAY (node))
    return wrong (node, where, key, "a list [...]", error);
  *value = json_node_get_array (node);
  return TRUE;
}

gboolean
cow_json_require (JsonObject *object, const char *where, const char *key, GError **error)
{
  if (json_object_has_member (object, key) && !json_object_get_null_member (object, key))
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: \"%s\" is missing", where, key);
  return FALSE;
}

JsonObject *
cow_json_object_at (JsonArray *array, guint i, const char *where, GError **error)
{
  JsonNode *node = json_array_get_element (array, i);

  if (JSON_NODE_HOLDS_OBJECT (node))
    return json_node_get_object (node);
  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: an object is expected", where);
  return NULL;
}
