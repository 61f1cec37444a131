/* SPDX-License-Identifier: MIT */
/*
 * The element as a pipeline pushes into it: bytes are steps, of which each changes caps, pushes a
 * frame whose memory, times, flags and metadata are whatever the bytes say, sends an event or sets
 * a property. Every frame that is taken comes out or is refused, and the counters agree.
 */
#include <gst/check/gstharness.h>

#include "model/adapter/card.h"
#include "tests/fuzz/folder.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/metas.h"

#define SIDE         64 /* px, of the small network's pictures */
#define MOST_STEPS   24
#define MOST_FRAMES  6
#define MOST_SIDE_PX 256

/* ---- a model that is small ------------------------------------------------------------------- */

static void
copy_golden (const char *name, const char *to)
{
  g_autofree char *from =
                      g_build_filename (g_getenv ("COW_TEST_DATA"), "golden", "plain", name, NULL),
                  *bytes = NULL;
  gsize n = 0;

  g_assert_true (g_file_get_contents (from, &bytes, &n, NULL));
  fuzz_put (to, bytes, n);
}

/* An element with the golden network; those after the first share its engine. */
static GstElement *
new_element (void)
{
  g_autofree char *model =
      g_build_filename (g_getenv ("COW_TEST_DATA"), "golden", "plain", "nf4", NULL);
  GstElement *element = gst_element_factory_make ("cowbehavior", NULL);

  g_object_set (element, "model", model, "adapter", fuzz_folder (), "device", "cpu", "mode", 1,
                NULL);
  return element;
}

static void
start (void)
{
  static GstElement *keeper;
  g_autoptr (CowCard) card = cow_card_new_default ();

  if (keeper)
    return;
  fuzz_start_gstreamer ();
  copy_golden ("lora_q_r8/adapter_config.json", "adapter_config.json");
  copy_golden ("lora_q_r8/adapter_model.safetensors", "adapter_model.safetensors");
  copy_golden ("best_classifier.pth", "best_classifier.pth");
  card->preprocess.width = card->preprocess.height = SIDE;
  g_assert_true (cow_card_write (card, fuzz_folder (), NULL));
  keeper = gst_object_ref_sink (new_element ());
  g_assert_true (gst_element_set_state (keeper, GST_STATE_PAUSED) != GST_STATE_CHANGE_FAILURE);
}

/* ---- steps ----------------------------------------------------------------------------------- */

typedef struct {
  GstHarness *harness;
  GstElement *element;
  GstVideoInfo info; /* of the caps that were set last */
  guint n_frames;
} Stream;

static void
change_caps (Stream *self, FuzzInput *input)
{
  static const GstVideoFormat formats[] = { GST_VIDEO_FORMAT_NV12,      GST_VIDEO_FORMAT_I420,
                                            GST_VIDEO_FORMAT_YUY2,      GST_VIDEO_FORMAT_RGB,
                                            GST_VIDEO_FORMAT_BGRx,      GST_VIDEO_FORMAT_GRAY8,
                                            GST_VIDEO_FORMAT_P010_10LE, GST_VIDEO_FORMAT_YV12,
                                            GST_VIDEO_FORMAT_UYVY,      GST_VIDEO_FORMAT_ARGB };
  static const char *const colours[] = { "bt601", "bt709", "sRGB", "bt2020", "1:0:0:0" };
  const GstVideoFormat format = formats[fuzz_byte (input) % G_N_ELEMENTS (formats)];
  const gint width = 1 + fuzz_byte (input) % MOST_SIDE_PX,
             height = 1 + fuzz_byte (input) % MOST_SIDE_PX;
  const guint8 colour = fuzz_byte (input);

  gst_video_info_set_format (&self->info, format, (guint)width, (guint)height);
  self->info.fps_n = fuzz_byte (input);
  self->info.fps_d = 1;
  if (colour & 1 && GST_VIDEO_INFO_IS_YUV (&self->info))
    gst_video_colorimetry_from_string (&self->info.colorimetry,
                                       colours[colour / 2 % G_N_ELEMENTS (colours)]);
  gst_harness_push_event (self->harness, gst_event_new_caps (gst_video_info_to_caps (&self->info)));
}

/* Says that the planes lie elsewhere in the buffer. What GStreamer itself refuses to map is its
 * own affair, and an error of the stream. */
static void
add_video_meta (Stream *self, FuzzInput *input, GstBuffer *buffer)
{
  GstVideoInfo moved = self->info;

  for (guint p = 0; p < GST_VIDEO_INFO_N_PLANES (&moved); p++) {
    moved.stride[p] += (gint8)fuzz_byte (input);
    moved.offset[p] = fuzz_coordinate (input) * (gsize)fuzz_byte (input);
  }
  gst_buffer_add_video_meta_full (buffer, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_INFO_FORMAT (&moved),
                                  (guint)GST_VIDEO_INFO_WIDTH (&moved) + fuzz_byte (input) % 3,
                                  (guint)GST_VIDEO_INFO_HEIGHT (&moved) + fuzz_byte (input) % 3,
                                  GST_VIDEO_INFO_N_PLANES (&moved), moved.offset, moved.stride);
}

static void
push_frame (Stream *self, FuzzInput *input)
{
  const guint8 choice = fuzz_byte (input);
  const gsize size = GST_VIDEO_INFO_SIZE (&self->info);
  GstBuffer *buffer;

  if (self->n_frames++ >= MOST_FRAMES || size == 0)
    return;
  buffer = gst_buffer_new_allocate (NULL, choice & 1 ? fuzz_coordinate (input) % (2 * size) : size,
                                    NULL);
  gst_buffer_memset (buffer, 0, choice, gst_buffer_get_size (buffer));
  if (choice & 2)
    add_video_meta (self, input, buffer);
  if (choice & 4)
    fuzz_add_metas (input, buffer);
  GST_BUFFER_PTS (buffer) =
      choice & 8 ? GST_CLOCK_TIME_NONE : (guint64)fuzz_coordinate (input) * 10 * GST_MSECOND;
  GST_BUFFER_DURATION (buffer) = choice & 16 ? GST_CLOCK_TIME_NONE : 40 * GST_MSECOND;
  if (choice & 32)
    GST_BUFFER_FLAG_SET (buffer, 1u << (4 + fuzz_byte (input) % 16));
  gst_harness_push (self->harness, buffer);
}

static void
send_event (Stream *self, FuzzInput *input)
{
  GstSegment segment;

  switch (fuzz_byte (input) % 7) {
  case 0:
    gst_segment_init (&segment, fuzz_byte (input) & 1 ? GST_FORMAT_BYTES : GST_FORMAT_TIME);
    segment.start = fuzz_coordinate (input) * GST_MSECOND;
    segment.time = fuzz_coordinate (input) * GST_MSECOND;
    segment.rate = fuzz_byte (input) & 1 ? 2 : 1;
    gst_harness_push_event (self->harness, gst_event_new_segment (&segment));
    break;
  case 1:
    gst_harness_push_event (self->harness, gst_event_new_flush_start ());
    gst_harness_push_event (self->harness, gst_event_new_flush_stop (TRUE));
    break;
  case 2:
    gst_harness_push_event (self->harness,
                            gst_event_new_gap (fuzz_coordinate (input) * GST_MSECOND, GST_SECOND));
    break;
  case 3:
    gst_harness_push_event (self->harness, gst_event_new_stream_start ("other"));
    break;
  case 4:
    gst_harness_push_event (self->harness, gst_event_new_eos ());
    break;
  case 5:
    gst_harness_push_upstream_event (
        self->harness, gst_event_new_qos (GST_QOS_TYPE_UNDERFLOW, 2.0, 10 * GST_MSECOND,
                                          fuzz_coordinate (input) * GST_MSECOND));
    break;
  default:
    gst_element_set_state (self->element, GST_STATE_READY);
    gst_element_set_state (self->element, GST_STATE_PLAYING);
  }
}

static void
set_property (Stream *self, FuzzInput *input)
{
  static const char *const zones[] = { "", "a=0,0,.5,1; b=0,0 1,0 1,1", "a=2", "a=.9,.9,.1,.1" };
  const guint8 value = fuzz_byte (input);

  switch (fuzz_byte (input) % 8) {
  case 0:
    g_object_set (self->element, "zones", zones[value % G_N_ELEMENTS (zones)], NULL);
    break;
  case 1:
    g_object_set (self->element, "inference-region", value % 4, NULL);
    break;
  case 2:
    g_object_set (self->element, "inference-interval", 1 + value % 5, NULL);
    break;
  case 3:
    g_object_set (self->element, "threshold", value / 255.0, "top-k", 1 + value % 9, NULL);
    break;
  case 4:
    g_object_set (self->element, "object-class", value & 1 ? "cow" : NULL, NULL);
    break;
  case 5:
    g_object_set (self->element, "min-size", 1 + value % 32, "padding", value / 255.0, NULL);
    break;
  case 6:
    g_object_set (self->element, "reclassify-interval", 1 + value % 5, "smoothing", value % 3,
                  NULL);
    break;
  default:
    g_object_set (self->element, "post-messages", value % 3, "roi-meta", value & 1, NULL);
  }
}

static guint64
counter (const GstStructure *stats, const char *name)
{
  guint64 value = 0;

  g_assert_true (gst_structure_get_uint64 (stats, name, &value));
  return value;
}

/* Each frame that came in is counted as one thing. */
static void
check_stats (Stream *self)
{
  GstStructure *stats = NULL;

  g_object_get (self->element, "stats", &stats, NULL);
  g_assert_true (counter (stats, "frames") ==
                 counter (stats, "classified") + counter (stats, "pending") +
                     counter (stats, "reused") + counter (stats, "skipped"));
  gst_structure_free (stats);
}

static void
play (FuzzInput *input)
{
  GstElement *element = gst_object_ref_sink (new_element ());
  Stream self = { .harness = gst_harness_new_with_element (element, "sink", "src"),
                  .element = element };
  g_autoptr (GstBus) bus = gst_bus_new ();

  gst_bus_set_flushing (bus, TRUE);
  gst_element_set_bus (element, bus);
  gst_harness_set_live (self.harness, FALSE);
  gst_harness_play (self.harness);
  gst_harness_push_event (self.harness, gst_event_new_stream_start ("fuzz"));
  for (guint n = 0; n < MOST_STEPS && input->left > 0; n++) {
    const guint8 step = fuzz_byte (input) % 8;

    if (step == 0)
      change_caps (&self, input);
    else if (step == 1)
      send_event (&self, input);
    else if (step == 2)
      set_property (&self, input);
    else
      push_frame (&self, input);
  }
  check_stats (&self);
  gst_harness_teardown (self.harness);
  gst_object_unref (element);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t size)
{
  FuzzInput input = { data, size };

  start ();
  play (&input);
  return 0;
}
