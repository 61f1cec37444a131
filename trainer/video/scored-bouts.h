/* SPDX-License-Identifier: MIT */
/*
 * What cows did in a recording and when, as people scored it: rows of a table with the columns
 * label and either start and end or time, in seconds, as bouts.csv of `annotate` has them.
 */
#ifndef COW_TRAINER_SCORED_BOUTS_H
#define COW_TRAINER_SCORED_BOUTS_H

#include "model/files/error.h"

G_BEGIN_DECLS

typedef struct {
  char *zone, *track; /* of whom; "": of all */
  char *label;
  gint64 start, end; /* ms; the end is not part of it. Of a moment, which ends when it
                         starts, the first picture within a second is */
  guint line;        /* of the table */
  guint n_pictures;  /* that were taken of it */
  gint64 taken;      /* ms: when the last one was */
} CowScoredBout;

typedef struct {
  GPtrArray *bouts; /* of CowScoredBout, by their starts */
  char *text;       /* what was understood, for people */
  guint n_rows;     /* of the table, about any recording */
  guint n_about;    /* of those: about this one, with a label or without */
} CowScoredBouts;

/*
 * The rows about a recording: those whose column video or source has a file of its name; all where
 * there is no such column, which `alone` (there is one recording) allows. COW_ERROR_NOT_FOUND,
 * _IO, or _FORMAT: no such table, a row that is none, two labels at one time, no row about it.
 */
CowScoredBouts *cow_scored_bouts_read (const char *path, const char *video, gboolean alone,
                                       GError **error);
void cow_scored_bouts_free (CowScoredBouts *self);
/* The bout of a zone or a track ("": none) at a time in ns; one of all subjects where it has none
 * of its own; or NULL. */
CowScoredBout *cow_scored_bouts_find (const CowScoredBouts *self, const char *zone,
                                      const char *track, gint64 time);
/* A picture at a time in ns is of it. */
void cow_scored_bout_take (CowScoredBout *self, gint64 time);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowScoredBouts, cow_scored_bouts_free)

G_END_DECLS

#endif
