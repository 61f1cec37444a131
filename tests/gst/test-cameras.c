/* SPDX-License-Identifier: MIT */
/*
 * Four RTSP cameras at 15 frames a second with an engine that is far too slow for them: no frame is
 * lost or held up. The test counts frames for a few seconds. tests/soak-live.sh runs it as
 * `test-gst-cameras --soak MINUTES`, for longer and with time and memory measured too.
 */
#include "tests/gst/support.h"

#include <gst/rtsp-server/rtsp-server.h>
#include <stdlib.h>

#include "gst-plugin/common/gstcowbehaviormeta.h"
#include "tests/gst/camera.h"

#define N_CAMERAS 4
#define FPS       15
/* The duration of a forward pass; four cameras would need one every 17 ms. */
#define DELAY_MS "1000"
#define FRAMES   60 /* of each camera in the test */
#define LIMIT_S  60
/* The soak's seconds between two lines and until memory has to be flat, and how much it may grow
 * afterwards. */
#define REPORT_S    10
#define WARM_S      60
#define MOST_GROWTH 1.02

static char *adapter;

/* One camera and its pipeline. The probes' numbers are under the lock. */
typedef struct {
  Camera *camera;
  GstElement *pipeline, *element;
  GMutex lock;
  guint64 n_in, n_out, n_labelled;
  gint64 entered_us, entered_queued_ns; /* the frame inside the element */
  gint64 longest_us;                    /* longest time of a frame in the element */
  gint64 longest_own_us; /* the same, without the time in which other processes had the processor */
  GstClockTimeDiff latest; /* the most by which a frame left after its running time */
} Stream;

/* The time for which this thread was ready to run and had no processor. */
static gint64
queued_ns (void)
{
  g_autofree char *text = NULL;
  char *end;

  if (!g_file_get_contents ("/proc/thread-self/schedstat", &text, NULL, NULL))
    return 0;
  g_ascii_strtoll (text, &end, 10);
  return g_ascii_strtoll (end, NULL, 10);
}

static GstPadProbeReturn
count_in (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  Stream *stream = data;

  g_mutex_lock (&stream->lock);
  stream->n_in++;
  stream->entered_queued_ns = queued_ns ();
  stream->entered_us = g_get_monotonic_time ();
  g_mutex_unlock (&stream->lock);
  return GST_PAD_PROBE_OK;
}

/* How much later than its running time a frame is, apart from the pipeline's latency; 0 before the
 * clock runs. */
static GstClockTimeDiff
lateness (Stream *stream, GstPad *pad, GstBuffer *buffer)
{
  GstClock *clock = gst_element_get_clock (stream->element);
  GstEvent *event = gst_pad_get_sticky_event (pad, GST_EVENT_SEGMENT, 0);
  const GstSegment *segment;
  GstClockTimeDiff late = 0;

  if (clock && event) {
    gst_event_parse_segment (event, &segment);
    late = GST_CLOCK_DIFF (
        gst_segment_to_running_time (segment, GST_FORMAT_TIME, GST_BUFFER_PTS (buffer)),
        gst_clock_get_time (clock) - gst_element_get_base_time (stream->element));
  }
  gst_clear_event (&event);
  gst_clear_object (&clock);
  return late;
}

static GstPadProbeReturn
count_out (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  Stream *stream = data;
  GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER (info);
  gint64 left_us = g_get_monotonic_time (), left_queued_ns = queued_ns (), in_us;
  GstClockTimeDiff late = lateness (stream, pad, buffer);

  g_mutex_lock (&stream->lock);
  in_us = left_us - stream->entered_us;
  stream->n_out++;
  stream->n_labelled += support_n_objects (buffer) > 0;
  stream->longest_us = MAX (stream->longest_us, in_us);
  stream->longest_own_us =
      MAX (stream->longest_own_us, in_us - (left_queued_ns - stream->entered_queued_ns) / 1000);
  stream->latest = MAX (stream->latest, late);
  g_mutex_unlock (&stream->lock);
  return GST_PAD_PROBE_OK;
}

static void
add_probe (GstElement *element, const char *name, GstPadProbeCallback callback, gpointer data)
{
  GstPad *pad = gst_element_get_static_pad (element, name);

  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, callback, data, NULL);
  gst_object_unref (pad);
}

static void
stream_begin (Stream *stream, guint n_frames)
{
  g_autofree char *model = support_model (), *url = NULL, *line = NULL;
  g_autoptr (GError) error = NULL;

  *stream = (Stream){ .camera = camera_new_mounted (
                          &(CameraScenario){ .fps = FPS, .n_frames = n_frames }) };
  g_mutex_init (&stream->lock);
  url = camera_url (stream->camera, "");
  line = g_strdup_printf ("rtspsrc location=\"%s\" protocols=tcp latency=200 ! rtph264depay ! "
                          "h264parse ! avdec_h264 ! cowbehavior "
                          "name=cow model=\"%s\" adapter=\"%s\" ! fakesink sync=true",
                          url, model, adapter);
  stream->pipeline = gst_parse_launch (line, &error);
  g_assert_no_error (error);
  stream->element = gst_bin_get_by_name (GST_BIN (stream->pipeline), "cow");
  add_probe (stream->element, "sink", count_in, stream);
  add_probe (stream->element, "src", count_out, stream);
  g_assert_cmpint (gst_element_set_state (stream->pipeline, GST_STATE_PLAYING), !=,
                   GST_STATE_CHANGE_FAILURE);
}

/* Waits for the end of the stream. */
static void
stream_wait (Stream *stream)
{
  GstBus *bus = gst_element_get_bus (stream->pipeline);
  GstMessage *message =
      gst_bus_timed_pop_filtered (bus, LIMIT_S * GST_SECOND, GST_MESSAGE_ERROR | GST_MESSAGE_EOS);

  g_assert_nonnull (message);
  g_assert_cmpint (GST_MESSAGE_TYPE (message), ==, GST_MESSAGE_EOS);
  gst_message_unref (message);
  gst_object_unref (bus);
}

typedef struct {
  guint64 frames, classified, pending, reused, skipped, mixed;
  char mode[16];
} Numbers;

static Numbers
stream_numbers (Stream *stream)
{
  Numbers n = { 0 };
  GstStructure *stats;

  g_object_get (stream->element, "stats", &stats, NULL);
  g_assert_true (gst_structure_get (
      stats, "frames", G_TYPE_UINT64, &n.frames, "classified", G_TYPE_UINT64, &n.classified,
      "pending", G_TYPE_UINT64, &n.pending, "reused", G_TYPE_UINT64, &n.reused, "skipped",
      G_TYPE_UINT64, &n.skipped, "batches-mixed", G_TYPE_UINT64, &n.mixed, NULL));
  g_strlcpy (n.mode, gst_structure_get_string (stats, "mode"), sizeof n.mode);
  gst_structure_free (stats);
  return n;
}

static void
stream_end (Stream *stream)
{
  g_assert_cmpint (gst_element_set_state (stream->pipeline, GST_STATE_NULL), ==,
                   GST_STATE_CHANGE_SUCCESS);
  gst_object_unref (stream->element);
  gst_object_unref (stream->pipeline);
  camera_free (stream->camera);
  g_mutex_clear (&stream->lock);
}

static void
streams_begin (Stream *streams, guint n_frames)
{
  g_setenv ("COW_TEST_ENGINE_DELAY_MS", DELAY_MS, TRUE);
  for (guint i = 0; i < N_CAMERAS; i++)
    stream_begin (&streams[i], n_frames);
}

static void
test_slow_engine (void)
{
  Stream streams[N_CAMERAS];

  streams_begin (streams, FRAMES);
  for (guint i = 0; i < N_CAMERAS; i++)
    stream_wait (&streams[i]);
  for (guint i = 0; i < N_CAMERAS; i++) {
    const Numbers n = stream_numbers (&streams[i]);

    g_test_message ("camera %u: %" G_GUINT64_FORMAT " frames, %" G_GUINT64_FORMAT
                    " labelled, %" G_GUINT64_FORMAT " classified, at most %.1f ms "
                    "in the element, %.1f ms after their time",
                    i, n.frames, streams[i].n_labelled, n.classified,
                    (double)streams[i].longest_us / 1e3, (double)streams[i].latest / 1e6);
    g_assert_cmpstr (n.mode, ==, "non-blocking");
    g_assert_cmpuint (streams[i].n_in, >=,
                      FRAMES * 2 / 3); /* the first frames may be sent before the viewer is there */
    g_assert_cmpuint (streams[i].n_out, ==, streams[i].n_in);
    g_assert_cmpuint (n.frames, ==, streams[i].n_in);
    g_assert_cmpuint (n.classified + n.reused + n.skipped, ==, n.frames);
    g_assert_cmpuint (n.pending, ==, 0);
    g_assert_cmpuint (n.classified, >, 0);
    g_assert_cmpuint (n.classified, <, n.frames / 2);
    g_assert_cmpuint (streams[i].n_labelled, >, 0);
    g_assert_cmpuint (n.mixed, >, 0);
  }
  for (guint i = 0; i < N_CAMERAS; i++)
    stream_end (&streams[i]);
}

/* ---- the soak -------------------------------------------------------------------------------- */

static guint64
memory_kib (void)
{
  g_autofree char *status = NULL;

  g_assert_true (g_file_get_contents ("/proc/self/status", &status, NULL, NULL));
  return g_ascii_strtoull (strstr (status, "VmRSS:") + strlen ("VmRSS:"), NULL, 10);
}

/* Empties the bus as an application does, because messages stay there otherwise. Neither stream nor
 * element may fail. */
static void
read_bus (Stream *stream)
{
  GstBus *bus = gst_element_get_bus (stream->pipeline);
  GstMessage *message;

  while ((message = gst_bus_pop (bus))) {
    g_assert_cmpint (GST_MESSAGE_TYPE (message), !=, GST_MESSAGE_ERROR);
    g_assert_cmpint (GST_MESSAGE_TYPE (message), !=, GST_MESSAGE_EOS);
    gst_message_unref (message);
  }
  gst_object_unref (bus);
}

/* Prints a line about all cameras; FALSE if one of them lost a frame or held one up. */
static gboolean
report (Stream *streams, guint second, guint64 kib)
{
  const gint64 interval_us = G_TIME_SPAN_SECOND / FPS;
  guint64 in = 0, out = 0;
  gint64 longest_us = 0, longest_own_us = 0;
  Numbers sum = { 0 };
  gboolean ok = TRUE;

  for (guint i = 0; i < N_CAMERAS; i++) {
    const Numbers n = stream_numbers (&streams[i]);

    read_bus (&streams[i]);
    g_mutex_lock (&streams[i].lock);
    in += streams[i].n_in;
    out += streams[i].n_out;
    longest_us = MAX (longest_us, streams[i].longest_us);
    longest_own_us = MAX (longest_own_us, streams[i].longest_own_us);
    g_mutex_unlock (&streams[i].lock);
    sum.frames += n.frames;
    sum.classified += n.classified;
    sum.reused += n.reused;
    sum.skipped += n.skipped;
    ok &= n.classified + n.reused + n.skipped + n.pending == n.frames;
  }
  ok &= in - out <= N_CAMERAS && longest_own_us < interval_us;
  g_print (
      "%5u s %7" G_GUINT64_FORMAT " KiB  %6" G_GUINT64_FORMAT " in %6" G_GUINT64_FORMAT
      " out  %5" G_GUINT64_FORMAT " classified %5" G_GUINT64_FORMAT " reused %6" G_GUINT64_FORMAT
      " skipped  at most %.1f ms of %.1f in the element (%.1f with others' turns)%s\n",
      second, kib, in, out, sum.classified, sum.reused, sum.skipped, (double)longest_own_us / 1e3,
      (double)interval_us / 1e3, (double)longest_us / 1e3, ok ? "" : "  WRONG");
  return ok;
}

static int
soak (guint minutes)
{
  Stream streams[N_CAMERAS];
  guint64 warm_kib = 0, kib = 0;
  gboolean ok = TRUE;

  streams_begin (streams, 0);
  for (guint second = REPORT_S; second <= 60 * minutes; second += REPORT_S) {
    g_usleep (REPORT_S * G_TIME_SPAN_SECOND);
    kib = memory_kib ();
    if (second <= WARM_S)
      warm_kib = MAX (warm_kib, kib);
    ok &= report (streams, second, kib);
  }
  for (guint i = 0; i < N_CAMERAS; i++)
    stream_end (&streams[i]);
  if ((double)kib > MOST_GROWTH * (double)warm_kib) {
    g_print ("memory grew from %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT " KiB\n", warm_kib,
             kib);
    ok = FALSE;
  }
  g_print ("%s\n", ok ? "passed" : "failed");
  return ok ? 0 : 1;
}

int
main (int argc, char **argv)
{
  const char *missing;
  int result;

  gst_init (&argc, &argv);
  missing = camera_missing_element ();
  if (missing) {
    g_print ("1..0 # SKIP the GStreamer element %s is not installed\n", missing);
    return 0;
  }
  if (argc == 3 && g_str_equal (argv[1], "--soak")) {
    adapter = support_adapter_new ();
    result = soak ((guint)MAX (atoi (argv[2]), 1));
  } else {
    g_test_init (&argc, &argv, NULL);
    adapter = support_adapter_new ();
    g_test_add_func ("/cameras/slow-engine", test_slow_engine);
    result = g_test_run ();
  }
  support_remove (adapter);
  gst_rtsp_thread_pool_cleanup ();
  return result;
}
