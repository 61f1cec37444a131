/* SPDX-License-Identifier: MIT */
/*
 * Applications call `cowbehavior` from threads of their own while frames flow: queries, properties,
 * statistics, another adapter, QoS, flushes. Each frame still comes out once and with results. That
 * no field is read and written at once is for tests/tsan.sh to detect: these threads share nothing
 * but the element.
 */
#include "tests/gst/support.h"

#include "gst-plugin/common/gstcowbehaviormeta.h"

#define N_FRAMES   60
#define N_CHANGES  10 /* of caps, before each frame */
#define BATCH      2
#define TIMEOUT_MS 5

static char *first, *second;
static GstVideoInfo slow, fast; /* 25 and 50 frames a second */

typedef struct _Scene Scene;
struct _Scene {
  GstHarness *harness;
  GstElement *element;
  GMutex pushing; /* held while a frame is pushed, and taken at the end of a flush */
  void (*disturb) (Scene *scene, guint round);
  guint rounds;
  gint stop; /* atomic */
};

static gpointer
disturber (gpointer data)
{
  Scene *scene = data;

  while (!g_atomic_int_get (&scene->stop)) {
    scene->disturb (scene, scene->rounds++);
    /* The streaming thread needs the processor too. */
    g_usleep (200);
  }
  return NULL;
}

/* Pushes frames of changing caps while another thread disturbs. With `may_lose` the other thread
 * flushes, so frames may be missing; otherwise all come in their order, each with results. */
static void
run (const char *properties, void (*disturb) (Scene *scene, guint round), gboolean may_lose)
{
  Scene scene = { .harness = support_harness_new (first, properties), .disturb = disturb };
  guint received = 0;
  GstClockTime last = GST_CLOCK_TIME_NONE;
  GThread *thread;

  g_mutex_init (&scene.pushing);
  scene.element = support_element (scene.harness);
  support_harness_set_info (scene.harness, &slow);
  thread = g_thread_new ("disturber", disturber, &scene);
  for (guint n = 0; n < N_FRAMES; n++) {
    const GstVideoInfo *info = n / 5 % 2 ? &fast : &slow, *other = info == &fast ? &slow : &fast;
    GstBuffer *frame = support_frame_new (info, n);
    GstFlowReturn flow;

    /* The caps change often, because the moments in which a change is half made are short. */
    for (guint i = 0; i < N_CHANGES; i++)
      support_harness_set_info (scene.harness, i % 2 ? info : other);
    GST_BUFFER_PTS (frame) = n * 40 * GST_MSECOND;
    GST_BUFFER_DURATION (frame) = 40 * GST_MSECOND;
    g_mutex_lock (&scene.pushing);
    flow = gst_harness_push (scene.harness, frame);
    g_mutex_unlock (&scene.pushing);
    g_assert_true (flow == GST_FLOW_OK || (may_lose && flow == GST_FLOW_FLUSHING));
  }
  g_atomic_int_set (&scene.stop, 1);
  g_thread_join (thread);
  gst_harness_push_event (scene.harness, gst_event_new_eos ());
  for (GstBuffer *out; (out = gst_harness_try_pull (scene.harness)) != NULL; received++) {
    if (!may_lose) {
      g_assert_cmpuint (GST_BUFFER_PTS (out), ==, received * 40 * GST_MSECOND);
      g_assert_cmpuint (support_n_objects (out), ==, 1);
    }
    g_assert_true (last == GST_CLOCK_TIME_NONE || GST_BUFFER_PTS (out) > last);
    last = GST_BUFFER_PTS (out);
    gst_buffer_unref (out);
  }
  if (!may_lose)
    g_assert_cmpuint (received, ==, N_FRAMES);
  g_assert_cmpuint (scene.rounds, >, 0);
  gst_object_unref (scene.element);
  support_harness_free (scene.harness);
  g_mutex_clear (&scene.pushing);
}

/* ---- queries --------------------------------------------------------------------------------- */

static void
ask_latency (Scene *scene, guint round)
{
  g_autoptr (GstQuery) query = gst_query_new_latency ();
  GstClockTime min;

  g_assert_true (gst_element_query (scene->element, query));
  gst_query_parse_latency (query, NULL, &min, NULL);
  /* BATCH frames wait for BATCH more, whichever of the two rates is current. */
  min -= TIMEOUT_MS * GST_MSECOND;
  g_assert_true (min == (2 * BATCH - 1) * 40 * GST_MSECOND ||
                 min == (2 * BATCH - 1) * 20 * GST_MSECOND);
}

static void
test_queries (void)
{
  g_autofree char *properties =
      g_strdup_printf ("mode=blocking batch-size=%d batch-timeout=%d", BATCH, TIMEOUT_MS);

  run (properties, ask_latency, FALSE);
}

/* ---- properties ------------------------------------------------------------------------------ */

static void
set_and_get (Scene *scene, guint round)
{
  static const char *const zones[] = { "pen=0,0,0.5,1", "" };
  g_autofree char *got = NULL;
  g_autoptr (GstStructure) stats = NULL;

  g_object_set (scene->element, "top-k", 1 + round % 3, "threshold", round % 2 ? 0.1f : 0.2f,
                "smoothing-window", 2 + round % 5, "padding", round % 2 ? 0.1 : 0.0, "min-size",
                round % 3, "batch-size", 1 + round % 2, "batch-timeout", round % 4, NULL);
  gst_util_set_object_arg (G_OBJECT (scene->element), "smoothing", round % 2 ? "mean" : "majority");
  gst_util_set_object_arg (G_OBJECT (scene->element), "post-messages",
                           round % 2 ? "all" : "on-change");
  g_object_set (scene->element, "zones", zones[round % 2], NULL);
  g_object_get (scene->element, "zones", &got, "stats", &stats, NULL);
  g_assert_cmpstr (got ? got : "", ==, zones[round % 2]);
  g_assert_nonnull (stats);
}

static void
test_properties (void)
{
  run ("mode=blocking inference-region=full-frame", set_and_get, FALSE);
}

static void
ask_statistics (Scene *scene, guint round)
{
  for (guint i = 0; i < 10; i++) {
    g_autoptr (GstStructure) stats = NULL;
    guint64 frames;

    g_object_get (scene->element, "stats", &stats, NULL);
    g_assert_true (gst_structure_get_uint64 (stats, "frames", &frames));
    g_assert_cmpuint (frames, <=, N_FRAMES);
  }
}

static void
test_statistics (void)
{
  run ("mode=blocking batch-size=2 batch-timeout=5", ask_statistics, FALSE);
}

static void
change_mode (Scene *scene, guint round)
{
  g_autoptr (GstStructure) stats = NULL;

  gst_util_set_object_arg (G_OBJECT (scene->element), "mode",
                           round % 2 ? "blocking" : "non-blocking");
  g_object_get (scene->element, "stats", &stats, NULL);
  g_assert_nonnull (stats);
}

static void
test_mode (void)
{
  run ("inference-region=full-frame batch-size=2", change_mode, TRUE);
}

static void
exchange (Scene *scene, guint round)
{
  if (round % 20 == 0)
    g_object_set (scene->element, "adapter", round % 40 ? second : first, NULL);
}

static void
test_exchange (void)
{
  run ("mode=blocking", exchange, FALSE);
}

/* ---- events ---------------------------------------------------------------------------------- */

static void
send_qos (Scene *scene, guint round)
{
  GstPad *pad = gst_element_get_static_pad (scene->element, "src");

  gst_pad_send_event (pad, gst_event_new_qos (GST_QOS_TYPE_UNDERFLOW, 2.0, 20 * GST_MSECOND,
                                              round * 40 * GST_MSECOND));
  gst_object_unref (pad);
}

static void
test_qos (void)
{
  run ("mode=non-blocking qos=true", send_qos, TRUE);
}

/* A flush begins at any moment, and ends, as an application's does, when no frame is being
 * pushed. */
static void
flush (Scene *scene, guint round)
{
  GstPad *pad;
  GstSegment segment;

  if (round % 10 != 0)
    return;
  pad = gst_element_get_static_pad (scene->element, "sink");
  gst_pad_send_event (pad, gst_event_new_flush_start ());
  g_mutex_lock (&scene->pushing);
  gst_pad_send_event (pad, gst_event_new_flush_stop (FALSE));
  gst_segment_init (&segment, GST_FORMAT_TIME);
  gst_pad_send_event (pad, gst_event_new_segment (&segment));
  g_mutex_unlock (&scene->pushing);
  gst_object_unref (pad);
}

static void
test_flush (void)
{
  run ("mode=blocking batch-size=2 batch-timeout=5", flush, TRUE);
}

int
main (int argc, char **argv)
{
  CowClassifier *classifier;
  int status;

  support_init (&argc, &argv, &first, &classifier);
  second = support_adapter_new_from ("lora_all_r16", NULL);
  slow = support_info (GST_VIDEO_FORMAT_RGB, 96, 80, NULL);
  fast = slow;
  GST_VIDEO_INFO_FPS_N (&fast) = 50;
  g_test_add_func ("/threads/queries", test_queries);
  g_test_add_func ("/threads/properties", test_properties);
  g_test_add_func ("/threads/statistics", test_statistics);
  g_test_add_func ("/threads/mode", test_mode);
  g_test_add_func ("/threads/exchange", test_exchange);
  g_test_add_func ("/threads/qos", test_qos);
  g_test_add_func ("/threads/flush", test_flush);
  status = support_run (first, classifier);
  support_remove (second);
  return status;
}
