/* SPDX-License-Identifier: MIT */
/* The results of `cowbehavior` for a frame, compared with cow_classifier_run () on the same pixels,
 * in every region mode and setting. */
#include "tests/gst/support.h"

#include "gst-plugin/common/gstcowbehaviormeta.h"
#include "gst-plugin/behavior/settings.h"
#include "model/adapter/kept-pictures.h"
#include "model/network/precision-choice.h"

static CowClassifier *classifier; /* the same model and adapter without the element */
static char *adapter;

static const CowRegion *
whole (const GstVideoInfo *info)
{
  static CowRegion region;

  region = (CowRegion){ 0, 0, GST_VIDEO_INFO_WIDTH (info), GST_VIDEO_INFO_HEIGHT (info) };
  return &region;
}

/* The n-th region of interest of a buffer that carries a classification, and its parameter. */
static GstStructure *
nth_param (GstBuffer *buffer, guint n, GstVideoRegionOfInterestMeta **roi)
{
  gpointer state = NULL;
  GstMeta *meta;

  *roi = NULL;
  while ((meta = gst_buffer_iterate_meta_filtered (buffer, &state,
                                                   GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE))) {
    GstStructure *param;

    *roi = (GstVideoRegionOfInterestMeta *)meta;
    param = gst_video_region_of_interest_meta_get_param (*roi, "classification");
    if (param && n-- == 0)
      return param;
  }
  return NULL;
}

static GstBuffer *
classified (GstHarness *harness, const GstVideoInfo *info, guint seed)
{
  GstBuffer *buffer = gst_harness_push_and_pull (harness, support_frame_new (info, seed));

  g_assert_nonnull (buffer);
  return buffer;
}

/* ---- regions --------------------------------------------------------------------------------- */

static void
test_full_frame_roi (void)
{
  GstVideoInfo info = support_info (GST_VIDEO_FORMAT_RGB, 96, 80, NULL);
  g_autofree char *twice = support_model ();
  g_autofree char *line =
      g_strdup_printf ("cowbehavior mode=blocking model=\"%s\" adapter=\"%s\" ! cowbehavior "
                       "mode=blocking model=\"%s\" adapter=\"%s\"",
                       twice, adapter, twice, adapter);
  GstHarness *harness = gst_harness_new_parse (line);
  GstVideoRegionOfInterestMeta *roi;
  GstStructure *param;
  GstBuffer *out;
  double confidence;
  int id;

  support_harness_set_info (harness, &info);
  out = classified (harness, &info, 4);
  param = nth_param (out, 0, &roi);
  g_assert_nonnull (param);
  g_assert_cmpstr (g_quark_to_string (roi->roi_type), ==, "frame");
  g_assert_cmpuint (roi->x, ==, 0);
  g_assert_cmpuint (roi->w, ==, 96);
  g_assert_cmpuint (roi->h, ==, 80);
  g_assert_cmpstr (gst_structure_get_string (param, "attribute_name"), ==, "behavior");
  g_assert_true (g_str_has_prefix (gst_structure_get_string (param, "model_name"), "cow-adapter-"));
  g_assert_true (gst_structure_get_int (param, "label_id", &id));
  g_assert_true (gst_structure_get_double (param, "confidence", &confidence));
  g_assert_cmpstr (gst_structure_get_string (param, "label"), ==,
                   cow_classifier_classes (classifier)[id]);
  g_assert_cmpfloat (confidence, >, 1. / 9 - 1e-6);

  /* two elements make two metas but one region */
  g_assert_cmpuint (gst_buffer_get_n_meta (out, GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE), ==, 1);
  g_assert_cmpuint (
      gst_buffer_get_n_meta (out, gst_meta_get_info (GST_COW_BEHAVIOR_META_NAME)->api), ==, 2);
  gst_buffer_unref (out);
  support_harness_free (harness);
}

static GstBuffer *
classified_with_roi (GstHarness *harness, const GstVideoInfo *info, guint seed)
{
  GstBuffer *in = support_frame_new (info, seed), *out;

  support_add_roi (in, 10, 10, 40, 40, 7);
  out = gst_harness_push_and_pull (harness, in);
  g_assert_nonnull (out);
  return out;
}

/* With roi-meta=false regions of interest are read, but neither made nor added to; the meta of
 * cowbehavior has the results. The property may change while playing. */
static void
test_roi_meta (void)
{
  static const CowRegion box = { 10, 10, 40, 40 };
  GstVideoInfo info = support_info (GST_VIDEO_FORMAT_RGB, 96, 80, NULL);
  GstHarness *harness = support_harness_new (adapter, "roi-meta=false");
  GstElement *element = support_element (harness);
  GstVideoRegionOfInterestMeta *roi;
  GstBuffer *out;

  support_harness_set_info (harness, &info);
  out = classified (harness, &info, 4);
  support_assert_object (out, 0, whole (&info), support_expect (classifier, out, &info, NULL), 0);
  g_assert_cmpuint (gst_buffer_get_n_meta (out, GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE), ==, 0);
  gst_buffer_unref (out);

  out = classified_with_roi (harness, &info, 5);
  support_assert_object (out, 0, &box, support_expect (classifier, out, &info, &box), 0);
  g_assert_cmpuint (gst_buffer_get_n_meta (out, GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE), ==, 1);
  g_assert_null (nth_param (out, 0, &roi));
  g_assert_cmpint (roi->id, ==, 7);
  gst_buffer_unref (out);

  g_object_set (element, "roi-meta", TRUE, NULL);
  out = classified_with_roi (harness, &info, 6);
  g_assert_nonnull (nth_param (out, 0, &roi));
  gst_buffer_unref (out);
  gst_object_unref (element);
  support_harness_free (harness);
}

static void
test_roi_list (void)
{
  static const CowRegion regions[] = { { 0, 0, 40, 40 },
                                       { 50, 10, 46, 70 } }; /* the part inside 96 x 80 */
  GstVideoInfo info = support_info (GST_VIDEO_FORMAT_NV12, 96, 80, NULL);
  GstHarness *harness = support_harness_new (adapter, "inference-region=roi-list");
  GstBus *bus = support_harness_bus (harness);
  GstBuffer *in = support_frame_new (&info, 9), *out;
  float expected[2][9];

  for (guint i = 0; i < 2; i++)
    memcpy (expected[i], support_expect (classifier, in, &info, &regions[i]), sizeof expected[i]);
  support_add_roi (in, 0, 0, 40, 40, 7);
  support_add_roi (in, 200, 10, 40, 40, 8);                     /* outside */
  support_add_roi (in, 50, 10, 100, 100, 9);                    /* half outside */
  support_add_roi (in, 10, 10, 0, 30, 10);                      /* without width */
  support_add_roi (in, G_MAXUINT, 0, G_MAXUINT, G_MAXUINT, 11); /* would overflow */

  support_harness_set_info (harness, &info);
  out = gst_harness_push_and_pull (harness, in);
  g_assert_cmpuint (gst_cow_behavior_n_objects (gst_buffer_get_cow_behavior (out)), ==, 2);
  for (guint i = 0; i < 2; i++) {
    GstVideoRegionOfInterestMeta *roi;
    const GstStructure *object = gst_cow_behavior_object (gst_buffer_get_cow_behavior (out), i);
    GstStructure *param = nth_param (out, i, &roi);
    int id;

    support_assert_object (out, i, &regions[i], expected[i], 0);
    g_assert_true (gst_structure_get_int (object, "id", &id));
    g_assert_cmpint (id, ==, i == 0 ? 7 : 9);
    g_assert_cmpstr (gst_structure_get_string (object, "roi_type"), ==, "cow");
    g_assert_cmpint (roi->id, ==, id);
    g_assert_cmpstr (gst_structure_get_string (param, "label"), ==,
                     gst_structure_get_string (object, "label"));
  }
  gst_buffer_unref (out);

  /* it warns once, however often this happens */
  in = support_frame_new (&info, 9);
  support_add_roi (in, 200, 10, 40, 40, 8);
  gst_buffer_unref (gst_harness_push_and_pull (harness, in));
  g_assert_cmpuint (support_n_messages (bus, GST_MESSAGE_WARNING, NULL), ==, 1);
  gst_object_unref (bus);
  support_harness_free (harness);
}

/* More regions than one ticket holds. */
static void
test_many_regions (void)
{
  GstVideoInfo info = support_info (GST_VIDEO_FORMAT_RGB, 96, 80, NULL);
  GstHarness *harness = support_harness_new (adapter, "inference-region=roi-list");
  GstBuffer *in = support_frame_new (&info, 3), *out;

  for (gint i = 0; i < 150; i++)
    support_add_roi (in, (guint)i % 50, (guint)i / 5, 30, 30, i);
  support_harness_set_info (harness, &info);
  out = gst_harness_push_and_pull (harness, in);
  g_assert_cmpuint (gst_cow_behavior_n_objects (gst_buffer_get_cow_behavior (out)), ==, 150);
  support_assert_object (out, 149, &(CowRegion){ 49, 29, 30, 30 },
                         support_expect (classifier, out, &info, &(CowRegion){ 49, 29, 30, 30 }),
                         0);
  gst_buffer_unref (out);
  support_harness_free (harness);
}

static void
test_no_regions (void)
{
  GstVideoInfo info = support_info (GST_VIDEO_FORMAT_RGB, 32, 32, NULL);
  GstHarness *harness = support_harness_new (adapter, "inference-region=roi-list");
  GstBus *bus = support_harness_bus (harness);

  support_harness_set_info (harness, &info);
  for (guint i = 0; i < 250; i++) {
    GstBuffer *out = classified (harness, &info, i);

    g_assert_null (gst_buffer_get_cow_behavior (out));
    gst_buffer_unref (out);
  }
  g_assert_cmpuint (support_n_messages (bus, GST_MESSAGE_WARNING, NULL), ==, 1);
  gst_object_unref (bus);
  support_harness_free (harness);
}

/* ---- pace ------------------------------------------------------------------------------------ */

static void
test_interval (void)
{
  GstVideoInfo info = support_info (GST_VIDEO_FORMAT_RGB, 96, 80, NULL);
  GstHarness *harness = support_harness_new (adapter, "inference-interval=3");
  GstBus *bus = support_harness_bus (harness);
  float expected[9];

  support_harness_set_info (harness, &info);
  for (guint i = 0; i < 7; i++) {
    GstBuffer *in = support_frame_new (&info, i), *out;

    if (i % 3 == 0)
      memcpy (expected, support_expect (classifier, in, &info, NULL), sizeof expected);
    out = gst_harness_push_and_pull (harness, in);
    support_assert_object (out, 0, whole (&info), expected, i % 3);
    gst_buffer_unref (out);
  }
  g_assert_cmpuint (support_n_messages (bus, GST_MESSAGE_ELEMENT, NULL), ==,
                    3); /* one for each classified frame */
  gst_object_unref (bus);
  support_harness_free (harness);
}

static void
test_interval_regions (void)
{
  GstVideoInfo info = support_info (GST_VIDEO_FORMAT_RGB, 96, 80, NULL);
  GstHarness *harness =
      support_harness_new (adapter, "inference-region=roi-list inference-interval=2");
  GstBuffer *in = support_frame_new (&info, 0), *out;
  float expected[9];

  support_harness_set_info (harness, &info);
  memcpy (expected, support_expect (classifier, in, &info, &(CowRegion){ 10, 10, 40, 40 }),
          sizeof expected);
  support_add_roi (in, 60, 40, 30, 30, 1);
  support_add_roi (in, 10, 10, 40, 40, 2);
  gst_buffer_unref (gst_harness_push_and_pull (harness, in));

  /* the second cow moved a little, and a new one stands partly in front of it */
  in = support_frame_new (&info, 1);
  support_add_roi (in, 13, 12, 40, 40, 1);
  support_add_roi (in, 30, 40, 30, 30, 2);
  out = gst_harness_push_and_pull (harness, in);
  g_assert_cmpuint (gst_cow_behavior_n_objects (gst_buffer_get_cow_behavior (out)), ==, 1);
  support_assert_object (out, 0, &(CowRegion){ 13, 12, 40, 40 }, expected, 1);
  gst_buffer_unref (out);
  support_harness_free (harness);
}

static void
test_gap (void)
{
  GstVideoInfo info = support_info (GST_VIDEO_FORMAT_RGB, 96, 80, NULL);
  GstHarness *harness = support_harness_new (adapter, "");
  GstBuffer *in = support_frame_new (&info, 0), *out;

  support_harness_set_info (harness, &info);
  GST_BUFFER_FLAG_SET (in, GST_BUFFER_FLAG_GAP);
  out = gst_harness_push_and_pull (harness, in);
  g_assert_null (gst_buffer_get_cow_behavior (out));
  g_assert_true (GST_BUFFER_FLAG_IS_SET (out, GST_BUFFER_FLAG_GAP));
  gst_buffer_unref (out);
  support_harness_free (harness);
}

/* ---- presentation ---------------------------------------------------------------------------- */

static void
test_threshold (void)
{
  GstVideoInfo info = support_info (GST_VIDEO_FORMAT_RGB, 96, 80, NULL);
  GstHarness *harness = support_harness_new (adapter, "threshold=0.999999");
  GstBuffer *out;
  const GstStructure *object, *top;
  GstVideoRegionOfInterestMeta *roi;
  double confidence;
  int id;

  support_harness_set_info (harness, &info);
  out = classified (harness, &info, 0);
  object = gst_cow_behavior_object (gst_buffer_get_cow_behavior (out), 0);
  g_assert_cmpstr (gst_structure_get_string (object, "label"), ==, "unknown");
  g_assert_true (gst_structure_get_int (object, "label_id", &id));
  g_assert_cmpint (id, ==, -1);
  g_assert_true (gst_structure_get_double (object, "confidence", &confidence));
  g_assert_cmpfloat (confidence, >, 0.1);
  g_assert_cmpstr (gst_structure_get_string (nth_param (out, 0, &roi), "label"), ==, "unknown");
  top = gst_value_get_structure (
      gst_value_array_get_value (gst_structure_get_value (object, "top"), 0));
  g_assert_cmpstr (gst_structure_get_string (top, "label"), !=, "unknown");
  gst_buffer_unref (out);
  support_harness_free (harness);
}

static void
test_top_k (void)
{
  GstVideoInfo info = support_info (GST_VIDEO_FORMAT_RGB, 96, 80, NULL);
  GstHarness *harness = support_harness_new (adapter, "top-k=3");
  GstBuffer *in = support_frame_new (&info, 2), *out;
  const float *expected = support_expect (classifier, in, &info, NULL);
  const GValue *top;
  double last = 1;

  support_harness_set_info (harness, &info);
  out = gst_harness_push_and_pull (harness, in);
  top = gst_structure_get_value (gst_cow_behavior_object (gst_buffer_get_cow_behavior (out), 0),
                                 "top");
  g_assert_cmpuint (gst_value_array_get_size (top), ==, 3);
  for (guint i = 0; i < 3; i++) {
    const GstStructure *class = gst_value_get_structure (gst_value_array_get_value (top, i));
    double confidence;
    int id;

    g_assert_true (gst_structure_get_int (class, "label_id", &id));
    g_assert_true (gst_structure_get_double (class, "confidence", &confidence));
    g_assert_cmpstr (gst_structure_get_string (class, "label"), ==,
                     cow_classifier_classes (classifier)[id]);
    g_assert_cmpfloat_with_epsilon (confidence, expected[id], 1e-5);
    g_assert_cmpfloat (confidence, <=, last);
    last = confidence;
  }
  gst_buffer_unref (out);
  support_harness_free (harness);
}

static void
test_messages (void)
{
  GstVideoInfo info = support_info (GST_VIDEO_FORMAT_RGB, 96, 80, NULL);
  GstHarness *harness = support_harness_new (adapter, "name=behaviour");
  GstBus *bus = support_harness_bus (harness);
  GstBuffer *in, *out;
  GstMessage *message;
  const GstStructure *structure;
  guint64 timestamp, running_time, frame;
  int width, height;

  support_harness_set_info (harness, &info);
  gst_buffer_unref (classified (harness, &info, 1));
  in = support_frame_new (&info, 2);
  GST_BUFFER_PTS (in) = 40 * GST_MSECOND;
  out = gst_harness_push_and_pull (harness, in);

  g_assert_cmpuint (support_n_messages (bus, GST_MESSAGE_ELEMENT, &message), ==, 2);
  structure = gst_message_get_structure (message);
  g_assert_true (gst_structure_has_name (structure, "cowbehavior"));
  g_assert_cmpstr (GST_MESSAGE_SRC_NAME (message), ==, "behaviour");
  g_assert_true (gst_structure_get (structure, "timestamp", G_TYPE_UINT64, &timestamp,
                                    "running-time", G_TYPE_UINT64, &running_time, "frame",
                                    G_TYPE_UINT64, &frame, "width", G_TYPE_INT, &width, "height",
                                    G_TYPE_INT, &height, NULL));
  g_assert_cmpuint (timestamp, ==, 40 * GST_MSECOND);
  g_assert_cmpuint (running_time, ==, 40 * GST_MSECOND);
  g_assert_cmpuint (frame, ==, 1);
  g_assert_cmpint (width, ==, 96);
  g_assert_cmpint (height, ==, 80);
  g_assert_cmpint (
      gst_value_compare (gst_structure_get_value (structure, "objects"),
                         gst_structure_get_value (gst_buffer_get_cow_behavior (out), "objects")),
      ==, GST_VALUE_EQUAL);
  g_assert_cmpstr (g_value_get_string (gst_value_array_get_value (
                       gst_structure_get_value (structure, "labels"), 0)),
                   ==,
                   gst_structure_get_string (
                       gst_cow_behavior_object (gst_buffer_get_cow_behavior (out), 0), "label"));
  gst_message_unref (message);
  gst_buffer_unref (out);

  gst_object_unref (bus);
  support_harness_free (harness);

  harness = support_harness_new (adapter, "post-messages=none");
  bus = support_harness_bus (harness);
  support_harness_set_info (harness, &info);
  gst_buffer_unref (classified (harness, &info, 1));
  g_assert_cmpuint (support_n_messages (bus, GST_MESSAGE_ELEMENT, NULL), ==, 0);
  gst_object_unref (bus);
  support_harness_free (harness);
}

/* A message about a frame without a timestamp has no number that would mean "none". */
static void
test_message_without_time (void)
{
  GstVideoInfo info = support_info (GST_VIDEO_FORMAT_RGB, 96, 80, NULL);
  GstHarness *harness = support_harness_new (adapter, "name=behaviour");
  GstBus *bus = support_harness_bus (harness);
  GstBuffer *in = support_frame_new (&info, 2);
  const GstStructure *structure;
  GstMessage *message;

  support_harness_set_info (harness, &info);
  GST_BUFFER_PTS (in) = GST_CLOCK_TIME_NONE;
  gst_buffer_unref (gst_harness_push_and_pull (harness, in));
  g_assert_cmpuint (support_n_messages (bus, GST_MESSAGE_ELEMENT, &message), ==, 1);
  structure = gst_message_get_structure (message);
  g_assert_true (gst_structure_has_field (structure, "frame"));
  g_assert_false (gst_structure_has_field (structure, "timestamp"));
  g_assert_false (gst_structure_has_field (structure, "running-time"));
  gst_message_unref (message);
  gst_object_unref (bus);
  support_harness_free (harness);
}

/* ---- precision ------------------------------------------------------------------------------- */

/* Keeps a choice of int16 in the adapter's folder, as if somebody had measured. */
static void
keep_int16 (const char *model, const char *folder)
{
  const CowPrecisionFigures figures = { .n_pictures = 10,
                                        .has_head = TRUE,
                                        .n_paths = 1,
                                        .paths = { { .precision = COW_PRECISION_INT16,
                                                     .ms = 1,
                                                     .fp32_ms = 2,
                                                     .cosine = 1,
                                                     .same_labels = 10 } } };
  g_autoptr (GError) error = NULL;

  cow_precision_choice_write (model, folder, cow_classifier_device (classifier), &figures, &error);
  g_assert_no_error (error);
}

/* Asserts that the element, told nothing of precision, gives for a frame the very numbers that a
 * classifier gives in that precision. */
static void
assert_computes_in (const char *model, const char *folder, CowPrecision precision)
{
  GstVideoInfo info = support_info (GST_VIDEO_FORMAT_RGB, 96, 80, NULL);
  const CowClassifierOptions options = { .model = model,
                                         .adapter = folder,
                                         .precision = precision };
  g_autoptr (GError) error = NULL;
  g_autoptr (CowClassifier) expecting = cow_classifier_new (&options, &error);
  GstHarness *harness = support_harness_new (folder, "");
  GstBuffer *in = support_frame_new (&info, 5), *out;
  const GValue *found;
  const float *expected;

  g_assert_no_error (error);
  expected = support_expect (expecting, in, &info, NULL);
  support_harness_set_info (harness, &info);
  out = gst_harness_push_and_pull (harness, in);
  found = gst_structure_get_value (gst_cow_behavior_object (gst_buffer_get_cow_behavior (out), 0),
                                   "probabilities");
  for (guint c = 0; c < 9; c++)
    g_assert_cmpfloat (g_value_get_double (gst_value_array_get_value (found, c)), ==, expected[c]);
  gst_buffer_unref (out);
  support_harness_free (harness);
}

/* Starts an element and returns its warning or information, or NULL. A harness starts its element
 * before that has a bus. */
static char *
said_at_start (GstMessageType type, const char *model, const char *folder)
{
  GstElement *element = gst_element_factory_make ("cowbehavior", NULL);
  GstBus *bus = gst_bus_new ();
  GstMessage *message = NULL;
  g_autoptr (GError) error = NULL;
  guint n;

  gst_element_set_bus (element, bus);
  g_object_set (element, "model", model, "adapter", folder, NULL);
  g_assert_cmpint (gst_element_set_state (element, GST_STATE_PAUSED), ==, GST_STATE_CHANGE_SUCCESS);
  n = support_n_messages (bus, type, &message);
  g_assert_cmpuint (n, <=, 1);
  if (message && type == GST_MESSAGE_INFO)
    gst_message_parse_info (message, &error, NULL);
  else if (message)
    gst_message_parse_warning (message, &error, NULL);
  g_clear_pointer (&message, gst_message_unref);
  gst_element_set_state (element, GST_STATE_NULL);
  gst_element_set_bus (element, NULL);
  gst_object_unref (element);
  gst_object_unref (bus);
  return error ? g_strdup (error->message) : NULL;
}

static void
test_precision (void)
{
  g_autofree char *model = support_model (), *warning = NULL;
  char *folder = support_adapter_new ();
  g_autofree char *path = g_build_filename (folder, "precision.json", NULL);

  if (!cow_classifier_offers (classifier, COW_PRECISION_INT16)) {
    g_test_skip ("this processor has no int16");
    support_remove (folder);
    return;
  }
  assert_computes_in (model, folder, COW_PRECISION_FP32);
  keep_int16 (model, folder);
  assert_computes_in (model, folder, COW_PRECISION_INT16);
  g_assert_null (said_at_start (GST_MESSAGE_WARNING, model, folder));
  g_assert_null (said_at_start (GST_MESSAGE_INFO, model, folder));
  g_assert_true (g_file_set_contents (path, "{ \"format\": 1 }", -1, NULL));
  assert_computes_in (model, folder, COW_PRECISION_FP32);
  warning = said_at_start (GST_MESSAGE_WARNING, model, folder);
  g_assert_nonnull (warning);
  g_assert_nonnull (strstr (warning, path));
  g_assert_nonnull (strstr (warning, "quantize"));
  support_remove (folder);
}

/* Gives an adapter two pictures of stripes to keep. */
static void
keep_pictures (const char *folder)
{
  guint8 rgb[2][64][64][3];
  const CowKeptPictures pictures = { 2, 64, 64, &rgb[0][0][0][0] };
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < sizeof rgb; i++)
    pictures.rgb[i] = (guint8)(i / 40 * 37);
  cow_kept_pictures_write (&pictures, folder, &error);
  g_assert_no_error (error);
}

/* An adapter that keeps pictures is measured by them at the first start, which is said once. */
static void
test_precision_measured (void)
{
  g_autofree char *model = support_model (), *said = NULL;
  char *folder = support_adapter_new ();
  g_autofree char *path = g_build_filename (folder, "precision.json", NULL);
  g_auto (CowPrecisionChoice) choice = { 0 };

  keep_pictures (folder);
  said = said_at_start (GST_MESSAGE_INFO, model, folder);
  g_assert_nonnull (said);
  g_assert_nonnull (strstr (said, "property precision: auto is "));
  g_assert_nonnull (strstr (said, "2 pictures that the adapter keeps"));
  g_assert_true (g_file_test (path, G_FILE_TEST_IS_REGULAR));
  g_assert_null (said_at_start (GST_MESSAGE_INFO, model, folder));
  g_assert_null (said_at_start (GST_MESSAGE_WARNING, model, folder));
  cow_precision_choose (COW_PRECISION_AUTO, model, folder, NULL, &choice);
  g_assert_true (choice.measured);
  if (!choice.raised)
    assert_computes_in (model, folder, choice.precision);
  support_remove (folder);
}

/* ---- what happens to the metadata downstream ------------------------------------------------- */

static void
test_meta_copy (void)
{
  GstVideoInfo info = support_info (GST_VIDEO_FORMAT_RGB, 96, 80, NULL);
  GstHarness *harness = support_harness_new (adapter, "");
  GstBuffer *in = support_frame_new (&info, 5), *out, *copy, *part;
  float expected[9];

  memcpy (expected, support_expect (classifier, in, &info, NULL), sizeof expected);
  support_harness_set_info (harness, &info);
  out = gst_harness_push_and_pull (harness, in);
  copy = gst_buffer_copy_deep (out);
  part = gst_buffer_copy_region (out, GST_BUFFER_COPY_ALL, 0, 96);
  gst_buffer_unref (out);
  support_assert_object (copy, 0, whole (&info), expected, 0);
  g_assert_null (gst_buffer_get_cow_behavior (part));
  gst_buffer_unref (copy);
  gst_buffer_unref (part);
  support_harness_free (harness);
}

static void
test_meta_scale (void)
{
  GstVideoInfo info = support_info (GST_VIDEO_FORMAT_RGB, 96, 80, NULL);
  g_autofree char *model = support_model ();
  g_autofree char *line = g_strdup_printf (
      "cowbehavior mode=blocking model=\"%s\" adapter=\"%s\" inference-region=roi-list ! "
      "videoscale ! "
      "video/x-raw,width=192,height=40 ! videoconvert ! capsfilter caps=video/x-raw,format=I420",
      model, adapter);
  GstHarness *harness = gst_harness_new_parse (line);
  GstBuffer *in = support_frame_new (&info, 5), *out;
  float expected[9];

  memcpy (expected, support_expect (classifier, in, &info, &(CowRegion){ 10, 20, 30, 40 }),
          sizeof expected);
  support_add_roi (in, 10, 20, 30, 40, 1);
  support_harness_set_info (harness, &info);
  out = gst_harness_push_and_pull (harness, in);
  support_assert_object (out, 0, &(CowRegion){ 20, 10, 60, 20 }, expected, 0);
  gst_buffer_unref (out);
  support_harness_free (harness);
}

/* Without any cowbehavior element in the process there is nothing to read, and no warning. */
static void
test_reader_without_meta (void)
{
  GstBuffer *buffer = gst_buffer_new ();

  g_assert_null (gst_buffer_get_cow_behavior (buffer));
  gst_buffer_unref (buffer);
}

static void
test_defaults (void)
{
  GstElement *element = gst_element_factory_make ("cowbehavior", NULL);
  g_autofree char *device = NULL, *model = NULL;
  gint precision, region, mode, smoothing, post;
  guint interval, reclassify, top_k, batch;
  float threshold;
  gboolean roi_meta;

  g_assert_nonnull (element);
  g_object_get (element, "device", &device, "model", &model, "precision", &precision,
                "inference-region", &region, "inference-interval", &interval, "reclassify-interval",
                &reclassify, "threshold", &threshold, "top-k", &top_k, "post-messages", &post,
                "mode", &mode, "smoothing", &smoothing, "batch-size", &batch, "roi-meta", &roi_meta,
                NULL);
  g_assert_cmpstr (device, ==, "auto");
  g_assert_null (model);
  g_assert_cmpint (precision, ==, COW_PRECISION_AUTO);
  g_assert_cmpint (region, ==, GST_COW_INFERENCE_REGION_AUTO);
  g_assert_cmpuint (interval, ==, 1);
  g_assert_cmpuint (reclassify, ==, 1);
  g_assert_cmpuint (batch, ==, 0);
  g_assert_cmpint (mode, ==, GST_COW_MODE_AUTO);
  g_assert_cmpint (smoothing, ==, GST_COW_SMOOTHING_OFF);
  g_assert_cmpfloat (threshold, ==, -1);
  g_assert_cmpuint (top_k, ==, 1);
  g_assert_cmpint (post, ==, GST_COW_POST_MESSAGES_ALL);
  g_assert_true (roi_meta);
  gst_object_unref (element);
}

int
main (int argc, char **argv)
{
  support_init (&argc, &argv, &adapter, &classifier);

  g_test_add_func ("/element/reader-without-meta", test_reader_without_meta);
  g_test_add_func ("/element/defaults", test_defaults);
  g_test_add_func ("/element/full-frame-roi", test_full_frame_roi);
  g_test_add_func ("/element/roi-meta", test_roi_meta);
  g_test_add_func ("/element/roi-list", test_roi_list);
  g_test_add_func ("/element/many-regions", test_many_regions);
  g_test_add_func ("/element/no-regions", test_no_regions);
  g_test_add_func ("/element/interval", test_interval);
  g_test_add_func ("/element/interval-regions", test_interval_regions);
  g_test_add_func ("/element/gap", test_gap);
  g_test_add_func ("/element/threshold", test_threshold);
  g_test_add_func ("/element/top-k", test_top_k);
  g_test_add_func ("/element/messages", test_messages);
  g_test_add_func ("/element/message-without-time", test_message_without_time);
  g_test_add_func ("/element/precision", test_precision);
  g_test_add_func ("/element/precision/measured", test_precision_measured);
  g_test_add_func ("/element/meta-copy", test_meta_copy);
  g_test_add_func ("/element/meta-scale", test_meta_scale);
  return support_run (adapter, classifier);
}
