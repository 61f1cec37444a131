/* SPDX-License-Identifier: MIT */
/* Decoding: what comes out of each kind of picture, and which files are refused. */
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <vips/vips.h>

#include "model/files/safetensors.h"
#include "tests/trainer/cli.h"
#include "trainer/data/pictures.h"

/* ---- making pictures ------------------------------------------------------------------------- */

/* width x height pixels of the same values. */
static VipsImage *
flat_image (int width, int height, int bands, const double *values,
            VipsInterpretation interpretation)
{
  VipsImage *black = NULL, *flat = NULL;
  g_autofree double *ones = g_new (double, bands);
  for (int i = 0; i < bands; i++)
    ones[i] = 1;
  g_assert_cmpint (vips_black (&black, width, height, "bands", bands, NULL), ==, 0);
  g_assert_cmpint (vips_linear (black, &flat, ones, values, bands, "uchar",
                                interpretation != VIPS_INTERPRETATION_RGB16, NULL),
                   ==, 0);
  g_object_unref (black);
  VipsImage *copy = NULL, *cast = NULL;
  g_assert_cmpint (vips_cast (flat, &cast,
                              interpretation == VIPS_INTERPRETATION_RGB16 ? VIPS_FORMAT_USHORT
                                                                          : VIPS_FORMAT_UCHAR,
                              NULL),
                   ==, 0);
  g_assert_cmpint (vips_copy (cast, &copy, "interpretation", interpretation, NULL), ==, 0);
  g_object_unref (flat);
  g_object_unref (cast);
  return copy;
}

/* Writes an image, which it frees, and gives the path. */
static char *
write_image (const char *folder, const char *name, VipsImage *image)
{
  char *path = g_build_filename (folder, name, NULL);
  g_assert_cmpint (vips_image_write_to_file (image, path, NULL), ==, 0);
  g_object_unref (image);
  return path;
}

/* Reads a picture whose first pixel is (r, g, b), within `tolerance`. */
static void
assert_pixel (const char *path, int r, int g, int b, int tolerance)
{
  g_autoptr (GError) error = NULL;
  g_auto (Picture) picture = { 0 };
  const int expected[] = { r, g, b };

  picture_read (path, &picture, &error);
  g_assert_no_error (error);
  for (int c = 0; c < 3; c++)
    if (ABS (picture.rgb[c] - expected[c]) > tolerance)
      g_error ("%s: channel %d is %d, expected %d", path, c, picture.rgb[c], expected[c]);
}

/* ---- what is read ---------------------------------------------------------------------------- */

/* The golden picture: PNG byte for byte, JPEG close. */
static void
test_golden (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *png = cli_golden ("preprocess", "picture.png"),
                  *jpg = cli_golden ("preprocess", "picture.jpg"),
                  *reference = cli_golden ("preprocess", "resized.safetensors");
  g_autoptr (CowSafetensors) file = cow_safetensors_open (reference, &error);
  g_auto (Picture) picture = { 0 }, lossy = { 0 };
  guint64 difference = 0;

  g_assert_no_error (error);
  const CowTensor *rgb = cow_safetensors_get (file, "rgb");
  g_assert_true (picture_read (png, &picture, &error) && picture_read (jpg, &lossy, &error));
  g_assert_cmpint (picture.width, ==, 320);
  g_assert_cmpint (picture.height, ==, 240);
  g_assert_cmpmem (picture.rgb, 320 * 240 * 3, rgb->data, rgb->n_bytes);
  g_assert_cmpint (lossy.width, ==, 320);
  for (guint i = 0; i < 320 * 240 * 3; i++)
    difference += (guint64)ABS (lossy.rgb[i] - picture.rgb[i]);
  g_assert_cmpuint (difference / (320 * 240 * 3), <, 16);
}

static void
test_formats (void)
{
  static const char *const names[] = { "x.png", "x.jpg", "x.webp", "x.bmp", "x.tif" };
  char *folder = cli_folder ();

  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autofree char *path = write_image (
        folder, names[i],
        flat_image (20, 30, 3, (const double[]){ 200, 100, 50 }, VIPS_INTERPRETATION_sRGB));
    assert_pixel (path, 200, 100, 50, 4);
  }
  cli_remove (folder);
}

static void
test_kinds (void)
{
  char *folder = cli_folder ();
  g_autofree char *grey = write_image (
      folder, "grey.png", flat_image (4, 4, 1, (const double[]){ 77 }, VIPS_INTERPRETATION_B_W));
  g_autofree char *grey_alpha =
      write_image (folder, "grey-alpha.png",
                   flat_image (4, 4, 2, (const double[]){ 200, 0 }, VIPS_INTERPRETATION_B_W));
  g_autofree char *clear = write_image (
      folder, "clear.png",
      flat_image (4, 4, 4, (const double[]){ 200, 100, 50, 0 }, VIPS_INTERPRETATION_sRGB));
  g_autofree char *half = write_image (
      folder, "half.png",
      flat_image (4, 4, 4, (const double[]){ 200, 100, 50, 128 }, VIPS_INTERPRETATION_sRGB));
  g_autofree char *deep = write_image (
      folder, "deep.png",
      flat_image (4, 4, 3, (const double[]){ 51400, 25700, 12850 }, VIPS_INTERPRETATION_RGB16));
  g_autofree char *deep_alpha =
      write_image (folder, "deep-alpha.png",
                   flat_image (4, 4, 4, (const double[]){ 51400, 25700, 12850, 65535 },
                               VIPS_INTERPRETATION_RGB16));
  g_autofree char *cmyk = write_image (
      folder, "cmyk.jpg",
      flat_image (16, 16, 4, (const double[]){ 0, 0, 0, 0 }, VIPS_INTERPRETATION_CMYK));

  assert_pixel (grey, 77, 77, 77, 0);
  assert_pixel (grey_alpha, 0, 0, 0, 0);
  assert_pixel (clear, 0, 0, 0, 0);
  assert_pixel (half, 100, 50, 25, 1);
  assert_pixel (deep, 200, 100, 50, 1);
  assert_pixel (deep_alpha, 200, 100, 50, 1);
  assert_pixel (cmyk, 255, 255, 255, 3);
  cli_remove (folder);
}

/* Orientation 6: the camera was turned, the left edge of the file is the top of the scene. */
static void
test_orientation (void)
{
  g_autoptr (GError) error = NULL;
  char *folder = cli_folder ();
  VipsImage *red = flat_image (16, 32, 3, (const double[]){ 255, 0, 0 }, VIPS_INTERPRETATION_sRGB),
            *blue = flat_image (48, 32, 3, (const double[]){ 0, 0, 255 }, VIPS_INTERPRETATION_sRGB),
            *both = NULL, *turned = NULL;
  g_auto (Picture) picture = { 0 };

  g_assert_cmpint (vips_join (red, blue, &both, VIPS_DIRECTION_HORIZONTAL, NULL), ==, 0);
  g_assert_cmpint (vips_copy (both, &turned, NULL), ==, 0);
  vips_image_set_int (turned, VIPS_META_ORIENTATION, 6);
  g_autofree char *path = write_image (folder, "turned.jpg", turned);
  g_object_unref (red);
  g_object_unref (blue);
  g_object_unref (both);

  picture_read (path, &picture, &error);
  g_assert_no_error (error);
  g_assert_cmpint (picture.width, ==, 32);
  g_assert_cmpint (picture.height, ==, 64);
  g_assert_cmpint (picture.rgb[0], >, 240);
  g_assert_cmpint (picture.rgb[3 * 32 * 63 + 2], >, 240);
  cli_remove (folder);
}

/* A picture in Display P3: its green lies outside sRGB's, so the same numbers mean another colour.
 */
static void
test_profile (void)
{
  char *folder = cli_folder ();
  VipsImage *image =
                flat_image (8, 8, 3, (const double[]){ 100, 200, 100 }, VIPS_INTERPRETATION_sRGB),
            *tagged = NULL;
  VipsBlob *profile = NULL;
  gsize n;

  g_assert_cmpint (vips_profile_load ("p3", &profile, NULL), ==, 0);
  const void *data = vips_blob_get (profile, &n);
  g_assert_cmpint (vips_copy (image, &tagged, NULL), ==, 0);
  vips_image_set_blob_copy (tagged, VIPS_META_ICC_NAME, data, n);
  vips_area_unref (VIPS_AREA (profile));
  g_object_unref (image);
  g_autofree char *path = write_image (folder, "p3.png", tagged);
  assert_pixel (path, 40, 203, 90, 25);
  g_auto (Picture) picture = { 0 };
  g_assert_true (picture_read (path, &picture, NULL));
  g_assert_cmpint (picture.rgb[0], <, 90);
  cli_remove (folder);
}

/* ---- what is refused ------------------------------------------------------------------------- */

static void
assert_refused (const char *path, const char *text)
{
  g_autoptr (GError) error = NULL;
  g_auto (Picture) picture = { 0 };

  g_assert_false (picture_read (path, &picture, &error));
  g_assert_nonnull (error);
  g_assert_true (error->domain == COW_ERROR);
  g_assert_true (g_str_has_prefix (error->message, path));
  g_assert_null (strchr (error->message, '\n'));
  if (!strstr (error->message, text))
    g_error ("\"%s\" does not say \"%s\"", error->message, text);
}

/* Every cut of a file of each format is an error and never half a picture. */
static void
test_truncated (void)
{
  static const char *const names[] = { "x.png", "x.jpg", "x.webp", "x.bmp", "x.tif" };
  char *folder = cli_folder ();

  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autofree char *path = g_build_filename (folder, names[i], NULL), *bytes = NULL;
    gsize n;
    cli_make_picture (folder, names[i], 60, 40, i);
    g_assert_true (g_file_get_contents (path, &bytes, &n, NULL));
    for (guint part = 1; part < 8; part++) {
      g_assert_true (g_file_set_contents (path, bytes, (gssize)(n * part / 8), NULL));
      assert_refused (path, "");
    }
  }
  cli_remove (folder);
}

static void
test_refused (void)
{
  char *folder = cli_folder ();
  g_autofree char *text = g_build_filename (folder, "text.png", NULL),
                  *empty = g_build_filename (folder, "empty.png", NULL),
                  *svg = g_build_filename (folder, "svg.png", NULL),
                  *pipe = g_build_filename (folder, "pipe.png", NULL);
  g_assert_true (g_file_set_contents (text, "I am no picture", -1, NULL) &&
                 g_file_set_contents (empty, "", 0, NULL));
  g_assert_true (g_file_set_contents (svg,
                                      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9\" "
                                      "height=\"9\"><image href=\"/etc/hostname\"/></svg>",
                                      -1, NULL));
  g_assert_cmpint (mkfifo (pipe, 0600), ==, 0);
  g_autofree char *wide = write_image (
      folder, "wide.png",
      flat_image (PICTURE_MOST_SIDE_PX + 1, 1, 1, (const double[]){ 9 }, VIPS_INTERPRETATION_B_W));

  assert_refused (text, "not a picture");
  assert_refused (empty, "empty");
  assert_refused (svg, "not a picture");
  assert_refused (pipe, "regular file");
  assert_refused (folder, "regular file");
  assert_refused (wide, "16385 x 1");
  assert_refused ("/nowhere/x.png", "No such file");
  cli_remove (folder);
}

/* ---- which pictures -------------------------------------------------------------------------- */

static void
test_find (void)
{
  static const char *const made[] = { "b.png", "a.JPEG",      "sub/c.tif",
                                      "z.txt", ".hidden.png", "sub/.d/e.png" },
                           *const expected[] = { "a.JPEG", "b.png", "sub/c.tif" };
  g_autoptr (GError) error = NULL;
  char *folder = cli_folder ();
  g_autofree char *hidden = g_build_filename (folder, "sub", ".d", NULL),
                  *circle = g_build_filename (folder, "sub", "circle", NULL),
                  *file = g_build_filename (folder, "z.txt", NULL);
  g_assert_cmpint (g_mkdir_with_parents (hidden, 0755), ==, 0);
  g_assert_cmpint (symlink (folder, circle), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (made); i++) {
    g_autofree char *path = g_build_filename (folder, made[i], NULL);
    g_assert_true (g_file_set_contents (path, "x", -1, NULL));
  }

  g_autoptr (GPtrArray) found = pictures_find ((char *[]){ folder, file, NULL }, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (found->len, ==, G_N_ELEMENTS (expected) + 1);
  for (guint i = 0; i < G_N_ELEMENTS (expected); i++) {
    g_autofree char *path = g_build_filename (folder, expected[i], NULL);
    g_assert_cmpstr (found->pdata[i], ==, path);
  }
  g_assert_cmpstr (found->pdata[3], ==, file);
  g_assert_null (pictures_find ((char *[]){ hidden, "/nowhere", NULL }, &error));
  g_assert_error (error, COW_ERROR, COW_ERROR_NOT_FOUND);
  g_assert_nonnull (strstr (error->message, "/nowhere"));
  cli_remove (folder);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  /* libvips warns about broken files, which is what we feed it. */
  g_log_set_always_fatal (G_LOG_LEVEL_CRITICAL | G_LOG_FATAL_MASK);
  g_assert_cmpint (VIPS_INIT (argv[0]), ==, 0);
  g_test_add_func ("/pictures/golden", test_golden);
  g_test_add_func ("/pictures/formats", test_formats);
  g_test_add_func ("/pictures/kinds", test_kinds);
  g_test_add_func ("/pictures/orientation", test_orientation);
  g_test_add_func ("/pictures/profile", test_profile);
  g_test_add_func ("/pictures/truncated", test_truncated);
  g_test_add_func ("/pictures/refused", test_refused);
  g_test_add_func ("/pictures/find", test_find);
  return g_test_run ();
}
