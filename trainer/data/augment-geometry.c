/* SPDX-License-Identifier: MIT */
/*
 * Flip, rotations, shift, scale and perspective as one map from places of the result to places of
 * the picture, so that pixels are interpolated once. Maps are homogeneous 3 x 3 matrices; what lies
 * outside the picture is black.
 */
#include <math.h>
#include <string.h>

#include "trainer/data/augment-private.h"

typedef struct {
  double m[3][3];
} Map;

static const Map identity = { { { 1, 0, 0 }, { 0, 1, 0 }, { 0, 0, 1 } } };

/* first becomes: first go `then`, then what first did; a change made later to the picture is nearer
 * to the result's places. */
static void
append (Map *first, const Map *then)
{
  Map product = { 0 };

  for (int i = 0; i < 3; i++)
    for (int j = 0; j < 3; j++)
      for (int k = 0; k < 3; k++)
        product.m[i][j] += first->m[i][k] * then->m[k][j];
  *first = product;
}

/* Where the pixels come from of a picture turned by `degrees` and magnified by `scale` about its
 * centre, then moved. */
static Map
similarity (double width, double height, double degrees, double scale, double shift_x,
            double shift_y)
{
  const double c = cos (degrees * G_PI / 180) / scale, s = sin (degrees * G_PI / 180) / scale;
  const double x = (width - 1) / 2, y = (height - 1) / 2, dx = x + shift_x, dy = y + shift_y;

  return (Map){ { { c, s, x - c * dx - s * dy }, { -s, c, y + s * dx - c * dy }, { 0, 0, 1 } } };
}

/* The map that takes the corners (0, 0), (1, 0), (1, 1), (0, 1) to four others (Heckbert, 1989). */
static Map
square_to_quad (const double x[4], const double y[4])
{
  const double dx1 = x[1] - x[2], dx2 = x[3] - x[2], dx3 = x[0] - x[1] + x[2] - x[3];
  const double dy1 = y[1] - y[2], dy2 = y[3] - y[2], dy3 = y[0] - y[1] + y[2] - y[3];
  const double area = dx1 * dy2 - dx2 * dy1;
  const double g = (dx3 * dy2 - dx2 * dy3) / area, h = (dx1 * dy3 - dx3 * dy1) / area;

  return (Map){ { { x[1] - x[0] + g * x[1], x[3] - x[0] + h * x[3], x[0] },
                  { y[1] - y[0] + g * y[1], y[3] - y[0] + h * y[3], y[0] },
                  { g, h, 1 } } };
}

/* A number of albumentations' Perspective: how far a corner moves inwards, as a part of the side.
 */
static double
draw_corner (Draw *draw, double scale)
{
  const double u = 1 - draw_between (draw, 0, 1), v = draw_between (draw, 0, 1);
  return fmod (fabs (scale * sqrt (-2 * log (u)) * cos (2 * G_PI * v)), .32);
}

/* The picture's corners move inwards, each by itself; what lies between them fills the result. */
static Map
perspective (Draw *draw, double width, double height)
{
  static const double corner_x[4] = { 0, 1, 1, 0 }, corner_y[4] = { 0, 0, 1, 1 };
  const double scale = draw_between (draw, .05, .1);
  double x[4], y[4];

  for (int i = 0; i < 4; i++) {
    x[i] = fabs (corner_x[i] - draw_corner (draw, scale)) * (width - 1);
    y[i] = fabs (corner_y[i] - draw_corner (draw, scale)) * (height - 1);
  }
  Map map = square_to_quad (x, y);
  const Map to_unit = {
    { { 1 / MAX (width - 1, 1), 0, 0 }, { 0, 1 / MAX (height - 1, 1), 0 }, { 0, 0, 1 } }
  };
  append (&map, &to_unit);
  return map;
}

static int
apply (const Map *map, VipsImage **image)
{
  const int width = vips_image_get_width (*image), height = vips_image_get_height (*image);
  VipsImage *places = vips_image_new_memory (), *next = NULL;
  g_autofree float *line = g_new (float, 2 * (gsize)width);

  vips_image_init_fields (places, width, height, 2, VIPS_FORMAT_FLOAT, VIPS_CODING_NONE,
                          VIPS_INTERPRETATION_MULTIBAND, 1, 1);
  int status = 0;
  for (int y = 0; y < height && status == 0; y++) {
    for (int x = 0; x < width; x++) {
      const double z = map->m[2][0] * x + map->m[2][1] * y + map->m[2][2];
      line[2 * x] = (float)((map->m[0][0] * x + map->m[0][1] * y + map->m[0][2]) / z);
      line[2 * x + 1] = (float)((map->m[1][0] * x + map->m[1][1] * y + map->m[1][2]) / z);
    }
    status = vips_image_write_line (places, y, (VipsPel *)line);
  }
  if (status == 0)
    status = augment_step (image, &next, vips_mapim (*image, &next, places, NULL));
  g_object_unref (places);
  return status;
}

int
augment_geometry (Draw *draw, const AugmentStrength *strength, VipsImage **image)
{
  const double width = vips_image_get_width (*image), height = vips_image_get_height (*image),
               degrees = strength->degrees;
  Map map = identity;

  if (draw_chance (draw, .5)) {
    const Map flip = { { { -1, 0, width - 1 }, { 0, 1, 0 }, { 0, 0, 1 } } };
    append (&map, &flip);
  }
  if (draw_chance (draw, .5)) {
    const Map turn = similarity (width, height, draw_between (draw, -degrees, degrees), 1, 0, 0);
    append (&map, &turn);
  }
  if (draw_chance (draw, .5)) {
    const double angle = draw_between (draw, -degrees, degrees),
                 scale = draw_between (draw, 1 - strength->zoom, 1 + strength->zoom);
    const double x = draw_between (draw, -.1, .1), y = draw_between (draw, -.1, .1);
    const Map move = similarity (width, height, angle, scale, x * width, y * height);
    append (&map, &move);
  }
  if (draw_chance (draw, .3)) {
    const Map tilt = perspective (draw, width, height);
    append (&map, &tilt);
  }
  return memcmp (&map, &identity, sizeof map) == 0 ? 0 : apply (&map, image);
}
