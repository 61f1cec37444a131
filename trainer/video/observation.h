/* SPDX-License-Identifier: MIT */
/*
 * What was seen in one recording, frame by frame: who did what from when to when (bouts), and how
 * long within each hour (the time budget). Everything that is observed is in exactly one bout and
 * in one cell of the budget, so that both have the same sum.
 */
#ifndef COW_TRAINER_OBSERVATION_H
#define COW_TRAINER_OBSERVATION_H

#include <glib.h>

G_BEGIN_DECLS

/* Who or what was looked at: the whole frame, a zone, or a cow that a tracker follows. UTF-8. */
typedef struct {
  const char *zone;  /* its name, or NULL */
  const char *track; /* a tracker's number for it, or NULL */
} CowSubjectName;

typedef struct {
  char *zone, *track; /* as in CowSubjectName */
  char *name;         /* "frame", "trough", "cow 12" */
} CowSubject;

typedef struct {
  guint subject;     /* index of `subjects` */
  guint label;       /* index of `labels` */
  gint64 start, end; /* ns from the beginning of the recording */
  double confidence; /* the mean over its time */
} CowBout;

typedef struct {
  guint subject;
  gint64 hour;      /* whole hours since the one in which the recording began */
  gint64 *label_ns; /* [labels] */
} CowBudgetRow;

typedef struct {
  GPtrArray *subjects; /* of CowSubject, as they were seen first */
  GPtrArray *labels;   /* of char *: the network's classes, and "unknown" */
  GArray *bouts;       /* of CowBout, by start once it is closed */
  GPtrArray *budget;   /* of CowBudgetRow, by subject and hour once it is closed */
  gint64 offset;       /* ns that the recording began after a full hour */
  /* private */
  GHashTable *by_name, *rows;
  GArray *open; /* of CowBout, one a subject */
} CowObservation;

/* `classes` ends with NULL. offset: see above; 0 where nobody knows the time of day. */
CowObservation *cow_observation_new (const char *const *classes, gint64 offset);
void cow_observation_free (CowObservation *self);

/* In a frame at `time` that is shown for `duration`, both in ns, the subject had a label. A label
 * that is none of the classes counts as "unknown". Times of a subject do not fall. */
void cow_observation_add (CowObservation *self, const CowSubjectName *who, gint64 time,
                          gint64 duration, const char *label, double confidence);
/* Ends all bouts and sorts. Nothing can be added any more. */
void cow_observation_close (CowObservation *self);
/* ns of one subject, or of all where it is G_MAXUINT; of one label, or of all likewise. */
gint64 cow_observation_total (const CowObservation *self, guint subject, guint label);

/* A time in the whole milliseconds that files have. */
gint64 cow_observation_ms (gint64 ns);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowObservation, cow_observation_free)

G_END_DECLS

#endif
