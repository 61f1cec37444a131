/* SPDX-License-Identifier: MIT */
/* Decoding: the result for each kind of picture, and what is said of it. */
#include <string.h>
#include <vips/vips.h>

#include "model/files/safetensors.h"
#include "tests/trainer/cli.h"
#include "trainer/data/pictures.h"

/* ---- making pictures ------------------------------------------------------------------------- */

/* An image of width x height equal pixels. */
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

/* Writes an image, frees it, and returns the path. */
static char *
write_image (const char *folder, const char *name, VipsImage *image)
{
  char *path = g_build_filename (folder, name, NULL);
  g_assert_cmpint (vips_image_write_to_file (image, path, NULL), ==, 0);
  g_object_unref (image);
  return path;
}

/* Reads a picture and asserts that its first pixel is (r, g, b), within `tolerance`. */
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

/* ---- accepted files -------------------------------------------------------------------------- */

/* The golden picture decodes exactly from PNG, and closely from JPEG. */
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
  g_assert_true (cow_tensor_read (rgb, &error));
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
  /* Alpha that is 0 throughout is none. */
  assert_pixel (grey_alpha, 200, 200, 200, 0);
  assert_pixel (clear, 200, 100, 50, 0);
  assert_pixel (half, 100, 50, 25, 1);
  assert_pixel (deep, 200, 100, 50, 1);
  assert_pixel (deep_alpha, 200, 100, 50, 1);
  assert_pixel (cmyk, 255, 255, 255, 3);
  cli_remove (folder);
}

/* A picture of four colours, a letter each: upper left, upper right, lower left, lower right. */
static VipsImage *
four_colours (const char *letters)
{
  enum { W = 64, H = 32 };
  g_autofree guint8 *rgb = g_malloc (3 * W * H);
  VipsImage *image;

  for (int i = 0; i < W * H; i++) {
    const char letter = letters[(i % W >= W / 2) + 2 * (i / W >= H / 2)];

    rgb[3 * i] = letter == 'R' || letter == 'W' ? 255 : 0;
    rgb[3 * i + 1] = letter == 'G' || letter == 'W' ? 255 : 0;
    rgb[3 * i + 2] = letter == 'B' || letter == 'W' ? 255 : 0;
  }
  image = vips_image_new_from_memory_copy (rgb, 3 * W * H, W, H, 3, VIPS_FORMAT_UCHAR);
  image->Type = VIPS_INTERPRETATION_sRGB;
  return image;
}

static char
letter_at (const Picture *picture, int x, int y)
{
  const guint8 *pixel = picture->rgb + 3 * ((gsize)y * (gsize)picture->width + (gsize)x);
  const int bits = (pixel[0] > 128) | (pixel[1] > 128) << 1 | (pixel[2] > 128) << 2;

  return " RG B  W"[bits];
}

/* EXIF's eight orientations: the camera was rotated or mirrored, and the picture is upright. */
static void
test_orientation (void)
{
  /* How red and green above blue and white are stored: orientation 6 has the scene's right side as
   * its first row, and the scene's top as its first column. */
  static const char *const stored[] = { "RGBW", "GRWB", "WBGR", "BWRG",
                                        "RBGW", "GWRB", "WGBR", "BRWG" };
  char *folder = cli_folder ();

  for (int orientation = 1; orientation <= 8; orientation++) {
    g_autoptr (GError) error = NULL;
    VipsImage *image = four_colours (stored[orientation - 1]);
    g_auto (Picture) picture = { 0 };

    vips_image_set_int (image, VIPS_META_ORIENTATION, orientation);
    g_autofree char *name = g_strdup_printf ("turned-%d.jpg", orientation),
                    *path = write_image (folder, name, image);
    picture_read (path, &picture, &error);
    g_assert_no_error (error);
    g_assert_cmpint (picture.width, ==, orientation < 5 ? 64 : 32);
    g_assert_cmpint (picture.height, ==, orientation < 5 ? 32 : 64);
    const int x = picture.width / 4, y = picture.height / 4;
    g_assert_cmpint (letter_at (&picture, x, y), ==, 'R');
    g_assert_cmpint (letter_at (&picture, 3 * x, y), ==, 'G');
    g_assert_cmpint (letter_at (&picture, x, 3 * y), ==, 'B');
    g_assert_cmpint (letter_at (&picture, 3 * x, 3 * y), ==, 'W');
  }
  cli_remove (folder);
}

/* In a picture in Display P3 the same numbers mean another colour, since its green lies outside
 * sRGB's. */
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

/* ---- what is said of files ------------------------------------------------------------------- */

static void
assert_notes (const char *path, PictureNotes notes)
{
  g_autoptr (GError) error = NULL;
  g_auto (Picture) picture = { 0 };

  picture_read (path, &picture, &error);
  g_assert_no_error (error);
  if (picture.notes != notes)
    g_error ("%s: notes %d, expected %d", path, picture.notes, notes);
  g_autofree char *text = picture_notes_text (&picture);
  g_assert_true ((text != NULL) == (notes != 0));
}

/* A ramp from `from` to `to` in `bands` bands, the last of which is alpha of `alpha` where it is
 * not negative. */
static VipsImage *
ramp (double from, double to, int bands, double alpha, VipsBandFormat format,
      VipsInterpretation meaning)
{
  VipsImage *line = NULL, *scaled = NULL, *all = NULL, *cast = NULL, *copy = NULL;
  VipsImage *parts[4];

  g_assert_cmpint (vips_identity (&line, "size", 64, "ushort", TRUE, NULL), ==, 0);
  g_assert_cmpint (vips_linear1 (line, &scaled, (to - from) / 63, from, NULL), ==, 0);
  for (int i = 0; i < bands; i++) {
    const gboolean is_alpha = i == bands - 1 && alpha >= 0;
    g_assert_cmpint (vips_linear1 (scaled, &parts[i], is_alpha ? 0 : 1, is_alpha ? alpha : 0, NULL),
                     ==, 0);
  }
  g_assert_cmpint (vips_bandjoin (parts, &all, bands, NULL), ==, 0);
  g_assert_cmpint (vips_cast (all, &cast, format, NULL), ==, 0);
  g_assert_cmpint (vips_copy (cast, &copy, "interpretation", meaning, NULL), ==, 0);
  for (int i = 0; i < bands; i++)
    g_object_unref (parts[i]);
  g_object_unref (line);
  g_object_unref (scaled);
  g_object_unref (all);
  g_object_unref (cast);
  return copy;
}

static void
test_contrast (void)
{
  static const struct {
    const char *name;
    double from, to;
    VipsBandFormat format;
    VipsInterpretation meaning;
    PictureNotes notes;
    int first, last; /* grey values at either end */
  } cases[] = {
    { "8-bits.png", 10, 240, VIPS_FORMAT_UCHAR, VIPS_INTERPRETATION_B_W, 0, 10, 240 },
    { "white.png", 255, 255, VIPS_FORMAT_UCHAR, VIPS_INTERPRETATION_B_W, PICTURE_FLAT, 255, 255 },
    { "thermal.png", 2000, 3500, VIPS_FORMAT_USHORT, VIPS_INTERPRETATION_GREY16, PICTURE_FLAT, 7,
      13 },
    { "thermal.tif", 20000, 20900, VIPS_FORMAT_USHORT, VIPS_INTERPRETATION_GREY16, PICTURE_FLAT, 78,
      81 },
    { "16-bits.png", 0, 65535, VIPS_FORMAT_USHORT, VIPS_INTERPRETATION_GREY16, 0, 0, 255 },
    { "unit.tif", 0, 1, VIPS_FORMAT_FLOAT, VIPS_INTERPRETATION_B_W, PICTURE_SCALED, 0, 255 },
    { "to-255.tif", 0, 255, VIPS_FORMAT_FLOAT, VIPS_INTERPRETATION_B_W, 0, 0, 255 },
    { "kelvin.tif", 280, 310, VIPS_FORMAT_FLOAT, VIPS_INTERPRETATION_B_W, PICTURE_FLAT, 255, 255 },
    { "nothing.tif", 0, 0, VIPS_FORMAT_FLOAT, VIPS_INTERPRETATION_B_W, PICTURE_FLAT, 0, 0 },
  };
  char *folder = cli_folder ();

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *path =
        write_image (folder, cases[i].name,
                     ramp (cases[i].from, cases[i].to, 1, -1, cases[i].format, cases[i].meaning));
    g_auto (Picture) picture = { 0 };
    assert_notes (path, cases[i].notes);
    g_assert_true (picture_read (path, &picture, NULL));
    g_assert_cmpint (ABS (picture.rgb[0] - cases[i].first), <=, 1);
    g_assert_cmpint (ABS (picture.rgb[3 * 63] - cases[i].last), <=, 1);
  }
  cli_remove (folder);
}

/* A few rows of another grey are no contrast wherever they are; many are, also the last ones. */
static void
test_tall (void)
{
  static const struct {
    int first, rows; /* the black ones of 400, the others are white */
    PictureNotes notes;
  } cases[] = {
    { 0, 350, 0 },
    { 0, 396, 0 },
    { 4, 396, 0 },
    { 0, 398, PICTURE_FLAT },
    { 1, 398, PICTURE_FLAT },
    { 2, 398, PICTURE_FLAT },
  };
  char *folder = cli_folder ();

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    VipsImage *black = NULL, *image = NULL;
    g_assert_cmpint (vips_black (&black, 8, cases[i].rows, NULL), ==, 0);
    g_assert_cmpint (
        vips_embed (black, &image, 0, cases[i].first, 8, 400, "extend", VIPS_EXTEND_WHITE, NULL),
        ==, 0);
    g_object_unref (black);
    g_autofree char *path = write_image (folder, "tall.png", image);
    assert_notes (path, cases[i].notes);
  }
  cli_remove (folder);
}

/* Alpha lies on black, unless it is 0 throughout. */
static void
test_empty_alpha (void)
{
  static const struct {
    const char *name;
    VipsBandFormat format;
    VipsInterpretation meaning;
    double alpha;
    gboolean empty;
  } cases[] = {
    { "empty.png", VIPS_FORMAT_UCHAR, VIPS_INTERPRETATION_sRGB, 0, TRUE },
    { "empty.webp", VIPS_FORMAT_UCHAR, VIPS_INTERPRETATION_sRGB, 255, FALSE },
    { "full.png", VIPS_FORMAT_UCHAR, VIPS_INTERPRETATION_sRGB, 255, FALSE },
    { "faint.png", VIPS_FORMAT_UCHAR, VIPS_INTERPRETATION_sRGB, 1, FALSE },
    { "deep.png", VIPS_FORMAT_USHORT, VIPS_INTERPRETATION_RGB16, 0, TRUE },
    { "empty.tif", VIPS_FORMAT_UCHAR, VIPS_INTERPRETATION_sRGB, 0, TRUE },
  };
  char *folder = cli_folder ();

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    const double most = cases[i].format == VIPS_FORMAT_UCHAR ? 255 : 65535;
    g_autofree char *path =
        write_image (folder, cases[i].name,
                     ramp (0, most, 4, cases[i].alpha, cases[i].format, cases[i].meaning));
    g_auto (Picture) picture = { 0 };
    g_assert_true (picture_read (path, &picture, NULL));
    g_assert_cmpint (picture.notes & PICTURE_EMPTY_ALPHA, ==,
                     cases[i].empty ? PICTURE_EMPTY_ALPHA : 0);
    g_assert_true (cases[i].alpha == 1 ? picture.rgb[3 * 63] < 3 : picture.rgb[3 * 63] > 250);
  }
  cli_remove (folder);
}

/* Writes a JPEG without a profile and the same with one, which libvips itself would not write, and
 * asserts that both have the same pixels. */
static void
check_odd_profile (const char *folder, int bands, VipsInterpretation meaning, const char *profile,
                   gsize n)
{
  const gsize n_segment = 2 + 14 + n;
  const char head[] = { (char)0xff, (char)0xe2, (char)(n_segment >> 8), (char)n_segment };
  g_autofree char *plain =
      write_image (folder, "plain.jpg", ramp (20, 220, bands, -1, VIPS_FORMAT_UCHAR, meaning));
  g_autofree char *tagged = g_build_filename (folder, "tagged.jpg", NULL), *bytes = NULL;
  g_autoptr (GString) text = g_string_new (NULL);
  g_auto (Picture) with = { 0 }, without = { 0 };
  gsize n_bytes;

  g_assert_true (g_file_get_contents (plain, &bytes, &n_bytes, NULL));
  g_string_append_len (text, bytes, 2);
  g_string_append_len (text, head, sizeof head);
  g_string_append_len (text, "ICC_PROFILE\0\1\1", 14);
  g_string_append_len (text, profile, (gssize)n);
  g_string_append_len (text, bytes + 2, (gssize)n_bytes - 2);
  g_assert_true (g_file_set_contents (tagged, text->str, (gssize)text->len, NULL));
  assert_notes (plain, 0);
  assert_notes (tagged, PICTURE_ODD_PROFILE);
  g_assert_true (picture_read (tagged, &with, NULL) && picture_read (plain, &without, NULL));
  g_assert_cmpmem (with.rgb, 3 * 64, without.rgb, 3 * 64);
}

/* A profile for other channels, or one that is none: viewers show the picture as if it had none. */
static void
test_odd_profiles (void)
{
  char *folder = cli_folder ();
  VipsBlob *p3 = NULL;
  gsize n;

  g_assert_cmpint (vips_profile_load ("p3", &p3, NULL), ==, 0);
  const void *rgb = vips_blob_get (p3, &n);
  g_autofree char *other = g_memdup2 (rgb, n);
  memcpy (other + 16, "CMYK", 4);
  check_odd_profile (folder, 1, VIPS_INTERPRETATION_B_W, rgb, n);
  check_odd_profile (folder, 4, VIPS_INTERPRETATION_CMYK, rgb, n);
  check_odd_profile (folder, 3, VIPS_INTERPRETATION_sRGB, other, n);
  check_odd_profile (folder, 3, VIPS_INTERPRETATION_sRGB, rgb, n / 2);
  check_odd_profile (folder, 3, VIPS_INTERPRETATION_sRGB, folder, strlen (folder));
  vips_area_unref (VIPS_AREA (p3));
  cli_remove (folder);
}

/* ---- BMP ------------------------------------------------------------------------------------- */

#define BMP_WIDTH  13
#define BMP_HEIGHT 7

typedef struct {
  const char *name;
  guint header, bits, compression;
  gboolean top_down;
  guint32 masks[4];
} BmpKind;

static const BmpKind bmp_kinds[] = {
  { "core-1", 12, 1, 0, FALSE, { 0 } },
  { "core-8", 12, 8, 0, FALSE, { 0 } },
  { "core-24", 12, 24, 0, FALSE, { 0 } },
  { "info-1", 40, 1, 0, FALSE, { 0 } },
  { "info-4", 40, 4, 0, TRUE, { 0 } },
  { "info-8", 40, 8, 0, FALSE, { 0 } },
  { "info-16", 40, 16, 0, FALSE, { 0 } },
  { "info-24", 40, 24, 0, TRUE, { 0 } },
  { "info-32", 40, 32, 0, FALSE, { 0 } },
  { "masks-565", 40, 16, 3, FALSE, { 0xf800, 0x7e0, 0x1f } },
  { "masks-odd", 40, 32, 3, FALSE, { 0xff, 0xff00, 0xff0000 } },
  { "v4-32", 108, 32, 3, FALSE, { 0xff0000, 0xff00, 0xff } },
  { "v5-24", 124, 24, 0, FALSE, { 0 } },
  { "runs-8", 40, 8, 1, FALSE, { 0 } },
  { "runs-4", 40, 4, 2, FALSE, { 0 } },
};

static void
put_16 (GByteArray *bytes, guint value)
{
  const guint8 little[] = { value & 255, value >> 8 & 255 };
  g_byte_array_append (bytes, little, 2);
}

static void
put_32 (GByteArray *bytes, guint32 value)
{
  put_16 (bytes, value & 0xffff);
  put_16 (bytes, value >> 16);
}

/* Rows of a run, some pixels as they are, and a run to the end; then a jump and the end. */
static void
put_runs (GByteArray *bytes, const BmpKind *kind)
{
  static const guint8 eight[] = { 4, 0x37, 0, 3, 1, 2, 3, 0, 6, 0x52, 0, 0 },
                      four[] = { 4, 0x37, 0, 3, 0x12, 0x30, 6, 0x52, 0, 0 },
                      end[] = { 0, 2, 3, 1, 5, 0x61, 0, 1 };

  for (guint y = 0; y < BMP_HEIGHT - 2; y++)
    g_byte_array_append (bytes, kind->bits == 8 ? eight : four,
                         kind->bits == 8 ? sizeof eight : sizeof four);
  g_byte_array_append (bytes, end, sizeof end);
}

static GByteArray *
make_bmp (const BmpKind *kind)
{
  GByteArray *bytes = g_byte_array_new ();
  g_autoptr (GRand) random = g_rand_new_with_seed (kind->bits);
  const guint n_masks = kind->compression == 3 && kind->header == 40 ? 3 : 0,
              n_colours = kind->bits <= 8 ? 1u << kind->bits : 0,
              entry = kind->header == 12 ? 3 : 4;
  const guint pixels = 14 + kind->header + 4 * n_masks + n_colours * entry;

  g_byte_array_append (bytes, (const guint8 *)"BM", 2);
  put_32 (bytes, 0);
  put_32 (bytes, 0);
  put_32 (bytes, pixels);
  put_32 (bytes, kind->header);
  if (kind->header == 12) {
    put_16 (bytes, BMP_WIDTH);
    put_16 (bytes, BMP_HEIGHT);
    put_16 (bytes, 1);
    put_16 (bytes, kind->bits);
  } else {
    put_32 (bytes, BMP_WIDTH);
    put_32 (bytes, kind->top_down ? (guint32)-BMP_HEIGHT : BMP_HEIGHT);
    put_16 (bytes, 1);
    put_16 (bytes, kind->bits);
    put_32 (bytes, kind->compression);
    for (guint i = 0; i < 5; i++)
      put_32 (bytes, 0);
    for (guint i = 0; i < 4 && (i < n_masks || 40 + 4 * i < kind->header); i++)
      put_32 (bytes, kind->masks[i]);
    while (bytes->len < 14 + kind->header)
      put_32 (bytes, 0);
  }
  while (bytes->len < pixels) {
    guint8 colour[4] = { 0 };
    for (guint c = 0; c < 3; c++)
      colour[c] = (guint8)g_rand_int_range (random, 0, 256);
    g_byte_array_append (bytes, colour, entry);
  }
  if (kind->compression == 1 || kind->compression == 2) {
    put_runs (bytes, kind);
    return bytes;
  }
  for (guint i = 0; i < (BMP_WIDTH * kind->bits + 31) / 32 * BMP_HEIGHT; i++)
    put_32 (bytes, g_rand_int (random));
  return bytes;
}

/* As ImageMagick reads it. */
static void
test_bmp (gconstpointer data)
{
  const BmpKind *kind = data;
  char *folder = cli_folder ();
  g_autofree char *path = g_build_filename (folder, "x.bmp", NULL);
  g_autoptr (GByteArray) bytes = make_bmp (kind);
  g_autoptr (GError) error = NULL;
  g_auto (Picture) picture = { 0 };
  VipsImage *image = NULL, *rgb = NULL;
  gsize n;

  g_assert_true (g_file_set_contents (path, (const char *)bytes->data, bytes->len, NULL));
  picture_read (path, &picture, &error);
  g_assert_no_error (error);
  if (vips_magickload_buffer (bytes->data, bytes->len, &image, NULL) != 0 ||
      vips_colourspace (image, &rgb, VIPS_INTERPRETATION_sRGB, NULL) != 0)
    g_error ("%s", vips_error_buffer ());
  g_autofree guint8 *expected = vips_image_write_to_memory (rgb, &n);
  const int bands = vips_image_get_bands (rgb);
  g_assert_cmpint (picture.width, ==, BMP_WIDTH);
  g_assert_cmpint (picture.height, ==, BMP_HEIGHT);
  for (int i = 0; i < BMP_WIDTH * BMP_HEIGHT; i++)
    for (int c = 0; c < 3; c++)
      if (picture.rgb[3 * i + c] != expected[bands * i + c])
        g_error ("pixel %d, channel %d: %d, expected %d", i, c, picture.rgb[3 * i + c],
                 expected[bands * i + c]);
  g_object_unref (rgb);
  g_object_unref (image);
  /* Nothing that is cut short is taken, and nothing behind the file's end is read. */
  for (guint cut = 0; cut < bytes->len; cut++) {
    g_auto (Picture) part = { 0 };
    g_assert_true (g_file_set_contents (path, (const char *)bytes->data, cut, NULL));
    g_assert_false (picture_read (path, &part, NULL));
  }
  cli_remove (folder);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_assert_true (pictures_start (NULL));
  /* ImageMagick, kept from files of strangers, writes BMP here and reads it for comparison. */
  vips_operation_block_set ("VipsForeignSave", FALSE);
  vips_operation_block_set ("VipsForeignLoadMagick", FALSE);
  g_test_add_func ("/pictures/golden", test_golden);
  g_test_add_func ("/pictures/formats", test_formats);
  g_test_add_func ("/pictures/kinds", test_kinds);
  g_test_add_func ("/pictures/orientation", test_orientation);
  g_test_add_func ("/pictures/profile", test_profile);
  g_test_add_func ("/pictures/contrast", test_contrast);
  g_test_add_func ("/pictures/tall", test_tall);
  g_test_add_func ("/pictures/empty-alpha", test_empty_alpha);
  g_test_add_func ("/pictures/odd-profiles", test_odd_profiles);
  for (guint i = 0; i < G_N_ELEMENTS (bmp_kinds); i++) {
    g_autofree char *path = g_strconcat ("/pictures/bmp/", bmp_kinds[i].name, NULL);
    g_test_add_data_func (path, &bmp_kinds[i], test_bmp);
  }
  return g_test_run ();
}
