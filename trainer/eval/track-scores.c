/* SPDX-License-Identifier: MIT */
#include "trainer/eval/track-scores.h"

#include <float.h>
#include <math.h>

#include "model/files/error.h"
#include "model/network/assignment.h"

#define MOST_TRACK_PAIRS (1u << 24)
#define MOST_BOX_PAIRS   (1u << 20)
#define MATCHED          .5 /* the overlap from which on boxes are of one cow, but in HOTA */
#define ALPHAS           19 /* .05, .1, ... .95 */

/* ---- boxes by frame, cows numbered from 0 ---------------------------------------------------- */

typedef struct {
  guint64 frame;
  guint track;
  CowBounds place;
} Box;

typedef struct {
  GArray *boxes; /* of Box, by frame, and within one by track */
  guint n_tracks;
  double *n_boxes; /* [n_tracks] */
} Side;

static gint
compare_boxes (gconstpointer a, gconstpointer b)
{
  const Box *one = a, *other = b;
  if (one->frame != other->frame)
    return one->frame < other->frame ? -1 : 1;
  return one->track < other->track ? -1 : one->track > other->track;
}

static void
side_clear (Side *self)
{
  g_clear_pointer (&self->boxes, g_array_unref);
  g_free (self->n_boxes);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Side, side_clear)

static gboolean
check_place (const CowTrackBox *box, const char *name, GError **error)
{
  const CowBounds *place = &box->place;
  if (isfinite (place->x) && isfinite (place->y) && isfinite (place->w) && isfinite (place->h) &&
      place->w > 0 && place->h > 0)
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
               "%s: frame %" G_GUINT64_FORMAT ": the box of %" G_GINT64_FORMAT
               " (%g, %g, %g x %g) is no place with a size",
               name, box->frame, box->id, place->x, place->y, place->w, place->h);
  return FALSE;
}

static gboolean
check_once (const Side *self, const GArray *ids, const char *name, GError **error)
{
  for (guint i = 1; i < self->boxes->len; i++) {
    const Box *box = &g_array_index (self->boxes, Box, i);
    if (compare_boxes (box - 1, box) != 0)
      continue;
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                 "%s: frame %" G_GUINT64_FORMAT " has %" G_GINT64_FORMAT
                 " twice: a cow is in one place at a time",
                 name, box->frame, g_array_index (ids, gint64, box->track));
    return FALSE;
  }
  return TRUE;
}

static gboolean
side_init (Side *self, const CowTrackBox *boxes, gsize n, const char *name, GError **error)
{
  g_autoptr (GHashTable) numbers =
      g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint64));
  self->boxes = g_array_new (FALSE, FALSE, sizeof (Box));
  for (gsize i = 0; i < n; i++) {
    gpointer number;
    if (!check_place (&boxes[i], name, error))
      return FALSE;
    if (!g_hash_table_lookup_extended (numbers, &boxes[i].id, NULL, &number)) {
      number = GUINT_TO_POINTER (ids->len);
      g_hash_table_insert (numbers, g_memdup2 (&boxes[i].id, sizeof boxes[i].id), number);
      g_array_append_val (ids, boxes[i].id);
    }
    const Box box = { boxes[i].frame, GPOINTER_TO_UINT (number), boxes[i].place };
    g_array_append_val (self->boxes, box);
  }
  self->n_tracks = ids->len;
  self->n_boxes = g_new0 (double, ids->len + 1);
  for (guint i = 0; i < self->boxes->len; i++)
    self->n_boxes[g_array_index (self->boxes, Box, i).track]++;
  g_array_sort (self->boxes, compare_boxes);
  return check_once (self, ids, name, error);
}

/* ---- frames ---------------------------------------------------------------------------------- */

/* The boxes of one frame. */
typedef struct {
  const Box *truth, *found;
  guint n_true, n_found;
  double *overlaps; /* [n_true, n_found] */
} Frame;

static const Box *
boxes_of (const Side *side, guint *at, guint64 frame, guint *n)
{
  const guint from = *at;
  while (*at < side->boxes->len && g_array_index (side->boxes, Box, *at).frame == frame)
    (*at)++;
  *n = *at - from;
  return &g_array_index (side->boxes, Box, from);
}

static guint64
frame_at (const Side *side, guint at)
{
  return at < side->boxes->len ? g_array_index (side->boxes, Box, at).frame : G_MAXUINT64;
}

static void
frame_clear (gpointer data)
{
  g_free (((Frame *)data)->overlaps);
}

/* All frames that have both, of Frame. What is in the others counts as missed or as a ghost. */
static GArray *
frames_new (const Side *truth, const Side *found, GError **error)
{
  g_autoptr (GArray) frames = g_array_new (FALSE, FALSE, sizeof (Frame));
  guint t = 0, f = 0;
  g_array_set_clear_func (frames, frame_clear);
  while (t < truth->boxes->len || f < found->boxes->len) {
    const guint64 number = MIN (frame_at (truth, t), frame_at (found, f));
    Frame frame = { 0 };
    frame.truth = boxes_of (truth, &t, number, &frame.n_true);
    frame.found = boxes_of (found, &f, number, &frame.n_found);
    if (frame.n_true == 0 || frame.n_found == 0)
      continue;
    if ((guint64)frame.n_true * frame.n_found > MOST_BOX_PAIRS) {
      g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                   "frame %" G_GUINT64_FORMAT " has %u true boxes and %u that were found: more "
                   "than %u pairs",
                   number, frame.n_true, frame.n_found, MOST_BOX_PAIRS);
      return NULL;
    }
    frame.overlaps = g_new (double, (gsize)frame.n_true *frame.n_found);
    for (guint i = 0; i < frame.n_true; i++)
      for (guint k = 0; k < frame.n_found; k++)
        frame.overlaps[i * frame.n_found + k] =
            cow_bounds_iou (&frame.truth[i].place, &frame.found[k].place);
    g_array_append_val (frames, frame);
  }
  return g_steal_pointer (&frames);
}

/* ---- all that is counted --------------------------------------------------------------------- */

typedef struct {
  Side truth, found;
  GArray *frames;
  double *scores; /* room for a frame's */
  int *found_of;  /* [n_true or n_true_tracks] room for an assignment */
} Count;

static void
count_clear (Count *self)
{
  side_clear (&self->truth);
  side_clear (&self->found);
  g_clear_pointer (&self->frames, g_array_unref);
  g_free (self->scores);
  g_free (self->found_of);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Count, count_clear)

static gboolean
count_init (Count *self, GError **error)
{
  const guint64 pairs = (guint64)self->truth.n_tracks * self->found.n_tracks;
  gsize most_pairs = 1, most_true = self->truth.n_tracks;
  if (pairs > MOST_TRACK_PAIRS) {
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                 "%u true tracks and %u that were found are more than %u pairs: an id is to stay "
                 "with its cow from frame to frame",
                 self->truth.n_tracks, self->found.n_tracks, MOST_TRACK_PAIRS);
    return FALSE;
  }
  self->frames = frames_new (&self->truth, &self->found, error);
  if (!self->frames)
    return FALSE;
  for (guint i = 0; i < self->frames->len; i++) {
    const Frame *frame = &g_array_index (self->frames, Frame, i);
    most_pairs = MAX (most_pairs, (gsize)frame->n_true * frame->n_found);
    most_true = MAX (most_true, frame->n_true);
  }
  self->scores = g_new (double, most_pairs);
  self->found_of = g_new (int, most_true + 1);
  return TRUE;
}

/* Pairs of the greatest sum of self->scores [n_true, n_found] into self->found_of. */
static void
assign (Count *self, guint n_true, guint n_found)
{
  for (gsize i = 0; i < (gsize)n_true * n_found; i++)
    self->scores[i] = -self->scores[i];
  cow_assign (self->scores, n_true, n_found, self->found_of);
}

/* ---- CLEAR MOT ------------------------------------------------------------------------------- */

#define NOBODY G_MAXUINT

/* By true track: who it was found as. */
typedef struct {
  guint *last;     /* when it was found last, or NOBODY */
  guint *previous; /* in the last frame that had boxes of both kinds, or NOBODY */
  guint *now;
  guint *spells; /* how often it began to be found */
  guint64 n_matched;
  double overlap;
} Clear;

/* Whoever was found as before stays with it, and then overlaps count. */
static void
match_frame (Count *self, const Clear *clear, const Frame *frame)
{
  for (guint i = 0; i < frame->n_true; i++)
    for (guint k = 0; k < frame->n_found; k++) {
      const gsize at = (gsize)i * frame->n_found + k;
      const gboolean same = clear->previous[frame->truth[i].track] == frame->found[k].track;
      self->scores[at] =
          frame->overlaps[at] < MATCHED - DBL_EPSILON ? 0 : 1000. * same + frame->overlaps[at];
    }
  assign (self, frame->n_true, frame->n_found);
}

static void
clear_frame (Count *self, Clear *clear, const Frame *frame, CowTrackScores *scores)
{
  match_frame (self, clear, frame);
  for (guint track = 0; track < self->truth.n_tracks; track++)
    clear->now[track] = NOBODY;
  for (guint i = 0; i < frame->n_true; i++) {
    const guint track = frame->truth[i].track;
    const int k = self->found_of[i];
    const double overlap = k < 0 ? 0 : frame->overlaps[i * frame->n_found + (guint)k];
    if (k < 0 || overlap < MATCHED - DBL_EPSILON)
      continue;
    const guint as = frame->found[k].track;
    scores->switches += clear->last[track] != NOBODY && clear->last[track] != as;
    clear->spells[track] += clear->previous[track] == NOBODY;
    clear->last[track] = clear->now[track] = as;
    clear->n_matched++;
    clear->overlap += overlap;
  }
  guint *const previous = clear->previous;
  clear->previous = clear->now;
  clear->now = previous;
}

static void
count_clear_mot (Count *self, CowTrackScores *scores)
{
  const guint n = self->truth.n_tracks;
  g_autofree guint *room = g_new (guint, 4 * (gsize)n + 1);
  Clear clear = { room, room + n, room + 2 * n, room + 3 * n, 0, 0 };
  for (guint i = 0; i < n; i++) {
    clear.last[i] = clear.previous[i] = NOBODY;
    clear.spells[i] = 0;
  }
  for (guint i = 0; i < self->frames->len; i++)
    clear_frame (self, &clear, &g_array_index (self->frames, Frame, i), scores);
  for (guint i = 0; i < n; i++)
    scores->fragments += clear.spells[i] > 0 ? clear.spells[i] - 1 : 0;
  scores->missed = scores->n_true - clear.n_matched;
  scores->ghosts = scores->n_found - clear.n_matched;
  if (scores->n_true == 0 || scores->n_found == 0)
    return;
  scores->mota = ((double)clear.n_matched - (double)scores->ghosts - (double)scores->switches) /
                 (double)scores->n_true;
  scores->motp = clear.overlap / MAX (1., (double)clear.n_matched);
}

/* ---- identity -------------------------------------------------------------------------------- */

/* One found track for each true one, so that as many boxes as can be are of the right cow. */
static void
count_identity (Count *self, CowTrackScores *scores)
{
  const guint n_true = self->truth.n_tracks, n_found = self->found.n_tracks;
  g_autofree double *shared = g_new0 (double, (gsize)n_true *n_found + 1);
  double right = 0;
  if (n_true == 0 || n_found == 0)
    return;
  for (guint n = 0; n < self->frames->len; n++) {
    const Frame *frame = &g_array_index (self->frames, Frame, n);
    for (guint i = 0; i < frame->n_true; i++)
      for (guint k = 0; k < frame->n_found; k++)
        shared[(gsize)frame->truth[i].track * n_found + frame->found[k].track] -=
            frame->overlaps[i * frame->n_found + k] >= MATCHED;
  }
  cow_assign (shared, n_true, n_found, self->found_of);
  for (guint i = 0; i < n_true; i++)
    if (self->found_of[i] >= 0)
      right -= shared[(gsize)i * n_found + (guint)self->found_of[i]];
  scores->id_recall = right / (double)scores->n_true;
  scores->id_precision = right / (double)scores->n_found;
  scores->idf1 = right / (.5 * (double)(scores->n_true + scores->n_found));
}

/* ---- HOTA ------------------------------------------------------------------------------------ */

/* How well each true track fits each found one over all frames, [n_true_tracks, n_found_tracks]. */
static double *
align (const Count *self)
{
  const guint n_true = self->truth.n_tracks, n_found = self->found.n_tracks;
  double *fit = g_new0 (double, (gsize)n_true *n_found + 1);
  for (guint n = 0; n < self->frames->len; n++) {
    const Frame *frame = &g_array_index (self->frames, Frame, n);
    g_autofree double *down = g_new0 (double, frame->n_found);
    for (guint i = 0; i < frame->n_true; i++)
      for (guint k = 0; k < frame->n_found; k++)
        down[k] += frame->overlaps[i * frame->n_found + k];
    for (guint i = 0; i < frame->n_true; i++) {
      const double *overlaps = frame->overlaps + (gsize)i * frame->n_found;
      double across = 0;
      for (guint k = 0; k < frame->n_found; k++)
        across += overlaps[k];
      for (guint k = 0; k < frame->n_found; k++) {
        const double all = across + down[k] - overlaps[k];
        if (all > DBL_EPSILON)
          fit[(gsize)frame->truth[i].track * n_found + frame->found[k].track] += overlaps[k] / all;
      }
    }
  }
  for (guint i = 0; i < n_true; i++)
    for (guint k = 0; k < n_found; k++) {
      double *one = &fit[(gsize)i * n_found + k];
      *one /= self->truth.n_boxes[i] + self->found.n_boxes[k] - *one;
    }
  return fit;
}

/* Two boxes that are taken for one cow. */
typedef struct {
  guint truth, found; /* tracks */
  double overlap;
} Match;

static gint
compare_matches (gconstpointer a, gconstpointer b)
{
  const Match *one = a, *other = b;
  if (one->truth != other->truth)
    return one->truth < other->truth ? -1 : 1;
  return one->found < other->found ? -1 : one->found > other->found;
}

/* The matches of all frames, by pair of tracks, of Match. */
static GArray *
match_by_fit (Count *self)
{
  GArray *matches = g_array_new (FALSE, FALSE, sizeof (Match));
  g_autofree double *fit = align (self);
  for (guint n = 0; n < self->frames->len; n++) {
    const Frame *frame = &g_array_index (self->frames, Frame, n);
    for (guint i = 0; i < frame->n_true; i++)
      for (guint k = 0; k < frame->n_found; k++) {
        const gsize at = (gsize)i * frame->n_found + k;
        self->scores[at] =
            fit[(gsize)frame->truth[i].track * self->found.n_tracks + frame->found[k].track] *
            frame->overlaps[at];
      }
    assign (self, frame->n_true, frame->n_found);
    for (guint i = 0; i < frame->n_true; i++) {
      const int k = self->found_of[i];
      if (k < 0)
        continue;
      const Match match = { frame->truth[i].track, frame->found[k].track,
                            frame->overlaps[i * frame->n_found + (guint)k] };
      g_array_append_val (matches, match);
    }
  }
  g_array_sort (matches, compare_matches);
  return matches;
}

/* Adds what the matches of at least that overlap come to. */
static void
add_alpha (const Count *self, const GArray *matches, double least, CowTrackScores *scores)
{
  double n = 0, overlap = 0, association = 0;
  for (guint i = 0; i < matches->len;) {
    const Match first = g_array_index (matches, Match, i);
    double shared = 0;
    for (; i < matches->len; i++) {
      const Match *match = &g_array_index (matches, Match, i);
      if (compare_matches (match, &first) != 0)
        break;
      if (match->overlap < least - DBL_EPSILON)
        continue;
      shared++;
      overlap += match->overlap;
    }
    n += shared;
    association += shared * shared /
                   (self->truth.n_boxes[first.truth] + self->found.n_boxes[first.found] - shared);
  }
  const double det_a = n / ((double)scores->n_true + (double)scores->n_found - n),
               ass_a = association / MAX (1, n);
  scores->det_a += det_a / ALPHAS;
  scores->ass_a += ass_a / ALPHAS;
  scores->hota += sqrt (det_a * ass_a) / ALPHAS;
  scores->loc_a += MAX (1e-10, overlap) / MAX (1e-10, n) / ALPHAS;
}

static void
count_hota (Count *self, CowTrackScores *scores)
{
  if (scores->n_true == 0 || scores->n_found == 0) {
    scores->loc_a = 1;
    return;
  }
  g_autoptr (GArray) matches = match_by_fit (self);
  for (int i = 0; i < ALPHAS; i++)
    add_alpha (self, matches, .05 + i * .05, scores);
}

gboolean
cow_track_scores (const CowTrackBox *truth, gsize n_true, const CowTrackBox *found, gsize n_found,
                  CowTrackScores *scores, GError **error)
{
  g_auto (Count) count = { 0 };
  *scores = (CowTrackScores){ .n_true = n_true, .n_found = n_found };
  if (!side_init (&count.truth, truth, n_true, "true boxes", error) ||
      !side_init (&count.found, found, n_found, "found boxes", error) ||
      !count_init (&count, error))
    return FALSE;
  scores->n_true_tracks = count.truth.n_tracks;
  scores->n_found_tracks = count.found.n_tracks;
  count_clear_mot (&count, scores);
  count_identity (&count, scores);
  count_hota (&count, scores);
  return TRUE;
}
