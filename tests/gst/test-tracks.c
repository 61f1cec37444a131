/* SPDX-License-Identifier: MIT */
/* Results stay with their cow: identity, when a cow is classified again, and a result's age. */
#include "tests/gst/support.h"

#include "gst-plugin/common/gstcowbehaviormeta.h"

static CowClassifier *classifier; /* the same model and adapter without the element */
static char *adapter;
static GstVideoInfo info; /* 160 x 120 */

typedef struct {
  GstHarness *harness;
  guint n;           /* frames so far */
  float expected[9]; /* of the last box of the last frame */
} Scene;

static void
scene_begin (Scene *scene, const char *properties)
{
  scene->harness = support_harness_new (adapter, properties);
  scene->n = 0;
  support_harness_set_info (scene->harness, &info);
}

/* Pushes a frame with one cow, with an id of the region and, if not 0, one of a tracker. */
static GstBuffer *
show (Scene *scene, const CowRegion *box, gint id, gint object_id)
{
  GstBuffer *in = support_frame_new (&info, scene->n), *out;
  GstVideoRegionOfInterestMeta *roi =
      support_add_roi (in, (guint)box->x, (guint)box->y, (guint)box->w, (guint)box->h, id);

  if (object_id)
    gst_video_region_of_interest_meta_add_param (
        roi, gst_structure_new ("object_id", "id", G_TYPE_INT, object_id, NULL));
  memcpy (scene->expected, support_expect (classifier, in, &info, box), sizeof scene->expected);
  GST_BUFFER_PTS (in) = scene->n++ * 40 * GST_MSECOND;
  out = gst_harness_push_and_pull (scene->harness, in);
  g_assert_nonnull (out);
  return out;
}

/* Does the same and asserts the age of its one result, in frames and in time. */
static void
assert_age (Scene *scene, CowRegion box, gint id, gint object_id, guint expected)
{
  GstBuffer *out = show (scene, &box, id, object_id);
  guint frames;
  guint64 ns;

  g_assert_true (gst_structure_get_uint (support_object (out, 0), "frames_ago", &frames));
  g_assert_true (gst_structure_get_uint64 (support_object (out, 0), "age", &ns));
  g_assert_cmpuint (frames, ==, expected);
  g_assert_cmpuint (ns, ==, expected * 40 * GST_MSECOND);
  g_assert_cmpuint (support_stat (scene->harness, "age-frames"), ==, expected);
  g_assert_cmpuint (support_stat (scene->harness, "age"), ==, ns);
  if (expected == 0)
    support_assert_object (out, 0, &box, scene->expected, 0);
  gst_buffer_unref (out);
}

static void
test_reclassify (void)
{
  Scene scene;

  scene_begin (&scene, "reclassify-interval=4");
  for (guint i = 0; i < 9; i++)
    assert_age (&scene, (CowRegion){ (int)i, 0, 40, 40 }, 0, 0, i % 4);
  g_assert_cmpuint (support_stat (scene.harness, "frames"), ==, 9);
  g_assert_cmpuint (support_stat (scene.harness, "classified"), ==, 3);
  g_assert_cmpuint (support_stat (scene.harness, "reused"), ==, 6);
  g_assert_cmpuint (support_stat (scene.harness, "skipped"), ==, 0);
  g_assert_cmpuint (support_stat (scene.harness, "regions"), ==, 3);
  g_assert_cmpuint (support_stat (scene.harness, "tracks"), ==, 1);
  support_harness_free (scene.harness);
}

/* A box is classified at once when it has grown by more than a fifth or moved far, also in small
 * steps. */
static void
test_changed_box (void)
{
  Scene scene;

  scene_begin (&scene, "reclassify-interval=100");
  assert_age (&scene, (CowRegion){ 0, 0, 40, 40 }, 0, 0, 0);
  assert_age (&scene, (CowRegion){ 0, 0, 43, 43 }, 0, 0, 1);
  assert_age (&scene, (CowRegion){ 0, 0, 44, 44 }, 0, 0, 0);
  assert_age (&scene, (CowRegion){ 10, 0, 44, 44 }, 0, 0, 1);
  assert_age (&scene, (CowRegion){ 20, 0, 44, 44 }, 0, 0, 0);
  assert_age (&scene, (CowRegion){ 21, 0, 44, 44 }, 0, 0, 1);
  support_harness_free (scene.harness);

  /* With 0 it is classified only in this case. */
  scene_begin (&scene, "reclassify-interval=0");
  assert_age (&scene, (CowRegion){ 0, 0, 40, 40 }, 0, 0, 0);
  for (guint i = 1; i < 6; i++)
    assert_age (&scene, (CowRegion){ 0, 0, 40, 40 }, 0, 0, i);
  assert_age (&scene, (CowRegion){ 0, 0, 50, 50 }, 0, 0, 0);
  support_harness_free (scene.harness);
}

/* A frame between two that are classified gives a new cow no result and classifies nothing. */
static void
test_interval_and_reclassify (void)
{
  Scene scene;

  scene_begin (&scene, "inference-interval=2 reclassify-interval=3");
  assert_age (&scene, (CowRegion){ 0, 0, 40, 40 }, 0, 0, 0);
  assert_age (&scene, (CowRegion){ 0, 0, 40, 40 }, 0, 0, 1);
  assert_age (&scene, (CowRegion){ 0, 0, 40, 40 }, 0, 0, 2);
  assert_age (&scene, (CowRegion){ 0, 0, 40, 40 }, 0, 0,
              0); /* two frames since the last classification, three since this cow's */
  assert_age (&scene, (CowRegion){ 0, 0, 40, 40 }, 0, 0, 1);
  support_harness_free (scene.harness);
}

static guint64
track_of (GstBuffer *buffer, guint i)
{
  guint64 id;

  g_assert_true (gst_structure_get_uint64 (support_object (buffer, i), "track_id", &id));
  return id;
}

/* A tracker's id identifies a cow over any distance, and separates two in one place. */
static void
test_object_id (void)
{
  Scene scene;
  GstBuffer *out;

  scene_begin (&scene, "inference-interval=10");
  out = show (&scene, &(CowRegion){ 0, 0, 40, 40 }, 5, 77);
  g_assert_cmpuint (track_of (out, 0), ==, 77);
  gst_buffer_unref (out);
  out = show (&scene, &(CowRegion){ 110, 70, 40, 40 }, 6, 77);
  g_assert_cmpuint (track_of (out, 0), ==, 77);
  gst_buffer_unref (out);
  out = show (&scene, &(CowRegion){ 110, 70, 40, 40 }, 6, 78);
  g_assert_cmpuint (support_n_objects (out), ==, 0);
  gst_buffer_unref (out);
  assert_age (&scene, (CowRegion){ 0, 0, 40, 40 }, 6, 77, 3);
  support_harness_free (scene.harness);
}

/* Ids of regions are trusted while they behave like those of cows. */
static void
test_roi_id (void)
{
  Scene scene;
  GstBuffer *out;

  scene_begin (&scene, "inference-interval=100");
  for (gint i = 0; i < 3; i++) {
    out = show (&scene, &(CowRegion){ 4 * i, 0, 40, 40 }, 9, 0);
    g_assert_cmpuint (track_of (out, 0), ==, 9);
    gst_buffer_unref (out);
  }
  assert_age (&scene, (CowRegion){ 110, 70, 40, 40 }, 9, 0, 3);
  support_harness_free (scene.harness);

  /* Each box of each frame gets a new id. */
  scene_begin (&scene, "inference-interval=100");
  for (gint i = 0; i < 5; i++)
    assert_age (&scene, (CowRegion){ 4 * i, 0, 40, 40 }, 100 + i, 0, (guint)i);
  g_assert_cmpuint (support_stat (scene.harness, "tracks"), ==, 1);
  support_harness_free (scene.harness);
}

/* With the element's own tracker each cow has her own result and id, in whatever order the detector
 * reports them. */
static void
test_own_tracker (void)
{
  Scene scene;
  GstBuffer *in, *out;
  float expected[2][9];
  guint64 left, right;

  scene_begin (&scene, "inference-interval=10");
  in = support_frame_new (&info, 0);
  memcpy (expected[0], support_expect (classifier, in, &info, &(CowRegion){ 0, 0, 40, 40 }),
          sizeof expected[0]);
  memcpy (expected[1], support_expect (classifier, in, &info, &(CowRegion){ 100, 60, 40, 50 }),
          sizeof expected[1]);
  support_add_roi (in, 0, 0, 40, 40, 0);
  support_add_roi (in, 100, 60, 40, 50, 0);
  out = gst_harness_push_and_pull (scene.harness, in);
  left = track_of (out, 0);
  right = track_of (out, 1);
  g_assert_cmpuint (left, !=, right);
  gst_buffer_unref (out);

  in = support_frame_new (&info, 1);
  support_add_roi (in, 104, 62, 40, 50, 0);
  support_add_roi (in, 3, 5, 40, 40, 0);
  out = gst_harness_push_and_pull (scene.harness, in);
  g_assert_cmpuint (track_of (out, 0), ==, right);
  g_assert_cmpuint (track_of (out, 1), ==, left);
  support_assert_object (out, 0, &(CowRegion){ 104, 62, 40, 50 }, expected[1], 1);
  support_assert_object (out, 1, &(CowRegion){ 3, 5, 40, 40 }, expected[0], 1);
  gst_buffer_unref (out);
  support_harness_free (scene.harness);
}

/* A cow that leaves and comes back within the tracker's patience is recognised; after it she is
 * new, and the old track is counted as evicted. */
static void
test_eviction (void)
{
  Scene scene;
  GstBuffer *out;

  scene_begin (&scene, "inference-region=roi-list reclassify-interval=0");
  assert_age (&scene, (CowRegion){ 0, 0, 40, 40 }, 0, 0, 0);
  for (guint i = 0; i < 100; i++)
    gst_buffer_unref (gst_harness_push_and_pull (scene.harness, support_frame_new (&info, 0)));
  scene.n += 100;
  assert_age (&scene, (CowRegion){ 0, 0, 40, 40 }, 0, 0, 101);
  for (guint i = 0; i < 151; i++)
    gst_buffer_unref (gst_harness_push_and_pull (scene.harness, support_frame_new (&info, 0)));
  scene.n += 151;
  g_assert_cmpuint (support_stat (scene.harness, "tracks"), ==, 0);
  g_assert_cmpuint (support_stat (scene.harness, "tracks-evicted"), ==, 1);
  out = show (&scene, &(CowRegion){ 0, 0, 40, 40 }, 0, 0);
  support_assert_object (out, 0, &(CowRegion){ 0, 0, 40, 40 }, scene.expected, 0);
  gst_buffer_unref (out);
  support_harness_free (scene.harness);
}

/* After a camera has paused, the same places show other cows; a camera that always has long pauses
 * is an exception. */
static void
test_pause (void)
{
  Scene scene;

  scene_begin (&scene, "reclassify-interval=0");
  assert_age (&scene, (CowRegion){ 0, 0, 40, 40 }, 0, 0, 0);
  assert_age (&scene, (CowRegion){ 0, 0, 40, 40 }, 0, 0, 1);
  scene.n += 25 * 20;
  assert_age (&scene, (CowRegion){ 0, 0, 40, 40 }, 0, 0, 0);
  support_harness_free (scene.harness);

  scene_begin (&scene, "reclassify-interval=0");
  for (guint i = 0; i < 3; i++) {
    GstBuffer *out = show (&scene, &(CowRegion){ 0, 0, 40, 40 }, 0, 0);
    guint frames;

    g_assert_true (gst_structure_get_uint (support_object (out, 0), "frames_ago", &frames));
    g_assert_cmpuint (frames, ==, i);
    gst_buffer_unref (out);
    scene.n += 25 * 20;
  }
  support_harness_free (scene.harness);
}

int
main (int argc, char **argv)
{
  support_init (&argc, &argv, &adapter, &classifier);
  info = support_info (GST_VIDEO_FORMAT_I420, 160, 120, NULL);

  g_test_add_func ("/tracks/reclassify", test_reclassify);
  g_test_add_func ("/tracks/changed-box", test_changed_box);
  g_test_add_func ("/tracks/interval-and-reclassify", test_interval_and_reclassify);
  g_test_add_func ("/tracks/object-id", test_object_id);
  g_test_add_func ("/tracks/roi-id", test_roi_id);
  g_test_add_func ("/tracks/own-tracker", test_own_tracker);
  g_test_add_func ("/tracks/eviction", test_eviction);
  g_test_add_func ("/tracks/pause", test_pause);
  return support_run (adapter, classifier);
}
