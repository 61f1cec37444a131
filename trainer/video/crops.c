/* SPDX-License-Identifier: MIT */
#include "trainer/video/crops.h"

#include <cairo.h>
#include <gst/video/video.h>
#include <string.h>

#include "gst-plugin/behavior/zones.h"
#include "model/files/file-writer.h"
#include "trainer/data/file-names.h"
#include "trainer/plot/plot.h"

#define NS        G_GINT64_CONSTANT (1000000000)
#define MS        (NS / 1000)
#define LEAST_PX  16 /* a side of a crop; smaller ones show no cow */
#define SAVE_US   (5 * G_USEC_PER_SEC)
#define MOST_STEM 80 /* bytes of a recording's name in names of crops */

/* Training keeps a session on one side: a tenth of the recording, within these limits. */
#define SHORTEST_SESSION (10 * NS)
#define LONGEST_SESSION  (300 * NS)

/* Cairo's pixels are words of the machine. */
#define FORMAT (G_BYTE_ORDER == G_LITTLE_ENDIAN ? "BGRx" : "xRGB")

typedef struct {
  char *zone, *track; /* one of them, or none */
  int place[4];       /* left, top, width, height, px */
} Cut;

typedef struct {
  const CowCropOptions *options;
  CowCropCounts *counts;
  char *video, *stem; /* of the rows; a folder of its own below crops/ */
  GHashTable *times;  /* subject -> GArray of gint64, ascending: when there is a picture of it */
  guint n;            /* pictures of this recording, in the table or on their way */
  int width, height;
  gint64 session;       /* ns */
  GAsyncQueue *waiting; /* of GPtrArray of Cut: for each frame that is on its way */
  gint64 saved_us;
} Job;

/* ---- when there is a picture of whom --------------------------------------------------------- */

static GArray *
times_of (Job *self, const char *zone, const char *track)
{
  g_autofree char *key = zone    ? g_strconcat ("z", zone, NULL)
                         : track ? g_strconcat ("t", track, NULL)
                                 : g_strdup ("f");
  GArray *times = g_hash_table_lookup (self->times, key);

  if (!times) {
    times = g_array_new (FALSE, FALSE, sizeof (gint64));
    g_hash_table_insert (self->times, g_steal_pointer (&key), times);
  }
  return times;
}

/* How many of the times are before this one. */
static guint
place_in (const GArray *times, gint64 time)
{
  guint low = 0, high = times->len;

  while (low < high) {
    const guint middle = low + (high - low) / 2;

    if (g_array_index (times, gint64, middle) < time)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

/* Times in the table are whole milliseconds. */
static gboolean
is_due (const Job *self, const GArray *times, gint64 time)
{
  const gint64 apart = MAX (self->counts->apart - MS, MS);
  const guint place = place_in (times, time);

  return (place == 0 || time - g_array_index (times, gint64, place - 1) >= apart) &&
         (place == times->len || g_array_index (times, gint64, place) - time >= apart);
}

static void
note_time (GArray *times, gint64 time)
{
  g_array_insert_val (times, place_in (times, time), time);
}

/* ---- what to cut out of a frame -------------------------------------------------------------- */

static void
cut_free (gpointer data)
{
  Cut *cut = data;

  g_free (cut->zone);
  g_free (cut->track);
  g_free (cut);
}

static void
add_cut (Job *self, GPtrArray *cuts, GArray *times, const Cut *cut, gint64 time)
{
  if (cut->place[2] < LEAST_PX || cut->place[3] < LEAST_PX)
    self->counts->n_small++;
  else if (self->n >= self->options->most)
    self->counts->full = TRUE;
  else {
    Cut *copy = g_memdup2 (cut, sizeof *cut);
    copy->zone = g_strdup (cut->zone);
    copy->track = g_strdup (cut->track);
    g_ptr_array_add (cuts, copy);
    note_time (times, time);
    self->n++;
  }
}

static void
cut_zones (Job *self, GPtrArray *cuts, gint64 time)
{
  for (guint i = 0; i < self->options->zones->len; i++) {
    const GstCowZone *zone = &g_array_index (self->options->zones, GstCowZone, i);
    const CowRegion region = gst_cow_zone_region (zone, self->width, self->height);
    const Cut cut = { .zone = zone->name, .place = { region.x, region.y, region.w, region.h } };
    GArray *times = times_of (self, zone->name, NULL);

    if (is_due (self, times, time))
      add_cut (self, cuts, times, &cut, time);
  }
}

/* Without tracks nobody knows who is who: then all cows of a frame are due together. */
static void
cut_boxes (Job *self, GPtrArray *cuts, guint64 number, gint64 time)
{
  const CowBoxes *boxes = self->options->boxes;
  GArray *all = times_of (self, NULL, NULL);
  const gboolean all_due = is_due (self, all, time);
  guint n;
  const CowBox *box = cow_boxes_at (boxes, number, &n);
  g_autoptr (GArray) none = g_array_new (FALSE, FALSE, sizeof (gint64));

  for (guint i = 0; i < n; i++) {
    g_autofree char *track =
        boxes->tracked ? g_strdup_printf ("%" G_GINT64_FORMAT, box[i].track) : NULL;
    GArray *times = boxes->tracked ? times_of (self, NULL, track) : none;
    Cut cut = { .track = track };

    if (boxes->tracked ? !is_due (self, times, time) : !all_due)
      continue;
    if (cow_boxes_place (boxes, &box[i], self->width, self->height, cut.place))
      add_cut (self, cuts, times, &cut, time);
    else
      self->counts->n_outside++;
  }
  if (!boxes->tracked && cuts->len > 0)
    note_time (all, time);
}

static CowFrameChoice
on_decoded (GstBuffer **buffer, guint64 number, gint64 time, gpointer data)
{
  Job *self = data;
  GPtrArray *cuts = g_ptr_array_new_with_free_func (cut_free);
  const Cut frame = { .place = { 0, 0, self->width, self->height } };

  if (self->options->zones)
    cut_zones (self, cuts, time);
  else if (self->options->boxes)
    cut_boxes (self, cuts, number, time);
  else if (is_due (self, times_of (self, NULL, NULL), time))
    add_cut (self, cuts, times_of (self, NULL, NULL), &frame, time);
  if (cuts->len > 0) {
    g_async_queue_push (self->waiting, cuts);
    return COW_FRAME_TAKE;
  }
  g_ptr_array_unref (cuts);
  return self->counts->full ? COW_FRAME_ENOUGH : COW_FRAME_SKIP;
}

/* How many subjects a frame has, more or less. */
static double
subjects (const Job *self)
{
  const CowBoxes *boxes = self->options->boxes;

  return self->options->zones ? self->options->zones->len
         : boxes              ? (double)boxes->boxes->len / ((double)boxes->last_frame + 1)
                              : 1;
}

/* Where so many would come that the first part of the recording had them all, they are taken
 * further apart. */
static void
on_format (GstElement *pipeline, int width, int height, double fps, gpointer data)
{
  Job *self = data;
  gint64 length = 0;

  self->width = width;
  self->height = height;
  if (!gst_element_query_duration (pipeline, GST_FORMAT_TIME, &length) || length <= 0)
    return;
  const gint64 needed = (gint64)((double)length * subjects (self) / self->options->most);
  if (needed > self->counts->apart)
    self->counts->apart = (needed + MS - 1) / MS * MS;
  self->session = CLAMP (length / 10, SHORTEST_SESSION, LONGEST_SESSION);
}

/* ---- pictures -------------------------------------------------------------------------------- */

/* A name for a file: what is neither a letter nor a digit becomes "_", and then a number says which
 * name it was. */
static char *
safe_name (const char *name)
{
  g_autofree char *text = file_name_text (name);
  GString *safe = g_string_new (NULL);

  for (const char *c = text; *c && safe->len < MOST_STEM; c = g_utf8_next_char (c)) {
    const gunichar letter = g_utf8_get_char (c);

    if (g_unichar_isalnum (letter) || letter == '-' || letter == '_')
      g_string_append_unichar (safe, letter);
    else
      g_string_append_c (safe, '_');
  }
  if (!g_str_equal (safe->str, text))
    g_string_append_printf (safe, "-%08x", g_str_hash (text));
  return g_string_free (safe, FALSE);
}

static char *
crop_path (const Job *self, const Cut *cut, guint i, gint64 time)
{
  const gint64 ms = (time + MS / 2) / MS;
  g_autofree char *zone = cut->zone ? safe_name (cut->zone) : NULL;
  g_autofree char *who = zone                   ? g_strconcat ("-", zone, NULL)
                         : cut->track           ? g_strconcat ("-cow", cut->track, NULL)
                         : self->options->boxes ? g_strdup_printf ("-%u", i + 1)
                                                : g_strdup ("");

  return g_strdup_printf ("crops/%s/%09" G_GINT64_FORMAT "%s.png", self->stem, ms, who);
}

static gboolean
write_picture (const Job *self, const GstVideoFrame *frame, const Cut *cut, const char *name,
               GError **error)
{
  g_autofree char *path = g_build_filename (self->options->folder, name, NULL);
  const gsize stride = (gsize)GST_VIDEO_FRAME_PLANE_STRIDE (frame, 0);
  guint8 *pixels = (guint8 *)GST_VIDEO_FRAME_PLANE_DATA (frame, 0) + (gsize)cut->place[1] * stride +
                   4 * (gsize)cut->place[0];
  cairo_surface_t *surface = cairo_image_surface_create_for_data (
      pixels, CAIRO_FORMAT_RGB24, cut->place[2], cut->place[3], (int)stride);
  g_autoptr (GString) png = plot_surface_png (surface, path, error);

  cairo_surface_destroy (surface);
  return png && cow_bytes_write (png->str, png->len, path, error);
}

static void
add_row (Job *self, const Cut *cut, const char *name, gint64 time)
{
  const gint64 ms = (time + MS / 2) / MS;
  g_autofree char *seconds =
                      g_strdup_printf ("%" G_GINT64_FORMAT ".%03d", ms / 1000, (int)(ms % 1000)),
                  *area = g_strdup_printf ("%d %d %d %d", cut->place[0], cut->place[1],
                                           cut->place[2], cut->place[3]),
                  *session = g_strdup_printf ("%s %" G_GINT64_FORMAT, self->stem,
                                              time / self->session + 1);
  const char *const fields[COW_CROP_N_COLUMNS] = {
    name, "",      self->video, seconds, cut->zone ? cut->zone : "", cut->track ? cut->track : "",
    area, session,
  };

  cow_crop_table_add (self->options->table, fields);
  self->counts->n_new++;
}

/* The first one at once, so that no other recording takes the name of the folder. */
static gboolean
save_sometimes (Job *self, GError **error)
{
  const gint64 now = g_get_monotonic_time ();

  if (self->saved_us > 0 && now - self->saved_us < SAVE_US)
    return TRUE;
  self->saved_us = now;
  return cow_crop_table_save (self->options->table, error);
}

static gboolean
cut_frame (Job *self, const GstVideoFrame *frame, const GPtrArray *cuts, gint64 time,
           GError **error)
{
  for (guint i = 0; i < cuts->len; i++) {
    const Cut *cut = cuts->pdata[i];
    g_autofree char *name = crop_path (self, cut, i, time);

    if (!write_picture (self, frame, cut, name, error))
      return FALSE;
    add_row (self, cut, name, time);
  }
  return save_sometimes (self, error);
}

static gboolean
on_frame (GstBuffer *buffer, GstCaps *caps, gint64 time, gint64 duration, gpointer data,
          GError **error)
{
  Job *self = data;
  g_autoptr (GPtrArray) cuts = g_async_queue_try_pop (self->waiting);
  GstVideoInfo info;
  GstVideoFrame frame;

  if (!cuts || !gst_video_info_from_caps (&info, caps) ||
      !gst_video_frame_map (&frame, &info, buffer, GST_MAP_READ)) {
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: a frame cannot be read",
                 self->options->video);
    return FALSE;
  }
  const gboolean ok = cut_frame (self, &frame, cuts, time, error);
  gst_video_frame_unmap (&frame);
  return ok;
}

/* ---- a recording ----------------------------------------------------------------------------- */

/* The folder below crops/ that the table's rows of this recording are in; else the recording's
 * name, with a number where another recording's are there. */
static char *
choose_stem (const Job *self)
{
  const CowCropTable *table = self->options->table;
  g_autoptr (GHashTable) taken = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autofree char *name = g_path_get_basename (self->options->video);
  char *dot = strrchr (name, '.'), *stem;

  for (guint i = 0; i < cow_crop_table_n_rows (table); i++) {
    g_autofree char *folder = g_path_get_dirname (cow_crop_table_get (table, i, COW_CROP_PATH));

    stem = g_path_get_basename (folder);
    if (g_str_equal (cow_crop_table_get (table, i, COW_CROP_VIDEO), self->video))
      return stem;
    g_hash_table_add (taken, stem);
  }
  if (dot && dot != name)
    *dot = '\0';
  stem = safe_name (name);
  for (guint i = 2; g_hash_table_contains (taken, stem); i++) {
    g_autofree char *plain = safe_name (name);
    g_free (stem);
    stem = g_strdup_printf ("%s-%u", plain, i);
  }
  return stem;
}

static gboolean
make_folder (const Job *self, GError **error)
{
  g_autofree char *path = g_build_filename (self->options->folder, "crops", self->stem, NULL);

  return cow_folder_make (path, error);
}

static void
look_at_table (Job *self)
{
  const CowCropTable *table = self->options->table;

  for (guint i = 0; i < cow_crop_table_n_rows (table); i++) {
    const char *zone = cow_crop_table_get (table, i, COW_CROP_ZONE),
               *track = cow_crop_table_get (table, i, COW_CROP_TRACK);

    if (!g_str_equal (cow_crop_table_get (table, i, COW_CROP_VIDEO), self->video))
      continue;
    note_time (times_of (self, *zone ? zone : NULL, *track ? track : NULL),
               cow_crop_table_time (table, i));
    self->n++;
  }
  self->counts->n_before = self->n;
}

gboolean
cow_crops_cut (const CowCropOptions *options, CowCropCounts *counts, GError **error)
{
  static const CowRecordingSink sink = { on_format, on_decoded, on_frame };
  g_autofree char *absolute = g_canonicalize_filename (options->video, NULL),
                  *elements = g_strdup_printf ("videoconvert ! video/x-raw,format=%s ! queue "
                                               "max-size-buffers=4 max-size-bytes=0 "
                                               "max-size-time=0",
                                               FORMAT);
  const CowRecordingOptions recording = { .path = options->video, .elements = elements };
  Job self = { .options = options,
               .counts = counts,
               .session = LONGEST_SESSION,
               .video = file_name_text (absolute),
               .times = g_hash_table_new_full (g_str_hash, g_str_equal, g_free,
                                               (GDestroyNotify)g_array_unref),
               .waiting = g_async_queue_new_full ((GDestroyNotify)g_ptr_array_unref) };

  *counts = (CowCropCounts){ .apart = options->apart };
  self.stem = choose_stem (&self);
  look_at_table (&self);
  gboolean ok = make_folder (&self, error) &&
                cow_recording_play (&recording, &sink, &self, &counts->end, error);
  ok = cow_crop_table_save (options->table, ok ? error : NULL) && ok;
  g_async_queue_unref (self.waiting);
  g_hash_table_unref (self.times);
  g_free (self.video);
  g_free (self.stem);
  return ok;
}
