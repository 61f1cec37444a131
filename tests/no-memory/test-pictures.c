/* SPDX-License-Identifier: MIT */
/* Pictures of all formats, where memory is refused: an error of that file, or all of its pixels.
 * Never others, which would get a label. */
#include <string.h>
#include <vips/vips.h>

#include "tests/no-memory/outcomes.h"
#include "tests/trainer/cli.h"
#include "trainer/data/augment.h"
#include "trainer/data/pictures.h"

#define WIDTH  150
#define HEIGHT 210 /* several strips, the last one shorter */

typedef struct {
  const char *name; /* with options of libvips */
  int bands;
  gboolean profile; /* one that is converted from */
  int orientation;
} Format;

static const Format formats[] = {
  { "plain.jpg", 3, FALSE, 1 },
  { "progressive.jpg[interlace]", 3, FALSE, 1 },
  { "turned.jpg", 3, FALSE, 6 },
  { "cmyk.jpg", 4, FALSE, 1 },
  { "plain.png", 3, FALSE, 1 },
  { "interlaced.png[interlace]", 3, FALSE, 1 },
  { "alpha.png", 4, FALSE, 1 },
  { "profile.png", 3, TRUE, 1 },
  { "profile.jpg", 3, TRUE, 1 },
  { "lossy.webp", 3, FALSE, 1 },
  { "lossless.webp[lossless]", 4, FALSE, 1 },
  { "plain.tif", 3, FALSE, 1 },
  { "deflate.tif[compression=deflate]", 3, FALSE, 1 },
  { "jpeg.tif[compression=jpeg,tile,tile-width=64,tile-height=64]", 3, FALSE, 1 },
  { "plain.bmp", 3, FALSE, 1 },
};

typedef struct {
  const Format *format;
  char *path;
} File;

/* ---- making them ----------------------------------------------------------------------------- */

static void
add_profile (VipsImage *image)
{
  VipsBlob *profile = NULL;
  gsize n;

  g_assert_cmpint (vips_profile_load ("p3", &profile, NULL), ==, 0);
  const void *data = vips_blob_get (profile, &n);
  vips_image_set_blob_copy (image, VIPS_META_ICC_NAME, data, n);
  vips_area_unref (VIPS_AREA (profile));
}

/* In a child: libvips has threads of its own from then on. */
static gboolean
write_file (gconstpointer data, gpointer begun, Answer *answer, GError **error)
{
  const File *file = data;
  const int bands = file->format->bands;
  const gsize n = (gsize)(bands * WIDTH * HEIGHT);
  g_autofree guint8 *values = g_malloc (n);
  g_autoptr (GRand) random = g_rand_new_with_seed (7);

  for (gsize i = 0; i < n; i++)
    values[i] = (guint8)g_rand_int_range (random, 0, 256);
  VipsImage *image =
      vips_image_new_from_memory (values, n, WIDTH, HEIGHT, bands, VIPS_FORMAT_UCHAR);
  image->Type =
      strstr (file->format->name, "cmyk") ? VIPS_INTERPRETATION_CMYK : VIPS_INTERPRETATION_sRGB;
  if (file->format->profile)
    add_profile (image);
  vips_image_set_int (image, VIPS_META_ORIENTATION, file->format->orientation);
  g_autofree char *path =
      g_strconcat (file->path, file->format->name + strcspn (file->format->name, "["), NULL);
  vips_operation_block_set ("VipsForeignSave", FALSE); /* ImageMagick writes BMP */
  if (vips_image_write_to_file (image, path, NULL) != 0)
    g_error ("%s: %s", path, vips_error_buffer ());
  answer_add (answer, "written", 7);
  return TRUE;
}

/* ---- reading them ---------------------------------------------------------------------------- */

static gpointer
start (gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  g_log_set_always_fatal (G_LOG_LEVEL_CRITICAL | G_LOG_FATAL_MASK);
  pictures_start (&error);
  g_assert_no_error (error);
  return NULL;
}

static gboolean
read_file (gconstpointer data, gpointer begun, Answer *answer, GError **error)
{
  const File *file = data;
  g_auto (Picture) picture = { 0 };

  if (!picture_read (file->path, &picture, error))
    return FALSE;
  g_autofree char *sum = g_compute_checksum_for_data (
      G_CHECKSUM_SHA256, picture.rgb, 3 * (gsize)picture.width * (gsize)picture.height);
  answer_add (answer, &picture.width, sizeof picture.width);
  answer_add (answer, &picture.height, sizeof picture.height);
  answer_add (answer, &picture.notes, sizeof picture.notes);
  answer_add (answer, sum, strlen (sum));
  return TRUE;
}

static void
test_format (gconstpointer data)
{
  const Format *format = data;
  g_autofree char *folder = g_dir_make_tmp ("cow-no-memory-XXXXXX", NULL),
                  *name = g_strndup (format->name, strcspn (format->name, "[")),
                  *path = g_build_filename (folder, name, NULL);
  const File file = { format, path };

  outcomes_without (&(Work){ name, start, write_file, &file });
  outcomes_of_memory (&(Work){ name, start, read_file, &file });
  cli_remove (g_steal_pointer (&folder));
}

/* A few of the random changes, which libvips computes, too. */
static gboolean
augment (gconstpointer data, gpointer begun, Answer *answer, GError **error)
{
  static guint8 rgb[3 * WIDTH * HEIGHT];

  for (guint64 key = 0; key < 3; key++) {
    for (gsize i = 0; i < sizeof rgb; i++)
      rgb[i] = (guint8)(i * 7 + i / 450);
    if (!cow_augment_run (COW_AUGMENT_HEAVY, key, rgb, WIDTH, HEIGHT, error))
      return FALSE;
    g_autofree char *sum = g_compute_checksum_for_data (G_CHECKSUM_SHA256, rgb, sizeof rgb);
    answer_add (answer, sum, strlen (sum));
  }
  return TRUE;
}

static void
test_augment (void)
{
  outcomes_of_sizes (&(Work){ "augmentation", start, augment, NULL });
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (formats); i++) {
    g_autofree char *name = g_strndup (formats[i].name, strcspn (formats[i].name, "[")),
                    *path = g_strconcat ("/no-memory/pictures/", name, NULL);
    g_test_add_data_func (path, &formats[i], test_format);
  }
  g_test_add_func ("/no-memory/augmentation", test_augment);
  return g_test_run ();
}
