/* SPDX-License-Identifier: MIT */
/* Changes of light and colour, most of them as tables of 256 values a channel; then noise and blur.
 */
#include <math.h>
#include <string.h>

#include "trainer/data/augment-private.h"

typedef struct {
  guint8 value[256][3]; /* of each byte in each of three channels */
} Table;

static guint8
to_byte (double value)
{
  return (guint8)lrint (CLAMP (value, 0, 255));
}

static int
apply_table (const Table *table, VipsImage **image)
{
  VipsImage *next = NULL, *lut = vips_image_new_from_memory (table->value, sizeof table->value, 256,
                                                             1, 3, VIPS_FORMAT_UCHAR);
  int status = lut ? vips_maplut (*image, &next, lut, NULL) : -1;

  /* maplut computes when pixels are asked for, but the table is on the caller's stack: pixels are
   * asked for here. */
  if (status == 0) {
    VipsImage *memory = vips_image_copy_memory (next);
    /* What the channels mean stays what it was; maplut takes that from the table. */
    if (memory)
      memory->Type = (*image)->Type;
    status = memory ? augment_step (image, &memory, 0) : -1;
    g_object_unref (next);
  }
  g_clear_object (&lut);
  return status;
}

/* gain * value + offset in all channels. */
static int
apply_line (double gain, double offset, VipsImage **image)
{
  Table table;

  for (int i = 0; i < 256; i++)
    memset (table.value[i], to_byte (gain * i + offset), 3);
  return apply_table (&table, image);
}

/* Turns the hue (in turns of the circle) and adds to saturation and value (of 255). */
static int
shift_hsv (double hue, double saturation, double value, VipsImage **image)
{
  VipsImage *next = NULL;
  Table table;

  if (augment_step (image, &next,
                    vips_colourspace (*image, &next, VIPS_INTERPRETATION_HSV, NULL)) != 0)
    return -1;
  for (int i = 0; i < 256; i++) {
    table.value[i][0] = (guint8)((int)lrint (i + 256 * hue + 256) & 255);
    table.value[i][1] = to_byte (i + saturation);
    table.value[i][2] = to_byte (i + value);
  }
  if (apply_table (&table, image) != 0)
    return -1;
  return augment_step (image, &next,
                       vips_colourspace (*image, &next, VIPS_INTERPRETATION_sRGB, NULL));
}

/* Contrast about the mean brightness of the whole picture. */
static int
change_contrast (double gain, VipsImage **image)
{
  VipsImage *grey = NULL;
  double mean;

  if (vips_colourspace (*image, &grey, VIPS_INTERPRETATION_B_W, NULL) != 0)
    return -1;
  const int status = vips_avg (grey, &mean, NULL);
  g_object_unref (grey);
  return status != 0 ? -1 : apply_line (gain, (1 - gain) * mean, image);
}

/* Mixes with, or moves away from, the grey picture (BT.601). */
static int
change_saturation (double gain, VipsImage **image)
{
  static const double luma[3] = { .299, .587, .114 };
  double matrix[9];
  VipsImage *next = NULL;

  for (int i = 0; i < 9; i++)
    matrix[i] = (1 - gain) * luma[i % 3] + (i % 4 == 0 ? gain : 0);
  VipsImage *recombination = vips_image_new_matrix_from_array (3, 3, matrix, 9);
  int status = recombination
                   ? augment_step (image, &next, vips_recomb (*image, &next, recombination, NULL))
                   : -1;
  g_clear_object (&recombination);
  if (status == 0)
    status = augment_step (image, &next, vips_rint (*image, &next, NULL));
  if (status == 0)
    status = augment_step (image, &next, vips_cast_uchar (*image, &next, NULL));
  return status;
}

/* Brightness, contrast, saturation and hue, in a random order. */
static int
jitter (Draw *draw, double light, VipsImage **image)
{
  int order[4] = { 0, 1, 2, 3 }, status = 0;
  double gain[3];

  for (int i = 0; i < 3; i++)
    gain[i] = draw_between (draw, 1 - light, 1 + light);
  const double hue = draw_between (draw, -light / 2, light / 2);
  for (int i = 3; i > 0; i--) {
    const int other = draw_int (draw, 0, i), kept = order[i];
    order[i] = order[other];
    order[other] = kept;
  }
  for (int i = 0; i < 4 && status == 0; i++)
    status = order[i] == 0   ? apply_line (gain[0], 0, image)
             : order[i] == 1 ? change_contrast (gain[1], image)
             : order[i] == 2 ? change_saturation (gain[2], image)
                             : shift_hsv (hue, 0, 0, image);
  return status;
}

int
augment_colour (Draw *draw, const AugmentStrength *strength, VipsImage **image)
{
  const double light = strength->light, part = light / .2;

  if (!draw_chance (draw, .8))
    return 0;
  switch (draw_int (draw, 0, 2)) {
  case 0: {
    const double contrast = draw_between (draw, 1 - light, 1 + light);
    return apply_line (contrast, 255 * draw_between (draw, -light, light), image);
  }
  case 1: {
    /* Hue 10 in OpenCV's unit, of which 180 make the circle. */
    const double hue = part * draw_between (draw, -10, 10) / 180,
                 saturation = part * draw_between (draw, -20, 20);
    return shift_hsv (hue, saturation, part * draw_between (draw, -20, 20), image);
  }
  default:
    return jitter (draw, light, image);
  }
}

/* ---- noise and blur -------------------------------------------------------------------------- */

/* Gaussian noise of one variance for all channels, each pixel and channel by itself. */
static int
add_noise (Draw *draw, VipsImage **image)
{
  const int width = vips_image_get_width (*image), height = vips_image_get_height (*image);
  const double sigma = sqrt (draw_between (draw, 10, 50));
  VipsImage *flat = NULL, *noise = NULL, *next = NULL;

  int status = vips_gaussnoise (&flat, 3 * width, height, "sigma", sigma, "mean", 0.0, "seed",
                                draw_int (draw, 0, G_MAXINT - 1), NULL);
  if (status == 0)
    status = vips_bandfold (flat, &noise, "factor", 3, NULL);
  if (status == 0)
    status = augment_step (image, &next, vips_add (*image, noise, &next, NULL));
  g_clear_object (&flat);
  g_clear_object (&noise);
  if (status == 0)
    status = augment_step (image, &next, vips_rint (*image, &next, NULL));
  return status != 0 ? -1 : augment_step (image, &next, vips_cast_uchar (*image, &next, NULL));
}

/* Convolves with a mask of whole numbers [size, size]; the edge is repeated outside. */
static int
convolve (const double *mask, int size, VipsImage **image)
{
  VipsImage *next = NULL,
            *matrix = vips_image_new_matrix_from_array (size, size, mask, size * size);
  double sum = 0;

  if (!matrix)
    return -1;
  for (int i = 0; i < size * size; i++)
    sum += mask[i];
  vips_image_set_double (matrix, "scale", sum);
  const int status = vips_conv (*image, &next, matrix, "precision", VIPS_PRECISION_INTEGER, NULL);
  g_object_unref (matrix);
  return augment_step (image, &next, status);
}

/* OpenCV's sigma for a mask of 3 or 5. */
static int
blur (Draw *draw, VipsImage **image)
{
  const int size = draw_chance (draw, .5) ? 3 : 5, middle = size / 2;
  const double sigma = .3 * ((size - 1) * .5 - 1) + .8;
  double mask[25];

  for (int i = 0; i < size * size; i++) {
    const int x = i % size - middle, y = i / size - middle;
    mask[i] = rint (64 * exp (-(x * x + y * y) / (2 * sigma * sigma)));
  }
  return convolve (mask, size, image);
}

/* A line through the middle of a mask of 3 or 5, at any angle. */
static int
motion_blur (Draw *draw, VipsImage **image)
{
  const int size = draw_chance (draw, .5) ? 3 : 5, middle = size / 2;
  const double angle = draw_between (draw, 0, G_PI),
               longest = MAX (fabs (cos (angle)), fabs (sin (angle)));
  double mask[25] = { 0 };

  for (int i = -middle; i <= middle; i++) {
    const int x = (int)lrint (i * cos (angle) / longest),
              y = (int)lrint (i * sin (angle) / longest);
    mask[(y + middle) * size + x + middle] = 1;
  }
  return convolve (mask, size, image);
}

int
augment_noise (Draw *draw, VipsImage **image)
{
  if (!draw_chance (draw, .3))
    return 0;
  switch (draw_int (draw, 0, 2)) {
  case 0:
    return add_noise (draw, image);
  case 1:
    return blur (draw, image);
  default:
    return motion_blur (draw, image);
  }
}
