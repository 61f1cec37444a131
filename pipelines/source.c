/* SPDX-License-Identifier: MIT */
#include "pipelines/source.h"

#include "pipelines/elements.h"
#include "pipelines/service.h"
#include "pipelines/stopping.h"

#define FIRST_PAUSE_S 1
#define LAST_PAUSE_S  10
#define LOGIN_PAUSE_S 300 /* cameras lock a user for minutes after some wrong passwords */
#define ENDED         "cow-source-ended"

/* Why a source failed is found out in a thread, which may take seconds. */
typedef struct {
  Source *source;
  GstElement *bin; /* keeps the element that failed in its place */
  GstMessage *failure;
  GCancellable *cancellable;
  GThread *thread;
  char *why;
} Explanation;

/* What an attempt delivers; it is referred to by its probe, too, which may outlive a source that
 * stops beside the main loop. */
typedef struct {
  gint gives; /* atomic: 1 when something has been delivered since the last look */
  GstElement *pipeline;
} Flow;

struct _Source {
  SourceSettings settings;
  GstElement *bin; /* NULL between two attempts */
  Flow *flow;      /* of the bin */
  gulong probe;    /* at its end */
  char *host;      /* NULL: not to be said */
  guint silent_s;  /* of this attempt */
  guint quiet_s;   /* since the last frame of any */
  guint pause_s, n_reconnections;
  gboolean is_away, has_given;
  guint look, restart; /* in the main loop; 0: none */
  Explanation *explanation;
};

static gboolean on_pause_over (gpointer data);

static void
say (const Source *self, SayLevel level, const char *what)
{
  service_say (level, "%s%s%s: %s", self->settings.name, self->host ? ", " : "",
               self->host ? self->host : "", what);
}

/* ---- one attempt ----------------------------------------------------------------------------- */

static void
flow_clear (gpointer flow)
{
  gst_object_unref (((Flow *)flow)->pipeline);
}

static void
flow_release (gpointer flow)
{
  g_atomic_rc_box_release_full (flow, flow_clear);
}

/* The rest must not see the end of a source that will be replaced. */
static GstPadProbeReturn
on_data (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  Flow *flow = data;

  if (info->type & GST_PAD_PROBE_TYPE_BUFFER)
    g_atomic_int_set (&flow->gives, 1);
  if (!(info->type & GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM) ||
      GST_EVENT_TYPE (GST_PAD_PROBE_INFO_EVENT (info)) != GST_EVENT_EOS)
    return GST_PAD_PROBE_OK;
  gst_element_post_message (flow->pipeline, gst_message_new_application (
                                                GST_OBJECT (pad), gst_structure_new_empty (ENDED)));
  return GST_PAD_PROBE_DROP;
}

static gboolean
start (Source *self, GError **error)
{
  GstElement *bin = elements_parse (self->settings.description, GST_PAD_SRC, error);
  GstPad *pad;

  if (!bin)
    return FALSE;
  if (!camera_prepare (GST_BIN (bin), self->settings.access, error)) {
    gst_object_unref (gst_object_ref_sink (bin));
    return FALSE;
  }
  /* Otherwise a decodebin that finds nothing keeps the whole pipeline between two states. */
  g_object_set (bin, "async-handling", TRUE, NULL);
  if (self->settings.say_host && !self->host)
    self->host = camera_host (GST_BIN (bin));
  pad = gst_element_get_static_pad (bin, "src");
  self->flow = g_atomic_rc_box_new0 (Flow);
  self->flow->pipeline = gst_object_ref (self->settings.pipeline);
  self->probe =
      gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM,
                         on_data, g_atomic_rc_box_acquire (self->flow), flow_release);
  self->bin = bin;
  gst_bin_add (GST_BIN (self->settings.pipeline), bin);
  gst_pad_link (pad, self->settings.sink);
  gst_object_unref (pad);
  self->silent_s = 0;
  gst_element_sync_state_with_parent (bin); /* a failure arrives as a message, too */
  return TRUE;
}

static void
stop (Source *self)
{
  GstElement *bin = g_steal_pointer (&self->bin);
  GstPad *pad;

  if (!bin)
    return;
  pad = gst_element_get_static_pad (bin, "src");
  gst_pad_remove_probe (pad, self->probe);
  gst_object_unref (pad);
  if (g_atomic_int_and (&self->flow->gives, 0) > 0)
    self->has_given = TRUE;
  g_clear_pointer (&self->flow, flow_release);
  stopping_take_out (bin);
}

/* ---- the next attempt ------------------------------------------------------------------------ */

static void
try_later (Source *self, const char *why)
{
  g_autofree char *text = g_strdup_printf ("%s; again in %u s\n", why, self->pause_s);

  say (self, SAY_WARNING, text);
  stop (self);
  self->is_away = TRUE;
  self->n_reconnections++;
  self->restart = g_timeout_add_seconds (self->pause_s, on_pause_over, self);
  self->pause_s = MIN (2 * self->pause_s, LAST_PAUSE_S);
}

static gboolean
on_pause_over (gpointer data)
{
  Source *self = data;
  g_autoptr (GError) error = NULL;

  self->restart = 0;
  if (!start (self, &error))
    try_later (self, error->message);
  return G_SOURCE_REMOVE;
}

static void
explanation_free (Explanation *explanation)
{
  g_thread_join (explanation->thread);
  g_idle_remove_by_data (explanation);
  gst_message_unref (explanation->failure);
  gst_object_unref (explanation->bin);
  g_object_unref (explanation->cancellable);
  g_free (explanation->why);
  g_free (explanation);
}

static gboolean
on_explained (gpointer data)
{
  Explanation *explanation = data;
  Source *self = explanation->source;

  self->explanation = NULL;
  if (camera_refused_login (explanation->failure))
    self->pause_s = LOGIN_PAUSE_S;
  try_later (self, explanation->why);
  explanation_free (explanation);
  return G_SOURCE_REMOVE;
}

static gpointer
explain (gpointer data)
{
  Explanation *explanation = data;

  explanation->why = camera_explain (explanation->failure, explanation->source->settings.access,
                                     explanation->cancellable);
  g_idle_add (on_explained, explanation);
  return NULL;
}

static void
fail (Source *self, GstMessage *failure)
{
  Explanation *explanation = g_new0 (Explanation, 1);

  explanation->source = self;
  explanation->bin = gst_object_ref (self->bin);
  explanation->failure = gst_message_ref (failure);
  explanation->cancellable = g_cancellable_new ();
  self->explanation = explanation;
  stop (self);
  explanation->thread = g_thread_new ("explanation", explain, explanation);
}

static gboolean
on_second (gpointer data)
{
  Source *self = data;

  if (self->flow && g_atomic_int_and (&self->flow->gives, 0) > 0) {
    if (self->is_away)
      say (self, SAY_INFO, "gives pictures\n");
    self->is_away = FALSE;
    self->has_given = TRUE;
    self->silent_s = self->quiet_s = 0;
    self->pause_s = FIRST_PAUSE_S;
    return G_SOURCE_CONTINUE;
  }
  self->quiet_s++;
  if (self->bin && ++self->silent_s > self->settings.patience_s)
    try_later (self, "the source gives nothing");
  return G_SOURCE_CONTINUE;
}

/* ---- the whole ------------------------------------------------------------------------------- */

Source *
source_new (const SourceSettings *settings)
{
  Source *self = g_new0 (Source, 1);

  self->settings = *settings;
  self->pause_s = FIRST_PAUSE_S;
  return self;
}

gboolean
source_start (Source *self, GError **error)
{
  if (!start (self, error))
    return FALSE;
  self->look = g_timeout_add_seconds (1, on_second, self);
  return TRUE;
}

gboolean
source_take_message (Source *self, GstMessage *message)
{
  GstObject *from = GST_MESSAGE_SRC (message);

  if (!self->bin || !from || !gst_object_has_as_ancestor (from, GST_OBJECT (self->bin)))
    return FALSE;
  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR)
    fail (self, message);
  else if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_APPLICATION &&
           gst_message_has_name (message, ENDED))
    try_later (self, "the stream of the source ended");
  else
    return FALSE;
  return TRUE;
}

gboolean
source_is_away (const Source *self)
{
  return self->is_away;
}

guint
source_quiet_s (const Source *self)
{
  return self->quiet_s;
}

gboolean
source_has_given (const Source *self)
{
  return self->has_given;
}

guint
source_n_reconnections (const Source *self)
{
  return self->n_reconnections;
}

/* Sends the end of the stream behind what every stream begins with, which is lacking where the
 * source never gave anything. */
static void
end_stream (GstPad *sink)
{
  GstEvent *begun = gst_pad_get_sticky_event (sink, GST_EVENT_SEGMENT, 0);
  GstSegment segment;

  gst_segment_init (&segment, GST_FORMAT_TIME);
  if (!begun) {
    gst_pad_send_event (sink, gst_event_new_stream_start ("away"));
    gst_pad_send_event (sink, gst_event_new_segment (&segment));
  }
  gst_clear_event (&begun);
  gst_pad_send_event (sink, gst_event_new_eos ());
}

void
source_stop (Source *self, gboolean and_end_stream)
{
  g_clear_handle_id (&self->look, g_source_remove);
  g_clear_handle_id (&self->restart, g_source_remove);
  if (self->explanation) {
    g_cancellable_cancel (self->explanation->cancellable);
    g_clear_pointer (&self->explanation, explanation_free);
  }
  stop (self);
  if (and_end_stream)
    end_stream (self->settings.sink);
}

void
source_free (Source *self)
{
  source_stop (self, FALSE);
  g_free (self->host);
  g_free (self);
}
