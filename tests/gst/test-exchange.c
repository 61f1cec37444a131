/* SPDX-License-Identifier: MIT */
/* Another adapter while the stream runs: it takes over between two frames, no frame is lost, and an
 * adapter that cannot be loaded changes nothing. */
#include "tests/gst/support.h"

#include "gst-plugin/common/gstcowbehaviormeta.h"

#define LIMIT_US (60 * G_TIME_SPAN_SECOND) /* ends a test that hangs */

static const char *const other_classes[] = { "a", "b", "c", "d", "e", "f", "g", "h", "i", NULL };

static char *first, *second, *renamed; /* adapters; the last one has other classes */
static GstVideoInfo info;              /* 96 x 80 */

typedef struct {
  GstHarness *harness;
  GstElement *element;
  GstBus *bus;
  guint n; /* frames so far */
} Scene;

static void
scene_begin (Scene *scene, const char *properties)
{
  scene->harness = support_harness_new (first, properties);
  scene->element = support_element (scene->harness);
  scene->bus = support_harness_bus (scene->harness);
  scene->n = 0;
  support_harness_set_info (scene->harness, &info);
}

static void
scene_end (Scene *scene)
{
  g_assert_cmpuint (support_stat (scene->harness, "frames"), ==, scene->n);
  g_assert_cmpuint (gst_harness_buffers_received (scene->harness), ==, scene->n);
  gst_object_unref (scene->bus);
  gst_object_unref (scene->element);
  support_harness_free (scene->harness);
}

static GstBuffer *
shoot (Scene *scene)
{
  GstBuffer *out = support_push (scene->harness, &info, 1, scene->n);

  g_assert_cmpuint (GST_BUFFER_PTS (out), ==, scene->n++ * 40 * GST_MSECOND);
  return out;
}

static gboolean
is_by (GstBuffer *buffer, const char *adapter)
{
  g_autofree char *name = g_path_get_basename (adapter);
  GstStructure *results = gst_buffer_get_cow_behavior (buffer);

  return results && g_strcmp0 (gst_structure_get_string (results, "model_name"), name) == 0;
}

/* Pushes frames until the results are those of an adapter, and returns that frame. Every frame
 * before it must have results. */
static GstBuffer *
shoot_until_by (Scene *scene, const char *adapter)
{
  gint64 end = g_get_monotonic_time () + LIMIT_US;

  while (g_get_monotonic_time () < end) {
    GstBuffer *out = shoot (scene);

    if (is_by (out, adapter))
      return out;
    gst_buffer_unref (out);
    g_usleep (2000);
  }
  g_error ("the adapter did not take over in %u frames", scene->n);
}

static void
assert_answer (GstBuffer *buffer, const char *adapter, guint age)
{
  CowClassifier *classifier = support_classifier_new (adapter);
  const CowRegion whole = { 0, 0, 96, 80 };

  support_assert_object (buffer, 0, &whole, support_expect (classifier, buffer, &info, NULL), age);
  cow_classifier_free (classifier);
}

static void
test_takes_over (void)
{
  g_autofree char *set = NULL;
  GstBuffer *out;
  Scene scene;

  scene_begin (&scene, "inference-interval=100");
  out = shoot (&scene);
  assert_answer (out, first, 0);
  gst_buffer_unref (out);
  g_object_set (scene.element, "adapter", second, NULL);
  out = shoot_until_by (&scene, second);
  assert_answer (out, second, 0); /* at once, whatever the interval */
  gst_buffer_unref (out);
  g_object_get (scene.element, "adapter", &set, NULL);
  g_assert_cmpstr (set, ==, second);
  g_assert_cmpuint (support_n_messages (scene.bus, GST_MESSAGE_WARNING | GST_MESSAGE_ERROR, NULL),
                    ==, 0);
  scene_end (&scene);
}

/* Frames that are held for a batch keep the adapter that they were prepared for. */
static void
test_held_frames (void)
{
  Scene scene;
  guint by_first = 0, by_second = 0;
  gint64 end = g_get_monotonic_time () + LIMIT_US;
  GstBuffer *out;

  scene_begin (&scene, "batch-size=4 batch-timeout=60000");
  for (guint i = 0; i < 3; i++)
    g_assert_cmpint (gst_harness_push (scene.harness, support_frame_new (&info, 1)), ==,
                     GST_FLOW_OK);
  scene.n = 3;
  g_object_set (scene.element, "adapter", second, NULL);
  while (by_second == 0 && g_get_monotonic_time () < end) {
    g_assert_cmpint (gst_harness_push (scene.harness, support_frame_new (&info, 1)), ==,
                     GST_FLOW_OK);
    scene.n++;
    while ((out = gst_harness_try_pull (scene.harness))) {
      g_assert_true (is_by (out, first) ? by_second == 0 : is_by (out, second));
      by_first += is_by (out, first);
      by_second += is_by (out, second);
      if (by_first + by_second == 1)
        assert_answer (out, first, 0);
      gst_buffer_unref (out);
    }
    g_usleep (2000);
  }
  g_assert_true (gst_harness_push_event (scene.harness, gst_event_new_eos ()));
  while ((out = gst_harness_try_pull (scene.harness))) {
    assert_answer (out, second, 0);
    gst_buffer_unref (out);
  }
  g_assert_cmpuint (by_first, >=, 3);
  scene_end (&scene);
}

/* An adapter with other classes invalidates all earlier results; a stream that does not wait then
 * has some frames without results. */
static void
test_other_classes (void)
{
  GstBuffer *out;
  const GValue *classes;
  Scene scene;
  guint n_unknown = 0;

  scene_begin (&scene, "mode=non-blocking smoothing=mean");
  gst_buffer_unref (shoot_until_by (&scene, first));
  g_object_set (scene.element, "adapter", renamed, NULL);
  for (out = shoot (&scene); !is_by (out, renamed); out = shoot (&scene)) {
    n_unknown += support_n_objects (out) == 0;
    gst_buffer_unref (out);
    g_usleep (2000);
  }
  g_assert_cmpuint (n_unknown, >, 0);
  classes = gst_structure_get_value (gst_buffer_get_cow_behavior (out), "classes");
  g_assert_cmpstr (g_value_get_string (gst_value_array_get_value (classes, 0)), ==, "a");
  g_assert_true (
      g_strv_contains (other_classes, gst_structure_get_string (support_object (out, 0), "label")));
  gst_buffer_unref (out);
  scene_end (&scene);
}

/* An adapter with the same classes carries earlier results on until there are new ones. */
static void
test_same_classes (void)
{
  GstBuffer *out;
  Scene scene;

  scene_begin (&scene, "mode=non-blocking");
  gst_buffer_unref (shoot_until_by (&scene, first));
  g_object_set (scene.element, "adapter", second, NULL);
  for (out = shoot (&scene); !is_by (out, second); out = shoot (&scene)) {
    g_assert_cmpuint (support_n_objects (out), ==, 1);
    gst_buffer_unref (out);
    g_usleep (2000);
  }
  g_assert_cmpuint (support_n_objects (out), ==, 1);
  gst_buffer_unref (out);
  scene_end (&scene);
}

static void
test_wrong (void)
{
  gint64 end = g_get_monotonic_time () + LIMIT_US;
  g_autoptr (GError) error = NULL;
  g_autofree char *set = NULL;
  GstMessage *message = NULL;
  GstBuffer *out;
  Scene scene;

  scene_begin (&scene, "");
  gst_buffer_unref (shoot (&scene));
  g_object_set (scene.element, "adapter", "/no/such/adapter", NULL);
  while (!(message = gst_bus_pop_filtered (scene.bus, GST_MESSAGE_WARNING | GST_MESSAGE_ERROR)) &&
         g_get_monotonic_time () < end) {
    gst_buffer_unref (shoot (&scene));
    g_usleep (2000);
  }
  g_assert_nonnull (message);
  g_assert_cmpint (GST_MESSAGE_TYPE (message), ==, GST_MESSAGE_WARNING);
  gst_message_parse_warning (message, &error, NULL);
  g_assert_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND);
  g_assert_nonnull (strstr (error->message, "/no/such/adapter"));
  gst_message_unref (message);
  out = shoot (&scene);
  g_assert_true (is_by (out, first));
  gst_buffer_unref (out);
  /* the property names the adapter that runs; the warning comes first */
  while (g_strcmp0 (set, first) != 0 && g_get_monotonic_time () < end) {
    g_free (set);
    g_object_get (scene.element, "adapter", &set, NULL);
  }
  g_assert_cmpstr (set, ==, first);
  scene_end (&scene);
}

/* If the property is set again while an adapter loads, the last setting wins. */
static void
test_often (void)
{
  g_autofree char *set = NULL;
  Scene scene;

  scene_begin (&scene, "");
  gst_buffer_unref (shoot (&scene));
  for (guint i = 0; i < 20; i++)
    g_object_set (scene.element, "adapter", i % 2 ? second : renamed, NULL);
  for (guint i = 0; i < 20; i++) {
    GstBuffer *out = shoot_until_by (&scene, second);

    gst_buffer_unref (out);
    g_usleep (10000);
  }
  g_object_get (scene.element, "adapter", &set, NULL);
  g_assert_cmpstr (set, ==, second);
  scene_end (&scene);
}

/* A stop while an adapter loads; the next start uses it. */
static void
test_stop (void)
{
  GstBuffer *out;
  Scene scene;

  scene_begin (&scene, "");
  gst_buffer_unref (shoot (&scene));
  g_object_set (scene.element, "adapter", second, NULL);
  g_assert_cmpint (gst_element_set_state (scene.harness->element, GST_STATE_NULL), ==,
                   GST_STATE_CHANGE_SUCCESS);
  g_assert_cmpint (gst_element_set_state (scene.harness->element, GST_STATE_PLAYING), !=,
                   GST_STATE_CHANGE_FAILURE);
  gst_harness_push_event (scene.harness, gst_event_new_stream_start ("again"));
  support_harness_set_info (scene.harness, &info);
  {
    GstSegment segment;

    gst_segment_init (&segment, GST_FORMAT_TIME);
    gst_harness_push_event (scene.harness, gst_event_new_segment (&segment));
  }
  out = support_push (scene.harness, &info, 1, 0);
  g_assert_true (is_by (out, second));
  gst_buffer_unref (out);
  gst_object_unref (scene.bus);
  gst_object_unref (scene.element);
  support_harness_free (scene.harness);
}

int
main (int argc, char **argv)
{
  int result;

  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  first = support_adapter_new ();
  second = support_adapter_new_from ("lora_all_r16", NULL);
  renamed = support_adapter_new_from ("lora_all_r16", other_classes);
  info = support_info (GST_VIDEO_FORMAT_I420, 96, 80, NULL);

  g_test_add_func ("/exchange/takes-over", test_takes_over);
  g_test_add_func ("/exchange/held-frames", test_held_frames);
  g_test_add_func ("/exchange/other-classes", test_other_classes);
  g_test_add_func ("/exchange/same-classes", test_same_classes);
  g_test_add_func ("/exchange/wrong", test_wrong);
  g_test_add_func ("/exchange/often", test_often);
  g_test_add_func ("/exchange/stop", test_stop);
  result = g_test_run ();

  support_remove (first);
  support_remove (second);
  support_remove (renamed);
  return result || !support_no_leaks ();
}
