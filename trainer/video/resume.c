/* SPDX-License-Identifier: MIT */
#include "trainer/video/resume.h"

#include "trainer/host/words.h"

#define OVERLAP G_GINT64_CONSTANT (2000000000) /* ns that are seen twice, to compare them */

typedef struct {
  CowJournal *journal;
  const CowPlayerSink *sink;
  gpointer data;
  /* What is compared before it is handed on: frames [next_frame, n_frames), of which the row
   * next_row comes next. NULL: nothing any more. */
  const CowJournalPart *part;
  guint next_frame, next_row, n_frames;
  gboolean differs;
} Resume;

static const CowJournalFrame *
frame_at (const CowJournalPart *part, guint i)
{
  return &g_array_index (part->frames, CowJournalFrame, i);
}

static const CowJournalRow *
row_at (const CowJournalPart *part, const CowJournalFrame *frame, guint i)
{
  return &g_array_index (part->rows, CowJournalRow, frame->first + i);
}

static CowSubjectName
name_of (const CowJournalPart *part, const CowJournalRow *row)
{
  return (CowSubjectName){ part->zones->pdata[row->subject], part->tracks->pdata[row->subject] };
}

/* ---- handing on what the journal has --------------------------------------------------------- */

/* The last frame of a part that is not complete may have been cut short. */
static guint
sure_frames (const CowJournalPart *part)
{
  return part->complete ? part->frames->len : MAX (part->frames->len, 1) - 1;
}

static gboolean
hand_on (const CowJournalPart *part, const CowPlayerSink *sink, gpointer data, GError **error)
{
  if (part->classes->len == 0)
    return TRUE;
  if (!sink->begin ((const char *const *)part->classes->pdata, part->fps, data, error))
    return FALSE;
  for (guint i = 0; i < sure_frames (part); i++) {
    const CowJournalFrame *frame = frame_at (part, i);

    for (guint k = 0; k < frame->n; k++) {
      const CowJournalRow *row = row_at (part, frame, k);
      const CowSubjectName who = name_of (part, row);

      if (!sink->seen (&who, frame->time, frame->duration, part->labels->pdata[row->label],
                       row->confidence, row->fresh && !frame->carried, data, error))
        return FALSE;
    }
  }
  return TRUE;
}

/* ---- comparing it with what comes ------------------------------------------------------------ */

static gboolean
differ (Resume *self, GError **error)
{
  self->differs = TRUE;
  g_set_error_literal (error, COW_ERROR, COW_ERROR_MISMATCH, "not what the journal has");
  return FALSE;
}

static gboolean
on_begin (const char *const *classes, double fps, gpointer data, GError **error)
{
  Resume *self = data;

  if (!self->part) {
    cow_journal_add_classes (self->journal, classes, fps);
    return self->sink->begin (classes, fps, self->data, error);
  }
  if (fps != self->part->fps ||
      !g_strv_equal (classes, (const char *const *)self->part->classes->pdata))
    return differ (self, error);
  return TRUE;
}

static gboolean
is_expected (const Resume *self, const CowSubjectName *who, gint64 time, gint64 duration,
             const char *label, double confidence, gboolean fresh)
{
  const CowJournalFrame *frame = frame_at (self->part, self->next_frame);
  const CowJournalRow *row = row_at (self->part, frame, self->next_row);
  const CowSubjectName name = name_of (self->part, row);

  return frame->time == time && frame->duration == duration &&
         (row->fresh && !frame->carried) == fresh && row->confidence == confidence &&
         g_strcmp0 (self->part->labels->pdata[row->label], label) == 0 &&
         g_strcmp0 (name.zone, who->zone) == 0 && g_strcmp0 (name.track, who->track) == 0;
}

/* All that is sure came again as it was: it is handed on, and what follows is new. */
static gboolean
go_on (Resume *self, GError **error)
{
  const CowJournalPart *part = self->part;

  self->part = NULL;
  return hand_on (part, self->sink, self->data, error);
}

static gboolean
on_seen (const CowSubjectName *who, gint64 time, gint64 duration, const char *label,
         double confidence, gboolean fresh, gpointer data, GError **error)
{
  Resume *self = data;

  if (self->part && self->next_frame < self->n_frames) {
    if (!is_expected (self, who, time, duration, label, confidence, fresh))
      return differ (self, error);
    if (++self->next_row == frame_at (self->part, self->next_frame)->n) {
      self->next_row = 0;
      self->next_frame++;
    }
    return TRUE;
  }
  if (self->part && !go_on (self, error))
    return FALSE;
  return cow_journal_add (self->journal, who, time, duration, label, confidence, fresh, error) &&
         self->sink->seen (who, time, duration, label, confidence, fresh, self->data, error);
}

/* ---- a recording ----------------------------------------------------------------------------- */

/* The last frame in which all was classified, OVERLAP before the end at least; -1: there is none.
 */
static int
place_to_go_on (const CowJournalPart *part, guint n_frames)
{
  if (n_frames == 0)
    return -1;
  const gint64 latest = frame_at (part, n_frames - 1)->time - OVERLAP;
  for (guint i = n_frames; i-- > 0;) {
    const CowJournalFrame *frame = frame_at (part, i);
    gboolean all = !frame->carried && frame->time <= latest && frame->time > 0;

    for (guint k = 0; all && k < frame->n; k++)
      all = row_at (part, frame, k)->fresh;
    if (all)
      return (int)i;
  }
  return -1;
}

static gboolean
is_stateless (const CowPlayerOptions *options)
{
  return !options->detector && !options->boxes && !*options->properties;
}

static void
say (const char *path, gint64 time, const char *what)
{
  g_autofree char *clock = words_clock ((double)time / 1e9), *name = g_path_get_basename (path);

  g_printerr ("cow-trainer: %s was seen up to %s by a run that did not end: %s\n", name, clock,
              what);
}

static gboolean
play_anew (Resume *self, guint number, const CowPlayerOptions *options, CowRecordingEnd *end,
           GError **error)
{
  static const CowPlayerSink sink = { on_begin, on_seen };

  self->part = NULL;
  cow_journal_begin (self->journal, number, TRUE);
  return cow_player_run (options, &sink, self, end, error);
}

/* Where the user stops it before the comparison is over, what the journal has is as good as it was.
 * Where the recording ends before, it is another one. */
static gboolean
play_on (Resume *self, guint number, const CowPlayerOptions *options, CowRecordingEnd *end,
         GError **error)
{
  static const CowPlayerSink sink = { on_begin, on_seen };
  const CowJournalPart *part = self->part;
  const CowJournalFrame *last = frame_at (part, self->n_frames - 1);
  CowPlayerOptions playing = *options;
  g_autoptr (GError) local = NULL;

  playing.from = frame_at (part, self->next_frame)->time;
  say (options->path, last->time, "it goes on from there");
  cow_journal_begin (self->journal, number, FALSE);
  const gboolean ok = cow_player_run (&playing, &sink, self, end, &local);
  if (self->part && end->stopped) {
    end->end = last->time + last->duration;
    return go_on (self, error);
  }
  if (self->part &&
      (ok || self->differs || g_error_matches (local, COW_ERROR, COW_ERROR_UNSUPPORTED))) {
    g_printerr ("cow-trainer: %s: what comes after going on is not what came before: it begins "
                "anew\n",
                options->path);
    return play_anew (self, number, options, end, error);
  }
  if (!ok)
    g_propagate_error (error, g_steal_pointer (&local));
  return ok;
}

static gboolean
play (Resume *self, guint number, const CowPlayerOptions *options, CowRecordingEnd *end,
      GError **error)
{
  const CowJournalPart *part = cow_journal_part (self->journal, number);
  const guint n_frames = part ? sure_frames (part) : 0;
  const int place = part && is_stateless (options) && part->classes->len > 0
                        ? place_to_go_on (part, n_frames)
                        : -1;

  if (place >= 0) {
    self->part = part;
    self->next_frame = (guint)place;
    self->n_frames = n_frames;
    return play_on (self, number, options, end, error);
  }
  if (n_frames > 0)
    say (options->path, frame_at (part, n_frames - 1)->time,
         is_stateless (options) ? "it begins anew, because that is soon done"
                                : "it begins anew, because results depend on the frames before");
  return play_anew (self, number, options, end, error);
}

gboolean
cow_resume_play (CowJournal *journal, guint number, const CowPlayerOptions *options,
                 const CowPlayerSink *sink, gpointer data, CowRecordingEnd *end, GError **error)
{
  Resume self = { .journal = journal, .sink = sink, .data = data };
  const CowJournalPart *part = cow_journal_part (journal, number);
  g_autoptr (GError) local = NULL;

  if (part && part->complete) {
    *end = part->end;
    if (!hand_on (part, sink, data, error))
      return FALSE;
    if (part->why)
      g_set_error_literal (error, COW_ERROR, COW_ERROR_FORMAT, part->why);
    return !part->why;
  }
  const gboolean ok = play (&self, number, options, end, &local);
  const gboolean broken = g_error_matches (local, COW_ERROR, COW_ERROR_FORMAT);
  if ((ok || broken) && !end->stopped
          ? !cow_journal_end (journal, end, broken ? local->message : NULL, ok ? error : NULL)
          : !cow_journal_write (journal, ok ? error : NULL) && ok)
    return FALSE;
  if (!ok)
    g_propagate_error (error, g_steal_pointer (&local));
  return ok;
}
