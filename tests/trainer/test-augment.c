/* SPDX-License-Identifier: MIT */
/* Augmentation is the same for the same key, visible and bounded, and keeps colours
 * recognisable. */
#include <math.h>
#include <string.h>
#include <vips/vips.h>

#include "model/training/random.h"
#include "trainer/data/augment.h"
#include "trainer/data/pictures.h"

#define WIDTH  48
#define HEIGHT 40
#define N      (3 * WIDTH * HEIGHT)
#define N_KEYS 150

static const CowAugment levels[] = { COW_AUGMENT_LIGHT, COW_AUGMENT_MEDIUM, COW_AUGMENT_HEAVY,
                                     COW_AUGMENT_FRAMES };

/* A smooth picture with a bright half, so that every kind of change shows. */
static void
draw (guint8 *rgb)
{
  for (int y = 0; y < HEIGHT; y++)
    for (int x = 0; x < WIDTH; x++) {
      guint8 *pixel = rgb + 3 * (y * WIDTH + x);
      pixel[0] = (guint8)(60 + 3 * x);
      pixel[1] = (guint8)(80 + 2 * y);
      pixel[2] = x < WIDTH / 2 ? 90 : 160;
    }
}

static void
augment (CowAugment level, guint64 key, guint8 *rgb, int width, int height)
{
  g_autoptr (GError) error = NULL;
  cow_augment_run (level, key, rgb, width, height, &error);
  g_assert_no_error (error);
}

static double
mean_difference (const guint8 *a, const guint8 *b)
{
  double sum = 0;
  for (int i = 0; i < N; i++)
    sum += abs (a[i] - b[i]);
  return sum / N;
}

static void
test_none (void)
{
  guint8 before[N], after[N];

  draw (before);
  draw (after);
  augment (COW_AUGMENT_NONE, 1, after, WIDTH, HEIGHT);
  g_assert_cmpmem (before, N, after, N);
}

/* The result depends only on the key, in any thread. */
static gpointer
run_key (gpointer data)
{
  guint8 *rgb = g_malloc (N);
  draw (rgb);
  augment (COW_AUGMENT_MEDIUM, 77, rgb, WIDTH, HEIGHT);
  vips_thread_shutdown ();
  return rgb;
}

static void
test_same (void)
{
  g_autofree guint8 *first = run_key (NULL), *again = run_key (NULL);
  GThread *thread = g_thread_new ("augment", run_key, NULL);
  g_autofree guint8 *elsewhere = g_thread_join (thread);

  g_assert_cmpmem (first, N, again, N);
  g_assert_cmpmem (first, N, elsewhere, N);
}

/* Most keys change the picture, each differently, and no change destroys it. */
static void
test_changes (gconstpointer data)
{
  const CowAugment level = levels[GPOINTER_TO_UINT (data)];
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  guint8 before[N], after[N];
  guint n_changed = 0;

  draw (before);
  for (guint64 key = 0; key < N_KEYS; key++) {
    guint n_black = 0;
    memcpy (after, before, N);
    augment (level, cow_random_key (5, key), after, WIDTH, HEIGHT);
    const double difference = mean_difference (before, after);
    n_changed += difference > 2;
    g_assert_cmpfloat (difference, <, 110);
    for (int i = 0; i < N; i += 3)
      n_black += after[i] + after[i + 1] + after[i + 2] < 10;
    g_assert_cmpuint (n_black, <, N / 3 * 2 / 3);
    g_hash_table_add (seen, g_compute_checksum_for_data (G_CHECKSUM_MD5, after, N));
  }
  g_assert_cmpuint (n_changed, >, N_KEYS * 8 / 10);
  g_assert_cmpuint (g_hash_table_size (seen), >, N_KEYS * 9 / 10);
}

static void
test_strength (void)
{
  double sums[G_N_ELEMENTS (levels)] = { 0 };
  guint8 before[N], after[N];

  draw (before);
  for (guint i = 0; i < G_N_ELEMENTS (levels); i++)
    for (guint64 key = 0; key < N_KEYS; key++) {
      memcpy (after, before, N);
      augment (levels[i], cow_random_key (9, key), after, WIDTH, HEIGHT);
      sums[i] += mean_difference (before, after);
    }
  g_assert_cmpfloat (sums[0], <, sums[1]);
  g_assert_cmpfloat (sums[1], <, sums[2]);
}

/* Grey stays nearly grey: a change of hue has no effect on it, and saturation is raised only a
 * little. */
static void
test_grey (gconstpointer data)
{
  guint8 rgb[N];

  for (guint64 key = 0; key < N_KEYS; key++) {
    double spread = 0;
    memset (rgb, 140, N);
    augment (levels[GPOINTER_TO_UINT (data)], cow_random_key (3, key), rgb, WIDTH, HEIGHT);
    for (int i = 0; i < N; i += 3)
      spread +=
          MAX (MAX (rgb[i], rgb[i + 1]), rgb[i + 2]) - MIN (MIN (rgb[i], rgb[i + 1]), rgb[i + 2]);
    g_assert_cmpfloat (spread / (N / 3), <, 45);
  }
}

/* Half of all pictures are mirrored. */
static void
test_flip (void)
{
  guint8 rgb[N];
  guint n_flipped = 0, n = 0;

  for (guint64 key = 0; key < 400; key++) {
    double left = 0, right = 0;
    for (int i = 0; i < N / 3; i++)
      memset (rgb + 3 * i, i % WIDTH < WIDTH / 2 ? 60 : 180, 3);
    augment (COW_AUGMENT_LIGHT, cow_random_key (11, key), rgb, WIDTH, HEIGHT);
    for (int i = 0; i < N; i++)
      *(i / 3 % WIDTH < WIDTH / 2 ? &left : &right) += rgb[i];
    n++;
    n_flipped += left > right;
  }
  g_assert_cmpuint (n_flipped, >, n * 2 / 5);
  g_assert_cmpuint (n_flipped, <, n * 3 / 5);
}

/* Any size works, down to one pixel. */
static void
test_sizes (void)
{
  static const int sizes[][2] = { { 1, 1 }, { 1, 7 }, { 9, 2 }, { 33, 17 } };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    for (guint64 key = 0; key < 40; key++) {
      const gsize n = 3 * (gsize)sizes[i][0] * (gsize)sizes[i][1];
      g_autofree guint8 *rgb = g_malloc (n);
      memset (rgb, 100, n);
      augment (COW_AUGMENT_HEAVY, cow_random_key (13, key), rgb, sizes[i][0], sizes[i][1]);
    }
}

/* ---- boxes ----------------------------------------------------------------------------------- */

enum { FRAME_W = 160, FRAME_H = 96 };

/* The box around what is brighter than half. */
static CowBounds
bright (const guint8 *rgb)
{
  int x0 = FRAME_W, y0 = FRAME_H, x1 = 0, y1 = 0;
  for (int y = 0; y < FRAME_H; y++)
    for (int x = 0; x < FRAME_W; x++)
      if (rgb[3 * (y * FRAME_W + x) + 1] > 128) {
        x0 = MIN (x0, x);
        y0 = MIN (y0, y);
        x1 = MAX (x1, x + 1);
        y1 = MAX (y1, y + 1);
      }
  return (CowBounds){ x0, y0, MAX (x1 - x0, 0), MAX (y1 - y0, 0) };
}

/* A box goes where its pixels go, but for what a hole hides and blur smears. */
static void
test_boxes (gconstpointer data)
{
  const CowAugment level = (CowAugment)GPOINTER_TO_INT (data);
  const CowBounds box = { 56, 34, 50, 30 };
  guint n_good = 0, n_moved = 0;

  for (guint64 key = 0; key < N_KEYS; key++) {
    g_autofree guint8 *rgb = g_malloc (3 * FRAME_W * FRAME_H);
    CowBounds moved = box;
    memset (rgb, 10, 3 * FRAME_W * FRAME_H);
    for (int y = 34; y < 64; y++)
      memset (rgb + 3 * (y * FRAME_W + 56), 245, 3 * 50);
    augment (level, key, rgb, FRAME_W, FRAME_H);
    cow_augment_boxes (level, key, FRAME_W, FRAME_H, &moved, 1);
    const CowBounds seen = bright (rgb);
    n_good += cow_bounds_iou (&moved, &seen) > .88;
    n_moved += cow_bounds_iou (&moved, &box) < .95;
  }
  g_test_message ("%u good, %u moved", n_good, n_moved);
  g_assert_cmpuint (n_good, >, N_KEYS * 9 / 10);
  g_assert_cmpuint (n_moved, >, N_KEYS / 3);
}

/* A whole frame's box neither turns nor tilts: its sides stay in proportion. */
static void
test_upright (void)
{
  for (guint64 key = 0; key < N_KEYS; key++) {
    CowBounds box = { 20, 30, 40, 20 };
    cow_augment_boxes (COW_AUGMENT_FRAMES, key, FRAME_W, FRAME_H, &box, 1);
    g_assert_cmpfloat_with_epsilon (box.w, 2 * box.h, 1e-9);
  }
}

static void
test_names (void)
{
  CowAugment level;

  for (CowAugment i = COW_AUGMENT_NONE; i <= COW_AUGMENT_FRAMES; i++) {
    g_assert_true (cow_augment_parse (cow_augment_name (i), &level));
    g_assert_cmpint (level, ==, i);
  }
  g_assert_false (cow_augment_parse ("strong", &level));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/augment/none", test_none);
  g_test_add_func ("/augment/same", test_same);
  for (guint i = 0; i < G_N_ELEMENTS (levels); i++) {
    g_autofree char *changes =
        g_strdup_printf ("/augment/changes/%s", cow_augment_name (levels[i]));
    g_autofree char *grey = g_strdup_printf ("/augment/grey/%s", cow_augment_name (levels[i]));
    g_test_add_data_func (changes, GUINT_TO_POINTER (i), test_changes);
    g_autofree char *boxes = g_strdup_printf ("/augment/boxes/%s", cow_augment_name (levels[i]));
    g_test_add_data_func (grey, GUINT_TO_POINTER (i), test_grey);
    g_test_add_data_func (boxes, GINT_TO_POINTER (levels[i]), test_boxes);
  }
  g_test_add_func ("/augment/upright", test_upright);
  g_test_add_func ("/augment/strength", test_strength);
  g_test_add_func ("/augment/flip", test_flip);
  g_test_add_func ("/augment/sizes", test_sizes);
  g_test_add_func ("/augment/names", test_names);
  return g_test_run ();
}
