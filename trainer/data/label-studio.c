/* SPDX-License-Identifier: MIT */
/*
 * A task of ours is {"data": {"image": "/data/local-files/?d=crops/...", "path": "crops/..."}}, so
 * that Label Studio serves the pictures out of the folder and its export still says which they are.
 */
#include "trainer/data/label-studio.h"

#include <string.h>

#include "model/files/file-writer.h"
#include "model/files/json-object.h"

#define CONTROL "label" /* the names in the labelling interface */
#define PICTURE "image"
#define SERVED  "/data/local-files/?d="

/* ---- writing --------------------------------------------------------------------------------- */

static gboolean
write_interface (const char *const *classes, const char *path, GError **error)
{
  g_autoptr (GString) xml = g_string_new ("<View>\n  <Image name=\"" PICTURE "\" value=\"$" PICTURE
                                          "\"/>\n  <Choices name=\"" CONTROL "\" toName=\"" PICTURE
                                          "\" choice=\"single\">\n");
  g_autofree char *beside = cow_labels_beside (path, ".xml");

  for (; *classes; classes++) {
    g_autofree char *name = g_markup_escape_text (*classes, -1);
    g_string_append_printf (xml, "    <Choice value=\"%s\"/>\n", name);
  }
  g_string_append (xml, "  </Choices>\n</View>\n");
  return cow_text_write (xml->str, beside, error);
}

static void
append_member (GString *text, const char *key, const char *value)
{
  g_string_append_printf (text, "\"%s\":", key);
  cow_json_append_string (text, value);
}

static void
append_task (GString *text, const CowCropTable *table, guint row)
{
  static const CowCropColumn more[] = { COW_CROP_VIDEO, COW_CROP_TIME, COW_CROP_ZONE,
                                        COW_CROP_TRACK };
  static const char *const names[] = { "video", "time", "zone", "track" };
  const char *path = cow_crop_table_get (table, row, COW_CROP_PATH),
             *label = cow_crop_table_get (table, row, COW_CROP_LABEL);
  g_autofree char *escaped = g_uri_escape_string (path, "/", FALSE),
                  *served = g_strconcat (SERVED, escaped, NULL);

  g_string_append (text, "{\"data\":{");
  append_member (text, PICTURE, served);
  g_string_append_c (text, ',');
  append_member (text, "path", path);
  for (guint i = 0; i < G_N_ELEMENTS (more); i++) {
    g_string_append_c (text, ',');
    append_member (text, names[i], cow_crop_table_get (table, row, more[i]));
  }
  g_string_append_c (text, '}');
  if (*label) {
    g_string_append (text, ",\"annotations\":[{\"result\":[{\"from_name\":\"" CONTROL
                           "\",\"to_name\":\"" PICTURE
                           "\",\"type\":\"choices\",\"value\":{\"choices\":[");
    cow_json_append_string (text, label);
    g_string_append (text, "]}}]}]");
  }
  g_string_append_c (text, '}');
}

gboolean
cow_label_studio_write (const CowCropTable *table, const char *const *classes, const char *path,
                        GError **error)
{
  g_autoptr (GString) text = g_string_new ("[");

  for (guint i = 0; i < cow_crop_table_n_rows (table); i++) {
    g_string_append (text, i > 0 ? ",\n" : "\n");
    append_task (text, table, i);
  }
  g_string_append (text, "\n]\n");
  return cow_text_write (text->str, path, error) && write_interface (classes, path, error);
}

/* ---- reading --------------------------------------------------------------------------------- */

typedef struct {
  CowLabels *labels;
  const char *where; /* of the task, for messages */
  GPtrArray *found;  /* of const char *: what the task was called */
} Task;

static JsonObject *
object_of (JsonNode *node)
{
  return JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
}

static void
take_choices (Task *self, JsonNode *node)
{
  JsonArray *array = JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;

  if (cow_json_holds (node, G_TYPE_STRING))
    g_ptr_array_add (self->found, (gpointer)json_node_get_string (node));
  for (guint i = 0; array && i < json_array_get_length (array); i++)
    if (cow_json_holds (json_array_get_element (array, i), G_TYPE_STRING))
      g_ptr_array_add (self->found, (gpointer)json_array_get_string_element (array, i));
}

/* A result is of a control; choices are what is asked for, whatever the control is called. */
static gboolean
read_result (Task *self, JsonNode *node, GError **error)
{
  JsonObject *result = object_of (node), *value = NULL;
  const char *type = NULL;

  if (!result) {
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: a result is no object", self->where);
    return FALSE;
  }
  if (!cow_json_get_string (result, self->where, "type", &type, error) ||
      !cow_json_get_object (result, self->where, "value", &value, error))
    return FALSE;
  if (g_strcmp0 (type, "choices") == 0 && value && json_object_has_member (value, "choices"))
    take_choices (self, json_object_get_member (value, "choices"));
  return TRUE;
}

static gboolean
read_annotation (Task *self, JsonNode *node, GError **error)
{
  JsonObject *annotation = object_of (node);
  JsonArray *results = NULL;
  gboolean cancelled = FALSE;

  if (!annotation) {
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: an annotation is no object", self->where);
    return FALSE;
  }
  if (!cow_json_get_bool (annotation, self->where, "was_cancelled", &cancelled, error) ||
      !cow_json_get_array (annotation, self->where, "result", &results, error))
    return FALSE;
  for (guint i = 0; !cancelled && results && i < json_array_get_length (results); i++)
    if (!read_result (self, json_array_get_element (results, i), error))
      return FALSE;
  return TRUE;
}

/* "/data/local-files/?d=crops/a%20b.png": what is behind the "=", as a path. */
static char *
path_of (const char *image)
{
  const char *query = strstr (image, "?d=");
  char *path = g_uri_unescape_string (query ? query + strlen ("?d=") : image, NULL);

  return path ? path : g_strdup (image);
}

/* A whole export has "data" and "annotations"; JSON-MIN has their members in the task. */
static gboolean
read_task (Task *self, JsonObject *task, GError **error)
{
  JsonObject *data = NULL;
  JsonArray *annotations = NULL;
  const char *path = NULL, *image = NULL;

  if (!cow_json_get_object (task, self->where, "data", &data, error) ||
      !cow_json_get_array (task, self->where, "annotations", &annotations, error) ||
      !cow_json_get_string (data ? data : task, self->where, "path", &path, error) ||
      !cow_json_get_string (data ? data : task, self->where, PICTURE, &image, error))
    return FALSE;
  if (!path && !image) {
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                 "%s: neither \"path\" nor \"" PICTURE "\" says which picture it is", self->where);
    return FALSE;
  }
  for (guint i = 0; annotations && i < json_array_get_length (annotations); i++)
    if (!read_annotation (self, json_array_get_element (annotations, i), error))
      return FALSE;
  if (!data && json_object_has_member (task, CONTROL))
    take_choices (self, json_object_get_member (task, CONTROL));
  g_autofree char *of_image = path ? NULL : path_of (image);
  cow_labels_take (self->labels, path ? path : of_image, self->found);
  return TRUE;
}

gboolean
cow_label_studio_read (CowLabels *labels, const char *text, gsize n_bytes, const char *path,
                       GError **error)
{
  /* The whole of an export is an array, and that of our reader an object. */
  g_autofree char *wrapped = g_strdup_printf ("{\"tasks\":%s}", text);
  g_autoptr (JsonObject) root = cow_json_parse_object (wrapped, strlen (wrapped), path, error);
  JsonArray *tasks = NULL;

  if (!root || !cow_json_get_array (root, path, "tasks", &tasks, error))
    return FALSE;
  for (guint i = 0; tasks && i < json_array_get_length (tasks); i++) {
    g_autofree char *where = g_strdup_printf ("%s: task %u", path, i + 1);
    g_autoptr (GPtrArray) found = g_ptr_array_new ();
    JsonObject *task = object_of (json_array_get_element (tasks, i));
    Task reading = { labels, where, found };

    if (!task) {
      g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: an object is expected", where);
      return FALSE;
    }
    if (!read_task (&reading, task, error))
      return FALSE;
  }
  return TRUE;
}
