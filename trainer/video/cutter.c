/* SPDX-License-Identifier: MIT */
#include "trainer/video/cutter.h"

#include <string.h>

#include "gst-plugin/behavior/zones.h"

#define NS       G_GINT64_CONSTANT (1000000000)
#define MS       (NS / 1000)
#define LEAST_PX 16 /* a side of a cut; smaller ones show no cow */

struct _CowCutter {
  const CowCutterOptions *options;
  const CowCutterSink *sink;
  gpointer data;
  CowCutterCounts *counts;
  GHashTable *times; /* subject -> GArray of gint64, ascending: when there is a picture of it */
  guint n;           /* pictures of this recording, noted or on their way */
  gint64 apart;      /* ns */
  gint64 length;     /* ns */
  int width, height;
  GAsyncQueue *waiting; /* of GPtrArray of CowCut: for each frame that is on its way */
};

/* ---- when there is a picture of whom --------------------------------------------------------- */

static GArray *
times_of (CowCutter *self, const char *zone, const char *track)
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

/* Times in a table are whole milliseconds. */
static gboolean
is_apart (const GArray *times, gint64 time, gint64 ns)
{
  const gint64 apart = MAX (ns - MS, MS);
  const guint place = place_in (times, time);

  return (place == 0 || time - g_array_index (times, gint64, place - 1) >= apart) &&
         (place == times->len || g_array_index (times, gint64, place) - time >= apart);
}

static void
note_time (GArray *times, gint64 time)
{
  g_array_insert_val (times, place_in (times, time), time);
}

const char *
cow_cutter_note (CowCutter *self, const char *zone, const char *track, gint64 time)
{
  CowScoredBouts *bouts = self->options->bouts;
  CowScoredBout *bout = bouts ? cow_scored_bouts_find (bouts, zone, track, time) : NULL;

  note_time (times_of (self, *zone ? zone : NULL, *track ? track : NULL), time);
  self->n++;
  if (bout)
    cow_scored_bout_take (bout, time);
  return bout ? bout->label : NULL;
}

/* ---- what to cut out of a frame -------------------------------------------------------------- */

static void
cut_free (gpointer data)
{
  CowCut *cut = data;

  g_free (cut->zone);
  g_free (cut->track);
  g_free (cut);
}

/* times: of the subject, or NULL where all of a frame have theirs together. */
static void
add_cut (CowCutter *self, GPtrArray *cuts, GArray *times, const CowCut *cut, CowScoredBout *bout,
         gint64 time)
{
  if (cut->place[2] < LEAST_PX || cut->place[3] < LEAST_PX)
    self->counts->n_small++;
  else if (self->n >= self->options->most)
    self->counts->full = TRUE;
  else {
    CowCut *copy = g_memdup2 (cut, sizeof *cut);
    copy->zone = g_strdup (cut->zone);
    copy->track = g_strdup (cut->track);
    copy->label = bout ? bout->label : NULL;
    if (bout)
      cow_scored_bout_take (bout, time);
    g_ptr_array_add (cuts, copy);
    if (times)
      note_time (times, time);
    self->n++;
  }
}

/* Of a short bout its middle is wanted, of a long one a picture now and then: its first moment is
 * where people are least sure. All subjects of a bout have theirs at the same time. */
static gboolean
is_bout_due (const CowCutter *self, const CowScoredBout *bout, const GArray *times, gint64 time)
{
  const gint64 ms = (time + MS / 2) / MS, lasts = bout->end - bout->start;

  if (bout->n_pictures == 0)
    return ms >= bout->start + MIN (self->apart / MS, lasts) / 2 && is_apart (times, time, MS);
  return is_apart (times, time, bout->taken == ms ? MS : self->apart);
}

/* Whether a picture is wanted now of a subject, which has some at `times`. Where bouts are given
 * nothing else is. */
static gboolean
is_wanted (const CowCutter *self, const char *zone, const char *track, const GArray *times,
           gint64 time, CowScoredBout **bout)
{
  *bout = NULL;
  if (!self->options->bouts)
    return is_apart (times, time, self->apart);
  *bout = cow_scored_bouts_find (self->options->bouts, zone ? zone : "", track ? track : "", time);
  return *bout && is_bout_due (self, *bout, times, time);
}

static void
cut_zones (CowCutter *self, GPtrArray *cuts, gint64 time)
{
  for (guint i = 0; i < self->options->zones->len; i++) {
    const GstCowZone *zone = &g_array_index (self->options->zones, GstCowZone, i);
    const CowRegion region = gst_cow_zone_region (zone, self->width, self->height);
    const CowCut cut = { .zone = zone->name, .place = { region.x, region.y, region.w, region.h } };
    GArray *times = times_of (self, zone->name, NULL);
    CowScoredBout *bout;

    if (is_wanted (self, zone->name, NULL, times, time, &bout))
      add_cut (self, cuts, times, &cut, bout, time);
  }
}

static void
cut_frame (CowCutter *self, GPtrArray *cuts, gint64 time)
{
  const CowCut cut = { .place = { 0, 0, self->width, self->height } };
  GArray *times = times_of (self, NULL, NULL);
  CowScoredBout *bout;

  if (is_wanted (self, NULL, NULL, times, time, &bout))
    add_cut (self, cuts, times, &cut, bout, time);
}

/* Without tracks nobody knows who is who: then all cows of a frame are due together. */
static void
cut_boxes (CowCutter *self, GPtrArray *cuts, guint64 number, gint64 time)
{
  const CowBoxes *boxes = self->options->boxes;
  GArray *all = times_of (self, NULL, NULL);
  guint n;
  const CowBox *box = cow_boxes_at (boxes, number, &n);

  for (guint i = 0; i < n; i++) {
    g_autofree char *track =
        boxes->tracked ? g_strdup_printf ("%" G_GINT64_FORMAT, box[i].track) : NULL;
    GArray *times = boxes->tracked ? times_of (self, NULL, track) : all;
    CowCut cut = { .track = track };
    CowScoredBout *bout;

    if (!is_wanted (self, NULL, track, times, time, &bout))
      continue;
    if (cow_boxes_place (boxes, &box[i], self->width, self->height, cut.place))
      add_cut (self, cuts, boxes->tracked ? times : NULL, &cut, bout, time);
    else
      self->counts->n_outside++;
  }
  if (!boxes->tracked && cuts->len > 0)
    note_time (all, time);
}

/* ---- a recording ----------------------------------------------------------------------------- */

static CowFrameChoice
on_decoded (GstBuffer **buffer, guint64 number, gint64 time, gpointer data)
{
  CowCutter *self = data;
  GPtrArray *cuts = g_ptr_array_new_with_free_func (cut_free);

  if (self->options->zones)
    cut_zones (self, cuts, time);
  else if (self->options->boxes)
    cut_boxes (self, cuts, number, time);
  else
    cut_frame (self, cuts, time);
  if (cuts->len > 0) {
    g_async_queue_push (self->waiting, cuts);
    return COW_FRAME_TAKE;
  }
  g_ptr_array_unref (cuts);
  return self->counts->full ? COW_FRAME_ENOUGH : COW_FRAME_SKIP;
}

/* How many subjects a frame has, more or less. */
static double
subjects (const CowCutter *self)
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
  CowCutter *self = data;
  gint64 length = 0;

  self->width = width;
  self->height = height;
  if (!gst_element_query_duration (pipeline, GST_FORMAT_TIME, &length) || length <= 0)
    return;
  const gint64 needed = (gint64)((double)length * subjects (self) / self->options->most);
  if (needed > self->apart)
    self->apart = (needed + MS - 1) / MS * MS;
  self->length = length;
}

static gboolean
on_frame (GstBuffer *buffer, GstCaps *caps, gint64 time, gint64 duration, gpointer data,
          GError **error)
{
  CowCutter *self = data;
  g_autoptr (GPtrArray) cuts = g_async_queue_try_pop (self->waiting);
  GstVideoInfo info;
  GstVideoFrame frame;
  gboolean ok = TRUE;

  if (!cuts || !gst_video_info_from_caps (&info, caps) ||
      !gst_video_frame_map (&frame, &info, buffer, GST_MAP_READ)) {
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: a frame cannot be read",
                 self->options->path);
    return FALSE;
  }
  for (guint i = 0; i < cuts->len && ok; i++)
    ok = self->sink->cut (&frame, cuts->pdata[i], i, time, self->data, error);
  gst_video_frame_unmap (&frame);
  return ok;
}

static gboolean
on_look (Progress *progress, gpointer data, GError **error)
{
  CowCutter *self = data;

  return !self->sink->look || self->sink->look (progress, self->data, error);
}

gboolean
cow_cutter_run (CowCutter *self, const CowCutterSink *sink, gpointer data, CowCutterCounts *counts,
                GError **error)
{
  static const CowRecordingSink playing = { on_format, on_decoded, on_frame, on_look };
  g_autofree char *elements = g_strdup_printf ("videoconvert ! video/x-raw,format=%s ! queue "
                                               "max-size-buffers=4 max-size-bytes=0 "
                                               "max-size-time=0",
                                               COW_CUTTER_FORMAT);
  const CowRecordingOptions recording = { .path = self->options->path, .elements = elements };

  *counts = (CowCutterCounts){ 0 };
  self->sink = sink;
  self->data = data;
  self->counts = counts;
  const gboolean ok = cow_recording_play (&recording, &playing, self, &counts->end, error);
  counts->apart = self->apart;
  return ok;
}

gint64
cow_cutter_length (const CowCutter *self)
{
  return self->length;
}

CowCutter *
cow_cutter_new (const CowCutterOptions *options)
{
  CowCutter *self = g_new0 (CowCutter, 1);

  self->options = options;
  self->apart = options->apart;
  self->times =
      g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_array_unref);
  self->waiting = g_async_queue_new_full ((GDestroyNotify)g_ptr_array_unref);
  return self;
}

void
cow_cutter_free (CowCutter *self)
{
  if (!self)
    return;
  g_async_queue_unref (self->waiting);
  g_hash_table_unref (self->times);
  g_free (self);
}
