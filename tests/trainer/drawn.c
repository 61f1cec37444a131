/* SPDX-License-Identifier: MIT */
#include "tests/trainer/drawn.h"

#include <glib/gstdio.h>
#include <vips/vips.h>

#include "model/files/error.h"
#include "pipelines/demo/formula-folder.h"
#include "trainer/data/dataset-open.h"
#include "trainer/data/pictures.h"

const char *const drawn_classes[] = { "Lying", "Standing", "Walking", NULL };
static const char *const names[] = { "lying", "standing", "walking" };

/* Whether a place belongs to the class's figure: horizontal stripes, vertical stripes, a disc. */
static gboolean
is_figure (guint label, int x, int y, int width, int height, int shift)
{
  const double dx = (x + .5 - width / 2. - shift / 4.) / width,
               dy = (y + .5 - height / 2.) / height;

  switch (label) {
  case 0:
    return (y + shift) * 8 / height % 2 == 0;
  case 1:
    return (x + shift) * 8 / width % 2 == 0;
  default:
    return dx * dx + dy * dy < .12;
  }
}

void
drawn_picture (const char *path, guint label, guint seed, int width, int height)
{
  static const int colours[DRAWN_N_CLASSES][3] = { { 200, 90, 60 },
                                                   { 70, 110, 210 },
                                                   { 90, 190, 80 } };
  g_autoptr (GRand) random = g_rand_new_with_seed (seed * DRAWN_N_CLASSES + label);
  g_autofree guint8 *rgb = g_malloc ((gsize)width * (gsize)height * 3);
  const int shift = g_rand_int_range (random, 0, MAX (width / 8, 1)),
            light = g_rand_int_range (random, -25, 26);
  g_autoptr (GError) error = NULL;

  pictures_start (&error);
  g_assert_no_error (error);
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++)
      for (int c = 0; c < 3; c++) {
        const int value = is_figure (label, x, y, width, height, shift) ? colours[label][c] : 40;
        rgb[3 * (y * width + x) + c] =
            (guint8)CLAMP (value + light + g_rand_int_range (random, -12, 13), 0, 255);
      }
  VipsImage *image = vips_image_new_from_memory (rgb, (gsize)width * (gsize)height * 3, width,
                                                 height, 3, VIPS_FORMAT_UCHAR);
  g_assert_nonnull (image);
  image->Type = VIPS_INTERPRETATION_sRGB;
  g_assert_cmpint (vips_image_write_to_file (image, path, NULL), ==, 0);
  g_object_unref (image);
}

void
drawn_classes_folder (const char *folder, guint n, guint first, int side)
{
  for (guint label = 0; label < DRAWN_N_CLASSES; label++) {
    g_autofree char *place = g_build_filename (folder, drawn_classes[label], NULL);
    g_assert_cmpint (g_mkdir_with_parents (place, 0755), ==, 0);
    for (guint i = first; i < first + n; i++) {
      g_autofree char *path = g_strdup_printf ("%s/%s_%03u.png", place, names[label], i);
      drawn_picture (path, label, i, side, side);
    }
  }
}

void
drawn_data (const char *folder, guint n_train, guint n_val, guint n_test, int side)
{
  static const char *const splits[] = { "train", "val", "test" };
  const guint n[] = { n_train, n_val, n_test };

  for (guint i = 0, first = 0; i < G_N_ELEMENTS (splits); first += n[i++]) {
    g_autofree char *place = g_build_filename (folder, splits[i], NULL);
    if (n[i] > 0)
      drawn_classes_folder (place, n[i], first, side);
  }
}

CowDataset *
drawn_set (const char *folder)
{
  g_auto (CowDatasetOptions) options = COW_DATASET_OPTIONS_DEFAULT;
  g_autoptr (GError) error = NULL;

  options.data = g_strdup (folder);
  CowDataset *set = cow_dataset_open (&options, &error);
  g_assert_no_error (error);
  return set;
}

char *
drawn_base (const char *folder)
{
  const CowFormulaModel how = { .nf4 = TRUE, .n_shards = 1 };
  g_autoptr (GError) error = NULL;
  char *path = g_build_filename (folder, "base", NULL);
  CowVitConfig config;

  g_assert_true (cow_vit_config_of_size ("tiny", &config));
  config.n_layers = 2;
  cow_formula_write_model (path, &config, &how, &error);
  g_assert_no_error (error);
  return path;
}
