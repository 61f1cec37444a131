/* SPDX-License-Identifier: MIT */
#include "tests/gst/soak-stream.h"

#include "pipelines/elements.h"

#define PATIENCE_S 3

const char *const soak_targets[SOAK_N_TARGETS] = { "file", "http", "mqtt" };

struct _SoakStream {
  GstElement *pipeline, *rest, *cow, *publish;
  GstPad *sink;
  char *name, *description;
  CameraAccess access;
  Source *source;
  guint n_reconnections; /* of earlier sources */
  FrameCounter *counter;
  guint64 seen_out; /* frames at the last look */
  SoakNumbers past; /* cowbehavior's numbers of earlier runs */
};

static void
make_source (SoakStream *self)
{
  self->source = source_new (&(SourceSettings){ .name = self->name,
                                                .description = self->description,
                                                .access = &self->access,
                                                .pipeline = self->pipeline,
                                                .sink = self->sink,
                                                .patience_s = PATIENCE_S });
}

SoakStream *
soak_stream_new (GstElement *pipeline, guint camera, const char *url, const char *rest)
{
  SoakStream *self = g_new0 (SoakStream, 1);
  g_autoptr (GError) error = NULL;

  self->pipeline = pipeline;
  self->access.logins = g_hash_table_new (g_str_hash, g_str_equal);
  self->name = g_strdup_printf ("camera %u", camera);
  self->description = g_strdup_printf (
      "rtspsrc location=\"%s\" protocols=tcp latency=200 ! decodebin ! videoconvert", url);
  self->rest = elements_parse (rest, GST_PAD_SINK, &error);
  g_assert_no_error (error);
  gst_bin_add (GST_BIN (pipeline), self->rest);
  elements_start_without_frames (GST_BIN (self->rest));
  self->sink = gst_element_get_static_pad (self->rest, "sink");
  self->cow = gst_bin_get_by_name (GST_BIN (self->rest), "cow");
  self->publish = gst_bin_get_by_name (GST_BIN (self->rest), "publish");
  self->counter = frame_counter_new (self->cow);
  return self;
}

void
soak_stream_start (SoakStream *self)
{
  g_autoptr (GError) error = NULL;

  make_source (self);
  source_start (self->source, &error);
  g_assert_no_error (error);
}

gboolean
soak_stream_take_message (SoakStream *self, GstMessage *message)
{
  return self->source && source_take_message (self->source, message);
}

gboolean
soak_stream_is_well (SoakStream *self, const char *adapter)
{
  const FrameCounts counts = frame_counter_get (self->counter);
  const gboolean gives = counts.n_out > self->seen_out;
  g_autofree char *name = g_path_get_basename (adapter);

  self->seen_out = counts.n_out;
  return gives && !source_is_away (self->source) && g_str_equal (counts.adapter, name);
}

void
soak_stream_set_adapter (SoakStream *self, const char *adapter)
{
  g_object_set (self->cow, "adapter", adapter, NULL);
}

/* ---- numbers --------------------------------------------------------------------------------- */

static void
add_cow (SoakStream *self, SoakNumbers *to)
{
  guint64 frames, classified, reused, skipped, pending;
  GstStructure *stats;

  g_object_get (self->cow, "stats", &stats, NULL);
  g_assert_true (gst_structure_get (stats, "frames", G_TYPE_UINT64, &frames, "classified",
                                    G_TYPE_UINT64, &classified, "reused", G_TYPE_UINT64, &reused,
                                    "skipped", G_TYPE_UINT64, &skipped, "pending", G_TYPE_UINT64,
                                    &pending, NULL));
  to->frames += frames;
  to->classified += classified;
  to->reused += reused;
  to->skipped += skipped;
  to->pending += pending;
  gst_structure_free (stats);
}

static void
get_targets (SoakStream *self, SoakTarget *targets)
{
  GstStructure *stats;

  g_object_get (self->publish, "stats", &stats, NULL);
  for (guint i = 0; i < SOAK_N_TARGETS; i++) {
    const GstStructure *of =
        gst_value_get_structure (gst_structure_get_value (stats, soak_targets[i]));

    g_assert_true (gst_structure_get (of, "sent", G_TYPE_UINT64, &targets[i].sent, "dropped",
                                      G_TYPE_UINT64, &targets[i].dropped, "queued", G_TYPE_UINT64,
                                      &targets[i].queued, "failures", G_TYPE_UINT64,
                                      &targets[i].failures, NULL));
  }
  gst_structure_free (stats);
}

SoakNumbers
soak_stream_numbers (SoakStream *self)
{
  SoakNumbers numbers = self->past;

  numbers.passed = frame_counter_get (self->counter);
  add_cow (self, &numbers);
  get_targets (self, numbers.targets);
  numbers.n_reconnections =
      self->n_reconnections + (self->source ? source_n_reconnections (self->source) : 0);
  return numbers;
}

/* ---- the end, and another beginning ---------------------------------------------------------- */

static void
stop_source (SoakStream *self, gboolean end_stream)
{
  source_stop (self->source, end_stream);
  self->n_reconnections += source_n_reconnections (self->source);
  g_clear_pointer (&self->source, source_free);
}

void
soak_stream_restart (SoakStream *self, const char *model)
{
  stop_source (self, FALSE);
  g_assert_cmpint (gst_element_set_state (self->cow, GST_STATE_READY), ==,
                   GST_STATE_CHANGE_SUCCESS);
  add_cow (self, &self->past);
  self->past.n_restarts++;
  g_object_set (self->cow, "model", model, NULL);
  g_assert_true (gst_element_sync_state_with_parent (self->cow));
  soak_stream_start (self);
}

void
soak_stream_end (SoakStream *self)
{
  stop_source (self, TRUE);
}

void
soak_stream_free (SoakStream *self)
{
  frame_counter_free (self->counter);
  g_hash_table_unref (self->access.logins);
  gst_object_unref (self->cow);
  gst_object_unref (self->publish);
  gst_object_unref (self->sink);
  g_free (self->name);
  g_free (self->description);
  g_free (self);
}
