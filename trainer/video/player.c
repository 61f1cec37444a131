/* SPDX-License-Identifier: MIT */
#include "trainer/video/player.h"

#include <gst/video/gstvideometa.h>
#include <math.h>
#include <string.h>

#include "gst-plugin/common/gstcowbehaviormeta.h"
#include "trainer/data/file-names.h"
#include "trainer/host/launch-text.h"

/* Of a pause in a recording so much counts, as in the overlay's budget. */
#define LONGEST_FRAME (5 * GST_SECOND)
#define COWS          "cows" /* the element's name */

typedef struct {
  const CowPlayerOptions *options;
  const CowPlayerSink *sink;
  gpointer data;
  int width, height;
  double fps;
  gboolean begun, failed; /* whether the sink was called, and whether it failed */
  /* The frame that is shown until the next one comes */
  GstStructure *shown;
  gint64 shown_at, shown_for, end; /* ns */
} Player;

/* ---- the pipeline ---------------------------------------------------------------------------- */

/* Adds a property, unless there is no value. */
static void
add_property (GString *line, const char *name, const char *value)
{
  if (!value)
    return;
  g_string_append_c (line, ' ');
  launch_append_property (line, name, value);
}

static char *
elements (const CowPlayerOptions *options)
{
  GString *line = g_string_new (NULL);

  if (options->detector)
    g_string_append_printf (line, "%s ! ", options->detector);
  g_string_append (line, "cowbehavior name=" COWS " mode=blocking post-messages=none");
  add_property (line, "model", options->model);
  add_property (line, "adapter", options->adapter);
  add_property (line, "device", options->device);
  add_property (line, "precision", options->precision);
  add_property (line, "zones", options->zones);
  if (options->boxes)
    add_property (line, "inference-region", "roi-list");
  for (const char *const *property = options->properties; *property; property++) {
    g_auto (GStrv) parts = g_strsplit (*property, "=", 2);
    add_property (line, parts[0], parts[1]);
  }
  return g_string_free (line, FALSE);
}

/* ---- frames in front of the element ---------------------------------------------------------- */

static void
on_format (GstElement *pipeline, int width, int height, double fps, gpointer data)
{
  Player *self = data;
  g_autoptr (GstElement) cows = gst_bin_get_by_name (GST_BIN (pipeline), COWS);

  self->width = width;
  self->height = height;
  if (fps <= 0)
    return;
  self->fps = fps;
  if (self->options->rate > 0 &&
      g_object_class_find_property (G_OBJECT_GET_CLASS (cows), "inference-interval"))
    g_object_set (cows, "inference-interval",
                  (guint)MAX (1, floor (fps / self->options->rate + 0.5)), NULL);
}

/* As detectors and DL Streamer's tracker attach them. A region's id is one more than the track,
 * because 0 is none there. */
static CowFrameChoice
add_boxes (GstBuffer **buffer, guint64 number, gint64 time, gpointer data)
{
  Player *self = data;
  const CowBoxes *boxes = self->options->boxes;
  guint n;
  const CowBox *box = cow_boxes_at (boxes, number, &n);

  if (n > 0)
    *buffer = gst_buffer_make_writable (*buffer);
  for (; n > 0; n--, box++) {
    int place[4];

    if (!cow_boxes_place (boxes, box, self->width, self->height, place))
      continue;
    GstVideoRegionOfInterestMeta *roi = gst_buffer_add_video_region_of_interest_meta (
        *buffer, "cow", (guint)place[0], (guint)place[1], (guint)place[2], (guint)place[3]);
    if (!boxes->tracked)
      continue;
    roi->id = (gint)box->track + 1;
    gst_video_region_of_interest_meta_add_param (
        roi, gst_structure_new ("object_id", "id", G_TYPE_INT, roi->id, NULL));
  }
  return COW_FRAME_TAKE;
}

/* ---- and behind it --------------------------------------------------------------------------- */

static gboolean
begin (Player *self, const GstStructure *results, GError **error)
{
  const GValue *classes = gst_structure_get_value (results, "classes");
  g_autoptr (GPtrArray) names = g_ptr_array_new ();

  for (guint i = 0; classes && i < gst_value_array_get_size (classes); i++)
    g_ptr_array_add (names, (gpointer)g_value_get_string (gst_value_array_get_value (classes, i)));
  g_ptr_array_add (names, NULL);
  self->begun = TRUE;
  return self->sink->begin ((const char *const *)names->pdata, self->fps, self->data, error);
}

static gboolean
hand_on (Player *self, const GstStructure *object, gint64 duration, GError **error)
{
  const char *region = gst_structure_get_string (object, "region"),
             *label = gst_structure_get_string (object, "label");
  CowSubjectName who = { NULL, NULL };
  g_autofree char *track = NULL, *zone = NULL;
  double confidence = 0;
  guint frames_ago = 0;
  guint64 number;
  gint id;

  if (g_strcmp0 (region, "zone") == 0)
    who.zone = zone = file_name_text (gst_structure_get_string (object, "roi_type"));
  if (self->options->boxes && self->options->boxes->tracked &&
      gst_structure_get_int (object, "id", &id) && id > 0)
    who.track = track = g_strdup_printf ("%d", id - 1);
  else if (gst_structure_get_uint64 (object, "track_id", &number))
    who.track = track = g_strdup_printf ("%" G_GUINT64_FORMAT, number);
  gst_structure_get_double (object, "confidence", &confidence);
  gst_structure_get_uint (object, "frames_ago", &frames_ago);
  return self->sink->seen (&who, self->shown_at, duration, label ? label : "", confidence,
                           frames_ago == 0, self->data, error);
}

/* The frame before is over at that time. */
static gboolean
end_frame (Player *self, gint64 time, GError **error)
{
  g_autoptr (GstStructure) results = g_steal_pointer (&self->shown);
  gint64 duration;

  if (!results || time <= self->shown_at)
    return TRUE;
  duration = MIN (time - self->shown_at, (gint64)LONGEST_FRAME);
  self->end = self->shown_at + duration;
  for (guint i = 0; i < gst_cow_behavior_n_objects (results); i++) {
    const GstStructure *object = gst_cow_behavior_object (results, i);

    if (object && !hand_on (self, object, duration, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
take_frame (Player *self, const GstStructure *results, gint64 time, gint64 duration, GError **error)
{
  if (!end_frame (self, time, error))
    return FALSE;
  if (!results)
    return TRUE;
  if (!self->begun && !begin (self, results, error))
    return FALSE;
  self->shown = gst_structure_copy (results);
  self->shown_at = time;
  self->shown_for = duration;
  return TRUE;
}

static gboolean
on_frame (GstBuffer *buffer, GstCaps *caps, gint64 time, gint64 duration, gpointer data,
          GError **error)
{
  Player *self = data;
  const gboolean ok =
      take_frame (self, gst_buffer_get_cow_behavior (buffer), time, duration, error);

  self->failed = !ok;
  return ok;
}

gboolean
cow_player_run (const CowPlayerOptions *options, const CowPlayerSink *sink, gpointer data,
                CowRecordingEnd *end, GError **error)
{
  const CowRecordingSink frames = { on_format, options->boxes ? add_boxes : NULL, on_frame, NULL };
  g_autofree char *line = elements (options);
  const CowRecordingOptions recording = {
    .path = options->path, .elements = line, .settings = COWS, .from = options->from
  };
  Player self = { .options = options, .sink = sink, .data = data };
  g_autoptr (GError) local = NULL;
  gboolean ok = cow_recording_play (&recording, &frames, &self, end, &local);

  /* The last frame is shown as long as it says. */
  if (!self.failed && self.shown)
    ok = end_frame (&self, self.shown_at + self.shown_for, local ? NULL : &local) && ok;
  g_clear_pointer (&self.shown, gst_structure_free);
  end->end = self.end;
  if (!ok)
    g_propagate_error (error, g_steal_pointer (&local));
  return ok;
}
