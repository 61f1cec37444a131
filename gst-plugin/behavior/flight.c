/* SPDX-License-Identifier: MIT */
/* A frame on its way to the engine and back. */
#include "gst-plugin/behavior/flight.h"

#include "gst-plugin/common/frame.h"

/* Tickets of one frame whose pictures are prepared and not yet computed: the engine has the next
 * while it computes one. */
#define TICKETS_AHEAD 2

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
  self->asked = g_array_new (FALSE, FALSE, sizeof (guint));
  self->tickets = g_ptr_array_new_with_free_func ((GDestroyNotify)cow_ticket_unref);
  return self;
}

/* Tickets that are still out are cancelled: nobody will look at their answers. */
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
  g_array_unref (self->asked);
  g_array_unref (self->targets);
  g_clear_pointer (&self->mask, g_array_unref);
  gst_cow_frame_settings_unref (self->settings);
  cow_engine_unref (self->engine);
  gst_clear_buffer (&self->buffer);
  g_clear_error (&self->error);
  g_free (self);
}

static GstCowTarget *
asked_target (const GstCowFlight *self, guint i)
{
  return &g_array_index (self->targets, GstCowTarget, g_array_index (self->asked, guint, i));
}

/* The targets that were asked for, in tickets of as many regions as one holds. x, y: where the
 * frame begins in the picture. */
static gboolean
submit_picture (GstCowFlight *self, const CkPicture *picture, int x, int y, gpointer client,
                GstCowFlightWait wait)
{
  const CowSubmission how = { .client = client,
                              .batch = self->settings->batch_size,
                              .timeout_ms = self->settings->batch_timeout_ms };

  for (guint first = 0; first < self->asked->len; first += COW_ENGINE_MAX_REGIONS) {
    CowRegion regions[COW_ENGINE_MAX_REGIONS];
    guint n = MIN (self->asked->len - first, COW_ENGINE_MAX_REGIONS);
    g_autoptr (GError) error = NULL;
    CowTicket *ticket;

    if (self->tickets->len >= TICKETS_AHEAD &&
        !wait (client, g_ptr_array_index (self->tickets, self->tickets->len - TICKETS_AHEAD),
               &self->error))
      return FALSE;
    for (guint i = 0; i < n; i++) {
      regions[i] = asked_target (self, first + i)->crop;
      regions[i].x += x;
      regions[i].y += y;
    }
    ticket = cow_engine_submit (self->engine, picture, regions, n, &how, &error);
    if (!ticket) {
      g_set_error (&self->error, GST_STREAM_ERROR, GST_STREAM_ERROR_FAILED,
                   "A frame could not be prepared: %s", error->message);
      return FALSE;
    }
    g_ptr_array_add (self->tickets, ticket);
  }
  return TRUE;
}

static gboolean
submit_buffer (GstCowFlight *self, const GstVideoInfo *info, gpointer client, GstCowFlightWait wait)
{
  g_autoptr (GError) error = NULL;
  GstVideoFrame frame;
  CkPicture picture;
  int x, y;
  gboolean ok = FALSE;

  if (!gst_video_frame_map (&frame, info, self->buffer, GST_MAP_READ)) {
    g_set_error (&self->error, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT,
                 "A frame could not be read: a buffer of %" G_GSIZE_FORMAT " bytes is no %dx%d %s",
                 gst_buffer_get_size (self->buffer), GST_VIDEO_INFO_WIDTH (info),
                 GST_VIDEO_INFO_HEIGHT (info),
                 gst_video_format_to_string (GST_VIDEO_INFO_FORMAT (info)));
    return FALSE;
  }
  if (gst_cow_frame_to_picture (&frame, info, &picture, &x, &y, &error))
    ok = submit_picture (self, &picture, x, y, client, wait);
  else
    g_set_error (&self->error, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT,
                 "A frame could not be read: %s", error->message);
  gst_video_frame_unmap (&frame);
  return ok;
}

gboolean
gst_cow_flight_submit (GstCowFlight *self, const GstVideoInfo *info, gpointer client,
                       GstCowFlightWait wait)
{
  if (!submit_buffer (self, info, client, wait)) {
    drop_tickets (self);
    return FALSE;
  }
  for (guint i = 0; i < self->asked->len; i++) {
    GstCowTrack *track = asked_target (self, i)->track;

    track->asked = TRUE;
    track->asked_frame = self->moment.frame;
    track->asked_box = track->box;
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
gst_cow_flight_hurry (const GstCowFlight *self)
{
  for (guint i = 0; i < self->tickets->len; i++)
    cow_engine_hurry (self->engine, g_ptr_array_index (self->tickets, i));
}

static const gboolean *
mask_of (const GstCowFlight *self)
{
  return self->mask ? (const gboolean *)self->mask->data : NULL;
}

void
gst_cow_flight_land (GstCowFlight *self)
{
  const guint n_classes = cow_engine_n_classes (self->engine);

  for (guint i = 0; i < self->asked->len; i++) {
    const CowTicket *ticket = g_ptr_array_index (self->tickets, i / COW_ENGINE_MAX_REGIONS);
    GstCowTrack *track = asked_target (self, i)->track;

    gst_cow_smoother_add (
        &track->smoother, self->settings->smoothing, self->settings->smoothing_window,
        cow_ticket_probabilities (ticket, i % COW_ENGINE_MAX_REGIONS), n_classes, mask_of (self));
    track->known = TRUE;
    track->known_frame = self->moment.frame;
    track->known_time = self->moment.running_time;
  }
}

void
gst_cow_flight_forget (GstCowFlight *self)
{
  drop_tickets (self);
  for (guint i = 0; i < self->asked->len; i++)
    asked_target (self, i)->track->asked = FALSE;
  g_array_set_size (self->asked, 0);
}

GstCowPresentation
gst_cow_flight_presentation (const GstCowFlight *self)
{
  const float threshold = self->settings->threshold;

  return (GstCowPresentation){
    .model_name = cow_engine_name (self->engine),
    .rule = {
      .classes = cow_engine_classes (self->engine),
      .n_classes = cow_engine_n_classes (self->engine),
      .mask = mask_of (self),
      .thresholds = threshold < 0 ? cow_engine_thresholds (self->engine) : NULL,
      .threshold = MAX (threshold, 0),
    },
    .top_k = self->settings->top_k,
  };
}

static gboolean
was_asked (const GstCowFlight *self, guint target)
{
  for (guint i = 0; i < self->asked->len; i++) {
    if (g_array_index (self->asked, guint, i) == target)
      return TRUE;
  }
  return FALSE;
}

static gboolean
note_change (const GstCowPresentation *how, GstCowTrack *track)
{
  gint class = gst_cow_meta_label (how, track).id;
  gboolean changed = !track->posted || track->posted_class != class;

  track->posted = TRUE;
  track->posted_class = class;
  return changed;
}

void
gst_cow_flight_objects (GstCowFlight *self, gboolean only_changed, GValue *objects)
{
  const GstCowPresentation how = gst_cow_flight_presentation (self);

  g_value_init (objects, GST_TYPE_ARRAY);
  for (guint i = 0; i < self->targets->len; i++) {
    const GstCowTarget *target = &g_array_index (self->targets, GstCowTarget, i);
    GValue value = G_VALUE_INIT;

    if (!target->track->known ||
        (only_changed && (!was_asked (self, i) || !note_change (&how, target->track))))
      continue;
    g_value_init (&value, GST_TYPE_STRUCTURE);
    g_value_take_boxed (&value, gst_cow_meta_object_new (&how, target, self->moment.frame,
                                                         self->moment.running_time));
    gst_value_array_append_and_take_value (objects, &value);
  }
}
