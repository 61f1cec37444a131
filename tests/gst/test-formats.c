/* SPDX-License-Identifier: MIT */
/* `cowbehavior` reads frames as they lie in memory: every format, strides, crops, colorimetry,
 * compared with cow_classifier_run () on the same pixels. */
#include "tests/gst/support.h"

#include "gst-plugin/common/gstcowbehaviormeta.h"

static CowClassifier *classifier; /* the same model and adapter without the element */
static char *adapter;

static const CowRegion *
whole (const GstVideoInfo *info)
{
  static CowRegion region;

  region = (CowRegion){ 0, 0, GST_VIDEO_INFO_WIDTH (info), GST_VIDEO_INFO_HEIGHT (info) };
  return &region;
}

static void
assert_format (GstVideoFormat format, gint width, gint height, const char *colorimetry, gint pad)
{
  GstVideoInfo info = support_info (format, width, height, colorimetry);
  GstHarness *harness = support_harness_new (adapter, "");
  GstBuffer *in = support_frame_new (&info, (guint)width), *out;
  float expected[9];

  memcpy (expected, support_expect (classifier, in, &info, NULL), sizeof expected);
  if (pad)
    in = support_pad_rows (in, &info, pad);
  support_harness_set_info (harness, &info);
  out = gst_harness_push_and_pull (harness, in);
  support_assert_object (out, 0, whole (&info), expected, 0);
  gst_buffer_unref (out);
  support_harness_free (harness);
}

static void
test_formats (void)
{
  static const GstVideoFormat formats[] = {
    GST_VIDEO_FORMAT_YV12,      GST_VIDEO_FORMAT_YUY2,  GST_VIDEO_FORMAT_UYVY,
    GST_VIDEO_FORMAT_P010_10LE, GST_VIDEO_FORMAT_GRAY8, GST_VIDEO_FORMAT_NV12,
    GST_VIDEO_FORMAT_I420,      GST_VIDEO_FORMAT_RGB,   GST_VIDEO_FORMAT_BGR,
    GST_VIDEO_FORMAT_RGBx,      GST_VIDEO_FORMAT_BGRx,  GST_VIDEO_FORMAT_xRGB,
    GST_VIDEO_FORMAT_xBGR,      GST_VIDEO_FORMAT_RGBA,  GST_VIDEO_FORMAT_BGRA,
    GST_VIDEO_FORMAT_ARGB,      GST_VIDEO_FORMAT_ABGR
  };

  for (guint i = 0; i < G_N_ELEMENTS (formats); i++) {
    g_test_message ("%s", gst_video_format_to_string (formats[i]));
    assert_format (formats[i], 96, 80, NULL, 0);
    assert_format (formats[i], 97, 61, NULL, 0);
  }
}

static void
test_strides (void)
{
  assert_format (GST_VIDEO_FORMAT_NV12, 97, 61, NULL, 24);
  assert_format (GST_VIDEO_FORMAT_I420, 64, 48, NULL, 7);
  assert_format (GST_VIDEO_FORMAT_RGB, 97, 61, NULL, 5);
  assert_format (GST_VIDEO_FORMAT_YV12, 97, 61, NULL, 3);
  assert_format (GST_VIDEO_FORMAT_YUY2, 98, 61, NULL, 10);
  assert_format (GST_VIDEO_FORMAT_P010_10LE, 97, 61, NULL, 6);
  assert_format (GST_VIDEO_FORMAT_I420, 1, 1, NULL, 0);
  assert_format (GST_VIDEO_FORMAT_UYVY, 1, 1, NULL, 0);
}

static void
test_colorimetry (void)
{
  assert_format (GST_VIDEO_FORMAT_I420, 96, 80, "bt601", 0);
  assert_format (GST_VIDEO_FORMAT_I420, 96, 80, "bt709", 0);
  assert_format (GST_VIDEO_FORMAT_NV12, 96, 80, "1:4:0:0", 0); /* BT.601, full range */
  assert_format (GST_VIDEO_FORMAT_NV12, 96, 80, "1:3:5:1", 0); /* BT.709, full range */
  assert_format (GST_VIDEO_FORMAT_P010_10LE, 96, 80, "1:3:5:1", 0);
  assert_format (GST_VIDEO_FORMAT_UYVY, 96, 80, "bt601", 0);
  assert_format (GST_VIDEO_FORMAT_GRAY8, 96, 80, "1:4:0:0", 0);
  assert_format (GST_VIDEO_FORMAT_GRAY8, 96, 80, "2:4:0:0", 0); /* 16..235 */
}

/* The same picture inside a larger one: the crop defines the frame, also by pixels with odd
 * coordinates. */
static void
assert_crop (GstVideoFormat format, guint x, guint y, gint width, gint height)
{
  GstVideoInfo whole_info = support_info (format, 128, 96, NULL),
               info = support_info (format, width, height, NULL);
  GstHarness *harness = support_harness_new (adapter, "");
  GstBuffer *in = support_frame_new (&whole_info, 3), *out;
  CowRegion part = { (int)x, (int)y, width, height };
  GstVideoCropMeta *crop;
  float expected[9];

  memcpy (expected, support_expect (classifier, in, &whole_info, &part), sizeof expected);
  gst_buffer_add_video_meta_full (in, 0, format, 128, 96, GST_VIDEO_INFO_N_PLANES (&whole_info),
                                  whole_info.offset, whole_info.stride);
  crop = gst_buffer_add_video_crop_meta (in);
  crop->x = x;
  crop->y = y;
  crop->width = (guint)width;
  crop->height = (guint)height;
  support_harness_set_info (harness, &info);
  out = gst_harness_push_and_pull (harness, in);
  support_assert_object (out, 0, whole (&info), expected, 0);
  gst_buffer_unref (out);
  support_harness_free (harness);
}

static void
test_crop (void)
{
  assert_crop (GST_VIDEO_FORMAT_NV12, 0, 0, 100, 90);
  assert_crop (GST_VIDEO_FORMAT_NV12, 17, 9, 64, 50);
  assert_crop (GST_VIDEO_FORMAT_I420, 28, 16, 100, 80);
  assert_crop (GST_VIDEO_FORMAT_YUY2, 5, 7, 33, 31);
  assert_crop (GST_VIDEO_FORMAT_P010_10LE, 127, 95, 1, 1);
  assert_crop (GST_VIDEO_FORMAT_BGRx, 1, 2, 3, 4);
}

/* The element adds metadata, which must not cost a copy of the pixels even when another owner holds
 * the buffer. */
static void
test_no_copy (void)
{
  GstVideoInfo info = support_info (GST_VIDEO_FORMAT_RGB, 96, 80, NULL);
  GstHarness *harness = support_harness_new (adapter, "");
  GstBuffer *in = support_frame_new (&info, 1), *out;

  support_harness_set_info (harness, &info);
  out = gst_harness_push_and_pull (harness, gst_buffer_ref (in));
  g_assert_true (out != in);
  g_assert_true (gst_buffer_peek_memory (out, 0) == gst_buffer_peek_memory (in, 0));
  g_assert_null (gst_buffer_get_cow_behavior (in));
  g_assert_nonnull (gst_buffer_get_cow_behavior (out));
  gst_buffer_unref (in);
  gst_buffer_unref (out);
  support_harness_free (harness);
}

int
main (int argc, char **argv)
{
  support_init (&argc, &argv, &adapter, &classifier);

  g_test_add_func ("/formats/formats", test_formats);
  g_test_add_func ("/formats/strides", test_strides);
  g_test_add_func ("/formats/colorimetry", test_colorimetry);
  g_test_add_func ("/formats/crop", test_crop);
  g_test_add_func ("/formats/no-copy", test_no_copy);
  return support_run (adapter, classifier);
}
