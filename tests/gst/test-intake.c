/* SPDX-License-Identifier: MIT */
/*
 * Pictures as they come: turned by a tag, interlaced, damaged, with times that cannot be true. Each
 * fault is said once, and no frame of another is labelled for it.
 */
#include "tests/gst/support.h"

#include <string.h>

#define YEAR (G_GUINT64_CONSTANT (365) * 24 * 3600 * GST_SECOND)

static CowClassifier *classifier; /* the same model and adapter without the element */
static char *adapter;
static GstVideoInfo info; /* 96 x 80 */

/* ---- the surroundings ------------------------------------------------------------------------ */

static GstHarness *
begin (const char *properties)
{
  GstHarness *harness = support_harness_new (adapter, properties);

  support_harness_set_info (harness, &info);
  return harness;
}

/* The warnings on the bus of a harness, in one text. */
static char *
take_warnings (GstHarness *harness, guint expected_number)
{
  GstBus *bus = support_harness_bus (harness);
  GString *text = g_string_new (NULL);
  GstMessage *message;
  guint n = 0;

  while ((message = gst_bus_pop_filtered (bus, GST_MESSAGE_WARNING))) {
    g_autoptr (GError) error = NULL;

    gst_message_parse_warning (message, &error, NULL);
    g_string_append_printf (text, "%s\n", error->message);
    gst_message_unref (message);
    n++;
  }
  gst_object_unref (bus);
  g_test_message ("%s", text->str);
  g_assert_cmpuint (n, ==, expected_number);
  return g_string_free (text, FALSE);
}

static void
assert_warnings (GstHarness *harness, guint n, const char *words)
{
  g_autofree char *text = take_warnings (harness, n);

  if (words)
    g_assert_nonnull (strstr (text, words));
}

/* The age in frames of the only result of a frame, which is freed. */
static guint
age_of (GstBuffer *out)
{
  guint age;

  g_assert_cmpuint (support_n_objects (out), ==, 1);
  g_assert_true (gst_structure_get_uint (support_object (out, 0), "frames_ago", &age));
  gst_buffer_unref (out);
  return age;
}

static void
push_tag (GstHarness *harness, GstTagScope scope, const char *orientation)
{
  GstTagList *tags = gst_tag_list_new (GST_TAG_TITLE, "barn", NULL);

  gst_tag_list_set_scope (tags, scope);
  if (orientation)
    gst_tag_list_add (tags, GST_TAG_MERGE_REPLACE, GST_TAG_IMAGE_ORIENTATION, orientation, NULL);
  g_assert_true (gst_harness_push_event (harness, gst_event_new_tag (tags)));
}

/* ---- pictures that are to be turned ---------------------------------------------------------- */

static const char *const orientations[] = { "rotate-0",        "rotate-90",      "rotate-180",
                                            "rotate-270",      "flip-rotate-0",  "flip-rotate-90",
                                            "flip-rotate-180", "flip-rotate-270" };

/* Each orientation is said once, whenever its tag comes. */
static void
test_orientations (void)
{
  GstHarness *harness = begin ("");
  guint n = 0;

  for (guint round = 0; round < 2; round++) {
    for (guint i = 0; i < G_N_ELEMENTS (orientations); i++) {
      push_tag (harness, GST_TAG_SCOPE_STREAM, orientations[i]);
      gst_buffer_unref (support_push (harness, &info, n, n));
      n++;
      gst_buffer_unref (support_push (harness, &info, n, n));
      n++;
      assert_warnings (harness, i > 0 && round == 0, i > 0 && round == 0 ? "videoflip" : NULL);
    }
  }
  support_harness_free (harness);
}

/* The tag of the stream goes before that of the file, until it is taken back or another stream
 * comes. */
static void
test_scopes (void)
{
  GstHarness *harness = begin ("");

  push_tag (harness, GST_TAG_SCOPE_STREAM, "rotate-0");
  push_tag (harness, GST_TAG_SCOPE_GLOBAL, "rotate-180");
  gst_buffer_unref (support_push (harness, &info, 0, 0));
  assert_warnings (harness, 0, NULL);
  push_tag (harness, GST_TAG_SCOPE_STREAM, NULL);
  gst_buffer_unref (support_push (harness, &info, 1, 1));
  assert_warnings (harness, 1, "upside down");
  push_tag (harness, GST_TAG_SCOPE_GLOBAL, "rotate-90");
  g_assert_true (gst_harness_push_event (harness, gst_event_new_stream_start ("another")));
  gst_buffer_unref (support_push (harness, &info, 2, 2));
  assert_warnings (harness, 0, NULL);
  support_harness_free (harness);
}

/* What is known of a picture is forgotten when the next ones are to be turned in another way. */
static void
test_turned_in_the_middle (void)
{
  GstHarness *harness = begin ("inference-interval=100");

  g_assert_cmpuint (age_of (support_push (harness, &info, 0, 0)), ==, 0);
  g_assert_cmpuint (age_of (support_push (harness, &info, 1, 1)), ==, 1);
  push_tag (harness, GST_TAG_SCOPE_STREAM, "rotate-180");
  g_assert_cmpuint (age_of (support_push (harness, &info, 2, 2)), ==, 0);
  push_tag (harness, GST_TAG_SCOPE_STREAM, "rotate-180");
  g_assert_cmpuint (age_of (support_push (harness, &info, 3, 3)), ==, 1);
  support_harness_free (harness);
}

/* The warnings of a pipeline whose pictures have a tag, with these elements before cowbehavior. The
 * size of the last one is *width x *height. */
static guint
n_warnings_behind (const char *elements, gint *width, gint *height)
{
  g_autofree char *model = support_model (),
                  *line = g_strdup_printf (
                      "videotestsrc num-buffers=3 ! "
                      "video/x-raw,format=I420,width=96,height=64,framerate=25/1 ! "
                      "taginject tags=\"image-orientation=rotate-90\" ! %s ! "
                      "cowbehavior model=\"%s\" adapter=\"%s\" ! fakesink",
                      elements, model, adapter);
  g_autoptr (GError) error = NULL;
  g_autoptr (GstElement) pipeline = gst_parse_launch (line, &error);
  g_autoptr (GstBus) bus = gst_element_get_bus (pipeline);
  gboolean end = FALSE;
  guint n = 0;

  g_assert_no_error (error);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  while (!end) {
    g_autoptr (GstMessage) message = gst_bus_timed_pop_filtered (
        bus, 60 * GST_SECOND,
        GST_MESSAGE_WARNING | GST_MESSAGE_ELEMENT | GST_MESSAGE_EOS | GST_MESSAGE_ERROR);

    g_assert_nonnull (message);
    g_assert_cmpint (GST_MESSAGE_TYPE (message), !=, GST_MESSAGE_ERROR);
    end = GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS;
    n += GST_MESSAGE_TYPE (message) == GST_MESSAGE_WARNING;
    if (gst_message_has_name (message, "cowbehavior"))
      gst_structure_get (gst_message_get_structure (message), "width", G_TYPE_INT, width, "height",
                         G_TYPE_INT, height, NULL);
  }
  gst_element_set_state (pipeline, GST_STATE_NULL);
  return n;
}

/* Nothing is said where somebody turns the pictures, who may be far before the element and in a
 * bin. */
static void
test_turned_before (void)
{
  static const struct {
    const char *elements;
    gint width, height;
    guint n_warnings;
  } cases[] = {
    { "identity", 96, 64, 1 },
    { "videoflip", 96, 64, 1 }, /* it is there and does nothing */
    { "videoflip video-direction=auto", 64, 96, 0 },
    { "videoflip video-direction=90r", 64, 96, 0 },
    { "videoflip video-direction=auto ! queue ! videoconvert ! identity", 64, 96, 0 },
    { "( videoflip video-direction=auto ! queue ) ! identity", 64, 96, 0 },
    { "tee name=t ! queue ! videoflip video-direction=auto ! fakesink async=false t. ! queue", 96,
      64, 1 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    gint width = 0, height = 0;

    g_test_message ("%s", cases[i].elements);
    g_assert_cmpuint (n_warnings_behind (cases[i].elements, &width, &height), ==,
                      cases[i].n_warnings);
    g_assert_cmpint (width, ==, cases[i].width);
    g_assert_cmpint (height, ==, cases[i].height);
  }
}

/* ---- interlaced pictures --------------------------------------------------------------------- */

/* Sets caps of this mode, whose features are a text as "(format:Interlaced)". */
static void
set_mode (GstHarness *harness, const char *features, const char *mode)
{
  g_autofree char *caps = g_strdup_printf ("video/x-raw%s,format=I420,width=96,height=80,"
                                           "framerate=25/1,interlace-mode=%s",
                                           features, mode);

  gst_harness_set_src_caps_str (harness, caps);
}

static void
test_interlaced (void)
{
  GstHarness *harness = begin ("");
  GstBuffer *in;

  set_mode (harness, "", "progressive");
  gst_buffer_unref (support_push (harness, &info, 0, 0));
  set_mode (harness, "", "mixed");
  gst_buffer_unref (support_push (harness, &info, 1, 1));
  assert_warnings (harness, 0, NULL);
  in = support_frame_new (&info, 2);
  GST_BUFFER_FLAG_SET (in, GST_VIDEO_BUFFER_FLAG_INTERLACED);
  gst_buffer_unref (gst_harness_push_and_pull (harness, in));
  assert_warnings (harness, 1, "deinterlace");
  set_mode (harness, "", "interleaved");
  gst_buffer_unref (support_push (harness, &info, 3, 3));
  assert_warnings (harness, 0, NULL);
  support_harness_free (harness);

  harness = begin ("");
  set_mode (harness, "", "interleaved");
  g_assert_cmpuint (age_of (support_push (harness, &info, 0, 0)), ==, 0);
  g_assert_cmpuint (age_of (support_push (harness, &info, 1, 1)), ==, 0);
  assert_warnings (harness, 1, "interlace-mode=interleaved");
  support_harness_free (harness);
}

/* A harness without a bin around the element: the bin's pads would refuse caps by themselves. */
static GstHarness *
bare_harness_new (GstBus **bus)
{
  g_autofree char *model = support_model ();
  GstElement *element = gst_element_factory_make ("cowbehavior", NULL);
  GstHarness *harness;

  *bus = gst_bus_new ();
  g_object_set (element, "model", model, "adapter", adapter, NULL);
  harness = gst_harness_new_with_element (element, "sink", "src");
  gst_element_set_bus (element, *bus);
  gst_object_unref (element);
  return harness;
}

/* A buffer with one field is no picture. */
static void
test_fields (void)
{
  static const char *const modes[][2] = { { "(format:Interlaced)", "alternate" },
                                          { "", "fields" } };

  for (guint i = 0; i < G_N_ELEMENTS (modes); i++) {
    GstBus *bus;
    GstHarness *harness = bare_harness_new (&bus);
    g_autoptr (GError) error = NULL;
    GstMessage *message;

    set_mode (harness, modes[i][0], modes[i][1]);
    g_assert_cmpint (gst_harness_push (harness, support_frame_new (&info, 0)), ==,
                     GST_FLOW_NOT_NEGOTIATED);
    g_assert_cmpint (gst_harness_push (harness, support_frame_new (&info, 1)), ==,
                     GST_FLOW_NOT_NEGOTIATED);
    g_assert_cmpuint (support_n_messages (bus, GST_MESSAGE_ERROR, &message), ==, 1);
    gst_message_parse_error (message, &error, NULL);
    g_test_message ("%s", error->message);
    g_assert_error (error, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT);
    g_assert_nonnull (strstr (error->message, modes[i][1]));
    gst_message_unref (message);
    gst_object_unref (bus);
    support_harness_free (harness);
  }
}

/* ---- damaged pictures ------------------------------------------------------------------------ */

static GstBuffer *
push_flagged (GstHarness *harness, guint n, guint flags)
{
  GstBuffer *in = support_frame_new (&info, n);

  GST_BUFFER_PTS (in) = n * 40 * GST_MSECOND;
  GST_BUFFER_FLAG_SET (in, flags);
  return gst_harness_push_and_pull (harness, in);
}

/* A damaged frame keeps the results of those before it, and is counted. One that may be dropped is
 * a frame like others. */
static void
test_corrupted (void)
{
  GstHarness *harness = begin ("");
  GstBuffer *out = push_flagged (harness, 0, GST_BUFFER_FLAG_CORRUPTED);

  g_assert_cmpuint (support_n_objects (out), ==, 0);
  gst_buffer_unref (out);
  g_assert_cmpuint (age_of (push_flagged (harness, 1, 0)), ==, 0);
  out = push_flagged (harness, 2, GST_BUFFER_FLAG_CORRUPTED);
  g_assert_true (GST_BUFFER_FLAG_IS_SET (out, GST_BUFFER_FLAG_CORRUPTED));
  g_assert_cmpuint (age_of (out), ==, 1);
  g_assert_cmpuint (age_of (push_flagged (harness, 3, GST_BUFFER_FLAG_CORRUPTED)), ==, 2);
  g_assert_cmpuint (age_of (push_flagged (harness, 4, GST_BUFFER_FLAG_DECODE_ONLY)), ==, 3);
  g_assert_cmpuint (age_of (push_flagged (harness, 5, GST_BUFFER_FLAG_DROPPABLE)), ==, 0);
  assert_warnings (harness, 1, "damaged");
  g_assert_cmpuint (support_stat (harness, "skipped-corrupted"), ==, 3);
  g_assert_cmpuint (support_stat (harness, "skipped-gap"), ==, 1);
  g_assert_cmpuint (support_stat (harness, "skipped"), ==, 4);
  g_assert_cmpuint (support_stat (harness, "classified"), ==, 2);
  support_harness_free (harness);
}

/* ---- times ----------------------------------------------------------------------------------- */

static GstBuffer *
push_at (GstHarness *harness, GstClockTime pts, guint seed)
{
  GstBuffer *in = support_frame_new (&info, seed);

  GST_BUFFER_PTS (in) = pts;
  return gst_harness_push_and_pull (harness, in);
}

/* The age in ns of the only result of a frame, which is freed; G_MAXUINT64 where it has none. */
static guint64
ns_of (GstBuffer *out)
{
  guint64 ns = G_MAXUINT64 - 1;

  g_assert_cmpuint (support_n_objects (out), ==, 1);
  if (!gst_structure_get_uint64 (support_object (out, 0), "age", &ns))
    ns = G_MAXUINT64;
  gst_buffer_unref (out);
  return ns;
}

static gboolean
has_stat (GstHarness *harness, const char *field)
{
  GstElement *element = support_element (harness);
  GstStructure *stats;
  gboolean has;

  g_object_get (element, "stats", &stats, NULL);
  has = gst_structure_has_field (stats, field);
  gst_structure_free (stats);
  gst_object_unref (element);
  return has;
}

/* Where a frame has no time, nothing has a number for it. */
static void
test_no_time (void)
{
  GstHarness *harness = begin ("inference-interval=2");

  g_assert_false (has_stat (harness, "age"));
  g_assert_cmpuint (ns_of (push_at (harness, GST_CLOCK_TIME_NONE, 0)), ==, G_MAXUINT64);
  g_assert_false (has_stat (harness, "age"));
  g_assert_cmpuint (ns_of (push_at (harness, GST_SECOND, 1)), ==, G_MAXUINT64);
  g_assert_false (has_stat (harness, "age"));
  g_assert_cmpuint (ns_of (push_at (harness, 2 * GST_SECOND, 2)), ==, 0);
  g_assert_true (has_stat (harness, "age"));
  g_assert_cmpuint (ns_of (push_at (harness, GST_CLOCK_TIME_NONE, 3)), ==, G_MAXUINT64);
  g_assert_false (has_stat (harness, "age"));
  g_assert_cmpuint (support_stat (harness, "age-frames"), ==, 1);
  support_harness_free (harness);
}

/* Whatever times frames have, each is classified in its turn, and no age is below 0. */
static void
test_odd_times (void)
{
  static const GstClockTime odd[] = {
    0,
    5 * GST_SECOND,
    4 * GST_SECOND,
    3 * GST_SECOND,
    50 * YEAR,
    50 * YEAR + GST_SECOND,
    6 * GST_SECOND,
    6 * GST_SECOND,
    40 * GST_MSECOND,
    3 * YEAR,
    GST_CLOCK_TIME_NONE,
    7 * GST_SECOND,
  };
  static const char *const smoothings[] = { "off", "mean", "majority", "hmm" };

  for (guint s = 0; s < G_N_ELEMENTS (smoothings); s++) {
    g_autofree char *properties =
        g_strdup_printf ("inference-interval=2 smoothing=%s", smoothings[s]);
    GstHarness *harness = begin (properties);

    for (guint i = 0; i < G_N_ELEMENTS (odd); i++) {
      GstBuffer *out = push_at (harness, odd[i], i);
      guint64 ns = 0;

      g_assert_cmpuint (support_n_objects (out), ==, 1);
      gst_structure_get_uint64 (support_object (out, 0), "age", &ns);
      g_assert_cmpuint (ns, <=, 5 * GST_SECOND);
      g_assert_cmpuint (age_of (out), <=, 1);
    }
    g_assert_cmpuint (support_stat (harness, "classified"), >=, G_N_ELEMENTS (odd) / 2);
    g_assert_cmpuint (support_stat (harness, "skipped"), ==, 0);
    assert_warnings (harness, 0, NULL);
    support_harness_free (harness);
  }
}

/* A sink that is late does not starve a stream whose time jumped ahead and came back. */
static void
test_late_after_a_jump (void)
{
  GstHarness *harness = begin ("");

  gst_buffer_unref (push_at (harness, 10 * GST_SECOND, 0));
  gst_buffer_unref (push_at (harness, 50 * YEAR, 1));
  g_assert_true (gst_harness_push_upstream_event (
      harness, gst_event_new_qos (GST_QOS_TYPE_UNDERFLOW, 0.5, GST_SECOND, 10 * GST_SECOND)));
  g_assert_cmpuint (age_of (push_at (harness, 10 * GST_SECOND + 40 * GST_MSECOND, 2)), ==, 0);
  g_assert_cmpuint (support_stat (harness, "skipped-late"), ==, 0);
  /* From there on it is late as ever. */
  g_assert_cmpuint (age_of (push_at (harness, 10 * GST_SECOND + 80 * GST_MSECOND, 3)), ==, 1);
  g_assert_cmpuint (support_stat (harness, "skipped-late"), ==, 1);
  support_harness_free (harness);
}

int
main (int argc, char **argv)
{
  support_init (&argc, &argv, &adapter, &classifier);
  info = support_info (GST_VIDEO_FORMAT_I420, 96, 80, NULL);

  g_test_add_func ("/intake/orientations", test_orientations);
  g_test_add_func ("/intake/scopes", test_scopes);
  g_test_add_func ("/intake/turned-in-the-middle", test_turned_in_the_middle);
  g_test_add_func ("/intake/turned-before", test_turned_before);
  g_test_add_func ("/intake/interlaced", test_interlaced);
  g_test_add_func ("/intake/fields", test_fields);
  g_test_add_func ("/intake/corrupted", test_corrupted);
  g_test_add_func ("/intake/no-time", test_no_time);
  g_test_add_func ("/intake/odd-times", test_odd_times);
  g_test_add_func ("/intake/late-after-a-jump", test_late_after_a_jump);
  return support_run (adapter, classifier);
}
