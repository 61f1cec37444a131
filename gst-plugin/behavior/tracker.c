/* SPDX-License-Identifier: MIT */
/* Tracks: who is who from frame to frame. */
#include "gst-plugin/behavior/tracker.h"

#include <math.h>

#include "model/network/assignment.h"

/* A box that overlaps less with where a cow was seen last is taken for another cow. */
#define MIN_IOU 0.5
/* Likewise with where she should be by now. */
#define MIN_PREDICTED_IOU 0.25
/* A cow that was there in the frame before is likelier than one that was not: of the overlap with
 * the latter so much counts. */
#define HIDDEN 0.8
/* Detections with a lower score are often of what hides a cow, or of nobody. */
#define SURE 0.5
/* Cosines of looks: less are two cows wherever they are; more are one cow wherever she is, though
 * only if she looks more like herself than like any other by the margin. */
#define OTHER_LOOKS 0.3
#define SAME_LOOKS  0.6
#define MARGIN      0.1
/* Two boxes with the same id that overlap more are taken for the same cow, not for chance. */
#define SAME_IOU 0.1
/* Trust in the ids of regions stays between minus this and this. */
#define MOST_TRUST 8

gdouble
gst_cow_iou (const CowRegion *a, const CowRegion *b)
{
  const CowBounds one = gst_cow_bounds_of (a), other = gst_cow_bounds_of (b);

  return cow_bounds_iou (&one, &other);
}

GstCowTrack *
gst_cow_track_ref (GstCowTrack *track)
{
  track->refs++;
  return track;
}

void
gst_cow_track_unref (GstCowTrack *track)
{
  if (--track->refs > 0)
    return;
  gst_cow_smoother_clear (&track->smoother);
  gst_cow_looks_clear (&track->looks);
  g_free (track);
}

void
gst_cow_tracker_init (GstCowTracker *self)
{
  self->tracks = g_ptr_array_new_with_free_func ((GDestroyNotify)gst_cow_track_unref);
  self->next_id = 1;
  self->n_evicted = 0;
  gst_cow_tracker_reset (self);
}

void
gst_cow_tracker_clear (GstCowTracker *self)
{
  g_clear_pointer (&self->tracks, g_ptr_array_unref);
}

void
gst_cow_tracker_reset (GstCowTracker *self)
{
  g_ptr_array_set_size (self->tracks, 0);
  self->trust = 1;
}

void
gst_cow_tracker_invalidate (GstCowTracker *self)
{
  for (guint i = 0; i < self->tracks->len; i++)
    ((GstCowTrack *)g_ptr_array_index (self->tracks, i))->submitted = FALSE;
}

static GstCowTrack *
nth (const GstCowTracker *self, guint i)
{
  return g_ptr_array_index (self->tracks, i);
}

static GstCowTrack *
find (const GstCowTracker *self, GstCowIdSource source, guint64 id)
{
  for (guint i = 0; i < self->tracks->len; i++) {
    if (nth (self, i)->source == source && nth (self, i)->source_id == id)
      return nth (self, i);
  }
  return NULL;
}

/* ---- whether the ids of regions identify objects --------------------------------------------- */

static gboolean
has_id (const GstCowSighting *sightings, guint n, guint64 id)
{
  for (guint i = 0; i < n; i++) {
    if (sightings[i].source == GST_COW_ID_ROI && sightings[i].id == id)
      return TRUE;
  }
  return FALSE;
}

/* Whether a track with another id, which is not in this frame, was where this sighting is: then the
 * cow's id changed. */
static gboolean
changed_id (const GstCowTracker *self, const GstCowSighting *sighting,
            const GstCowSighting *sightings, guint n)
{
  for (guint i = 0; i < self->tracks->len; i++) {
    const GstCowTrack *track = nth (self, i);

    if (track->source == GST_COW_ID_ROI && gst_cow_iou (&track->box, &sighting->box) > MIN_IOU &&
        !has_id (sightings, n, track->source_id))
      return TRUE;
  }
  return FALSE;
}

/* Trust grows with each id that stays with its box, and shrinks with each that jumps to another
 * place or changes in place. */
static void
judge_ids (GstCowTracker *self, const GstCowSighting *sightings, guint n)
{
  gint trust = self->trust;

  for (guint i = 0; i < n && n <= GST_COW_TRACKER_MAX; i++) {
    const GstCowTrack *track;

    if (sightings[i].source != GST_COW_ID_ROI)
      continue;
    track = find (self, GST_COW_ID_ROI, sightings[i].id);
    if (track)
      trust += gst_cow_iou (&track->box, &sightings[i].box) > SAME_IOU ? 1 : -2;
    else if (changed_id (self, &sightings[i], sightings, n))
      trust--;
  }
  self->trust = CLAMP (trust, -MOST_TRUST, MOST_TRUST);
}

/* ---- matching -------------------------------------------------------------------------------- */

static gboolean
is_free (const GstCowTrack *track, guint64 frame)
{
  return track->seen_frame != frame;
}

/* A cow that comes back after so long is looked at anew: what she did then says nothing now. */
static void
forget_results (GstCowTrack *track)
{
  track->submitted = FALSE;
  track->known = FALSE;
  gst_cow_smoother_clear (&track->smoother);
  track->smoother = (GstCowSmoother){ 0 };
}

/* A box that is neither near where the cow was nor near where she should be jumped, by an id or by
 * her looks: how it came there says nothing about how she walks. */
static void
move (GstCowTrack *track, guint64 frames, const CowRegion *box)
{
  const CowBounds predicted = gst_cow_motion_predict (&track->motion, frames),
                  seen = gst_cow_bounds_of (box);

  if (cow_bounds_shared (&predicted, &seen) > 0 || gst_cow_iou (&track->box, box) > 0)
    gst_cow_motion_update (&track->motion, frames, box);
  else
    gst_cow_motion_start (&track->motion, box);
}

static gboolean
is_sure (const GstCowSighting *sighting)
{
  return !(sighting->score < SURE);
}

static void
assign (GstCowTrack *track, guint64 frame, const GstCowSighting *sighting, GstCowTrack **slot)
{
  const guint64 frames = frame - track->seen_frame;

  if (sighting->source != GST_COW_ID_PLACE) {
    move (track, frames, &sighting->box);
    if (frames > GST_COW_TRACKER_PATIENCE)
      forget_results (track);
    if (sighting->embedding && is_sure (sighting))
      gst_cow_looks_add (&track->looks, sighting->embedding, sighting->n_embedding);
  }
  track->box = sighting->box;
  track->seen_frame = frame;
  if (sighting->source != GST_COW_ID_NONE) {
    track->source = sighting->source;
    track->source_id = sighting->id;
  }
  *slot = gst_cow_track_ref (track);
}

static gboolean
identifies (const GstCowTracker *self, GstCowIdSource source)
{
  return source == GST_COW_ID_TRACKER || source == GST_COW_ID_PLACE ||
         (source == GST_COW_ID_ROI && self->trust > 0);
}

/* A track that is not in this frame. */
typedef struct {
  GstCowTrack *track;
  guint64 unseen;      /* frames since it was seen */
  CowBounds predicted; /* where its cow should be by now */
} Candidate;

static gdouble
likeness (const Candidate *candidate, const GstCowSighting *sighting)
{
  return gst_cow_looks_compare (&candidate->track->looks, sighting->embedding,
                                sighting->n_embedding);
}

/* How well a sighting fits a track, from 0 for not at all. */
typedef gdouble (*Fit) (const Candidate *candidate, const GstCowSighting *sighting);

static gdouble
overlap (const Candidate *candidate, const GstCowSighting *sighting)
{
  const CowBounds seen = gst_cow_bounds_of (&sighting->box);
  const gdouble iou = cow_bounds_iou (&candidate->predicted, &seen);

  if (candidate->unseen > GST_COW_TRACKER_PATIENCE || iou <= MIN_PREDICTED_IOU)
    return 0;
  return candidate->unseen > 1 ? HIDDEN * iou : iou;
}

static gdouble
fit_overlap (const Candidate *candidate, const GstCowSighting *sighting)
{
  const gdouble iou = overlap (candidate, sighting);

  return iou > 0 && !(likeness (candidate, sighting) < OTHER_LOOKS) ? iou : 0;
}

/* A track whose cow nobody has looked at yet waits until all others are matched: its sighting may
 * be of one that was lost. */
static gdouble
fit_overlap_and_looks (const Candidate *candidate, const GstCowSighting *sighting)
{
  const gdouble iou = overlap (candidate, sighting);
  gdouble cosine;

  if (iou <= 0 || (sighting->embedding && !candidate->track->looks.mean))
    return 0;
  cosine = likeness (candidate, sighting);
  if (isnan (cosine))
    return iou;
  return cosine < OTHER_LOOKS ? 0 : iou + cosine;
}

/* Cows stand more often than they walk, also when somebody hides them. */
static gdouble
fit_last_place (const Candidate *candidate, const GstCowSighting *sighting)
{
  const gdouble iou = gst_cow_iou (&candidate->track->box, &sighting->box);

  if (candidate->unseen > GST_COW_TRACKER_PATIENCE || iou <= MIN_IOU ||
      likeness (candidate, sighting) < OTHER_LOOKS)
    return 0;
  return iou;
}

static gdouble
fit_looks (const Candidate *candidate, const GstCowSighting *sighting)
{
  const gdouble cosine = likeness (candidate, sighting);

  return cosine > SAME_LOOKS ? cosine : 0;
}

/* Of the fits to one sighting, [n], leaves the best if it is that by the margin, and else none. */
static void
keep_clear (gdouble *fits, guint n)
{
  guint best = 0;
  gdouble second = 0;

  for (guint i = 1; i < n; i++)
    if (fits[i] > fits[best])
      best = i;
  for (guint i = 0; i < n; i++)
    if (i != best) {
      second = MAX (second, fits[i]);
      fits[i] = 0;
    }
  if (fits[best] - second < MARGIN)
    fits[best] = 0;
}

/* What is matched in one frame. */
typedef struct {
  GstCowTracker *tracker;
  guint64 frame;
  const GstCowSighting *sightings; /* [n] */
  guint n;
  GstCowTrack **tracks; /* [n] */
} Matching;

static GArray *
open_sightings (const Matching *self, gboolean sure)
{
  GArray *open = g_array_new (FALSE, FALSE, sizeof (guint));

  for (guint i = 0; i < self->n; i++)
    if (!self->tracks[i] && !identifies (self->tracker, self->sightings[i].source) &&
        is_sure (&self->sightings[i]) == sure)
      g_array_append_val (open, i);
  return open;
}

static GArray *
open_tracks (const Matching *self)
{
  GArray *open = g_array_new (FALSE, FALSE, sizeof (Candidate));

  for (guint i = 0; i < self->tracker->tracks->len; i++) {
    Candidate candidate = { .track = nth (self->tracker, i) };

    if (!is_free (candidate.track, self->frame) || candidate.track->source == GST_COW_ID_PLACE)
      continue;
    candidate.unseen = self->frame - candidate.track->seen_frame;
    candidate.predicted = gst_cow_motion_predict (&candidate.track->motion, candidate.unseen);
    g_array_append_val (open, candidate);
  }
  return open;
}

/* The costs, [sightings, candidates], of matching these. */
static gdouble *
find_costs (const Matching *self, const GArray *sightings, const GArray *candidates, Fit fit)
{
  const guint n = candidates->len;
  gdouble *costs = g_new (gdouble, (gsize)sightings->len * n);

  for (guint i = 0; i < sightings->len; i++) {
    const GstCowSighting *sighting = &self->sightings[g_array_index (sightings, guint, i)];
    gdouble *row = costs + (gsize)i * n;

    for (guint k = 0; k < n; k++)
      row[k] = fit (&g_array_index (candidates, Candidate, k), sighting);
    if (fit == fit_looks && n > 0)
      keep_clear (row, n);
    for (guint k = 0; k < n; k++)
      row[k] = -row[k];
  }
  return costs;
}

/* Matches sightings that have no track to tracks that are not in this frame, so that the sum of
 * fits is as large as it can be. */
static void
match (const Matching *self, gboolean sure, Fit fit)
{
  g_autoptr (GArray) sightings = open_sightings (self, sure), candidates = NULL;
  g_autofree gdouble *costs = NULL;
  g_autofree int *columns = NULL;

  if (sightings->len == 0)
    return;
  candidates = open_tracks (self);
  costs = find_costs (self, sightings, candidates, fit);
  columns = g_new (int, sightings->len);
  cow_assign (costs, sightings->len, candidates->len, columns);
  for (guint i = 0; i < sightings->len; i++) {
    const guint at = g_array_index (sightings, guint, i);

    if (columns[i] >= 0 && costs[(gsize)i * candidates->len + (guint)columns[i]] < 0)
      assign (g_array_index (candidates, Candidate, columns[i]).track, self->frame,
              &self->sightings[at], &self->tracks[at]);
  }
}

/* Matches the sightings without an id that counts, the sure ones first. One that comes back is
 * looked for before somebody takes the track of a detection that was unsure until now. */
static void
match_detections (const Matching *self)
{
  match (self, TRUE, fit_overlap_and_looks);
  match (self, TRUE, fit_looks);
  match (self, TRUE, fit_overlap);
  match (self, TRUE, fit_last_place);
  match (self, FALSE, fit_overlap_and_looks);
  match (self, FALSE, fit_overlap);
  match (self, FALSE, fit_last_place);
}

/* Whether an id belongs to a sighting of this frame or to a track. */
static gboolean
is_taken (const GstCowTracker *self, guint64 id, const GstCowSighting *sightings, guint n)
{
  for (guint i = 0; i < n; i++) {
    if (sightings[i].id == id && identifies (self, sightings[i].source))
      return TRUE;
  }
  for (guint i = 0; i < self->tracks->len; i++) {
    if (nth (self, i)->id == id)
      return TRUE;
  }
  return FALSE;
}

/* Makes the track of the i-th sighting of a frame. */
static GstCowTrack *
track_new (GstCowTracker *self, guint64 frame, const GstCowSighting *sightings, guint n, guint i)
{
  GstCowTrack *track = g_new0 (GstCowTrack, 1);

  track->refs = 1;
  track->since = GST_CLOCK_TIME_NONE;
  track->seen_frame = frame;
  track->box = sightings[i].box;
  gst_cow_motion_start (&track->motion, &track->box);
  if (identifies (self, sightings[i].source)) {
    track->id = sightings[i].id;
  } else {
    while (is_taken (self, self->next_id, sightings, n))
      self->next_id++;
    track->id = self->next_id++;
  }
  return track;
}

/* Makes room for one more track; FALSE when all were seen in this frame. */
static gboolean
evict (GstCowTracker *self, guint64 frame)
{
  guint oldest = 0;

  if (self->tracks->len < GST_COW_TRACKER_MAX)
    return TRUE;
  for (guint i = 1; i < self->tracks->len; i++) {
    if (nth (self, i)->seen_frame < nth (self, oldest)->seen_frame)
      oldest = i;
  }
  if (!is_free (nth (self, oldest), frame))
    return FALSE;
  g_ptr_array_remove_index_fast (self->tracks, oldest);
  self->n_evicted++;
  return TRUE;
}

static void
evict_unseen (GstCowTracker *self, guint64 frame)
{
  for (guint i = self->tracks->len; i-- > 0;) {
    const GstCowTrack *track = nth (self, i);
    const guint64 most = track->looks.mean ? GST_COW_TRACKER_MEMORY : GST_COW_TRACKER_PATIENCE;

    if (track->source != GST_COW_ID_PLACE && frame - track->seen_frame > most) {
      g_ptr_array_remove_index_fast (self->tracks, i);
      self->n_evicted++;
    }
  }
}

void
gst_cow_tracker_update (GstCowTracker *self, guint64 frame, const GstCowSighting *sightings,
                        guint n, GstCowTrack **tracks)
{
  judge_ids (self, sightings, n);
  for (guint i = 0; i < n; i++) {
    GstCowTrack *track = identifies (self, sightings[i].source)
                             ? find (self, sightings[i].source, sightings[i].id)
                             : NULL;

    tracks[i] = NULL;
    if (track && is_free (track, frame))
      assign (track, frame, &sightings[i], &tracks[i]);
  }
  match_detections (&(Matching){ self, frame, sightings, n, tracks });
  for (guint i = 0; i < n; i++) {
    GstCowTrack *track;

    if (tracks[i])
      continue;
    track = track_new (self, frame, sightings, n, i);
    assign (track, frame, &sightings[i], &tracks[i]);
    if (evict (self, frame))
      g_ptr_array_add (self->tracks, track);
    else
      gst_cow_track_unref (track);
  }
  evict_unseen (self, frame);
}
