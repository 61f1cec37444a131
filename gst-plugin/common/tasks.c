/* SPDX-License-Identifier: MIT */
#include "gst-plugin/common/tasks.h"

#include <unistd.h>

/* A thread runs within a millisecond; on a busy machine it may take longer. */
#define PATIENCE (2 * G_USEC_PER_SEC)

/* Processes, and whether threads did not run in this process or in a parent of it, whose missing
 * threads are missing here too; atomic. */
static gint loaded_in, runs_in, fails;

/* Work for both of GStreamer's pools of threads: a task, as those of streams, and a call that an
 * element does not wait for, as those by which pipelines change their state. */
typedef struct {
  GMutex lock;
  GCond wake;
  GRecMutex running;
  GstTask *task;
  guint n_missing; /* of the two */
} Probe;

static void
say_done (Probe *self)
{
  g_mutex_lock (&self->lock);
  self->n_missing--;
  g_cond_signal (&self->wake);
  g_mutex_unlock (&self->lock);
}

static void
run (gpointer data)
{
  Probe *self = data;

  gst_task_stop (self->task);
  say_done (self);
}

static void
be_called (GstElement *element, gpointer data)
{
  say_done (data);
}

static void
probe_free (Probe *self)
{
  gst_task_join (self->task);
  gst_object_unref (self->task);
  g_rec_mutex_clear (&self->running);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->wake);
  g_free (self);
}

/* Whether GStreamer's threads run. Work that is not done stays, because it may be yet. */
static gboolean
threads_run (GstElement *element)
{
  const gint64 until = g_get_monotonic_time () + PATIENCE;
  Probe *self = g_new0 (Probe, 1);
  gboolean run_all;

  self->n_missing = 2;
  g_mutex_init (&self->lock);
  g_cond_init (&self->wake);
  g_rec_mutex_init (&self->running);
  self->task = gst_task_new (run, self, NULL);
  gst_task_set_lock (self->task, &self->running);
  gst_task_start (self->task);
  gst_element_call_async (element, be_called, self, NULL);
  g_mutex_lock (&self->lock);
  while (self->n_missing > 0 && g_cond_wait_until (&self->wake, &self->lock, until))
    ;
  run_all = self->n_missing == 0;
  g_mutex_unlock (&self->lock);
  if (run_all)
    probe_free (self);
  return run_all;
}

void
gst_cow_tasks_init (void)
{
  g_atomic_int_set (&loaded_in, (gint)getpid ());
}

/* Only a child of fork () can lack threads: either it is not the process that loaded the plugin, or
 * GLib knows of idle threads in it, which may be those of its parent. */
gboolean
gst_cow_tasks_check (GstElement *element)
{
  const gint process = (gint)getpid ();

  if (g_atomic_int_get (&runs_in) == process ||
      (g_atomic_int_get (&loaded_in) == process && g_thread_pool_get_num_unused_threads () == 0))
    return TRUE;
  if (!g_atomic_int_get (&fails) && threads_run (element)) {
    g_atomic_int_set (&runs_in, process);
    return TRUE;
  }
  g_atomic_int_set (&fails, TRUE);
  GST_ELEMENT_ERROR (
      element, RESOURCE, FAILED,
      ("this process is a child of fork (), and GStreamer waits here for threads that its parent "
       "alone has"),
      ("Start it anew (in Python by multiprocessing.set_start_method (\"spawn\")), or fork before "
       "the parent's first pipeline."));
  return FALSE;
}
