/* SPDX-License-Identifier: MIT */
/* What is found in tiles and in the whole of a picture becomes one of each animal. */
#include "model/engine/pieces.h"
#include "model/network/frame-fit.h"

#define WIDTH  96 /* of a region as a network sees it */
#define HEIGHT 64
#define ACROSS 960 /* of the picture */
#define DOWN   640

static const CowRegion whole = { 0, 0, ACROSS, DOWN }, left = { 0, 0, 540, DOWN },
                       right = { 420, 0, 540, DOWN };

typedef struct {
  CowPreprocess preprocess;
  GArray *pieces, *detections;
} Fixture;

static void
set_up (Fixture *self, gconstpointer fit)
{
  self->preprocess = cow_preprocess_default ();
  self->preprocess.width = WIDTH;
  self->preprocess.height = HEIGHT;
  self->preprocess.fit = (CowFit)GPOINTER_TO_INT (fit);
  self->pieces = g_array_new (FALSE, FALSE, sizeof (CowPiece));
  self->detections = g_array_new (FALSE, FALSE, sizeof (CowDetection));
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  g_array_unref (self->pieces);
  g_array_unref (self->detections);
}

/* An animal of the picture, px of it, as a network finds it in a region: cut at its edges. */
static void
see (Fixture *self, const CowRegion *region, double x, double y, double w, double h, float score)
{
  const double l = CLAMP (x, region->x, region->x + region->w),
               t = CLAMP (y, region->y, region->y + region->h),
               r = CLAMP (x + w, region->x, region->x + region->w),
               b = CLAMP (y + h, region->y, region->y + region->h);
  const CowBounds box = { l - region->x, t - region->y, r - l, b - t };
  const CowDetection found = { cow_frame_fit (&self->preprocess, region->w, region->h, &box), score,
                               0 };

  cow_pieces_add (self->pieces, &found, 1, self->pieces->len, &self->preprocess, region, ACROSS,
                  DOWN);
}

static void
assert_found (const Fixture *self, guint i, double x, double y, double w, double h, float score)
{
  const CowDetection *found = &g_array_index (self->detections, CowDetection, i);

  g_assert_cmpuint (i, <, self->detections->len);
  g_assert_cmpfloat_with_epsilon (found->box.x, x, 1e-6);
  g_assert_cmpfloat_with_epsilon (found->box.y, y, 1e-6);
  g_assert_cmpfloat_with_epsilon (found->box.w, w, 1e-6);
  g_assert_cmpfloat_with_epsilon (found->box.h, h, 1e-6);
  g_assert_cmpfloat (found->score, ==, score);
}

/* One that all see is one, with the score of who is surest. */
static void
test_seen_by_all (Fixture *self, gconstpointer data)
{
  see (self, &whole, 440, 100, 60, 40, .5f);
  see (self, &left, 442, 101, 60, 40, .9f);
  see (self, &right, 439, 100, 61, 40, .7f);
  cow_pieces_merge (self->pieces, 3, 100, self->detections);
  g_assert_cmpuint (self->detections->len, ==, 1);
  assert_found (self, 0, 442, 101, 60, 40, .9f);
}

/* Part of one, however sure, is not one more; nor is it that one. */
static void
test_cut (Fixture *self, gconstpointer data)
{
  see (self, &left, 440, 100, 200, 40, .99f); /* the left half of her */
  see (self, &right, 440, 100, 200, 40, .6f);
  cow_pieces_merge (self->pieces, 2, 100, self->detections);
  g_assert_cmpuint (self->detections->len, ==, 1);
  assert_found (self, 0, 440, 100, 200, 40, .6f);
}

/* Part of one that nobody sees whole is better than nothing. */
static void
test_only_cut (Fixture *self, gconstpointer data)
{
  see (self, &left, 500, 100, 200, 40, .8f);
  cow_pieces_merge (self->pieces, 2, 100, self->detections);
  g_assert_cmpuint (self->detections->len, ==, 1);
  assert_found (self, 0, 500, 100, 40, 40, .8f);
}

/* The picture's own edge cuts nothing off that another region would have. */
static void
test_at_edge (Fixture *self, gconstpointer data)
{
  see (self, &left, 0, 0, 80, 50, .4f);
  see (self, &whole, 0, 0, 70, 45, .6f);
  see (self, &right, 900, 600, 60, 40, .5f);
  cow_pieces_merge (self->pieces, 3, 100, self->detections);
  g_assert_cmpuint (self->detections->len, ==, 2);
  assert_found (self, 0, 0, 0, 70, 45, .6f);
  assert_found (self, 1, 900, 600, 60, 40, .5f);
}

/* Neighbours are two; no more are kept than are wanted, the surest. */
static void
test_neighbours (Fixture *self, gconstpointer data)
{
  for (guint i = 0; i < 5; i++)
    see (self, &whole, 100.0 * i, 200, 120, 90, (float)(3 + i) / 10);
  cow_pieces_merge (self->pieces, 2, 100, self->detections);
  g_assert_cmpuint (self->detections->len, ==, 5);
  cow_pieces_merge (self->pieces, 2, 3, self->detections);
  g_assert_cmpuint (self->detections->len, ==, 3);
  assert_found (self, 0, 400, 200, 120, 90, .7f);
}

/* Of one region the network has said already which are the same. */
static void
test_single (Fixture *self, gconstpointer data)
{
  see (self, &whole, 100, 200, 120, 90, .5f);
  see (self, &whole, 110, 200, 120, 90, .4f);
  cow_pieces_merge (self->pieces, 1, 100, self->detections);
  g_assert_cmpuint (self->detections->len, ==, 2);
}

/* What is found in the grey beside a letterboxed region is nobody, and what reaches into it ends at
 * the picture's edge. */
static void
test_grey (Fixture *self, gconstpointer data)
{
  const CowDetection found[] = { { { 2, 10, 12, 20 }, .9f, 0 }, { { 10, 10, 31, 20 }, .8f, 1 } };
  const CowRegion region = { 0, 0, 540, DOWN }; /* 54 of the 96 px, from 21 on */

  self->preprocess.fit = COW_LETTERBOX;
  cow_pieces_add (self->pieces, found, 2, 0, &self->preprocess, &region, ACROSS, DOWN);
  cow_pieces_merge (self->pieces, 1, 100, self->detections);
  g_assert_cmpuint (self->detections->len, ==, 1);
  assert_found (self, 0, 0, 100, 200, 200, .8f);
  g_assert_cmpuint (g_array_index (self->detections, CowDetection, 0).row, ==, 1);
}

int
main (int argc, char **argv)
{
  static const struct {
    const char *name;
    void (*test) (Fixture *self, gconstpointer data);
  } tests[] = {
    { "seen-by-all", test_seen_by_all },
    { "cut", test_cut },
    { "only-cut", test_only_cut },
    { "at-edge", test_at_edge },
    { "neighbours", test_neighbours },
    { "single", test_single },
    { "grey", test_grey },
  };

  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
    for (int fit = COW_STRETCH; fit <= COW_LETTERBOX; fit++) {
      g_autofree char *path =
          g_strdup_printf ("/pieces/%s/%s", cow_fit_name ((CowFit)fit), tests[i].name);
      g_test_add (path, Fixture, GINT_TO_POINTER (fit), set_up, tests[i].test, tear_down);
    }
  return g_test_run ();
}
