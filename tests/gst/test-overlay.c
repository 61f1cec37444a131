/* SPDX-License-Identifier: MIT */
/* `cowoverlay` draws what it should where it should, and nothing elsewhere: in every format, for
 * fresh, old and hostile results. */
#include "tests/gst/support.h"

#include <math.h>

#include "gst-plugin/common/frame.h"
#include "gst-plugin/common/gstcowbehaviormeta.h"
#include "gst-plugin/overlay/view.h"
#include "tests/gst/shown.h"

#define QUIET "show-budget=false"

/* The box of most tests, with room for a tag above it; its coordinates are odd. */
#define X 101
#define Y 91
#define W 121
#define H 77

static GstVideoInfo
bgrx (gint width, gint height)
{
  return support_info (GST_VIDEO_FORMAT_BGRx, width, height, NULL);
}

/* Frame n with one object, after drawing. */
static GstBuffer *
draw (GstHarness *harness, const GstVideoInfo *info, GstStructure *object, guint n)
{
  GstBuffer *buffer = shown_frame (info);

  shown_attach (buffer, object, NULL);
  return shown_push (harness, buffer, n);
}

static GstBuffer *
draw_once (const char *properties, const GstVideoInfo *info, GstStructure *object)
{
  GstHarness *harness = shown_harness (properties, info);
  GstBuffer *buffer = draw (harness, info, object, 0);

  gst_harness_teardown (harness);
  return buffer;
}

static void
assert_formats (void (*check) (const GstVideoInfo *info))
{
  g_autoptr (GstCaps) caps = gst_caps_from_string ("video/x-raw, format = " GST_COW_FRAME_FORMATS);
  const GValue *formats = gst_structure_get_value (gst_caps_get_structure (caps, 0), "format");

  g_assert_cmpuint (gst_value_list_get_size (formats), ==, 17);
  for (guint i = 0; i < gst_value_list_get_size (formats); i++) {
    const char *name = g_value_get_string (gst_value_list_get_value (formats, i));
    const GstVideoInfo info = support_info (gst_video_format_from_string (name), 323, 241, NULL);

    g_test_message ("%s", name);
    check (&info);
  }
}

/* ---- pixels ---------------------------------------------------------------------------------- */

static void
check_untouched (const GstVideoInfo *info)
{
  GstHarness *harness = shown_harness ("", info);
  GstBuffer *in = shown_frame (info), *out;

  gst_buffer_ref (in); /* so the buffer is not writable, and drawing needs a copy */
  out = shown_push (harness, in, 0);
  g_assert_true (out == in);
  g_assert_false (shown_changed (out, info, 0, 0, 323, 241));
  gst_buffer_unref (in);
  gst_buffer_unref (out);
  gst_harness_teardown (harness);
}

static void
test_untouched (void)
{
  assert_formats (check_untouched);
}

static void
check_box (const GstVideoInfo *info)
{
  GstBuffer *buffer = draw_once (QUIET, info, shown_object (X, Y, W, H, "Lying", 3, 0.5));

  /* This checks every part of each side. */
  for (gint at = 8; at < W - 8; at += 4) {
    g_assert_true (shown_changed (buffer, info, X + at, Y, 2, 3));
    g_assert_true (shown_changed (buffer, info, X + at, Y + H - 3, 2, 3));
  }
  for (gint at = 8; at < H - 8; at += 4) {
    g_assert_true (shown_changed (buffer, info, X, Y + at, 3, 2));
    g_assert_true (shown_changed (buffer, info, X + W - 3, Y + at, 3, 2));
  }
  g_assert_false (shown_changed (buffer, info, X + 6, Y + 6, W - 12, H - 12));
  g_assert_true (shown_changed (buffer, info, X + 8, Y - 8, 8, 4));                  /* the tag */
  g_assert_false (shown_changed (buffer, info, 0, 0, 323, Y - 31));                  /* above it */
  g_assert_false (shown_changed (buffer, info, 0, 0, X - 2, 241));                   /* left */
  g_assert_false (shown_changed (buffer, info, X + W + 2, 0, 323 - X - W - 2, 241)); /* right */
  g_assert_false (shown_changed (buffer, info, 0, Y + H + 2, 323, 241 - Y - H - 2)); /* below */
  gst_buffer_unref (buffer);
}

static void
test_formats (void)
{
  assert_formats (check_box);
}

/* Another owner holds the same memory. */
static void
test_shared_buffer (void)
{
  const GstVideoInfo info = bgrx (320, 240);
  GstHarness *harness = shown_harness (QUIET, &info);
  GstBuffer *in = shown_frame (&info), *out;

  shown_attach (in, shown_object (X, Y, W, H, "Lying", 3, 0.5), NULL);
  GST_BUFFER_PTS (in) = 0;
  g_assert_cmpint (gst_harness_push (harness, gst_buffer_ref (in)), ==, GST_FLOW_OK);
  out = gst_harness_pull (harness);
  g_assert_true (shown_changed (out, &info, X, Y, W, H));
  g_assert_false (shown_changed (in, &info, 0, 0, 320, 240));
  g_assert_nonnull (gst_buffer_get_cow_behavior (out));
  gst_buffer_unref (in);
  gst_buffer_unref (out);
  gst_harness_teardown (harness);
}

/* Both sides of a line have a dark seam of one px before two px of the class's colour. */
static void
test_colours (void)
{
  const GstVideoInfo info = bgrx (320, 240);

  for (gint id = -1; id < 12; id++) {
    GstBuffer *buffer = draw_once (QUIET, &info, shown_object (100, 90, 120, 80, "any", id, 0.5));

    g_assert_cmphex (shown_pixel (buffer, &info, 101, 130), ==, gst_cow_view_colour (id));
    g_assert_cmphex (shown_pixel (buffer, &info, 102, 130), ==, gst_cow_view_colour (id));
    g_assert_cmphex (shown_pixel (buffer, &info, 218, 130), ==, gst_cow_view_colour (id));
    g_assert_cmphex (shown_pixel (buffer, &info, 160, 168), ==, gst_cow_view_colour (id));
    gst_buffer_unref (buffer);
  }
  g_assert_cmphex (gst_cow_view_colour (0), !=, gst_cow_view_colour (1));
  /* Only "unknown" is grey. */
  for (gint id = 0; id < 12; id++)
    g_assert_cmphex (gst_cow_view_colour (id), !=, gst_cow_view_colour (-1));
}

static void
test_zone_is_dashed (void)
{
  const GstVideoInfo info = bgrx (320, 240);
  GstStructure *zone = shown_object (20, 20, 280, 200, "Lying", 3, 0.5);
  guint n;
  GstBuffer *buffer;

  gst_structure_set (zone, "region", G_TYPE_STRING, "zone", "roi_type", G_TYPE_STRING, "pen 1",
                     NULL);
  buffer = draw_once (QUIET, &info, zone);
  n = shown_count (buffer, &info, 301 - 3, 60, 1, 140, gst_cow_view_colour (3), 8);
  g_assert_cmpuint (n, >, 140 / 3);
  g_assert_cmpuint (n, <, 140 * 3 / 4);
  g_assert_false (shown_changed (buffer, &info, 0, 0, 320, 18)); /* its tag stands inside */
  gst_buffer_unref (buffer);
}

/* The full frame has no box but a tag in the corner. */
static void
test_full_frame (void)
{
  const GstVideoInfo info = bgrx (320, 240);
  GstStructure *frame = shown_object (0, 0, 320, 240, "Lying", 3, 0.5);
  GstBuffer *buffer;

  gst_structure_set (frame, "region", G_TYPE_STRING, "frame", NULL);
  buffer = draw_once (QUIET, &info, frame);
  g_assert_true (shown_changed (buffer, &info, 8, 8, 20, 10));
  g_assert_false (shown_changed (buffer, &info, 0, 0, 320, 3));
  g_assert_false (shown_changed (buffer, &info, 160, 0, 160, 240));
  g_assert_false (shown_changed (buffer, &info, 0, 40, 320, 200));
  gst_buffer_unref (buffer);
}

/* ---- tags ------------------------------------------------------------------------------------ */

/* The width of what is drawn above the box at 100, 90: that of its tag. */
static gint
tag_width (GstBuffer *buffer, const GstVideoInfo *info)
{
  gint width = 0;

  while (100 + width < GST_VIDEO_INFO_WIDTH (info) &&
         shown_changed (buffer, info, 100 + width, 90 - 12, 1, 2))
    width++;
  return width;
}

static GstBuffer *
tagged (const char *properties, const char *label, gdouble confidence, guint64 age_ms)
{
  const GstVideoInfo info = bgrx (480, 240);
  GstStructure *object = shown_object (100, 90, 60, 80, label, 3, confidence);

  gst_structure_set (object, "age", G_TYPE_UINT64, age_ms * GST_MSECOND, NULL);
  return draw_once (properties, &info, object);
}

static gint
width_tagged (const char *properties, const char *label, guint64 age_ms)
{
  const GstVideoInfo info = bgrx (480, 240);
  GstBuffer *buffer = tagged (properties, label, 0.5, age_ms);
  const gint width = tag_width (buffer, &info);

  gst_buffer_unref (buffer);
  return width;
}

static void
test_label (void)
{
  const GstVideoInfo info = bgrx (480, 240);
  GstBuffer *buffer = tagged (QUIET, "Feeding head down", 0.5, 0);

  /* The letters are white on a dark ground. */
  g_assert_cmpuint (shown_count (buffer, &info, 104, 66, 100, 24, 0xffffff, 20), >, 60);
  g_assert_cmpuint (shown_count (buffer, &info, 104, 66, 100, 24, 0x1f2023, 20), >, 300);
  gst_buffer_unref (buffer);
  g_assert_cmpint (width_tagged (QUIET, "Feeding head down", 0), >,
                   width_tagged (QUIET, "Lying", 0) + 40);
  g_assert_cmpint (width_tagged (QUIET " font=\"Sans 20\"", "Lying", 0), >,
                   width_tagged (QUIET, "Lying", 0) + 10);
}

static void
test_confidence (void)
{
  const GstVideoInfo info = bgrx (480, 240);
  guint n[3], i = 0;

  for (gdouble confidence = 0.2; confidence < 0.9; confidence += 0.3, i++) {
    GstBuffer *buffer = tagged (QUIET, "Feeding head down", confidence, 0);
    const gint width = tag_width (buffer, &info);

    n[i] = shown_count (buffer, &info, 104, 86, width - 4, 1, gst_cow_view_colour (3), 4);
    g_assert_cmpfloat_with_epsilon (n[i], (width - 4) * confidence, 3);
    gst_buffer_unref (buffer);
  }
  GstBuffer *without = tagged (QUIET " show-confidence=false", "Feeding head down", 0.8, 0);
  g_assert_cmpuint (shown_count (without, &info, 104, 60, 200, 28, gst_cow_view_colour (3), 4), ==,
                    0);
  gst_buffer_unref (without);
}

static void
test_age (void)
{
  const GstVideoInfo info = bgrx (480, 240);
  const gint fresh = width_tagged (QUIET, "Lying", 299);
  GstBuffer *young = tagged (QUIET, "Lying", 0.5, 0), *old = tagged (QUIET, "Lying", 0.5, 5000);

  g_assert_cmpint (fresh, ==, width_tagged (QUIET, "Lying", 0));
  g_assert_cmpint (width_tagged (QUIET, "Lying", 400), >, fresh + 15);
  g_assert_cmpint (width_tagged (QUIET, "Lying", 7200000), >, fresh + 15);
  g_assert_cmpint (width_tagged (QUIET " show-age=false", "Lying", 400), ==, fresh);
  /* The line fades into the grey. */
  g_assert_cmphex (shown_pixel (young, &info, 101, 130), ==, gst_cow_view_colour (3));
  g_assert_cmpuint (shown_count (old, &info, 101, 130, 1, 1,
                                 (gst_cow_view_colour (3) >> 1 & 0x7f7f7f) + 0x323232, 4),
                    ==, 1);
  gst_buffer_unref (young);
  gst_buffer_unref (old);
}

static void
test_id (void)
{
  const GstVideoInfo info = bgrx (480, 240);
  const gint bare = width_tagged (QUIET, "Lying", 0);
  GstStructure *object = shown_object (100, 90, 60, 80, "Lying", 3, 0.5);
  GstBuffer *with, *without;

  gst_structure_set (object, "track_id", G_TYPE_UINT64, (guint64)7, NULL);
  with = draw_once (QUIET, &info, gst_structure_copy (object));
  without = draw_once (QUIET " show-id=false", &info, object);
  g_assert_cmpint (tag_width (with, &info), >, bare + 10);
  g_assert_cmpint (tag_width (without, &info), ==, bare);
  gst_buffer_unref (with);
  gst_buffer_unref (without);
}

/* The number of px of a class's colour in the columns where the tags of the next test begin. */
static guint
stripe_px (GstBuffer *buffer, const GstVideoInfo *info, gint label_id)
{
  return shown_count (buffer, info, 100, 50, 3, 38, gst_cow_view_colour (label_id), 4);
}

/* With two cows in one place neither tag hides the other. */
static void
test_tags_apart (void)
{
  const GstVideoInfo info = bgrx (480, 240);
  GstHarness *harness = shown_harness (QUIET, &info);
  GstBuffer *alone = draw (harness, &info, shown_object (100, 90, 200, 80, "Lying", 3, 1), 0),
            *both = shown_frame (&info);

  shown_attach (both, shown_object (100, 90, 200, 80, "Lying", 3, 1),
                shown_object (100, 96, 200, 80, "Standing", 4, 1), NULL);
  both = shown_push (harness, both, 1);
  g_assert_cmpuint (stripe_px (alone, &info, 3), >, 30);
  g_assert_cmpuint (stripe_px (both, &info, 3), ==, stripe_px (alone, &info, 3));
  g_assert_cmpuint (shown_count (both, &info, 106, 60, 300, 150, 0xffffff, 20), >,
                    shown_count (alone, &info, 106, 60, 300, 150, 0xffffff, 20) + 60);
  gst_buffer_unref (alone);
  gst_buffer_unref (both);
  gst_harness_teardown (harness);
}

/* ---- whole streams --------------------------------------------------------------------------- */

static void
test_caps_change (void)
{
  const GstVideoInfo large = bgrx (640, 480),
                     small = support_info (GST_VIDEO_FORMAT_I420, 200, 150, NULL);
  GstHarness *harness = shown_harness (QUIET, &large);
  GstBuffer *first = draw (harness, &large, shown_object (400, 300, 100, 80, "Lying", 3, 0.5), 0),
            *second, *outside;

  g_assert_true (shown_changed (first, &large, 400, 300, 100, 80));
  gst_harness_set_src_caps (harness, gst_video_info_to_caps (&small));
  outside = draw (harness, &small, shown_object (400, 300, 100, 80, "Lying", 3, 0.5), 1);
  second = draw (harness, &small, shown_object (50, 60, 100, 80, "Lying", 3, 0.5), 2);
  g_assert_false (shown_changed (outside, &small, 0, 0, 200, 150));
  g_assert_true (shown_changed (second, &small, 50, 60, 4, 80));
  gst_buffer_unref (first);
  gst_buffer_unref (outside);
  gst_buffer_unref (second);
  gst_harness_teardown (harness);
}

/* For pixels that are shown twice as wide as high, tags take half the px, so that letters look
 * normal. */
static void
test_pixel_aspect_ratio (void)
{
  GstVideoInfo info = bgrx (480, 240);
  const gint square = width_tagged (QUIET, "Feeding head down", 0);
  GstBuffer *buffer;

  GST_VIDEO_INFO_PAR_N (&info) = 2;
  buffer = draw_once (QUIET, &info, shown_object (100, 90, 60, 80, "Feeding head down", 3, 0.5));
  g_assert_cmpint (ABS (2 * tag_width (buffer, &info) - square), <=, 6);
  /* The bar is half as wide as well; it fills half of the tag. */
  g_assert_cmpfloat_with_epsilon (
      shown_count (buffer, &info, 102, 86, square, 1, gst_cow_view_colour (3), 4), square / 4, 4);
  gst_buffer_unref (buffer);
}

static void
test_two_behaviours (void)
{
  const GstVideoInfo info = bgrx (480, 240);
  GstHarness *harness = shown_harness (QUIET, &info);
  GstBuffer *buffer = shown_frame (&info);

  shown_attach (buffer, shown_object (20, 90, 60, 80, "Lying", 3, 0.5), NULL);
  shown_attach (buffer, shown_object (320, 90, 60, 80, "frontal_pushing", 6, 0.5), NULL);
  buffer = shown_push (harness, buffer, 0);
  g_assert_cmphex (shown_pixel (buffer, &info, 21, 130), ==, gst_cow_view_colour (3));
  g_assert_cmphex (shown_pixel (buffer, &info, 321, 130), ==, gst_cow_view_colour (6));
  gst_buffer_unref (buffer);
  gst_harness_teardown (harness);
}

static void
test_set_while_playing (void)
{
  const GstVideoInfo info = bgrx (480, 240);
  GstHarness *harness = shown_harness (QUIET, &info);
  GstBuffer *thin = draw (harness, &info, shown_object (100, 90, 60, 80, "Lying", 3, 0.5), 0),
            *thick;
  GstElement *element = gst_harness_find_element (harness, "cowoverlay");
  g_autofree char *font = NULL;
  gint width;

  g_object_set (element, "line-width", 7, "font", "Sans 18", NULL);
  g_object_get (element, "line-width", &width, "font", &font, NULL);
  g_assert_cmpint (width, ==, 7);
  g_assert_cmpstr (font, ==, "Sans 18");
  thick = draw (harness, &info, shown_object (100, 90, 60, 80, "Lying", 3, 0.5), 1);
  g_assert_cmpuint (shown_count (thin, &info, 100, 130, 12, 1, gst_cow_view_colour (3), 0), ==, 2);
  g_assert_cmpuint (shown_count (thick, &info, 100, 130, 12, 1, gst_cow_view_colour (3), 0), ==, 8);
  g_assert_cmpint (tag_width (thick, &info), >, tag_width (thin, &info) + 5);
  gst_buffer_unref (thin);
  gst_buffer_unref (thick);
  gst_object_unref (element);
  gst_harness_teardown (harness);
}

/* ---- hostile results ------------------------------------------------------------------------- */

static void
test_hostile (void)
{
  const GstVideoInfo info = support_info (GST_VIDEO_FORMAT_I420, 323, 241, NULL);
  GstHarness *harness = shown_harness ("", &info);
  g_autofree char *endless = g_strnfill (1 << 20, 'W');
  const char *labels[] = { "", "<b>bold</b> & <span size='1000000'>x</span>",
                           "two\nlines\tand\x01more",
                           "\u202e\u0645\u0631\u062d\u0628\u0627 \u725b \U0001F404", endless };
  const guint places[][4] = { { 0, 0, 323, 241 },
                              { 322, 240, 1, 1 },
                              { 323, 0, 10, 10 },
                              { 0, 241, 10, 10 },
                              { 10, 10, 0, 5 },
                              { 300, 200, G_MAXUINT, G_MAXUINT },
                              { G_MAXUINT, G_MAXUINT, G_MAXUINT, G_MAXUINT },
                              { 5, 5, 3, 2 } };
  const gdouble confidences[] = { NAN, INFINITY, -INFINITY, 1e300, -1 };

  for (guint i = 0; i < 40; i++) {
    const guint *place = places[i % G_N_ELEMENTS (places)];
    GstStructure *object = shown_object (
        place[0], place[1], place[2], place[3], labels[i % G_N_ELEMENTS (labels)],
        i % 3 == 0 ? G_MININT : G_MAXINT, confidences[i % G_N_ELEMENTS (confidences)]);

    gst_structure_set (object, "age", G_TYPE_UINT64, G_MAXUINT64, "track_id", G_TYPE_UINT64,
                       G_MAXUINT64, "frames_ago", G_TYPE_UINT, G_MAXUINT, NULL);
    if (i % 4 == 1)
      gst_structure_set (object, "region", G_TYPE_STRING, "zone", "roi_type", G_TYPE_STRING,
                         endless, NULL);
    if (i % 4 == 2)
      gst_structure_set (object, "region", G_TYPE_INT, 7, "label", G_TYPE_DOUBLE, 1.0, NULL);
    gst_buffer_unref (draw (harness, &info, object, i));
  }
  gst_harness_teardown (harness);
}

/* The part of a box inside the frame has its line; nothing outside is drawn. */
static void
test_clipped (void)
{
  const GstVideoInfo info = bgrx (320, 240);
  GstBuffer *buffer = draw_once (QUIET, &info, shown_object (250, 100, 1000, 60, "Lying", 3, 0.5));

  g_assert_cmphex (shown_pixel (buffer, &info, 251, 130), ==, gst_cow_view_colour (3));
  g_assert_cmphex (shown_pixel (buffer, &info, 318, 130), ==, gst_cow_view_colour (3));
  g_assert_false (shown_changed (buffer, &info, 0, 0, 200, 240));
  gst_buffer_unref (buffer);
  buffer = draw_once (QUIET, &info, shown_object (320, 100, 1000, 60, "Lying", 3, 0.5));
  g_assert_false (shown_changed (buffer, &info, 0, 0, 320, 240));
  gst_buffer_unref (buffer);
  buffer = draw_once (QUIET, &info, shown_object (100, 240, 60, 60, "Lying", 3, 0.5));
  g_assert_false (shown_changed (buffer, &info, 0, 0, 320, 240));
  gst_buffer_unref (buffer);
}

/* A meta without objects, one with a text in place of them, and one with more than anybody can
 * see. */
static void
test_strange_metas (void)
{
  const GstVideoInfo info = bgrx (320, 240);
  GstHarness *harness = shown_harness (QUIET, &info);
  GstBuffer *buffer = shown_frame (&info);
  GValue objects = G_VALUE_INIT;
  GstStructure *results;

  gst_buffer_add_custom_meta (buffer, GST_COW_BEHAVIOR_META_NAME);
  gst_structure_set (gst_custom_meta_get_structure (
                         gst_buffer_add_custom_meta (buffer, GST_COW_BEHAVIOR_META_NAME)),
                     "objects", G_TYPE_STRING, "none", NULL);
  buffer = shown_push (harness, buffer, 0);
  g_assert_false (shown_changed (buffer, &info, 0, 0, 320, 240));
  gst_buffer_unref (buffer);

  g_value_init (&objects, GST_TYPE_ARRAY);
  for (guint i = 0; i < 5000; i++) {
    GValue value = G_VALUE_INIT;

    g_value_init (&value, GST_TYPE_STRUCTURE);
    if (i % 5 > 0) /* every fifth is not a structure */
      g_value_take_boxed (&value, shown_object (i < 2000 ? 10 : 200, 90, 60, 80, "Lying", 3, 0.5));
    gst_value_array_append_and_take_value (&objects, &value);
  }
  buffer = shown_frame (&info);
  results = gst_custom_meta_get_structure (
      gst_buffer_add_custom_meta (buffer, GST_COW_BEHAVIOR_META_NAME));
  gst_structure_take_value (results, "objects", &objects);
  buffer = shown_push (harness, buffer, 1);
  g_assert_true (shown_changed (buffer, &info, 10, 90, 4, 80));
  g_assert_false (shown_changed (buffer, &info, 256, 172, 4, 60));
  g_assert_false (shown_changed (buffer, &info, 256, 120, 4, 20));
  gst_buffer_unref (buffer);
  gst_harness_teardown (harness);
}

/* Frames of one pixel and of a few. */
static void
test_tiny_frames (void)
{
  for (gint size = 1; size < 40; size += 3) {
    const GstVideoInfo info = support_info (GST_VIDEO_FORMAT_NV12, size, size, NULL);
    GstHarness *harness = shown_harness ("", &info);

    for (guint n = 0; n < 3; n++)
      gst_buffer_unref (
          draw (harness, &info,
                shown_object (0, 0, (guint)size, (guint)size, "Feeding head down", 1, 0.5), n));
    gst_harness_teardown (harness);
  }
}

/* ---- the badge ------------------------------------------------------------------------------- */

/* A frame with a box in its upper right corner, whose tag is where the badge would be, as `model`
 * labelled it. */
static GstBuffer *
draw_of_model (GstHarness *harness, const GstVideoInfo *info, const char *model, guint n)
{
  GstBuffer *buffer = shown_frame (info);
  GstStructure *results;

  shown_attach (buffer, shown_object (440, 20, 200, 60, "Lying", 3, 0.5), NULL);
  results = gst_buffer_get_cow_behavior (buffer);
  gst_structure_set (results, "model_name", G_TYPE_STRING, model, NULL);
  return shown_push (harness, buffer, n);
}

/* The demonstration model has one, which hides no tag; other models have none, whatever they are
 * called. */
static void
test_badge (void)
{
  const GstVideoInfo info = bgrx (640, 360);
  GstHarness *harness = shown_harness (QUIET, &info);
  GstBuffer *own = draw_of_model (harness, &info, "drawn-cows-2", 0),
            *day = draw_of_model (harness, &info, "drawn-cows-day", 1),
            *after = draw_of_model (harness, &info, "cows", 2);
  guint first = 0;

  g_assert_true (shown_same (own, after, &info));
  g_assert_false (shown_same (own, day, &info));
  for (gint y = 0; y < 360 && first == 0; y++)
    for (gint x = 0; x < 640 && first == 0; x++)
      if (shown_pixel (own, &info, x, y) != shown_pixel (day, &info, x, y))
        first = (guint)y;
  g_test_message ("the badge begins in line %u", first);
  g_assert_cmpuint (first, >=, 40); /* below the tag in the box */
  g_assert_cmpuint (first, <, 180);
  gst_buffer_unref (own);
  gst_buffer_unref (day);
  gst_buffer_unref (after);
  gst_harness_teardown (harness);
}

static void
add_tests (void)
{
  g_test_add_func ("/overlay/untouched", test_untouched);
  g_test_add_func ("/overlay/formats", test_formats);
  g_test_add_func ("/overlay/shared-buffer", test_shared_buffer);
  g_test_add_func ("/overlay/colours", test_colours);
  g_test_add_func ("/overlay/zone-is-dashed", test_zone_is_dashed);
  g_test_add_func ("/overlay/full-frame", test_full_frame);
  g_test_add_func ("/overlay/label", test_label);
  g_test_add_func ("/overlay/confidence", test_confidence);
  g_test_add_func ("/overlay/age", test_age);
  g_test_add_func ("/overlay/id", test_id);
  g_test_add_func ("/overlay/tags-apart", test_tags_apart);
  g_test_add_func ("/overlay/caps-change", test_caps_change);
  g_test_add_func ("/overlay/pixel-aspect-ratio", test_pixel_aspect_ratio);
  g_test_add_func ("/overlay/two-behaviours", test_two_behaviours);
  g_test_add_func ("/overlay/set-while-playing", test_set_while_playing);
  g_test_add_func ("/overlay/hostile", test_hostile);
  g_test_add_func ("/overlay/clipped", test_clipped);
  g_test_add_func ("/overlay/strange-metas", test_strange_metas);
  g_test_add_func ("/overlay/tiny-frames", test_tiny_frames);
  g_test_add_func ("/overlay/badge", test_badge);
}

int
main (int argc, char **argv)
{
  int result;

  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  /* Loading the plugin registers the metadata. */
  gst_object_unref (gst_object_ref_sink (gst_element_factory_make ("cowoverlay", NULL)));
  add_tests ();
  result = g_test_run ();
  return support_no_leaks () ? result : 1;
}
