/* SPDX-License-Identifier: MIT */
/* Folders of classes: FOLDER/CLASS/..., pictures at any depth below their class. */
#include "model/files/file-writer.h"
#include "trainer/data/dataset-readers.h"

/* Whether pictures are to be grouped by their names; folders know nothing else. */
static gboolean
choose_group (DatasetDraft *self, const char *folder, gboolean *by_name, GError **error)
{
  const char *group_by = self->options->group_by;

  *by_name = group_by && g_str_equal (group_by, "name");
  if (*by_name)
    dataset_draft_grouped_by (self, "file name");
  if (!group_by || *by_name || g_str_equal (group_by, "none"))
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT,
               "%s: folders of classes cannot be grouped by \"%s\": \"name\" (file names without "
               "their last number) or \"none\" is expected",
               folder, group_by);
  return FALSE;
}

/* ---- folders that are no classes ------------------------------------------------------------- */

static void
free_names (gpointer names)
{
  g_ptr_array_unref (names);
}

static char *
join (const GPtrArray *names)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < MIN (names->len, 6); i++)
    g_string_append_printf (text, "%s%s", i ? ", " : "", (char *)names->pdata[i]);
  if (names->len > 6)
    g_string_append (text, ", ...");
  return g_string_free (text, FALSE);
}

/*
 * Refuses to take splits for classes, here or one level deeper. A class that is really called so
 * is accepted where --classes lists it.
 */
static gboolean
check_no_splits (const DatasetDraft *self, const char *folder, const GPtrArray *labels,
                 const GPtrArray *inner, GError **error)
{
  const CowDatasetOptions *options = self->options;

  for (guint i = 0; i < labels->len && !options->classes && !options->classes_text; i++) {
    g_autofree char *path = g_build_filename (folder, labels->pdata[i], NULL);
    if (cow_split_looks_like (labels->pdata[i])) {
      g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                   "%s looks like a split, not like a class: call the folders train, val and test, "
                   "or name them by --train, --val and --test (--classes accepts it as a class)",
                   path);
      return FALSE;
    }
    const GPtrArray *below = inner->pdata[i];
    CowSplit split;
    for (guint k = 0; k < below->len; k++)
      if (cow_split_parse (below->pdata[k], &split)) {
        g_autofree char *names = join (below);
        g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                     "%s has folders of splits in it (%s), so it is no class: --data %s, or "
                     "FOLDER/%s/CLASS/picture.jpg, is expected",
                     path, names, path, cow_split_name (split));
        return FALSE;
      }
  }
  return TRUE;
}

/* Folders of the same names in all classes may be the classes themselves. */
static void
warn_of_depth (DatasetDraft *self, const char *folder, const GPtrArray *labels,
               const GPtrArray *inner)
{
  g_autofree char *all = NULL;
  guint n = 0;

  for (guint i = 0; i < labels->len; i++) {
    const GPtrArray *below = inner->pdata[i];
    g_autofree char *names = join (below);
    if (all && !g_str_equal (names, all))
      return;
    n = below->len;
    if (!all)
      all = g_steal_pointer (&names);
  }
  g_autofree char *classes = join (labels);
  if (labels->len == 1 && n > 0)
    dataset_draft_warn (self,
                        "%s: %s has folders in it (%s): if they are the classes, --data %s/%s "
                        "is meant",
                        folder, classes, all, folder, classes);
  else if (n > 1)
    dataset_draft_warn (self,
                        "%s: each of %s has the same folders in it (%s); the classes are taken to "
                        "be %s",
                        folder, classes, all, classes);
}

/* Whether a folder is a link to another class, or to all of them, and so no class of its own. */
static gboolean
is_other_class (const char *folder, const char *path, const GPtrArray *names, guint own)
{
  if (!g_file_test (path, G_FILE_TEST_IS_SYMLINK))
    return FALSE;
  for (guint i = 0; i < names->len; i++) {
    g_autofree char *other = g_build_filename (folder, names->pdata[i], NULL);
    /* Of two links to one folder the first is the class. */
    if (i != own && scan_is_same_folder (path, other) &&
        (i < own || !g_file_test (other, G_FILE_TEST_IS_SYMLINK)))
      return TRUE;
  }
  return scan_is_same_folder (path, folder);
}

/* ---- classes --------------------------------------------------------------------------------- */

static gboolean
read_class (DatasetDraft *self, const char *folder, const char *label, CowSplit split,
            gboolean by_name, GError **error)
{
  g_autofree char *path = g_build_filename (folder, label, NULL);

  /* A folder without a picture still names a class, so that its emptiness is noticed. */
  if (dataset_draft_label (self, label, path, error) < 0)
    return FALSE;
  const DatasetClass class = {
    .label = g_strdup (label), .place = g_strdup (path), .split = split, .by_name = by_name
  };
  g_array_append_val (self->classes, class);
  return scan_folder (self->scan, path, self->classes->len - 1, error);
}

gboolean
dataset_read_folders (DatasetDraft *self, const char *folder, CowSplit split, GError **error)
{
  g_autoptr (GPtrArray) names = scan_names (self->scan, folder, error), labels = g_ptr_array_new (),
                        inner = g_ptr_array_new_with_free_func (free_names);
  gboolean by_name;

  if (!names || !choose_group (self, folder, &by_name, error))
    return FALSE;
  for (guint i = 0; i < names->len; i++) {
    g_autofree char *path = g_build_filename (folder, names->pdata[i], NULL);
    gboolean is_folder;
    if (!scan_is_folder (path, &is_folder, error))
      return FALSE;
    if (is_other_class (folder, path, names, i))
      scan_pass (self->scan, path, PASSED_LINK, NULL);
    else if (is_folder) {
      g_ptr_array_add (labels, names->pdata[i]);
      g_ptr_array_add (inner, scan_folder_names (path));
    } else if (scan_is_picture (self->scan, path))
      scan_pass (self->scan, path, PASSED_LOOSE, NULL);
  }
  if (labels->len == 0) {
    g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND,
                 "%s has no folders of classes: pictures are expected as %s/CLASS/picture.jpg",
                 folder, folder);
    return FALSE;
  }
  if (!check_no_splits (self, folder, labels, inner, error))
    return FALSE;
  warn_of_depth (self, folder, labels, inner);
  for (guint i = 0; i < labels->len; i++)
    if (!read_class (self, folder, labels->pdata[i], split, by_name, error))
      return FALSE;
  return TRUE;
}

/* ---- pictures -------------------------------------------------------------------------------- */

gboolean
dataset_add_scanned (DatasetDraft *self, GError **error)
{
  if (!scan_finish (self->scan, error))
    return FALSE;
  for (guint i = 0; i < self->scan->pictures->len; i++) {
    const ScannedPicture *picture = &g_array_index (self->scan->pictures, ScannedPicture, i);
    const DatasetClass *class = &g_array_index (self->classes, DatasetClass, picture->tag);
    g_autofree char *group = class->by_name ? dataset_group_from_name (picture->path) : NULL;
    const DatasetEntry entry = {
      .path = picture->path, .label = class->label, .group = group, .split = class->split
    };
    if (!dataset_draft_add (self, &entry, class->place, error))
      return FALSE;
  }
  return TRUE;
}
