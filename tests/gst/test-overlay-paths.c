/* SPDX-License-Identifier: MIT */
/* The two ways of `cowoverlay` to draw (into pixels, or beside them as a composition, depending on
 * downstream), how little it draws, and frames that do not match their caps. */
#include "tests/gst/support.h"

#include <string.h>

#include "gst-plugin/common/gstcowbehaviormeta.h"
#include "gst-plugin/overlay/view.h"
#include "tests/gst/shown.h"

#define QUIET    "show-budget=false"
#define FEATURED "video/x-raw(memory:SystemMemory, meta:GstVideoOverlayComposition)"

static GstVideoInfo info;

static GstBuffer *
frame_with (guint x, const char *label, gint label_id)
{
  GstBuffer *buffer = shown_frame (&info);

  shown_attach (buffer, shown_object (x, 90, 120, 80, label, label_id, 0.5), NULL);
  return buffer;
}

/* ---- compositions ---------------------------------------------------------------------------- */

/* A harness whose downstream takes these caps, and asks for compositions or not. */
static GstHarness *
harness_to (const char *properties, const char *sink_caps, gboolean asks)
{
  g_autofree char *line = g_strdup_printf ("cowoverlay %s", properties);
  GstHarness *harness = gst_harness_new_parse (line);

  if (asks)
    gst_harness_add_propose_allocation_meta (harness, GST_VIDEO_OVERLAY_COMPOSITION_META_API_TYPE,
                                             NULL);
  gst_harness_set_sink_caps_str (harness, sink_caps);
  gst_harness_set_src_caps (harness, gst_video_info_to_caps (&info));
  return harness;
}

static GstVideoOverlayComposition *
composition_of (GstBuffer *buffer)
{
  GstVideoOverlayCompositionMeta *meta = gst_buffer_get_video_overlay_composition_meta (buffer);

  return meta ? meta->overlay : NULL;
}

static gboolean
caps_have_feature (GstHarness *harness)
{
  g_autoptr (GstCaps) caps = gst_pad_get_current_caps (harness->sinkpad);

  return gst_caps_features_contains (gst_caps_get_features (caps, 0),
                                     GST_CAPS_FEATURE_META_GST_VIDEO_OVERLAY_COMPOSITION);
}

/* Whether a rectangle of the composition covers x, y with something visible. */
static gboolean
covers (GstVideoOverlayComposition *composition, gint x, gint y)
{
  for (guint i = 0; i < gst_video_overlay_composition_n_rectangles (composition); i++) {
    GstVideoOverlayRectangle *rectangle =
        gst_video_overlay_composition_get_rectangle (composition, i);
    GstBuffer *pixels = gst_video_overlay_rectangle_get_pixels_unscaled_raw (
        rectangle, GST_VIDEO_OVERLAY_FORMAT_FLAG_PREMULTIPLIED_ALPHA);
    GstVideoMeta *size = gst_buffer_get_video_meta (pixels);
    guint32 pixel = 0;
    gint left, top;
    guint w, h;

    g_assert_true (
        gst_video_overlay_rectangle_get_render_rectangle (rectangle, &left, &top, &w, &h));
    g_assert_cmpuint (w, ==, size->width);
    g_assert_cmpuint (h, ==, size->height);
    g_assert_cmpint (left % 2, ==, 0);
    g_assert_cmpint (top % 2, ==, 0);
    if (x >= left && x < left + (gint)w && y >= top && y < top + (gint)h)
      gst_buffer_extract (pixels, (gsize)(y - top) * (gsize)size->stride[0] + (gsize)(x - left) * 4,
                          &pixel, 4);
    if (pixel)
      return TRUE;
  }
  return FALSE;
}

static void
test_attaches (void)
{
  GstHarness *harness = harness_to (QUIET, FEATURED "; video/x-raw", TRUE);
  GstBuffer *buffer = shown_push (harness, frame_with (100, "Lying", 3), 0);
  GstVideoOverlayComposition *composition = composition_of (buffer);

  g_assert_true (caps_have_feature (harness));
  g_assert_nonnull (composition);
  g_assert_false (shown_changed (buffer, &info, 0, 0, 480, 240));
  g_assert_true (covers (composition, 101, 130));
  g_assert_true (covers (composition, 218, 130));
  g_assert_true (covers (composition, 160, 91));
  g_assert_true (covers (composition, 160, 168));
  g_assert_true (covers (composition, 110, 80)); /* the tag */
  g_assert_false (covers (composition, 160, 130));
  g_assert_false (covers (composition, 90, 130));
  g_assert_false (covers (composition, 230, 130));
  /* There are no more pixels than lines and words need. */
  g_assert_cmpuint (gst_video_overlay_composition_n_rectangles (composition), ==, 5);
  gst_buffer_unref (buffer);

  buffer = shown_push (harness, shown_frame (&info), 1);
  g_assert_null (composition_of (buffer));
  gst_buffer_unref (buffer);
  gst_harness_teardown (harness);
}

/* A rectangle that looks the same stays the same object, so that nothing is drawn again and nothing
 * is sent to a GPU. */
static void
test_draws_changes_only (void)
{
  GstHarness *harness = harness_to (QUIET, FEATURED, TRUE);
  GstBuffer *first = shown_push (harness, frame_with (100, "Lying", 3), 0);
  GstBuffer *same = shown_push (harness, frame_with (100, "Lying", 3), 1);
  GstBuffer *moved = shown_push (harness, frame_with (140, "Lying", 3), 2);
  GstBuffer *other = shown_push (harness, frame_with (140, "Standing", 3), 3);
  GstVideoOverlayComposition *of_moved = composition_of (moved), *of_other = composition_of (other);

  g_assert_true (composition_of (first) == composition_of (same));
  g_assert_true (composition_of (same) != of_moved);
  g_assert_cmpuint (gst_video_overlay_composition_n_rectangles (of_moved), ==, 5);
  for (guint i = 0; i < 5; i++) {
    GstVideoOverlayRectangle *before =
        gst_video_overlay_composition_get_rectangle (composition_of (same), i);
    GstVideoOverlayRectangle *after = gst_video_overlay_composition_get_rectangle (of_moved, i);
    const GstVideoOverlayFormatFlags flags = GST_VIDEO_OVERLAY_FORMAT_FLAG_PREMULTIPLIED_ALPHA;

    g_assert_true (gst_video_overlay_rectangle_get_pixels_unscaled_raw (before, flags) ==
                   gst_video_overlay_rectangle_get_pixels_unscaled_raw (after, flags));
    /* Another label changes the tag but keeps the box. */
    g_assert_cmpint (after == gst_video_overlay_composition_get_rectangle (of_other, i), ==, i < 4);
  }
  gst_buffer_unref (first);
  gst_buffer_unref (same);
  gst_buffer_unref (moved);
  gst_buffer_unref (other);
  gst_harness_teardown (harness);
}

static void
assert_blends (const char *sink_caps, gboolean asks)
{
  GstHarness *harness = harness_to (QUIET, sink_caps, asks);
  GstBuffer *buffer = shown_push (harness, frame_with (100, "Lying", 3), 0);

  g_assert_false (caps_have_feature (harness));
  g_assert_null (composition_of (buffer));
  g_assert_cmphex (shown_pixel (buffer, &info, 101, 130), ==, gst_cow_view_colour (3));
  gst_buffer_unref (buffer);
  gst_harness_teardown (harness);
}

/* Elements that take any caps or do not answer would lose a composition. */
static void
test_blends_otherwise (void)
{
  assert_blends ("video/x-raw", FALSE);
  assert_blends ("video/x-raw", TRUE);
  assert_blends ("ANY", FALSE);
  assert_blends (FEATURED "; video/x-raw", FALSE);
}

/* Downstream takes nothing else, or nothing can be drawn into frames of this format or memory. */
static void
test_attaches_for_want_of_another_way (void)
{
  GstHarness *harness = harness_to (QUIET, FEATURED, FALSE);
  GstBuffer *buffer = shown_push (harness, frame_with (100, "Lying", 3), 0);

  g_assert_nonnull (composition_of (buffer));
  gst_buffer_unref (buffer);
  gst_harness_teardown (harness);

  harness = gst_harness_new_parse ("cowoverlay");
  gst_harness_set_sink_caps_str (harness,
                                 "video/x-raw(memory:GLMemory, meta:GstVideoOverlayComposition)");
  gst_harness_set_src_caps_str (
      harness, "video/x-raw(memory:GLMemory),format=RGBA,width=480,height=240,framerate=25/1");
  buffer = shown_push (harness, frame_with (100, "Lying", 3), 0);
  g_assert_nonnull (composition_of (buffer));
  g_assert_false (shown_changed (buffer, &info, 0, 0, 480, 240));
  gst_buffer_unref (buffer);
  gst_harness_teardown (harness);
}

/* Frames of these caps, where downstream takes no compositions: an error says what to put before.
 */
static void
assert_refuses (const char *caps, const char *remedy)
{
  GstHarness *harness = gst_harness_new_parse ("cowoverlay");
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, 1 << 20, NULL);
  g_autoptr (GstBus) bus = gst_bus_new ();
  g_autoptr (GError) error = NULL;
  GstMessage *message;

  gst_element_set_bus (harness->element, bus);
  gst_harness_set_sink_caps_str (harness, "video/x-raw");
  gst_harness_set_src_caps_str (harness, caps);
  g_assert_cmpint (gst_harness_push (harness, buffer), ==, GST_FLOW_NOT_NEGOTIATED);
  g_assert_cmpuint (support_n_messages (bus, GST_MESSAGE_ERROR, &message), >=, 1);
  gst_message_parse_error (message, &error, NULL);
  g_assert_error (error, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT);
  g_assert_nonnull (strstr (error->message, remedy));
  gst_message_unref (message);
  gst_element_set_bus (harness->element, NULL);
  gst_harness_teardown (harness);
}

/* A composition can be attached to these, but nothing can be drawn into them. */
static void
test_refuses_what_it_cannot_draw_into (void)
{
  assert_refuses ("video/x-raw,format=v210,width=480,height=240,framerate=25/1",
                  "put videoconvert before cowoverlay");
  assert_refuses ("video/x-raw(memory:CUDAMemory),format=NV12,width=480,height=240,framerate=25/1",
                  "put cudadownload before cowbehavior");
  assert_refuses ("video/x-raw(memory:GLMemory),format=RGBA,width=480,height=240,framerate=25/1",
                  "put what brings them to the host before cowbehavior");
}

/* Elements are linked before there are caps: what is before it may have any memory. */
static void
test_links (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GstElement) pipeline = gst_parse_launch (
      "identity ! video/x-raw(memory:CUDAMemory) ! cowoverlay ! fakesink", &error);

  g_assert_no_error (error);
  g_assert_nonnull (pipeline);
}

/* Downstream renegotiates. */
static void
test_renegotiates (void)
{
  GstHarness *harness = harness_to (QUIET, FEATURED "; video/x-raw", TRUE);

  gst_buffer_unref (shown_push (harness, frame_with (100, "Lying", 3), 0));
  g_assert_true (caps_have_feature (harness));
  gst_harness_set_sink_caps_str (harness, "video/x-raw");
  gst_harness_push_upstream_event (harness, gst_event_new_reconfigure ());
  GstBuffer *buffer = shown_push (harness, frame_with (100, "Lying", 3), 1);
  g_assert_false (caps_have_feature (harness));
  g_assert_null (composition_of (buffer));
  g_assert_true (shown_changed (buffer, &info, 100, 90, 120, 80));
  gst_buffer_unref (buffer);
  gst_harness_teardown (harness);
}

/* Rectangles that an overlay upstream attached stay first, and its own composition stays
 * unchanged. */
static void
test_keeps_others (void)
{
  g_autoptr (GstCaps) caps = gst_video_info_to_caps (&info);
  GstHarness *harness = gst_harness_new_parse ("cowoverlay " QUIET);
  GstBuffer *pixels = gst_buffer_new_allocate (NULL, 4 * 4 * 4, NULL),
            *buffer = frame_with (100, "Lying", 3);
  GstVideoOverlayRectangle *theirs;
  GstVideoOverlayComposition *before, *after;

  gst_buffer_memset (pixels, 0, 0xff, 64);
  gst_buffer_add_video_meta (pixels, 0, GST_VIDEO_OVERLAY_COMPOSITION_FORMAT_RGB, 4, 4);
  theirs =
      gst_video_overlay_rectangle_new_raw (pixels, 8, 8, 4, 4, GST_VIDEO_OVERLAY_FORMAT_FLAG_NONE);
  before = gst_video_overlay_composition_new (theirs);
  gst_buffer_add_video_overlay_composition_meta (buffer, before);
  gst_caps_set_features (
      caps, 0, gst_caps_features_new (GST_CAPS_FEATURE_META_GST_VIDEO_OVERLAY_COMPOSITION, NULL));
  gst_harness_set_src_caps (harness, gst_caps_ref (caps));
  buffer = shown_push (harness, buffer, 0);
  after = composition_of (buffer);
  g_assert_true (caps_have_feature (harness));
  g_assert_cmpuint (gst_video_overlay_composition_n_rectangles (after), ==, 6);
  g_assert_true (gst_video_overlay_composition_get_rectangle (after, 0) == theirs);
  g_assert_cmpuint (gst_video_overlay_composition_n_rectangles (before), ==, 1);
  gst_video_overlay_composition_unref (before);
  gst_video_overlay_rectangle_unref (theirs);
  gst_buffer_unref (pixels);
  gst_buffer_unref (buffer);
  gst_harness_teardown (harness);
}

/* With GStreamer 1.22, which gives V another place, support_frame_new () leaves samples of P010
 * unwritten. */
static GstBuffer *
picture (const GstVideoInfo *of)
{
  return GST_VIDEO_INFO_FORMAT (of) == GST_VIDEO_FORMAT_P010_10LE ? shown_frame (of)
                                                                  : support_frame_new (of, 7);
}

/* The same rectangles, blended by GStreamer into the whole frame. */
static void
assert_same_as_library (const char *format)
{
  const GstVideoInfo in = support_info (gst_video_format_from_string (format), 323, 241, NULL);
  GstBuffer *buffers[2], *expected = picture (&in);
  GstVideoFrame frame;

  for (guint i = 0; i < 2; i++) {
    GstHarness *harness = gst_harness_new_parse ("cowoverlay " QUIET);

    gst_harness_set_sink_caps_str (harness, i == 0 ? FEATURED : "video/x-raw");
    gst_harness_set_src_caps (harness, gst_video_info_to_caps (&in));
    buffers[i] = picture (&in);
    shown_attach (buffers[i], shown_object (51, 67, 121, 83, "Lying", 3, 0.5),
                  shown_object (281, 190, 99, 99, "leap", 8, 0.5), NULL);
    buffers[i] = shown_push (harness, buffers[i], 0);
    gst_harness_teardown (harness);
  }
  g_assert_true (gst_video_frame_map (&frame, &in, expected, GST_MAP_READWRITE));
  g_assert_true (gst_video_overlay_composition_blend (composition_of (buffers[0]), &frame));
  gst_video_frame_unmap (&frame);
  g_assert_true (shown_same (expected, buffers[1], &in));
  gst_buffer_unref (expected);
  gst_buffer_unref (buffers[0]);
  gst_buffer_unref (buffers[1]);
}

/* Formats whose fourth byte means nothing are left out, because the library takes it for alpha. */
static void
test_blends_as_the_library (void)
{
  const char *formats[] = { "NV12", "I420", "YV12", "YUY2", "UYVY", "P010_10LE", "RGB",
                            "BGR",  "RGBA", "BGRA", "ARGB", "ABGR", "GRAY8" };

  for (guint i = 0; i < G_N_ELEMENTS (formats); i++) {
    g_test_message ("%s", formats[i]);
    assert_same_as_library (formats[i]);
  }
}

/* ---- frames that do not match their caps ----------------------------------------------------- */

static GstBuffer *
larger_frame (guint x, guint y)
{
  const GstVideoInfo large = support_info (GST_VIDEO_FORMAT_BGRx, 600, 400, NULL);
  GstBuffer *buffer = shown_frame (&large);
  GstVideoCropMeta *crop = gst_buffer_add_video_crop_meta (buffer);

  gst_buffer_add_video_meta (buffer, 0, GST_VIDEO_FORMAT_BGRx, 600, 400);
  crop->x = x;
  crop->y = y;
  crop->width = 480;
  crop->height = 240;
  return buffer;
}

/* Places are relative to the visible part. */
static void
test_crop (void)
{
  const GstVideoInfo large = support_info (GST_VIDEO_FORMAT_BGRx, 600, 400, NULL);
  GstHarness *harness = harness_to (QUIET, "video/x-raw", FALSE);
  GstBuffer *buffer = larger_frame (61, 41);

  shown_attach (buffer, shown_object (100, 90, 380, 150, "Lying", 3, 0.5), NULL);
  buffer = shown_push (harness, buffer, 0);
  g_assert_cmphex (shown_pixel (buffer, &large, 161 + 1, 131 + 40), ==, gst_cow_view_colour (3));
  g_assert_cmphex (shown_pixel (buffer, &large, 61 + 480 - 2, 131 + 40), ==,
                   gst_cow_view_colour (3));
  g_assert_false (shown_changed (buffer, &large, 0, 0, 600, 40));
  g_assert_false (shown_changed (buffer, &large, 61 + 482, 0, 57, 400));
  g_assert_false (shown_changed (buffer, &large, 0, 41 + 242, 600, 100));
  gst_buffer_unref (buffer);
  gst_harness_teardown (harness);
}

static void
test_padded_rows (void)
{
  GstHarness *harness = harness_to (QUIET, "video/x-raw", FALSE);
  GstBuffer *buffer = support_pad_rows (shown_frame (&info), &info, 52);

  shown_attach (buffer, shown_object (100, 90, 120, 80, "Lying", 3, 0.5), NULL);
  buffer = shown_push (harness, buffer, 0);
  g_assert_cmphex (shown_pixel (buffer, &info, 101, 130), ==, gst_cow_view_colour (3));
  g_assert_false (shown_changed (buffer, &info, 0, 176, 480, 60));
  gst_buffer_unref (buffer);
  gst_harness_teardown (harness);
}

static void
assert_refused (GstBuffer *buffer, const char *expected)
{
  GstHarness *harness = harness_to (QUIET, "video/x-raw", FALSE);
  GstElement *element = gst_harness_find_element (harness, "cowoverlay");
  g_autoptr (GstBus) bus = gst_bus_new ();
  g_autoptr (GError) error = NULL;

  gst_element_set_bus (element, bus);
  shown_attach (buffer, shown_object (100, 90, 120, 80, "Lying", 3, 0.5), NULL);
  g_assert_cmpint (gst_harness_push (harness, buffer), ==, GST_FLOW_ERROR);
  GstMessage *message = gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR);
  g_assert_nonnull (message);
  gst_message_parse_error (message, &error, NULL);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, expected));
  gst_message_unref (message);
  gst_element_set_bus (element, NULL);
  gst_object_unref (element);
  gst_harness_teardown (harness);
}

static void
test_broken_frames (void)
{
  GstBuffer *strides = shown_frame (&info);
  gsize offsets[GST_VIDEO_MAX_PLANES] = { 0 };
  gint wide[GST_VIDEO_MAX_PLANES] = { 480 * 4 * 2 };

  gst_buffer_add_video_meta_full (strides, 0, GST_VIDEO_FORMAT_BGRx, 480, 240, 1, offsets, wide);
  assert_refused (strides, "cannot be drawn into");
  assert_refused (gst_buffer_new_allocate (NULL, 1000, NULL), "1000 bytes");
  assert_refused (larger_frame (200, 100), "GstVideoCropMeta");
}

static void
add_tests (void)
{
  g_test_add_func ("/overlay-paths/attaches", test_attaches);
  g_test_add_func ("/overlay-paths/draws-changes-only", test_draws_changes_only);
  g_test_add_func ("/overlay-paths/blends-otherwise", test_blends_otherwise);
  g_test_add_func ("/overlay-paths/attaches-for-want-of-another-way",
                   test_attaches_for_want_of_another_way);
  g_test_add_func ("/overlay-paths/refuses-what-it-cannot-draw-into",
                   test_refuses_what_it_cannot_draw_into);
  g_test_add_func ("/overlay-paths/links", test_links);
  g_test_add_func ("/overlay-paths/renegotiates", test_renegotiates);
  g_test_add_func ("/overlay-paths/keeps-others", test_keeps_others);
  g_test_add_func ("/overlay-paths/blends-as-the-library", test_blends_as_the_library);
  g_test_add_func ("/overlay-paths/crop", test_crop);
  g_test_add_func ("/overlay-paths/padded-rows", test_padded_rows);
  g_test_add_func ("/overlay-paths/broken-frames", test_broken_frames);
}

int
main (int argc, char **argv)
{
  int result;

  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  info = support_info (GST_VIDEO_FORMAT_BGRx, 480, 240, NULL);
  /* Loading the plugin registers the metadata. */
  gst_object_unref (gst_object_ref_sink (gst_element_factory_make ("cowoverlay", NULL)));
  add_tests ();
  result = g_test_run ();
  return support_no_leaks () ? result : 1;
}
