/* SPDX-License-Identifier: MIT */
/* Folders of classes: FOLDER/CLASS/..., pictures at any depth below their class. */
#include "trainer/data/dataset-readers.h"
#include "trainer/data/pictures.h"

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

static gboolean
read_class (DatasetDraft *self, const char *folder, const char *label, CowSplit split,
            gboolean by_name, GError **error)
{
  g_autofree char *path = g_build_filename (folder, label, NULL);
  char *paths[] = { path, NULL };
  g_autoptr (GError) local = NULL;

  /* A folder without a picture still names a class, so that its emptiness is noticed. */
  if (dataset_draft_label (self, label, path, error) < 0)
    return FALSE;
  g_autoptr (GPtrArray) pictures = pictures_find (paths, &local);
  if (g_error_matches (local, COW_ERROR, COW_ERROR_NOT_FOUND))
    return TRUE;
  if (!pictures) {
    g_propagate_error (error, g_steal_pointer (&local));
    return FALSE;
  }
  for (guint i = 0; i < pictures->len; i++) {
    g_autofree char *group = by_name ? dataset_group_from_name (pictures->pdata[i]) : NULL;
    const DatasetEntry entry = {
      .path = pictures->pdata[i], .label = label, .group = group, .split = split
    };
    if (!dataset_draft_add (self, &entry, path, error))
      return FALSE;
  }
  return TRUE;
}

gboolean
dataset_read_folders (DatasetDraft *self, const char *folder, CowSplit split, GError **error)
{
  g_autoptr (GPtrArray) names = pictures_folder_names (folder, error);
  guint n_classes = 0, n_loose = 0;
  gboolean by_name;

  if (!names || !choose_group (self, folder, &by_name, error))
    return FALSE;
  for (guint i = 0; i < names->len; i++) {
    g_autofree char *path = g_build_filename (folder, names->pdata[i], NULL);
    if (!g_file_test (path, G_FILE_TEST_IS_DIR)) {
      n_loose += pictures_is_name (path);
      continue;
    }
    n_classes++;
    if (!read_class (self, folder, names->pdata[i], split, by_name, error))
      return FALSE;
  }
  if (n_classes == 0) {
    g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND,
                 "%s has no folders of classes: pictures are expected as %s/CLASS/picture.jpg",
                 folder, folder);
    return FALSE;
  }
  if (n_loose > 0)
    dataset_draft_warn (self, "%s: %u pictures lie beside the folders of classes and are left out",
                        folder, n_loose);
  return TRUE;
}
