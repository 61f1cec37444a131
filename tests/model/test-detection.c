/* SPDX-License-Identifier: MIT */
/* Cells to boxes and back, and the loss of cells against differences of itself. */
#include <math.h>
#include <string.h>

#include "model/training/detection-loss.h"
#include "model/training/random.h"

static const CowCells cells = { .rows = 6, .columns = 10, .split = 2, .stride = 8 };

#define N_VALUES (6 * 10 * 4 * COW_CELL_VALUES)

static float *
random_values (guint64 key)
{
  float *values = g_new (float, N_VALUES);
  for (gsize i = 0; i < N_VALUES; i++)
    values[i] = (float)(2 * cow_random_normal (key, i));
  return values;
}

/* Cells that say nothing but these boxes. */
static float *
values_of (const CowBounds *boxes, guint n)
{
  float *values = g_new0 (float, N_VALUES);
  for (gsize i = 0; i < N_VALUES; i += COW_CELL_VALUES)
    values[i] = -20;
  for (guint i = 0; i < n; i++) {
    const int x = (int)((boxes[i].x + boxes[i].w / 2) / 8),
              y = (int)((boxes[i].y + boxes[i].h / 2) / 8);
    float *cell = values + cow_cells_at (&cells, x, y) * COW_CELL_VALUES;
    const float middle_x = ((float)x + .5f) * 8, middle_y = ((float)y + .5f) * 8;
    cell[COW_CELL_HEAT] = (float)(20 - i);
    cell[COW_CELL_LEFT] = logf ((middle_x - boxes[i].x) / 8);
    cell[COW_CELL_TOP] = logf ((middle_y - boxes[i].y) / 8);
    cell[COW_CELL_RIGHT] = logf ((boxes[i].x + boxes[i].w - middle_x) / 8);
    cell[COW_CELL_BOTTOM] = logf ((boxes[i].y + boxes[i].h - middle_y) / 8);
  }
  return values;
}

static void
assert_box (const CowBounds *found, const CowBounds *expected)
{
  g_assert_cmpfloat_with_epsilon (found->x, expected->x, 1e-3);
  g_assert_cmpfloat_with_epsilon (found->y, expected->y, 1e-3);
  g_assert_cmpfloat_with_epsilon (found->w, expected->w, 1e-3);
  g_assert_cmpfloat_with_epsilon (found->h, expected->h, 1e-3);
}

/* Every cell has a place of its own, token by token. */
static void
test_places (void)
{
  g_autofree guint8 *seen = g_new0 (guint8, cow_cells_n (&cells));
  for (int y = 0; y < 12; y++)
    for (int x = 0; x < 20; x++)
      g_assert_cmpuint (seen[cow_cells_at (&cells, x, y)]++, ==, 0);
  g_assert_cmpuint (cow_cells_at (&cells, 3, 1), ==, 4 + 3);
  g_assert_cmpuint (cow_cells_at (&cells, 0, 2), ==, 40);
}

static void
test_read (void)
{
  const CowBounds boxes[] = { { 10, 10, 40, 30 }, { 90, 20, 60, 50 }, { 20, 55, 20, 30 } };
  g_autofree float *values = values_of (boxes, G_N_ELEMENTS (boxes));
  g_autoptr (GArray) found = g_array_new (FALSE, FALSE, sizeof (CowDetection));
  cow_cells_read (&cells, values, .5f, .6, 100, found);
  g_assert_cmpuint (found->len, ==, G_N_ELEMENTS (boxes));
  for (guint i = 0; i < found->len; i++)
    assert_box (&g_array_index (found, CowDetection, i).box, &boxes[i]);
  cow_cells_read (&cells, values, .5f, .6, 2, found);
  g_assert_cmpuint (found->len, ==, 2);
}

/* A cell beside the hottest that says nearly the same box counts as much as it is hot; one that
 * says another box, one outside of the bell and a cold one do not. */
static void
test_read_agreed (void)
{
  const CowBounds box = { 40, 24, 64, 48 };
  g_autofree float *values = values_of (&box, 1);
  g_autoptr (GArray) found = g_array_new (FALSE, FALSE, sizeof (CowDetection));
  const float *peak = values + cow_cells_at (&cells, 9, 6) * COW_CELL_VALUES;
  float *beside = values + cow_cells_at (&cells, 10, 6) * COW_CELL_VALUES,
        *other = values + cow_cells_at (&cells, 8, 6) * COW_CELL_VALUES,
        *cold = values + cow_cells_at (&cells, 9, 5) * COW_CELL_VALUES,
        *outside = values + cow_cells_at (&cells, 12, 6) * COW_CELL_VALUES;
  for (int i = COW_CELL_LEFT; i < COW_CELL_VALUES; i++)
    beside[i] = cold[i] = outside[i] = peak[i];
  beside[COW_CELL_HEAT] = outside[COW_CELL_HEAT] = 0;
  other[COW_CELL_HEAT] = 19; /* its box is small */
  cow_cells_read (&cells, values, .9f, .6, 1, found);
  g_assert_cmpuint (found->len, ==, 1);
  assert_box (&g_array_index (found, CowDetection, 0).box,
              &(CowBounds){ 40 + 8 * .5 / 1.5, 24, 64, 48 });
}

/* A box that leaves the frame ends at its edge; what overlaps a hotter one too much goes; a plain
 * of one heat is one peak. */
static void
test_read_edges (void)
{
  const CowBounds boxes[] = { { -10, -6, 60, 40 }, { 8, 2, 60, 40 } };
  g_autofree float *values = values_of (boxes, 2), *flat = g_new0 (float, N_VALUES);
  g_autoptr (GArray) found = g_array_new (FALSE, FALSE, sizeof (CowDetection));
  cow_cells_read (&cells, values, .5f, .95, 100, found);
  g_assert_cmpuint (found->len, ==, 2);
  assert_box (&g_array_index (found, CowDetection, 0).box, &(CowBounds){ 0, 0, 50, 34 });
  cow_cells_read (&cells, values, .5f, .4, 100, found);
  g_assert_cmpuint (found->len, ==, 1);
  cow_cells_read (&cells, flat, .4f, .5, 100, found);
  g_assert_cmpuint (found->len, ==, 1);
  cow_cells_read (&cells, flat, .6f, .5, 100, found);
  g_assert_cmpuint (found->len, ==, 0);
}

/* A box beside a surer one keeps exp (-IoU² / .5) of its score, comes in that place, and goes where
 * that is too little. */
static void
test_read_crowd (void)
{
  const CowBounds boxes[] = { { 10, 20, 60, 40 }, { 34, 20, 60, 40 }, { 100, 20, 40, 40 } };
  const double iou = 36. / 84, left = exp (-iou * iou / .5);
  g_autofree float *values = values_of (boxes, 3);
  g_autoptr (GArray) found = g_array_new (FALSE, FALSE, sizeof (CowDetection));
  const CowDetection *cows;

  values[cow_cells_at (&cells, 15, 5) * COW_CELL_VALUES] = 1; /* the third's: .73 */
  cow_cells_read (&cells, values, .3f, .8, 100, found);
  cows = (const CowDetection *)(void *)found->data;
  g_assert_cmpuint (found->len, ==, 3);
  assert_box (&cows[0].box, &boxes[0]);
  assert_box (&cows[1].box, &boxes[2]);
  assert_box (&cows[2].box, &boxes[1]);
  g_assert_cmpfloat_with_epsilon ((double)cows[0].score, 1, 1e-6);
  g_assert_cmpfloat_with_epsilon ((double)cows[1].score, 1 / (1 + exp (-1)), 1e-6);
  g_assert_cmpfloat_with_epsilon ((double)cows[2].score, left, 1e-6);
  for (guint i = 0; i < 3; i++)
    g_assert_cmpuint (cows[i].row, ==, i);
  cow_cells_read (&cells, values, (float)left + .01f, .8, 100, found);
  g_assert_cmpuint (found->len, ==, 2);
}

/* ---- loss ------------------------------------------------------------------------------------ */

static double
whole (const float *values, const CowBounds *boxes, guint n)
{
  const CowDetectionLoss loss = cow_detection_loss (&cells, values, boxes, n, 1, NULL);
  return loss.heat + COW_DETECTION_SIDES_WEIGHT * loss.sides;
}

/* What says the boxes has next to no loss, and each thing that is wrong has one. */
static void
test_loss (void)
{
  const CowBounds boxes[] = { { 8, 8, 40, 32 }, { 90, 20, 60, 50 } },
                  none[] = { { 200, 20, 30, 30 }, { 10, 10, 0, 30 }, { NAN, 0, 10, 10 } };
  g_autofree float *values = values_of (boxes, 2), *nothing = values_of (boxes, 0);
  const CowDetectionLoss right = cow_detection_loss (&cells, values, boxes, 2, 1, NULL),
                         missed = cow_detection_loss (&cells, nothing, boxes, 2, 1, NULL),
                         ghosts = cow_detection_loss (&cells, values, boxes, 0, 1, NULL);
  g_assert_cmpfloat (right.heat, <, 1e-6);
  g_assert_cmpfloat (missed.heat, >, 10);
  g_assert_cmpfloat (ghosts.heat, >, 10);
  g_assert_cmpfloat (ghosts.sides, ==, 0);
  g_assert_cmpfloat (cow_detection_loss (&cells, nothing, none, 3, 1, NULL).heat, <, 1e-6);
  g_assert_cmpfloat (cow_detection_loss (&cells, values, none, 3, 1, NULL).sides, ==, 0);
  g_assert_cmpfloat (missed.sides, >, right.sides);
}

static void
test_gradients (void)
{
  const CowBounds boxes[] = {
    { 3, 5, 70, 60 }, { 30, 21, 36, 50 }, { 100, 9, 58, 40 }, { 120, 70, 60, 40 }
  };
  for (guint64 key = 0; key < 4; key++) {
    const guint n = key < 3 ? 4 : 0;
    g_autofree float *values = random_values (key), *gradients = g_new (float, N_VALUES),
                     *other = g_new (float, N_VALUES);
    values[2] = COW_CELL_MAX_LOG + 1;
    cow_detection_loss (&cells, values, boxes, n, .5, gradients);
    for (guint direction = 0; direction < 40; direction++) {
      double expected = 0, found = 0;
      for (int sign = -1; sign <= 1; sign += 2) {
        for (gsize i = 0; i < N_VALUES; i++) {
          other[i] = values[i] + (float)(sign * 1e-3 * cow_random_normal (100 + direction, i));
          expected += sign * (double)gradients[i] * other[i]; /* as it was rounded */
        }
        found += sign * whole (other, boxes, n) * .5;
      }
      g_assert_cmpfloat_with_epsilon (found, expected, 1e-5 + 3e-3 * fabs (expected));
    }
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/detection/places", test_places);
  g_test_add_func ("/detection/read", test_read);
  g_test_add_func ("/detection/read/edges", test_read_edges);
  g_test_add_func ("/detection/read/crowd", test_read_crowd);
  g_test_add_func ("/detection/read/agreed", test_read_agreed);
  g_test_add_func ("/detection/loss", test_loss);
  g_test_add_func ("/detection/gradients", test_gradients);
  return g_test_run ();
}
