/* SPDX-License-Identifier: MIT */
/* A frame in flight. */
#include "gst-plugin/behavior/flight.h"

#include "gst-plugin/behavior/cuda.h"
#include "gst-plugin/common/frame.h"

GstCowFlight *
gst_cow_flight_new (GstBuffer *buffer, const GstCowMoment *moment, CowEngine *engine,
                    GstCowFrameSettings *settings, GArray *mask, GArray *targets)
{
  GstCowFlight *self = g_new0 (GstCowFlight, 1);

  self->buffer = buffer;
  self->moment = *moment;
  self->engine = cow_engine_ref (engine);
  self->settings = gst_cow_frame_settings_ref (settings);
  self->mask = mask ? g_array_ref (mask) : NULL;
  self->targets = targets;
  self->chosen = g_array_new (FALSE, FALSE, sizeof (guint));
  self->tickets = g_ptr_array_new_with_free_func ((GDestroyNotify)cow_ticket_unref);
  return self;
}

/* Cancels the tickets that are still out, because nobody will look at their results. */
static void
drop_tickets (GstCowFlight *self)
{
  for (guint i = 0; i < self->tickets->len; i++)
    cow_ticket_cancel (g_ptr_array_index (self->tickets, i));
  g_ptr_array_set_size (self->tickets, 0);
}

void
gst_cow_flight_free (GstCowFlight *self)
{
  if (!self)
    return;
  drop_tickets (self);
  g_ptr_array_unref (self->tickets);
  g_array_unref (self->chosen);
  g_array_unref (self->targets);
  g_clear_pointer (&self->mask, g_array_unref);
  gst_cow_frame_settings_unref (self->settings);
  cow_engine_unref (self->engine);
  gst_clear_buffer (&self->buffer);
  g_clear_error (&self->error);
  g_free (self);
}

GstCowTarget *
gst_cow_flight_chosen (const GstCowFlight *self, guint i)
{
  return &g_array_index (self->targets, GstCowTarget, g_array_index (self->chosen, guint, i));
}

/* One ticket of n chosen targets from `first` on. */
static gboolean
submit_regions (GstCowFlight *self, const CkPicture *picture, guint first, guint n,
                GstCowSlots *slots)
{
  const CowSubmission how = { .client = slots,
                              .batch = self->settings->batch_size,
                              .timeout_ms = self->settings->batch_timeout_ms };
  CowRegion regions[COW_ENGINE_MAX_REGIONS];
  g_autoptr (GError) error = NULL;
  CowTicket *ticket;

  if (!gst_cow_slots_reserve (slots, n, &self->error))
    return FALSE;
  for (guint i = 0; i < n; i++) {
    regions[i] = gst_cow_flight_chosen (self, first + i)->crop;
    regions[i].x += self->x;
    regions[i].y += self->y;
  }
  ticket = cow_engine_submit (self->engine, picture, regions, n, &how, &error);
  if (!ticket) {
    g_set_error (&self->error, GST_STREAM_ERROR, GST_STREAM_ERROR_FAILED,
                 "A frame could not be prepared: %s", error->message);
    return FALSE;
  }
  gst_cow_slots_occupy (slots, self->engine, ticket);
  g_ptr_array_add (self->tickets, ticket);
  return TRUE;
}

static gboolean
submit_picture (GstCowFlight *self, const CkPicture *picture, GstCowSlots *slots)
{
  for (guint first = 0; first < self->chosen->len; first += COW_ENGINE_MAX_REGIONS) {
    const guint n = MIN (self->chosen->len - first, COW_ENGINE_MAX_REGIONS);

    if (!submit_regions (self, picture, first, n, slots))
      return FALSE;
  }
  return TRUE;
}

/* Why a buffer could not be mapped. */
static void
fail_mapping (GstCowFlight *self, const GstVideoInfo *info)
{
  if (gst_cow_cuda_has_memory (self->buffer))
    g_set_error (&self->error, GST_STREAM_ERROR, GST_STREAM_ERROR_FAILED,
                 "A frame could not be read from the memory of the GPU");
  else
    g_set_error (&self->error, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT,
                 "A frame could not be read: a buffer of %" G_GSIZE_FORMAT " bytes is no %dx%d %s",
                 gst_buffer_get_size (self->buffer), GST_VIDEO_INFO_WIDTH (info),
                 GST_VIDEO_INFO_HEIGHT (info),
                 gst_video_format_to_string (GST_VIDEO_INFO_FORMAT (info)));
}

static gboolean
submit_buffer (GstCowFlight *self, const GstVideoInfo *info, GstCowSlots *slots)
{
  g_autoptr (GError) error = NULL;
  const GstMapFlags flags = gst_cow_cuda_map_flags (self->buffer, cow_engine_device (self->engine));
  GstVideoFrame frame;
  CkPicture picture;
  gboolean ok = FALSE;

  if (!gst_cow_frame_map (&frame, info, self->buffer, flags)) {
    fail_mapping (self, info);
    return FALSE;
  }
  if (gst_cow_frame_to_picture (&frame, info, &picture, &self->x, &self->y, &error)) {
    gst_cow_cuda_place (self->buffer, flags, &picture);
    ok = submit_picture (self, &picture, slots);
  } else
    g_set_error (&self->error, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT,
                 "A frame could not be read: %s", error->message);
  gst_video_frame_unmap (&frame);
  return ok;
}

gboolean
gst_cow_flight_submit (GstCowFlight *self, const GstVideoInfo *info, GstCowSlots *slots)
{
  if (submit_buffer (self, info, slots))
    return TRUE;
  drop_tickets (self);
  return FALSE;
}

gboolean
gst_cow_flight_wait (const GstCowFlight *self, GstCowSlots *slots, GError **error)
{
  if (self->error) {
    g_propagate_error (error, g_error_copy (self->error));
    return FALSE;
  }
  for (guint i = 0; i < self->tickets->len; i++) {
    if (!gst_cow_slots_wait (slots, g_ptr_array_index (self->tickets, i), error))
      return FALSE;
  }
  return TRUE;
}

gboolean
gst_cow_flight_is_done (const GstCowFlight *self)
{
  for (guint i = 0; i < self->tickets->len; i++) {
    if (!cow_ticket_is_done (g_ptr_array_index (self->tickets, i)))
      return FALSE;
  }
  return TRUE;
}

gboolean
gst_cow_flight_is_taken (const GstCowFlight *self)
{
  for (guint i = 0; i < self->tickets->len; i++) {
    if (!cow_ticket_is_taken (g_ptr_array_index (self->tickets, i)))
      return FALSE;
  }
  return TRUE;
}

void
gst_cow_flight_flush_batch (const GstCowFlight *self)
{
  for (guint i = 0; i < self->tickets->len; i++)
    cow_engine_flush (self->engine, g_ptr_array_index (self->tickets, i));
}

void
gst_cow_flight_cancel (GstCowFlight *self)
{
  drop_tickets (self);
  g_array_set_size (self->chosen, 0);
}

const float *
gst_cow_flight_probabilities (const GstCowFlight *self, guint i)
{
  return cow_ticket_probabilities (g_ptr_array_index (self->tickets, i / COW_ENGINE_MAX_REGIONS),
                                   i % COW_ENGINE_MAX_REGIONS);
}
