/* SPDX-License-Identifier: MIT */
/* The tracker on made-up boxes: whose ids count, which cow is found again by overlap, and that its
 * memory is bounded. */
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
  return (GstCowSighting){ { x, y, 40, 40 }, source, id };
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
  add ("/tracker/bounded", test_bounded);
  g_test_add_func ("/tracker/iou", test_iou);
  return g_test_run ();
}
