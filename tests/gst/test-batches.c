/* SPDX-License-Identifier: MIT */
/* A stream that waits for its results and holds frames to fill the batch of a forward pass: the
 * frames' order, what may not overtake them, the effect of a flush, the latency and the buffers
 * that this needs. */
#include "tests/gst/support.h"

#include "gst-plugin/common/gstcowbehaviormeta.h"

/* With this batch timeout of a minute, a frame that comes out earlier does so for another
 * reason. */
#define PATIENT "mode=blocking batch-timeout=60000 "

static CowClassifier *classifier; /* the same model and adapter without the element */
static char *adapter;
static GstVideoInfo info; /* 96 x 80 */

static void
push (GstHarness *harness, guint n)
{
  GstBuffer *buffer = support_frame_new (&info, n);

  GST_BUFFER_PTS (buffer) = n * 40 * GST_MSECOND;
  g_assert_cmpint (gst_harness_push (harness, buffer), ==, GST_FLOW_OK);
}

static GstHarness *
harness_new (const char *properties)
{
  GstHarness *harness = support_harness_new (adapter, properties);

  support_harness_set_info (harness, &info);
  return harness;
}

/* Asserts that frame n comes out next, with its own result. */
static void
assert_next (GstHarness *harness, guint n)
{
  GstBuffer *out = gst_harness_try_pull (harness);
  const CowRegion whole = { 0, 0, 96, 80 };

  g_assert_nonnull (out);
  g_assert_cmpuint (GST_BUFFER_PTS (out), ==, n * 40 * GST_MSECOND);
  support_assert_object (out, 0, &whole, support_expect (classifier, out, &info, NULL), 0);
  gst_buffer_unref (out);
}

static guint64
fill (GstHarness *harness, guint size)
{
  GstElement *element = support_element (harness);
  const GValue *sizes;
  GstStructure *stats;
  guint64 n = 0;

  g_object_get (element, "stats", &stats, NULL);
  sizes = gst_structure_get_value (stats, "batch-fill");
  if (size < gst_value_array_get_size (sizes))
    n = g_value_get_uint64 (gst_value_array_get_value (sizes, size));
  gst_structure_free (stats);
  gst_object_unref (element);
  return n;
}

static void
test_full_batches (void)
{
  GstHarness *harness = harness_new (PATIENT "batch-size=4");

  for (guint i = 0; i < 24; i++)
    push (harness, i);
  g_assert_true (gst_harness_push_event (harness, gst_event_new_eos ()));
  for (guint i = 0; i < 24; i++)
    assert_next (harness, i);
  g_assert_cmpuint (fill (harness, 4), ==, 6);
  g_assert_cmpuint (support_stat (harness, "batches"), ==, 6);
  g_assert_cmpuint (support_stat (harness, "pictures"), ==, 24);
  g_assert_cmpuint (support_stat (harness, "classified"), ==, 24);
  g_assert_cmpuint (support_stat (harness, "pending"), ==, 0);
  g_assert_cmpuint (support_stat (harness, "batches-mixed"), ==, 0);
  support_harness_free (harness);
}

/* The first batch begins when it is full, and at most two batches are held. */
static void
test_held (void)
{
  GstHarness *harness = harness_new (PATIENT "batch-size=4");

  for (guint i = 0; i < 3; i++)
    push (harness, i);
  g_assert_cmpuint (gst_harness_buffers_received (harness), ==, 0);
  g_assert_cmpuint (support_stat (harness, "pending"), ==, 3);
  for (guint i = 3; i < 50; i++) {
    push (harness, i);
    g_assert_cmpuint (gst_harness_buffers_received (harness) + 8, >, i);
  }
  support_harness_free (harness);
}

/* Serialised events and queries do not overtake the frames: the end, tags, gaps, another format, a
 * discontinuity. */
static void
test_order (void)
{
  GstHarness *harness = harness_new (PATIENT "batch-size=4");
  GstVideoInfo small = support_info (GST_VIDEO_FORMAT_RGB, 32, 32, NULL);
  GstBuffer *buffer;
  guint n = 0;

  push (harness, n++);
  push (harness, n++);
  g_assert_true (gst_harness_push_event (
      harness, gst_event_new_tag (gst_tag_list_new (GST_TAG_TITLE, "barn", NULL))));
  g_assert_cmpuint (gst_harness_buffers_received (harness), ==, n);
  push (harness, n++);
  g_assert_true (
      gst_harness_push_event (harness, gst_event_new_gap (n * 40 * GST_MSECOND, 40 * GST_MSECOND)));
  g_assert_cmpuint (gst_harness_buffers_received (harness), ==, n);
  push (harness, n++);
  buffer = support_frame_new (&info, n);
  GST_BUFFER_PTS (buffer) = n * 40 * GST_MSECOND;
  GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_DISCONT);
  g_assert_cmpint (gst_harness_push (harness, buffer), ==, GST_FLOW_OK);
  g_assert_cmpuint (gst_harness_buffers_received (harness), ==, n);
  for (guint i = 0; i < n; i++)
    assert_next (harness, i);
  support_harness_set_info (harness, &small);
  g_assert_cmpuint (gst_harness_buffers_received (harness), ==, n + 1);
  buffer = gst_harness_try_pull (harness);
  g_assert_true (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DISCONT));
  g_assert_cmpuint (gst_buffer_get_size (buffer), ==, GST_VIDEO_INFO_SIZE (&info));
  gst_buffer_unref (buffer);
  support_harness_free (harness);
}

/* A flush drops the held frames and forgets them; nothing of them comes later. */
static void
test_flush (void)
{
  GstHarness *harness = harness_new (PATIENT "batch-size=4");
  GstBus *bus = support_harness_bus (harness);
  GstSegment segment;

  for (guint i = 0; i < 3; i++)
    push (harness, i);
  g_assert_true (gst_harness_push_event (harness, gst_event_new_flush_start ()));
  g_assert_true (gst_harness_push_event (harness, gst_event_new_flush_stop (TRUE)));
  gst_segment_init (&segment, GST_FORMAT_TIME);
  g_assert_true (gst_harness_push_event (harness, gst_event_new_segment (&segment)));
  g_assert_cmpuint (gst_harness_buffers_received (harness), ==, 0);
  push (harness, 7);
  g_assert_true (gst_harness_push_event (harness, gst_event_new_eos ()));
  g_assert_cmpuint (gst_harness_buffers_received (harness), ==, 1);
  assert_next (harness, 7);
  g_assert_cmpuint (support_n_messages (bus, GST_MESSAGE_ELEMENT, NULL), ==, 1);
  g_assert_cmpuint (support_stat (harness, "frames"), ==, 4);
  g_assert_cmpuint (support_stat (harness, "classified"), ==, 1);
  g_assert_cmpuint (support_stat (harness, "skipped"), ==, 3);
  g_assert_cmpuint (support_stat (harness, "pending"), ==, 0);
  gst_object_unref (bus);
  support_harness_free (harness);
}

/* Frames that need no forward pass keep their place behind those that do, and carry results that
 * arrived in between. */
static void
test_carried (void)
{
  GstHarness *harness = harness_new (PATIENT "batch-size=2 inference-interval=3");

  for (guint i = 0; i < 12; i++)
    push (harness, i);
  g_assert_true (gst_harness_push_event (harness, gst_event_new_eos ()));
  for (guint i = 0; i < 12; i++) {
    GstBuffer *out = gst_harness_try_pull (harness);
    guint age;

    g_assert_nonnull (out);
    g_assert_cmpuint (GST_BUFFER_PTS (out), ==, i * 40 * GST_MSECOND);
    g_assert_true (gst_structure_get_uint (support_object (out, 0), "frames_ago", &age));
    g_assert_cmpuint (age, ==, i % 3);
    gst_buffer_unref (out);
  }
  g_assert_cmpuint (support_stat (harness, "classified"), ==, 4);
  g_assert_cmpuint (support_stat (harness, "reused"), ==, 8);
  support_harness_free (harness);
}

/* Regions of one frame and of several share batches; each gets its own result. */
static void
test_regions (void)
{
  GstHarness *harness = harness_new (PATIENT "batch-size=5");

  for (guint i = 0; i < 10; i++) {
    GstBuffer *buffer = support_frame_new (&info, i);

    for (guint k = 0; k < 3; k++)
      support_add_roi (buffer, 20 * k, 10 * k, 30, 40, 0);
    g_assert_cmpint (gst_harness_push (harness, buffer), ==, GST_FLOW_OK);
  }
  g_assert_true (gst_harness_push_event (harness, gst_event_new_eos ()));
  for (guint i = 0; i < 10; i++) {
    GstBuffer *out = gst_harness_try_pull (harness);

    g_assert_cmpuint (support_n_objects (out), ==, 3);
    for (guint k = 0; k < 3; k++) {
      const CowRegion box = { 20 * (int)k, 10 * (int)k, 30, 40 };

      support_assert_object (out, k, &box, support_expect (classifier, out, &info, &box), 0);
    }
    gst_buffer_unref (out);
  }
  g_assert_cmpuint (fill (harness, 5), ==, 6);
  support_harness_free (harness);
}

/* ---- what it costs --------------------------------------------------------------------------- */

/* The latency of the pipeline up to the element. */
static GstClockTime
latency (GstElement *element)
{
  GstPad *pad = gst_element_get_static_pad (element, "src");
  GstQuery *query = gst_query_new_latency ();
  GstClockTime min;

  g_assert_true (gst_pad_query (pad, query));
  gst_query_parse_latency (query, NULL, &min, NULL);
  gst_query_unref (query);
  gst_object_unref (pad);
  return min;
}

static void
test_latency (void)
{
  GstHarness *harness = harness_new ("mode=blocking");
  GstElement *element = support_element (harness);
  GstBus *bus = support_harness_bus (harness);

  gst_harness_set_live (harness, TRUE);
  gst_harness_set_upstream_latency (harness, 100 * GST_MSECOND);
  g_assert_cmpuint (latency (element), ==, 100 * GST_MSECOND);
  support_n_messages (bus, GST_MESSAGE_LATENCY, NULL);
  g_object_set (element, "batch-size", 4, NULL);
  g_assert_cmpuint (support_n_messages (bus, GST_MESSAGE_LATENCY, NULL), ==, 1);
  g_assert_cmpuint (latency (element), ==, (100 + 7 * 40) * GST_MSECOND);
  g_object_set (element, "batch-timeout", 30, NULL);
  g_assert_cmpuint (latency (element), ==, (130 + 7 * 40) * GST_MSECOND);
  gst_util_set_object_arg (G_OBJECT (element), "mode", "non-blocking");
  g_assert_cmpuint (latency (element), ==, 100 * GST_MSECOND);
  /* the mode of the pipeline */
  gst_util_set_object_arg (G_OBJECT (element), "mode", "auto");
  g_assert_cmpuint (latency (element), ==, 100 * GST_MSECOND);
  gst_harness_set_live (harness, FALSE); /* so that the harness has no latency of its own */
  g_assert_cmpuint (latency (element), ==, (30 + 7 * 40) * GST_MSECOND);
  gst_object_unref (bus);
  gst_object_unref (element);
  support_harness_free (harness);
}

/* ---- the latency while the format changes ---------------------------------------------------- */

typedef struct {
  GstElement *element;
  gint stop; /* atomic */
} Asker;

static gpointer
query_in_thread (gpointer data)
{
  Asker *asker = data;

  while (!g_atomic_int_get (&asker->stop)) {
    const GstClockTime own = latency (asker->element);

    g_assert_true (own == 7 * 40 * GST_MSECOND || own == 7 * 20 * GST_MSECOND);
  }
  return NULL;
}

/* Another thread may query the latency while the frame rate changes in the streaming thread. (Under
 * ThreadSanitizer this test finds fields that are read without their lock.) */
static void
test_latency_threads (void)
{
  GstHarness *harness = harness_new ("mode=blocking batch-size=4");
  GstVideoInfo fast = info;
  Asker asker = { .element = support_element (harness) };
  GThread *thread = g_thread_new ("latency", query_in_thread, &asker);

  fast.fps_n = 50;
  fast.fps_d = 1;
  for (guint i = 0; i < 200; i++)
    support_harness_set_info (harness, i % 2 ? &info : &fast);
  g_atomic_int_set (&asker.stop, TRUE);
  g_thread_join (thread);
  g_assert_cmpuint (latency (asker.element), ==, 7 * 40 * GST_MSECOND);
  gst_object_unref (asker.element);
  support_harness_free (harness);
}

/* ---- bounds ---------------------------------------------------------------------------------- */

#define N_COWS 40

/* However many cows are in the held frames, at most two full batches of pictures are prepared ahead
 * of the engine. */
static void
test_bound (void)
{
  GstHarness *harness;
  guint n_frames = 12;

  g_setenv ("COW_TEST_ENGINE_DELAY_MS", "100", TRUE);
  harness = harness_new (PATIENT "batch-size=64");
  g_unsetenv ("COW_TEST_ENGINE_DELAY_MS");
  for (guint i = 0; i < n_frames; i++) {
    GstBuffer *in = support_frame_new (&info, i);

    for (guint c = 0; c < N_COWS; c++)
      support_add_roi (in, c, c, 20, 20, (gint)c + 1);
    GST_BUFFER_PTS (in) = i * 40 * GST_MSECOND;
    g_assert_cmpint (gst_harness_push (harness, in), ==, GST_FLOW_OK);
    g_assert_cmpuint ((i + 1) * N_COWS, <=, support_stat (harness, "pictures") + 128);
  }
  g_assert_true (gst_harness_push_event (harness, gst_event_new_eos ()));
  g_assert_cmpuint (gst_harness_buffers_received (harness), ==, n_frames);
  g_assert_cmpuint (support_stat (harness, "classified"), ==, n_frames);
  g_assert_cmpuint (support_stat (harness, "regions"), ==, n_frames * N_COWS);
  g_assert_cmpuint (fill (harness, 64), >=, 5);
  support_harness_free (harness);
}

/* ---- buffers --------------------------------------------------------------------------------- */

/* The allocator upstream is told that more buffers are held. */
static void
test_allocation (void)
{
  GstHarness *harness = harness_new ("mode=blocking batch-size=4");
  GstElement *element = support_element (harness);
  GstPad *pad = gst_element_get_static_pad (element, "sink");
  GstCaps *caps = gst_video_info_to_caps (&info);
  GstQuery *query = gst_query_new_allocation (caps, TRUE);
  GstAllocationParams params;
  guint min, max, size;

  gst_allocation_params_init (&params);
  gst_harness_set_propose_allocator (harness, NULL, &params);
  gst_harness_add_propose_allocation_meta (harness, GST_VIDEO_META_API_TYPE, NULL);
  g_assert_true (gst_pad_query (pad, query));
  g_assert_true (gst_query_find_allocation_meta (query, GST_VIDEO_META_API_TYPE, NULL));
  g_assert_cmpuint (gst_query_get_n_allocation_pools (query), ==, 1);
  gst_query_parse_nth_allocation_pool (query, 0, NULL, &size, &min, &max);
  g_assert_cmpuint (min, ==, 7);
  g_assert_cmpuint (max, ==, 0);
  g_assert_cmpuint (size, ==, GST_VIDEO_INFO_SIZE (&info));
  gst_query_unref (query);
  gst_caps_unref (caps);
  gst_object_unref (pad);
  gst_object_unref (element);
  support_harness_free (harness);
}

/* When the mode changes to one that holds no frames, the held frames come out first. */
static void
test_mode_change (void)
{
  GstHarness *harness = harness_new (PATIENT "batch-size=4");
  GstElement *element = support_element (harness);
  GstBuffer *out;

  push (harness, 0);
  push (harness, 1);
  gst_util_set_object_arg (G_OBJECT (element), "mode", "non-blocking");
  push (harness, 2);
  assert_next (harness, 0);
  assert_next (harness, 1);
  out = gst_harness_try_pull (harness);
  g_assert_cmpuint (GST_BUFFER_PTS (out), ==, 80 * GST_MSECOND);
  gst_buffer_unref (out);
  gst_object_unref (element);
  support_harness_free (harness);
}

int
main (int argc, char **argv)
{
  support_init (&argc, &argv, &adapter, &classifier);
  info = support_info (GST_VIDEO_FORMAT_I420, 96, 80, NULL);

  g_test_add_func ("/batches/full-batches", test_full_batches);
  g_test_add_func ("/batches/held", test_held);
  g_test_add_func ("/batches/order", test_order);
  g_test_add_func ("/batches/flush", test_flush);
  g_test_add_func ("/batches/carried", test_carried);
  g_test_add_func ("/batches/regions", test_regions);
  g_test_add_func ("/batches/latency", test_latency);
  g_test_add_func ("/batches/latency-threads", test_latency_threads);
  g_test_add_func ("/batches/bound", test_bound);
  g_test_add_func ("/batches/allocation", test_allocation);
  g_test_add_func ("/batches/mode-change", test_mode_change);
  return support_run (adapter, classifier);
}
