/* SPDX-License-Identifier: MIT */
/*
 * CSV tables: a row a picture. Columns image_path and label (or what the options name), and where
 * they exist source, split, x y w h (a part of the picture, in pixels), and what pictures are
 * grouped by. Relative paths start at the table's folder.
 */
#include <math.h>
#include <string.h>

#include "trainer/data/csv.h"
#include "trainer/data/dataset-readers.h"

typedef struct {
  DatasetDraft *draft;
  Csv *csv;
  CowSplit split; /* of rows without a column for it */
  guint path, label;
  int source, group, split_column; /* -1: none */
  int box[4];
  gboolean group_by_name;
  char *folder;      /* of the table */
  gboolean *matched; /* [prefixes] whether one ever did */
} Table;

/* ---- columns --------------------------------------------------------------------------------- */

/* How people call the columns that group pictures. */
static const struct {
  const char *what;
  const char *names[5];
} groupings[] = {
  { "cow", { "cow", "cow_id", "animal", "animal_id" } },
  { "session", { "session", "session_id", "video", "video_id" } },
  { "camera", { "camera", "camera_id", "cam", "cam_id" } },
};

static int
find_grouping (const Csv *csv, guint which)
{
  int column = -1;
  for (guint i = 0; groupings[which].names[i] && column < 0; i++)
    column = csv_column (csv, groupings[which].names[i]);
  return column;
}

static gboolean
choose_group (Table *self, GError **error)
{
  const char *group_by = self->draft->options->group_by;

  self->group = group_by ? csv_column (self->csv, group_by) : -1;
  for (guint i = 0; i < G_N_ELEMENTS (groupings) && self->group < 0; i++)
    if (!group_by || g_str_equal (group_by, groupings[i].what))
      self->group = find_grouping (self->csv, i);
  self->group_by_name = self->group < 0 && group_by && g_str_equal (group_by, "name");
  if (self->group >= 0 || self->group_by_name)
    dataset_draft_grouped_by (self->draft,
                              self->group >= 0 ? self->csv->columns[self->group] : "file name");
  if (self->group >= 0 || self->group_by_name || !group_by || g_str_equal (group_by, "none"))
    return TRUE;
  guint unused;
  return csv_require (self->csv, group_by, "--group-by", &unused, error);
}

static gboolean
choose_columns (Table *self, GError **error)
{
  const CowDatasetOptions *options = self->draft->options;
  static const char *const box[] = { "x", "y", "w", "h" };
  guint source;

  if (!csv_require (self->csv, options->path_column ? options->path_column : "image_path",
                    "the paths (--path-column)", &self->path, error) ||
      !csv_require (self->csv, options->label_column ? options->label_column : "label",
                    "the classes (--label-column)", &self->label, error))
    return FALSE;
  self->source = csv_column (self->csv, "source");
  if (options->source_column) {
    if (!csv_require (self->csv, options->source_column, "the origins (--source-column)", &source,
                      error))
      return FALSE;
    self->source = (int)source;
  }
  self->split_column = csv_column (self->csv, "split");
  for (guint i = 0; i < 4; i++)
    self->box[i] = csv_column (self->csv, box[i]);
  if (self->box[0] < 0 || self->box[1] < 0 || self->box[2] < 0 || self->box[3] < 0)
    self->box[0] = -1;
  return choose_group (self, error);
}

/* ---- rows ------------------------------------------------------------------------------------ */

static char *
full_path (Table *self, const char *path)
{
  GStrv prefixes = self->draft->options->prefixes;

  for (guint i = 0; prefixes && prefixes[i]; i++) {
    const char *equals = strchr (prefixes[i], '=');
    const gsize n = (gsize)(equals - prefixes[i]);
    if (strncmp (path, prefixes[i], n) == 0) {
      self->matched[i] = TRUE;
      return g_strconcat (equals + 1, path + n, NULL);
    }
  }
  return g_path_is_absolute (path) ? g_strdup (path) : g_build_filename (self->folder, path, NULL);
}

static gboolean
read_split (const Table *self, CowSplit *split, GError **error)
{
  static const struct {
    const char *name;
    CowSplit split;
  } names[] = { { "train", COW_TRAIN },
                { "val", COW_VAL },
                { "valid", COW_VAL },
                { "validation", COW_VAL },
                { "test", COW_TEST } };
  const char *text = self->csv->fields[self->split_column];

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (g_ascii_strcasecmp (text, names[i].name) == 0) {
      *split = names[i].split;
      return TRUE;
    }
  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
               "%s:%u: split \"%s\"; train, val or test is expected", self->csv->path,
               self->csv->line, text);
  return FALSE;
}

/* Four empty fields mean the whole picture. */
static gboolean
read_box (const Table *self, DatasetEntry *entry, GError **error)
{
  guint n_empty = 0;

  for (guint i = 0; i < 4; i++) {
    const char *text = self->csv->fields[self->box[i]];
    char *end;
    n_empty += *text == '\0';
    entry->box[i] = g_ascii_strtod (text, &end);
    if (*end != '\0' || !isfinite (entry->box[i]) || fabs (entry->box[i]) > 1e6 ||
        (i >= 2 && *text && entry->box[i] < 1)) {
      g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                   "%s:%u: %s = \"%s\"; x, y, w and h are pixels, w and h at least 1",
                   self->csv->path, self->csv->line, self->csv->columns[self->box[i]], text);
      return FALSE;
    }
  }
  if (n_empty > 0 && n_empty < 4) {
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s:%u: some of x, y, w and h are empty",
                 self->csv->path, self->csv->line);
    return FALSE;
  }
  entry->box_kind = n_empty ? COW_BOX_NONE : COW_BOX_PIXELS;
  return TRUE;
}

static gboolean
read_row (Table *self, GError **error)
{
  const char **fields = self->csv->fields;
  g_autofree char *place = g_strdup_printf ("%s:%u", self->csv->path, self->csv->line);
  g_autofree char *label = g_strstrip (g_strdup (fields[self->label]));
  DatasetEntry entry = { .label = label, .split = self->split };

  if (!*label || !*fields[self->path]) {
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: the field \"%s\" is empty", place,
                 self->csv->columns[*label ? self->path : self->label]);
    return FALSE;
  }
  g_autofree char *path = full_path (self, fields[self->path]);
  g_autofree char *name_group = self->group_by_name ? dataset_group_from_name (path) : NULL;
  entry.path = path;
  entry.source = self->source >= 0 ? fields[self->source] : NULL;
  entry.group = self->group >= 0 ? fields[self->group] : name_group;
  if ((self->split_column >= 0 && !read_split (self, &entry.split, error)) ||
      (self->box[0] >= 0 && !read_box (self, &entry, error)))
    return FALSE;
  return dataset_draft_add (self->draft, &entry, place, error);
}

static gboolean
read_rows (Table *self, GError **error)
{
  gboolean more;
  guint n = 0;

  for (;; n++) {
    if (!csv_next (self->csv, &more, error))
      return FALSE;
    if (!more)
      break;
    if (!read_row (self, error))
      return FALSE;
  }
  if (n == 0) {
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s has columns but no rows", self->csv->path);
    return FALSE;
  }
  GStrv prefixes = self->draft->options->prefixes;
  for (guint i = 0; prefixes && prefixes[i]; i++)
    if (!self->matched[i])
      dataset_draft_warn (self->draft, "%s: no path begins as --prefix %s says", self->csv->path,
                          prefixes[i]);
  return TRUE;
}

gboolean
dataset_read_table (DatasetDraft *draft, const char *path, CowSplit split, GError **error)
{
  g_autoptr (Csv) csv = csv_open (path, error);
  GStrv prefixes = draft->options->prefixes;

  for (guint i = 0; csv && prefixes && prefixes[i]; i++)
    if (!strchr (prefixes[i], '=')) {
      g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT, "--prefix %s: FROM=TO is expected",
                   prefixes[i]);
      return FALSE;
    }
  if (!csv)
    return FALSE;
  g_autofree char *folder = g_path_get_dirname (path);
  g_autofree gboolean *matched = g_new0 (gboolean, 1 + (prefixes ? g_strv_length (prefixes) : 0));
  Table self = { .draft = draft, .csv = csv, .split = split, .folder = folder, .matched = matched };
  /* An explicit --val or --test table is what it is named, whatever its rows say. */
  if (!choose_columns (&self, error))
    return FALSE;
  if (split != COW_TRAIN)
    self.split_column = -1;
  return read_rows (&self, error);
}
