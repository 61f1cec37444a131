/* SPDX-License-Identifier: MIT */
/*
 * A live stream: no frame waits, whatever the engine does. The tests use a slow engine
 * (COW_TEST_ENGINE_DELAY_MS), a failing one (COW_TEST_ENGINE_FAIL), late and empty frames and
 * seeks, and check that every frame is counted.
 */
#include "tests/gst/support.h"

#include "gst-plugin/common/gstcowbehaviormeta.h"

#define LIMIT_US (60 * G_TIME_SPAN_SECOND) /* ends a test that hangs */

static CowClassifier *classifier; /* the same model and adapter without the element */
static char *adapter;
static GstVideoInfo info; /* 96 x 80 */

typedef struct {
  GstHarness *harness;
  GstBus *bus;
  guint n; /* frames so far */
} Camera;

/* Makes the engine of this camera alone slow or failing, unless another one of the test is
 * alive. */
static void
camera_begin (Camera *camera, const char *properties, const char *delay_ms, const char *fail)
{
  if (delay_ms)
    g_setenv ("COW_TEST_ENGINE_DELAY_MS", delay_ms, TRUE);
  if (fail)
    g_setenv ("COW_TEST_ENGINE_FAIL", fail, TRUE);
  camera->harness = support_harness_new (adapter, properties);
  g_unsetenv ("COW_TEST_ENGINE_DELAY_MS");
  g_unsetenv ("COW_TEST_ENGINE_FAIL");
  gst_harness_set_live (camera->harness, TRUE);
  camera->bus = support_harness_bus (camera->harness);
  camera->n = 0;
  support_harness_set_info (camera->harness, &info);
}

/* Asserts that every frame that came in went out and is in one of the counters. */
static void
assert_accounts (Camera *camera)
{
  GstHarness *harness = camera->harness;
  guint64 skipped = support_stat (harness, "skipped");

  g_assert_cmpuint (support_stat (harness, "frames"), ==, camera->n);
  g_assert_cmpuint (support_stat (harness, "classified") + support_stat (harness, "pending") +
                        support_stat (harness, "reused") + skipped,
                    ==, camera->n);
  g_assert_cmpuint (
      support_stat (harness, "skipped-busy") + support_stat (harness, "skipped-late") +
          support_stat (harness, "skipped-gap") + support_stat (harness, "skipped-corrupted") +
          support_stat (harness, "skipped-fault") + support_stat (harness, "skipped-flushed"),
      ==, skipped);
}

static void
camera_end (Camera *camera)
{
  assert_accounts (camera);
  gst_object_unref (camera->bus);
  support_harness_free (camera->harness);
}

/* Frame n, with n as its seed. */
static GstBuffer *
shoot (Camera *camera)
{
  GstBuffer *out = support_push (camera->harness, &info, camera->n, camera->n);

  camera->n++;
  return out;
}

/* Pushes frames until one carries a result of a frame after `frame`, and returns the result's
 * age. */
static guint
shoot_until_newer (Camera *camera, guint64 frame)
{
  gint64 end = g_get_monotonic_time () + LIMIT_US;

  while (g_get_monotonic_time () < end) {
    GstBuffer *out = shoot (camera);
    guint age = G_MAXUINT;

    if (support_n_objects (out) > 0)
      g_assert_true (gst_structure_get_uint (support_object (out, 0), "frames_ago", &age));
    gst_buffer_unref (out);
    if (age <= camera->n - 1 && camera->n - 1 - age > frame)
      return age;
    g_usleep (5000);
  }
  g_error ("no result after %u frames", camera->n);
}

/* ---- a slow engine --------------------------------------------------------------------------- */

static void
test_never_waits (void)
{
  const CowRegion whole = { 0, 0, 96, 80 };
  Camera camera;
  GstBuffer *out;
  GstMessage *message;
  guint64 frame, running_time;
  guint age;

  camera_begin (&camera, "", "1500", NULL);
  for (guint i = 0; i < 10; i++) {
    out = shoot (&camera);
    if (i == 0)
      g_assert_cmpuint (support_n_objects (out), ==, 0); /* nothing is known yet */
    gst_buffer_unref (out);
  }
  assert_accounts (&camera);
  g_assert_cmpuint (support_stat (camera.harness, "pending"), ==, 1);
  g_assert_cmpuint (support_stat (camera.harness, "skipped-busy"), ==, 9);

  /* The first result is that of the first frame. Its message says so, and on this frame it has its
   * age. */
  for (out = shoot (&camera); support_n_objects (out) == 0; out = shoot (&camera)) {
    gst_buffer_unref (out);
    g_usleep (10000);
  }
  age = camera.n - 1;
  {
    GstBuffer *first = support_frame_new (&info, 0);

    support_assert_object (out, 0, &whole, support_expect (classifier, first, &info, NULL), age);
    gst_buffer_unref (first);
  }
  g_assert_cmpuint (support_n_messages (camera.bus, GST_MESSAGE_ELEMENT, &message), ==, 1);
  g_assert_true (gst_structure_get (gst_message_get_structure (message), "frame", G_TYPE_UINT64,
                                    &frame, "running-time", G_TYPE_UINT64, &running_time, NULL));
  g_assert_cmpuint (frame, ==, 0);
  g_assert_cmpuint (running_time, ==, 0);
  g_assert_true (gst_structure_get_uint (
      gst_cow_behavior_object (gst_message_get_structure (message), 0), "frames_ago", &age));
  g_assert_cmpuint (age, ==, 0);
  gst_message_unref (message);
  gst_buffer_unref (out);
  camera_end (&camera);
}

/* ---- the camera's buffers -------------------------------------------------------------------- */

/* A pool that has exactly n buffers of `info`. */
static GstBufferPool *
pool_new (guint n)
{
  GstBufferPool *pool = gst_buffer_pool_new ();
  GstStructure *config = gst_buffer_pool_get_config (pool);

  gst_buffer_pool_config_set_params (config, NULL, (guint)GST_VIDEO_INFO_SIZE (&info), n, n);
  g_assert_true (gst_buffer_pool_set_config (pool, config));
  g_assert_true (gst_buffer_pool_set_active (pool, TRUE));
  return pool;
}

/* A buffer of the pool, which must be free at once. */
static GstBuffer *
acquire (GstBufferPool *pool)
{
  GstBufferPoolAcquireParams params = { .flags = GST_BUFFER_POOL_ACQUIRE_FLAG_DONTWAIT };
  GstBuffer *buffer = NULL;

  g_assert_cmpint (gst_buffer_pool_acquire_buffer (pool, &buffer, &params), ==, GST_FLOW_OK);
  return buffer;
}

/* Frame n in a buffer of the pool, while no other buffer of the pool is in use. */
static GstBuffer *
take_picture (GstBufferPool *pool, guint n)
{
  GstBuffer *buffer = acquire (pool), *other = acquire (pool);
  GstBuffer *pixels = support_frame_new (&info, n);
  GstMapInfo map;

  gst_buffer_unref (other);
  g_assert_true (gst_buffer_map (pixels, &map, GST_MAP_READ));
  g_assert_cmpuint (gst_buffer_fill (buffer, 0, map.data, map.size), ==, map.size);
  gst_buffer_unmap (pixels, &map);
  gst_buffer_unref (pixels);
  GST_BUFFER_PTS (buffer) = n * 40 * GST_MSECOND;
  return buffer;
}

/* A camera whose pool has two buffers, and a slow engine. Crops are resampled when they are
 * submitted, so no buffer stays mapped or referenced while the engine has its frame. The camera
 * overwrites each buffer at once, and the result is still that of the frame. */
static void
test_pool (void)
{
  const CowRegion whole = { 0, 0, 96, 80 };
  GstBufferPool *pool = pool_new (2);
  GstBuffer *first = support_frame_new (&info, 0), *out;
  Camera camera;

  camera_begin (&camera, "", "1500", NULL);
  for (; camera.n < 10; camera.n++) {
    GstBuffer *in = take_picture (pool, camera.n);
    GstMemory *memory = gst_buffer_peek_memory (in, 0);
    const gint unmapped = g_atomic_int_get (&memory->mini_object.lockstate);

    g_assert_cmpint (gst_harness_push (camera.harness, in), ==, GST_FLOW_OK);
    out = gst_harness_try_pull (camera.harness);
    g_assert_true (gst_buffer_peek_memory (out, 0) == memory);
    g_assert_cmpint (g_atomic_int_get (&memory->mini_object.lockstate), ==, unmapped);
    g_assert_true (gst_buffer_is_writable (out));
    gst_buffer_memset (out, 0, 0xff, gst_buffer_get_size (out));
    gst_buffer_unref (out);
  }
  g_assert_cmpuint (support_stat (camera.harness, "pending"), ==, 1);
  for (out = shoot (&camera); support_n_objects (out) == 0; out = shoot (&camera)) {
    gst_buffer_unref (out);
    g_usleep (10000);
  }
  support_assert_object (out, 0, &whole, support_expect (classifier, first, &info, NULL),
                         camera.n - 1);
  gst_buffer_unref (out);
  gst_buffer_unref (first);
  camera_end (&camera);
  g_assert_true (gst_buffer_pool_set_active (pool, FALSE));
  gst_object_unref (pool);
}

/* ---- whose turn it is ------------------------------------------------------------------------ */

/* The newest frame is submitted next, not the one that came after the first. */
static void
test_newest (void)
{
  Camera camera;
  guint age;

  camera_begin (&camera, "", "150", NULL);
  shoot_until_newer (&camera, 0);
  age = shoot_until_newer (&camera, 1);
  g_test_message ("%u frames, age %u", camera.n, age);
  /* the second classification was of the frame on which the first arrived, some frames after frame
   * 1 */
  g_assert_cmpuint (camera.n - 1 - age, >, 2);
  camera_end (&camera);
}

/* At the end and at a stop nothing waits for results of submitted frames. */
static void
test_end (void)
{
  Camera camera;

  camera_begin (&camera, "", "500", NULL);
  gst_buffer_unref (shoot (&camera));
  g_assert_cmpuint (support_stat (camera.harness, "pending"), ==, 1);
  g_assert_true (gst_harness_push_event (camera.harness, gst_event_new_eos ()));
  g_assert_cmpuint (support_stat (camera.harness, "pending"), ==, 0);
  g_assert_cmpuint (support_stat (camera.harness, "skipped-flushed"), ==, 1);
  camera_end (&camera);

  camera_begin (&camera, "", "500", NULL);
  gst_buffer_unref (shoot (&camera));
  g_assert_cmpint (gst_element_set_state (camera.harness->element, GST_STATE_NULL), ==,
                   GST_STATE_CHANGE_SUCCESS);
  g_assert_cmpuint (support_n_messages (camera.bus, GST_MESSAGE_ELEMENT, NULL), ==, 0);
  gst_object_unref (camera.bus);
  support_harness_free (camera.harness);
}

/* A flush forgets submitted frames: a result from before it is never seen. */
static void
test_flush (void)
{
  Camera camera;
  GstSegment segment;
  GstMessage *message;
  guint64 frame;

  camera_begin (&camera, "", "100", NULL);
  gst_buffer_unref (shoot (&camera));
  g_assert_true (gst_harness_push_event (camera.harness, gst_event_new_flush_start ()));
  g_assert_true (gst_harness_push_event (camera.harness, gst_event_new_flush_stop (TRUE)));
  gst_segment_init (&segment, GST_FORMAT_TIME);
  g_assert_true (gst_harness_push_event (camera.harness, gst_event_new_segment (&segment)));
  shoot_until_newer (&camera, 0);
  message = gst_bus_pop_filtered (camera.bus, GST_MESSAGE_ELEMENT);
  g_assert_true (gst_structure_get_uint64 (gst_message_get_structure (message), "frame", &frame));
  g_assert_cmpuint (frame, >=, 1);
  gst_message_unref (message);
  camera_end (&camera);
}

/* With many cows a frame submits no more than a forward pass takes, those first that have waited
 * longest, so that each has her turn. */
static void
test_many_cows (void)
{
  gint64 end = g_get_monotonic_time () + LIMIT_US;
  Camera camera;
  guint known = 0;

  camera_begin (&camera, "inference-region=roi-list", NULL, NULL);
  while (known < 30 && g_get_monotonic_time () < end) {
    GstBuffer *in = support_frame_new (&info, 0), *out;

    for (guint i = 0; i < 30; i++)
      support_add_roi (in, i, i, 20, 20, (gint)i + 1);
    g_assert_cmpint (gst_harness_push (camera.harness, in), ==, GST_FLOW_OK);
    camera.n++;
    out = gst_harness_try_pull (camera.harness);
    known = support_n_objects (out);
    gst_buffer_unref (out);
    g_usleep (2000);
  }
  g_assert_cmpuint (known, ==, 30);
  g_assert_cmpuint (support_stat (camera.harness, "regions"), <=,
                    8 * support_stat (camera.harness, "classified"));
  camera_end (&camera);
}

/* Four cameras and one slow engine: all get their turn, in common batches. */
static void
test_cameras (void)
{
  gint64 end = g_get_monotonic_time () + LIMIT_US;
  Camera cameras[4];
  gboolean all = FALSE;

  for (guint i = 0; i < G_N_ELEMENTS (cameras); i++)
    camera_begin (&cameras[i], "", i == 0 ? "60" : NULL, NULL);
  while (!all && g_get_monotonic_time () < end) {
    all = TRUE;
    for (guint i = 0; i < G_N_ELEMENTS (cameras); i++) {
      gst_buffer_unref (shoot (&cameras[i]));
      all &= support_stat (cameras[i].harness, "classified") >= 3;
    }
    g_usleep (5000);
  }
  g_assert_true (all);
  g_assert_cmpuint (support_stat (cameras[0].harness, "batches-mixed"), >, 0);
  g_assert_cmpuint (support_stat (cameras[0].harness, "batches"), ==,
                    support_stat (cameras[3].harness, "batches"));
  for (guint i = 0; i < G_N_ELEMENTS (cameras); i++)
    camera_end (&cameras[i]);
}

/* ---- failures -------------------------------------------------------------------------------- */

/* When the engine fails there is a warning, frames go on, and results come once it works again. */
static void
test_engine_failure (void)
{
  Camera camera;
  g_autoptr (GError) error = NULL;
  GstMessage *message;

  camera_begin (&camera, "", NULL, "1-2");
  shoot_until_newer (&camera, 1);
  g_assert_cmpuint (support_stat (camera.harness, "errors"), ==, 2);
  g_assert_cmpuint (support_stat (camera.harness, "skipped-fault"), >=, 2);
  g_assert_cmpuint (support_stat (camera.harness, "batches-failed"), ==, 2);
  /* one warning, because the second failure comes too soon after the first */
  g_assert_cmpuint (
      support_n_messages (camera.bus, GST_MESSAGE_ERROR | GST_MESSAGE_WARNING, &message), ==, 1);
  g_assert_cmpint (GST_MESSAGE_TYPE (message), ==, GST_MESSAGE_WARNING);
  gst_message_parse_warning (message, &error, NULL);
  g_assert_nonnull (strstr (error->message, "was told to fail"));
  gst_message_unref (message);
  camera_end (&camera);
}

/* A frame that cannot be read passes unchanged. */
static void
test_broken_frame (void)
{
  Camera camera;
  GstBuffer *buffer;

  camera_begin (&camera, "", NULL, NULL);
  buffer = support_frame_new (&info, 0);
  gst_buffer_resize (buffer, 0, 100);
  g_assert_cmpint (gst_harness_push (camera.harness, buffer), ==, GST_FLOW_OK);
  camera.n++;
  buffer = gst_harness_try_pull (camera.harness);
  g_assert_cmpuint (gst_buffer_get_size (buffer), ==, 100);
  gst_buffer_unref (buffer);
  g_assert_cmpuint (support_stat (camera.harness, "errors"), ==, 1);
  g_assert_cmpuint (support_n_messages (camera.bus, GST_MESSAGE_WARNING, NULL), ==, 1);
  shoot_until_newer (&camera, 0);
  camera_end (&camera);
}

/* ---- frames that are not classified ---------------------------------------------------------- */

static void
push_qos (Camera *camera, GstClockTimeDiff diff, GstClockTime timestamp)
{
  GstEvent *event;

  gst_harness_push_upstream_event (
      camera->harness, gst_event_new_qos (GST_QOS_TYPE_UNDERFLOW, 1.5, diff, timestamp));
  while ((event = gst_harness_try_pull_upstream_event (camera->harness)) &&
         GST_EVENT_TYPE (event) != GST_EVENT_QOS)
    gst_event_unref (event);
  g_assert_nonnull (event); /* elements upstream get the event, too */
  gst_event_unref (event);
}

static guint
age_of (GstBuffer *buffer)
{
  guint age;

  g_assert_true (gst_structure_get_uint (support_object (buffer, 0), "frames_ago", &age));
  gst_buffer_unref (buffer);
  return age;
}

/* A late sink costs classifications, but no frame. */
static void
test_qos (void)
{
  GstElement *element;
  Camera camera;

  camera_begin (&camera, "mode=blocking", NULL, NULL);
  element = support_element (camera.harness);
  g_assert_cmpuint (age_of (shoot (&camera)), ==, 0);
  push_qos (&camera, 100 * GST_MSECOND, 0); /* frames before 200 ms are late: 1 to 5 */
  for (guint i = 1; i <= 5; i++)
    g_assert_cmpuint (age_of (shoot (&camera)), ==, i);
  g_assert_cmpuint (age_of (shoot (&camera)), ==, 0);
  g_assert_cmpuint (support_stat (camera.harness, "skipped-late"), ==, 5);
  /* switched off */
  push_qos (&camera, GST_SECOND, camera.n * 40 * GST_MSECOND);
  g_object_set (element, "qos", FALSE, NULL);
  g_assert_cmpuint (age_of (shoot (&camera)), ==, 0);
  /* a flush resets it */
  g_object_set (element, "qos", TRUE, NULL);
  g_assert_cmpuint (age_of (shoot (&camera)), ==, 1);
  g_assert_true (gst_harness_push_event (camera.harness, gst_event_new_flush_start ()));
  g_assert_true (gst_harness_push_event (camera.harness, gst_event_new_flush_stop (TRUE)));
  {
    GstSegment segment;

    gst_segment_init (&segment, GST_FORMAT_TIME);
    g_assert_true (gst_harness_push_event (camera.harness, gst_event_new_segment (&segment)));
  }
  g_assert_cmpuint (age_of (shoot (&camera)), ==, 0);
  gst_object_unref (element);
  camera_end (&camera);
}

/* An empty frame (GAP) is not classified, and carries the known results. */
static void
test_gap (void)
{
  Camera camera;
  GstBuffer *in, *out;

  camera_begin (&camera, "mode=blocking", NULL, NULL);
  gst_buffer_unref (shoot (&camera));
  in = support_frame_new (&info, 9);
  GST_BUFFER_FLAG_SET (in, GST_BUFFER_FLAG_GAP);
  out = gst_harness_push_and_pull (camera.harness, in);
  camera.n++;
  g_assert_true (GST_BUFFER_FLAG_IS_SET (out, GST_BUFFER_FLAG_GAP));
  g_assert_cmpuint (age_of (out), ==, 1);
  g_assert_cmpuint (age_of (shoot (&camera)), ==, 0);
  g_assert_cmpuint (support_stat (camera.harness, "skipped-gap"), ==, 1);
  camera_end (&camera);
}

/* ---- the mode -------------------------------------------------------------------------------- */

static char *
mode_of (Camera *camera)
{
  GstElement *element = support_element (camera->harness);
  GstStructure *stats;
  char *mode;

  g_object_get (element, "stats", &stats, NULL);
  mode = g_strdup (gst_structure_get_string (stats, "mode"));
  gst_structure_free (stats);
  gst_object_unref (element);
  return mode;
}

static void
assert_mode (Camera *camera, const char *expected)
{
  g_autofree char *mode = NULL;

  gst_buffer_unref (shoot (camera));
  mode = mode_of (camera);
  g_assert_cmpstr (mode, ==, expected);
}

/* `auto` depends on whether the pipeline is live, also when that is known late or changes. */
static void
test_auto (void)
{
  GstElement *element;
  Camera camera;

  camera_begin (&camera, "", NULL, NULL);
  element = support_element (camera.harness);
  assert_mode (&camera, "non-blocking");
  gst_harness_set_live (camera.harness, FALSE);
  assert_mode (&camera, "non-blocking"); /* nothing has announced the change */
  gst_harness_push_upstream_event (camera.harness, gst_event_new_latency (0));
  assert_mode (&camera, "blocking");
  gst_util_set_object_arg (G_OBJECT (element), "mode", "non-blocking");
  assert_mode (&camera, "non-blocking");
  gst_object_unref (element);
  camera_end (&camera);
}

/* ---- segments -------------------------------------------------------------------------------- */

static void
push_segment (Camera *camera, gdouble rate, GstClockTime start, GstClockTime stop)
{
  GstSegment segment;

  gst_segment_init (&segment, GST_FORMAT_TIME);
  segment.rate = rate;
  segment.start = start;
  segment.stop = stop;
  segment.time = start;
  segment.position = rate < 0 ? stop : start;
  g_assert_true (gst_harness_push_event (camera->harness, gst_event_new_segment (&segment)));
}

/* A jump to another part of the stream forgets the results; a segment that continues the last one
 * does not. */
static void
test_segments (void)
{
  Camera camera;

  camera_begin (&camera, "mode=blocking inference-interval=100", NULL, NULL);
  g_assert_cmpuint (age_of (shoot (&camera)), ==, 0);
  g_assert_cmpuint (age_of (shoot (&camera)), ==, 1);
  push_segment (&camera, 1, 80 * GST_MSECOND, GST_CLOCK_TIME_NONE);
  g_assert_cmpuint (age_of (shoot (&camera)), ==, 2);
  push_segment (&camera, 1, 0, GST_CLOCK_TIME_NONE); /* 120 ms back */
  g_assert_cmpuint (age_of (shoot (&camera)), ==, 3);
  push_segment (&camera, 1, 3600 * GST_SECOND, GST_CLOCK_TIME_NONE);
  {
    GstBuffer *in = support_frame_new (&info, 0);

    GST_BUFFER_PTS (in) = 3600 * GST_SECOND;
    g_assert_cmpuint (age_of (gst_harness_push_and_pull (camera.harness, in)), ==, 0);
    camera.n++;
  }
  camera_end (&camera);
}

/* In reverse, frames come with falling times; ages count in the order in which they come. */
static void
test_reverse (void)
{
  Camera camera;

  camera_begin (&camera, "mode=blocking inference-interval=3", NULL, NULL);
  g_assert_cmpuint (age_of (shoot (&camera)), ==, 0);
  push_segment (&camera, -1, 0, 400 * GST_MSECOND);
  for (guint i = 0; i < 7; i++) {
    GstBuffer *in = support_frame_new (&info, i), *out;
    guint64 ns;

    GST_BUFFER_PTS (in) = (9 - i) * 40 * GST_MSECOND;
    GST_BUFFER_DURATION (in) = 40 * GST_MSECOND;
    out = gst_harness_push_and_pull (camera.harness, in);
    camera.n++;
    g_assert_true (gst_structure_get_uint64 (support_object (out, 0), "age", &ns));
    g_assert_cmpuint (ns, ==, i % 3 * 40 * GST_MSECOND);
    g_assert_cmpuint (age_of (out), ==, i % 3);
  }
  camera_end (&camera);
}

int
main (int argc, char **argv)
{
  support_init (&argc, &argv, &adapter, &classifier);
  info = support_info (GST_VIDEO_FORMAT_I420, 96, 80, NULL);

  g_test_add_func ("/live/never-waits", test_never_waits);
  g_test_add_func ("/live/pool", test_pool);
  g_test_add_func ("/live/newest", test_newest);
  g_test_add_func ("/live/end", test_end);
  g_test_add_func ("/live/flush", test_flush);
  g_test_add_func ("/live/many-cows", test_many_cows);
  g_test_add_func ("/live/cameras", test_cameras);
  g_test_add_func ("/live/engine-failure", test_engine_failure);
  g_test_add_func ("/live/broken-frame", test_broken_frame);
  g_test_add_func ("/live/qos", test_qos);
  g_test_add_func ("/live/gap", test_gap);
  g_test_add_func ("/live/auto", test_auto);
  g_test_add_func ("/live/segments", test_segments);
  g_test_add_func ("/live/reverse", test_reverse);
  return support_run (adapter, classifier);
}
