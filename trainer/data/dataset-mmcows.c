/* SPDX-License-Identifier: MIT */
/* MmCows (Vu et al., 2024) as it is published: crops of cows, or frames with boxes. */
#include "model/files/file-writer.h"
#include "trainer/data/dataset-readers.h"

#include <math.h>
#include <string.h>

#include "trainer/data/mmcows.h"
#include "trainer/host/words.h"

typedef enum { MMCOWS_BY_COW, MMCOWS_BY_CAMERA, MMCOWS_BY_SESSION, MMCOWS_ALONE } MmcowsGroup;

/* ---- crops ----------------------------------------------------------------------------------- */

/*
 * MmCows' crops (Vu et al., 2024; cropped_bboxes.zip):
 * behaviors/{1..7}/<unix>_<HH-MM-SS>_<cow>_<camera>.jpg.
 *
 * Classes get the names of the cow recipes. Groups: the cow (default), the camera, or the session,
 * which is an hour here: all cameras saw the same day of the same pen.
 */

static gboolean
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

static char *
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

/* Cow and camera of a crop, by its name. */
static gboolean
parse_crop (const char *name, guint64 *unix_s, guint64 *cow, guint64 *camera)
{
  const char *end;

  return mmcows_parse_time (name, unix_s, &end) && *end == '_' &&
         dataset_number (end + 1, G_MAXUINT32, cow, &end) && *end == '_' &&
         dataset_number (end + 1, G_MAXUINT32, camera, &end) && *end == '.';
}

/* The folder of crops' behaviours; *path is NULL where there is none. */
static gboolean
find_behaviours (const char *folder, char **path, GError **error)
{
  static const char *const ways[] = { "behaviors", "cropped_bboxes/behaviors" };

  for (guint i = 0; i < G_N_ELEMENTS (ways); i++) {
    g_autofree char *way = g_build_filename (folder, ways[i], NULL);
    gboolean there;
    *path = NULL;
    if (!scan_is_folder (way, &there, error))
      return FALSE;
    if (there) {
      *path = g_steal_pointer (&way);
      return TRUE;
    }
  }
  g_autofree char *name = g_path_get_basename (folder);
  *path = g_str_equal (name, "behaviors") ? g_strdup (folder) : NULL;
  return TRUE;
}

gboolean
dataset_is_mmcows (const char *folder, gboolean *is, GError **error)
{
  g_autofree char *path = NULL;
  const gboolean ok = find_behaviours (folder, &path, error);

  *is = path != NULL;
  return ok;
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
  g_autofree char *behaviours = NULL;
  MmcowsGroup by;

  if (!find_behaviours (folder, &behaviours, error))
    return FALSE;
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
    gboolean there;
    if (!scan_is_folder (path, &there, error))
      return FALSE;
    if (!there)
      continue;
    g_autoptr (GPtrArray) names = scan_names (draft->scan, path, error);
    if (!names || dataset_draft_label (draft, mmcows_behaviour (number), path, error) < 0)
      return FALSE;
    for (guint i = 0; i < names->len; i++) {
      g_autofree char *picture = g_build_filename (path, names->pdata[i], NULL);
      if (scan_is_picture (draft->scan, picture) &&
          !add_crop (draft, path, names->pdata[i], mmcows_behaviour (number), split, by, error))
        return FALSE;
    }
  }
  return TRUE;
}

/* ---- frames ---------------------------------------------------------------------------------- */

/* A sample is one cow's part of a frame. */
typedef struct {
  DatasetDraft *draft;
  CowSplit split;
  MmcowsGroup by;
  guint n_unlabelled; /* boxes whose behaviour is unknown */
} Frames;

gboolean
dataset_is_mmcows_frames (const char *folder, gboolean *is, GError **error)
{
  g_autofree char *images = g_build_filename (folder, "images", NULL),
                  *labels = g_build_filename (folder, "labels", "combined", NULL),
                  *behaviours = g_build_filename (folder, "behavior_labels", "individual", NULL);

  return scan_is_folder (images, is, error) && (!*is || scan_is_folder (labels, is, error)) &&
         (!*is || scan_is_folder (behaviours, is, error));
}

static gboolean
take_frame (const MmcowsFrame *frame, gpointer data, GError **error)
{
  Frames *self = data;

  for (guint i = 0; i < frame->boxes->len; i++) {
    const MmcowsBox *box = &g_array_index (frame->boxes, MmcowsBox, i);
    if (!box->behaviour) {
      self->n_unlabelled++;
      continue;
    }
    g_autofree char *group = mmcows_group_name (self->by, frame->unix_s, box->cow, frame->camera);
    DatasetEntry entry = { .path = frame->picture,
                           .label = box->behaviour,
                           .source = frame->source,
                           .group = group,
                           .split = self->split,
                           .box_kind = COW_BOX_NORMALISED };
    memcpy (entry.box, box->box, sizeof entry.box);
    if (!dataset_draft_add (self->draft, &entry, frame->labels, error))
      return FALSE;
  }
  return TRUE;
}

gboolean
dataset_read_mmcows_frames (DatasetDraft *draft, const char *folder, CowSplit split, GError **error)
{
  Frames self = { .draft = draft, .split = split };

  if (!mmcows_choose_group (draft, folder, &self.by, error))
    return FALSE;
  const gboolean ok =
      mmcows_frames_read (draft, folder, "; its frames are left out", take_frame, &self, error);
  if (ok && self.n_unlabelled > 0)
    dataset_draft_warn (draft,
                        "%s: %u box%s of cows whose behaviour then is not known; %s left out",
                        folder, self.n_unlabelled, words_of (self.n_unlabelled, " is", "es are"),
                        words_of (self.n_unlabelled, "it is", "they are"));
  return ok;
}
