/* SPDX-License-Identifier: MIT */
/* The time budget of `cowoverlay`, measured from the pixels of its strip. */
#include "tests/gst/support.h"

#include "gst-plugin/overlay/view.h"
#include "tests/gst/shown.h"

static GstVideoInfo info;

/* The number of px of a class's colour in the lowest row, which has no letters. */
static guint
strip_px (GstBuffer *buffer, gint label_id)
{
  const guint32 colour = gst_cow_view_colour (label_id), grey = 100;
  guint32 blended = 0;

  for (guint shift = 0; shift < 24; shift += 8)
    blended |= (guint32)((colour >> shift & 0xff) * 0.92 + grey * 0.08) << shift;
  return shown_count (buffer, &info, 0, 239, 480, 1, blended, 4);
}

/* Frame n with `lying` and `standing` cows. */
static GstBuffer *
herd (GstHarness *harness, guint n, guint lying, guint standing)
{
  GstBuffer *buffer = shown_frame (&info);

  for (guint i = 0; i < lying + standing; i++)
    shown_attach (buffer,
                  shown_object (10 + 20 * i, 90, 16, 16, i < lying ? "Lying" : "Standing",
                                i < lying ? 3 : 4, 0.5),
                  NULL);
  return shown_push (harness, buffer, n);
}

static GstBuffer *
watch_herd (GstHarness *harness, guint from, guint n_frames, guint lying, guint standing)
{
  for (guint n = from; n + 1 < from + n_frames; n++)
    gst_buffer_unref (herd (harness, n, lying, standing));
  return herd (harness, from + n_frames - 1, lying, standing);
}

static void
test_shares (void)
{
  GstHarness *harness = shown_harness ("", &info);
  GstBuffer *buffer = herd (harness, 0, 1, 0);

  g_assert_cmpuint (strip_px (buffer, 3), ==, 0); /* no time has passed */
  gst_buffer_unref (buffer);
  buffer = watch_herd (harness, 1, 50, 3, 0); /* 2 s of three that lie: 6 cow-seconds */
  g_assert_cmpuint (strip_px (buffer, 3), ==, 480);
  gst_buffer_unref (buffer);
  buffer = watch_herd (harness, 51, 25, 0, 2); /* 1 s of two that stand: 2 more */
  g_assert_cmpfloat_with_epsilon (strip_px (buffer, 3), 480 * 0.75, 3);
  g_assert_cmpfloat_with_epsilon (strip_px (buffer, 4), 480 * 0.25, 3);
  g_assert_cmpuint (shown_count (buffer, &info, 0, 200, 480, 18, 0x646464, 0), ==,
                    480 * 18); /* the strip does not reach up to here */
  gst_buffer_unref (buffer);
  gst_harness_teardown (harness);
}

/* At most five seconds of a pause count, and time that goes back does not count. */
static void
test_pause (void)
{
  GstHarness *harness = shown_harness ("", &info);

  gst_buffer_unref (herd (harness, 0, 1, 0));
  gst_buffer_unref (herd (harness, 25 * 3600, 1, 0)); /* an hour later: 5 s */
  gst_buffer_unref (herd (harness, 25 * 10, 0, 1));   /* back: 0 s */
  GstBuffer *buffer = herd (harness, 25 * 15, 0, 1);  /* 5 s */
  g_assert_cmpfloat_with_epsilon (strip_px (buffer, 3), 240, 3);
  g_assert_cmpfloat_with_epsilon (strip_px (buffer, 4), 240, 3);
  gst_buffer_unref (buffer);
  gst_harness_teardown (harness);
}

static void
test_begins_anew (void)
{
  GstHarness *harness = shown_harness ("", &info);
  GstSegment segment;
  GstBuffer *buffer;

  gst_segment_init (&segment, GST_FORMAT_TIME);
  gst_buffer_unref (watch_herd (harness, 0, 20, 1, 0));
  gst_harness_push_event (harness, gst_event_new_flush_start ());
  gst_harness_push_event (harness, gst_event_new_flush_stop (TRUE));
  gst_harness_push_event (harness, gst_event_new_segment (&segment));
  buffer = watch_herd (harness, 100, 20, 0, 1);
  g_assert_cmpuint (strip_px (buffer, 4), ==, 480);
  gst_buffer_unref (buffer);
  gst_harness_push_event (harness, gst_event_new_stream_start ("another"));
  gst_harness_set_src_caps (harness, gst_video_info_to_caps (&info));
  buffer = watch_herd (harness, 200, 20, 1, 0);
  g_assert_cmpuint (strip_px (buffer, 3), ==, 480);
  gst_buffer_unref (buffer);
  gst_harness_teardown (harness);
}

static void
test_off (void)
{
  GstHarness *harness = shown_harness ("show-budget=false", &info);
  GstBuffer *buffer = watch_herd (harness, 0, 10, 1, 0);
  GstElement *element = gst_harness_find_element (harness, "cowoverlay");

  g_assert_false (shown_changed (buffer, &info, 0, 180, 480, 60));
  gst_buffer_unref (buffer);
  g_object_set (element, "show-budget", TRUE, NULL); /* it was counted while hidden */
  buffer = herd (harness, 10, 0, 10);
  g_assert_cmpfloat_with_epsilon (strip_px (buffer, 3), 480.0 * 9 / 19, 3);
  gst_buffer_unref (buffer);
  gst_object_unref (element);
  gst_harness_teardown (harness);
}

/* With more and more labels the strip stays, and those without a place of their own are grey. */
static void
test_is_bounded (void)
{
  GstHarness *harness = shown_harness ("", &info);
  GstBuffer *buffer = NULL;

  for (guint n = 0; n <= 320; n++) {
    g_autofree char *label = g_strdup_printf ("label %u", n);

    gst_clear_buffer (&buffer);
    buffer = shown_frame (&info);
    shown_attach (buffer, shown_object (100, 90, 16, 16, label, 3, 0.5), NULL);
    buffer = shown_push (harness, buffer, n);
  }
  g_assert_cmpfloat_with_epsilon (strip_px (buffer, 3), 48, 4);
  g_assert_cmpfloat_with_epsilon (strip_px (buffer, -1), 480 - 48, 4);
  gst_buffer_unref (buffer);
  gst_harness_teardown (harness);
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
  g_test_add_func ("/overlay-budget/shares", test_shares);
  g_test_add_func ("/overlay-budget/pause", test_pause);
  g_test_add_func ("/overlay-budget/begins-anew", test_begins_anew);
  g_test_add_func ("/overlay-budget/off", test_off);
  g_test_add_func ("/overlay-budget/bounded", test_is_bounded);
  result = g_test_run ();
  return support_no_leaks () ? result : 1;
}
