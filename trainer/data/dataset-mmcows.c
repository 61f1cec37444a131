/* SPDX-License-Identifier: MIT */
/*
 * MmCows' crops (Vu et al., 2024; cropped_bboxes.zip):
 * behaviors/{1..7}/<unix>_<HH-MM-SS>_<cow>_<camera>.jpg.
 *
 * Classes get the names of the cow recipes. Groups: the cow (default), the camera, or the session,
 * which is an hour here: all cameras saw the same day of the same pen.
 */
#include <string.h>

#include "trainer/data/dataset-mmcows.h"
#include "trainer/data/pictures.h"

const char *
mmcows_behaviour (guint64 number)
{
  static const char *const names[] = {
    "Walking", "Standing", "Feeding head up", "Feeding head down", "Licking", "Drinking", "Lying"
  };
  return number >= 1 && number <= G_N_ELEMENTS (names) ? names[number - 1] : NULL;
}

gboolean
mmcows_choose_group (DatasetDraft *draft, const char *folder, MmcowsGroup *group, GError **error)
{
  static const char *const names[] = { "cow", "camera", "session" };
  const char *group_by = draft->options->group_by ? draft->options->group_by : "cow";

  *group = MMCOWS_ALONE;
  if (g_str_equal (group_by, "none"))
    return TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (g_str_equal (group_by, names[i])) {
      *group = (MmcowsGroup)i;
      dataset_draft_grouped_by (draft, names[i]);
      return TRUE;
    }
  g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT,
               "%s: MmCows is grouped by cow, camera, session or none, not by \"%s\"", folder,
               group_by);
  return FALSE;
}

char *
mmcows_group_name (MmcowsGroup group, guint64 unix_s, guint64 cow, guint64 camera)
{
  switch (group) {
  case MMCOWS_BY_COW:
    return g_strdup_printf ("cow %" G_GUINT64_FORMAT, cow);
  case MMCOWS_BY_CAMERA:
    return g_strdup_printf ("camera %" G_GUINT64_FORMAT, camera);
  case MMCOWS_BY_SESSION:
    return g_strdup_printf ("hour %" G_GUINT64_FORMAT, unix_s / 3600);
  case MMCOWS_ALONE:
    break;
  }
  return NULL;
}

gboolean
mmcows_parse_time (const char *name, guint64 *unix_s, const char **end)
{
  guint64 unused;

  return dataset_number (name, G_MAXINT64, unix_s, end) && **end == '_' &&
         dataset_number (*end + 1, 99, &unused, end) && **end == '-' &&
         dataset_number (*end + 1, 99, &unused, end) && **end == '-' &&
         dataset_number (*end + 1, 99, &unused, end);
}

/* Cow and camera of a crop, by its name. */
static gboolean
parse_crop (const char *name, guint64 *unix_s, guint64 *cow, guint64 *camera)
{
  const char *end;

  return mmcows_parse_time (name, unix_s, &end) && *end == '_' &&
         dataset_number (end + 1, G_MAXUINT32, cow, &end) && *end == '_' &&
         dataset_number (end + 1, G_MAXUINT32, camera, &end) && *end == '.';
}

static char *
behaviours_folder (const char *folder)
{
  static const char *const ways[] = { "behaviors", "cropped_bboxes/behaviors" };

  for (guint i = 0; i < G_N_ELEMENTS (ways); i++) {
    g_autofree char *path = g_build_filename (folder, ways[i], NULL);
    if (g_file_test (path, G_FILE_TEST_IS_DIR))
      return g_steal_pointer (&path);
  }
  g_autofree char *name = g_path_get_basename (folder);
  return g_str_equal (name, "behaviors") ? g_strdup (folder) : NULL;
}

gboolean
dataset_is_mmcows (const char *folder)
{
  g_autofree char *path = behaviours_folder (folder);
  return path != NULL;
}

static gboolean
add_crop (DatasetDraft *draft, const char *folder, const char *name, const char *label,
          CowSplit split, MmcowsGroup by, GError **error)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  guint64 unix_s, cow, camera;

  if (!parse_crop (name, &unix_s, &cow, &camera)) {
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                 "%s: not a name of MmCows' crops, <unix>_<HH-MM-SS>_<cow>_<camera>.jpg", path);
    return FALSE;
  }
  g_autofree char *group = mmcows_group_name (by, unix_s, cow, camera);
  g_autofree char *source = g_strdup_printf ("MmCows camera %" G_GUINT64_FORMAT, camera);
  const DatasetEntry entry = {
    .path = path, .label = label, .source = source, .group = group, .split = split
  };
  return dataset_draft_add (draft, &entry, folder, error);
}

gboolean
dataset_read_mmcows (DatasetDraft *draft, const char *folder, CowSplit split, GError **error)
{
  g_autofree char *behaviours = behaviours_folder (folder);
  MmcowsGroup by;

  if (!behaviours) {
    g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND,
                 "%s has no folder behaviors/, as MmCows' crops have", folder);
    return FALSE;
  }
  if (!mmcows_choose_group (draft, folder, &by, error))
    return FALSE;
  for (guint64 number = 1; mmcows_behaviour (number); number++) {
    g_autofree char *digits = g_strdup_printf ("%" G_GUINT64_FORMAT, number);
    g_autofree char *path = g_build_filename (behaviours, digits, NULL);
    if (!g_file_test (path, G_FILE_TEST_IS_DIR))
      continue;
    g_autoptr (GPtrArray) names = pictures_folder_names (path, error);
    if (!names || dataset_draft_label (draft, mmcows_behaviour (number), path, error) < 0)
      return FALSE;
    for (guint i = 0; i < names->len; i++)
      if (pictures_is_name (names->pdata[i]) &&
          !add_crop (draft, path, names->pdata[i], mmcows_behaviour (number), split, by, error))
        return FALSE;
  }
  return TRUE;
}
