/* SPDX-License-Identifier: MIT */
/* Shared by the tests of the element. */
#include "tests/gst/support.h"

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>

#include "cow-build.h"
#include "gst-plugin/common/gstcowbehaviormeta.h"
#include "model/adapter/card.h"

#ifdef COW_HAVE_ANALYTICS
#  include <gst/analytics/analytics.h>
#endif

char *
support_data (const char *name)
{
  const char *folder = g_getenv ("COW_TEST_DATA");

  g_assert_nonnull (folder);
  return g_build_filename (folder, name, NULL);
}

char *
support_model (void)
{
  return support_data ("golden/plain/nf4");
}

void
support_copy (const char *from, const char *to)
{
  g_autoptr (GFile) source = g_file_new_for_path (from);
  g_autoptr (GFile) destination = g_file_new_for_path (to);
  g_autoptr (GError) error = NULL;

  g_file_copy (source, destination, G_FILE_COPY_OVERWRITE, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
}

/* Copies golden/plain/`from` to `folder`/`to`. */
static void
copy_golden (const char *from, const char *folder, const char *to)
{
  g_autofree char *name = g_build_filename ("golden/plain", from, NULL);
  g_autofree char *source = support_data (name);
  g_autofree char *destination = g_build_filename (folder, to, NULL);

  support_copy (source, destination);
}

char *
support_adapter_new (void)
{
  return support_adapter_new_from ("lora_q_r8", NULL);
}

char *
support_adapter_new_from (const char *lora_of, const char *const *classes)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CowCard) card = cow_card_new_default ();
  g_autofree char *config = g_build_filename (lora_of, "adapter_config.json", NULL);
  g_autofree char *weights = g_build_filename (lora_of, "adapter_model.safetensors", NULL);
  char *folder = g_dir_make_tmp ("cow-adapter-XXXXXX", &error);
  g_autofree char *classifier = NULL, *lora = NULL;

  g_assert_no_error (error);
  classifier = g_build_filename (folder, "classifier", NULL);
  lora = g_build_filename (folder, "lora_adapters", NULL);
  g_assert_cmpint (g_mkdir (classifier, 0700), ==, 0);
  g_assert_cmpint (g_mkdir (lora, 0700), ==, 0);
  copy_golden (config, lora, "adapter_config.json");
  copy_golden (weights, lora, "adapter_model.safetensors");
  copy_golden ("best_classifier.pth", classifier, "best_classifier.pth");

  if (classes) {
    g_strfreev (card->classes);
    card->classes = g_strdupv ((char **)classes);
  }
  card->preprocess.width = card->preprocess.height = SUPPORT_SIZE;
  cow_card_write (card, folder, &error);
  g_assert_no_error (error);
  return folder;
}

static void
remove_tree (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  while (dir && (name = g_dir_read_name (dir))) {
    g_autofree char *child = g_build_filename (path, name, NULL);

    remove_tree (child);
  }
  g_remove (path);
}

void
support_remove (char *folder)
{
  remove_tree (folder);
  g_free (folder);
}

/* ---- frames ---------------------------------------------------------------------------------- */

GstVideoInfo
support_info (GstVideoFormat format, gint width, gint height, const char *colorimetry)
{
  GstVideoInfo info;

  gst_video_info_set_format (&info, format, width, height);
  GST_VIDEO_INFO_FPS_N (&info) = 25;
  GST_VIDEO_INFO_FPS_D (&info) = 1;
  if (colorimetry)
    g_assert_true (
        gst_video_colorimetry_from_string (&GST_VIDEO_INFO_COLORIMETRY (&info), colorimetry));
  return info;
}

/* Writes a sample of a component. Samples of more than 8 bits are the upper bits of two bytes, the
 * lower byte first. */
static void
write_sample (const GstVideoFrame *frame, guint component, guint8 *at, guint value)
{
  if (GST_VIDEO_FRAME_COMP_DEPTH (frame, component) <= 8) {
    *at = (guint8)value;
    return;
  }
  /* GStreamer 1.22 places V of P010 one byte after U, which is inside it. */
  at += GST_VIDEO_FRAME_COMP_POFFSET (frame, component) % 2;
  GST_WRITE_UINT16_LE (at, (guint16)((value << 8) + (value * 3 % 4 << 6)));
}

GstBuffer *
support_frame_new (const GstVideoInfo *info, guint seed)
{
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, GST_VIDEO_INFO_SIZE (info), NULL);
  GstVideoFrame frame;

  g_assert_true (gst_video_frame_map (&frame, info, buffer, GST_MAP_WRITE));
  for (guint c = 0; c < GST_VIDEO_INFO_N_COMPONENTS (info); c++) {
    for (gint y = 0; y < GST_VIDEO_FRAME_COMP_HEIGHT (&frame, c); y++) {
      guint8 *row = (guint8 *)GST_VIDEO_FRAME_COMP_DATA (&frame, c) +
                    (gssize)y * GST_VIDEO_FRAME_COMP_STRIDE (&frame, c);

      for (gint x = 0; x < GST_VIDEO_FRAME_COMP_WIDTH (&frame, c); x++)
        write_sample (
            &frame, c, row + x * GST_VIDEO_FRAME_COMP_PSTRIDE (&frame, c),
            20 + ((guint)x * (3 + c) + (guint)y * (5 - c) + seed * 37 + (guint)(x * y) / 7) % 216);
    }
  }
  gst_video_frame_unmap (&frame);
  return buffer;
}

GstBuffer *
support_pad_rows (GstBuffer *buffer, const GstVideoInfo *info, gint pad)
{
  GstVideoInfo padded = *info;
  gsize offset = 0;
  GstBuffer *copy;
  GstVideoFrame from, to;

  for (guint p = 0; p < GST_VIDEO_INFO_N_PLANES (info); p++) {
    GST_VIDEO_INFO_PLANE_STRIDE (&padded, p) += pad;
    GST_VIDEO_INFO_PLANE_OFFSET (&padded, p) = offset;
    offset += (gsize)GST_VIDEO_INFO_PLANE_STRIDE (&padded, p) * GST_VIDEO_INFO_HEIGHT (info);
  }
  copy = gst_buffer_new_allocate (NULL, offset, NULL);
  gst_buffer_memset (copy, 0, 0xff, offset);
  gst_buffer_add_video_meta_full (copy, 0, GST_VIDEO_INFO_FORMAT (info),
                                  GST_VIDEO_INFO_WIDTH (info), GST_VIDEO_INFO_HEIGHT (info),
                                  GST_VIDEO_INFO_N_PLANES (info), padded.offset, padded.stride);
  g_assert_true (gst_video_frame_map (&from, info, buffer, GST_MAP_READ));
  g_assert_true (gst_video_frame_map (&to, info, copy, GST_MAP_WRITE));
  g_assert_true (gst_video_frame_copy (&to, &from));
  gst_video_frame_unmap (&to);
  gst_video_frame_unmap (&from);
  gst_buffer_unref (buffer);
  return copy;
}

/* ---- results without the element ------------------------------------------------------------- */

/* The places of R, G and B in each format, written down a second time so that the element's
 * derivation is compared with something. */
static const struct {
  GstVideoFormat format;
  int pixel_stride, offset[3];
} rgb_formats[] = {
  { GST_VIDEO_FORMAT_RGB, 3, { 0, 1, 2 } },  { GST_VIDEO_FORMAT_BGR, 3, { 2, 1, 0 } },
  { GST_VIDEO_FORMAT_RGBx, 4, { 0, 1, 2 } }, { GST_VIDEO_FORMAT_BGRx, 4, { 2, 1, 0 } },
  { GST_VIDEO_FORMAT_xRGB, 4, { 1, 2, 3 } }, { GST_VIDEO_FORMAT_xBGR, 4, { 3, 2, 1 } },
  { GST_VIDEO_FORMAT_RGBA, 4, { 0, 1, 2 } }, { GST_VIDEO_FORMAT_BGRA, 4, { 2, 1, 0 } },
  { GST_VIDEO_FORMAT_ARGB, 4, { 1, 2, 3 } }, { GST_VIDEO_FORMAT_ABGR, 4, { 3, 2, 1 } },
};

/* The other formats, and the planes that hold Y, U and V. */
static const struct {
  GstVideoFormat format;
  CkPixelLayout layout;
  guint plane[3];
} yuv_formats[] = {
  { GST_VIDEO_FORMAT_NV12, CK_NV12, { 0, 1, 1 } },
  { GST_VIDEO_FORMAT_I420, CK_I420, { 0, 1, 2 } },
  { GST_VIDEO_FORMAT_YV12, CK_I420, { 0, 2, 1 } },
  { GST_VIDEO_FORMAT_YUY2, CK_YUY2, { 0, 0, 0 } },
  { GST_VIDEO_FORMAT_UYVY, CK_UYVY, { 0, 0, 0 } },
  { GST_VIDEO_FORMAT_P010_10LE, CK_P010, { 0, 1, 1 } },
  { GST_VIDEO_FORMAT_GRAY8, CK_GRAY8, { 0, 0, 0 } },
};

static CkPicture
picture_of (const guint8 *data, const GstVideoInfo *info)
{
  CkPicture picture = { .layout = CK_RGB8,
                        .width = GST_VIDEO_INFO_WIDTH (info),
                        .height = GST_VIDEO_INFO_HEIGHT (info) };
  gboolean bt601 = GST_VIDEO_INFO_COLORIMETRY (info).matrix == GST_VIDEO_COLOR_MATRIX_BT601;

  picture.plane[0] = data;
  picture.stride[0] = GST_VIDEO_INFO_PLANE_STRIDE (info, 0);
  for (guint i = 0; i < G_N_ELEMENTS (rgb_formats); i++) {
    if (rgb_formats[i].format == GST_VIDEO_INFO_FORMAT (info)) {
      picture.pixel_stride = rgb_formats[i].pixel_stride;
      memcpy (picture.offset, rgb_formats[i].offset, sizeof picture.offset);
      return picture;
    }
  }
  for (guint i = 0; i < G_N_ELEMENTS (yuv_formats); i++) {
    if (yuv_formats[i].format != GST_VIDEO_INFO_FORMAT (info))
      continue;
    picture.layout = yuv_formats[i].layout;
    for (guint p = 0; p < 3; p++) {
      picture.plane[p] = data + GST_VIDEO_INFO_PLANE_OFFSET (info, yuv_formats[i].plane[p]);
      picture.stride[p] = GST_VIDEO_INFO_PLANE_STRIDE (info, yuv_formats[i].plane[p]);
    }
  }
  cow_picture_set_matrix (&picture, bt601 ? .299 : .2126, bt601 ? .114 : .0722,
                          GST_VIDEO_INFO_COLORIMETRY (info).range == GST_VIDEO_COLOR_RANGE_0_255);
  return picture;
}

CowClassifier *
support_classifier_new (const char *adapter)
{
  g_autofree char *model = support_model ();
  g_autoptr (GError) error = NULL;
  CowClassifier *classifier =
      cow_classifier_new (&(CowClassifierOptions){ .model = model, .adapter = adapter }, &error);

  g_assert_no_error (error);
  return classifier;
}

const float *
support_expect (CowClassifier *classifier, GstBuffer *buffer, const GstVideoInfo *info,
                const CowRegion *region)
{
  static float pixels[3 * SUPPORT_SIZE * SUPPORT_SIZE];
  g_autoptr (GError) error = NULL;
  GstMapInfo map;
  CkPicture picture;
  CowOutput output;

  g_assert_true (gst_buffer_map (buffer, &map, GST_MAP_READ));
  picture = picture_of (map.data, info);
  g_autoptr (CowPreparer) preparer = cow_preparer_new (cow_classifier_device (classifier), &error);
  g_assert_no_error (error);
  cow_preparer_run (preparer, cow_classifier_preprocess (classifier), &picture, region, pixels,
                    &error);
  g_assert_no_error (error);
  cow_classifier_run (classifier, pixels, 1, SUPPORT_SIZE, SUPPORT_SIZE, &output, &error);
  g_assert_no_error (error);
  gst_buffer_unmap (buffer, &map);
  return output.probabilities;
}

static guint
uint_field (const GstStructure *structure, const char *name)
{
  guint value;

  g_assert_true (gst_structure_get_uint (structure, name, &value));
  return value;
}

void
support_assert_object (GstBuffer *buffer, guint i, const CowRegion *region,
                       const float *probabilities, guint frames_ago)
{
  const GstStructure *results = gst_buffer_get_cow_behavior (buffer);
  const GstStructure *object;
  const GValue *all;
  guint best = 0;
  double confidence;

  g_assert_nonnull (results);
  object = gst_cow_behavior_object (results, i);
  g_assert_nonnull (object);
  g_assert_cmpuint (uint_field (object, "x"), ==, (guint)region->x);
  g_assert_cmpuint (uint_field (object, "y"), ==, (guint)region->y);
  g_assert_cmpuint (uint_field (object, "w"), ==, (guint)region->w);
  g_assert_cmpuint (uint_field (object, "h"), ==, (guint)region->h);
  g_assert_cmpuint (uint_field (object, "frames_ago"), ==, frames_ago);

  all = gst_structure_get_value (object, "probabilities");
  g_assert_cmpuint (gst_value_array_get_size (all), ==, 9);
  for (guint c = 0; c < 9; c++) {
    g_assert_cmpfloat_with_epsilon (g_value_get_double (gst_value_array_get_value (all, c)),
                                    probabilities[c], 1e-5);
    if (probabilities[c] > probabilities[best])
      best = c;
  }
  g_assert_cmpstr (gst_structure_get_string (object, "label"), ==, cow_default_classes[best]);
  g_assert_true (gst_structure_get_double (object, "confidence", &confidence));
  g_assert_cmpfloat_with_epsilon (confidence, probabilities[best], 1e-5);
}

/* ---- harnesses ------------------------------------------------------------------------------- */

GstHarness *
support_harness_new (const char *adapter, const char *properties)
{
  g_autofree char *model = support_model ();
  g_autofree char *line =
      g_strdup_printf ("cowbehavior model=\"%s\" adapter=\"%s\" %s", model, adapter, properties);
  GstHarness *harness = gst_harness_new_parse (line);
  GstBus *bus = gst_bus_new ();

  g_assert_nonnull (harness);
  gst_harness_set_live (harness, FALSE);
  gst_element_set_bus (harness->element, bus);
  gst_object_unref (bus);
  return harness;
}

GstBus *
support_harness_bus (GstHarness *harness)
{
  return gst_element_get_bus (harness->element);
}

void
support_harness_free (GstHarness *harness)
{
  GstBus *bus = gst_element_get_bus (harness->element);

  if (bus) {
    gst_bus_set_flushing (bus, TRUE);
    gst_object_unref (bus);
  }
  gst_harness_teardown (harness);
}

void
support_harness_set_info (GstHarness *harness, const GstVideoInfo *info)
{
  gst_harness_set_src_caps (harness, gst_video_info_to_caps (info));
}

/* ---- the surroundings ------------------------------------------------------------------------ */

GstElement *
support_element (GstHarness *harness)
{
  GstElement *element = gst_harness_find_element (harness, "cowbehavior");

  g_assert_nonnull (element);
  return element;
}

guint64
support_stat (GstHarness *harness, const char *field)
{
  GstElement *element = support_element (harness);
  GstStructure *stats;
  guint64 value = 0;
  guint small;

  g_object_get (element, "stats", &stats, NULL);
  if (gst_structure_get_uint (stats, field, &small))
    value = small;
  else
    g_assert_true (gst_structure_get_uint64 (stats, field, &value));
  gst_structure_free (stats);
  gst_object_unref (element);
  return value;
}

GstBuffer *
support_push (GstHarness *harness, const GstVideoInfo *info, guint seed, guint n)
{
  GstBuffer *buffer = support_frame_new (info, seed);

  GST_BUFFER_PTS (buffer) = n * 40 * GST_MSECOND;
  GST_BUFFER_DURATION (buffer) = 40 * GST_MSECOND;
  g_assert_cmpint (gst_harness_push (harness, buffer), ==, GST_FLOW_OK);
  buffer = gst_harness_try_pull (harness);
  g_assert_nonnull (buffer);
  return buffer;
}

guint
support_n_messages (GstBus *bus, GstMessageType type, GstMessage **last)
{
  GstMessage *message;
  guint n = 0;

  if (last)
    *last = NULL;
  while ((message = gst_bus_pop_filtered (bus, type))) {
    n++;
    if (last)
      gst_message_replace (last, message);
    gst_message_unref (message);
  }
  return n;
}

GstVideoRegionOfInterestMeta *
support_add_roi (GstBuffer *buffer, guint x, guint y, guint w, guint h, gint id)
{
  GstVideoRegionOfInterestMeta *roi =
      gst_buffer_add_video_region_of_interest_meta (buffer, "cow", x, y, w, h);

  roi->id = id;
  return roi;
}

guint
support_n_objects (GstBuffer *buffer)
{
  GstStructure *results = gst_buffer_get_cow_behavior (buffer);

  return results ? gst_cow_behavior_n_objects (results) : 0;
}

const GstStructure *
support_object (GstBuffer *buffer, guint i)
{
  g_assert_cmpuint (i, <, support_n_objects (buffer));
  return gst_cow_behavior_object (gst_buffer_get_cow_behavior (buffer), i);
}

gboolean
support_have_element (const char *name)
{
  GstElementFactory *factory = gst_element_factory_find (name);

  if (!factory)
    return FALSE;
  gst_object_unref (factory);
  return TRUE;
}

gboolean
support_no_leaks (void)
{
  GList *tracers = gst_tracing_get_active_tracers ();
  gboolean clean = TRUE;

  for (GList *l = tracers; l; l = l->next) {
    GstStructure *live = NULL;
    const GValue *objects;

    if (!g_str_equal (G_OBJECT_TYPE_NAME (l->data), "GstLeaksTracer"))
      continue;
    g_signal_emit_by_name (l->data, "get-live-objects", &live);
    objects = gst_structure_get_value (live, "live-objects-list");
    for (guint i = 0; i < gst_value_list_get_size (objects); i++) {
      g_autofree gchar *text = gst_value_serialize (gst_value_list_get_value (objects, i));

      g_printerr ("# leaked: %s\n", text);
      clean = FALSE;
    }
    gst_structure_free (live);
  }
  g_list_free_full (tracers, gst_object_unref);
  return clean;
}

void
support_play (const char *line)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GstElement) pipeline = gst_parse_launch (line, &error);
  g_autoptr (GstBus) bus = NULL;
  GstMessage *message;

  g_assert_no_error (error);
  bus = gst_element_get_bus (pipeline);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  message =
      gst_bus_timed_pop_filtered (bus, GST_CLOCK_TIME_NONE, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  g_assert_cmpint (GST_MESSAGE_TYPE (message), ==, GST_MESSAGE_EOS);
  gst_message_unref (message);
  gst_element_set_state (pipeline, GST_STATE_NULL);
}

void
support_init (int *argc, char ***argv, char **adapter, CowClassifier **classifier)
{
  gst_init (argc, argv);
  g_test_init (argc, argv, NULL);
  *adapter = support_adapter_new ();
  *classifier = support_classifier_new (*adapter);
}

int
support_run (char *adapter, CowClassifier *classifier)
{
  const int result = g_test_run ();

  cow_classifier_free (classifier);
  support_remove (adapter);
  return result || !support_no_leaks ();
}

#ifdef COW_HAVE_ANALYTICS
guint
support_n_mtds (GstBuffer *buffer, guintptr type)
{
  GstAnalyticsRelationMeta *meta = gst_buffer_get_analytics_relation_meta (buffer);
  GstAnalyticsMtd mtd;
  gpointer state = NULL;
  guint n = 0;

  while (meta && gst_analytics_relation_meta_iterate (meta, &state, type, &mtd))
    n++;
  return n;
}
#endif
