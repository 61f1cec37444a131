/* SPDX-License-Identifier: MIT */
/* When a region is classified. */
#include "gst-plugin/behavior/pace.h"

/* DeepStream's: a tracked box that grew by so much shows something new. */
#define GROWN 1.2
/* Below this overlap with the box that was classified it shows something else. */
#define MOVED 0.5
/* Frames that a forward pass may take for a second one to be queued ahead. */
#define FRAMES_AHEAD 4
/* The longest time without a classification that lateness may cause. */
#define MOST_LATE GST_SECOND

GType
gst_cow_mode_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    { GST_COW_MODE_AUTO, "non-blocking in a live pipeline, else blocking", "auto" },
    { GST_COW_MODE_BLOCKING, "Each frame waits for its results", "blocking" },
    { GST_COW_MODE_NON_BLOCKING, "No frame waits: each carries the newest results and their age",
      "non-blocking" },
    { 0, NULL, NULL },
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstCowMode", values));
  return type;
}

gboolean
gst_cow_pace_is_due (const GstCowTrack *track, guint64 frame, guint interval)
{
  const CowRegion *now = &track->box, *then = &track->asked_box;

  if (!track->asked)
    return TRUE;
  if (interval > 0 && frame - track->asked_frame >= interval)
    return TRUE;
  return (gdouble)now->w * now->h > GROWN * then->w * then->h || gst_cow_iou (now, then) < MOVED;
}

gboolean
gst_cow_pace_has_room (guint n_waited_for, gboolean computing, guint n_queued, gint64 typical_ns,
                       GstClockTime frame_ns)
{
  if (n_waited_for == 0)
    return TRUE;
  return n_waited_for == 1 && computing && n_queued == 0 && typical_ns > 0 &&
         (guint64)typical_ns < FRAMES_AHEAD * frame_ns;
}

void
gst_cow_qos_reset (GstCowQos *self)
{
  self->earliest = GST_CLOCK_TIME_NONE;
}

/* As decoders do: who is late gets ahead by twice as much, or the next frame would be late again;
 * but by a second at most. */
void
gst_cow_qos_update (GstCowQos *self, GstClockTimeDiff diff, GstClockTime timestamp)
{
  if (!GST_CLOCK_TIME_IS_VALID (timestamp))
    self->earliest = GST_CLOCK_TIME_NONE;
  else if (diff > 0)
    self->earliest = timestamp + MIN (2 * (GstClockTime)diff, GST_SECOND);
  else
    self->earliest = timestamp > (GstClockTime)-diff ? timestamp - (GstClockTime)-diff : 0;
}

gboolean
gst_cow_qos_is_late (const GstCowQos *self, GstClockTime running_time, GstClockTime last_asked)
{
  if (!GST_CLOCK_TIME_IS_VALID (self->earliest) || !GST_CLOCK_TIME_IS_VALID (running_time) ||
      running_time > self->earliest)
    return FALSE;
  return GST_CLOCK_TIME_IS_VALID (last_asked) && running_time < last_asked + MOST_LATE;
}
