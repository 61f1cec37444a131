/* SPDX-License-Identifier: MIT */
/*
 * What an unfinished `annotate` has seen so far, kept in its folder so that another run goes on
 * from there: FOLDER/unfinished/run.json says what the run is of, and 000001.txt, 000002.txt, ...
 * hold what came, each written whole or not at all and with a checksum at its end. Used by one
 * thread at a time.
 */
#ifndef COW_TRAINER_JOURNAL_H
#define COW_TRAINER_JOURNAL_H

#include <json-glib/json-glib.h>

#include "trainer/video/observation.h"
#include "trainer/video/recording.h"

G_BEGIN_DECLS

typedef struct {
  guint subject, label; /* indices */
  double confidence;
  gboolean fresh; /* classified in this frame */
} CowJournalRow;

typedef struct {
  gint64 time, duration; /* ns */
  guint first, n;        /* its rows */
  gboolean carried;      /* all rows are those of the frame before, and none is fresh */
} CowJournalFrame;

/* What was seen of a recording. */
typedef struct {
  GPtrArray *classes; /* of char *, ending with NULL; empty before the first frame */
  double fps;
  GPtrArray *zones, *tracks; /* [subjects] of char * or NULL */
  GPtrArray *labels;         /* of char * */
  GArray *frames, *rows;     /* of CowJournalFrame by time, of CowJournalRow */
  gboolean complete;         /* to its end, or to where it could not be played any more */
  CowRecordingEnd end;       /* of a complete one */
  char *why;                 /* it could not be played further; or NULL */
} CowJournalPart;

typedef struct _CowJournal CowJournal;

/*
 * What FOLDER holds of an unfinished run of these settings. *said, to be freed, becomes a sentence
 * where there was one of others, or one that is damaged, which is then forgotten; else NULL.
 * COW_ERROR_IO.
 */
CowJournal *cow_journal_open (const char *folder, JsonObject *settings, char **said,
                              GError **error);
void cow_journal_free (CowJournal *self);
/* Of a recording by its number; NULL where nothing was seen of it. */
const CowJournalPart *cow_journal_part (const CowJournal *self, guint recording);

/* From now on what comes is of this recording: goes on behind what is there, or begins it anew. */
void cow_journal_begin (CowJournal *self, guint recording, gboolean anew);
void cow_journal_add_classes (CowJournal *self, const char *const *classes, double fps);
/* A row of a frame, as CowPlayerSink has it; now and then writes what came. COW_ERROR_IO. */
gboolean cow_journal_add (CowJournal *self, const CowSubjectName *who, gint64 time, gint64 duration,
                          const char *label, double confidence, gboolean fresh, GError **error);
/* The recording is over, `why` or NULL; writes. COW_ERROR_IO. */
gboolean cow_journal_end (CowJournal *self, const CowRecordingEnd *end, const char *why,
                          GError **error);
/* Writes what came. COW_ERROR_IO. */
gboolean cow_journal_write (CowJournal *self, GError **error);
/* The run is finished, and nothing of it is kept here. COW_ERROR_IO. */
gboolean cow_journal_remove (CowJournal *self, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowJournal, cow_journal_free)

G_END_DECLS

#endif
