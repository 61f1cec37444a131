/* SPDX-License-Identifier: MIT */
#include "trainer/data/mmcows.h"

#include <string.h>

#include "model/files/file-writer.h"
#include "trainer/data/csv.h"
#include "trainer/host/words.h"

#define MOST_COWS       99
#define MOST_BOXES_TEXT (1 << 20) /* bytes of a frame's boxes */

typedef struct {
  gint64 unix_s;
  guint64 behaviour;
} Moment;

typedef struct {
  DatasetDraft *draft;
  const char *folder, *without_tables;
  MmcowsTake take;
  gpointer data;
  GArray *cows[MOST_COWS + 1]; /* of Moment, sorted by time; of the day being read; NULL: none */
  guint n_boxless;             /* frames without boxes */
} Frames;

/* ---- names ----------------------------------------------------------------------------------- */

const char *
mmcows_behaviour (guint64 number)
{
  static const char *const names[] = {
    "Walking", "Standing", "Feeding head up", "Feeding head down", "Licking", "Drinking", "Lying"
  };
  return number >= 1 && number <= G_N_ELEMENTS (names) ? names[number - 1] : NULL;
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
    dataset_draft_warn (self->draft, "%s: the day %s has no tables in behavior_labels/individual%s",
                        self->folder, day, self->without_tables);
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

/* The boxes of a frame's lines, of MmcowsBox. */
static GArray *
read_boxes (Frames *self, char **lines, const char *labels, guint64 unix_s, GError **error)
{
  g_autoptr (GArray) boxes = g_array_new (FALSE, FALSE, sizeof (MmcowsBox));

  for (guint i = 0; lines[i]; i++) {
    MmcowsBox box;
    if (!*g_strstrip (lines[i]))
      continue;
    if (!parse_box (lines[i], &box.cow, box.box)) {
      g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                   "%s:%u: \"%.40s\"; \"cow x y w h\" is expected, the last four from 0 to 1",
                   labels, i + 1, lines[i]);
      return NULL;
    }
    box.behaviour = find_behaviour (self, box.cow, unix_s);
    g_array_append_val (boxes, box);
  }
  return g_steal_pointer (&boxes);
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
  g_autoptr (GArray) list = read_boxes (self, lines, labels, unix_s, error);
  g_autofree char *source = g_strdup_printf ("MmCows camera %" G_GUINT64_FORMAT, camera);
  const MmcowsFrame frame = { .picture = picture,
                              .labels = labels,
                              .source = source,
                              .unix_s = unix_s,
                              .camera = camera,
                              .boxes = list };
  return list && self->take (&frame, self->data, error);
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
mmcows_frames_read (DatasetDraft *draft, const char *folder, const char *without_tables,
                    MmcowsTake take, gpointer data, GError **error)
{
  Frames self = {
    .draft = draft, .folder = folder, .without_tables = without_tables, .take = take, .data = data
  };
  const gboolean ok = read_days (&self, error);

  forget_day (&self);
  if (ok && self.n_boxless > 0)
    dataset_draft_warn (draft, "%s: %u frame%s no boxes in labels/combined", folder, self.n_boxless,
                        words_of (self.n_boxless, " has", "s have"));
  return ok;
}
