/* SPDX-License-Identifier: MIT */
/*
 * Any metadata on a buffer, as detectors, trackers and other elements may have written it: regions
 * that are classified lie in the frame, what is drawn lies there too and is text, and an event is
 * JSON whatever its fields hold.
 */
#include "gst-plugin/behavior/regions.h"
#include "gst-plugin/overlay/view.h"
#include "gst-plugin/publish/event.h"
#include "gst-plugin/publish/topics.h"
#include "model/files/json-object.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/metas.h"

static gboolean
is_inside (CowRegion region, const GstVideoInfo *info)
{
  return region.x >= 0 && region.y >= 0 && region.w >= 1 && region.h >= 1 &&
         region.x + region.w <= GST_VIDEO_INFO_WIDTH (info) &&
         region.y + region.h <= GST_VIDEO_INFO_HEIGHT (info);
}

static void
collect (FuzzInput *input, GstBuffer *buffer, const GstVideoInfo *info)
{
  static const char *const classes[] = { "cow", "pen 1", NULL };
  static GstElement *element;
  const guint8 choice = fuzz_byte (input);
  const GstCowRegionFilter filter = { .mode = (GstCowInferenceRegion)(choice & 3),
                                      .object_class = choice & 4 ? classes : NULL,
                                      .min_size = choice & 8 ? 8 : 1,
                                      .padding = choice & 16 ? 1.5 : 0 };
  GstCowRegionCounts counts;
  GstCowRegions regions;

  if (!element)
    element = gst_object_ref_sink (gst_element_factory_make ("cowbehavior", NULL));
  gst_cow_regions_start (&regions, element);
  g_autoptr (GArray) targets =
      gst_cow_regions_collect (&regions, buffer, &filter, info, 1, &counts);
  for (guint i = 0; i < targets->len; i++) {
    const GstCowTarget *target = &g_array_index (targets, GstCowTarget, i);

    g_assert_true (is_inside (target->box, info) && is_inside (target->crop, info));
    g_assert_true (target->confidence >= 0 && target->confidence <= 1);
  }
  g_assert_true (counts.outside + counts.small + counts.other_class <= counts.seen);
}

static void
view (GstBuffer *buffer, const GstVideoInfo *info)
{
  g_autoptr (GArray) shown =
      gst_cow_view_new (buffer, GST_VIDEO_INFO_WIDTH (info), GST_VIDEO_INFO_HEIGHT (info));

  g_assert_true (shown->len <= GST_COW_VIEW_MAX);
  for (guint i = 0; i < shown->len; i++) {
    const GstCowShown *object = &g_array_index (shown, GstCowShown, i);
    const char *const texts[] = { object->label, object->name, object->who, object->age };

    g_assert_true (is_inside (
        (CowRegion){ object->box.x, object->box.y, object->box.w, object->box.h }, info));
    g_assert_true (object->confidence >= 0 && object->confidence <= 1);
    g_assert_true (object->fade < GST_COW_FADE_STEPS);
    for (guint t = 0; t < G_N_ELEMENTS (texts); t++)
      g_assert_true (!texts[t] || g_utf8_validate (texts[t], -1, NULL));
  }
}

static void
publish (FuzzInput *input, GstBuffer *buffer, const GstVideoInfo *info)
{
  g_autoptr (GArray) objects = g_array_new (FALSE, FALSE, sizeof (GstCowPublishObject));
  g_autoptr (GError) error = NULL;
  GstSegment segment;

  gst_segment_init (&segment, GST_FORMAT_TIME);
  GST_BUFFER_PTS (buffer) = fuzz_number (input);
  const GstCowMoment moment = gst_cow_moment_of (buffer, &segment, info, fuzz_number (input));
  gst_cow_publish_event_collect (buffer, objects);
  char *event = gst_cow_publish_event_new (buffer, &moment, "barn 1", 1, objects);
  g_autoptr (JsonObject) json =
      cow_json_parse_object (event, g_ref_string_length (event), "event", &error);
  /* Tracks have 64 bits without a sign, which JSON has and our reader does not. */
  g_assert_true (json || strstr (error->message, "more than 64 bits"));
  g_assert_true (!json || json_object_has_member (json, "system_timestamp"));
  g_ref_string_release (event);
  for (guint i = 0; i < objects->len; i++)
    g_free (gst_cow_publish_topic_of (g_array_index (objects, GstCowPublishObject, i).object));
}

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t size)
{
  FuzzInput input = { data, size };
  GstVideoInfo info;

  fuzz_start_gstreamer ();
  g_autoptr (GstBuffer) buffer = gst_buffer_new ();
  gst_video_info_set_format (&info, GST_VIDEO_FORMAT_GRAY8, 1 + fuzz_byte (&input),
                             1 + fuzz_byte (&input));
  fuzz_add_metas (&input, buffer);
  collect (&input, buffer, &info);
  view (buffer, &info);
  publish (&input, buffer, &info);
  return 0;
}
