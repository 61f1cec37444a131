/* SPDX-License-Identifier: MIT */
#include "tests/gst/recorded.h"

#include "gst-plugin/overlay/view.h"
#include "tests/gst/shown.h"
#include "tests/gst/support.h"

void
recorded_ball (const char *path)
{
  g_autofree char *line = g_strdup_printf (
      "videotestsrc pattern=ball num-buffers=40 ! video/x-raw,format=I420,width=320,height=240,"
      "framerate=20/1 ! x264enc tune=zerolatency key-int-max=10 ! h264parse ! mp4mux ! "
      "filesink location=\"%s\"",
      path);

  support_play (line);
}

GPtrArray *
recorded_frames (const char *path, GstVideoInfo *info)
{
  g_autofree char *line = g_strdup_printf (
      "filesrc location=\"%s\" ! decodebin ! videoconvert ! video/x-raw,format=BGRx ! "
      "appsink name=sink sync=false",
      path);
  GPtrArray *frames = g_ptr_array_new_with_free_func ((GDestroyNotify)gst_buffer_unref);
  g_autoptr (GError) error = NULL;
  g_autoptr (GstElement) pipeline = gst_parse_launch (line, &error);
  g_autoptr (GstElement) sink = gst_bin_get_by_name (GST_BIN (pipeline), "sink");
  GstSample *sample;

  g_assert_no_error (error);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  /* A file that cannot be played gives neither a frame nor an end. */
  while (g_signal_emit_by_name (sink, "try-pull-sample", 10 * GST_SECOND, &sample), sample) {
    g_assert_true (gst_video_info_from_caps (info, gst_sample_get_caps (sample)));
    g_ptr_array_add (frames, gst_buffer_ref (gst_sample_get_buffer (sample)));
    gst_sample_unref (sample);
  }
  gst_element_set_state (pipeline, GST_STATE_NULL);
  return frames;
}

gboolean
recorded_has_strip (GstBuffer *frame, const GstVideoInfo *info, gint x, gint y, gint w, gint h)
{
  guint n = 0;

  for (gint id = -1; id < 9; id++)
    n += shown_count (frame, info, x + 8, y + h - 4, w - 16, 2, gst_cow_view_colour (id), 40);
  return n > (guint)(w - 16) * 2 * 9 / 10;
}

gboolean
recorded_is_black (GstBuffer *frame, const GstVideoInfo *info, gint x, gint y, gint w, gint h)
{
  return shown_count (frame, info, x + 8, y + 8, w - 16, h - 16, 0x000000, 12) ==
         (guint)((w - 16) * (h - 16));
}
