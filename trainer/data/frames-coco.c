/* SPDX-License-Identifier: MIT */
/*
 * COCO (Lin et al., 2014): a JSON object of images, annotations with a bbox [left, top, width,
 * height] in px, and categories, which are the behaviours. As programs write it: one file beside
 * its pictures (Roboflow, cow-render-barn), or a folder annotations/ of one file for each split
 * (COCO itself, CVAT). Beyond COCO, `behaviour` and who the cow is are read from an annotation or
 * its `attributes`, and CVAT's `rotation`.
 */
#include <math.h>
#include <string.h>

#include "model/files/file-writer.h"
#include "model/files/json-object.h"
#include "model/files/printable.h"
#include "trainer/data/frames-readers.h"

/* A number of an image or a category is known by its text: some programs write strings. */
typedef struct {
  FramesDraft *draft;
  const char *path;
  CowSplit split;
  JsonArray *images, *annotations;
  GHashTable *image_index; /* id as text -> index + 1 */
  GHashTable *categories;  /* id as text -> const char * */
  guint *first, *next;     /* first[image] and next[annotation]: index + 1 of annotations */
  char **folders;          /* where pictures may be */
} Coco;

/* ---- values ---------------------------------------------------------------------------------- */

/* A string or a whole number as text; NULL for anything else. g_free. */
static char *
text_of (JsonObject *object, const char *key)
{
  JsonNode *node = json_object_get_member (object, key);

  if (node && cow_json_holds (node, G_TYPE_STRING))
    return g_strdup (json_node_get_string (node));
  if (node && cow_json_holds (node, G_TYPE_INT64))
    return g_strdup_printf ("%" G_GINT64_FORMAT, json_node_get_int (node));
  return NULL;
}

/* The first of several members that is there. */
static char *
first_text (JsonObject *object, const char *const *keys)
{
  char *text = NULL;

  for (; object && *keys && !text; keys++)
    text = text_of (object, *keys);
  return text;
}

static char *
id_of (JsonObject *object, const char *where, const char *key, GError **error)
{
  char *id = text_of (object, key);

  if (!id)
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: \"%s\" is no number", where, key);
  return id;
}

/* ---- categories and the order of annotations ------------------------------------------------- */

static gboolean
read_categories (Coco *self, JsonArray *categories, GError **error)
{
  for (guint i = 0; categories && i < json_array_get_length (categories); i++) {
    g_autofree char *where = g_strdup_printf ("%s: categories[%u]", self->path, i);
    JsonObject *category = cow_json_object_at (categories, i, where, error);
    g_autofree char *id = category ? id_of (category, where, "id", error) : NULL;
    const char *name = NULL;

    if (!id || !cow_json_require (category, where, "name", error) ||
        !cow_json_get_string (category, where, "name", &name, error))
      return FALSE;
    if (!g_hash_table_insert (self->categories, g_steal_pointer (&id), (gpointer)name)) {
      g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: another category has the same \"id\"",
                   where);
      return FALSE;
    }
  }
  return TRUE;
}

static gboolean
read_image_ids (Coco *self, GError **error)
{
  for (guint i = 0; i < json_array_get_length (self->images); i++) {
    g_autofree char *where = g_strdup_printf ("%s: images[%u]", self->path, i);
    JsonObject *image = cow_json_object_at (self->images, i, where, error);
    g_autofree char *id = image ? id_of (image, where, "id", error) : NULL;

    if (!id)
      return FALSE;
    if (!g_hash_table_insert (self->image_index, g_steal_pointer (&id), GUINT_TO_POINTER (i + 1))) {
      g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: another image has the same \"id\"",
                   where);
      return FALSE;
    }
  }
  return TRUE;
}

/* Chains the annotations of each image, in the order of the file. */
static gboolean
chain (Coco *self, GError **error)
{
  for (guint i = json_array_get_length (self->annotations); i-- > 0;) {
    g_autofree char *where = g_strdup_printf ("%s: annotations[%u]", self->path, i);
    JsonObject *annotation = cow_json_object_at (self->annotations, i, where, error);
    g_autofree char *id = annotation ? id_of (annotation, where, "image_id", error) : NULL;

    if (!id)
      return FALSE;
    const guint image = GPOINTER_TO_UINT (g_hash_table_lookup (self->image_index, id));
    if (image == 0) {
      frames_draft_find (self->draft, FRAMES_NO_IMAGE, where);
      continue;
    }
    self->next[i] = self->first[image - 1];
    self->first[image - 1] = i + 1;
  }
  return TRUE;
}

/* ---- annotations ----------------------------------------------------------------------------- */

static gboolean
is_number (JsonNode *node)
{
  return cow_json_holds (node, G_TYPE_DOUBLE) || cow_json_holds (node, G_TYPE_INT64);
}

/* Widens low and high [2] by the points x, y, x, y, ... of an outline. */
static gboolean
span (JsonNode *node, double low[2], double high[2])
{
  JsonArray *points = JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
  const guint n = points ? json_array_get_length (points) : 0;

  for (guint i = 0; i < n; i++) {
    JsonNode *number = json_array_get_element (points, i);
    if (!is_number (number))
      return FALSE;
    low[i % 2] = fmin (low[i % 2], json_node_get_double (number));
    high[i % 2] = fmax (high[i % 2], json_node_get_double (number));
  }
  return n >= 6 && n % 2 == 0;
}

/* The box around an annotation's outline, where it has one instead of a box. */
static gboolean
box_of_outline (JsonObject *annotation, CowBounds *box)
{
  JsonNode *node = json_object_get_member (annotation, "segmentation");
  JsonArray *parts = node && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
  double low[2] = { INFINITY, INFINITY }, high[2] = { -INFINITY, -INFINITY };

  for (guint i = 0; parts && i < json_array_get_length (parts); i++)
    if (!span (json_array_get_element (parts, i), low, high))
      return FALSE;
  *box = (CowBounds){ low[0], low[1], high[0] - low[0], high[1] - low[1] };
  return parts && json_array_get_length (parts) > 0;
}

/* *found: FALSE where there is neither box nor outline. */
static gboolean
read_box (Coco *self, JsonObject *annotation, const char *where, CowBounds *box, gboolean *found,
          GError **error)
{
  double *const numbers[] = { &box->x, &box->y, &box->w, &box->h };
  JsonArray *array = NULL;

  if (!cow_json_get_array (annotation, where, "bbox", &array, error))
    return FALSE;
  *found = array && json_array_get_length (array) > 0;
  if (!*found) {
    *found = box_of_outline (annotation, box);
    frames_draft_find (self->draft, *found ? FRAMES_OUTLINE : FRAMES_NO_BOX, where);
    return TRUE;
  }
  for (guint i = 0; i < 4; i++) {
    JsonNode *node = i < json_array_get_length (array) ? json_array_get_element (array, i) : NULL;
    if (!node || json_array_get_length (array) != 4 || !is_number (node)) {
      g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: \"bbox\" has four numbers", where);
      return FALSE;
    }
    *numbers[i] = json_node_get_double (node);
  }
  return TRUE;
}

/* CVAT gives the box before it was rotated about its middle. */
static gboolean
rotate (Coco *self, JsonObject *attributes, const char *where, CowBounds *box, GError **error)
{
  double degrees = 0;

  if (!cow_json_get_double (attributes, where, "rotation", &degrees, error))
    return FALSE;
  if (degrees == 0)
    return TRUE;
  frames_draft_find (self->draft, FRAMES_ROTATED, where);
  *box = frames_rotated (*box, box->x + box->w / 2, box->y + box->h / 2, degrees);
  return TRUE;
}

/* Who a cow is: a name is one everywhere, a tracker's number in this file alone. */
static char *
read_identity (const Coco *self, JsonObject *annotation, JsonObject *attributes)
{
  static const char *const names[] = { "identity", "individual", "cow_id", "cow", NULL };
  static const char *const tracks[] = { "track_id", "instance_id", NULL };
  char *name = first_text (annotation, names);

  if (!name)
    name = first_text (attributes, names);
  if (name)
    return name;
  g_autofree char *track = first_text (annotation, tracks);
  if (!track)
    track = first_text (attributes, tracks);
  g_autofree char *file = cow_printable (self->path, FALSE);
  return track ? g_strdup_printf ("%s: track %s", file, track) : NULL;
}

/* The label of an annotation: a behaviour of its own, or its category. */
static char *
read_label (Coco *self, JsonObject *annotation, JsonObject *attributes, const char *where)
{
  static const char *const names[] = { "behaviour", "behavior", NULL };
  char *label = first_text (annotation, names);

  if (!label)
    label = first_text (attributes, names);
  if (label)
    return label;
  g_autofree char *id = text_of (annotation, "category_id");
  const char *category = id ? g_hash_table_lookup (self->categories, id) : NULL;
  if (!category)
    frames_draft_find (self->draft, FRAMES_CATEGORY, where);
  return g_strdup (category);
}

/* iscrowd is 0 or 1, and true or false in some programs. */
static gboolean
read_crowd (JsonObject *annotation, const char *where, gboolean *crowd, GError **error)
{
  JsonNode *node = json_object_get_member (annotation, "iscrowd");
  gint64 number = 0;

  if (node && cow_json_holds (node, G_TYPE_BOOLEAN)) {
    *crowd = json_node_get_boolean (node);
    return TRUE;
  }
  if (!cow_json_get_int (annotation, where, "iscrowd", 0, 1, &number, error))
    return FALSE;
  *crowd = number != 0;
  return TRUE;
}

static gboolean
read_annotation (Coco *self, guint index, GError **error)
{
  g_autofree char *where = g_strdup_printf ("%s: annotations[%u]", self->path, index);
  JsonObject *annotation = json_array_get_object_element (self->annotations, index),
             *attributes = NULL;
  FramesBox box = { 0 };
  gboolean found;

  if (!cow_json_get_object (annotation, where, "attributes", &attributes, error) ||
      !read_box (self, annotation, where, &box.place, &found, error) ||
      !cow_json_get_double (annotation, where, "area", &box.area, error) ||
      !read_crowd (annotation, where, &box.crowd, error))
    return FALSE;
  if (!found)
    return TRUE;
  if (attributes && !rotate (self, attributes, where, &box.place, error))
    return FALSE;
  g_autofree char *label = read_label (self, annotation, attributes, where),
                  *identity = read_identity (self, annotation, attributes);
  box.label = label;
  box.identity = identity;
  return frames_draft_box (self->draft, &box, where, error);
}

/* ---- images ---------------------------------------------------------------------------------- */

/* What keeps a frame together with others: a member of the image that --group-by names, or the
 * recording it is of. */
static char *
read_group (const Coco *self, JsonObject *image)
{
  const char *group_by = self->draft->options->set.group_by;
  const char *const keys[] = { group_by ? group_by : "video_id", NULL };

  return first_text (image, keys);
}

static gboolean
read_image (Coco *self, guint index, GError **error)
{
  static const char *const sources[] = { "source", "camera", "camera_id", NULL };
  g_autofree char *where = g_strdup_printf ("%s: images[%u]", self->path, index);
  JsonObject *image = json_array_get_object_element (self->images, index);
  const char *name = NULL;
  gint64 width = 0, height = 0;
  gboolean taken;
  g_autoptr (GError) local = NULL;

  if (!cow_json_require (image, where, "file_name", error) ||
      !cow_json_get_string (image, where, "file_name", &name, error) ||
      !cow_json_get_int (image, where, "width", 0, G_MAXUINT16, &width, error) ||
      !cow_json_get_int (image, where, "height", 0, G_MAXUINT16, &height, error))
    return FALSE;
  g_autofree char *shown = cow_printable (name, FALSE);
  g_autofree char *place = g_strdup_printf ("%s: \"%s\"", where, shown);
  g_autofree char *path =
      frames_draft_locate (self->draft, (const char *const *)self->folders, name, FALSE, &local);
  if (local) {
    g_propagate_error (error, g_steal_pointer (&local));
    return FALSE;
  }
  if (!path) {
    frames_draft_find (self->draft, FRAMES_ABSENT, place);
    return TRUE;
  }
  g_autofree char *source = first_text (image, sources), *group = read_group (self, image);
  const FramesEntry entry = { .path = path,
                              .source = source,
                              .group = group,
                              .width = (int)width,
                              .height = (int)height,
                              .split = self->split };
  if (!frames_draft_add (self->draft, &entry, place, &taken, error))
    return FALSE;
  for (guint at = self->first[index]; taken && at > 0; at = self->next[at - 1])
    if (!read_annotation (self, at - 1, error))
      return FALSE;
  return TRUE;
}

/* ---- files ----------------------------------------------------------------------------------- */

/* Where programs put the pictures of a file: beside it, in images/, in a folder that is called as
 * the file is (instances_train2017.json, train2017/). */
static char **
list_folders (const char *path)
{
  g_autofree char *beside = g_path_get_dirname (path), *base = g_path_get_basename (path);
  char *stem = g_str_has_prefix (base, "instances_") ? base + strlen ("instances_") : base;
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  char *dot = strrchr (stem, '.');

  if (dot)
    *dot = '\0';
  const char *const ways[][3] = { { "" },         { "images" },
                                  { "data" },     { "images", stem },
                                  { stem },       { "..", "images", stem },
                                  { "..", stem }, { "..", "images" },
                                  { ".." } };
  for (guint i = 0; i < G_N_ELEMENTS (ways); i++) {
    g_autofree char *folder =
        g_build_filename (beside, ways[i][0], ways[i][1], ways[i][1] ? ways[i][2] : NULL, NULL);
    if (cow_path_is_folder (folder))
      g_strv_builder_add (builder, folder);
  }
  return g_strv_builder_end (builder);
}

static gboolean
read_root (Coco *self, JsonObject *root, GError **error)
{
  JsonArray *categories = NULL;

  if (!cow_json_require (root, self->path, "images", error) ||
      !cow_json_get_array (root, self->path, "images", &self->images, error) ||
      !cow_json_require (root, self->path, "annotations", error) ||
      !cow_json_get_array (root, self->path, "annotations", &self->annotations, error) ||
      !cow_json_get_array (root, self->path, "categories", &categories, error) ||
      !read_categories (self, categories, error) || !read_image_ids (self, error))
    return FALSE;
  self->first = g_new0 (guint, json_array_get_length (self->images) + 1);
  self->next = g_new0 (guint, json_array_get_length (self->annotations) + 1);
  if (!chain (self, error))
    return FALSE;
  for (guint i = 0; i < json_array_get_length (self->images); i++)
    if (!read_image (self, i, error))
      return FALSE;
  return TRUE;
}

static gboolean
read_file (FramesDraft *draft, const char *path, CowSplit split, GError **error)
{
  gsize n_bytes;
  g_autofree char *text = frames_read_text (path, &n_bytes, error);
  g_autoptr (JsonObject) root = text ? cow_json_parse_object (text, n_bytes, path, error) : NULL;
  g_auto (GStrv) folders = list_folders (path);
  g_autoptr (GHashTable) index = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL),
                         categories = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  Coco self = { .draft = draft,
                .path = path,
                .split = split,
                .image_index = index,
                .categories = categories,
                .folders = folders };
  const gboolean ok = root && read_root (&self, root, error);

  g_free (self.first);
  g_free (self.next);
  return ok;
}

/* The split that "instances_train2017.json" names. */
static gboolean
split_of_name (const char *name, CowSplit *split)
{
  const char *stem = g_str_has_prefix (name, "instances_") ? name + strlen ("instances_") : name;
  g_autofree char *word = g_strndup (stem, strcspn (stem, ".0123456789"));

  return cow_split_parse (word, split);
}

/* A folder of files, one for each split; files that name none are passed over beside those that
 * do. */
static gboolean
read_folder (FramesDraft *draft, const char *folder, CowSplit split, GError **error)
{
  g_autoptr (GPtrArray) names = scan_names (draft->common.scan, folder, error);
  guint n_read = 0, n_json = 0;
  CowSplit named;

  if (!names)
    return FALSE;
  for (guint i = 0; i < names->len; i++) {
    const char *name = names->pdata[i];
    g_autofree char *path = g_build_filename (folder, name, NULL);
    if (!g_str_has_suffix (name, ".json"))
      continue;
    n_json++;
    if (!split_of_name (name, &named) || (!draft->may_divide && named != split))
      continue;
    n_read++;
    if (!read_file (draft, path, named, error))
      return FALSE;
  }
  for (guint i = 0; i < names->len; i++) {
    const char *name = names->pdata[i];
    g_autofree char *path = g_build_filename (folder, name, NULL);
    if (n_read == 0 && n_json == 1 && g_str_has_suffix (name, ".json"))
      return read_file (draft, path, split, error);
    if (!g_str_has_suffix (name, ".json") || !split_of_name (name, &named))
      scan_pass (draft->common.scan, path, PASSED_BESIDE, "files");
  }
  if (n_read == 0)
    g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND,
                 "%s: one .json is expected, or one for each split (instances_train.json, "
                 "instances_val.json)",
                 folder);
  return n_read > 0;
}

gboolean
frames_read_coco (FramesDraft *draft, const char *path, CowSplit split, GError **error)
{
  return cow_path_is_folder (path) ? read_folder (draft, path, split, error)
                                   : read_file (draft, path, split, error);
}
