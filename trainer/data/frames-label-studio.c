/* SPDX-License-Identifier: MIT */
/*
 * Label Studio's JSON and JSON-MIN: an array of tasks, a picture each, whose regions have x, y,
 * width and height in percent of the picture and a rotation about their upper left corner. A region
 * is one or several results of the same `id`: its box with `rectanglelabels`, and choices or texts
 * that were given for it.
 */
#include <math.h>
#include <string.h>

#include "model/files/json-object.h"
#include "model/files/printable.h"
#include "trainer/data/file-names.h"
#include "trainer/data/frames-readers.h"

#define MOST_REGIONS 100000 /* of a task */

typedef struct {
  FramesDraft *draft;
  const char *path;
  CowSplit split;
} Studio;

/* A region in the making; strings are the JSON's. */
typedef struct {
  CowBounds box; /* in parts of the picture */
  double degrees;
  gboolean has_box;
  const char *label, *choice, *identity;
  gboolean several;
} Region;

typedef struct {
  Studio *studio;
  const char *where; /* of the task */
  GArray *regions;   /* of Region */
  GHashTable *index; /* id -> its index + 1 */
  gint64 width, height;
} Task;

static JsonObject *
object_of (JsonNode *node, const char *where, GError **error)
{
  if (JSON_NODE_HOLDS_OBJECT (node))
    return json_node_get_object (node);
  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: an object is expected", where);
  return NULL;
}

/* ---- regions --------------------------------------------------------------------------------- */

/* The region that a result belongs to: that of its `id`, or a new one. */
static Region *
region_of (Task *self, const char *id, GError **error)
{
  const guint known = id ? GPOINTER_TO_UINT (g_hash_table_lookup (self->index, id)) : 0;
  const Region fresh = { 0 };

  if (known > 0)
    return &g_array_index (self->regions, Region, known - 1);
  if (self->regions->len == MOST_REGIONS) {
    g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED, "%s: more than %d regions", self->where,
                 MOST_REGIONS);
    return NULL;
  }
  g_array_append_val (self->regions, fresh);
  if (id)
    g_hash_table_insert (self->index, (gpointer)id, GUINT_TO_POINTER (self->regions->len));
  return &g_array_index (self->regions, Region, self->regions->len - 1);
}

/* The first text of a member that is a text or a list of them. */
static const char *
first_text (JsonObject *value, const char *key, gboolean *several)
{
  JsonNode *node = json_object_get_member (value, key);
  JsonArray *array = node && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;

  if (node && cow_json_holds (node, G_TYPE_STRING))
    return json_node_get_string (node);
  if (!array || json_array_get_length (array) == 0 ||
      !cow_json_holds (json_array_get_element (array, 0), G_TYPE_STRING))
    return NULL;
  if (several)
    *several |= json_array_get_length (array) > 1;
  return json_array_get_string_element (array, 0);
}

static gboolean
read_rectangle (Task *self, Region *region, JsonObject *value, GError **error)
{
  CowBounds *box = &region->box;
  double *const numbers[] = { &box->x, &box->y, &box->w, &box->h };
  static const char *const keys[] = { "x", "y", "width", "height" };

  for (guint i = 0; i < G_N_ELEMENTS (keys); i++) {
    if (!cow_json_require (value, self->where, keys[i], error) ||
        !cow_json_get_double (value, self->where, keys[i], numbers[i], error))
      return FALSE;
    *numbers[i] /= 100;
  }
  region->has_box = TRUE;
  return cow_json_get_double (value, self->where, "rotation", &region->degrees, error);
}

/* The box around [[x, y], ...]. */
static gboolean
read_outline (Task *self, Region *region, JsonArray *points, GError **error)
{
  double low[2] = { INFINITY, INFINITY }, high[2] = { -INFINITY, -INFINITY };

  for (guint i = 0; i < json_array_get_length (points); i++) {
    JsonNode *node = json_array_get_element (points, i);
    JsonArray *point = JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
    for (guint k = 0; k < 2; k++) {
      JsonNode *number =
          point && json_array_get_length (point) == 2 ? json_array_get_element (point, k) : NULL;
      if (!number ||
          !(cow_json_holds (number, G_TYPE_DOUBLE) || cow_json_holds (number, G_TYPE_INT64))) {
        g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: \"points\" has pairs of numbers",
                     self->where);
        return FALSE;
      }
      low[k] = fmin (low[k], json_node_get_double (number) / 100);
      high[k] = fmax (high[k], json_node_get_double (number) / 100);
    }
  }
  if (json_array_get_length (points) < 3)
    return TRUE;
  region->box = (CowBounds){ low[0], low[1], high[0] - low[0], high[1] - low[1] };
  region->has_box = TRUE;
  frames_draft_find (self->studio->draft, FRAMES_OUTLINE, self->where);
  return TRUE;
}

/* What a result, or an entry of JSON-MIN, says of its region. */
static gboolean
read_value (Task *self, Region *region, const char *name, JsonObject *value, GError **error)
{
  static const char *const labels[] = { "rectanglelabels", "polygonlabels", "labels" };
  JsonArray *points = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (labels) && !region->label; i++)
    region->label = first_text (value, labels[i], &region->several);
  const char *choice = first_text (value, "choices", &region->several),
             *text = first_text (value, "text", NULL);
  if (choice)
    region->choice = choice;
  if (text && name && (g_str_equal (name, "cow") || g_str_equal (name, "identity")))
    region->identity = text;
  if (!cow_json_get_array (value, self->where, "points", &points, error))
    return FALSE;
  if (region->has_box)
    return TRUE;
  return points ? read_outline (self, region, points, error)
                : !json_object_has_member (value, "width") ||
                      !json_object_has_member (value, "height") ||
                      read_rectangle (self, region, value, error);
}

/* The picture's size, which each result repeats. */
static gboolean
read_size (Task *self, JsonObject *result, GError **error)
{
  gint64 turned = 0;

  if (!cow_json_get_int (result, self->where, "original_width", 1, G_MAXUINT16, &self->width,
                         error) ||
      !cow_json_get_int (result, self->where, "original_height", 1, G_MAXUINT16, &self->height,
                         error) ||
      !cow_json_get_int (result, self->where, "image_rotation", -360, 360, &turned, error))
    return FALSE;
  if (turned % 360 == 0)
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
               "%s: \"image_rotation\" %" G_GINT64_FORMAT
               ": boxes on a picture that was rotated there are not read",
               self->where, turned);
  return FALSE;
}

static gboolean
read_result (Task *self, JsonNode *node, GError **error)
{
  JsonObject *result = object_of (node, self->where, error), *value = NULL;
  const char *id = NULL, *name = NULL;

  if (!result || !cow_json_get_object (result, self->where, "value", &value, error) ||
      !cow_json_get_string (result, self->where, "id", &id, error) ||
      !cow_json_get_string (result, self->where, "from_name", &name, error) ||
      !read_size (self, result, error))
    return FALSE;
  /* Labels of the whole picture and relations between regions. */
  if (!value || !(json_object_has_member (value, "x") || json_object_has_member (value, "points") ||
                  (id && g_hash_table_contains (self->index, id)) ||
                  json_object_has_member (value, "format")))
    return TRUE;
  Region *region = region_of (self, id, error);
  return region && read_value (self, region, name, value, error);
}

/* ---- tasks ----------------------------------------------------------------------------------- */

/* The annotation that counts: the one that is called the truth, or else the first that was not
 * cancelled; *annotation stays NULL where there is none. */
static gboolean
choose_annotation (Task *self, JsonArray *annotations, JsonObject **annotation, GError **error)
{
  gboolean has_truth = FALSE;
  guint n = 0;

  for (guint i = 0; annotations && i < json_array_get_length (annotations); i++) {
    JsonObject *one = object_of (json_array_get_element (annotations, i), self->where, error);
    gboolean cancelled = FALSE, truth = FALSE;
    if (!one || !cow_json_get_bool (one, self->where, "was_cancelled", &cancelled, error) ||
        !cow_json_get_bool (one, self->where, "ground_truth", &truth, error))
      return FALSE;
    if (cancelled)
      continue;
    if (n++ == 0 || (truth && !has_truth))
      *annotation = one;
    has_truth |= truth;
  }
  if (n > 1 && !has_truth)
    frames_draft_find (self->studio->draft, FRAMES_ANNOTATORS, self->where);
  return TRUE;
}

/* The name of the picture: "path", as cow-trainer's tasks have it, "image", or the first member
 * that is a picture's address. */
static const char *
name_of (JsonObject *data)
{
  static const char *const keys[] = { "path", "image", "img" };
  g_autoptr (GList) members = json_object_get_members (data);

  for (guint i = 0; i < G_N_ELEMENTS (keys); i++) {
    JsonNode *node = json_object_get_member (data, keys[i]);
    if (node && cow_json_holds (node, G_TYPE_STRING))
      return json_node_get_string (node);
  }
  for (GList *member = members; member; member = member->next) {
    JsonNode *node = json_object_get_member (data, member->data);
    if (cow_json_holds (node, G_TYPE_STRING) && file_name_is_picture (json_node_get_string (node)))
      return json_node_get_string (node);
  }
  return NULL;
}

/* "/data/local-files/?d=barn/a%20b.png", "/data/upload/3/0a1b2c3d-a.png", "s3://bucket/a.png": the
 * file, which had a name without those eight digits before it was uploaded. */
static char *
locate (Task *self, const char *name, GError **error)
{
  g_autofree char *beside = g_path_get_dirname (self->studio->path),
                  *images = g_build_filename (beside, "images", NULL);
  const char *const folders[] = { beside, images, NULL };
  const char *query = strstr (name, "?d=");
  g_autofree char *plain = g_uri_unescape_string (query ? query + strlen ("?d=") : name, NULL);
  const char *written = plain ? plain : name;
  g_autofree char *last = g_path_get_basename (written);
  g_autoptr (GError) local = NULL;
  char *path = frames_draft_locate (self->studio->draft, folders, written, TRUE, &local);

  if (!path && !local && strspn (last, "0123456789abcdef") == 8 && last[8] == '-' && last[9])
    path = frames_draft_locate (self->studio->draft, folders, last + 9, TRUE, &local);
  if (local)
    g_propagate_error (error, g_steal_pointer (&local));
  return path;
}

static gboolean
add_region (Task *self, const Region *region, GError **error)
{
  FramesDraft *draft = self->studio->draft;
  const CowFrame *frame = frames_draft_last (draft);
  const CowBounds *part = &region->box;
  FramesBox box = { .place = { part->x * frame->width, part->y * frame->height,
                               part->w * frame->width, part->h * frame->height },
                    .label = region->choice ? region->choice : region->label,
                    .identity = region->identity };

  if (!region->has_box) {
    frames_draft_find (draft, FRAMES_NO_BOX, self->where);
    return TRUE;
  }
  if (region->several)
    frames_draft_find (draft, FRAMES_SEVERAL, self->where);
  if (region->degrees != 0) {
    frames_draft_find (draft, FRAMES_ROTATED, self->where);
    box.place = frames_rotated (box.place, box.place.x, box.place.y, region->degrees);
  }
  return frames_draft_box (draft, &box, self->where, error);
}

static gboolean
add_frame (Task *self, const char *name, GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autofree char *path = locate (self, name, &local), *shown = cow_printable (name, FALSE),
                  *place = g_strdup_printf ("%s: \"%s\"", self->where, shown);
  const FramesEntry entry = { .path = path,
                              .width = (int)self->width,
                              .height = (int)self->height,
                              .split = self->studio->split };
  gboolean taken;

  if (local) {
    g_propagate_error (error, g_steal_pointer (&local));
    return FALSE;
  }
  if (!path) {
    frames_draft_find (self->studio->draft, FRAMES_ABSENT, place);
    return TRUE;
  }
  if (!frames_draft_add (self->studio->draft, &entry, place, &taken, error))
    return FALSE;
  for (guint i = 0; taken && i < self->regions->len; i++)
    if (!add_region (self, &g_array_index (self->regions, Region, i), error))
      return FALSE;
  return TRUE;
}

/* JSON-MIN: regions are in a list under the name of their control. */
static gboolean
read_short_task (Task *self, JsonObject *task, gboolean *done, GError **error)
{
  g_autoptr (GList) members = json_object_get_members (task);

  *done = json_object_has_member (task, "annotation_id");
  for (GList *member = members; member; member = member->next) {
    JsonNode *node = json_object_get_member (task, member->data);
    JsonArray *array = JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
    for (guint i = 0; array && i < json_array_get_length (array); i++) {
      JsonNode *element = json_array_get_element (array, i);
      JsonObject *value = JSON_NODE_HOLDS_OBJECT (element) ? json_node_get_object (element) : NULL;
      if (!value ||
          !(json_object_has_member (value, "x") || json_object_has_member (value, "points")))
        continue;
      Region *region = region_of (self, NULL, error);
      *done = TRUE;
      if (!region || !read_size (self, value, error) ||
          !read_value (self, region, member->data, value, error))
        return FALSE;
    }
  }
  return TRUE;
}

static gboolean
read_results (Task *self, JsonObject *annotation, GError **error)
{
  JsonArray *results = NULL;

  if (annotation && !cow_json_get_array (annotation, self->where, "result", &results, error))
    return FALSE;
  for (guint i = 0; results && i < json_array_get_length (results); i++)
    if (!read_result (self, json_array_get_element (results, i), error))
      return FALSE;
  return TRUE;
}

static gboolean
read_task (Task *self, JsonObject *task, GError **error)
{
  FramesDraft *draft = self->studio->draft;
  JsonObject *data = NULL, *annotation = NULL;
  JsonArray *annotations = NULL, *predictions = NULL;
  gboolean done;

  if (!cow_json_get_object (task, self->where, "data", &data, error) ||
      !cow_json_get_array (task, self->where, "annotations", &annotations, error) ||
      !cow_json_get_array (task, self->where, "predictions", &predictions, error) ||
      !choose_annotation (self, annotations, &annotation, error) ||
      !read_results (self, annotation, error))
    return FALSE;
  done = annotation != NULL;
  if (!data && !read_short_task (self, task, &done, error))
    return FALSE;
  const char *name = name_of (data ? data : task);
  if (!name) {
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                 "%s: neither \"image\" nor another member says which picture it is", self->where);
    return FALSE;
  }
  if (done)
    return add_frame (self, name, error);
  frames_draft_find (
      draft, predictions && json_array_get_length (predictions) > 0 ? FRAMES_GUESS : FRAMES_UNDONE,
      self->where);
  return TRUE;
}

gboolean
frames_read_label_studio (FramesDraft *draft, const char *path, CowSplit split, GError **error)
{
  Studio studio = { .draft = draft, .path = path, .split = split };
  gsize n_bytes;
  g_autofree char *text = frames_read_text (path, &n_bytes, error);
  /* The whole of an export is an array, and that of our reader an object. */
  g_autofree char *wrapped = text ? g_strdup_printf ("{\"tasks\":%s}", text) : NULL;
  g_autoptr (JsonObject) root =
      wrapped ? cow_json_parse_object (wrapped, strlen (wrapped), path, error) : NULL;
  JsonArray *tasks = NULL;

  if (!root || !cow_json_get_array (root, path, "tasks", &tasks, error))
    return FALSE;
  for (guint i = 0; tasks && i < json_array_get_length (tasks); i++) {
    g_autofree char *where = g_strdup_printf ("%s: task %u", path, i + 1);
    g_autoptr (GArray) regions = g_array_new (FALSE, FALSE, sizeof (Region));
    g_autoptr (GHashTable) index = g_hash_table_new (g_str_hash, g_str_equal);
    Task task = { .studio = &studio, .where = where, .regions = regions, .index = index };
    JsonObject *object = object_of (json_array_get_element (tasks, i), where, error);
    if (!object || !read_task (&task, object, error))
      return FALSE;
  }
  return TRUE;
}
