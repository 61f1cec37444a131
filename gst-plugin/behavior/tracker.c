/* SPDX-License-Identifier: MIT */
/* Tracks: who is who from frame to frame. */
#include "gst-plugin/behavior/tracker.h"

/* Two boxes of neighbouring frames that overlap less are taken for two cows, not for one that
 * moved. */
#define MIN_IOU 0.5
/* Two boxes with the same id that overlap more are taken for the same cow, not for chance. */
#define SAME_IOU 0.1
/* Trust in the ids of regions stays between minus this and this. */
#define MOST_TRUST 8

gdouble
gst_cow_iou (const CowRegion *a, const CowRegion *b)
{
  gint64 width = MIN ((gint64)a->x + a->w, (gint64)b->x + b->w) - MAX (a->x, b->x);
  gint64 height = MIN ((gint64)a->y + a->h, (gint64)b->y + b->h) - MAX (a->y, b->y);
  gint64 both;

  if (width <= 0 || height <= 0)
    return 0;
  both = width * height;
  return (gdouble)both / (gdouble)((gint64)a->w * a->h + (gint64)b->w * b->h - both);
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

static void
assign (GstCowTrack *track, guint64 frame, const GstCowSighting *sighting, GstCowTrack **slot)
{
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

typedef struct {
  gdouble iou;
  guint sighting;
  GstCowTrack *track;
} Pair;

static gint
compare_pairs (gconstpointer a, gconstpointer b)
{
  gdouble x = ((const Pair *)a)->iou, y = ((const Pair *)b)->iou;

  return x > y ? -1 : x < y;
}

/* Matches the sightings without an id that counts; the pairs that overlap most come first. */
static void
match_by_overlap (GstCowTracker *self, guint64 frame, const GstCowSighting *sightings, guint n,
                  GstCowTrack **tracks)
{
  g_autoptr (GArray) pairs = g_array_new (FALSE, FALSE, sizeof (Pair));

  for (guint i = 0; i < n; i++) {
    if (tracks[i] || identifies (self, sightings[i].source))
      continue;
    for (guint t = 0; t < self->tracks->len; t++) {
      Pair pair = { .sighting = i, .track = nth (self, t) };

      pair.iou = is_free (pair.track, frame) && pair.track->source != GST_COW_ID_PLACE
                     ? gst_cow_iou (&pair.track->box, &sightings[i].box)
                     : 0;
      if (pair.iou > MIN_IOU)
        g_array_append_val (pairs, pair);
    }
  }
  g_array_sort (pairs, compare_pairs);
  for (guint p = 0; p < pairs->len; p++) {
    const Pair *pair = &g_array_index (pairs, Pair, p);

    if (!tracks[pair->sighting] && is_free (pair->track, frame))
      assign (pair->track, frame, &sightings[pair->sighting], &tracks[pair->sighting]);
  }
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
track_new (GstCowTracker *self, const GstCowSighting *sightings, guint n, guint i)
{
  GstCowTrack *track = g_new0 (GstCowTrack, 1);

  track->refs = 1;
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

    if (track->source != GST_COW_ID_PLACE && frame - track->seen_frame > GST_COW_TRACKER_PATIENCE) {
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
  match_by_overlap (self, frame, sightings, n, tracks);
  for (guint i = 0; i < n; i++) {
    GstCowTrack *track;

    if (tracks[i])
      continue;
    track = track_new (self, sightings, n, i);
    assign (track, frame, &sightings[i], &tracks[i]);
    if (evict (self, frame))
      g_ptr_array_add (self->tracks, track);
    else
      gst_cow_track_unref (track);
  }
  evict_unseen (self, frame);
}
