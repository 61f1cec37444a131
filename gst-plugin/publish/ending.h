/* SPDX-License-Identifier: MIT */
/*
 * The time that stopping takes, which all elements of a process share: an application stops them
 * one after the other, and each of eight cameras would wait anew for a broker that is dead.
 *
 * What was waited is a debt of the process. It is deducted from what the next one may wait, and
 * passes as fast as time does while nobody waits, so that an element that is stopped later by
 * itself has all its time.
 */
#ifndef GST_COW_PUBLISH_ENDING_H
#define GST_COW_PUBLISH_ENDING_H

#include <glib.h>

G_BEGIN_DECLS

/* How long a cancelled thread may take to end before it is abandoned, us. */
#define GST_COW_PUBLISH_GRACE (2 * G_USEC_PER_SEC)

/* Begins to wait for `timeout` us at most, and returns until when (g_get_monotonic_time ()), which
 * may be in the past. Those that wait at the same time share it. Any thread. */
gint64 gst_cow_publish_ending_begin (gint64 timeout);
/* Ends what began. */
void gst_cow_publish_ending_end (void);

G_END_DECLS

#endif
