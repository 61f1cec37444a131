/* SPDX-License-Identifier: MIT */
/* Where the boxes of a frame lie in what the network is shown of it. */
#include "model/network/frame-fit.h"
#include "trainer/data/frame-places.h"

static const CowFrameBox boxes[] = {
  { .place = { 20, 10, 40, 20 } },
  { .place = { 0, 0, 200, 100 }, .crowd = TRUE },
  { .place = { 180, 60, 20, 40 } },
};
static const CowFrame frame = { .width = 200, .height = 100, .n_boxes = G_N_ELEMENTS (boxes) };

static const CowPreprocess whole = { .width = 100, .height = 50 },
                           stretched = { .width = 100, .height = 75 },
                           boxed = { .width = 100, .height = 75, .fit = COW_LETTERBOX };

static CowFrames
make_frames (void)
{
  CowFrames frames = { .boxes = g_array_new (FALSE, FALSE, sizeof (CowFrameBox)) };
  g_array_append_vals (frames.boxes, boxes, G_N_ELEMENTS (boxes));
  return frames;
}

static void
assert_place (const CowBounds *place, double x, double y, double w, double h)
{
  g_assert_cmpfloat_with_epsilon (place->x, x, 1e-9);
  g_assert_cmpfloat_with_epsilon (place->y, y, 1e-9);
  g_assert_cmpfloat_with_epsilon (place->w, w, 1e-9);
  g_assert_cmpfloat_with_epsilon (place->h, h, 1e-9);
}

/* As it is: the picture's sides are stretched, and crowds are not learnt. */
static void
test_plain (void)
{
  const CowFrames frames = make_frames ();
  const CowLoadItem item = { .key = 5 };
  g_autoptr (GArray) places = g_array_new (FALSE, FALSE, sizeof (CowBounds));

  cow_frame_places (&frames, &frame, &item, COW_AUGMENT_FRAMES, &stretched, places, NULL);
  g_assert_cmpuint (places->len, ==, 2);
  assert_place (&g_array_index (places, CowBounds, 0), 10, 7.5, 20, 15);
  assert_place (&g_array_index (places, CowBounds, 1), 90, 45, 10, 30);
  CowBounds back = g_array_index (places, CowBounds, 1);
  g_assert_true (cow_frame_fit_back (&stretched, frame.width, frame.height, &back));
  assert_place (&back, 180, 60, 20, 40);
  g_array_unref (frames.boxes);
}

/* The picture keeps its shape, 100 x 50 from line 12 on. */
static void
test_letterbox (void)
{
  const CowFrames frames = make_frames ();
  const CowLoadItem item = { .key = 5 };
  g_autoptr (GArray) places = g_array_new (FALSE, FALSE, sizeof (CowBounds));
  CowBounds grey = { 10, 0, 20, 11 };

  cow_frame_places (&frames, &frame, &item, COW_AUGMENT_FRAMES, &boxed, places, NULL);
  g_assert_cmpuint (places->len, ==, 2);
  assert_place (&g_array_index (places, CowBounds, 0), 10, 17, 20, 10);
  assert_place (&g_array_index (places, CowBounds, 1), 90, 42, 10, 20);
  CowBounds back = g_array_index (places, CowBounds, 1);
  g_assert_true (cow_frame_fit_back (&boxed, frame.width, frame.height, &back));
  assert_place (&back, 180, 60, 20, 40);
  g_assert_false (cow_frame_fit_back (&boxed, frame.width, frame.height, &grey));
  g_array_unref (frames.boxes);
}

/* Augmented: boxes are cut at the edges, and those of which little is left are not learnt. */
static void
test_augmented (void)
{
  const CowFrames frames = make_frames ();
  g_autoptr (GArray) places = g_array_new (FALSE, FALSE, sizeof (CowBounds));
  guint n_lost = 0, n_cut = 0;

  for (guint64 key = 0; key < 200; key++) {
    const CowLoadItem item = { .copy = 1, .key = key };
    CowBounds moved[] = { { 10, 5, 20, 10 }, { 90, 30, 10, 20 } };
    cow_augment_boxes (COW_AUGMENT_FRAMES, key, 100, 50, moved, 2);
    cow_frame_places (&frames, &frame, &item, COW_AUGMENT_FRAMES, &whole, places, NULL);
    n_lost += 2 - places->len;
    for (guint i = 0; i < places->len; i++) {
      const CowBounds *place = &g_array_index (places, CowBounds, i);
      const double shared =
          MAX (cow_bounds_shared (place, &moved[0]), cow_bounds_shared (place, &moved[1]));
      g_assert_cmpfloat (place->x, >=, 0);
      g_assert_cmpfloat (place->y, >=, 0);
      g_assert_cmpfloat (place->x + place->w, <=, 100 + 1e-9);
      g_assert_cmpfloat (place->y + place->h, <=, 50 + 1e-9);
      g_assert_cmpfloat_with_epsilon (shared, place->w * place->h, 1e-6);
      n_cut += place->w * place->h < .99 * moved[i].w * moved[i].h;
    }
  }
  g_assert_cmpuint (n_lost, >, 10);
  g_assert_cmpuint (n_lost, <, 200);
  g_assert_cmpuint (n_cut, >, 10);
  g_array_unref (frames.boxes);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/frame-places/plain", test_plain);
  g_test_add_func ("/frame-places/letterbox", test_letterbox);
  g_test_add_func ("/frame-places/augmented", test_augmented);
  return g_test_run ();
}
