/* SPDX-License-Identifier: MIT */
/*
 * YOLO: a file of labels for each picture, with a line "class cx cy w h" a box (centre and size as
 * parts of the picture) or "class x y x y ..." an outline. The labels of .../images/a/b.jpg are
 * .../labels/a/b.txt, or beside it. data.yaml says which folders (or lists of pictures) are train,
 * val and test, and what the classes are called; classes.txt, as Label Studio writes it, does where
 * there is none.
 */
#include <math.h>
#include <string.h>

#include "model/files/file-writer.h"
#include "model/files/printable.h"
#include "trainer/data/frames-readers.h"
#include "trainer/data/yolo-yaml.h"
#include "trainer/host/words.h"

#define MOST_LINE (64 << 10) /* bytes: of an outline of some 3000 points */
#define SHOWN     40         /* columns of a line in messages */

typedef struct {
  FramesDraft *draft;
  YoloYaml *yaml;
  CowSplit split;
  GHashTable *labels;  /* files of labels whose pictures were found */
  GHashTable *folders; /* folders called labels */
} Yolo;

/* ---- labels ---------------------------------------------------------------------------------- */

/* Where the labels of a picture are. */
static char *
labels_of (const char *picture)
{
  const char *slash = strrchr (picture, '/'), *dot = strrchr (picture, '.');
  const gsize n = dot && dot > slash ? (gsize)(dot - picture) : strlen (picture);
  const char *images = g_strrstr_len (picture, (gssize)n, "/images/");

  if (!images)
    return g_strdup_printf ("%.*s.txt", (int)n, picture);
  return g_strdup_printf ("%.*s/labels/%.*s.txt", (int)(images - picture), picture,
                          (int)(picture + n - images - strlen ("/images/")),
                          images + strlen ("/images/"));
}

/* The numbers of a line; NULL where something else is among them. */
static GArray *
read_numbers (const char *line)
{
  g_autoptr (GArray) numbers = g_array_new (FALSE, FALSE, sizeof (double));

  for (line += strspn (line, " \t\r"); *line; line += strspn (line, " \t\r")) {
    char *end;
    const double number = g_ascii_strtod (line, &end);
    if (end == line || !isfinite (number) || (*end && !strchr (" \t\r", *end)))
      return NULL;
    g_array_append_val (numbers, number);
    line = end;
  }
  return g_steal_pointer (&numbers);
}

/* The box of a line of n numbers as parts of the picture; FALSE where it has none. */
static gboolean
box_of (Yolo *self, const double *numbers, guint n, const char *place, CowBounds *box)
{
  double low[2] = { INFINITY, INFINITY }, high[2] = { -INFINITY, -INFINITY };

  if (n < 5 || (n > 6 && !self->yaml->has_keypoints && n % 2 == 0))
    return FALSE;
  if (n <= 6 || self->yaml->has_keypoints) {
    if (n == 6)
      frames_draft_find (self->draft, FRAMES_SIXTH, place);
    *box = (CowBounds){ numbers[1] - numbers[3] / 2, numbers[2] - numbers[4] / 2, numbers[3],
                        numbers[4] };
    return TRUE;
  }
  for (guint i = 0; i < n - 1; i++) {
    low[i % 2] = fmin (low[i % 2], numbers[1 + i]);
    high[i % 2] = fmax (high[i % 2], numbers[1 + i]);
  }
  *box = (CowBounds){ low[0], low[1], high[0] - low[0], high[1] - low[1] };
  frames_draft_find (self->draft, FRAMES_OUTLINE, place);
  return TRUE;
}

static gboolean
read_line (Yolo *self, const char *line, const char *place, GError **error)
{
  const CowFrame *frame = frames_draft_last (self->draft);
  g_autoptr (GArray) numbers = strlen (line) <= MOST_LINE ? read_numbers (line) : NULL;
  const double *values = numbers ? (const double *)(const void *)numbers->data : NULL;
  FramesBox box = { 0 };

  if (!numbers || numbers->len == 0 || values[0] < 0 || values[0] > G_MAXUINT16 ||
      values[0] != floor (values[0]) || !box_of (self, values, numbers->len, place, &box.place)) {
    g_autofree char *shown = cow_printable (line, FALSE), *fit = words_fit (shown, SHOWN);
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                 "%s: \"%s\"; \"class cx cy w h\" is expected, or \"class x y x y x y ...\"", place,
                 fit);
    return FALSE;
  }
  for (guint i = 1; i < MIN (numbers->len, 5); i++)
    if (fabs (values[i]) > 2) {
      g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                   "%s: %g; parts of the picture, from 0 to 1, are expected, not pixels", place,
                   values[i]);
      return FALSE;
    }
  const guint class = (guint)values[0];
  if (class < self->yaml->names->len)
    box.label = self->yaml->names->pdata[class];
  else if (self->yaml->names->len > 0 || class > 0)
    frames_draft_find (self->draft, FRAMES_CATEGORY, place);
  box.place.x *= frame->width;
  box.place.w *= frame->width;
  box.place.y *= frame->height;
  box.place.h *= frame->height;
  return frames_draft_box (self->draft, &box, place, error);
}

static gboolean
read_labels (Yolo *self, const char *path, GError **error)
{
  gsize n_bytes;
  g_autofree char *text = frames_read_text (path, &n_bytes, error);
  g_auto (GStrv) lines = text ? g_strsplit (text, "\n", -1) : NULL;

  for (guint i = 0; lines && lines[i]; i++) {
    g_autofree char *place = g_strdup_printf ("%s:%u", path, i + 1);
    if (*g_strstrip (lines[i]) && !read_line (self, lines[i], place, error))
      return FALSE;
  }
  return lines != NULL;
}

/* ---- pictures -------------------------------------------------------------------------------- */

static gboolean
read_picture (Yolo *self, const char *picture, GError **error)
{
  g_autofree char *labels = labels_of (picture);
  const FramesEntry entry = { .path = picture, .split = self->split };
  gboolean taken;

  if (!cow_path_is_file (picture)) {
    frames_draft_find (self->draft, FRAMES_ABSENT, picture);
    return TRUE;
  }
  if (!frames_draft_add (self->draft, &entry, picture, &taken, error))
    return FALSE;
  g_hash_table_add (self->labels, g_strdup (labels));
  const char *folder = g_strrstr (labels, "/labels/");
  if (folder)
    g_hash_table_add (self->folders,
                      g_strndup (labels, (gsize)(folder - labels) + strlen ("/labels")));
  if (!taken)
    return TRUE;
  if (cow_path_is_file (labels))
    return read_labels (self, labels, error);
  frames_draft_find (self->draft, FRAMES_UNLABELLED, picture);
  return TRUE;
}

/* A list of pictures, relative to the folder that it is in. */
static gboolean
read_list (Yolo *self, const char *path, GError **error)
{
  gsize n_bytes;
  g_autofree char *text = frames_read_text (path, &n_bytes, error),
                  *folder = g_path_get_dirname (path);
  g_auto (GStrv) lines = text ? g_strsplit (text, "\n", -1) : NULL;

  for (guint i = 0; lines && lines[i]; i++) {
    const char *name = g_strstrip (lines[i]);
    if (!*name)
      continue;
    g_autofree char *plain =
        g_path_is_absolute (name)
            ? g_strdup (name)
            : g_build_filename (folder, name + (g_str_has_prefix (name, "./") ? 2 : 0), NULL);
    g_autofree char *picture = path_finder_find (&self->draft->finder, plain, error);
    if (!picture || !read_picture (self, picture, error))
      return FALSE;
  }
  return lines != NULL;
}

/* A folder of pictures at any depth, or a list of them. */
static gboolean
read_part (Yolo *self, const char *path, GError **error)
{
  g_autoptr (Scan) scan = scan_new ();

  if (!cow_path_is_folder (path))
    return read_list (self, path, error);
  if (!scan_folder (scan, path, 0, error) || !scan_finish (scan, error))
    return FALSE;
  for (guint i = 0; i < scan->pictures->len; i++)
    if (!read_picture (self, g_array_index (scan->pictures, ScannedPicture, i).path, error))
      return FALSE;
  /* Labels may lie beside their pictures. */
  for (guint i = 0; i < scan->passed->len; i++) {
    const PassedFile *passed = scan->passed->pdata[i];
    if (passed->reason != PASSED_OTHER || !g_str_has_suffix (passed->path, ".txt"))
      scan_pass (self->draft->common.scan, passed->path, passed->reason, passed->word);
  }
  return TRUE;
}

/* Counts the files of labels below a folder that no picture has asked for. */
static void
find_orphans (Yolo *self, const char *folder, guint depth)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir && (name = g_dir_read_name (dir))) {
    g_autofree char *path = g_build_filename (folder, name, NULL);
    if (depth < 16 && cow_path_is_folder (path) && !g_file_test (path, G_FILE_TEST_IS_SYMLINK))
      find_orphans (self, path, depth + 1);
    else if (g_str_has_suffix (name, ".txt") && !g_str_equal (name, "classes.txt") &&
             !g_hash_table_contains (self->labels, path))
      frames_draft_find (self->draft, FRAMES_NO_PICTURE, path);
  }
}

/* ---- what data.yaml says --------------------------------------------------------------------- */

/* The folder or list that an entry of data.yaml means: below `path`, else beside the file, without
 * leading "../" too, which Roboflow writes one too many of. NULL: none; g_free. */
static char *
find_part (const YoloYaml *yaml, const char *folder, const char *entry)
{
  g_autofree char *root = yaml->root ? g_path_is_absolute (yaml->root)
                                           ? g_strdup (yaml->root)
                                           : g_build_filename (folder, yaml->root, NULL)
                                     : NULL;
  const char *inside = entry;

  while (g_str_has_prefix (inside, "../"))
    inside += strlen ("../");
  const char *const ways[][2] = {
    { root, entry }, { folder, entry }, { root, inside }, { folder, inside }
  };
  for (guint i = 0; i < G_N_ELEMENTS (ways); i++) {
    char *path = !ways[i][0] ? NULL
                 : g_path_is_absolute (ways[i][1])
                     ? g_strdup (ways[i][1])
                     : g_build_filename (ways[i][0], ways[i][1], NULL);
    if (path && cow_path_exists (path))
      return path;
    g_free (path);
  }
  return NULL;
}

static gboolean
read_yaml_part (Yolo *self, const char *path, const GPtrArray *entries, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (path);

  for (guint i = 0; i < entries->len; i++) {
    const char *entry = entries->pdata[i];
    g_autofree char *part = *entry ? find_part (self->yaml, folder, entry) : NULL;
    if (!*entry)
      continue;
    if (!part) {
      g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND,
                   "%s: %s: \"%s\" is neither below its \"path\" nor beside the file", path,
                   cow_split_name (self->split), entry);
      return FALSE;
    }
    if (!read_part (self, part, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
read_yaml (Yolo *self, const char *path, CowSplit split, GError **error)
{
  gsize n_bytes;
  g_autofree char *text = frames_read_text (path, &n_bytes, error);

  self->yaml = text ? yolo_yaml_parse (text, path, error) : NULL;
  if (!self->yaml)
    return FALSE;
  guint n = 0;
  for (self->split = COW_TRAIN; self->split < COW_N_SPLITS; self->split++) {
    if (!self->draft->may_divide && self->split != split)
      continue;
    n += self->yaml->parts[self->split]->len;
    if (!read_yaml_part (self, path, self->yaml->parts[self->split], error))
      return FALSE;
  }
  if (n == 0)
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                 "%s: no \"train\", \"val\" or \"test\" says where the pictures are", path);
  return n > 0;
}

/* ---- without data.yaml ----------------------------------------------------------------------- */

/* Names of classes, one a line, of a file beside the pictures or one folder higher. */
static gboolean
read_classes (Yolo *self, const char *folder, GError **error)
{
  static const char *const ways[] = { "classes.txt", "labels/classes.txt", "../classes.txt",
                                      "obj.names" };

  for (guint i = 0; i < G_N_ELEMENTS (ways); i++) {
    g_autofree char *path = g_build_filename (folder, ways[i], NULL);
    gsize n_bytes;
    if (!cow_path_is_file (path))
      continue;
    g_autofree char *text = frames_read_text (path, &n_bytes, error);
    if (!text)
      return FALSE;
    g_auto (GStrv) lines = g_strsplit (g_strstrip (text), "\n", COW_DATASET_MOST_CLASSES + 1);
    if (g_strv_length (lines) > COW_DATASET_MOST_CLASSES) {
      g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: more than %d classes", path,
                   COW_DATASET_MOST_CLASSES);
      return FALSE;
    }
    for (char **line = lines; *line; line++)
      g_ptr_array_add (self->yaml->names, g_strdup (g_strstrip (*line)));
    return TRUE;
  }
  dataset_draft_warn (
      &self->draft->common,
      "%s: neither data.yaml nor classes.txt names the classes; all boxes are taken "
      "as cows whose behaviour is not known",
      folder);
  return TRUE;
}

/* images/train and images/val, or pictures right there. */
static gboolean
read_folder (Yolo *self, const char *folder, CowSplit split, GError **error)
{
  g_autofree char *below = g_build_filename (folder, "images", NULL);
  const char *images = cow_path_is_folder (below) ? below : folder;
  g_autoptr (GPtrArray) names = scan_folder_names (images);
  gboolean divided = FALSE;

  self->yaml = yolo_yaml_parse ("", folder, error);
  if (!self->yaml || !read_classes (self, folder, error))
    return FALSE;
  for (guint i = 0; self->draft->may_divide && i < names->len; i++) {
    g_autofree char *part = g_build_filename (images, names->pdata[i], NULL);
    if (!cow_split_parse (names->pdata[i], &self->split))
      continue;
    divided = TRUE;
    if (!read_part (self, part, error))
      return FALSE;
  }
  self->split = split;
  return divided || read_part (self, images, error);
}

static int
compare_strings (gconstpointer a, gconstpointer b)
{
  return strcmp (a, b);
}

gboolean
frames_read_yolo (FramesDraft *draft, const char *path, CowSplit split, GError **error)
{
  g_autoptr (GHashTable) labels = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL),
                         folders = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  Yolo self = { .draft = draft, .split = split, .labels = labels, .folders = folders };
  const gboolean ok = cow_path_is_folder (path) ? read_folder (&self, path, split, error)
                                                : read_yaml (&self, path, split, error);
  GList *sorted = g_list_sort (g_hash_table_get_keys (folders), compare_strings);

  for (GList *folder = sorted; ok && folder; folder = folder->next)
    find_orphans (&self, folder->data, 0);
  g_list_free (sorted);
  yolo_yaml_free (self.yaml);
  return ok;
}
