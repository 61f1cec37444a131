/* SPDX-License-Identifier: MIT */
/*
 * CSV tables: a row a picture. Columns image_path and label (or what the options name), and where
 * they exist source, split, a box (table-boxes.h), and what pictures are grouped by. Relative paths
 * start at the table's folder.
 */
#include <string.h>
#include <unistd.h>

#include "trainer/data/csv.h"
#include "trainer/data/dataset-readers.h"
#include "trainer/data/path-finder.h"
#include "trainer/data/table-boxes.h"
#include "trainer/host/words.h"

typedef struct {
  DatasetDraft *draft;
  Csv *csv;
  CowSplit split; /* of rows without a column for it */
  guint path, label;
  int source, group, split_column; /* -1: none */
  gboolean of_crops;               /* crop-table.h: rows may have no label yet */
  TableBoxes boxes;
  PathFinder finder;
  guint first;     /* the set's first sample of this table */
  guint n_missing; /* labels that are words for "missing" */
  guint n_unlabelled;
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

static const char *
path_column (const CowDatasetOptions *options)
{
  return options->path_column ? options->path_column : "image_path";
}

static const char *
label_column (const CowDatasetOptions *options)
{
  return options->label_column ? options->label_column : "label";
}

static gboolean
choose_columns (Table *self, GError **error)
{
  const CowDatasetOptions *options = self->draft->options;
  guint source;

  if (!csv_require (self->csv, path_column (options), "the paths (--path-column)", &self->path,
                    error) ||
      !csv_require (self->csv, label_column (options), "the classes (--label-column)", &self->label,
                    error))
    return FALSE;
  self->source = csv_column (self->csv, "source");
  if (options->source_column) {
    if (!csv_require (self->csv, options->source_column, "the origins (--source-column)", &source,
                      error))
      return FALSE;
    self->source = (int)source;
  }
  self->split_column = csv_column (self->csv, "split");
  self->of_crops = csv_column (self->csv, "video") >= 0 && csv_column (self->csv, "time") >= 0;
  const int optional[] = { self->source, self->split_column };
  for (guint i = 0; i < G_N_ELEMENTS (optional); i++)
    if (optional[i] >= 0 && !csv_check_single (self->csv, optional[i], error))
      return FALSE;
  return table_boxes_find (&self->boxes, self->csv, error) && choose_group (self, error);
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* Whether a path begins as a prefix, where slashes and backslashes are the same. */
static gboolean
begins_with (const char *path, const char *prefix, gsize n)
{
  for (gsize i = 0; i < n; i++)
    if (path[i] != prefix[i] && !(path[i] && strchr ("/\\", path[i]) && strchr ("/\\", prefix[i])))
      return FALSE;
  return TRUE;
}

static char *
full_path (Table *self, const char *path)
{
  GStrv prefixes = self->draft->options->prefixes;

  if (g_str_has_prefix (path, "file://")) {
    char *file = g_filename_from_uri (path, NULL, NULL);
    if (file)
      return file;
  }
  for (guint i = 0; prefixes && prefixes[i]; i++) {
    const char *equals = strchr (prefixes[i], '=');
    const gsize n = (gsize)(equals - prefixes[i]);
    if (begins_with (path, prefixes[i], n)) {
      self->matched[i] = TRUE;
      return g_strconcat (equals + 1, path + n, NULL);
    }
  }
  return g_path_is_absolute (path) ? g_strdup (path) : g_build_filename (self->folder, path, NULL);
}

static gboolean
read_split (const Table *self, CowSplit *split, GError **error)
{
  const char *text = self->csv->fields[self->split_column];

  if (cow_split_parse (text, split))
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
               "%s:%u: split \"%s\"; train, val or test is expected", self->csv->path,
               self->csv->line, text);
  return FALSE;
}

static gboolean
read_row (Table *self, GError **error)
{
  const char **fields = self->csv->fields;
  g_autofree char *place = g_strdup_printf ("%s:%u", self->csv->path, self->csv->line);
  g_autofree char *label = g_strstrip (g_strdup (fields[self->label]));
  DatasetEntry entry = { .label = label, .split = self->split };

  if (!*label && self->of_crops) {
    self->n_unlabelled++;
    return TRUE;
  }
  if (!*label || !*fields[self->path]) {
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: the field \"%s\" is empty", place,
                 self->csv->columns[*label ? self->path : self->label]);
    return FALSE;
  }
  self->n_missing += csv_is_missing (label);
  g_autofree char *stripped = g_strstrip (g_strdup (fields[self->path]));
  g_autofree char *written = full_path (self, stripped);
  g_autofree char *path = path_finder_find (&self->finder, written, error);
  if (!path)
    return FALSE;
  g_autofree char *name_group = self->group_by_name ? dataset_group_from_name (path) : NULL;
  entry.path = path;
  entry.source = self->source >= 0 ? fields[self->source] : NULL;
  /* A word for "missing" is no group: all those rows together are not one cow. */
  entry.group = self->group < 0                        ? name_group
                : csv_is_missing (fields[self->group]) ? ""
                                                       : fields[self->group];
  gboolean whole = TRUE;
  if ((self->split_column >= 0 && !read_split (self, &entry.split, error)) ||
      (self->boxes.columns[0] >= 0 &&
       !table_boxes_read (&self->boxes, self->csv, entry.box, &whole, error)))
    return FALSE;
  /* Of which kind the boxes are is known after the last row. */
  entry.box_kind = whole ? COW_BOX_NONE : COW_BOX_PIXELS;
  return dataset_draft_add (self->draft, &entry, place, error);
}

/* ---- what was understood --------------------------------------------------------------------- */

static gboolean
finish_boxes (Table *self, GError **error)
{
  GArray *samples = self->draft->set->samples;
  CowBoxKind kind;

  if (!table_boxes_finish (&self->boxes, self->csv, &kind, error))
    return FALSE;
  for (guint i = self->first; i < samples->len; i++) {
    CowSample *sample = &g_array_index (samples, CowSample, i);
    if (sample->box_kind != COW_BOX_NONE)
      sample->box_kind = kind;
  }
  if (self->boxes.columns[0] < 0)
    return TRUE;
  g_autofree char *text = table_boxes_text (&self->boxes, self->csv, kind);
  dataset_draft_note (self->draft, "%s: %s", self->csv->path, text);
  return TRUE;
}

static void
note_columns (Table *self)
{
  const Csv *csv = self->csv;
  const char *separator = csv->separator == ','    ? "commas"
                          : csv->separator == ';'  ? "semicolons"
                          : csv->separator == '\t' ? "tabs"
                          : csv->separator == '|'  ? "bars"
                                                   : "what its first line names";

  dataset_draft_note (self->draft, "%s: %s, separated by %s; paths: %s, classes: %s%s%s%s%s",
                      csv->path, csv->encoding ? csv->encoding : "UTF-8", separator,
                      csv->columns[self->path], csv->columns[self->label],
                      self->split_column >= 0 ? ", split: " : "",
                      self->split_column >= 0 ? csv->columns[self->split_column] : "",
                      self->group >= 0 ? ", kept together by: " : "",
                      self->group >= 0 ? csv->columns[self->group] : "");
}

static void
warn_of_rows (Table *self)
{
  DatasetDraft *draft = self->draft;
  const char *path = self->csv->path;

  if (self->boxes.unread)
    dataset_draft_warn (draft,
                        "%s: columns that look like boxes are not read: %s (xmin, ymin, xmax, ymax "
                        "or x, y, width, height are)%s",
                        path, self->boxes.unread,
                        self->boxes.columns[0] < 0 ? "; the whole pictures are taken" : "");
  if (self->n_unlabelled > 0)
    dataset_draft_warn (draft, "%s: %u row%s no label yet and %s left out", path,
                        self->n_unlabelled, words_of (self->n_unlabelled, " has", "s have"),
                        words_of (self->n_unlabelled, "is", "are"));
  if (self->n_missing > 0)
    dataset_draft_warn (draft,
                        "%s: %u row%s a class that is a word for \"missing\" (NA, none, ...): "
                        "it is a class like the others; take these rows out if it is none",
                        path, self->n_missing, words_of (self->n_missing, " has", "s have"));
  if (self->finder.n_backslashes > 0)
    dataset_draft_warn (draft, "%s: the backslashes of %u path%s are taken for slashes", path,
                        self->finder.n_backslashes, words_s (self->finder.n_backslashes));
  if (self->finder.n_forms > 0)
    dataset_draft_warn (draft,
                        "%s: %u paths are found under names that differ in case or form of Unicode",
                        path, self->finder.n_forms);
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
  if (n == self->n_unlabelled) {
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                 n == 0 ? "%s has columns but no rows"
                        : "%s: no row has a label yet: its column \"label\" is to be filled in",
                 self->csv->path);
    return FALSE;
  }
  GStrv prefixes = self->draft->options->prefixes;
  for (guint i = 0; prefixes && prefixes[i]; i++)
    if (!self->matched[i])
      dataset_draft_warn (self->draft, "%s: no path begins as --prefix %s says", self->csv->path,
                          prefixes[i]);
  note_columns (self);
  warn_of_rows (self);
  return finish_boxes (self, error);
}

gboolean
dataset_read_table (DatasetDraft *draft, const char *path, CowSplit split, GError **error)
{
  const char *const needed[] = { path_column (draft->options), label_column (draft->options),
                                 NULL };
  g_autoptr (Csv) csv = csv_open (path, needed, error);
  GStrv prefixes = draft->options->prefixes;

  draft->n_tables++;

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
  Table self = { .draft = draft,
                 .csv = csv,
                 .split = split,
                 .folder = folder,
                 .matched = matched,
                 .first = draft->set->samples->len };
  if (!choose_columns (&self, error)) {
    table_boxes_clear (&self.boxes);
    return FALSE;
  }
  /* An explicit --val or --test table is what it is named, whatever its rows say. */
  if (split != COW_TRAIN)
    self.split_column = -1;
  path_finder_init (&self.finder);
  const gboolean ok = read_rows (&self, error);
  path_finder_clear (&self.finder);
  table_boxes_clear (&self.boxes);
  return ok;
}

/* ---- a table beside folders ------------------------------------------------------------------ */

/* Whether the current row says of SPLIT/CLASS/NAME that it is of that split and class. */
static gboolean
row_repeats_folders (const Csv *csv, int path, int label, int split, const char *folder)
{
  g_auto (GStrv) parts = g_strsplit (csv->fields[path], "/", 3);
  g_autofree char *file = g_build_filename (folder, csv->fields[path], NULL);
  CowSplit of_folder, said;

  return g_strv_length (parts) == 3 && cow_split_parse (parts[0], &of_folder) &&
         g_str_equal (csv->fields[label], parts[1]) &&
         (split < 0 || (cow_split_parse (csv->fields[split], &said) && said == of_folder)) &&
         access (file, R_OK) == 0;
}

gboolean
dataset_table_repeats_folders (const char *path, const CowDatasetOptions *options)
{
  const char *const needed[] = { path_column (options), label_column (options), NULL };
  g_autoptr (Csv) csv = g_str_has_suffix (path, ".csv") ? csv_open (path, needed, NULL) : NULL;
  g_autofree char *folder = g_path_get_dirname (path);
  g_auto (TableBoxes) boxes = { 0 };
  gboolean more = FALSE;
  guint n = 0;

  if (!csv || csv_column (csv, needed[0]) < 0 || csv_column (csv, needed[1]) < 0 ||
      !table_boxes_find (&boxes, csv, NULL) || boxes.columns[0] >= 0)
    return FALSE;
  const int columns[] = { csv_column (csv, needed[0]), csv_column (csv, needed[1]),
                          csv_column (csv, "split") };
  for (; csv_next (csv, &more, NULL) && more; n++)
    if (!row_repeats_folders (csv, columns[0], columns[1], columns[2], folder))
      return FALSE;
  return n > 0 && !more;
}
