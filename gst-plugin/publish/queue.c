/* SPDX-License-Identifier: MIT */
/* A bounded queue of events and the thread that sends them to a target. */
#include "gst-plugin/publish/queue.h"

#include <signal.h>
#include <string.h>

GST_DEBUG_CATEGORY_STATIC (gst_cow_publish_queue_debug);
#define GST_CAT_DEFAULT gst_cow_publish_queue_debug

#define TICK (G_USEC_PER_SEC / 5) /* between calls of idle () */
/* The pause after a failure, doubled with each further one. A random quarter more or less keeps
 * cameras from trying all at once. */
#define FIRST_PAUSE_MS 1000
#define LAST_PAUSE_MS  30000
/* The least time between warnings: before the first one of an outage, and while it lasts. */
#define WARNING_FIRST (10 * G_USEC_PER_SEC)
#define WARNING_AGAIN (60 * G_USEC_PER_SEC)
#define TRIED_AGAIN   "Events wait; when their queue is full the oldest are dropped."
/* How long a cancelled thread may take to end before it is abandoned. */
#define GRACE (2 * G_USEC_PER_SEC)

struct _GstCowPublishQueue {
  gint references; /* atomic: the element's and the thread's */
  GstCowPublishTarget *target;
  GCancellable *cancellable;
  GWeakRef element;
  guint size;

  GMutex lock;
  GCond wake;         /* wakes the thread: there is something to do */
  GCond over;         /* wakes those who wait: the queue is empty, or the thread has ended */
  GQueue events;      /* of GRefString, oldest first */
  guint in_flight;    /* taken by the thread and not yet counted */
  gsize bytes;        /* of both */
  gboolean finish;    /* no more will come */
  gboolean retry_now; /* the next pause is cut short */
  gboolean flushing;
  gboolean ended;
  gint64 cancelled;           /* g_get_monotonic_time () of that */
  GstCowPublishCounts counts; /* without `queued` */

  /* of the thread */
  gboolean ready;            /* connected */
  guint pause_ms;            /* of the last failure; 0: there was none since something worked */
  guint n_failed;            /* since something worked */
  gint64 warned;             /* g_get_monotonic_time () of the last warning; 0: none */
  gboolean warned_of_outage; /* whether a warning of this outage was posted */
};

void
gst_cow_publish_queue_unref (GstCowPublishQueue *self)
{
  if (!g_atomic_int_dec_and_test (&self->references))
    return;
  self->target->class->free (self->target);
  g_queue_clear_full (&self->events, (GDestroyNotify)g_ref_string_release);
  g_weak_ref_clear (&self->element);
  g_object_unref (self->cancellable);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->wake);
  g_cond_clear (&self->over);
  g_free (self);
}

/* ---- events; under the lock ------------------------------------------------------------------ */

static gsize
size_of (char *event)
{
  return g_ref_string_length (event) + 1;
}

static void
drop (GstCowPublishQueue *self, char *event)
{
  self->bytes -= size_of (event);
  self->counts.dropped++;
  g_ref_string_release (event);
}

static gboolean
is_full (GstCowPublishQueue *self, gsize more)
{
  return g_queue_get_length (&self->events) + self->in_flight >= self->size ||
         self->bytes + more > GST_COW_PUBLISH_MOST_BYTES;
}

void
gst_cow_publish_queue_push (GstCowPublishQueue *self, char *event)
{
  g_mutex_lock (&self->lock);
  while (is_full (self, size_of (event)) && !g_queue_is_empty (&self->events))
    drop (self, g_queue_pop_head (&self->events));
  self->bytes += size_of (event);
  g_queue_push_tail (&self->events, g_ref_string_acquire (event));
  /* All other events are being sent, so that there is no room for the new one. */
  if (g_queue_get_length (&self->events) + self->in_flight > self->size ||
      self->bytes > GST_COW_PUBLISH_MOST_BYTES)
    drop (self, g_queue_pop_tail (&self->events));
  g_cond_signal (&self->wake);
  g_mutex_unlock (&self->lock);
}

void
gst_cow_publish_queue_set_state (GstCowPublishQueue *self, const char *name, const char *label,
                                 const GValue *classes)
{
  if (self->target->class->set_state)
    self->target->class->set_state (self->target, name, label, classes);
}

const char *
gst_cow_publish_queue_name (GstCowPublishQueue *self)
{
  return self->target->class->name;
}

void
gst_cow_publish_queue_get_counts (GstCowPublishQueue *self, GstCowPublishCounts *counts)
{
  g_mutex_lock (&self->lock);
  *counts = self->counts;
  counts->queued = g_queue_get_length (&self->events) + self->in_flight;
  g_mutex_unlock (&self->lock);
}

gboolean
gst_cow_publish_queue_drain (GstCowPublishQueue *self, gint64 deadline)
{
  gboolean empty;

  g_mutex_lock (&self->lock);
  self->retry_now = !g_queue_is_empty (&self->events);
  g_cond_signal (&self->wake);
  while (!(empty = g_queue_is_empty (&self->events) && self->in_flight == 0) && !self->flushing &&
         g_cond_wait_until (&self->over, &self->lock, deadline))
    ;
  g_mutex_unlock (&self->lock);
  return empty;
}

void
gst_cow_publish_queue_set_flushing (GstCowPublishQueue *self, gboolean flushing)
{
  g_mutex_lock (&self->lock);
  self->flushing = flushing;
  g_cond_broadcast (&self->over);
  g_mutex_unlock (&self->lock);
}

/* ---- the thread ------------------------------------------------------------------------------ */

/* Waits for an event, for a TICK at most. Returns the events that it took from the queue: none when
 * the queue is idle or everything is sent. */
static GPtrArray *
take (GstCowPublishQueue *self, gboolean *over)
{
  GPtrArray *lines = g_ptr_array_new_with_free_func ((GDestroyNotify)g_ref_string_release);
  const gint64 until = g_get_monotonic_time () + TICK;

  g_mutex_lock (&self->lock);
  while (g_queue_is_empty (&self->events) && !self->finish &&
         g_cond_wait_until (&self->wake, &self->lock, until))
    ;
  while (lines->len < self->target->most_lines && !g_queue_is_empty (&self->events))
    g_ptr_array_add (lines, g_queue_pop_head (&self->events));
  self->in_flight = lines->len;
  *over = self->finish && lines->len == 0;
  g_mutex_unlock (&self->lock);
  return lines;
}

/* Counts lines that were taken: the first n_sent arrived; the rest goes back to the head of the
 * queue (`keep`) or is dropped. */
static void
complete (GstCowPublishQueue *self, GPtrArray *lines, guint n_sent, gboolean keep)
{
  g_mutex_lock (&self->lock);
  self->in_flight = 0;
  self->counts.sent += n_sent;
  for (guint i = 0; i < n_sent; i++)
    self->bytes -= size_of (lines->pdata[i]);
  for (guint i = lines->len; i > n_sent; i--) {
    char *event = g_ref_string_acquire (lines->pdata[i - 1]);

    if (keep)
      g_queue_push_head (&self->events, event);
    else
      drop (self, event);
  }
  if (g_queue_is_empty (&self->events))
    g_cond_broadcast (&self->over);
  g_mutex_unlock (&self->lock);
}

static void
set_connected (GstCowPublishQueue *self, gboolean connected)
{
  g_mutex_lock (&self->lock);
  self->counts.connected = connected;
  g_mutex_unlock (&self->lock);
}

static void
warn (GstCowPublishQueue *self, const GError *error, const char *what)
{
  const gint64 now = g_get_monotonic_time ();
  g_autoptr (GstElement) element = NULL;

  GST_DEBUG ("%s: %s: %s", self->target->class->name, what, error->message);
  if (self->warned && now - self->warned < (self->warned_of_outage ? WARNING_AGAIN : WARNING_FIRST))
    return;
  self->warned = now;
  self->warned_of_outage = TRUE;
  element = g_weak_ref_get (&self->element);
  if (element)
    GST_ELEMENT_WARNING (element, RESOURCE, WRITE, ("%s", error->message),
                         ("%s Failed attempts: %u.", what, self->n_failed));
}

/* Waits after a failed attempt, unless there is nothing more to send. A drain or the end cuts one
 * pause short. */
static void
pause_after (GstCowPublishQueue *self, const GError *error, const char *what)
{
  gint64 until;
  guint ms;

  if (g_cancellable_is_cancelled (self->cancellable))
    return;
  self->n_failed++;
  self->pause_ms = self->pause_ms == 0 ? FIRST_PAUSE_MS : MIN (2 * self->pause_ms, LAST_PAUSE_MS);
  ms = (guint)(self->pause_ms * g_random_double_range (0.75, 1.25));
  if (self->target->retry_after_s > 0)
    ms = MAX (ms, MIN (self->target->retry_after_s * 1000, LAST_PAUSE_MS));
  warn (self, error, what);

  g_mutex_lock (&self->lock);
  self->counts.failures++;
  self->counts.connected = FALSE;
  until = g_get_monotonic_time () + ms * G_TIME_SPAN_MILLISECOND;
  while (!g_cancellable_is_cancelled (self->cancellable) &&
         !(self->finish && g_queue_is_empty (&self->events)) && !self->retry_now &&
         g_cond_wait_until (&self->wake, &self->lock, until))
    ;
  if (self->retry_now)
    self->pause_ms = 0;
  self->retry_now = FALSE;
  g_mutex_unlock (&self->lock);
}

static void
succeeded (GstCowPublishQueue *self)
{
  if (self->n_failed > 0)
    GST_INFO ("%s works again after %u failures", self->target->class->name, self->n_failed);
  self->n_failed = self->pause_ms = 0;
  self->warned_of_outage = FALSE;
  set_connected (self, TRUE);
}

static void
disconnect (GstCowPublishQueue *self, gboolean politely)
{
  if (self->ready && self->target->class->disconnect)
    self->target->class->disconnect (self->target, politely, self->cancellable);
  self->ready = FALSE;
}

static gboolean
be_ready (GstCowPublishQueue *self)
{
  const GstCowPublishTargetClass *class = self->target->class;
  g_autoptr (GError) error = NULL;

  if (self->ready)
    return TRUE;
  if (class->connect && !class->connect (self->target, self->cancellable, &error)) {
    pause_after (self, error, TRIED_AGAIN);
    return FALSE;
  }
  self->ready = TRUE;
  if (class->connect)
    succeeded (self);
  return TRUE;
}

static void
deliver (GstCowPublishQueue *self, GPtrArray *lines)
{
  const GstCowPublishTargetClass *class = self->target->class;
  g_autoptr (GError) error = NULL;
  guint n_sent = 0;
  GstCowDelivery outcome;

  self->target->retry_after_s = 0;
  outcome = class->send (self->target, (char *const *)lines->pdata, lines->len, &n_sent,
                         self->cancellable, &error);
  complete (self, lines, n_sent, outcome == GST_COW_DELIVERY_RETRY);
  if (n_sent > 0 || outcome == GST_COW_DELIVERY_DONE)
    succeeded (self);
  if (outcome == GST_COW_DELIVERY_RETRY) {
    disconnect (self, FALSE);
    pause_after (self, error, TRIED_AGAIN);
  } else if (outcome == GST_COW_DELIVERY_REFUSED) {
    self->n_failed++;
    g_mutex_lock (&self->lock);
    self->counts.failures++;
    g_mutex_unlock (&self->lock);
    warn (self, error, "These events are dropped.");
  }
}

static void
idle (GstCowPublishQueue *self)
{
  const GstCowPublishTargetClass *class = self->target->class;
  g_autoptr (GError) error = NULL;

  if (!class->idle || class->idle (self->target, self->cancellable, &error))
    return;
  disconnect (self, FALSE);
  pause_after (self, error, TRIED_AGAIN);
}

static gboolean
is_over (GstCowPublishQueue *self)
{
  gboolean over;

  g_mutex_lock (&self->lock);
  over = g_cancellable_is_cancelled (self->cancellable) ||
         (self->finish && g_queue_is_empty (&self->events) && !self->ready);
  g_mutex_unlock (&self->lock);
  return over;
}

static gpointer
run (gpointer data)
{
  GstCowPublishQueue *self = data;
  gboolean over = FALSE;
  sigset_t signals;

  /* With these signals blocked, a reader that went away and a file that may not grow are errors of
   * write () instead of the end of the process. */
  sigemptyset (&signals);
  sigaddset (&signals, SIGPIPE);
  sigaddset (&signals, SIGXFSZ);
  pthread_sigmask (SIG_BLOCK, &signals, NULL);

  while (!over && !is_over (self)) {
    g_autoptr (GPtrArray) lines = NULL;

    if (!be_ready (self))
      continue;
    lines = take (self, &over);
    if (lines->len > 0)
      deliver (self, lines);
    else if (!over)
      idle (self);
  }
  disconnect (self, over);

  g_mutex_lock (&self->lock);
  self->counts.connected = FALSE;
  self->ended = TRUE;
  g_cond_broadcast (&self->over);
  g_mutex_unlock (&self->lock);
  gst_cow_publish_queue_unref (self);
  return NULL;
}

/* ---- begin and end --------------------------------------------------------------------------- */

GstCowPublishQueue *
gst_cow_publish_queue_new (GstCowPublishTarget *target, guint size, GstElement *element)
{
  GstCowPublishQueue *self = g_new0 (GstCowPublishQueue, 1);
  static gsize category = 0;

  if (g_once_init_enter (&category)) {
    GST_DEBUG_CATEGORY_INIT (gst_cow_publish_queue_debug, "cowpublish-queue", 0,
                             "events on their way");
    g_once_init_leave (&category, 1);
  }
  self->references = 2;
  self->target = target;
  self->size = size;
  self->cancellable = g_cancellable_new ();
  g_weak_ref_init (&self->element, element);
  g_mutex_init (&self->lock);
  g_cond_init (&self->wake);
  g_cond_init (&self->over);
  g_queue_init (&self->events);
  g_thread_unref (g_thread_new (target->class->name, run, self));
  return self;
}

void
gst_cow_publish_queue_finish (GstCowPublishQueue *self)
{
  g_mutex_lock (&self->lock);
  self->finish = self->retry_now = TRUE;
  g_cond_signal (&self->wake);
  g_mutex_unlock (&self->lock);
}

/* Under the lock. */
static gboolean
wait_for_end (GstCowPublishQueue *self, gint64 deadline)
{
  while (!self->ended && g_cond_wait_until (&self->over, &self->lock, deadline))
    ;
  return self->ended;
}

void
gst_cow_publish_queue_wait (GstCowPublishQueue *self, gint64 deadline)
{
  gboolean ended;

  g_mutex_lock (&self->lock);
  ended = wait_for_end (self, deadline);
  self->cancelled = g_get_monotonic_time ();
  g_mutex_unlock (&self->lock);
  if (ended)
    return;
  g_cancellable_cancel (self->cancellable);
  g_mutex_lock (&self->lock);
  g_cond_signal (&self->wake);
  g_mutex_unlock (&self->lock);
}

void
gst_cow_publish_queue_end (GstCowPublishQueue *self, GstCowPublishCounts *counts)
{
  g_mutex_lock (&self->lock);
  if (!wait_for_end (self, self->cancelled + GRACE))
    GST_WARNING ("%s does not end in time and is abandoned", self->target->class->name);
  while (!g_queue_is_empty (&self->events))
    drop (self, g_queue_pop_head (&self->events));
  *counts = self->counts;
  counts->dropped +=
      self->in_flight; /* a thread that hangs: it can no longer say whether they arrived */
  counts->queued = 0;
  g_mutex_unlock (&self->lock);
}
