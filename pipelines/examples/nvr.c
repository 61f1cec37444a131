/* SPDX-License-Identifier: MIT */
/*
 * A recorder in miniature: a program that has `cowbehavior` in its own pipeline, reads from the
 * metadata on each frame what the cows in it do, and from messages whose label has changed.
 *
 *   cc -o nvr nvr.c $(pkg-config --cflags --libs cowbehavior-gst)
 *   ./nvr VIDEO [ZONES]
 */
#include <cowbehavior/gstcowbehaviormeta.h>
#include <stdio.h>

/* What the program keeps of the frames; written in the streaming thread alone, read after it. */
typedef struct {
  guint frames, labelled;
} Recorder;

/* Called in the streaming thread for each frame, with what is known of the cows in it. */
static GstPadProbeReturn
on_frame (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  Recorder *self = data;
  const GstStructure *results = gst_buffer_get_cow_behavior (GST_PAD_PROBE_INFO_BUFFER (info));

  (void)pad;
  self->frames++;
  if (results && gst_cow_behavior_n_objects (results) > 0)
    self->labelled++;
  return GST_PAD_PROBE_OK;
}

/* A message `cowbehavior` has the objects whose label changed (post-messages=on-change). */
static void
print_changes (const GstStructure *message)
{
  guint64 time = 0;

  gst_structure_get_uint64 (message, "timestamp", &time);
  for (guint i = 0; i < gst_cow_behavior_n_objects (message); i++) {
    const GstStructure *object = gst_cow_behavior_object (message, i);
    double confidence = 0;

    gst_structure_get_double (object, "confidence", &confidence);
    printf ("%.2f s  %s: %s (%.0f %%)\n", (double)time / GST_SECOND,
            gst_structure_get_string (object, "roi_type"),
            gst_structure_get_string (object, "label"), 100 * confidence);
  }
}

/* Returns 0 at the end of the stream, 1 after an error. */
static int
watch (GstBus *bus)
{
  for (;;) {
    g_autoptr (GstMessage) message = gst_bus_timed_pop (bus, GST_CLOCK_TIME_NONE);
    g_autoptr (GError) error = NULL;

    switch (GST_MESSAGE_TYPE (message)) {
    case GST_MESSAGE_ELEMENT:
      if (gst_message_has_name (message, "cowbehavior"))
        print_changes (gst_message_get_structure (message));
      break;
    case GST_MESSAGE_WARNING:
      gst_message_parse_warning (message, &error, NULL);
      fprintf (stderr, "warning: %s\n", error->message);
      break;
    case GST_MESSAGE_ERROR:
      gst_message_parse_error (message, &error, NULL);
      fprintf (stderr, "error: %s\n", error->message);
      return 1;
    case GST_MESSAGE_EOS:
      return 0;
    default:
      break;
    }
  }
}

static GstElement *
make_pipeline (const char *video, const char *zones, Recorder *recorder)
{
  g_autoptr (GError) error = NULL;
  GstElement *pipeline = gst_parse_launch (
      "filesrc name=file ! decodebin ! videoconvert ! "
      "cowbehavior name=cows post-messages=on-change smoothing=majority ! fakesink",
      &error);

  if (error) {
    fprintf (stderr, "error: %s\n", error->message);
    gst_clear_object (&pipeline);
    return NULL;
  }
  g_autoptr (GstElement) file = gst_bin_get_by_name (GST_BIN (pipeline), "file");
  g_autoptr (GstElement) cows = gst_bin_get_by_name (GST_BIN (pipeline), "cows");
  g_autoptr (GstPad) pad = gst_element_get_static_pad (cows, "src");
  g_object_set (file, "location", video, NULL);
  g_object_set (cows, "zones", zones, NULL);
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, on_frame, recorder, NULL);
  return pipeline;
}

int
main (int argc, char **argv)
{
  Recorder recorder = { 0, 0 };
  int status;

  gst_init (&argc, &argv);
  if (argc < 2 || argc > 3) {
    fprintf (stderr, "usage: nvr VIDEO [ZONES]\n");
    return 2;
  }
  g_autoptr (GstElement) pipeline = make_pipeline (argv[1], argc > 2 ? argv[2] : NULL, &recorder);
  if (!pipeline)
    return 1;
  g_autoptr (GstBus) bus = gst_element_get_bus (pipeline);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  status = watch (bus);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  printf ("%u frames, %u of them with results\n", recorder.frames, recorder.labelled);
  return status;
}
