/* SPDX-License-Identifier: MIT */
/* A bounded queue of events and the thread that sends them to a target. */
#include "gst-plugin/publish/queue.h"

#include <signal.h>
#include <string.h>

#include "gst-plugin/publish/ending.h"

GST_DEBUG_CATEGORY_STATIC (gst_cow_publish_queue_debug);
#define GST_CAT_DEFAULT gst_cow_publish_queue_debug

#define TICK (G_USEC_PER_SEC / 5) /* between calls of idle () */
/* The pause after a failure, doubled with each further one. A random quarter more or less keeps
 * cameras from trying all at once. */
#define FIRST_PAUSE_MS 1000
#define LAST_PAUSE_MS  30000
/* The least time between two warnings of the same cause: when something worked between them, and
 * while nothing does. */
#define WARNING_FIRST (10 * G_USEC_PER_SEC)
#define WARNING_AGAIN (60 * G_USEC_PER_SEC)
/* Causes whose last warning is remembered. */
#define MOST_CAUSES 32
#define TRIED_AGAIN "The events wait."
/* A connection that has lasted for so long worked, even if there was nothing to send. */
#define LASTING (LAST_PAUSE_MS * G_TIME_SPAN_MILLISECOND)
/* Deliveries in a row after which twice as many lines are sent at once again. */
#define GOOD_DELIVERIES 8
/* What a target that works has when the time of all is over. */
#define LAST_MOMENT (G_USEC_PER_SEC / 10)

typedef struct {
  GQuark domain;
  gint code;
  gint64 warned;  /* g_get_monotonic_time () */
  guint n_worked; /* of the queue, at that time */
} Cause;

struct _GstCowPublishQueue {
  gint references; /* atomic: the element's and the thread's */
  GstCowPublishTarget *target;
  GCancellable *cancellable;
  GWeakRef element;
  guint size;

  GMutex lock;
  GCond wake;         /* wakes the thread: there is something to do */
  GCond over;         /* wakes those who wait: the queue is empty, or the thread has ended */
  GCond room;         /* wakes those who wait for room */
  GQueue events;      /* of GRefString, oldest first */
  guint in_flight;    /* taken by the thread and not yet counted */
  gsize bytes;        /* of both */
  gboolean finish;    /* no more will come */
  gboolean retry_now; /* the next pause is cut short */
  gboolean unsettled; /* a drain waits for the target's settle () */
  gboolean flushing;
  gboolean stopping; /* nobody may wait for room any more */
  gboolean gone;     /* the target is gone for good: all events are dropped */
  gboolean ended;
  gint64 busy;      /* since when the target is at work, g_get_monotonic_time (); 0: not */
  gboolean failing; /* the last attempt failed */
  GstCowPublishCounts counts; /* without `queued` */
  Cause causes[MOST_CAUSES];
  guint n_causes;
  guint n_worked; /* how often something worked after a failure */

  /* of the thread */
  gboolean ready;   /* connected */
  gint64 connected; /* g_get_monotonic_time () of that */
  guint pause_ms;   /* of the last failure; 0: there was none since an event was sent */
  guint n_failed;   /* since an event was sent */
  guint most;       /* lines that are sent at once; fewer than the target takes after a DIVIDE */
  guint n_good;     /* deliveries in a row with that */
};

GQuark
gst_cow_publish_cause_quark (void)
{
  return g_quark_from_static_string ("cow-publish-cause");
}

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
  g_cond_clear (&self->room);
  g_free (self);
}

/* ---- warnings -------------------------------------------------------------------------------- */

/* Notes that a warning of this cause is due, unless there was one not long ago. Under the lock. */
static gboolean
note_cause (GstCowPublishQueue *self, const GError *error)
{
  const gint64 now = g_get_monotonic_time ();
  Cause *cause = self->causes, *end = self->causes + self->n_causes;

  while (cause < end && (cause->domain != error->domain || cause->code != error->code))
    cause++;
  if (cause < end &&
      now - cause->warned < (cause->n_worked == self->n_worked ? WARNING_AGAIN : WARNING_FIRST))
    return FALSE;
  if (cause == end && self->n_causes < MOST_CAUSES) {
    self->n_causes++;
  } else if (cause == end) {
    /* The one that is longest ago makes room. */
    cause = self->causes;
    for (Cause *other = self->causes; other < end; other++)
      if (other->warned < cause->warned)
        cause = other;
  }
  *cause = (Cause){ error->domain, error->code, now, self->n_worked };
  return TRUE;
}

static void
post (GstCowPublishQueue *self, const GError *error, const char *what)
{
  g_autoptr (GstElement) element = g_weak_ref_get (&self->element);

  if (element)
    GST_ELEMENT_WARNING (element, RESOURCE, WRITE, ("%s", error->message), ("%s", what));
}

static void
warn (GstCowPublishQueue *self, const GError *error, const char *what)
{
  gboolean due;

  GST_DEBUG ("%s: %s: %s", self->target->class->name, what, error->message);
  g_mutex_lock (&self->lock);
  due = note_cause (self, error);
  g_mutex_unlock (&self->lock);
  if (due)
    post (self, error, what);
}

static void
warn_for_target (gpointer queue, GError *error)
{
  warn (queue, error, "Events go on.");
  g_error_free (error);
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

/* Waits for room. FALSE: there is none, because the stream flushes or stops, or the event would not
 * fit into an empty queue. */
static gboolean
wait_for_room (GstCowPublishQueue *self, gsize more)
{
  while (is_full (self, more) && self->bytes > 0 && !self->flushing && !self->stopping &&
         !self->gone && !self->ended)
    g_cond_wait (&self->room, &self->lock);
  return !is_full (self, more);
}

/* Makes room by dropping the oldest events. FALSE: all others are being sent, so that there is
 * none. */
static gboolean
make_room (GstCowPublishQueue *self, gsize more)
{
  while (is_full (self, more) && !g_queue_is_empty (&self->events))
    drop (self, g_queue_pop_head (&self->events));
  return !is_full (self, more);
}

static GError *
full_error (GstCowPublishQueue *self)
{
  return g_error_new (GST_COW_PUBLISH_CAUSE, GST_COW_PUBLISH_CAUSE_FULL,
                      "%s: the queue is full (queue-size=%u, and 16 MiB), and events are dropped, "
                      "the oldest first; %" G_GUINT64_FORMAT " so far",
                      self->target->class->name, self->size, self->counts.dropped);
}

void
gst_cow_publish_queue_push (GstCowPublishQueue *self, char *event, gboolean wait)
{
  const gsize n = size_of (event);
  g_autoptr (GError) full = NULL;
  guint64 dropped;

  g_mutex_lock (&self->lock);
  dropped = self->counts.dropped;
  if (!self->gone && (wait ? wait_for_room (self, n) : make_room (self, n))) {
    self->bytes += n;
    g_queue_push_tail (&self->events, g_ref_string_acquire (event));
  } else {
    self->counts.dropped++;
  }
  if (!self->gone && !self->stopping && self->counts.dropped > dropped) {
    full = full_error (self);
    if (!note_cause (self, full))
      g_clear_error (&full);
  }
  g_cond_signal (&self->wake);
  g_mutex_unlock (&self->lock);
  if (full)
    post (self, full, "The target is slower than the stream, or does not work.");
}

gboolean
gst_cow_publish_queue_is_gone (GstCowPublishQueue *self)
{
  gboolean gone;

  g_mutex_lock (&self->lock);
  gone = self->gone;
  g_mutex_unlock (&self->lock);
  return gone;
}

void
gst_cow_publish_queue_release (GstCowPublishQueue *self)
{
  g_mutex_lock (&self->lock);
  self->stopping = TRUE;
  g_cond_broadcast (&self->room);
  g_cond_broadcast (&self->over);
  g_mutex_unlock (&self->lock);
}

void
gst_cow_publish_queue_set_state (GstCowPublishQueue *self, const char *name, const char *label,
                                 const GstStructure *results)
{
  if (self->target->class->set_state)
    self->target->class->set_state (self->target, name, label, results);
}

const char *
gst_cow_publish_queue_name (GstCowPublishQueue *self)
{
  return self->target->class->name;
}

gboolean
gst_cow_publish_queue_takes_rows (GstCowPublishQueue *self)
{
  return self->target->rows;
}

void
gst_cow_publish_queue_get_counts (GstCowPublishQueue *self, GstCowPublishCounts *counts)
{
  g_mutex_lock (&self->lock);
  *counts = self->counts;
  counts->queued = g_queue_get_length (&self->events) + self->in_flight;
  g_mutex_unlock (&self->lock);
}

/* The deadline, or a moment from now where the target works, as far as is known, and does not keep
 * anybody waiting. Under the lock. */
static gint64
with_last_moment (GstCowPublishQueue *self, gint64 deadline)
{
  const gint64 now = g_get_monotonic_time ();
  const gboolean answers = !self->failing && (self->busy == 0 || now - self->busy < LAST_MOMENT);

  return answers ? MAX (deadline, now + LAST_MOMENT) : deadline;
}

/* Under the lock. */
static gboolean
is_empty (GstCowPublishQueue *self)
{
  return g_queue_is_empty (&self->events) && self->in_flight == 0;
}

gboolean
gst_cow_publish_queue_drain (GstCowPublishQueue *self, gint64 deadline, gint64 extension)
{
  gboolean empty;
  guint64 sent;

  g_mutex_lock (&self->lock);
  deadline = with_last_moment (self, deadline);
  self->retry_now = !g_queue_is_empty (&self->events);
  self->unsettled = self->target->class->settle != NULL;
  sent = self->counts.sent;
  g_cond_signal (&self->wake);
  /* Nothing is to be seen at a target that is out of reach. */
  while ((!is_empty (self) || (self->unsettled && self->counts.connected)) && !self->flushing &&
         !self->stopping) {
    if (g_cond_wait_until (&self->over, &self->lock, deadline))
      continue;
    if (extension == 0 || self->counts.sent == sent)
      break;
    sent = self->counts.sent;
    deadline = g_get_monotonic_time () + extension;
  }
  self->unsettled = FALSE;
  empty = is_empty (self);
  g_mutex_unlock (&self->lock);
  return empty;
}

void
gst_cow_publish_queue_set_flushing (GstCowPublishQueue *self, gboolean flushing)
{
  g_mutex_lock (&self->lock);
  self->flushing = flushing;
  g_cond_broadcast (&self->over);
  g_cond_broadcast (&self->room);
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
  while (g_queue_is_empty (&self->events) && !self->finish && !self->unsettled &&
         g_cond_wait_until (&self->wake, &self->lock, until))
    ;
  while (lines->len < self->most && !g_queue_is_empty (&self->events))
    g_ptr_array_add (lines, g_queue_pop_head (&self->events));
  self->in_flight = lines->len;
  *over = self->finish && lines->len == 0;
  g_mutex_unlock (&self->lock);
  return lines;
}

/* Counts lines that were taken, by what became of them; those that are left go back to the head of
 * the queue. Returns how many were sent. */
static guint
complete (GstCowPublishQueue *self, GPtrArray *lines, const GstCowLine *fates)
{
  guint n_sent = 0;

  g_mutex_lock (&self->lock);
  self->in_flight = 0;
  for (guint i = lines->len; i > 0; i--) {
    char *event = g_ref_string_acquire (lines->pdata[i - 1]);

    if (fates[i - 1] == GST_COW_LINE_LEFT && !self->gone) {
      g_queue_push_head (&self->events, event);
    } else if (fates[i - 1] == GST_COW_LINE_SENT) {
      self->bytes -= size_of (event);
      g_ref_string_release (event);
      n_sent++;
    } else {
      drop (self, event);
    }
  }
  self->counts.sent += n_sent;
  if (g_queue_is_empty (&self->events))
    g_cond_broadcast (&self->over);
  g_cond_broadcast (&self->room);
  g_mutex_unlock (&self->lock);
  return n_sent;
}

/* It works. */
static void
set_connected (GstCowPublishQueue *self)
{
  g_mutex_lock (&self->lock);
  self->counts.connected = TRUE;
  self->failing = FALSE;
  g_mutex_unlock (&self->lock);
}

/* Notes that the target is at work from now on, or is not any more. */
static void
set_busy (GstCowPublishQueue *self, gboolean busy)
{
  g_mutex_lock (&self->lock);
  self->busy = busy ? g_get_monotonic_time () : 0;
  g_mutex_unlock (&self->lock);
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
  if (self->connected && g_get_monotonic_time () - self->connected > LASTING)
    self->pause_ms = 0;
  self->connected = 0;
  self->pause_ms = self->pause_ms == 0 ? FIRST_PAUSE_MS : MIN (2 * self->pause_ms, LAST_PAUSE_MS);
  ms = (guint)(self->pause_ms * g_random_double_range (0.75, 1.25));
  if (self->target->retry_after_s > 0)
    ms = MAX (ms, MIN (self->target->retry_after_s * 1000, LAST_PAUSE_MS));
  warn (self, error, what);

  g_mutex_lock (&self->lock);
  self->counts.failures++;
  self->counts.connected = FALSE;
  self->failing = TRUE;
  g_cond_broadcast (&self->over);
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

/* An event was sent. Only this ends the growth of the pauses: a connection that breaks as soon as
 * something is sent would otherwise be made again and again. */
static void
succeeded (GstCowPublishQueue *self)
{
  if (self->n_failed > 0)
    GST_INFO ("%s works again after %u failures", self->target->class->name, self->n_failed);
  g_mutex_lock (&self->lock);
  self->n_worked += self->n_failed > 0;
  g_mutex_unlock (&self->lock);
  self->n_failed = self->pause_ms = 0;
  set_connected (self);
}

static void
disconnect (GstCowPublishQueue *self, gboolean politely)
{
  set_busy (self, TRUE);
  if (self->ready && self->target->class->disconnect)
    self->target->class->disconnect (self->target, politely, self->cancellable);
  self->ready = FALSE;
  set_busy (self, FALSE);
}

static gboolean
be_ready (GstCowPublishQueue *self)
{
  const GstCowPublishTargetClass *class = self->target->class;
  g_autoptr (GError) error = NULL;

  if (self->ready)
    return TRUE;
  self->target->retry_after_s = 0;
  set_busy (self, TRUE);
  self->ready = !class->connect || class->connect (self->target, self->cancellable, &error);
  set_busy (self, FALSE);
  if (!self->ready) {
    pause_after (self, error, TRIED_AGAIN);
    return FALSE;
  }
  if (class->connect) {
    self->connected = g_get_monotonic_time ();
    set_connected (self);
  }
  return TRUE;
}

/* After a delivery that was refused as a whole fewer lines are sent at once, and slowly more again
 * when that works. */
static void
adapt_most (GstCowPublishQueue *self, GstCowDelivery outcome, guint n)
{
  if (outcome == GST_COW_DELIVERY_DIVIDE) {
    self->most = MAX (n / 2, 1);
    self->n_good = 0;
  } else if (outcome == GST_COW_DELIVERY_DONE && self->most < self->target->most_lines &&
             ++self->n_good >= GOOD_DELIVERIES) {
    self->most = MIN (2 * self->most, self->target->most_lines);
    self->n_good = 0;
  }
}

static void
count_failure (GstCowPublishQueue *self)
{
  self->n_failed++;
  g_mutex_lock (&self->lock);
  self->counts.failures++;
  g_mutex_unlock (&self->lock);
}

/* Drops all events, from now on, too. */
static void
give_up (GstCowPublishQueue *self)
{
  g_mutex_lock (&self->lock);
  self->gone = TRUE;
  while (!g_queue_is_empty (&self->events))
    drop (self, g_queue_pop_head (&self->events));
  g_mutex_unlock (&self->lock);
}

static void
deliver (GstCowPublishQueue *self, GPtrArray *lines)
{
  const GstCowPublishTargetClass *class = self->target->class;
  g_autofree GstCowLine *fates = g_new0 (GstCowLine, lines->len);
  g_autoptr (GError) error = NULL;
  GstCowDelivery outcome;

  self->target->retry_after_s = 0;
  set_busy (self, TRUE);
  outcome = class->send (self->target, (char *const *)lines->pdata, lines->len, fates,
                         self->cancellable, &error);
  set_busy (self, FALSE);
  if (outcome == GST_COW_DELIVERY_DIVIDE && lines->len == 1) {
    fates[0] = GST_COW_LINE_REFUSED;
    outcome = GST_COW_DELIVERY_REFUSED;
  }
  if (outcome == GST_COW_DELIVERY_GONE)
    give_up (self);
  adapt_most (self, outcome, lines->len);
  if (complete (self, lines, fates) > 0)
    succeeded (self);
  if (outcome == GST_COW_DELIVERY_RETRY) {
    disconnect (self, FALSE);
    pause_after (self, error, TRIED_AGAIN);
  } else if (outcome != GST_COW_DELIVERY_DONE) {
    count_failure (self);
    warn (self, error,
          outcome == GST_COW_DELIVERY_DIVIDE ? "They are sent again, fewer at once."
                                             : "These events are dropped.");
  }
}

/* For a drain, which may have given up by then. */
static void
settle (GstCowPublishQueue *self)
{
  gboolean wanted;

  g_mutex_lock (&self->lock);
  wanted = self->unsettled;
  g_mutex_unlock (&self->lock);
  if (!wanted)
    return;
  set_busy (self, TRUE);
  self->target->class->settle (self->target, self->cancellable);
  set_busy (self, FALSE);
  g_mutex_lock (&self->lock);
  self->unsettled = FALSE;
  g_cond_broadcast (&self->over);
  g_mutex_unlock (&self->lock);
}

static void
idle (GstCowPublishQueue *self)
{
  const GstCowPublishTargetClass *class = self->target->class;
  g_autoptr (GError) error = NULL;

  if (!class->idle || class->idle (self->target, self->cancellable, &error)) {
    settle (self);
    return;
  }
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
  g_cond_broadcast (&self->room);
  g_mutex_unlock (&self->lock);
  gst_cow_publish_queue_unref (self);
  return NULL;
}

/* ---- begin and end --------------------------------------------------------------------------- */

GstCowPublishQueue *
gst_cow_publish_queue_new (GstCowPublishTarget *target, guint size, GstElement *element,
                           GError **error)
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
  self->most = target->most_lines;
  target->warn = warn_for_target;
  target->queue = self;
  self->cancellable = g_cancellable_new ();
  g_weak_ref_init (&self->element, element);
  g_mutex_init (&self->lock);
  g_cond_init (&self->wake);
  g_cond_init (&self->over);
  g_cond_init (&self->room);
  g_queue_init (&self->events);
  GThread *thread = g_thread_try_new (target->class->name, run, self, error);
  if (thread) {
    g_thread_unref (thread);
    return self;
  }
  self->references = 1;
  gst_cow_publish_queue_unref (self);
  return NULL;
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
  ended = wait_for_end (self, with_last_moment (self, deadline));
  g_mutex_unlock (&self->lock);
  if (ended)
    return;
  g_cancellable_cancel (self->cancellable);
  g_mutex_lock (&self->lock);
  g_cond_signal (&self->wake);
  g_mutex_unlock (&self->lock);
}

void
gst_cow_publish_queue_end (GstCowPublishQueue *self, gint64 deadline, GstCowPublishCounts *counts)
{
  const gint64 until =
      MAX (deadline + GST_COW_PUBLISH_GRACE, g_get_monotonic_time () + LAST_MOMENT);

  g_mutex_lock (&self->lock);
  if (!wait_for_end (self, until))
    GST_WARNING ("%s does not end in time and is abandoned", self->target->class->name);
  while (!g_queue_is_empty (&self->events))
    drop (self, g_queue_pop_head (&self->events));
  *counts = self->counts;
  counts->dropped +=
      self->in_flight; /* a thread that hangs: it can no longer say whether they arrived */
  counts->queued = 0;
  g_mutex_unlock (&self->lock);
}
