/* SPDX-License-Identifier: MIT */
/* The tracker on made-up boxes: whose ids count, which cow is found again by overlap, by how she
 * walks and by her looks, and that its memory is bounded. */
#include <math.h>

#include "gst-plugin/behavior/tracker.h"

#define MOST 600

typedef struct {
  GstCowTracker tracker;
  guint64 frame;
  GstCowTrack
      *tracks[MOST]; /* of the last frame, borrowed: valid as long as the tracker has them */
} Scene;

static void
set_up (Scene *scene, gconstpointer data)
{
  gst_cow_tracker_init (&scene->tracker);
}

static void
tear_down (Scene *scene, gconstpointer data)
{
  gst_cow_tracker_clear (&scene->tracker);
}

static GstCowSighting
at (int x, int y, GstCowIdSource source, guint64 id)
{
  return (GstCowSighting){ .box = { x, y, 40, 40 }, .source = source, .id = id, .score = 1 };
}

/* Feeds one frame with these sightings. */
static void
see (Scene *scene, const GstCowSighting *sightings, guint n)
{
  gst_cow_tracker_update (&scene->tracker, scene->frame++, sightings, n, scene->tracks);
  for (guint i = 0; i < n; i++) {
    for (guint k = 0; k < i && n < 10; k++)
      g_assert_true (scene->tracks[i] != scene->tracks[k]);
    g_assert_cmpmem (&scene->tracks[i]->box, sizeof (CowRegion), &sightings[i].box,
                     sizeof (CowRegion));
    gst_cow_track_unref (scene->tracks[i]);
  }
}

static void
test_overlap (Scene *scene, gconstpointer data)
{
  guint64 first, second;

  see (scene, (GstCowSighting[]){ at (0, 0, 0, 0), at (100, 0, 0, 0) }, 2);
  first = scene->tracks[0]->id;
  second = scene->tracks[1]->id;
  g_assert_cmpuint (first, !=, second);
  /* Both moved and come in another order, and a third is new. */
  see (scene, (GstCowSighting[]){ at (108, 4, 0, 0), at (200, 0, 0, 0), at (5, 5, 0, 0) }, 3);
  g_assert_cmpuint (scene->tracks[0]->id, ==, second);
  g_assert_cmpuint (scene->tracks[2]->id, ==, first);
  g_assert_cmpuint (scene->tracks[1]->id, !=, first);
  g_assert_cmpuint (scene->tracks[1]->id, !=, second);
  /* One was not seen for some frames, and is found where it was. */
  see (scene, (GstCowSighting[]){ at (5, 5, 0, 0) }, 1);
  see (scene, NULL, 0);
  see (scene, (GstCowSighting[]){ at (110, 4, 0, 0) }, 1);
  g_assert_cmpuint (scene->tracks[0]->id, ==, second);
  /* After a jump it is another cow. */
  see (scene, (GstCowSighting[]){ at (140, 4, 0, 0) }, 1);
  g_assert_cmpuint (scene->tracks[0]->id, !=, second);
}

/* With two boxes near one track, the nearer gets it. */
static void
test_best_pair (Scene *scene, gconstpointer data)
{
  guint64 id;

  see (scene, (GstCowSighting[]){ at (0, 0, 0, 0) }, 1);
  id = scene->tracks[0]->id;
  see (scene, (GstCowSighting[]){ at (10, 0, 0, 0), at (2, 0, 0, 0) }, 2);
  g_assert_cmpuint (scene->tracks[1]->id, ==, id);
  g_assert_cmpuint (scene->tracks[0]->id, !=, id);
}

/* A tracker's ids count wherever the boxes are; two boxes with one id are two cows. */
static void
test_tracker_ids (Scene *scene, gconstpointer data)
{
  see (scene,
       (GstCowSighting[]){ at (0, 0, GST_COW_ID_TRACKER, 70), at (100, 0, GST_COW_ID_TRACKER, 80) },
       2);
  g_assert_cmpuint (scene->tracks[0]->id, ==, 70);
  scene->tracks[0]->known = TRUE;
  see (scene,
       (GstCowSighting[]){ at (0, 0, GST_COW_ID_TRACKER, 80), at (300, 0, GST_COW_ID_TRACKER, 70) },
       2);
  g_assert_cmpuint (scene->tracks[1]->id, ==, 70);
  g_assert_true (scene->tracks[1]->known);
  g_assert_false (scene->tracks[0]->known);
  see (scene,
       (GstCowSighting[]){ at (0, 0, GST_COW_ID_TRACKER, 80), at (90, 0, GST_COW_ID_TRACKER, 80) },
       2);
  /* This is the largest id. */
  see (scene, (GstCowSighting[]){ at (0, 0, GST_COW_ID_TRACKER, G_MAXUINT64) }, 1);
  g_assert_cmpuint (scene->tracks[0]->id, ==, G_MAXUINT64);
}

/* Ids of regions that stay with their boxes are trusted, also when the boxes cross. */
static void
test_roi_ids (Scene *scene, gconstpointer data)
{
  see (scene, (GstCowSighting[]){ at (0, 0, GST_COW_ID_ROI, 7), at (60, 0, GST_COW_ID_ROI, 8) }, 2);
  g_assert_cmpuint (scene->tracks[0]->id, ==, 7);
  for (int x = 0; x <= 60; x += 10)
    see (scene,
         (GstCowSighting[]){ at (60 - x, 0, GST_COW_ID_ROI, 8), at (x, 0, GST_COW_ID_ROI, 7) }, 2);
  g_assert_cmpint (scene->tracker.trust, >, 0);
  g_assert_cmpuint (scene->tracks[0]->id, ==, 8);
  g_assert_cmpuint (scene->tracks[1]->id, ==, 7);
  /* A jump with a trusted id is a jump of that cow. */
  see (scene, (GstCowSighting[]){ at (400, 0, GST_COW_ID_ROI, 7) }, 1);
  g_assert_cmpuint (scene->tracks[0]->id, ==, 7);
}

/* When a detector gives each box of each frame a new id, as DL Streamer's does, the boxes
 * decide. */
static void
test_roi_counter (Scene *scene, gconstpointer data)
{
  guint64 id = 100, first, second;

  see (scene, (GstCowSighting[]){ at (0, 0, GST_COW_ID_ROI, 98), at (100, 0, GST_COW_ID_ROI, 99) },
       2);
  first = scene->tracks[0]->id;
  second = scene->tracks[1]->id;
  for (int i = 1; i < 20; i++) {
    see (scene,
         (GstCowSighting[]){ at (i, 0, GST_COW_ID_ROI, id),
                             at (100 + i, i, GST_COW_ID_ROI, id + 1) },
         2);
    id += 2;
    g_assert_cmpuint (scene->tracks[0]->id, ==, first);
    g_assert_cmpuint (scene->tracks[1]->id, ==, second);
  }
}

/* A detector numbers the boxes of each frame from 1 in the order of detection. */
static void
test_roi_index (Scene *scene, gconstpointer data)
{
  guint64 left, right;

  see (scene, (GstCowSighting[]){ at (0, 0, GST_COW_ID_ROI, 1), at (100, 0, GST_COW_ID_ROI, 2) },
       2);
  left = scene->tracks[0]->id;
  right = scene->tracks[1]->id;
  for (guint i = 0; i < 10; i++) {
    see (scene, (GstCowSighting[]){ at (100, 0, GST_COW_ID_ROI, 1), at (0, 0, GST_COW_ID_ROI, 2) },
         2);
    g_assert_cmpuint (scene->tracks[0]->id, ==, right);
    g_assert_cmpuint (scene->tracks[1]->id, ==, left);
    see (scene, (GstCowSighting[]){ at (0, 0, GST_COW_ID_ROI, 1), at (100, 0, GST_COW_ID_ROI, 2) },
         2);
    g_assert_cmpuint (scene->tracks[0]->id, ==, left);
  }
}

/* A zone is found by its id, whatever box lies on it, and is never taken for a cow. */
static void
test_places (Scene *scene, gconstpointer data)
{
  see (scene, (GstCowSighting[]){ at (0, 0, GST_COW_ID_PLACE, 1), at (2, 0, GST_COW_ID_PLACE, 2) },
       2);
  scene->tracks[0]->known = TRUE;
  see (scene, (GstCowSighting[]){ at (0, 0, 0, 0), at (2, 0, GST_COW_ID_PLACE, 1) }, 2);
  g_assert_false (scene->tracks[0]->known);
  g_assert_true (scene->tracks[1]->known);
  for (guint i = 0; i < GST_COW_TRACKER_PATIENCE + 5; i++)
    see (scene, NULL, 0);
  g_assert_cmpuint (scene->tracker.tracks->len, ==, 2); /* places are not forgotten */
  see (scene, (GstCowSighting[]){ at (2, 0, GST_COW_ID_PLACE, 1) }, 1);
  g_assert_true (scene->tracks[0]->known);
}

static void
test_patience (Scene *scene, gconstpointer data)
{
  see (scene, (GstCowSighting[]){ at (0, 0, 0, 0) }, 1);
  for (guint i = 0; i < GST_COW_TRACKER_PATIENCE; i++)
    see (scene, NULL, 0);
  g_assert_cmpuint (scene->tracker.tracks->len, ==, 1);
  see (scene, NULL, 0);
  g_assert_cmpuint (scene->tracker.tracks->len, ==, 0);
  g_assert_cmpuint (scene->tracker.n_evicted, ==, 1);
}

/* ---- how cows walk --------------------------------------------------------------------------- */

/* A box of 100 x 60 px whose middle is there, and how sure its detector is. */
static GstCowSighting
cow_at (double x, double y, double score)
{
  return (GstCowSighting){ .box = { (int)lrint (x - 50), (int)lrint (y - 30), 100, 60 },
                           .score = score };
}

static void
test_motion (void)
{
  GstCowMotion motion;
  CowRegion box = { 0, 0, 100, 60 };
  CowBounds there;

  gst_cow_motion_start (&motion, &box);
  there = gst_cow_motion_predict (&motion, 50);
  g_assert_cmpfloat (there.x, ==, 0); /* who was seen once stands */
  for (int i = 1; i <= 40; i++) {
    box.x = 4 * i;
    gst_cow_motion_update (&motion, 1, &box);
  }
  there = gst_cow_motion_predict (&motion, 1);
  g_assert_cmpfloat_with_epsilon (there.x, 164, 1);
  g_assert_cmpfloat_with_epsilon (there.y, 0, .1);
  g_assert_cmpfloat_with_epsilon (there.w, 100, .1);
  there = gst_cow_motion_predict (&motion, 10);
  g_assert_cmpfloat (there.x, >, 190);
  g_assert_cmpfloat (there.x, <, 201);
  /* After long she is somewhere near. */
  there = gst_cow_motion_predict (&motion, G_MAXUINT64);
  g_assert_cmpfloat (there.x, <, 320);
}

/* Every fifth frame tells as well how fast she is as every frame does. */
static void
test_motion_gaps (void)
{
  GstCowMotion motion;
  CowRegion box = { 0, 0, 100, 60 };

  gst_cow_motion_start (&motion, &box);
  for (int i = 1; i <= 20; i++) {
    box.x = 20 * i;
    gst_cow_motion_update (&motion, 5, &box);
  }
  g_assert_cmpfloat_with_epsilon (gst_cow_motion_predict (&motion, 5).x, 420, 4);
  g_assert_cmpfloat_with_epsilon (motion.x.rate, 4, .4);
}

/* Two cows walk through one another, and one of them is hidden for `hidden` frames in the middle.
 * Each keeps her track. */
static void
cross (Scene *scene, int hidden)
{
  guint64 left = 0, right = 0;

  for (int i = -60; i <= 60; i++) {
    const GstCowSighting both[] = { cow_at (300 + 3 * i, 100, 1), cow_at (300 - 3 * i, 110, 1) };

    see (scene, both + (ABS (i) <= hidden / 2), ABS (i) <= hidden / 2 ? 1 : 2);
    if (i == -60) {
      left = scene->tracks[0]->id;
      right = scene->tracks[1]->id;
    }
    g_assert_cmpuint (scene->tracks[ABS (i) <= hidden / 2 ? 0 : 1]->id, ==, right);
  }
  g_assert_cmpuint (scene->tracks[0]->id, ==, left);
  g_assert_cmpuint (scene->tracker.tracks->len, ==, 2);
}

static void
test_crossing (Scene *scene, gconstpointer data)
{
  cross (scene, -1);
}

static void
test_crossing_hidden (Scene *scene, gconstpointer data)
{
  cross (scene, 30);
}

/* A cow walks behind a post for 2 s at 25 frames a second, and is found again at its other side. */
static void
test_occlusion (Scene *scene, gconstpointer data)
{
  guint64 id;

  for (int i = 0; i < 60; i++)
    see (scene, (GstCowSighting[]){ cow_at (100 + 1.5 * i, 100, 1) }, 1);
  id = scene->tracks[0]->id;
  for (int i = 60; i < 110; i++)
    see (scene, NULL, 0);
  see (scene, (GstCowSighting[]){ cow_at (100 + 1.5 * 110, 100, 1) }, 1);
  g_assert_cmpuint (scene->tracks[0]->id, ==, id);
}

/* A cow who walks, is hidden and stands there is found where she was seen last. */
static void
test_stands (Scene *scene, gconstpointer data)
{
  guint64 id;

  for (int i = 0; i <= 60; i++)
    see (scene, (GstCowSighting[]){ cow_at (100 + 4 * i, 100, 1) }, 1);
  id = scene->tracks[0]->id;
  for (int i = 0; i < 30; i++)
    see (scene, NULL, 0);
  see (scene, (GstCowSighting[]){ cow_at (110 + 4 * 60, 100, 1) }, 1);
  g_assert_cmpuint (scene->tracks[0]->id, ==, id);
}

/* A cow who trembles and is missed in every third frame keeps her track; so does the one beside
 * her. */
static void
test_jitter (Scene *scene, gconstpointer data)
{
  static const int dx[] = { 6, -5, 0, 4, -7, 3 }, dy[] = { -3, 4, 1, -4, 2 };
  guint64 id = 0;

  for (int i = 0; i < 90; i++) {
    const GstCowSighting both[] = { cow_at (100 + 2 * i + dx[i % 6], 100 + dy[i % 5], .9),
                                    cow_at (190 + 2 * i - dx[i % 6], 100 - dy[i % 5], .9) };

    see (scene, both + (i % 3 == 2), i % 3 == 2 ? 1 : 2);
    id = i == 0 ? scene->tracks[0]->id : id;
    if (i % 3 != 2)
      g_assert_cmpuint (scene->tracks[0]->id, ==, id);
  }
  g_assert_cmpuint (scene->tracker.tracks->len, ==, 2);
}

/* A detection that is sure of itself comes first, though one that is not fits better; what is left
 * then goes on, too. */
static void
test_unsure (Scene *scene, gconstpointer data)
{
  guint64 id;

  see (scene, (GstCowSighting[]){ cow_at (100, 100, .9) }, 1);
  id = scene->tracks[0]->id;
  see (scene, (GstCowSighting[]){ cow_at (101, 100, .3), cow_at (110, 100, .9) }, 2);
  g_assert_cmpuint (scene->tracks[1]->id, ==, id);
  g_assert_cmpuint (scene->tracks[0]->id, !=, id);
  see (scene, (GstCowSighting[]){ cow_at (110, 100, .2) }, 1);
  g_assert_cmpuint (scene->tracks[0]->id, ==, id);
  /* A score that is no number is not unsure. */
  see (scene, (GstCowSighting[]){ cow_at (110, 100, .4), cow_at (112, 100, NAN) }, 2);
  g_assert_cmpuint (scene->tracks[1]->id, ==, id);
}

/* A jump by an id says nothing about how she walks. */
static void
test_id_jump (Scene *scene, gconstpointer data)
{
  GstCowSighting one = cow_at (100, 100, 1);

  one.source = GST_COW_ID_TRACKER;
  one.id = 9;
  see (scene, &one, 1);
  one.box.x = 900;
  see (scene, &one, 1);
  see (scene, (GstCowSighting[]){ cow_at (950, 100, 1) }, 1);
  g_assert_cmpuint (scene->tracks[0]->id, ==, 9);
  g_assert_cmpfloat (scene->tracks[0]->motion.x.rate, ==, 0);
}

/* ---- how cows look --------------------------------------------------------------------------- */

static const float black[4] = { 2, 0, 0, 0 }, red[4] = { 0, .5f, 0, 0 },
                   blackish[4] = { 2, .6f, 0, .3f }, between[4] = { 1, 1, 0, 0 };

static GstCowSighting
looking (double x, const float *looks)
{
  GstCowSighting one = cow_at (x, 100, 1);

  one.embedding = looks;
  one.n_embedding = looks ? 4 : 0;
  return one;
}

static void
test_looks (void)
{
  const float none[4] = { 0 }, broken[4] = { NAN, 1, 1, 1 }, huge[4] = { 1e38f, 0, 0, 0 };
  GstCowLooks looks = { 0 };

  g_assert_true (isnan (gst_cow_looks_compare (&looks, black, 4)));
  gst_cow_looks_add (&looks, none, 4);
  gst_cow_looks_add (&looks, broken, 4);
  gst_cow_looks_add (&looks, black, 0);
  g_assert_null (looks.mean);
  gst_cow_looks_add (&looks, black, 4);
  g_assert_cmpfloat_with_epsilon (gst_cow_looks_compare (&looks, black, 4), 1, 1e-6);
  g_assert_cmpfloat_with_epsilon (gst_cow_looks_compare (&looks, huge, 4), 1, 1e-6);
  g_assert_cmpfloat (gst_cow_looks_compare (&looks, red, 4), ==, 0);
  g_assert_true (isnan (gst_cow_looks_compare (&looks, black, 3)));
  g_assert_true (isnan (gst_cow_looks_compare (&looks, NULL, 4)));
  g_assert_true (isnan (gst_cow_looks_compare (&looks, broken, 4)));
  g_assert_true (isnan (gst_cow_looks_compare (&looks, none, 4)));
  gst_cow_looks_add (&looks, red, 4); /* one of another does not turn her */
  g_assert_cmpfloat (gst_cow_looks_compare (&looks, black, 4), >, .9);
  for (int i = 0; i < 50; i++)
    gst_cow_looks_add (&looks, red, 4);
  g_assert_cmpfloat (gst_cow_looks_compare (&looks, red, 4), >, .9);
  gst_cow_looks_add (&looks, black, 3);
  g_assert_cmpuint (looks.n, ==, 3);
  gst_cow_looks_clear (&looks);
}

/* Frames without anybody. */
static void
wait_for (Scene *scene, guint n)
{
  for (guint i = 0; i < n; i++)
    see (scene, NULL, 0);
}

/* Who leaves and comes back elsewhere gets her id again if she looks as she did, and only then. */
static void
test_comes_back (Scene *scene, gconstpointer data)
{
  const guint away = GST_COW_TRACKER_PATIENCE + 50;
  guint64 first, second;

  see (scene, (GstCowSighting[]){ looking (100, black), looking (400, red) }, 2);
  first = scene->tracks[0]->id;
  second = scene->tracks[1]->id;
  scene->tracks[0]->known = TRUE;
  wait_for (scene, away);
  g_assert_cmpuint (scene->tracker.tracks->len, ==, 2);
  see (scene, (GstCowSighting[]){ looking (800, red), looking (1000, blackish) }, 2);
  g_assert_cmpuint (scene->tracks[0]->id, ==, second);
  g_assert_cmpuint (scene->tracks[1]->id, ==, first);
  g_assert_false (scene->tracks[1]->known); /* what she did then was long ago */
  /* Nobody can tell which of both this is. */
  wait_for (scene, away);
  see (scene, (GstCowSighting[]){ looking (100, between) }, 1);
  g_assert_cmpuint (scene->tracks[0]->id, !=, first);
  g_assert_cmpuint (scene->tracks[0]->id, !=, second);
  wait_for (scene, GST_COW_TRACKER_MEMORY + 1);
  g_assert_cmpuint (scene->tracker.tracks->len, ==, 0);
}

static void
test_comes_back_unlooked (Scene *scene, gconstpointer data)
{
  guint64 id;

  see (scene, (GstCowSighting[]){ looking (100, NULL) }, 1);
  id = scene->tracks[0]->id;
  wait_for (scene, 20);
  see (scene, (GstCowSighting[]){ looking (800, NULL) }, 1);
  g_assert_cmpuint (scene->tracks[0]->id, !=, id);
}

/* Another cow in the same place is another cow, and two who stand on one spot are told apart. */
static void
test_same_place (Scene *scene, gconstpointer data)
{
  guint64 first, second;

  see (scene, (GstCowSighting[]){ looking (100, black) }, 1);
  first = scene->tracks[0]->id;
  see (scene, (GstCowSighting[]){ looking (100, red) }, 1);
  second = scene->tracks[0]->id;
  g_assert_cmpuint (second, !=, first);
  see (scene, (GstCowSighting[]){ looking (102, red), looking (100, blackish) }, 2);
  g_assert_cmpuint (scene->tracks[0]->id, ==, second);
  g_assert_cmpuint (scene->tracks[1]->id, ==, first);
  see (scene, (GstCowSighting[]){ looking (106, black), looking (96, red) }, 2);
  g_assert_cmpuint (scene->tracks[0]->id, ==, first);
  g_assert_cmpuint (scene->tracks[1]->id, ==, second);
}

/* Of two cows who are a little alike each is the one whom she is more like. */
static void
test_alike (Scene *scene, gconstpointer data)
{
  static const float brown[4] = { 1, 1.2f, 0, 0 };
  guint64 first, second;

  see (scene, (GstCowSighting[]){ looking (100, black), looking (120, brown) }, 2);
  first = scene->tracks[0]->id;
  second = scene->tracks[1]->id;
  see (scene, (GstCowSighting[]){ looking (102, brown), looking (118, black) }, 2);
  g_assert_cmpuint (scene->tracks[0]->id, ==, second);
  g_assert_cmpuint (scene->tracks[1]->id, ==, first);
}

/* A cow who comes out from behind another is unsure at first, and then somebody known. */
static void
test_comes_out (Scene *scene, gconstpointer data)
{
  GstCowSighting part = looking (500, blackish);
  guint64 id;

  see (scene, (GstCowSighting[]){ looking (100, black) }, 1);
  id = scene->tracks[0]->id;
  part.score = .3;
  part.embedding = between;
  see (scene, &part, 1);
  g_assert_cmpuint (scene->tracks[0]->id, !=, id);
  see (scene, (GstCowSighting[]){ looking (502, blackish) }, 1);
  g_assert_cmpuint (scene->tracks[0]->id, ==, id);
}

/* ---- bounds ---------------------------------------------------------------------------------- */

/* Memory is bounded: in one frame with too many, and over frames whose cows are all new. */
static void
test_bounded (Scene *scene, gconstpointer data)
{
  static GstCowSighting many[MOST];
  GstCowTrack *held[MOST];

  for (guint i = 0; i < MOST; i++)
    many[i] = at ((int)i * 50, 0, 0, 0);
  gst_cow_tracker_update (&scene->tracker, scene->frame++, many, MOST, held);
  g_assert_cmpuint (scene->tracker.tracks->len, ==, GST_COW_TRACKER_MAX);
  for (guint i = 0; i < MOST; i++) {
    g_assert_cmpint (held[i]->box.x, ==, (int)i * 50);
    gst_cow_track_unref (held[i]);
  }
  for (guint f = 1; f < 20; f++) {
    for (guint i = 0; i < 100; i++)
      many[i] = at ((int)i * 50, (int)f * 50, GST_COW_ID_TRACKER, 1000 * f + i);
    see (scene, many, 100);
    g_assert_cmpuint (scene->tracker.tracks->len, <=, GST_COW_TRACKER_MAX);
  }
  /* The oldest are gone, and those of the last frames are there. */
  many[0] = at (0, 0, GST_COW_ID_TRACKER, 18000);
  see (scene, many, 1);
  g_assert_cmpuint (scene->tracks[0]->refs, ==, 1);
  g_assert_cmpuint (scene->tracker.tracks->len, ==, GST_COW_TRACKER_MAX);
}

/* The tracker's own ids differ from those given upstream. */
static void
test_own_numbers (Scene *scene, gconstpointer data)
{
  see (scene,
       (GstCowSighting[]){ at (0, 0, 0, 0), at (100, 0, GST_COW_ID_ROI, 1),
                           at (200, 0, GST_COW_ID_TRACKER, 2) },
       3);
  g_assert_cmpuint (scene->tracks[0]->id, ==, 3);
  g_assert_cmpuint (scene->tracks[1]->id, ==, 1);
  g_assert_cmpuint (scene->tracks[2]->id, ==, 2);
  see (scene,
       (GstCowSighting[]){ at (0, 0, 0, 0), at (300, 0, GST_COW_ID_TRACKER, 4), at (400, 0, 0, 0) },
       3);
  g_assert_cmpuint (scene->tracks[0]->id, ==, 3);
  g_assert_cmpuint (scene->tracks[2]->id, ==, 5);
}

static void
test_iou (void)
{
  const CowRegion a = { 0, 0, 10, 10 }, b = { 5, 0, 10, 10 }, c = { 10, 0, 10, 10 },
                  huge = { 0, 0, G_MAXINT, G_MAXINT };

  g_assert_cmpfloat_with_epsilon (gst_cow_iou (&a, &a), 1, 1e-9);
  g_assert_cmpfloat_with_epsilon (gst_cow_iou (&a, &b), 1 / 3., 1e-9);
  g_assert_cmpfloat (gst_cow_iou (&a, &c), ==, 0);
  g_assert_cmpfloat (gst_cow_iou (&huge, &a), >, 0);
}

static void
add (const char *path, void (*test) (Scene *scene, gconstpointer data))
{
  g_test_add (path, Scene, NULL, set_up, test, tear_down);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add ("/tracker/overlap", test_overlap);
  add ("/tracker/best-pair", test_best_pair);
  add ("/tracker/tracker-ids", test_tracker_ids);
  add ("/tracker/roi-ids", test_roi_ids);
  add ("/tracker/roi-counter", test_roi_counter);
  add ("/tracker/roi-index", test_roi_index);
  add ("/tracker/places", test_places);
  add ("/tracker/own-numbers", test_own_numbers);
  add ("/tracker/patience", test_patience);
  add ("/tracker/crossing", test_crossing);
  add ("/tracker/crossing-hidden", test_crossing_hidden);
  add ("/tracker/occlusion", test_occlusion);
  add ("/tracker/stands", test_stands);
  add ("/tracker/jitter", test_jitter);
  add ("/tracker/unsure", test_unsure);
  add ("/tracker/id-jump", test_id_jump);
  add ("/tracker/comes-back", test_comes_back);
  add ("/tracker/comes-back-unlooked", test_comes_back_unlooked);
  add ("/tracker/same-place", test_same_place);
  add ("/tracker/alike", test_alike);
  add ("/tracker/comes-out", test_comes_out);
  g_test_add_func ("/tracker/motion", test_motion);
  g_test_add_func ("/tracker/motion-gaps", test_motion_gaps);
  g_test_add_func ("/tracker/looks", test_looks);
  add ("/tracker/bounded", test_bounded);
  g_test_add_func ("/tracker/iou", test_iou);
  return g_test_run ();
}
