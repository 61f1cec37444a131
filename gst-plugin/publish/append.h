/* SPDX-License-Identifier: MIT */
/*
 * Lines appended to a regular file that others append to at the same time: other elements, other
 * processes, programs that know nothing of this one. Nothing is remembered of the file between two
 * calls, because whatever was true of it then may not be true now.
 *
 * Writers of this kind take turns by a lock (flock (2), so that flock (1) may take part). A writer
 * that ignores the lock loses nothing either: a line that could not be written whole is taken back
 * without touching a byte that somebody else wrote.
 *
 * All functions set errno when they fail. One file, one thread.
 */
#ifndef GST_COW_PUBLISH_APPEND_H
#define GST_COW_PUBLISH_APPEND_H

#include <gio/gio.h>
#include <sys/types.h>

G_BEGIN_DECLS

typedef struct {
  int fd;     /* opened with O_APPEND, and by nobody else; borrowed */
  int beside; /* the same file without O_APPEND, to read and write; -1: that was not permitted */
  gboolean locked;
} GstCowAppend;

/* Waits for the lock: EBUSY after 5 s, ECANCELED when `cancellable` says so. A file system without
 * locks is no failure; `locked` says that there is none. */
gboolean gst_cow_append_lock (GstCowAppend *self, GCancellable *cancellable);
void gst_cow_append_unlock (GstCowAppend *self);

/* Appends a line, and a newline after it; before it too where somebody left half a line. Either all
 * of it is in the file, or nothing of it. */
gboolean gst_cow_append_line (GstCowAppend *self, const char *line);

/* Takes back the bytes from..to-1, which this writer wrote: they are cut off where nothing is
 * behind them and the lock is held, else they become spaces, which JSON allows before a value. */
gboolean gst_cow_append_withdraw (GstCowAppend *self, off_t from, off_t to);

G_END_DECLS

#endif
