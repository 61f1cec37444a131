/* SPDX-License-Identifier: MIT */
/*
 * The order of the changes and how likely each is, from the cow recipes ("medium"): flip .5; rotate
 * .5; shift, scale and rotate .5; perspective .3; one of brightness and contrast, hue and
 * saturation, colour jitter .8; one of noise, blur, motion blur .3; black holes .2. "light" and
 * "heavy" differ in the angles, the scale and the strength of the colours; "frames" neither turns
 * nor tilts.
 */
#include "trainer/data/augment.h"

#include <math.h>
#include <string.h>
#include <vips/vips.h>

#include "model/training/random.h"
#include "trainer/data/pictures.h"

#define PIXEL_BYTES 64 /* of a pixel, in whatever lies between the operations */

/* How strong a level is. */
typedef struct {
  double degrees;   /* of rotations, either way */
  double zoom;      /* scale 1 +- this */
  double light;     /* brightness and contrast, +- this; the other colours in proportion (.2 is the
                     recipe's medium) */
  gboolean upright; /* neither turned nor tilted */
} AugmentStrength;

/* A picture's random numbers, one after the other. */
typedef struct {
  guint64 key, next;
} Draw;

/* ---- random numbers and steps ---------------------------------------------------------------- */

static double
draw_between (Draw *self, double least, double most)
{
  return least + (most - least) * cow_random_unit (self->key, self->next++);
}

static gboolean
draw_chance (Draw *self, double probability)
{
  return cow_random_unit (self->key, self->next++) < probability;
}

static int
draw_int (Draw *self, int least, int most)
{
  return least + (int)(cow_random_unit (self->key, self->next++) * (most - least + 1));
}

static int
augment_step (VipsImage **image, VipsImage **next, int status)
{
  if (status == 0) {
    g_object_unref (*image);
    *image = g_steal_pointer (next);
  }
  return status;
}

/* ---- geometry -------------------------------------------------------------------------------- */

/*
 * Flip, rotations, shift, scale and perspective as one map from places of the result to places of
 * the picture, so that pixels are interpolated once. Maps are homogeneous 3 x 3 matrices; what lies
 * outside the picture is black.
 */

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

static Map
draw_map (Draw *draw, const AugmentStrength *strength, double width, double height)
{
  const double degrees = strength->degrees;
  Map map = identity;

  if (draw_chance (draw, .5)) {
    const Map flip = { { { -1, 0, width - 1 }, { 0, 1, 0 }, { 0, 0, 1 } } };
    append (&map, &flip);
  }
  if (!strength->upright && draw_chance (draw, .5)) {
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
  if (!strength->upright && draw_chance (draw, .3)) {
    const Map tilt = perspective (draw, width, height);
    append (&map, &tilt);
  }
  return map;
}

static int
augment_geometry (Draw *draw, const AugmentStrength *strength, VipsImage **image)
{
  const Map map =
      draw_map (draw, strength, vips_image_get_width (*image), vips_image_get_height (*image));

  return memcmp (&map, &identity, sizeof map) == 0 ? 0 : apply (&map, image);
}

/* From places of the picture to places of the result: the adjugate, whose scale does not count. */
static Map
backwards (const Map *map)
{
  Map result;

  for (int i = 0; i < 3; i++)
    for (int j = 0; j < 3; j++) {
      const int a = (j + 1) % 3, b = (j + 2) % 3, c = (i + 1) % 3, d = (i + 2) % 3;
      result.m[i][j] = map->m[a][c] * map->m[b][d] - map->m[a][d] * map->m[b][c];
    }
  return result;
}

/* The upright box around the corners of a box. Places of the map are middles of pixels, sides of
 * boxes lie between them. */
static CowBounds
move_box (const Map *map, const CowBounds *box)
{
  double low[2] = { G_MAXDOUBLE, G_MAXDOUBLE }, high[2] = { -G_MAXDOUBLE, -G_MAXDOUBLE };

  for (int corner = 0; corner < 4; corner++) {
    const double x = box->x - .5 + (corner % 2 ? box->w : 0),
                 y = box->y - .5 + (corner / 2 ? box->h : 0),
                 z = map->m[2][0] * x + map->m[2][1] * y + map->m[2][2];
    for (int i = 0; i < 2; i++) {
      const double place = (map->m[i][0] * x + map->m[i][1] * y + map->m[i][2]) / z + .5;
      low[i] = MIN (low[i], place);
      high[i] = MAX (high[i], place);
    }
  }
  return (CowBounds){ low[0], low[1], high[0] - low[0], high[1] - low[1] };
}

/* ---- light, colour and noise ----------------------------------------------------------------- */

/* Changes of light and colour, most of them as tables of 256 values a channel; then noise and blur.
 */

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
    /* The channels keep their meaning; maplut takes it from the table. */
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

static int
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

static int
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

/* ---- all of it ------------------------------------------------------------------------------- */

static const struct {
  const char *name;
  AugmentStrength strength;
} levels[] = {
  [COW_AUGMENT_NONE] = { "none", { 0, 0, 0 } },
  [COW_AUGMENT_LIGHT] = { "light", { .degrees = 10, .zoom = .1, .light = .1 } },
  [COW_AUGMENT_MEDIUM] = { "medium", { .degrees = 15, .zoom = .2, .light = .2 } },
  [COW_AUGMENT_HEAVY] = { "heavy", { .degrees = 20, .zoom = .3, .light = .3 } },
  [COW_AUGMENT_FRAMES] = { "frames", { .zoom = .3, .light = .2, .upright = TRUE } },
};

const char *
cow_augment_name (CowAugment level)
{
  return levels[level].name;
}

gboolean
cow_augment_parse (const char *name, CowAugment *level)
{
  for (guint i = 0; i < G_N_ELEMENTS (levels); i++)
    if (g_str_equal (name, levels[i].name)) {
      *level = (CowAugment)i;
      return TRUE;
    }
  return FALSE;
}

/* 1 to 8 black rectangles of at most a tenth of the picture's sides. */
static void
punch_holes (Draw *draw, guint8 *rgb, int width, int height)
{
  const int n = draw_int (draw, 1, 8);

  for (int i = 0; i < n; i++) {
    const int w = draw_int (draw, 1, MAX (width / 10, 1)),
              h = draw_int (draw, 1, MAX (height / 10, 1));
    const int x = draw_int (draw, 0, width - w), y = draw_int (draw, 0, height - h);
    for (int row = y; row < y + h; row++)
      memset (rgb + 3 * ((gsize)row * (gsize)width + (gsize)x), 0, 3 * (gsize)w);
  }
}

static int
change (Draw *draw, const AugmentStrength *strength, guint8 *rgb, int width, int height)
{
  const gsize n_bytes = 3 * (gsize)width * (gsize)height;
  VipsImage *image = vips_image_new_from_memory (rgb, n_bytes, width, height, 3, VIPS_FORMAT_UCHAR);
  guint8 *changed = NULL;
  size_t n_changed;

  if (!image)
    return -1;
  image->Type = VIPS_INTERPRETATION_sRGB;
  if (augment_geometry (draw, strength, &image) == 0 &&
      augment_colour (draw, strength, &image) == 0 && augment_noise (draw, &image) == 0)
    changed = vips_image_write_to_memory (image, &n_changed);
  g_object_unref (image);
  if (!changed)
    return -1;
  memcpy (rgb, changed, MIN (n_bytes, n_changed));
  g_free (changed);
  if (draw_chance (draw, .2))
    punch_holes (draw, rgb, width, height);
  return 0;
}

gboolean
cow_augment_run (CowAugment level, guint64 key, guint8 *rgb, int width, int height, GError **error)
{
  Draw draw = { .key = key };

  if (level == COW_AUGMENT_NONE)
    return TRUE;
  if (!pictures_start (error) ||
      !pictures_have_memory (PIXEL_BYTES * (gsize)width * (gsize)height, "augmentation", error))
    return FALSE;
  if (change (&draw, &levels[level].strength, rgb, width, height) == 0)
    return TRUE;
  g_autofree char *text = vips_error_buffer_copy ();
  g_strdelimit (g_strstrip (text), "\n", ';');
  g_set_error (error, COW_ERROR, COW_ERROR_DEVICE, "augmentation: %s", text);
  vips_error_clear ();
  return FALSE;
}

void
cow_augment_boxes (CowAugment level, guint64 key, int width, int height, CowBounds *boxes, guint n)
{
  Draw draw = { .key = key };

  if (level == COW_AUGMENT_NONE)
    return;
  const Map map = draw_map (&draw, &levels[level].strength, width, height),
            forth = backwards (&map);
  for (guint i = 0; i < n; i++)
    boxes[i] = move_box (&forth, &boxes[i]);
}
