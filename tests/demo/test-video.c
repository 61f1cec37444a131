/* SPDX-License-Identifier: MIT */
/*
 * The main task on the demonstration video: `cowbehavior` without any model set labels the cows
 * that the demonstration's detector reports, and the labels are what was drawn. The detector is
 * tested, too.
 */
#include <gst/check/gstharness.h>
#include <gst/video/video.h>
#include <string.h>

#include "gst-plugin/common/gstcowbehaviormeta.h"
#include "model/files/error.h"
#include "pipelines/demo/demo-truth.h"
#include "pipelines/demo/render-video.h"
#include "tests/model/scratch.h"

#define SECONDS  20 /* long enough to show every behaviour */
#define INTERVAL 5  /* of frames between classifications */
#define N_LABELS 9

/* fraction of right labels of cows that clearly do one thing; measured:
 * pipelines/demo/model/README.md */
#define LEAST_RIGHT 0.85
/* the same for any single behaviour */
#define LEAST_OF_ONE 0.5

static char *folder, *video, *truth;

/* ---- the truth ------------------------------------------------------------------------------- */

static const char two_frames[] =
    "{\"frame\": 0, \"time\": 0.000, \"cow\": \"a\", \"x\": 1, \"y\": 2, \"w\": 3, \"h\": 4, "
    "\"behaviour\": \"Lying\", \"changing\": "
    "false}\n"
    "{\"frame\": 0, \"time\": 0.000, \"cow\": \"b\", \"x\": 5, \"y\": 6, \"w\": 7, \"h\": 8, "
    "\"behaviour\": \"leap\", \"changing\": true}\n"
    "{\"frame\": 1, \"time\": 0.100, \"cow\": \"b\", \"x\": 9, \"y\": 6, \"w\": 7, \"h\": 8, "
    "\"behaviour\": \"leap\", \"changing\": "
    "false}\n";

static void
test_truth (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_build_filename (folder, "two.jsonl", NULL);
  guint n;

  scratch_write (folder, "two.jsonl", two_frames);
  g_autoptr (CowDemoTruth) read = cow_demo_truth_read (path, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (cow_demo_truth_n_frames (read), ==, 2);
  const CowDemoSight *sights = cow_demo_truth_at (read, 49 * GST_MSECOND, &n);
  g_assert_cmpuint (n, ==, 2);
  g_assert_cmpint (sights[1].cow, ==, 1);
  g_assert_cmpstr (sights[1].behaviour, ==, "leap");
  g_assert_true (sights[1].changing);
  g_assert_cmpuint (sights[0].h, ==, 4);
  sights = cow_demo_truth_at (read, 51 * GST_MSECOND, &n);
  g_assert_cmpuint (n, ==, 1);
  g_assert_cmpuint (sights[0].x, ==, 9);
  cow_demo_truth_at (read, GST_SECOND, &n);
  g_assert_cmpuint (n, ==, 1);
  cow_demo_truth_at (read, 2 * GST_SECOND, &n);
  g_assert_cmpuint (n, ==, 0);
}

static void
check_refused (const char *text, const char *expected)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_build_filename (folder, "bad.jsonl", NULL);

  scratch_write (folder, "bad.jsonl", text);
  g_assert_null (cow_demo_truth_read (path, &error));
  g_assert_error (error, COW_ERROR, COW_ERROR_FORMAT);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, expected));
}

static void
test_bad_truth (void)
{
  g_autoptr (GError) error = NULL;

  check_refused ("", "no lines");
  check_refused ("cow\n", "bad.jsonl line 1");
  check_refused ("{\"frame\": 0, \"time\": 0}\n", "cow");
  check_refused ("{\"time\": 0, \"cow\": \"a\", \"x\": -1, \"y\": 2, \"w\": 3, \"h\": 4, "
                 "\"behaviour\": \"Lying\"}",
                 "x");
  check_refused ("{\"time\": 1e300, \"cow\": \"a\", \"x\": 1, \"y\": 2, \"w\": 3, \"h\": 4, "
                 "\"behaviour\": \"Lying\"}",
                 "time");
  check_refused ("{\"time\": 1, \"cow\": \"a\", \"x\": 1, \"y\": 2, \"w\": 3, \"h\": 4, "
                 "\"behaviour\": \"Lying\"}\n"
                 "{\"time\": 0, \"cow\": \"a\", \"x\": 1, \"y\": 2, \"w\": 3, \"h\": 4, "
                 "\"behaviour\": \"Lying\"}\n",
                 "line 2: time");
  g_assert_null (cow_demo_truth_read ("/no/such/file", &error));
  g_assert_error (error, COW_ERROR, COW_ERROR_NOT_FOUND);
}

/* ---- the elements ---------------------------------------------------------------------------- */

static guint
count_regions (GstBuffer *buffer, GstVideoRegionOfInterestMeta **last)
{
  gpointer state = NULL;
  GstMeta *meta;
  guint n = 0;

  for (; (meta = gst_buffer_iterate_meta_filtered (
              buffer, &state, GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE)) != NULL;
       n++)
    *last = (GstVideoRegionOfInterestMeta *)meta;
  return n;
}

static GstBuffer *
detect (GstHarness *harness, GstClockTime time)
{
  GstBuffer *buffer = gst_harness_create_buffer (harness, 16 * 16 * 4);

  GST_BUFFER_PTS (buffer) = time;
  return gst_harness_push_and_pull (harness, buffer);
}

/* A camera's first frame may come at any time. */
static void
test_detector (void)
{
  g_autofree char *line = g_strdup_printf ("cowdemodetector location=\"%s/two.jsonl\"", folder);
  GstVideoRegionOfInterestMeta *region = NULL;

  scratch_write (folder, "two.jsonl", two_frames);
  GstHarness *harness = gst_harness_new_parse (line);
  gst_harness_set_src_caps_str (harness,
                                "video/x-raw,format=BGRx,width=16,height=16,framerate=10/1");
  GstBuffer *first = detect (harness, 5 * GST_SECOND),
            *second = detect (harness, 5 * GST_SECOND + 90 * GST_MSECOND);
  g_assert_cmpuint (count_regions (first, &region), ==, 2);
  g_assert_cmpuint (count_regions (second, &region), ==, 1);
  g_assert_cmpint (region->id, ==, 2);
  g_assert_cmpuint (region->x, ==, 9);
  g_assert_cmpuint (region->h, ==, 8);
  g_assert_cmpstr (g_quark_to_string (region->roi_type), ==, "cow");
  gst_buffer_unref (first);
  gst_buffer_unref (second);
  gst_harness_teardown (harness);
}

static void
check_detector_fails (const char *line, const char *expected)
{
  g_autoptr (GstElement) detector = gst_parse_launch (line, NULL);
  g_autoptr (GstBus) bus = gst_bus_new ();
  g_autoptr (GError) error = NULL;

  gst_element_set_bus (detector, bus);
  g_assert_cmpint (gst_element_set_state (detector, GST_STATE_PAUSED), ==,
                   GST_STATE_CHANGE_FAILURE);
  g_autoptr (GstMessage) message = gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR);
  g_assert_nonnull (message);
  gst_message_parse_error (message, &error, NULL);
  g_assert_nonnull (strstr (error->message, expected));
  gst_element_set_state (detector, GST_STATE_NULL);
  gst_element_set_bus (detector, NULL);
}

static void
test_detector_fails (void)
{
  check_detector_fails ("cowdemodetector", "property location: not set");
  check_detector_fails ("cowdemodetector location=/no/such/file", "/no/such/file");
}

/* ---- the main task --------------------------------------------------------------------------- */

typedef struct {
  CowDemoTruth *truth;
  guint shown[N_LABELS], right[N_LABELS];
  guint n_warnings;
} Score;

static int
index_of (const char *behaviour)
{
  int index = 0;

  while (!g_str_equal (render_behaviour_label ((RenderBehaviour)index), behaviour))
    g_assert_cmpint (++index, <, N_LABELS);
  return index;
}

/* Compares a message "cowbehavior", whose objects are the cows of the truth, in their order. */
static void
score_frame (Score *self, const GstStructure *message)
{
  GstClockTime time;
  guint n;

  g_assert_true (gst_structure_get_uint64 (message, "timestamp", &time));
  const CowDemoSight *sights = cow_demo_truth_at (self->truth, time, &n);
  g_assert_cmpuint (gst_cow_behavior_n_objects (message), ==, n);
  for (guint i = 0; i < n; i++) {
    const GstStructure *object = gst_cow_behavior_object (message, i);
    const int behaviour = index_of (sights[i].behaviour);
    int id;

    g_assert_true (gst_structure_get_int (object, "id", &id));
    g_assert_cmpint (id, ==, sights[i].cow + 1);
    self->shown[behaviour] += !sights[i].changing;
    self->right[behaviour] +=
        !sights[i].changing &&
        g_str_equal (gst_structure_get_string (object, "label"), sights[i].behaviour);
  }
}

/* Returns TRUE until the stream ends. */
static gboolean
take_message (Score *self, GstMessage *message)
{
  g_autoptr (GError) error = NULL;
  const GstStructure *structure = gst_message_get_structure (message);

  switch (GST_MESSAGE_TYPE (message)) {
  case GST_MESSAGE_ERROR:
    gst_message_parse_error (message, &error, NULL);
    break;
  case GST_MESSAGE_WARNING:
    gst_message_parse_warning (message, &error, NULL);
    g_test_message ("%s", error->message);
    self->n_warnings += strstr (error->message, "demonstration model") != NULL;
    g_clear_error (&error);
    break;
  case GST_MESSAGE_ELEMENT:
    if (gst_structure_has_name (structure, "cowbehavior"))
      score_frame (self, structure);
    break;
  default:
    break;
  }
  g_assert_no_error (error);
  return GST_MESSAGE_TYPE (message) != GST_MESSAGE_EOS;
}

static void
watch (Score *self)
{
  g_autofree char *line = g_strdup_printf (
      "filesrc location=\"%s\" ! qtdemux ! h264parse ! avdec_h264 ! cowdemodetector "
      "location=\"%s\" ! "
      "cowbehavior inference-region=roi-list inference-interval=%d ! fakesink sync=false",
      video, truth, INTERVAL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GstElement) pipeline = gst_parse_launch (line, &error);
  g_autoptr (GstBus) bus = gst_element_get_bus (pipeline);
  gboolean going = TRUE;

  g_assert_no_error (error);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  while (going) {
    g_autoptr (GstMessage) message = gst_bus_timed_pop (bus, GST_CLOCK_TIME_NONE);

    going = take_message (self, message);
  }
  gst_element_set_state (pipeline, GST_STATE_NULL);
}

static void
test_main_job (void)
{
  const RenderVideoOptions options = {
    .seed = 7, .light = RENDER_DAY, .seconds = SECONDS, .truth = truth
  };
  g_autoptr (GError) error = NULL;
  Score score = { 0 };
  guint shown = 0, right = 0;

  g_assert_true (render_video_write (video, &options, &error));
  g_assert_no_error (error);
  score.truth = cow_demo_truth_read (truth, &error);
  g_assert_no_error (error);
  watch (&score);
  for (int i = 0; i < N_LABELS; i++) {
    g_test_message ("%s: %u of %u", render_behaviour_label ((RenderBehaviour)i), score.right[i],
                    score.shown[i]);
    shown += score.shown[i];
    right += score.right[i];
  }
  for (int i = 0; i < N_LABELS; i++) {
    g_assert_cmpuint (score.shown[i], >, 0);
    g_assert_cmpfloat (score.right[i], >=, LEAST_OF_ONE * score.shown[i]);
  }
  g_assert_cmpfloat (right, >=, LEAST_RIGHT * shown);
  g_assert_cmpuint (score.n_warnings, ==, 1);
  cow_demo_truth_free (score.truth);
}

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  for (const char *const *name =
           (const char *const[]){ "x264enc", "mp4mux", "qtdemux", "h264parse", "avdec_h264", NULL };
       *name != NULL; name++) {
    g_autoptr (GstElementFactory) factory = gst_element_factory_find (*name);

    if (factory == NULL) {
      g_print ("1..0 # SKIP the GStreamer element %s is not installed\n", *name);
      return 0;
    }
  }
  /* Loading the plugin registers the metadata. */
  gst_object_unref (gst_object_ref_sink (gst_element_factory_make ("cowbehavior", NULL)));
  folder = scratch_new ();
  video = g_build_filename (folder, "barn.mp4", NULL);
  truth = g_build_filename (folder, "barn.jsonl", NULL);
  g_test_add_func ("/demo-video/truth", test_truth);
  g_test_add_func ("/demo-video/bad-truth", test_bad_truth);
  g_test_add_func ("/demo-video/detector", test_detector);
  g_test_add_func ("/demo-video/detector-fails", test_detector_fails);
  g_test_add_func ("/demo-video/main-job", test_main_job);
  const int result = g_test_run ();
  g_free (truth);
  g_free (video);
  scratch_free (folder);
  return result;
}
