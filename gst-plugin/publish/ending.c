/* SPDX-License-Identifier: MIT */
/* The time that stopping takes, which all elements of a process share. */
#include "gst-plugin/publish/ending.h"

static struct {
  GMutex lock;
  guint n;      /* that wait now */
  gint64 began; /* the first of them, g_get_monotonic_time () */
  gint64 ended; /* the last of those before */
  gint64 spent; /* us, at that time */
} ending;

/* The debt when the present wait began. A long one of somebody else with more time counts no more
 * than the own time. Under the lock. */
static gint64
debt (gint64 most)
{
  return MAX (MIN (ending.spent, most) - (ending.began - ending.ended), 0);
}

gint64
gst_cow_publish_ending_begin (gint64 timeout)
{
  gint64 deadline;

  g_mutex_lock (&ending.lock);
  if (ending.n++ == 0)
    ending.began = g_get_monotonic_time ();
  deadline = ending.began + timeout - debt (timeout + GST_COW_PUBLISH_GRACE);
  g_mutex_unlock (&ending.lock);
  return deadline;
}

void
gst_cow_publish_ending_end (void)
{
  g_mutex_lock (&ending.lock);
  if (--ending.n == 0) {
    ending.spent = debt (G_MAXINT64);
    ending.ended = g_get_monotonic_time ();
    ending.spent += ending.ended - ending.began;
  }
  g_mutex_unlock (&ending.lock);
}
