/* SPDX-License-Identifier: MIT */
/*
 * How far a long job has come, on stderr: on a terminal one line that fits it and is written over;
 * elsewhere (a log) a line every ten seconds, so that short jobs say nothing.
 */
#ifndef COW_TRAINER_PROGRESS_H
#define COW_TRAINER_PROGRESS_H

#include <glib.h>

typedef struct _Progress Progress;

/* unit "MB" counts bytes, any other text counts that ("pictures"). */
Progress *progress_new (const char *unit, guint64 total);
void progress_set (Progress *self, guint64 done);
/* So much was done before this job began, by one that it continues: it counts for what is left, not
 * for the rate. */
void progress_skip (Progress *self, guint64 done);
/* So much follows when this job is done, of the same kind: the other epochs of a training. */
void progress_rest (Progress *self, guint64 rest);
/* Words that open the line ("epoch 3 of 80") and close it ("812 MB"); NULL for none. They are
 * copied. */
void progress_note (Progress *self, const char *before, const char *after);
/* Takes the line off the terminal, so that others can write there; the next progress_set () brings
 * it back. */
void progress_clear (Progress *self);
/* Clears too. */
void progress_free (Progress *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Progress, progress_free)

#endif
