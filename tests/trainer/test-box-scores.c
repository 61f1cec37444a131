/* SPDX-License-Identifier: MIT */
/* Boxes that were found against those that there are: pycocotools' numbers on boxes of chance, and
 * cases that can be counted on the fingers. */
#include <math.h>

#include "trainer/eval/box-threshold.h"

/* ---- pycocotools ----------------------------------------------------------------------------- */

static guint64 state;

/* 0 to n - 1; any program can have the same numbers. */
static int
chance (guint n)
{
  state = (state * 1103515245 + 12345) % (1u << 31);
  return (int)((state >> 8) % n);
}

/* A box of chance. */
static CowBounds
place (void)
{
  CowBounds box;
  box.w = 4 + chance (160);
  box.h = 4 + chance (120);
  box.x = chance (600);
  box.y = chance (400);
  return box;
}

static void
add_found (GArray *found, guint image, const CowTrueBox *truth)
{
  CowFoundBox one = { .image = image };
  one.category = chance (8) ? truth->category : (guint)chance (3);
  one.place.x = truth->place.x + chance (21) - 10;
  one.place.y = truth->place.y + chance (21) - 10;
  one.place.w = fmax (truth->place.w + chance (21) - 10, 1);
  one.place.h = fmax (truth->place.h + chance (21) - 10, 1);
  one.score = chance (50) / 50.;
  g_array_append_val (found, one);
}

static void
add_ghost (GArray *found, guint image)
{
  CowFoundBox one = { .image = image, .category = (guint)chance (4) };
  one.place.x = chance (600);
  one.place.y = chance (400);
  one.place.w = 4 + chance (160);
  one.place.h = 4 + chance (120);
  one.score = chance (50) / 50.;
  g_array_append_val (found, one);
}

/* 40 pictures; boxes of three categories, crowds, sizes of all sorts, doubles, ghosts, equal
 * scores. */
static void
make_boxes (GArray *truth, GArray *found)
{
  state = 1;
  for (guint image = 0; image < 40; image++) {
    for (int n = chance (9); n > 0; n--) {
      CowTrueBox one = { .image = image, .place = place () };
      one.area = one.place.w * one.place.h;
      one.category = (guint)chance (3);
      one.crowd = chance (12) == 0;
      g_array_append_val (truth, one);
      for (int k = chance (3); k > 0; k--)
        add_found (found, image, &one);
    }
    for (int k = chance (4); k > 0; k--)
      add_ghost (found, image);
  }
}

/* The numbers are those of pycocotools 2.0.11 on the same boxes. */
static void
test_pycocotools (void)
{
  g_autoptr (GArray) truth = g_array_new (FALSE, FALSE, sizeof (CowTrueBox)),
                     found = g_array_new (FALSE, FALSE, sizeof (CowFoundBox));
  CowBoxScores scores;
  make_boxes (truth, found);
  cow_box_scores ((const CowTrueBox *)(gconstpointer)truth->data, truth->len,
                  (const CowFoundBox *)(gconstpointer)found->data, found->len, &scores);
  const double pairs[][2] = {
    { scores.precision[COW_BOX_ALL], .073632828 },
    { scores.precision50, .172625183 },
    { scores.precision75, .046888348 },
    { scores.precision[COW_BOX_SMALL], .007370737 },
    { scores.precision[COW_BOX_MEDIUM], .084990718 },
    { scores.precision[COW_BOX_LARGE], .183585787 },
    { scores.recall[COW_BOX_ALL], .203159252 },
    { scores.recall[COW_BOX_SMALL], .031851852 },
    { scores.recall[COW_BOX_MEDIUM], .220495495 },
    { scores.recall[COW_BOX_LARGE], .3 },
    { scores.curve[0], .833333333 },
    { scores.curve[25], .358448741 },
    { scores.curve[50], 0 },
  };
  for (guint i = 0; i < G_N_ELEMENTS (pairs); i++)
    g_assert_cmpfloat_with_epsilon (pairs[i][0], pairs[i][1], 1e-8);
}

/* ---- by hand --------------------------------------------------------------------------------- */

static void
test_perfect (void)
{
  const CowTrueBox truth[] = { { 0, 0, { 10, 10, 50, 50 }, 2500, FALSE },
                               { 1, 0, { 20, 10, 50, 50 }, 2500, FALSE } };
  const CowFoundBox found[] = { { 1, 0, { 20, 10, 50, 50 }, .3 },
                                { 0, 0, { 10, 10, 50, 50 }, .9 } };
  CowBoxScores scores;
  cow_box_scores (truth, 2, found, 2, &scores);
  g_assert_cmpfloat (scores.precision[COW_BOX_ALL], ==, 1);
  g_assert_cmpfloat (scores.precision[COW_BOX_MEDIUM], ==, 1);
  g_assert_true (isnan (scores.precision[COW_BOX_LARGE]));
  g_assert_cmpfloat (scores.recall[COW_BOX_ALL], ==, 1);
}

/* A box that is found twice is once too many; what is found in a crowd is not. */
static void
test_doubles (void)
{
  CowTrueBox truth[] = { { 0, 0, { 0, 0, 50, 50 }, 2500, FALSE },
                         { 0, 0, { 200, 0, 50, 50 }, 2500, FALSE } };
  const CowFoundBox found[] = { { 0, 0, { 0, 0, 50, 50 }, .9 },
                                { 0, 0, { 1, 0, 50, 50 }, .8 },
                                { 0, 0, { 200, 0, 50, 50 }, .7 } };
  CowBoxScores scores;
  cow_box_scores (truth, 2, found, 3, &scores);
  /* Precision 1 up to a recall of one half (51 of 101 places), 2/3 beyond. */
  g_assert_cmpfloat_with_epsilon (scores.precision50, (51 + 50 * 2. / 3) / 101, 1e-12);
  truth[0].crowd = TRUE;
  cow_box_scores (truth, 2, found, 3, &scores);
  g_assert_cmpfloat (scores.precision50, ==, 1);
}

static CowBoxThreshold
best_threshold (const CowTrueBox *truth, guint n_true, const CowFoundBox *found, guint n_found)
{
  g_autofree int *matched = cow_box_match (truth, n_true, found, n_found);
  g_autoptr (GArray) all = cow_box_thresholds (truth, n_true, found, n_found, matched);

  return cow_box_threshold_best (truth, n_true, all);
}

/* Two cows and a crowd; a hit, a ghost, one in the crowd, a hit, and the first cow again. */
static void
test_threshold (void)
{
  const CowTrueBox truth[] = { { 0, 0, { 0, 0, 10, 10 }, 100, FALSE },
                               { 0, 0, { 20, 0, 20, 20 }, 400, TRUE },
                               { 1, 0, { 0, 0, 10, 10 }, 100, FALSE } };
  const CowFoundBox found[] = { { 0, 0, { 1, 0, 10, 10 }, .5 },
                                { 0, 0, { 50, 50, 9, 9 }, .8 },
                                { 0, 0, { 22, 2, 5, 5 }, .7 },
                                { 1, 0, { 0, 1, 10, 10 }, .6 },
                                { 0, 0, { 0, 0, 10, 10 }, .9 } };
  const CowBoxThreshold best = best_threshold (truth, 3, found, 5);
  g_autofree int *matched = cow_box_match (truth, 3, found, 5);
  /* The surest box is the cow, and another of hers is none. */
  const int expected[] = { COW_BOX_GHOST, COW_BOX_GHOST, COW_BOX_IN_CROWD, 2, 0 };
  for (guint i = 0; i < 5; i++)
    g_assert_cmpint (matched[i], ==, expected[i]);
  g_assert_cmpfloat (best.score, ==, .6);
  g_assert_cmpuint (best.hits, ==, 2);
  g_assert_cmpuint (best.ghosts, ==, 1);
  g_assert_cmpuint (best.missed, ==, 0);
  g_assert_cmpfloat_with_epsilon (best.f1, .8, 1e-12);
  g_assert_cmpfloat_with_epsilon (best.precision, 2. / 3, 1e-12);
  const CowBoxThreshold none = best_threshold (truth, 3, NULL, 0);
  g_assert_cmpfloat (none.score, ==, 1);
  g_assert_cmpuint (none.missed, ==, 2);
  /* In another picture nothing is hit. */
  g_assert_cmpuint (best_threshold (truth, 1, found + 3, 1).hits, ==, 0);
}

static void
test_nothing (void)
{
  const CowTrueBox truth = { 0, 0, { 0, 0, 50, 50 }, 2500, FALSE };
  const CowFoundBox found = { 0, 0, { 0, 0, 50, 50 }, .9 };
  CowBoxScores scores;
  cow_box_scores (NULL, 0, NULL, 0, &scores);
  g_assert_true (isnan (scores.precision50));
  cow_box_scores (NULL, 0, &found, 1, &scores);
  g_assert_true (isnan (scores.precision50));
  cow_box_scores (&truth, 1, NULL, 0, &scores);
  g_assert_cmpfloat (scores.precision50, ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/box-scores/pycocotools", test_pycocotools);
  g_test_add_func ("/box-scores/perfect", test_perfect);
  g_test_add_func ("/box-scores/doubles", test_doubles);
  g_test_add_func ("/box-scores/nothing", test_nothing);
  g_test_add_func ("/box-scores/threshold", test_threshold);
  return g_test_run ();
}
