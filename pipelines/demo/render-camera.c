/* SPDX-License-Identifier: MIT */
#include "pipelines/demo/render-camera.h"

#include <math.h>

RenderCamera
render_camera (guint64 key, RenderLight light)
{
  RenderDice dice = render_dice (key, 0);
  const gboolean night = light == RENDER_NIGHT;

  return (RenderCamera){
    .light = light,
    .exposure = night ? render_between (&dice, 0.8, 1.15) : render_between (&dice, 0.78, 1.18),
    .warmth =
        light == RENDER_DUSK ? render_between (&dice, 0.6, 1) : render_between (&dice, -0.4, 0.4),
    .lens = render_between (&dice, 0, 0.07),
    .vignette = night ? render_between (&dice, 0.35, 0.8) : render_between (&dice, 0, 0.3),
    .blur = render_between (&dice, 0, 0.9),
    .noise = night ? render_between (&dice, 3, 11) : render_between (&dice, 0.5, 6),
    .coding = render_between (&dice, 0, 22),
  };
}

/* Interpolates between four pixels. */
static double
between_pixels (const guint8 *at, gsize stride, double across, double down)
{
  const double top = at[0] + (at[4] - at[0]) * across,
               bottom = at[stride] + (at[stride + 4] - at[stride]) * across;

  return top + (bottom - top) * down;
}

/* Applies barrel distortion. The corners stay where they are, so that nothing from outside the
 * picture is needed. */
static void
bend (guint8 *pixels, gsize stride, int width, int height, double lens)
{
  g_autofree guint8 *copy = g_memdup2 (pixels, stride * (gsize)height);

  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++) {
      const double u = 2.0 * x / (width - 1) - 1, v = 2.0 * y / (height - 1) - 1,
                   factor = 1 + lens * (u * u + v * v - 2);
      const double from_x = (u * factor + 1) / 2 * (width - 1),
                   from_y = (v * factor + 1) / 2 * (height - 1);
      const int left = CLAMP ((int)from_x, 0, width - 2), top = CLAMP ((int)from_y, 0, height - 2);
      const guint8 *at = copy + (gsize)top * stride + (gsize)left * 4;

      for (int channel = 0; channel < 3; channel++)
        pixels[(gsize)y * stride + (gsize)x * 4 + (gsize)channel] =
            (guint8)(between_pixels (at + channel, stride, from_x - left, from_y - top) + 0.5);
    }
}

/* Blurs one row or column of one channel with a box of 2 radius + 1, whose outermost pixels count
 * in part. */
static void
blur_line (guint8 *line, gsize stride, int n, double radius, guint8 *copy)
{
  const int whole = (int)radius;
  const double part = radius - whole, total = 1 + 2 * radius;

  for (int i = 0; i < n; i++)
    copy[i] = line[(gsize)i * stride];
  for (int i = 0; i < n; i++) {
    double sum = part * (copy[MAX (i - whole - 1, 0)] + copy[MIN (i + whole + 1, n - 1)]);
    for (int j = -whole; j <= whole; j++)
      sum += copy[CLAMP (i + j, 0, n - 1)];
    line[(gsize)i * stride] = (guint8)(sum / total + 0.5);
  }
}

static void
blur (guint8 *pixels, gsize stride, int width, int height, double radius)
{
  g_autofree guint8 *copy = g_malloc ((gsize)MAX (width, height));

  for (int channel = 0; channel < 3; channel++) {
    for (int y = 0; y < height; y++)
      blur_line (pixels + (gsize)y * stride + channel, 4, width, radius, copy);
    for (int x = 0; x < width; x++)
      blur_line (pixels + (gsize)x * 4 + channel, stride, height, radius, copy);
  }
}

/* Applies the colour of the light and dark corners. Night pictures become grey as infrared cameras
 * see it: low contrast, and brightest in the middle, where the lamp points. */
static void
tone (const RenderCamera *self, double rgb[3], double off_centre)
{
  const double light =
      self->exposure * (1 - self->vignette * off_centre) * (self->light == RENDER_DUSK ? 0.84 : 1);

  if (self->light == RENDER_NIGHT) {
    const double grey = 0.45 * rgb[0] + 0.35 * rgb[1] + 0.2 * rgb[2];
    rgb[0] = rgb[1] = rgb[2] = 0.06 * 255 + 0.9 * grey * light;
    return;
  }
  rgb[0] *= light * (1 + 0.14 * self->warmth);
  rgb[1] *= light * (1 - 0.02 * self->warmth);
  rgb[2] *= light * (1 - 0.18 * self->warmth);
}

/* Returns a number that is close to normally distributed: the sum of four uniform numbers, all from
 * one hash. */
static double
noise (guint64 key, guint64 index)
{
  const guint64 bits = cow_random_key (key, index);
  const double sum = (double)(bits & 0xffff) + (double)(bits >> 16 & 0xffff) +
                     (double)(bits >> 32 & 0xffff) + (double)(bits >> 48);

  return (sum / 65535 - 2) * 1.7320508;
}

static void
expose (const RenderCamera *self, guint8 *pixels, gsize stride, int width, int height, guint64 key)
{
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++) {
      guint8 *pixel = pixels + (gsize)y * stride + (gsize)x * 4;
      const double u = 2.0 * x / width - 1, v = 2.0 * y / height - 1;
      double rgb[3] = { pixel[2], pixel[1], pixel[0] };

      tone (self, rgb, (u * u + v * v) / 2);
      const double grain = self->noise * noise (key, (guint64)y * (guint64)width + (guint64)x);
      for (int channel = 0; channel < 3; channel++)
        pixel[2 - channel] = (guint8)CLAMP (rgb[channel] + grain + 0.5, 0, 255);
    }
}

void
render_camera_apply (const RenderCamera *self, cairo_surface_t *surface, guint64 key)
{
  cairo_surface_flush (surface);
  guint8 *pixels = cairo_image_surface_get_data (surface);
  const gsize stride = (gsize)cairo_image_surface_get_stride (surface);
  const int width = cairo_image_surface_get_width (surface),
            height = cairo_image_surface_get_height (surface);

  if (self->lens > 0)
    bend (pixels, stride, width, height, self->lens);
  if (self->blur > 0)
    blur (pixels, stride, width, height, self->blur);
  expose (self, pixels, stride, width, height, key);
  cairo_surface_mark_dirty (surface);
  if (self->coding > 0)
    render_camera_code (surface, self->coding);
}
