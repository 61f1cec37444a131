/* SPDX-License-Identifier: MIT */
/* MmCows (Vu et al., 2024) as it is published: crops of cows, or frames with boxes. */
#include "model/files/file-writer.h"
#include "trainer/data/dataset-readers.h"

#include <math.h>
#include <string.h>

#include "trainer/data/csv.h"
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

static const char *
mmcows_behaviour (guint64 number)
{
  static const char *const names[] = {
    "Walking", "Standing", "Feeding head up", "Feeding head down", "Licking", "Drinking", "Lying"
  };
  return number >= 1 && number <= G_N_ELEMENTS (names) ? names[number - 1] : NULL;
}

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

static gboolean
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

/*
 * MmCows' frames (visual_data.zip): images/<MMDD>/cam_<N>/<unix>_<HH-MM-SS>.jpg, beside them
 * labels/combined/<MMDD>/cam_<N>/<same>.txt with a line "cow x y w h" a cow (centre and size as
 * parts of the frame), and behavior_labels/individual/C<NN>_<MMDD>.csv with the behaviour of each
 * cow in each second. A sample is one cow's part of a frame.
 */

#define MOST_COWS       99
#define MOST_BOXES_TEXT (1 << 20) /* bytes of a frame's boxes */

typedef struct {
  gint64 unix_s;
  guint64 behaviour;
} Moment;

typedef struct {
  DatasetDraft *draft;
  const char *folder;
  CowSplit split;
  MmcowsGroup by;
  GArray *cows[MOST_COWS + 1]; /* of Moment, sorted by time; of the day being read; NULL: none */
  guint n_unlabelled;          /* boxes whose behaviour is unknown */
  guint n_boxless;             /* frames without boxes */
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

/* ---- behaviours ------------------------------------------------------------------------------ */

static int
compare_moments (gconstpointer a, gconstpointer b)
{
  const gint64 left = ((const Moment *)a)->unix_s, right = ((const Moment *)b)->unix_s;
  return (left > right) - (left < right);
}

static GArray *
read_moments (const char *path, GError **error)
{
  g_autoptr (Csv) csv =
      csv_open (path, (const char *const[]){ "timestamp", "behavior", NULL }, error);
  guint time, behaviour;
  gboolean more;

  if (!csv || !csv_require (csv, "timestamp", "the second", &time, error) ||
      !csv_require (csv, "behavior", "the behaviour", &behaviour, error))
    return NULL;
  g_autoptr (GArray) moments = g_array_new (FALSE, FALSE, sizeof (Moment));
  for (;;) {
    guint64 seconds;
    const char *time_end, *behaviour_end;
    Moment moment;
    if (!csv_next (csv, &more, error))
      return NULL;
    if (!more)
      break;
    /* pandas writes 1690261200.0 for a column that once had a gap. */
    if (!dataset_number (csv->fields[time], G_MAXINT64, &seconds, &time_end) ||
        (*time_end && !g_str_equal (time_end, ".0")) ||
        !dataset_number (csv->fields[behaviour], 1000, &moment.behaviour, &behaviour_end) ||
        (*behaviour_end && !g_str_equal (behaviour_end, ".0"))) {
      g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                   "%s:%u: timestamp \"%s\", behavior \"%s\"; whole numbers are expected", path,
                   csv->line, csv->fields[time], csv->fields[behaviour]);
      return NULL;
    }
    moment.unix_s = (gint64)seconds;
    g_array_append_val (moments, moment);
  }
  g_array_sort (moments, compare_moments);
  return g_steal_pointer (&moments);
}

static void
forget_day (Frames *self)
{
  for (guint cow = 0; cow <= MOST_COWS; cow++)
    g_clear_pointer (&self->cows[cow], g_array_unref);
}

/* The tables of all cows that have one for a day. */
static gboolean
read_day (Frames *self, const char *day, GError **error)
{
  guint n = 0;

  forget_day (self);
  for (guint cow = 1; cow <= MOST_COWS; cow++) {
    g_autofree char *name = g_strdup_printf ("C%02u_%s.csv", cow, day);
    g_autofree char *path =
        g_build_filename (self->folder, "behavior_labels", "individual", name, NULL);
    if (!cow_path_exists (path))
      continue;
    self->cows[cow] = read_moments (path, error);
    if (!self->cows[cow])
      return FALSE;
    n++;
  }
  if (n == 0)
    dataset_draft_warn (
        self->draft,
        "%s: the day %s has no tables in behavior_labels/individual; its frames are left out",
        self->folder, day);
  return TRUE;
}

static const char *
find_behaviour (const Frames *self, guint64 cow, guint64 unix_s)
{
  const Moment wanted = { .unix_s = (gint64)unix_s };
  guint at;

  if (cow > MOST_COWS || !self->cows[cow] ||
      !g_array_binary_search (self->cows[cow], &wanted, compare_moments, &at))
    return NULL;
  return mmcows_behaviour (g_array_index (self->cows[cow], Moment, at).behaviour);
}

/* ---- boxes ----------------------------------------------------------------------------------- */

/* "cow x y w h" to a box whose first two numbers are its corner. */
static gboolean
parse_box (const char *line, guint64 *cow, double box[4])
{
  const char *end;

  /* Labels written by numpy have "3.0" for the cow. */
  if (!dataset_number (line, G_MAXUINT32, cow, &end))
    return FALSE;
  if (*end == '.')
    end += 1 + strspn (end + 1, "0");
  for (guint i = 0; i < 4; i++) {
    char *behind;
    if (*end != ' ' && *end != '\t')
      return FALSE;
    box[i] = g_ascii_strtod (end, &behind);
    if (behind == end || !(box[i] >= 0 && box[i] <= 1) || (i >= 2 && box[i] <= 0))
      return FALSE;
    end = behind;
  }
  box[0] -= box[2] / 2;
  box[1] -= box[3] / 2;
  return end[strspn (end, " \t\r")] == '\0';
}

static gboolean
add_boxes (Frames *self, char **lines, const char *labels, DatasetEntry *entry, guint64 unix_s,
           guint64 camera, GError **error)
{
  for (guint i = 0; lines[i]; i++) {
    guint64 cow;
    if (!*g_strstrip (lines[i]))
      continue;
    if (!parse_box (lines[i], &cow, entry->box)) {
      g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                   "%s:%u: \"%.40s\"; \"cow x y w h\" is expected, the last four from 0 to 1",
                   labels, i + 1, lines[i]);
      return FALSE;
    }
    entry->label = find_behaviour (self, cow, unix_s);
    if (!entry->label) {
      self->n_unlabelled++;
      continue;
    }
    g_autofree char *group = mmcows_group_name (self->by, unix_s, cow, camera);
    entry->group = group;
    if (!dataset_draft_add (self->draft, entry, labels, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
read_frame (Frames *self, const char *day, const char *camera_name, const char *name,
            GError **error)
{
  g_autofree char *picture =
      g_build_filename (self->folder, "images", day, camera_name, name, NULL);
  const char *dot = strrchr (name, '.');
  g_autofree char *stem = dot ? g_strndup (name, (gsize)(dot - name)) : g_strdup (name),
                  *text_name = g_strconcat (stem, ".txt", NULL);
  g_autofree char *labels =
      g_build_filename (self->folder, "labels", "combined", day, camera_name, text_name, NULL);
  g_autofree char *text = NULL;
  g_autoptr (GError) local = NULL;
  guint64 unix_s, camera;
  const char *end;
  gsize n_bytes;

  if (!mmcows_parse_time (name, &unix_s, &end) ||
      !dataset_number (camera_name + strlen ("cam_"), G_MAXUINT32, &camera, &end)) {
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                 "%s: not a name of MmCows' frames, cam_<N>/<unix>_<HH-MM-SS>.jpg", picture);
    return FALSE;
  }
  if (!cow_path_is_file (labels)) {
    self->n_boxless++;
    return TRUE;
  }
  if (!g_file_get_contents (labels, &text, &n_bytes, &local) || n_bytes > MOST_BOXES_TEXT) {
    g_set_error (error, COW_ERROR, COW_ERROR_IO, "%s: %s", labels,
                 local ? local->message : "larger than a frame's boxes can be");
    return FALSE;
  }
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  g_autofree char *source = g_strdup_printf ("MmCows camera %" G_GUINT64_FORMAT, camera);
  DatasetEntry entry = {
    .path = picture, .source = source, .split = self->split, .box_kind = COW_BOX_NORMALISED
  };
  return add_boxes (self, lines, labels, &entry, unix_s, camera, error);
}

/* ---- folders --------------------------------------------------------------------------------- */

static gboolean
read_camera (Frames *self, const char *day, const char *camera, GError **error)
{
  g_autofree char *path = g_build_filename (self->folder, "images", day, camera, NULL);
  g_autoptr (GPtrArray) names = scan_names (self->draft->scan, path, error);

  for (guint i = 0; names && i < names->len; i++) {
    g_autofree char *picture = g_build_filename (path, names->pdata[i], NULL);
    if (scan_is_picture (self->draft->scan, picture) &&
        !read_frame (self, day, camera, names->pdata[i], error))
      return FALSE;
  }
  return names != NULL;
}

static gboolean
read_days (Frames *self, GError **error)
{
  g_autofree char *images = g_build_filename (self->folder, "images", NULL);
  g_autoptr (GPtrArray) days = scan_names (self->draft->scan, images, error);

  for (guint d = 0; days && d < days->len; d++) {
    g_autofree char *path = g_build_filename (images, days->pdata[d], NULL);
    gboolean there;
    if (!scan_is_folder (path, &there, error))
      return FALSE;
    if (!there)
      continue;
    g_autoptr (GPtrArray) cameras = scan_names (self->draft->scan, path, error);
    if (!cameras || !read_day (self, days->pdata[d], error))
      return FALSE;
    for (guint c = 0; c < cameras->len; c++)
      if (g_str_has_prefix (cameras->pdata[c], "cam_") &&
          !read_camera (self, days->pdata[d], cameras->pdata[c], error))
        return FALSE;
  }
  return days != NULL;
}

gboolean
dataset_read_mmcows_frames (DatasetDraft *draft, const char *folder, CowSplit split, GError **error)
{
  Frames self = { .draft = draft, .folder = folder, .split = split };

  if (!mmcows_choose_group (draft, folder, &self.by, error))
    return FALSE;
  const gboolean ok = read_days (&self, error);
  forget_day (&self);
  if (ok && self.n_unlabelled > 0)
    dataset_draft_warn (draft,
                        "%s: %u box%s of cows whose behaviour then is not known; %s left out",
                        folder, self.n_unlabelled, words_of (self.n_unlabelled, " is", "es are"),
                        words_of (self.n_unlabelled, "it is", "they are"));
  if (ok && self.n_boxless > 0)
    dataset_draft_warn (draft, "%s: %u frame%s no boxes in labels/combined", folder, self.n_boxless,
                        words_of (self.n_boxless, " has", "s have"));
  return ok;
}
