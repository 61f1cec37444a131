/* SPDX-License-Identifier: MIT */
#include "tests/gst/frame-counter.h"

#include "gst-plugin/common/gstcowbehaviormeta.h"
#include "tests/gst/support.h"

struct _FrameCounter {
  GstElement *element;
  GMutex lock; /* of everything below */
  FrameCounts counts;
  gint64 entered_us, entered_queued_ns; /* the frame inside the element */
};

/* The time for which this thread was ready to run and had no processor. */
static gint64
queued_ns (void)
{
  g_autofree char *text = NULL;
  char *end;

  if (!g_file_get_contents ("/proc/thread-self/schedstat", &text, NULL, NULL))
    return 0;
  g_ascii_strtoll (text, &end, 10);
  return g_ascii_strtoll (end, NULL, 10);
}

static GstPadProbeReturn
count_in (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  FrameCounter *self = data;

  g_mutex_lock (&self->lock);
  self->counts.n_in++;
  self->entered_queued_ns = queued_ns ();
  self->entered_us = g_get_monotonic_time ();
  g_mutex_unlock (&self->lock);
  return GST_PAD_PROBE_OK;
}

/* How much later than its running time a frame is, apart from the pipeline's latency; 0 before the
 * clock runs. */
static GstClockTimeDiff
lateness (FrameCounter *self, GstPad *pad, GstBuffer *buffer)
{
  GstClock *clock = gst_element_get_clock (self->element);
  GstEvent *event = gst_pad_get_sticky_event (pad, GST_EVENT_SEGMENT, 0);
  const GstSegment *segment;
  GstClockTimeDiff late = 0;

  if (clock && event) {
    gst_event_parse_segment (event, &segment);
    late = GST_CLOCK_DIFF (
        gst_segment_to_running_time (segment, GST_FORMAT_TIME, GST_BUFFER_PTS (buffer)),
        gst_clock_get_time (clock) - gst_element_get_base_time (self->element));
  }
  gst_clear_event (&event);
  gst_clear_object (&clock);
  return late;
}

static GstPadProbeReturn
count_out (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  FrameCounter *self = data;
  FrameCounts *counts = &self->counts;
  GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER (info);
  const gint64 left_us = g_get_monotonic_time (), left_queued_ns = queued_ns ();
  const GstClockTimeDiff late = lateness (self, pad, buffer);
  gint64 in_us;

  g_mutex_lock (&self->lock);
  in_us = left_us - self->entered_us;
  counts->n_out++;
  if (support_n_objects (buffer) > 0) {
    counts->n_labelled++;
    g_strlcpy (counts->adapter,
               gst_structure_get_string (gst_buffer_get_cow_behavior (buffer), "model_name"),
               sizeof counts->adapter);
  }
  counts->longest_us = MAX (counts->longest_us, in_us);
  counts->longest_own_us =
      MAX (counts->longest_own_us, in_us - (left_queued_ns - self->entered_queued_ns) / 1000);
  counts->latest = MAX (counts->latest, late);
  g_mutex_unlock (&self->lock);
  return GST_PAD_PROBE_OK;
}

static void
add_probe (GstElement *element, const char *name, GstPadProbeCallback callback, gpointer data)
{
  GstPad *pad = gst_element_get_static_pad (element, name);

  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, callback, data, NULL);
  gst_object_unref (pad);
}

FrameCounter *
frame_counter_new (GstElement *element)
{
  FrameCounter *self = g_new0 (FrameCounter, 1);

  self->element = element;
  g_mutex_init (&self->lock);
  add_probe (element, "sink", count_in, self);
  add_probe (element, "src", count_out, self);
  return self;
}

FrameCounts
frame_counter_get (FrameCounter *self)
{
  FrameCounts counts;

  g_mutex_lock (&self->lock);
  counts = self->counts;
  g_mutex_unlock (&self->lock);
  return counts;
}

void
frame_counter_free (FrameCounter *self)
{
  g_mutex_clear (&self->lock);
  g_free (self);
}
