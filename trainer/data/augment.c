/* SPDX-License-Identifier: MIT */
/*
 * The order of the changes and how likely each is, from the cow recipes ("medium"): flip .5; rotate
 * .5; shift, scale and rotate .5; perspective .3 (augment-geometry.c); one of brightness and
 * contrast, hue and saturation, colour jitter .8; one of noise, blur, motion blur .3
 * (augment-colour.c); black holes .2. "light" and "heavy" differ in the angles, the scale and the
 * strength of the colours.
 */
#include "trainer/data/augment.h"

#include <string.h>

#include "model/training/random.h"
#include "trainer/data/augment-private.h"
#include "trainer/data/pictures.h"

static const struct {
  const char *name;
  AugmentStrength strength;
} levels[] = {
  [COW_AUGMENT_NONE] = { "none", { 0, 0, 0 } },
  [COW_AUGMENT_LIGHT] = { "light", { .degrees = 10, .zoom = .1, .light = .1 } },
  [COW_AUGMENT_MEDIUM] = { "medium", { .degrees = 15, .zoom = .2, .light = .2 } },
  [COW_AUGMENT_HEAVY] = { "heavy", { .degrees = 20, .zoom = .3, .light = .3 } },
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

double
draw_between (Draw *self, double least, double most)
{
  return least + (most - least) * cow_random_unit (self->key, self->next++);
}

gboolean
draw_chance (Draw *self, double probability)
{
  return cow_random_unit (self->key, self->next++) < probability;
}

int
draw_int (Draw *self, int least, int most)
{
  return least + (int)(cow_random_unit (self->key, self->next++) * (most - least + 1));
}

int
augment_step (VipsImage **image, VipsImage **next, int status)
{
  if (status == 0) {
    g_object_unref (*image);
    *image = g_steal_pointer (next);
  }
  return status;
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
  if (!pictures_start (error))
    return FALSE;
  if (change (&draw, &levels[level].strength, rgb, width, height) == 0)
    return TRUE;
  g_autofree char *text = vips_error_buffer_copy ();
  g_strdelimit (g_strstrip (text), "\n", ';');
  g_set_error (error, COW_ERROR, COW_ERROR_DEVICE, "augmentation: %s", text);
  vips_error_clear ();
  return FALSE;
}
