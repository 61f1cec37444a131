/* SPDX-License-Identifier: MIT */
/* `cowdetect`: what it finds is what the network finds without it, on frames that are looked at and
 * on those between, for elements of other makers and for `cowbehavior`. */
#include "tests/gst/support.h"

#include <math.h>
#include <string.h>

#include "cow-build.h"
#include "gst-plugin/common/gstcowbehaviormeta.h"
#include "model/network/frame-fit.h"
#include "tests/model/detector-folder.h"

#ifdef COW_HAVE_ANALYTICS
#  include <gst/analytics/analytics.h>
#endif

#define WIDTH  192
#define HEIGHT 112
#define USUAL  .3f /* the threshold without an evaluation */

static char *detector, *adapter;
static GstVideoInfo info; /* RGB */

/* ---- frames ---------------------------------------------------------------------------------- */

static GstHarness *
harness_new (const char *folder, const char *properties)
{
  g_autofree char *model = support_model (),
                  *line = g_strdup_printf ("cowdetect model=\"%s\" adapter=\"%s\" %s", model,
                                           folder, properties);
  GstHarness *harness = gst_harness_new_parse (line);
  g_autoptr (GstBus) bus = gst_bus_new ();

  g_assert_nonnull (harness);
  gst_harness_set_live (harness, FALSE);
  gst_element_set_bus (harness->element, bus);
  support_harness_set_info (harness, &info);
  return harness;
}

static guint64
stat_of (GstHarness *harness, const char *name, const char *field)
{
  g_autoptr (GstElement) element = gst_harness_find_element (harness, name);
  g_autoptr (GstStructure) stats = NULL;
  guint64 value = 0;

  g_object_get (element, "stats", &stats, NULL);
  g_assert_true (gst_structure_get_uint64 (stats, field, &value));
  return value;
}

/* The cows of a frame without the element: px of the frame; of CowDetection. What is told of them
 * is added to `told`, of float, unless that is NULL. */
static GArray *
expect_told (const char *folder, guint seed, float least, GArray *told)
{
  g_autoptr (GstBuffer) buffer = support_frame_new (&info, seed);
  g_autofree char *model = support_model ();
  g_autoptr (GError) error = NULL;
  const CowClassifierOptions options = { .model = model, .adapter = folder, .detects = TRUE };
  g_autoptr (CowClassifier) classifier = cow_classifier_new (&options, &error);
  g_assert_no_error (error);
  g_autoptr (CowPreparer) preparer = cow_preparer_new (cow_classifier_device (classifier), &error);
  g_assert_no_error (error);
  static float pixels[3 * DETECTOR_FOLDER_WIDTH * DETECTOR_FOLDER_HEIGHT];
  CowFindLimits limits = COW_FIND_LIMITS_DEFAULT;
  GArray *found = g_array_new (FALSE, FALSE, sizeof (CowDetection));
  GstMapInfo map;

  limits.least = least;
  g_assert_true (gst_buffer_map (buffer, &map, GST_MAP_READ));
  const CkPicture picture = { .layout = CK_RGB8,
                              .width = WIDTH,
                              .height = HEIGHT,
                              .plane = { map.data },
                              .stride = { GST_VIDEO_INFO_PLANE_STRIDE (&info, 0) },
                              .pixel_stride = 3,
                              .offset = { 0, 1, 2 } };
  cow_preparer_run (preparer, cow_classifier_preprocess (classifier), &picture, NULL, pixels,
                    &error);
  g_assert_no_error (error);
  gst_buffer_unmap (buffer, &map);
  cow_classifier_find (classifier, pixels, DETECTOR_FOLDER_HEIGHT, DETECTOR_FOLDER_WIDTH, &limits,
                       found, &error);
  g_assert_no_error (error);
  cow_frame_fit_all_back (cow_classifier_preprocess (classifier), WIDTH, HEIGHT, found);
  for (guint i = 0; told && i < found->len; i++) {
    const guint n = cow_classifier_n_behaviours (classifier);
    g_array_append_vals (told,
                         cow_classifier_told (classifier) +
                             (gsize)g_array_index (found, CowDetection, i).row * n,
                         n);
  }
  return found;
}

static GArray *
expect (const char *folder, guint seed, float least)
{
  return expect_told (folder, seed, least, NULL);
}

static GPtrArray *
regions_of (GstBuffer *buffer)
{
  GPtrArray *regions = g_ptr_array_new ();
  gpointer state = NULL;
  GstMeta *meta;

  while ((meta = gst_buffer_iterate_meta_filtered (buffer, &state,
                                                   GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE)))
    g_ptr_array_add (regions, meta);
  return regions;
}

static gint
id_of (const GstVideoRegionOfInterestMeta *roi)
{
  const GstStructure *param = gst_video_region_of_interest_meta_get_param (
      (GstVideoRegionOfInterestMeta *)roi, "object_id");
  gint id = 0;

  g_assert_nonnull (param);
  g_assert_true (gst_structure_get_int (param, "id", &id));
  return id;
}

static void
assert_region (const GstVideoRegionOfInterestMeta *roi, const CowDetection *expected)
{
  const GstStructure *param = gst_video_region_of_interest_meta_get_param (
      (GstVideoRegionOfInterestMeta *)roi, "detection");
  gdouble confidence;

  g_assert_cmpstr (g_quark_to_string (roi->roi_type), ==, "cow");
  g_assert_cmpint ((gint)roi->x, ==, (gint)lround (expected->box.x));
  g_assert_cmpint ((gint)roi->y, ==, (gint)lround (expected->box.y));
  g_assert_cmpint ((gint)(roi->x + roi->w), ==, (gint)lround (expected->box.x + expected->box.w));
  g_assert_cmpint ((gint)(roi->y + roi->h), ==, (gint)lround (expected->box.y + expected->box.h));
  g_assert_nonnull (param);
  g_assert_true (gst_structure_get_double (param, "confidence", &confidence));
  g_assert_cmpfloat_with_epsilon (confidence, (double)expected->score, 1e-5);
  g_assert_cmpstr (gst_structure_get_string (param, "label"), ==, "cow");
}

/* A frame carries what the network finds in frame `seed` with that threshold. */
static void
assert_found (GstBuffer *buffer, const char *folder, guint seed, float least)
{
  g_autoptr (GArray) expected = expect (folder, seed, least);
  g_autoptr (GPtrArray) regions = regions_of (buffer);

  g_assert_cmpuint (expected->len, >, 1);
  g_assert_cmpuint (regions->len, ==, expected->len);
  for (guint i = 0; i < regions->len; i++)
    assert_region (regions->pdata[i], &g_array_index (expected, CowDetection, i));
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void
test_found (void)
{
  GstHarness *harness = harness_new (detector, "inference-interval=1");

  for (guint n = 0; n < 3; n++) {
    g_autoptr (GstBuffer) buffer = support_push (harness, &info, n, n);
    assert_found (buffer, detector, n, USUAL);
  }
  g_assert_cmpuint (stat_of (harness, "cowdetect", "inferences"), ==, 3);
  support_harness_free (harness);
}

/* A threshold that n of the cows in frame 1 pass. */
static float
threshold_for (const GArray *all, guint n)
{
  const CowDetection *found = &g_array_index (all, CowDetection, 0);

  g_assert_cmpuint (all->len, >, n);
  g_assert_cmpfloat (found[n - 1].score, >, found[n].score);
  return (found[n - 1].score + found[n].score) / 2;
}

/* The threshold is the property's, else that of the adapter's evaluation. */
static void
test_threshold (void)
{
  g_autoptr (GArray) all = expect (detector, 1, USUAL);
  const float few = threshold_for (all, 2), more = threshold_for (all, 5);
  char *evaluated = detector_folder_new ((double)few);
  g_autofree char *property = g_strdup_printf ("threshold=%.6f", (double)more);
  GstHarness *own = harness_new (evaluated, ""), *set = harness_new (evaluated, property);
  g_autoptr (GstBuffer) by_card = support_push (own, &info, 1, 0),
                        by_user = support_push (set, &info, 1, 0);

  assert_found (by_card, evaluated, 1, few);
  assert_found (by_user, evaluated, 1, more);
  support_harness_free (own);
  support_harness_free (set);
  detector_folder_remove (evaluated);
  g_free (evaluated);
}

/* The frames between carry the same cows under the same ids; what stands stays where it is. */
static void
test_between (void)
{
  GstHarness *harness = harness_new (detector, "inference-interval=3");
  g_autofree gint *ids = NULL;
  guint n_cows = 0;

  for (guint n = 0; n < 7; n++) {
    g_autoptr (GstBuffer) buffer = support_push (harness, &info, 5, n);
    g_autoptr (GPtrArray) regions = regions_of (buffer);

    assert_found (buffer, detector, 5, USUAL);
    if (n == 0) {
      n_cows = regions->len;
      ids = g_new (gint, n_cows);
      for (guint i = 0; i < n_cows; i++)
        ids[i] = id_of (regions->pdata[i]);
    }
    for (guint i = 0; i < n_cows; i++)
      g_assert_cmpint (id_of (regions->pdata[i]), ==, ids[i]);
  }
  g_assert_cmpuint (stat_of (harness, "cowdetect", "inferences"), ==, 3);
  g_assert_cmpuint (stat_of (harness, "cowdetect", "objects"), ==, 7 * n_cows);
  support_harness_free (harness);
}

/* Tiles find, besides, what is in each of them. */
static void
test_tiles (void)
{
  GstHarness *harness = harness_new (detector, "tile-columns=2 tile-rows=2 inference-interval=1");
  g_autoptr (GstBuffer) buffer = support_push (harness, &info, 5, 0);
  g_autoptr (GPtrArray) regions = regions_of (buffer);
  g_autoptr (GArray) whole = expect (detector, 5, USUAL);
  guint small = 0;

  g_assert_cmpuint (regions->len, >, 0);
  for (guint i = 0; i < regions->len; i++) {
    const GstVideoRegionOfInterestMeta *a = regions->pdata[i];

    g_assert_cmpuint (a->x + a->w, <=, WIDTH);
    g_assert_cmpuint (a->y + a->h, <=, HEIGHT);
    /* An animal of 16 px as the network sees it is half as large in a tile. */
    small += a->w < 20;
  }
  for (guint i = 0; i < whole->len; i++)
    g_assert_cmpfloat (g_array_index (whole, CowDetection, i).box.w, >, 20);
  g_assert_cmpuint (small, >, 2);
  g_assert_cmpuint (stat_of (harness, "cowdetect", "inferences"), ==, 1);
  support_harness_free (harness);
}

/* Boxes are told in px of the frame that the caps describe, not of the larger one around it. */
static void
test_cropped (void)
{
  GstVideoInfo large = support_info (GST_VIDEO_FORMAT_RGB, WIDTH + 40, HEIGHT + 30, NULL);
  GstBuffer *around = gst_buffer_new_allocate (NULL, GST_VIDEO_INFO_SIZE (&large), NULL);
  g_autoptr (GstBuffer) inside = support_frame_new (&info, 5);
  GstHarness *harness = harness_new (detector, "");
  GstVideoCropMeta *crop;
  GstVideoFrame from, to;

  gst_buffer_memset (around, 0, 128, gst_buffer_get_size (around));
  g_assert_true (gst_video_frame_map (&from, &info, inside, GST_MAP_READ));
  g_assert_true (gst_video_frame_map (&to, &large, around, GST_MAP_WRITE));
  for (guint y = 0; y < HEIGHT; y++)
    memcpy ((guint8 *)GST_VIDEO_FRAME_PLANE_DATA (&to, 0) +
                (gsize)(y + 20) * (gsize)GST_VIDEO_FRAME_PLANE_STRIDE (&to, 0) + 3 * 30,
            (guint8 *)GST_VIDEO_FRAME_PLANE_DATA (&from, 0) +
                (gsize)y * (gsize)GST_VIDEO_FRAME_PLANE_STRIDE (&from, 0),
            3 * WIDTH);
  gst_video_frame_unmap (&from);
  gst_video_frame_unmap (&to);
  gst_buffer_add_video_meta_full (around, 0, GST_VIDEO_FORMAT_RGB, WIDTH + 40, HEIGHT + 30, 1,
                                  large.offset, large.stride);
  crop = gst_buffer_add_video_crop_meta (around);
  crop->x = 30;
  crop->y = 20;
  crop->width = WIDTH;
  crop->height = HEIGHT;
  around = gst_harness_push_and_pull (harness, around);
  assert_found (around, detector, 5, USUAL);
  gst_buffer_unref (around);
  support_harness_free (harness);
}

/* No frame of a live stream waits for the network. */
static void
test_live (void)
{
  g_setenv ("COW_TEST_ENGINE_DELAY_MS", "400", TRUE);
  GstHarness *harness = harness_new (detector, "mode=non-blocking inference-interval=1");
  const gint64 begin = g_get_monotonic_time (), limit = begin + 60 * G_TIME_SPAN_SECOND;
  guint n = 0, n_cows = 0;

  g_unsetenv ("COW_TEST_ENGINE_DELAY_MS");
  while (n_cows == 0) {
    g_autoptr (GstBuffer) buffer = support_push (harness, &info, 5, n++);
    g_autoptr (GPtrArray) regions = regions_of (buffer);

    n_cows = regions->len;
    if (n_cows > 0)
      assert_found (buffer, detector, 5, USUAL);
    g_assert_cmpint (g_get_monotonic_time (), <, limit);
    g_usleep (20000);
  }
  g_assert_cmpuint (n, >, 5);
  g_assert_cmpuint (stat_of (harness, "cowdetect", "skipped-busy"), >, 3);
  support_harness_free (harness);
}

/* A flush ends the wait of a frame. */
static gpointer
flush_soon (gpointer harness)
{
  g_usleep (300000);
  g_assert_true (gst_harness_push_event (harness, gst_event_new_flush_start ()));
  return NULL;
}

static void
test_flush (void)
{
  g_setenv ("COW_TEST_ENGINE_DELAY_MS", "20000", TRUE);
  GstHarness *harness = harness_new (detector, "");
  const gint64 begin = g_get_monotonic_time ();
  GThread *thread = g_thread_new ("flush", flush_soon, harness);

  g_unsetenv ("COW_TEST_ENGINE_DELAY_MS");
  g_assert_cmpint (gst_harness_push (harness, support_frame_new (&info, 1)), ==, GST_FLOW_FLUSHING);
  g_thread_join (thread);
  g_assert_cmpint (g_get_monotonic_time () - begin, <, 15 * G_TIME_SPAN_SECOND);
  support_harness_free (harness);
}

/* A network that fails ends a recording with an error; a live stream goes on, and tries again. */
static void
test_failing (void)
{
  g_setenv ("COW_TEST_ENGINE_FAIL", "1-1", TRUE);
  GstHarness *blocking = harness_new (detector, ""), *live;
  g_autoptr (GstBus) bus = support_harness_bus (blocking);

  g_assert_cmpint (gst_harness_push (blocking, support_frame_new (&info, 1)), ==, GST_FLOW_ERROR);
  g_assert_cmpuint (support_n_messages (bus, GST_MESSAGE_ERROR, NULL), ==, 1);
  support_harness_free (blocking);

  live = harness_new (detector, "mode=non-blocking inference-interval=1");
  g_unsetenv ("COW_TEST_ENGINE_FAIL");
  g_autoptr (GstBus) live_bus = support_harness_bus (live);
  const gint64 limit = g_get_monotonic_time () + 60 * G_TIME_SPAN_SECOND;
  for (guint n = 0; stat_of (live, "cowdetect", "inferences") < 1; n++) {
    gst_buffer_unref (support_push (live, &info, 1, n));
    g_assert_cmpint (g_get_monotonic_time (), <, limit);
    g_usleep (20000);
  }
  g_assert_cmpuint (stat_of (live, "cowdetect", "errors"), ==, 1);
  g_assert_cmpuint (stat_of (live, "cowdetect", "skipped-fault"), >, 0);
  g_assert_cmpuint (support_n_messages (live_bus, GST_MESSAGE_WARNING, NULL), ==, 1);
  support_harness_free (live);
}

/* `cowbehavior` behind it tells what each of the cows does, by her track. */
static void
test_behavior (void)
{
  g_autofree char *model = support_model (),
                  *line = g_strdup_printf ("cowdetect model=\"%s\" adapter=\"%s\" ! cowbehavior "
                                           "model=\"%s\" adapter=\"%s\" ! identity",
                                           model, detector, model, adapter);
  GstHarness *harness = gst_harness_new_parse (line);
  g_autoptr (GArray) expected = expect (detector, 5, USUAL);

  gst_harness_set_live (harness, FALSE);
  support_harness_set_info (harness, &info);
  for (guint n = 0; n < 2; n++) {
    g_autoptr (GstBuffer) buffer = support_push (harness, &info, 5, n);
    g_autoptr (GPtrArray) regions = regions_of (buffer);

    g_assert_cmpuint (support_n_objects (buffer), ==, expected->len);
    g_assert_cmpuint (regions->len, ==, expected->len);
    for (guint i = 0; i < expected->len; i++) {
      guint64 track;

      g_assert_true (gst_structure_get_uint64 (support_object (buffer, i), "track_id", &track));
      g_assert_cmpuint (track, ==, (guint64)id_of (regions->pdata[i]));
      g_assert_nonnull (
          gst_video_region_of_interest_meta_get_param (regions->pdata[i], "classification"));
    }
  }
  support_harness_free (harness);
}

/* ---- an adapter that tells what cows do ------------------------------------------------------ */

/* The objects of a frame say what the network tells of each cow, `ago` frames before. */
static void
assert_told (GstBuffer *buffer, const GArray *told, guint n_cows, guint ago)
{
  const guint n = g_strv_length ((char **)detector_folder_behaviours);

  g_assert_cmpuint (support_n_objects (buffer), ==, n_cows);
  for (guint i = 0; i < n_cows; i++) {
    const GstStructure *object = support_object (buffer, i);
    const GValue *all = gst_structure_get_value (object, "probabilities");
    const float *expected = &g_array_index (told, float, i *n);
    guint best = 0, frames_ago;

    g_assert_cmpuint (gst_value_array_get_size (all), ==, n);
    for (guint k = 0; k < n; k++) {
      best = expected[k] > expected[best] ? k : best;
      g_assert_cmpfloat_with_epsilon (g_value_get_double (gst_value_array_get_value (all, k)),
                                      (double)expected[k], 1e-5);
    }
    g_assert_cmpstr (gst_structure_get_string (object, "label"), ==,
                     detector_folder_behaviours[best]);
    g_assert_true (gst_structure_get_uint (object, "frames_ago", &frames_ago));
    g_assert_cmpuint (frames_ago, ==, ago);
  }
}

static void
test_tells (void)
{
  char *folder = detector_folder_new (0);
  detector_folder_tell (folder);
  GstHarness *harness = harness_new (folder, "inference-interval=2");
  g_autoptr (GstBus) bus = support_harness_bus (harness);
  g_autoptr (GArray) told = g_array_new (FALSE, FALSE, sizeof (float)),
                     expected = expect_told (folder, 5, USUAL, told);

  g_assert_cmpuint (expected->len, >, 1);
  for (guint n = 0; n < 4; n++) {
    g_autoptr (GstBuffer) buffer = support_push (harness, &info, 5, n);
    g_autoptr (GPtrArray) regions = regions_of (buffer);

    assert_found (buffer, folder, 5, USUAL);
    assert_told (buffer, told, expected->len, n % 2);
    for (guint i = 0; i < regions->len; i++)
      g_assert_nonnull (
          gst_video_region_of_interest_meta_get_param (regions->pdata[i], "classification"));
  }
  /* A message a frame that was looked at; no more passes than without labels. */
  g_assert_cmpuint (support_n_messages (bus, GST_MESSAGE_ELEMENT, NULL), ==, 2);
  g_assert_cmpuint (stat_of (harness, "cowdetect", "inferences"), ==, 2);
  support_harness_free (harness);
  detector_folder_remove (folder);
  g_free (folder);
}

/* None of it where that is not wanted, and the cows are the same. */
static void
test_tells_nothing (void)
{
  char *folder = detector_folder_new (0);
  detector_folder_tell (folder);
  GstHarness *harness = harness_new (folder, "tell-behaviors=never");
  g_autoptr (GstBus) bus = support_harness_bus (harness);
  g_autoptr (GstBuffer) buffer = support_push (harness, &info, 5, 0);

  assert_found (buffer, folder, 5, USUAL);
  g_assert_cmpuint (support_n_objects (buffer), ==, 0);
  g_assert_cmpuint (support_n_messages (bus, GST_MESSAGE_ELEMENT, NULL), ==, 0);
  support_harness_free (harness);
  detector_folder_remove (folder);
  g_free (folder);
}

/* The elements whose results a buffer has. */
static guint
n_results (GstBuffer *buffer)
{
  const GstMetaInfo *results = gst_meta_get_info (GST_COW_BEHAVIOR_META_NAME);
  gpointer state = NULL;
  guint n = 0;

  while (gst_buffer_iterate_meta_filtered (buffer, &state, results->api))
    n++;
  return n;
}

/* Only a cowbehavior behind that takes detections tells in its place, unless both are wanted; what
 * is between does not matter. */
static void
test_tells_followed (void)
{
  static const struct {
    const char *tell, *region;
    guint n_tell; /* elements that do */
  } cases[] = { { "auto", "auto", 1 },
                { "auto", "roi-list", 1 },
                { "always", "roi-list", 2 },
                { "never", "roi-list", 1 } };
  char *folder = detector_folder_new (0);
  detector_folder_tell (folder);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *model = support_model (),
                    *line = g_strdup_printf (
                        "cowdetect model=\"%s\" adapter=\"%s\" tell-behaviors=%s ! identity ! "
                        "cowbehavior model=\"%s\" adapter=\"%s\" inference-region=%s",
                        model, folder, cases[i].tell, model, adapter, cases[i].region);
    GstHarness *harness = gst_harness_new_parse (line);
    g_autoptr (GstBus) bus = gst_bus_new ();
    gst_harness_set_live (harness, FALSE);
    gst_element_set_bus (harness->element, bus);
    support_harness_set_info (harness, &info);
    g_autoptr (GstBuffer) buffer = support_push (harness, &info, 5, 0);
    g_autoptr (GPtrArray) regions = regions_of (buffer);
    g_autoptr (GstMessage) said = gst_bus_pop_filtered (bus, GST_MESSAGE_INFO);

    g_assert_cmpuint (regions->len, >, 1);
    g_assert_cmpuint (support_n_objects (buffer), ==, regions->len);
    g_assert_cmpuint (n_results (buffer), ==, cases[i].n_tell);
    g_assert_nonnull (said);
    support_harness_free (harness);
  }
  detector_folder_remove (folder);
  g_free (folder);
}

/* Frames keep their shape where the card says so: 96 x 56 of 96 x 64 px. */
static void
test_letterbox (void)
{
  char *folder = detector_folder_new (0);
  detector_folder_tell (folder);
  g_autoptr (GError) error = NULL;
  g_autoptr (CowCard) card = cow_card_read (folder, NULL, &error);
  g_assert_no_error (error);
  card->preprocess.fit = COW_LETTERBOX;
  cow_card_write (card, folder, &error);
  g_assert_no_error (error);
  GstHarness *harness = harness_new (folder, "");
  g_autoptr (GArray) told = g_array_new (FALSE, FALSE, sizeof (float)),
                     expected = expect_told (folder, 5, USUAL, told),
                     stretched = expect (detector, 5, USUAL);
  g_autoptr (GstBuffer) buffer = support_push (harness, &info, 5, 0);

  g_assert_cmpuint (expected->len, >, 1);
  g_assert_false (expected->len == stretched->len &&
                  memcmp (expected->data, stretched->data, expected->len * sizeof (CowDetection)) ==
                      0);
  assert_found (buffer, folder, 5, USUAL);
  assert_told (buffer, told, expected->len, 0);
  support_harness_free (harness);
  detector_folder_remove (folder);
  g_free (folder);
}

/* What it tells is believed from a probability on, and news are posted once. */
static void
test_tells_as_asked (void)
{
  char *folder = detector_folder_new (0);
  detector_folder_tell (folder);
  GstHarness *sure = harness_new (folder, "behavior-threshold=1 post-messages=none"),
             *news = harness_new (folder, "post-messages=on-change inference-interval=1");
  g_autoptr (GstBus) sure_bus = support_harness_bus (sure), news_bus = support_harness_bus (news);
  g_autoptr (GstMessage) message = NULL;
  g_autoptr (GstBuffer) buffer = support_push (sure, &info, 5, 0);

  for (guint i = 0; i < support_n_objects (buffer); i++)
    g_assert_cmpstr (gst_structure_get_string (support_object (buffer, i), "label"), ==, "unknown");
  g_assert_cmpuint (support_n_messages (sure_bus, GST_MESSAGE_ELEMENT, NULL), ==, 0);
  for (guint n = 0; n < 3; n++)
    gst_buffer_unref (support_push (news, &info, 5, n));
  g_assert_cmpuint (support_n_messages (news_bus, GST_MESSAGE_ELEMENT, &message), ==, 1);
  g_assert_true (gst_message_has_name (message, "cowbehavior"));
  support_harness_free (sure);
  support_harness_free (news);
  detector_folder_remove (folder);
  g_free (folder);
}

/* Results are combined as cowbehavior does it: the mean of two frames. */
static void
test_tells_smoothly (void)
{
  char *folder = detector_folder_new (0);
  detector_folder_tell (folder);
  GstHarness *harness =
      harness_new (folder, "smoothing=mean smoothing-window=2 inference-interval=1");
  g_autoptr (GArray) told = g_array_new (FALSE, FALSE, sizeof (float)),
                     expected = expect_told (folder, 5, USUAL, told);
  const guint n = expected->len * g_strv_length ((char **)detector_folder_behaviours);
  double moved = 0;

  gst_buffer_unref (support_push (harness, &info, 6, 0));
  g_autoptr (GstBuffer) second = support_push (harness, &info, 5, 1);
  for (guint i = 0; i < expected->len; i++) {
    const GValue *all = gst_structure_get_value (support_object (second, i), "probabilities");
    for (guint k = 0; k < n / expected->len; k++)
      moved += fabs (g_value_get_double (gst_value_array_get_value (all, k)) -
                     (double)g_array_index (told, float, i *n / expected->len + k));
  }
  g_assert_cmpfloat (moved, >, 1e-3);
  gst_buffer_unref (support_push (harness, &info, 5, 2));
  g_autoptr (GstBuffer) last = support_push (harness, &info, 5, 3);
  assert_told (last, told, expected->len, 0);
  support_harness_free (harness);
  detector_folder_remove (folder);
  g_free (folder);
}

/* With GstAnalytics each cow is an object detection with a track. */
static void
test_analytics (void)
{
#ifdef COW_HAVE_ANALYTICS
  GstHarness *harness = harness_new (detector, "");
  g_autoptr (GstBuffer) buffer = support_push (harness, &info, 5, 0);
  GstAnalyticsRelationMeta *meta = gst_buffer_get_analytics_relation_meta (buffer);
  g_autoptr (GPtrArray) regions = regions_of (buffer);
  GstAnalyticsODMtd od;
  gpointer state = NULL;
  guint n = 0;

  g_assert_nonnull (meta);
  while (gst_analytics_relation_meta_iterate (meta, &state, gst_analytics_od_mtd_get_mtd_type (),
                                              (GstAnalyticsMtd *)&od)) {
    const GstVideoRegionOfInterestMeta *roi = regions->pdata[n++];
    GstAnalyticsTrackingMtd track;
    gpointer of_od = NULL;
    GstClockTime first, last;
    gfloat confidence;
    gint x, y, w, h;
    gboolean lost;
    guint64 id;

    g_assert_true (gst_analytics_od_mtd_get_location (&od, &x, &y, &w, &h, &confidence));
    g_assert_cmpint (x, ==, (gint)roi->x);
    g_assert_cmpint (w, ==, (gint)roi->w);
    g_assert_true (gst_analytics_relation_meta_get_direct_related (
        meta, od.id, GST_ANALYTICS_REL_TYPE_RELATE_TO, gst_analytics_tracking_mtd_get_mtd_type (),
        &of_od, (GstAnalyticsMtd *)&track));
    g_assert_true (gst_analytics_tracking_mtd_get_info (&track, &id, &first, &last, &lost));
    g_assert_cmpuint (id, ==, (guint64)id_of (roi));
  }
  g_assert_cmpuint (n, ==, regions->len);
  support_harness_free (harness);
#else
  g_test_skip ("GStreamer before 1.24 has no GstAnalytics");
#endif
}

/* Starts an element, which fails with one error that says so. */
static void
assert_refused (const char *line, const char *says)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GstElement) element = gst_parse_launch (line, NULL);
  g_autoptr (GstBus) bus = gst_bus_new ();
  GstMessage *message = NULL;

  g_assert_nonnull (element);
  gst_element_set_bus (element, bus);
  g_assert_cmpint (gst_element_set_state (element, GST_STATE_PAUSED), ==, GST_STATE_CHANGE_FAILURE);
  g_assert_cmpuint (support_n_messages (bus, GST_MESSAGE_ERROR, &message), ==, 1);
  gst_message_parse_error (message, &error, NULL);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, says));
  gst_message_unref (message);
  gst_bus_set_flushing (bus, TRUE);
  gst_element_set_state (element, GST_STATE_NULL);
}

static void
test_refused (void)
{
  g_autofree char *model = support_model (),
                  *classifies =
                      g_strdup_printf ("cowdetect model=\"%s\" adapter=\"%s\"", model, adapter),
                  *finds =
                      g_strdup_printf ("cowbehavior model=\"%s\" adapter=\"%s\"", model, detector);

  assert_refused ("cowdetect model=anything",
                  "property adapter: not set; set it to an adapter folder that finds "
                  "cows in whole frames");
  assert_refused (classifies, "tells the class of a picture: an adapter that finds cows");
  assert_refused (finds, "the element cowdetect takes it");
}

int
main (int argc, char **argv)
{
  CowClassifier *classifier;

  support_init (&argc, &argv, &adapter, &classifier);
  info = support_info (GST_VIDEO_FORMAT_RGB, WIDTH, HEIGHT, NULL);
  detector = detector_folder_new (0);
  g_test_add_func ("/detect/found", test_found);
  g_test_add_func ("/detect/threshold", test_threshold);
  g_test_add_func ("/detect/between", test_between);
  g_test_add_func ("/detect/tiles", test_tiles);
  g_test_add_func ("/detect/cropped", test_cropped);
  g_test_add_func ("/detect/live", test_live);
  g_test_add_func ("/detect/flush", test_flush);
  g_test_add_func ("/detect/failing", test_failing);
  g_test_add_func ("/detect/behavior", test_behavior);
  g_test_add_func ("/detect/tells", test_tells);
  g_test_add_func ("/detect/tells-nothing", test_tells_nothing);
  g_test_add_func ("/detect/tells-followed", test_tells_followed);
  g_test_add_func ("/detect/letterbox", test_letterbox);
  g_test_add_func ("/detect/tells-as-asked", test_tells_as_asked);
  g_test_add_func ("/detect/tells-smoothly", test_tells_smoothly);
  g_test_add_func ("/detect/analytics", test_analytics);
  g_test_add_func ("/detect/refused", test_refused);
  const int status = support_run (adapter, classifier);
  detector_folder_remove (detector);
  g_free (detector);
  return status;
}
