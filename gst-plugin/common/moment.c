/* SPDX-License-Identifier: MIT */
/* Where in the stream, and when, a frame is. */
#include "gst-plugin/common/moment.h"

/* From NTP's epoch, 1900, to Unix's. */
#define NTP_TO_UNIX_S G_GUINT64_CONSTANT (2208988800)

static GstClockTime
reference_time (GstBuffer *buffer, GstStaticCaps *reference)
{
  GstCaps *caps = gst_static_caps_get (reference);
  GstReferenceTimestampMeta *meta = gst_buffer_get_reference_timestamp_meta (buffer, caps);

  gst_caps_unref (caps);
  return meta ? meta->timestamp : GST_CLOCK_TIME_NONE;
}

static GstClockTime
wall_clock (GstBuffer *buffer)
{
  static GstStaticCaps ntp = GST_STATIC_CAPS ("timestamp/x-ntp"),
                       since_1970 = GST_STATIC_CAPS ("timestamp/x-unix");
  GstClockTime time = reference_time (buffer, &ntp);

  if (GST_CLOCK_TIME_IS_VALID (time))
    return time >= NTP_TO_UNIX_S * GST_SECOND ? time - NTP_TO_UNIX_S * GST_SECOND
                                              : GST_CLOCK_TIME_NONE;
  return reference_time (buffer, &since_1970);
}

GstCowMoment
gst_cow_moment_of (GstBuffer *buffer, const GstSegment *segment, const GstVideoInfo *info,
                   guint64 frame)
{
  gboolean timed = segment->format == GST_FORMAT_TIME && GST_BUFFER_PTS_IS_VALID (buffer);

  return (GstCowMoment){
    .frame = frame,
    .stream_time =
        timed ? gst_segment_to_stream_time (segment, GST_FORMAT_TIME, GST_BUFFER_PTS (buffer))
              : GST_CLOCK_TIME_NONE,
    .running_time =
        timed ? gst_segment_to_running_time (segment, GST_FORMAT_TIME, GST_BUFFER_PTS (buffer))
              : GST_CLOCK_TIME_NONE,
    .wall_clock = wall_clock (buffer),
    .width = GST_VIDEO_INFO_WIDTH (info),
    .height = GST_VIDEO_INFO_HEIGHT (info),
  };
}
