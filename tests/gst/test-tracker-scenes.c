/* SPDX-License-Identifier: MIT */
/*
 * The tracker on a minute of a crowded barn, which is simulated: ten cows walk and stand, cross and
 * hide one another, leave and come back; their detector trembles, misses some and sees ghosts. The
 * scores (IDF1, HOTA, MOTA, as TrackEval counts them) are printed beside those of boxes that are
 * joined by overlap alone, and may not fall below what they are by far.
 */
#include <math.h>

#include "gst-plugin/behavior/tracker.h"
#include "trainer/eval/track-scores.h"

#define WIDTH   960
#define HEIGHT  540
#define COWS    10
#define SECONDS 60
#define LOOKS   32 /* numbers of an embedding */

/* ---- chance ---------------------------------------------------------------------------------- */

static guint64 state;

/* 0..1; the same everywhere for a seed. */
static double
chance (void)
{
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (double)(state >> 33) / (double)(1u << 31);
}

static double
between (double low, double high)
{
  return low + (high - low) * chance ();
}

/* A standard normal number. */
static double
normal (void)
{
  double sum = -6;
  for (int i = 0; i < 12; i++)
    sum += chance ();
  return sum;
}

/* ---- cows ------------------------------------------------------------------------------------ */

typedef struct {
  double x, y; /* px, the middle of the feet: the lower of two is in front */
  double w, h;
  double vx, vy; /* px a second */
  double until;  /* s, of what she does */
  float looks[LOOKS];
} Cow;

static CowBounds
bounds_of (const Cow *cow)
{
  return (CowBounds){ cow->x - cow->w / 2, cow->y - cow->h, cow->w, cow->h };
}

static void
be_born (Cow *cow)
{
  cow->x = between (60, WIDTH - 60);
  cow->y = between (150, HEIGHT - 10);
  cow->h = between (60, 90);
  cow->w = cow->h * between (1.2, 1.8);
  cow->vx = cow->vy = cow->until = 0;
  for (int i = 0; i < LOOKS; i++)
    cow->looks[i] = (float)normal ();
}

/* She stands for some seconds, or walks: two of three along the barn, and some out of it. */
static void
live (Cow *cow, double now, double step)
{
  if (now >= cow->until) {
    const gboolean walks = chance () < .6;
    const double speed = walks ? between (20, 110) : 0, angle = between (-.5, .5);
    cow->vx = speed * cos (angle) * (chance () < .5 ? -1 : 1);
    cow->vy = speed * sin (angle) * .5;
    cow->until = now + between (2, 7);
  }
  cow->x += cow->vx * step;
  cow->y += cow->vy * step;
  if ((cow->x < -120 && cow->vx < 0) || (cow->x > WIDTH + 120 && cow->vx > 0))
    cow->vx = -cow->vx;
  if ((cow->y < 150 && cow->vy < 0) || (cow->y > HEIGHT - 10 && cow->vy > 0))
    cow->vy = -cow->vy;
}

static CowBounds
clip (CowBounds box)
{
  const double left = fmax (box.x, 0), top = fmax (box.y, 0);
  return (CowBounds){ left, top, fmin (box.x + box.w, WIDTH) - left,
                      fmin (box.y + box.h, HEIGHT) - top };
}

/* The share of her that the most of one other in front hides, or that is out of the picture. */
static double
hidden (const Cow *cows, int i)
{
  const CowBounds box = bounds_of (&cows[i]), inside = clip (box);
  double most = inside.w <= 0 || inside.h <= 0 ? 1 : 1 - inside.w * inside.h / (box.w * box.h);
  for (int k = 0; k < COWS; k++) {
    const CowBounds other = bounds_of (&cows[k]);
    if (k != i && cows[k].y > cows[i].y)
      most = fmax (most, cow_bounds_shared (&box, &other) / (box.w * box.h));
  }
  return most;
}

/* ---- what is seen of them -------------------------------------------------------------------- */

typedef struct {
  GArray *truth;      /* of CowTrackBox */
  GArray *sightings;  /* of GstCowSighting, of one frame */
  GArray *embeddings; /* of float, [LOOKS] each, of one frame */
  gboolean look;      /* whether there are embeddings */
} Barn;

static int
tremble (double at, double side)
{
  return (int)lrint (at + .03 * side * normal ());
}

static void
see (Barn *self, const CowBounds *box, double score, const float *looks, double blur)
{
  GstCowSighting one = { .score = score };
  one.box.x = tremble (box->x, box->w);
  one.box.y = tremble (box->y, box->h);
  one.box.w = MAX (tremble (box->w, box->w), 4);
  one.box.h = MAX (tremble (box->h, box->h), 4);
  g_array_append_val (self->sightings, one);
  for (int i = 0; i < LOOKS; i++) {
    const float number = (float)((looks ? looks[i] : 0) + blur * normal ());
    g_array_append_val (self->embeddings, number);
  }
}

/* The truth and the detections of one frame. Cows of whom little is seen are unsure. */
static void
look (Barn *self, const Cow *cows, guint64 frame)
{
  g_array_set_size (self->sightings, 0);
  g_array_set_size (self->embeddings, 0);
  for (int i = 0; i < COWS; i++) {
    const CowBounds box = bounds_of (&cows[i]), inside = clip (box);
    const double cover = hidden (cows, i);
    if (cover > .6)
      continue;
    const CowTrackBox there = { frame, i, inside };
    g_array_append_val (self->truth, there);
    if (chance () > .04 + .2 * cover)
      see (self, &inside, between (.95, 1) - .8 * cover, cows[i].looks, .4 + cover);
  }
  if (chance () < .1) {
    const double x = between (0, WIDTH - 120), y = between (0, HEIGHT - 80);
    see (self, &(CowBounds){ x, y, 120, 80 }, between (.2, .6), NULL, 1);
  }
  for (guint i = 0; self->look && i < self->sightings->len; i++) {
    GstCowSighting *one = &g_array_index (self->sightings, GstCowSighting, i);
    one->embedding = &g_array_index (self->embeddings, float, (gsize)i *LOOKS);
    one->n_embedding = LOOKS;
  }
}

/* ---- overlap alone --------------------------------------------------------------------------- */

typedef struct {
  CowRegion box;
  guint64 seen, id;
} Joined;

/* The box of the frames before that one overlaps most, by more than half, goes on. */
static void
join (GArray *all, guint64 frame, const GArray *sightings, guint64 *ids)
{
  for (guint i = 0; i < sightings->len; i++) {
    const CowRegion *box = &g_array_index (sightings, GstCowSighting, i).box;
    Joined *best = NULL;
    double most = .5;
    for (guint k = 0; k < all->len; k++) {
      Joined *one = &g_array_index (all, Joined, k);
      const double iou = gst_cow_iou (&one->box, box);
      if (one->seen != frame && frame - one->seen <= GST_COW_TRACKER_PATIENCE && iou > most) {
        best = one;
        most = iou;
      }
    }
    if (!best) {
      const Joined one = { .id = all->len };
      g_array_append_val (all, one);
      best = &g_array_index (all, Joined, all->len - 1);
    }
    best->box = *box;
    best->seen = frame;
    ids[i] = best->id;
  }
}

/* ---- scores ---------------------------------------------------------------------------------- */

static void
keep (GArray *found, guint64 frame, const GArray *sightings, const guint64 *ids)
{
  for (guint i = 0; i < sightings->len; i++) {
    const CowRegion *box = &g_array_index (sightings, GstCowSighting, i).box;
    const CowTrackBox one = { frame, (gint64)ids[i], gst_cow_bounds_of (box) };
    for (guint k = 0; k < i; k++)
      g_assert_cmpuint (ids[i], !=, ids[k]);
    g_array_append_val (found, one);
  }
}

static CowTrackScores
score (const GArray *truth, const GArray *found, const char *what)
{
  CowTrackScores scores;
  g_autoptr (GError) error = NULL;
  cow_track_scores ((const CowTrackBox *)(gconstpointer)truth->data, truth->len,
                    (const CowTrackBox *)(gconstpointer)found->data, found->len, &scores, &error);
  g_assert_no_error (error);
  g_test_message ("%-26s IDF1 %.3f  HOTA %.3f  MOTA %.3f  AssA %.3f  %" G_GUINT64_FORMAT
                  " switches, %u tracks",
                  what, scores.idf1, scores.hota, scores.mota, scores.ass_a, scores.switches,
                  scores.n_found_tracks);
  return scores;
}

/* A minute; gives the scores of the tracker and of overlap alone. */
static void
watch (guint seed, int fps, gboolean looks, CowTrackScores *ours, CowTrackScores *plain)
{
  Cow cows[COWS];
  GstCowTracker tracker;
  Barn barn = { g_array_new (FALSE, FALSE, sizeof (CowTrackBox)),
                g_array_new (FALSE, FALSE, sizeof (GstCowSighting)),
                g_array_new (FALSE, FALSE, sizeof (float)), looks };
  g_autoptr (GArray) found = g_array_new (FALSE, FALSE, sizeof (CowTrackBox)),
                     joined = g_array_new (FALSE, FALSE, sizeof (CowTrackBox)),
                     all = g_array_new (FALSE, FALSE, sizeof (Joined));
  state = seed;
  for (int i = 0; i < COWS; i++)
    be_born (&cows[i]);
  gst_cow_tracker_init (&tracker);
  for (guint64 frame = 0; frame < (guint64)(SECONDS * fps); frame++) {
    GstCowTrack *tracks[2 * COWS];
    guint64 ids[2 * COWS];
    for (int i = 0; i < COWS; i++)
      live (&cows[i], (double)frame / fps, 1. / fps);
    look (&barn, cows, frame);
    join (all, frame, barn.sightings, ids);
    keep (joined, frame, barn.sightings, ids);
    gst_cow_tracker_update (&tracker, frame,
                            (const GstCowSighting *)(gconstpointer)barn.sightings->data,
                            barn.sightings->len, tracks);
    for (guint i = 0; i < barn.sightings->len; i++) {
      ids[i] = tracks[i]->id;
      gst_cow_track_unref (tracks[i]);
    }
    keep (found, frame, barn.sightings, ids);
  }
  *plain = score (barn.truth, joined, "overlap alone");
  *ours = score (barn.truth, found, looks ? "tracker with looks" : "tracker");
  gst_cow_tracker_clear (&tracker);
  g_array_unref (barn.truth);
  g_array_unref (barn.sightings);
  g_array_unref (barn.embeddings);
}

typedef struct {
  int fps;
  gboolean looks;
  double idf1, hota; /* the least, of the mean over seeds */
} Case;

static void
test_scene (gconstpointer data)
{
  const Case *this = data;
  double idf1 = 0, hota = 0, plain_idf1 = 0, plain_hota = 0;
  const guint n = 5;
  for (guint seed = 1; seed <= n; seed++) {
    CowTrackScores ours, plain;
    watch (seed, this->fps, this->looks, &ours, &plain);
    idf1 += ours.idf1 / n;
    hota += ours.hota / n;
    plain_idf1 += plain.idf1 / n;
    plain_hota += plain.hota / n;
  }
  g_test_message ("mean of %u at %d fps: IDF1 %.3f (overlap alone %.3f), HOTA %.3f (%.3f)", n,
                  this->fps, idf1, plain_idf1, hota, plain_hota);
  g_assert_cmpfloat (idf1, >=, this->idf1);
  g_assert_cmpfloat (hota, >=, this->hota);
  g_assert_cmpfloat (idf1, >, plain_idf1);
  g_assert_cmpfloat (hota, >, plain_hota);
}

/* ---- cost ------------------------------------------------------------------------------------ */

#define MANY 30 /* cows */

/* Thirty cows with looks that a network of 256 numbers tells apart: the time of a frame is printed,
 * and is a small part of what any network takes. */
static void
test_cost (void)
{
  enum { NUMBERS = 256, FRAMES = 500 };
  g_autofree float *looks = g_new (float, MANY *NUMBERS);
  GstCowSighting sightings[MANY];
  GstCowTrack *tracks[MANY];
  GstCowTracker tracker;
  double us;
  state = 1;
  for (int i = 0; i < MANY * NUMBERS; i++)
    looks[i] = (float)normal ();
  gst_cow_tracker_init (&tracker);
  const gint64 start = g_get_monotonic_time ();
  for (guint64 frame = 0; frame < FRAMES; frame++) {
    for (int i = 0; i < MANY; i++)
      sightings[i] = (GstCowSighting){ .box = { tremble (60 * (i % 10), 20),
                                                tremble (40 * (i / 10), 20), 100, 60 },
                                       .score = 1,
                                       .embedding = looks + (gsize)i * NUMBERS,
                                       .n_embedding = NUMBERS };
    gst_cow_tracker_update (&tracker, frame, sightings, MANY, tracks);
    for (int i = 0; i < MANY; i++) {
      g_assert_cmpuint (tracks[i]->id, ==, (guint64)i + 1);
      gst_cow_track_unref (tracks[i]);
    }
  }
  us = (double)(g_get_monotonic_time () - start) / FRAMES;
  g_test_message ("%d cows, %d numbers of looks: %.0f us a frame", MANY, (int)NUMBERS, us);
  g_assert_cmpfloat (us, <, 5000);
  gst_cow_tracker_clear (&tracker);
}

int
main (int argc, char **argv)
{
  static const Case cases[] = {
    { 5, FALSE, .66, .63 }, { 25, FALSE, .62, .6 }, { 5, TRUE, .88, .78 }, { 25, TRUE, .86, .76 }
  };
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *path =
        g_strdup_printf ("/tracker-scenes/%d-fps%s", cases[i].fps, cases[i].looks ? "-looks" : "");
    g_test_add_data_func (path, &cases[i], test_scene);
  }
  g_test_add_func ("/tracker-scenes/cost", test_cost);
  return g_test_run ();
}
