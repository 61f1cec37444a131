/* SPDX-License-Identifier: MIT */
/*
 * Lines appended to a regular file that others append to at the same time: other elements, other
 * processes, programs that know nothing of this one. Nothing is remembered of the file between two
 * calls, because others change it between them.
 *
 * Writers of this kind take turns with a lock: flock (2), so that flock (1) can take part. A writer
 * that ignores the lock does not lose anything either: a line that was not written whole is
 * withdrawn without touching a byte of others.
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
  gboolean rows; /* lines are rows of a table, RFC 4180, in whose fields are no newlines */
} GstCowAppend;

/* Waits for the lock: EBUSY after 5 s, ECANCELED when `cancellable` says so. On a file system
 * without locks it succeeds, and `locked` stays FALSE. */
gboolean gst_cow_append_lock (GstCowAppend *self, GCancellable *cancellable);
/* Leaves others a few milliseconds to take it. */
void gst_cow_append_unlock (GstCowAppend *self);

/* Appends a line and a newline. Where somebody left half a line, a newline goes before it, too, and
 * before that the quote that half a row lacks. A line that cannot be appended whole is
 * withdrawn. */
gboolean gst_cow_append_line (GstCowAppend *self, const char *line);

/* Withdraws the bytes from..to-1, which this writer wrote: they are cut off where nothing is behind
 * them and the lock is held. Elsewhere they become spaces, which JSON allows before a value, or in
 * a table empty lines, which readers skip. */
gboolean gst_cow_append_withdraw (GstCowAppend *self, off_t from, off_t to);

G_END_DECLS

#endif
