/* SPDX-License-Identifier: MIT */
/* The damage that a camera's coder does: 8x8 blocks are transformed by cosine (as in JPEG, ITU-T
 * T.81 A.3.3) and rounded to steps that grow with frequency. */
#include <math.h>
#include <string.h>

#include "pipelines/demo/render-camera.h"

#define SIDE 8

typedef float Block[SIDE][SIDE];

static void
make_cosines (Block cosines)
{
  for (int k = 0; k < SIDE; k++)
    for (int i = 0; i < SIDE; i++)
      cosines[k][i] =
          (float)(sqrt ((k == 0 ? 1.0 : 2.0) / SIDE) * cos (G_PI * (2 * i + 1) * k / (2 * SIDE)));
}

/* Computes out = a b, or a b with a transposed. */
static void
multiply (const Block a, const Block b, Block out, gboolean transposed)
{
  memset (out, 0, sizeof (Block));
  for (int i = 0; i < SIDE; i++)
    for (int k = 0; k < SIDE; k++) {
      const float factor = transposed ? a[k][i] : a[i][k];
      for (int j = 0; j < SIDE; j++)
        out[i][j] += factor * b[k][j];
    }
}

static void
transpose (Block block)
{
  for (int i = 0; i < SIDE; i++)
    for (int j = 0; j < i; j++) {
      const float kept = block[i][j];
      block[i][j] = block[j][i];
      block[j][i] = kept;
    }
}

static void
code_block (Block block, const Block cosines, float step)
{
  Block half, whole;

  multiply (cosines, block, half, FALSE);
  transpose (half);
  multiply (cosines, half, whole, FALSE);
  for (int i = 0; i < SIDE; i++)
    for (int j = 0; j < SIDE; j++) {
      const float size = step * (0.5F + 0.35F * (float)(i + j));
      whole[i][j] = rintf (whole[i][j] / size) * size;
    }
  multiply (cosines, whole, half, TRUE);
  transpose (half);
  multiply (cosines, half, block, TRUE);
}

/* Returns pixel (x, y); the last row and column repeat beyond the picture. */
static guint8 *
pixel_at (cairo_surface_t *surface, int x, int y)
{
  return cairo_image_surface_get_data (surface) +
         (gsize)MIN (y, cairo_image_surface_get_height (surface) - 1) *
             (gsize)cairo_image_surface_get_stride (surface) +
         (gsize)MIN (x, cairo_image_surface_get_width (surface) - 1) * 4;
}

static void
load (cairo_surface_t *surface, int left, int top, Block planes[3])
{
  for (int y = 0; y < SIDE; y++)
    for (int x = 0; x < SIDE; x++) {
      const guint8 *p = pixel_at (surface, left + x, top + y);
      const float luma = 0.299F * p[2] + 0.587F * p[1] + 0.114F * p[0];
      planes[0][y][x] = luma;
      planes[1][y][x] = p[0] - luma;
      planes[2][y][x] = p[2] - luma;
    }
}

static void
store (cairo_surface_t *surface, int left, int top, Block planes[3])
{
  const int width = cairo_image_surface_get_width (surface),
            height = cairo_image_surface_get_height (surface);

  for (int y = 0; y < SIDE && top + y < height; y++)
    for (int x = 0; x < SIDE && left + x < width; x++) {
      guint8 *p = pixel_at (surface, left + x, top + y);
      const float luma = planes[0][y][x], blue = luma + planes[1][y][x],
                  red = luma + planes[2][y][x];
      const float green = (luma - 0.299F * red - 0.114F * blue) / 0.587F;
      p[0] = (guint8)CLAMP (blue + 0.5F, 0, 255);
      p[1] = (guint8)CLAMP (green + 0.5F, 0, 255);
      p[2] = (guint8)CLAMP (red + 0.5F, 0, 255);
    }
}

void
render_camera_code (cairo_surface_t *surface, double step)
{
  Block cosines, planes[3];

  make_cosines (cosines);
  cairo_surface_flush (surface);
  for (int top = 0; top < cairo_image_surface_get_height (surface); top += SIDE)
    for (int left = 0; left < cairo_image_surface_get_width (surface); left += SIDE) {
      load (surface, left, top, planes);
      code_block (planes[0], cosines, (float)step);
      code_block (planes[1], cosines, (float)step * 2);
      code_block (planes[2], cosines, (float)step * 2);
      store (surface, left, top, planes);
    }
  cairo_surface_mark_dirty (surface);
}
