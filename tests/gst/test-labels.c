/* SPDX-License-Identifier: MIT */
/* From results to a label: smoothing, thresholds of the user and of the adapter, the mask of
 * classes, and messages about labels. */
#include "tests/gst/support.h"

#include "gst-plugin/common/gstcowbehaviormeta.h"
#include "model/adapter/card.h"

static CowClassifier *classifier; /* the same model and adapter without the element */
static char *adapter;
static GstVideoInfo info; /* 96 x 80 */

static void
expect (guint seed, float *probabilities)
{
  GstBuffer *frame = support_frame_new (&info, seed);

  memcpy (probabilities, support_expect (classifier, frame, &info, NULL), 9 * sizeof (float));
  gst_buffer_unref (frame);
}

static const char *
label_of (GstBuffer *buffer)
{
  return gst_structure_get_string (support_object (buffer, 0), "label");
}

/* Sorts the classes of a frame by falling probability. */
static void
rank (guint seed, guint *order)
{
  float p[9];

  expect (seed, p);
  for (guint i = 0; i < 9; i++) {
    guint before = 0;

    for (guint k = 0; k < 9; k++)
      before += p[k] > p[i] || (p[k] == p[i] && k < i);
    order[before] = i;
  }
}

static void
test_mean (void)
{
  GstHarness *harness = support_harness_new (adapter, "smoothing=mean smoothing-window=2");
  const CowRegion whole = { 0, 0, 96, 80 };
  float p[3][9], mean[9];

  support_harness_set_info (harness, &info);
  for (guint i = 0; i < 3; i++) {
    GstBuffer *out = support_push (harness, &info, 10 * i, i);

    expect (10 * i, p[i]);
    for (guint c = 0; c < 9; c++)
      mean[c] = i == 0 ? p[0][c] : (p[i - 1][c] + p[i][c]) / 2;
    support_assert_object (out, 0, &whole, mean, 0);
    gst_buffer_unref (out);
  }
  support_harness_free (harness);
}

/* There is no label before three results. Each cow is counted by herself: another one has results
 * of her own. */
static void
test_majority (void)
{
  GstHarness *harness = support_harness_new (adapter, "smoothing=majority smoothing-window=5");

  support_harness_set_info (harness, &info);
  for (guint i = 0; i < 4; i++) {
    GstBuffer *in = support_frame_new (&info, 1), *out;

    support_add_roi (in, 0, 0, 40, 40, 0);
    if (i == 2)
      support_add_roi (in, 50, 30, 40, 40, 0);
    out = gst_harness_push_and_pull (harness, in);
    if (i < 2)
      g_assert_cmpstr (label_of (out), ==, "unknown");
    else
      g_assert_cmpstr (label_of (out), !=, "unknown");
    if (i == 2)
      g_assert_cmpstr (gst_structure_get_string (support_object (out, 1), "label"), ==, "unknown");
    gst_buffer_unref (out);
  }
  support_harness_free (harness);
}

/* A hidden Markov model begins with the first result, and becomes more certain with more of
 * them. */
static void
test_hmm (void)
{
  GstHarness *harness = support_harness_new (adapter, "smoothing=hmm");
  const CowRegion whole = { 0, 0, 96, 80 };
  double before = 0, now;
  float p[9];

  support_harness_set_info (harness, &info);
  expect (1, p);
  for (guint i = 0; i < 5; i++) {
    GstBuffer *out = support_push (harness, &info, 1, i);

    if (i == 0)
      support_assert_object (out, 0, &whole, p, 0);
    g_assert_true (gst_structure_get_double (support_object (out, 0), "confidence", &now));
    g_assert_cmpfloat (now, >, before);
    before = now;
    gst_buffer_unref (out);
  }
  support_harness_free (harness);
}

/* A change of the property while playing takes effect with the next result. */
static void
test_change (void)
{
  GstHarness *harness = support_harness_new (adapter, "smoothing=majority");
  GstElement *element = support_element (harness);
  const CowRegion whole = { 0, 0, 96, 80 };
  GstBuffer *out;
  float p[9];

  support_harness_set_info (harness, &info);
  out = support_push (harness, &info, 1, 0);
  g_assert_cmpstr (label_of (out), ==, "unknown");
  gst_buffer_unref (out);
  g_object_set (element, "smoothing", 0, NULL);
  out = support_push (harness, &info, 2, 1);
  expect (2, p);
  support_assert_object (out, 0, &whole, p, 0);
  gst_buffer_unref (out);
  gst_object_unref (element);
  support_harness_free (harness);
}

/* ---- thresholds ------------------------------------------------------------------------------ */

/* An adapter whose card has this threshold for one class, and none for the others. */
static char *
adapter_with_threshold (guint class, double threshold)
{
  char *folder = support_adapter_new ();
  g_autofree char *path = g_build_filename (folder, "cowbehavior.json", NULL), *text = NULL;
  g_autofree char *extra = g_strdup_printf (
      "\"calibration\": {\"thresholds\": {\"classes\": {\"%s\": {\"value\": %.3f}}}},",
      cow_default_classes[class], threshold);
  g_autoptr (GString) card = NULL;

  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  card = g_string_new (text);
  g_string_insert (card, strchr (card->str, '{') + 1 - card->str, extra);
  g_assert_true (g_file_set_contents (path, card->str, -1, NULL));
  return folder;
}

static void
assert_label (const char *folder, const char *properties, guint seed, const char *expected)
{
  GstHarness *harness = support_harness_new (folder, properties);
  GstBuffer *out;

  support_harness_set_info (harness, &info);
  out = support_push (harness, &info, seed, 0);
  g_assert_cmpstr (label_of (out), ==, expected);
  gst_buffer_unref (out);
  support_harness_free (harness);
}

static void
test_thresholds_of_adapter (void)
{
  guint order[9];
  char *strict, *other;
  const char *best;

  rank (1, order);
  best = cow_default_classes[order[0]];
  strict = adapter_with_threshold (order[0], 0.999);
  other = adapter_with_threshold (order[1], 0.999);
  assert_label (strict, "", 1, "unknown");
  assert_label (strict, "threshold=0", 1,
                best); /* the user's threshold has precedence over the card's */
  assert_label (strict, "threshold=0.01", 1, best);
  assert_label (other, "", 1, best);
  assert_label (adapter, "", 1, best);
  support_remove (strict);
  support_remove (other);
}

/* If the most likely class may not be a label, the second is, with its own probability. A cow that
 * certainly does something else gets no label. */
static void
test_mask (void)
{
  g_autofree char *properties = NULL, *with_threshold = NULL;
  GstHarness *harness;
  const GValue *top;
  GstBuffer *out;
  double confidence;
  float p[9];
  guint order[9];

  rank (1, order);
  expect (1, p);
  properties = g_strdup_printf ("top-k=5 classes=\"%s , %s\"", cow_default_classes[order[3]],
                                cow_default_classes[order[1]]);
  with_threshold = g_strdup_printf ("threshold=%f %s", p[order[1]] + 0.001, properties);
  assert_label (adapter, properties, 1, cow_default_classes[order[1]]);
  assert_label (adapter, with_threshold, 1, "unknown");

  harness = support_harness_new (adapter, properties);
  support_harness_set_info (harness, &info);
  out = support_push (harness, &info, 1, 0);
  g_assert_true (gst_structure_get_double (support_object (out, 0), "confidence", &confidence));
  g_assert_cmpfloat_with_epsilon (confidence, p[order[1]], 1e-5);
  top = gst_structure_get_value (support_object (out, 0), "top");
  g_assert_cmpuint (gst_value_array_get_size (top), ==, 2);
  gst_buffer_unref (out);
  support_harness_free (harness);
}

/* A class that the adapter lacks, set while playing, is a warning; the others are used. */
static void
test_mask_while_playing (void)
{
  GstHarness *harness = support_harness_new (adapter, "");
  GstElement *element = support_element (harness);
  GstBus *bus = support_harness_bus (harness);
  g_autofree char *classes = NULL;
  g_autoptr (GError) error = NULL;
  GstMessage *message;
  GstBuffer *out;
  guint order[9];

  rank (1, order);
  classes = g_strdup_printf ("Flying,%s", cow_default_classes[order[8]]);
  support_harness_set_info (harness, &info);
  g_object_set (element, "classes", classes, NULL);
  out = support_push (harness, &info, 1, 0);
  g_assert_cmpstr (label_of (out), ==, cow_default_classes[order[8]]);
  gst_buffer_unref (out);
  gst_buffer_unref (support_push (harness, &info, 1, 1));
  g_assert_cmpuint (support_n_messages (bus, GST_MESSAGE_WARNING, &message), ==, 1);
  gst_message_parse_warning (message, &error, NULL);
  g_assert_nonnull (strstr (error->message, "Flying"));
  gst_message_unref (message);
  gst_object_unref (bus);
  gst_object_unref (element);
  support_harness_free (harness);
}

/* ---- messages -------------------------------------------------------------------------------- */

/* The most likely class is forbidden and allowed again, so that the label changes; a message
 * reports each change once. */
static void
test_on_change (void)
{
  const gboolean masked[] = { FALSE, FALSE, TRUE, TRUE, FALSE };
  const guint expected[] = { 1, 0, 1, 0, 1 };
  GstHarness *harness = support_harness_new (adapter, "post-messages=on-change");
  GstElement *element = support_element (harness);
  GstBus *bus = support_harness_bus (harness);
  guint order[9];

  rank (1, order);
  support_harness_set_info (harness, &info);
  for (guint i = 0; i < G_N_ELEMENTS (masked); i++) {
    GstMessage *message;
    GstBuffer *out;

    g_object_set (element, "classes", masked[i] ? cow_default_classes[order[1]] : NULL, NULL);
    out = support_push (harness, &info, 1, i);
    g_assert_cmpstr (label_of (out), ==, cow_default_classes[order[masked[i] ? 1 : 0]]);
    g_assert_cmpuint (support_n_messages (bus, GST_MESSAGE_ELEMENT, &message), ==, expected[i]);
    if (message) {
      const GValue *labels =
          gst_structure_get_value (gst_message_get_structure (message), "labels");

      g_assert_cmpuint (gst_value_array_get_size (labels), ==, 1);
      g_assert_cmpstr (g_value_get_string (gst_value_array_get_value (labels, 0)), ==,
                       label_of (out));
      gst_message_unref (message);
    }
    gst_buffer_unref (out);
  }
  gst_object_unref (bus);
  gst_object_unref (element);
  support_harness_free (harness);
}

/* A message is posted for the new cow only. */
static void
test_on_change_by_cow (void)
{
  GstHarness *harness = support_harness_new (adapter, "post-messages=on-change");
  GstBus *bus = support_harness_bus (harness);

  support_harness_set_info (harness, &info);
  for (guint i = 0; i < 3; i++) {
    GstBuffer *in = support_frame_new (&info, 1);
    const GstStructure *object;
    GstMessage *message;
    guint x;

    support_add_roi (in, 0, 0, 40, 40, 0);
    if (i > 0)
      support_add_roi (in, 50, 30, 40, 40, 0);
    gst_buffer_unref (gst_harness_push_and_pull (harness, in));
    g_assert_cmpuint (support_n_messages (bus, GST_MESSAGE_ELEMENT, &message), ==, i < 2);
    if (!message)
      continue;
    g_assert_cmpuint (gst_cow_behavior_n_objects (gst_message_get_structure (message)), ==, 1);
    object = gst_cow_behavior_object (gst_message_get_structure (message), 0);
    g_assert_true (gst_structure_get_uint (object, "x", &x));
    g_assert_cmpuint (x, ==, i == 0 ? 0 : 50);
    gst_message_unref (message);
  }
  gst_object_unref (bus);
  support_harness_free (harness);
}

/* The camera's time in a message; 0 if the message has none. */
static guint64
wall_clock (const char *reference, GstClockTime time)
{
  GstHarness *harness = support_harness_new (adapter, "");
  GstBus *bus = support_harness_bus (harness);
  GstBuffer *in = support_frame_new (&info, 1);
  GstCaps *caps = gst_caps_from_string (reference);
  GstMessage *message;
  guint64 value = 0;

  gst_buffer_add_reference_timestamp_meta (in, caps, time, GST_CLOCK_TIME_NONE);
  gst_caps_unref (caps);
  support_harness_set_info (harness, &info);
  gst_buffer_unref (gst_harness_push_and_pull (harness, in));
  g_assert_cmpuint (support_n_messages (bus, GST_MESSAGE_ELEMENT, &message), ==, 1);
  gst_structure_get_uint64 (gst_message_get_structure (message), "wall-clock", &value);
  gst_message_unref (message);
  gst_object_unref (bus);
  support_harness_free (harness);
  return value;
}

static void
test_wall_clock (void)
{
  const guint64 y2026 = G_GUINT64_CONSTANT (1767225600) * GST_SECOND; /* 2026-01-01 in Unix time */

  g_assert_cmpuint (wall_clock ("timestamp/x-unix", y2026 + 5), ==, y2026 + 5);
  g_assert_cmpuint (
      wall_clock ("timestamp/x-ntp", y2026 + 7 + G_GUINT64_CONSTANT (2208988800) * GST_SECOND), ==,
      y2026 + 7);
  g_assert_cmpuint (wall_clock ("timestamp/x-ntp", 5), ==, 0); /* before 1970, no camera */
  g_assert_cmpuint (wall_clock ("timestamp/x-drivername", y2026), ==, 0); /* its epoch is unknown */
}

int
main (int argc, char **argv)
{
  support_init (&argc, &argv, &adapter, &classifier);
  info = support_info (GST_VIDEO_FORMAT_I420, 96, 80, NULL);

  g_test_add_func ("/labels/mean", test_mean);
  g_test_add_func ("/labels/majority", test_majority);
  g_test_add_func ("/labels/hmm", test_hmm);
  g_test_add_func ("/labels/change", test_change);
  g_test_add_func ("/labels/thresholds-of-adapter", test_thresholds_of_adapter);
  g_test_add_func ("/labels/mask", test_mask);
  g_test_add_func ("/labels/mask-while-playing", test_mask_while_playing);
  g_test_add_func ("/labels/on-change", test_on_change);
  g_test_add_func ("/labels/on-change-by-cow", test_on_change_by_cow);
  g_test_add_func ("/labels/wall-clock", test_wall_clock);
  return support_run (adapter, classifier);
}
