/* SPDX-License-Identifier: MIT */
#include "pipelines/stopping.h"

#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "pipelines/camera.h"
#include "pipelines/elements.h"
#include "pipelines/service.h"

#define LIMIT   (2 * G_USEC_PER_SEC)
#define SAME_MS 500 /* signals within this time are one */

static struct {
  GMutex lock;
  GCond ended;
  guint n;         /* elements that are being stopped */
  gint64 deadline; /* g_get_monotonic_time (); of the thread of the main loop */
} registry;

/* ---- elements -------------------------------------------------------------------------------- */

/* Where the sequence numbers of a camera leap, rtpjitterbuffer (seen in GStreamer 1.22) has its two
 * threads wait for each other: its queue is full, and its head is missing. rtspsrc would wait for
 * them for ever. A flush sets them free. */
static void
flush (GstElement *element)
{
  g_autoptr (GPtrArray) elements = NULL;

  if (!GST_IS_BIN (element))
    return;
  elements = elements_of (GST_BIN (element));
  for (guint i = 0; i < elements->len; i++) {
    GstPad *pad;

    if (!element_is (elements->pdata[i], "rtpjitterbuffer"))
      continue;
    pad = gst_element_get_static_pad (elements->pdata[i], "sink");
    gst_pad_send_event (pad, gst_event_new_flush_start ());
    gst_object_unref (pad);
  }
}

static gpointer
stop (gpointer element)
{
  flush (element);
  gst_element_set_state (element, GST_STATE_NULL);
  gst_object_unref (element);
  g_mutex_lock (&registry.lock);
  registry.n--;
  g_cond_signal (&registry.ended);
  g_mutex_unlock (&registry.lock);
  return NULL;
}

void
stopping_take_out (GstElement *element)
{
  gst_object_ref (element);
  gst_bin_remove (GST_BIN (GST_OBJECT_PARENT (element)), element);
  g_mutex_lock (&registry.lock);
  registry.n++;
  g_mutex_unlock (&registry.lock);
  g_thread_unref (g_thread_new ("stopping", stop, element));
}

/* They leave the pipeline first: a bin whose state changes waits for each element that changes its
 * own. */
static void
take_sources_out (GstElement *pipeline)
{
  g_autoptr (GPtrArray) elements = elements_of (GST_BIN (pipeline)),
                        sources = g_ptr_array_new_with_free_func (gst_object_unref);

  for (guint i = 0; i < elements->len; i++)
    if (camera_is_source (elements->pdata[i]) &&
        !camera_is_source (GST_OBJECT_PARENT (elements->pdata[i])))
      g_ptr_array_add (sources, gst_object_ref (elements->pdata[i]));
  for (guint i = 0; i < sources->len; i++)
    stopping_take_out (sources->pdata[i]);
}

/* Whether all have stopped before `deadline`. */
static gboolean
wait_until (gint64 deadline)
{
  gboolean all;

  g_mutex_lock (&registry.lock);
  while (registry.n > 0 && g_cond_wait_until (&registry.ended, &registry.lock, deadline))
    ;
  all = registry.n == 0;
  g_mutex_unlock (&registry.lock);
  return all;
}

/* ---- signals --------------------------------------------------------------------------------- */

static struct timespec began;

static void
on_signal (int number)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  if ((now.tv_sec - began.tv_sec) * 1000 + (now.tv_nsec - began.tv_nsec) / 1000000 < SAME_MS)
    return;
  signal (number, SIG_DFL);
  raise (number);
}

/* The main loop does not run any more and hears nothing. */
static void
end_at_signal (void)
{
  static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
  const struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
  struct sigaction before;

  clock_gettime (CLOCK_MONOTONIC, &began);
  for (guint i = 0; i < G_N_ELEMENTS (signals); i++)
    if (sigaction (signals[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
      sigaction (signals[i], &action, NULL);
}

/* ---- the whole ------------------------------------------------------------------------------- */

void
stopping_begin (GstElement *pipeline)
{
  registry.deadline = g_get_monotonic_time () + LIMIT;
  end_at_signal ();
  take_sources_out (pipeline);
}

void
stopping_finish (GstElement *pipeline, GstState state)
{
  gst_element_set_state (pipeline, state);
  if (!wait_until (registry.deadline))
    service_say (SAY_WARNING,
                 "a camera does not answer; the program ends without waiting for it\n");
}

int
stopping_end (GstElement *pipeline, int status)
{
  if (!wait_until (0)) {
    /* Its thread uses what would be freed, by exit () too. */
    fflush (NULL);
    _exit (status);
  }
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
  return status;
}
