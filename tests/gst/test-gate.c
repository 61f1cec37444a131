/* SPDX-License-Identifier: MIT */
/* The motion gate: what looks as it did when it was classified is not classified again. */
#include "tests/gst/support.h"

#include "gst-plugin/common/gstcowbehaviormeta.h"

#define WIDTH  96
#define HEIGHT 80

static char *adapter;

/* ---- frames ---------------------------------------------------------------------------------- */

/* Makes a part of a frame brighter, in the luma or in all colours. */
static void
brighten (GstBuffer *buffer, const GstVideoInfo *info, const CowRegion *part, gint levels)
{
  const guint n = GST_VIDEO_INFO_IS_RGB (info) ? 3 : 1;
  GstVideoFrame frame;

  g_assert_true (gst_video_frame_map (&frame, info, buffer, GST_MAP_READWRITE));
  for (guint c = 0; c < n; c++)
    for (gint y = part->y; y < part->y + part->h; y++) {
      guint8 *line = GST_VIDEO_FRAME_COMP_DATA (&frame, c) +
                     (gssize)y * GST_VIDEO_FRAME_COMP_STRIDE (&frame, c) +
                     (GST_VIDEO_FRAME_COMP_DEPTH (&frame, c) > 8);

      for (gint x = part->x; x < part->x + part->w; x++) {
        guint8 *at = line + (gssize)x * GST_VIDEO_FRAME_COMP_PSTRIDE (&frame, c);

        *at = (guint8)CLAMP (*at + levels, 0, 255);
      }
    }
  gst_video_frame_unmap (&frame);
}

/* Pushes frame n of a picture with a part that is brighter by so many levels; NULL: none is. */
static GstBuffer *
push (GstHarness *harness, const GstVideoInfo *info, guint n, const CowRegion *part, gint levels)
{
  GstBuffer *buffer = support_frame_new (info, 3);

  if (part)
    brighten (buffer, info, part, levels);
  GST_BUFFER_PTS (buffer) = n * 40 * GST_MSECOND;
  g_assert_cmpint (gst_harness_push (harness, buffer), ==, GST_FLOW_OK);
  buffer = gst_harness_try_pull (harness);
  g_assert_nonnull (buffer);
  return buffer;
}

static guint
frames_ago (GstBuffer *buffer, guint i)
{
  guint frames;

  g_assert_true (gst_structure_get_uint (support_object (buffer, i), "frames_ago", &frames));
  return frames;
}

static GstHarness *
harness_new (const GstVideoInfo *info, const char *properties)
{
  GstHarness *harness = support_harness_new (adapter, properties);

  support_harness_set_info (harness, info);
  return harness;
}

/* ---- tests ----------------------------------------------------------------------------------- */

/* In each kind of format, what stands is classified once, and what moves again. */
static void
test_still (gconstpointer data)
{
  const GstVideoInfo info = support_info (GPOINTER_TO_INT (data), WIDTH, HEIGHT, NULL);
  const CowRegion head = { 40, 32, 12, 10 };
  GstHarness *harness = harness_new (&info, "motion-threshold=3");

  for (guint n = 0; n < 5; n++) {
    g_autoptr (GstBuffer) buffer = push (harness, &info, n, NULL, 0);
    g_assert_cmpuint (support_n_objects (buffer), ==, 1);
    g_assert_cmpuint (frames_ago (buffer, 0), ==, n);
  }
  g_assert_cmpuint (support_stat (harness, "regions"), ==, 1);
  g_assert_cmpuint (support_stat (harness, "regions-still"), ==, 4);
  g_assert_cmpuint (support_stat (harness, "reused"), ==, 4);

  g_autoptr (GstBuffer) moved = push (harness, &info, 5, &head, -60);
  g_assert_cmpuint (frames_ago (moved, 0), ==, 0);
  g_autoptr (GstBuffer) rests = push (harness, &info, 6, &head, -60);
  g_assert_cmpuint (frames_ago (rests, 0), ==, 1);
  g_assert_cmpuint (support_stat (harness, "regions"), ==, 2);
  support_harness_free (harness);
}

/* Noise is no motion; but a change that comes slowly adds up. */
static void
test_slow (void)
{
  const GstVideoInfo info = support_info (GST_VIDEO_FORMAT_NV12, WIDTH, HEIGHT, NULL);
  const CowRegion half = { 0, 0, WIDTH / 2, HEIGHT };
  GstHarness *harness = harness_new (&info, "motion-threshold=3");

  for (guint n = 0; n < 8; n++) {
    g_autoptr (GstBuffer) buffer = push (harness, &info, n, &half, (gint)n);
    g_assert_cmpuint (frames_ago (buffer, 0), ==, n % 4);
  }
  g_assert_cmpuint (support_stat (harness, "regions"), ==, 2);
  support_harness_free (harness);
}

/* One zone moves while another rests. */
static void
test_zones (void)
{
  const GstVideoInfo info = support_info (GST_VIDEO_FORMAT_I420, WIDTH, HEIGHT, NULL);
  const CowRegion in_b = { 60, 20, 20, 20 };
  GstHarness *harness =
      harness_new (&info, "motion-threshold=3 zones=\"a=0,0,0.5,1;b=0.5,0,0.5,1\"");

  for (guint n = 0; n < 4; n++) {
    g_autoptr (GstBuffer) buffer = push (harness, &info, n, &in_b, n % 2 ? 40 : 0);
    g_assert_cmpuint (frames_ago (buffer, 0), ==, n);
    g_assert_cmpuint (frames_ago (buffer, 1), ==, 0);
  }
  g_assert_cmpuint (support_stat (harness, "regions"), ==, 5);
  g_assert_cmpuint (support_stat (harness, "regions-still"), ==, 3);
  support_harness_free (harness);
}

/* Ten seconds are the longest that nobody looks. */
static void
test_longest (void)
{
  GstVideoInfo info = support_info (GST_VIDEO_FORMAT_GRAY8, WIDTH, HEIGHT, NULL);
  GstHarness *harness;

  GST_VIDEO_INFO_FPS_N (&info) = 2;
  harness = harness_new (&info, "motion-threshold=3");
  for (guint n = 0; n < 41; n++) {
    g_autoptr (GstBuffer) buffer = push (harness, &info, n, NULL, 0);
    g_assert_cmpuint (frames_ago (buffer, 0), ==, n % 20);
  }
  g_assert_cmpuint (support_stat (harness, "regions"), ==, 3);
  support_harness_free (harness);
}

/* A box that trembles around a cow who stands is no motion; without the property all is looked at.
 */
static void
test_boxes (gconstpointer data)
{
  const gboolean gated = GPOINTER_TO_INT (data);
  const GstVideoInfo info = support_info (GST_VIDEO_FORMAT_NV12, WIDTH, HEIGHT, NULL);
  GstHarness *harness = harness_new (&info, gated ? "motion-threshold=3" : "");

  for (guint n = 0; n < 6; n++) {
    GstBuffer *buffer = support_frame_new (&info, 3);

    support_add_roi (buffer, 20 + n % 3, 18 - n % 2, 40, 36 + n % 2, 7);
    GST_BUFFER_PTS (buffer) = n * 40 * GST_MSECOND;
    g_assert_cmpint (gst_harness_push (harness, buffer), ==, GST_FLOW_OK);
    gst_buffer_unref (gst_harness_pull (harness));
  }
  g_assert_cmpuint (support_stat (harness, "regions"), ==, gated ? 1 : 6);
  g_assert_cmpuint (support_stat (harness, "regions-still"), ==, gated ? 5 : 0);
  support_harness_free (harness);
}

int
main (int argc, char **argv)
{
  static const GstVideoFormat formats[] = { GST_VIDEO_FORMAT_NV12,  GST_VIDEO_FORMAT_YUY2,
                                            GST_VIDEO_FORMAT_UYVY,  GST_VIDEO_FORMAT_P010_10LE,
                                            GST_VIDEO_FORMAT_GRAY8, GST_VIDEO_FORMAT_BGR,
                                            GST_VIDEO_FORMAT_xRGB };
  CowClassifier *classifier;

  support_init (&argc, &argv, &adapter, &classifier);
  for (guint i = 0; i < G_N_ELEMENTS (formats); i++) {
    g_autofree char *path =
        g_strdup_printf ("/gate/still/%s", gst_video_format_to_string (formats[i]));
    g_test_add_data_func (path, GINT_TO_POINTER (formats[i]), test_still);
  }
  g_test_add_func ("/gate/slow", test_slow);
  g_test_add_func ("/gate/zones", test_zones);
  g_test_add_func ("/gate/longest", test_longest);
  g_test_add_data_func ("/gate/boxes/on", GINT_TO_POINTER (TRUE), test_boxes);
  g_test_add_data_func ("/gate/boxes/off", GINT_TO_POINTER (FALSE), test_boxes);
  return support_run (adapter, classifier);
}
