/* SPDX-License-Identifier: MIT */
/* Decoding: the result for each kind of picture, and which files are refused. */
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <vips/vips.h>

#include "model/files/safetensors.h"
#include "tests/trainer/cli.h"
#include "trainer/data/pictures.h"
#include "trainer/data/scan.h"

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

/* Orientation 6: the camera was rotated, and the left edge of the file is the top of the scene. */
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

/* A few rows of another grey are no contrast wherever they are, and many are, also the last ones. */
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

/* ---- refused files --------------------------------------------------------------------------- */

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

/* ---- truncated files ------------------------------------------------------------------------- */

#define CUT_WIDTH_PX  150
#define CUT_HEIGHT_PX 210 /* several strips, the last one shorter */
#define N_CUTS        40  /* spread evenly over a file, and as many within its last bytes */

/* Every row differs from all others, so that a missing one is noticed. */
static guint8 *
noise (void)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (7);
  guint8 *rgb = g_malloc (3 * CUT_WIDTH_PX * CUT_HEIGHT_PX);

  for (gsize i = 0; i < 3 * CUT_WIDTH_PX * CUT_HEIGHT_PX; i++)
    rgb[i] = (guint8)g_rand_int_range (random, 0, 256);
  return rgb;
}

static void
add_16 (GByteArray *bytes, guint value)
{
  const guint8 little[] = { value & 255, value >> 8 & 255 };
  g_byte_array_append (bytes, little, sizeof little);
}

static void
add_32 (GByteArray *bytes, guint value)
{
  add_16 (bytes, value & 0xffff);
  add_16 (bytes, value >> 16);
}

/* Compresses some bytes with zlib; free with g_byte_array_unref. */
static GByteArray *
deflate (const guint8 *data, gsize n)
{
  g_autoptr (GZlibCompressor) zlib = g_zlib_compressor_new (G_ZLIB_COMPRESSOR_FORMAT_ZLIB, 6);
  GByteArray *bytes = g_byte_array_new ();
  gsize n_read, n_written;
  g_autofree guint8 *out = g_malloc (2 * n + 1000);
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (g_converter_convert (G_CONVERTER (zlib), data, n, out, 2 * n + 1000,
                                        G_CONVERTER_INPUT_AT_END, &n_read, &n_written, &error),
                   ==, G_CONVERTER_FINISHED);
  g_byte_array_append (bytes, out, (guint)n_written);
  return bytes;
}

/* Writes a TIFF whose directory comes first, as scanners and some cameras do: it still opens when
 * its end is cut off. libtiff writes the directory last. */
static void
write_tiff (const char *path, gboolean deflated)
{
  enum { ROWS = 16, STRIPS = (CUT_HEIGHT_PX + ROWS - 1) / ROWS, ENTRIES = 10 };
  g_autofree guint8 *rgb = noise ();
  g_autoptr (GByteArray) file = g_byte_array_new (), data = g_byte_array_new ();
  guint offsets[STRIPS], counts[STRIPS];
  const guint after = 8 + 2 + 12 * ENTRIES + 4, start = after + 6 + 8 * STRIPS;

  for (guint i = 0; i < STRIPS; i++) {
    const gsize n = 3 * CUT_WIDTH_PX * MIN (ROWS, CUT_HEIGHT_PX - i * ROWS);
    const guint8 *rows = rgb + 3 * CUT_WIDTH_PX * ROWS * i;
    g_autoptr (GByteArray) strip = deflated ? deflate (rows, n) : g_byte_array_new ();
    if (!deflated)
      g_byte_array_append (strip, rows, (guint)n);
    offsets[i] = start + data->len;
    counts[i] = strip->len;
    g_byte_array_append (data, strip->data, strip->len);
  }
  /* tag, type (3: 16 bits, 4: 32 bits), count, value or offset */
  const guint entries[ENTRIES][4] = {
    { 256, 4, 1, CUT_WIDTH_PX },
    { 257, 4, 1, CUT_HEIGHT_PX },
    { 258, 3, 3, after },
    { 259, 3, 1, deflated ? 8 : 1 },
    { 262, 3, 1, 2 },
    { 273, 4, STRIPS, after + 6 },
    { 277, 3, 1, 3 },
    { 278, 4, 1, ROWS },
    { 279, 4, STRIPS, after + 6 + 4 * STRIPS },
    { 284, 3, 1, 1 },
  };
  g_byte_array_append (file, (const guint8 *)"II*\0", 4);
  add_32 (file, 8);
  add_16 (file, ENTRIES);
  for (guint i = 0; i < ENTRIES; i++) {
    add_16 (file, entries[i][0]);
    add_16 (file, entries[i][1]);
    add_32 (file, entries[i][2]);
    add_32 (file, entries[i][3]);
  }
  add_32 (file, 0);
  for (guint i = 0; i < 3; i++)
    add_16 (file, 8);
  for (guint i = 0; i < STRIPS; i++)
    add_32 (file, offsets[i]);
  for (guint i = 0; i < STRIPS; i++)
    add_32 (file, counts[i]);
  g_assert_cmpuint (file->len, ==, start);
  g_byte_array_append (file, data->data, data->len);
  g_assert_true (g_file_set_contents (path, (const char *)file->data, file->len, NULL));
}

static void
write_noise (const char *name, const char *path)
{
  g_autofree guint8 *rgb = noise ();

  VipsImage *image = vips_image_new_from_memory (rgb, 3 * CUT_WIDTH_PX * CUT_HEIGHT_PX,
                                                 CUT_WIDTH_PX, CUT_HEIGHT_PX, 3, VIPS_FORMAT_UCHAR);
  image->Type = VIPS_INTERPRETATION_sRGB;
  g_autofree char *with_options =
      g_strconcat (path, strchr (name, '[') ? strchr (name, '[') : "", NULL);
  g_assert_cmpint (vips_image_write_to_file (image, with_options, NULL), ==, 0);
  g_object_unref (image);
}

/* The truncated files by the names of libvips' savers; "first" is the TIFF above. */
static const char *const cut_names[] = {
  "a.jpg",
  "b.jpg[interlace]",
  "c.png",
  "d.png[interlace]",
  "e.webp",
  "f.webp[lossless]",
  "g.bmp",
  "h.tif",
  "i.tif[compression=deflate]",
  "j.tif[compression=lzw]",
  "k.tif[compression=jpeg]",
  "l.tif[tile,tile-width=64,tile-height=64,compression=deflate]",
  "first-plain.tif",
  "first-deflate.tif",
};

/* Writes such a file and returns its path. */
static char *
write_cut_file (const char *folder, const char *name)
{
  g_autofree char *plain = g_strndup (name, strcspn (name, "["));
  char *path = g_build_filename (folder, plain, NULL);

  if (g_str_has_prefix (name, "first"))
    write_tiff (path, strstr (name, "deflate") != NULL);
  else
    write_noise (name, path);
  return path;
}

/* Truncates a file to `n` bytes: it is refused, or the rest held no pixels. Returns whether it was
 * refused. */
static gboolean
try_cut (const char *path, const char *bytes, gsize n, const Picture *whole)
{
  g_autoptr (GError) error = NULL;
  g_auto (Picture) picture = { 0 };
  const gsize size = 3 * CUT_WIDTH_PX * CUT_HEIGHT_PX;

  g_assert_true (g_file_set_contents (path, bytes, (gssize)n, NULL));
  if (picture_read (path, &picture, &error)) {
    if (picture.width != whole->width || picture.height != whole->height ||
        memcmp (picture.rgb, whole->rgb, size) != 0)
      g_error ("%s of %" G_GSIZE_FORMAT " bytes is taken for a whole picture", path, n);
    return FALSE;
  }
  if (!g_str_has_prefix (error->message, path))
    g_error ("%s: \"%s\"", path, error->message);
  g_assert_null (strchr (error->message, '\n'));
  return TRUE;
}

static void
test_truncated (gconstpointer name)
{
  char *folder = cli_folder ();
  g_autofree char *path = write_cut_file (folder, name), *bytes = NULL;
  g_auto (Picture) whole = { 0 };
  g_autoptr (GError) error = NULL;
  guint n_refused = 0;
  gsize n;

  g_assert_true (g_file_get_contents (path, &bytes, &n, NULL));
  picture_read (path, &whole, &error);
  g_assert_no_error (error);
  for (guint i = 1; i < N_CUTS; i++)
    n_refused += try_cut (path, bytes, n * i / N_CUTS, &whole);
  g_assert_cmpuint (n_refused, ==, N_CUTS - 1);
  for (guint i = 1; i <= N_CUTS; i++)
    try_cut (path, bytes, n - i, &whole);
  cli_remove (folder);
}

/* ---- many threads with some broken files ----------------------------------------------------- */

typedef struct {
  char *good, *broken;
  guint8 *rgb; /* of the good file */
  guint n_wrong;
} Shared;

static gpointer
read_both (gpointer data)
{
  Shared *self = data;

  for (guint i = 0; i < 30; i++) {
    g_autoptr (GError) error = NULL, none = NULL;
    g_auto (Picture) good = { 0 }, broken = { 0 };

    if (picture_read (self->broken, &broken, &error) ||
        !g_str_has_prefix (error->message, self->broken) ||
        !strstr (error->message, "remature end")) /* libvips 8.16 has no capital */
      g_atomic_int_inc (&self->n_wrong);
    if (!picture_read (self->good, &good, &none) ||
        memcmp (good.rgb, self->rgb, 3 * CUT_WIDTH_PX * CUT_HEIGHT_PX) != 0)
      g_atomic_int_inc (&self->n_wrong);
  }
  vips_thread_shutdown ();
  return NULL;
}

/* A failure concerns one file only and has its own message, whatever other threads decode. */
static void
test_side_by_side (void)
{
  char *folder = cli_folder ();
  g_autofree char *good = write_cut_file (folder, "good.png"),
                  *broken = write_cut_file (folder, "broken.jpg"), *bytes = NULL;
  g_autofree guint8 *rgb = noise ();
  Shared shared = { .good = good, .broken = broken, .rgb = rgb };
  GThread *threads[4];
  gsize n;

  g_assert_true (g_file_get_contents (broken, &bytes, &n, NULL));
  g_assert_true (g_file_set_contents (broken, bytes, (gssize)(n - n / 50), NULL));
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("reader", read_both, &shared);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
  g_assert_cmpuint (shared.n_wrong, ==, 0);
  cli_remove (folder);
}

/* ---- the reasons of many files --------------------------------------------------------------- */

/* Broken files of several formats, and the word that the reason of each has and no other's. */
static const struct {
  const char *name, *word;
} cut_files[] = {
  { "a.jpg", "Jpeg" }, { "b.png", "libpng" }, { "c.tif", "TIFF" }, { "d.webp", "webp" }
};

static gpointer
read_reasons (gpointer data)
{
  char **paths = data;
  guint n_wrong = 0;

  for (guint i = 0; i < 60; i++) {
    const guint which = i % G_N_ELEMENTS (cut_files);
    g_auto (Picture) picture = { 0 };
    g_autoptr (GError) error = NULL;
    if (picture_read (paths[which], &picture, &error))
      n_wrong++;
    for (guint k = 0; error && k < G_N_ELEMENTS (cut_files); k++)
      n_wrong += (strstr (error->message + strlen (paths[which]), cut_files[k].word) != NULL) !=
                 (k == which);
  }
  vips_thread_shutdown ();
  return GUINT_TO_POINTER (n_wrong);
}

static void
test_reasons (void)
{
  char *folder = cli_folder ();
  char *paths[G_N_ELEMENTS (cut_files)];
  GThread *threads[8];

  for (guint i = 0; i < G_N_ELEMENTS (cut_files); i++) {
    g_autofree char *bytes = NULL;
    gsize n;
    paths[i] = write_cut_file (folder, cut_files[i].name);
    g_assert_true (g_file_get_contents (paths[i], &bytes, &n, NULL));
    g_assert_true (g_file_set_contents (paths[i], bytes, (gssize)(n / 2), NULL));
  }
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("reader", read_reasons, paths);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_assert_cmpuint (GPOINTER_TO_UINT (g_thread_join (threads[i])), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (cut_files); i++)
    g_free (paths[i]);
  cli_remove (folder);
}

/* ---- damage that libjpeg only warns about ---------------------------------------------------- */

/* Writes a JPEG that has its end but only a part of the bytes before. Returns its path. */
static char *
write_hole (const char *folder, const char *name, double part)
{
  char *path = write_cut_file (folder, name);
  g_autofree char *bytes = NULL;
  gsize n;

  g_assert_true (g_file_get_contents (path, &bytes, &n, NULL));
  const gsize kept = (gsize)((double)n * part);
  memmove (bytes + kept, bytes + n - 2, 2);
  g_assert_true (g_file_set_contents (path, bytes, (gssize)(kept + 2), NULL));
  return path;
}

static void
test_hole (void)
{
  char *folder = cli_folder ();
  g_autofree char *half = write_hole (folder, "half.jpg", .5),
                  *last_strip = write_hole (folder, "last.jpg", .97);
  g_autofree char *odd = write_cut_file (folder, "odd.jpg"), *bytes = NULL;
  g_autoptr (GError) error = NULL;
  g_auto (Picture) picture = { 0 };
  gsize n;

  assert_refused (half, "premature end");
  assert_refused (last_strip, "premature end");

  /* Bytes before the last marker that belong to nothing do no harm. */
  g_assert_true (g_file_get_contents (odd, &bytes, &n, NULL));
  g_autoptr (GByteArray) file = g_byte_array_new ();
  g_byte_array_append (file, (const guint8 *)bytes, 2);
  g_byte_array_append (file, (const guint8 *)"abcd", 4);
  g_byte_array_append (file, (const guint8 *)bytes + 2, (guint)n - 2);
  g_assert_true (g_file_set_contents (odd, (const char *)file->data, file->len, NULL));
  picture_read (odd, &picture, &error);
  g_assert_no_error (error);
  cli_remove (folder);
}

/* The program names the broken file, and predicts the others correctly. */
static void
test_verbs (void)
{
  char *folder = cli_folder ();
  const char *demo = g_getenv ("COW_DEMO_MODEL");
  g_autofree char *base = g_build_filename (demo, "drawn-cows", NULL),
                  *head = g_build_filename (demo, "drawn-cows-day", NULL),
                  *data = g_build_filename (folder, "data", NULL),
                  *out = g_build_filename (folder, "out", NULL),
                  *cache = g_build_filename (folder, "cache", NULL);
  g_autofree char *lying = g_build_filename (data, "Lying", NULL),
                  *standing = g_build_filename (data, "Standing", NULL);

  g_assert_cmpint (g_mkdir_with_parents (lying, 0755), ==, 0);
  g_assert_cmpint (g_mkdir_with_parents (standing, 0755), ==, 0);
  for (guint i = 0; i < 6; i++) {
    g_autofree char *name = g_strdup_printf ("%u.png", i);
    cli_make_picture (i % 2 ? lying : standing, name, 150, 210, i);
  }
  g_auto (Result) whole =
      cli_run ("predict", data, "--model", base, "--adapter", head, "--format", "csv", NULL);
  cli_assert_ok (&whole);

  g_autofree char *broken = write_hole (lying, "hole.jpg", .97);
  g_auto (Result) predict =
      cli_run ("predict", data, "--model", base, "--adapter", head, "--format", "csv", NULL);
  g_assert_cmpint (predict.status, ==, 1);
  cli_assert_says (predict.err, broken);
  cli_assert_says (predict.err, "1 of 7 pictures");
  g_assert_null (strstr (predict.out, "hole.jpg"));
  g_assert_cmpstr (predict.out, ==, whole.out);

  g_auto (Result) check = cli_run ("check", "--data", data, NULL);
  g_assert_cmpint (check.status, ==, 1);
  cli_assert_says (check.out, "hole.jpg");
  cli_assert_says (check.out, "premature end");

  g_auto (Result) train =
      cli_run ("train", "--recipe", "frozen", "--model", base, "--data", data, "--out", out,
               "--cache", cache, "--augment", "none", "--epochs", "1", NULL);
  g_assert_cmpint (train.status, ==, 1);
  cli_assert_says (train.err, broken);
  cli_remove (folder);
}

/* ---- other files ----------------------------------------------------------------------------- */

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
  assert_refused (svg, "but SVG");
  static const struct {
    const char *start, *what;
  } others[] = { { "\0\0\0\x1c"
                   "ftypheic\0\0\0\0",
                   "but HEIC" },
                 { "\0\0\0\x1c"
                   "ftypavif\0\0\0\0",
                   "but AVIF" },
                 { "GIF89a\1\0\1\0\0\0\0\0\0\0", "but GIF" },
                 { "II*\0\xff\xff\xff\0\0\0\0\0\0\0\0", "a TIFF that is cut short" } };
  for (guint i = 0; i < G_N_ELEMENTS (others); i++) {
    g_autofree char *path = g_build_filename (folder, "phone.jpg", NULL);
    g_assert_true (g_file_set_contents (path, others[i].start, 16, NULL));
    assert_refused (path, others[i].what);
  }
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

  g_autofree char *passed = NULL, *nothing = NULL;
  g_autoptr (GPtrArray) found = pictures_find ((char *[]){ folder, file, NULL }, &passed, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (found->len, ==, G_N_ELEMENTS (expected) + 1);
  for (guint i = 0; i < G_N_ELEMENTS (expected); i++) {
    g_autofree char *path = g_build_filename (folder, expected[i], NULL);
    g_assert_cmpstr (found->pdata[i], ==, path);
  }
  g_assert_cmpstr (found->pdata[3], ==, file);
  cli_assert_says (passed, "4 files and folders are left out: 1 not called like pictures (.txt 1); "
                           "2 hidden; 1 links");
  g_assert_null (pictures_find ((char *[]){ hidden, "/nowhere", NULL }, &nothing, &error));
  g_assert_error (error, COW_ERROR, COW_ERROR_NOT_FOUND);
  g_assert_nonnull (strstr (error->message, "/nowhere"));
  cli_remove (folder);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  /* libvips warns about broken files, which these tests use. */
  g_log_set_always_fatal (G_LOG_LEVEL_CRITICAL | G_LOG_FATAL_MASK);
  g_assert_cmpint (VIPS_INIT (argv[0]), ==, 0);
  g_test_add_func ("/pictures/golden", test_golden);
  g_test_add_func ("/pictures/formats", test_formats);
  g_test_add_func ("/pictures/kinds", test_kinds);
  g_test_add_func ("/pictures/orientation", test_orientation);
  g_test_add_func ("/pictures/profile", test_profile);
  g_test_add_func ("/pictures/contrast", test_contrast);
  g_test_add_func ("/pictures/tall", test_tall);
  g_test_add_func ("/pictures/empty-alpha", test_empty_alpha);
  g_test_add_func ("/pictures/odd-profiles", test_odd_profiles);
  g_test_add_func ("/pictures/reasons", test_reasons);
  for (guint i = 0; i < G_N_ELEMENTS (cut_names); i++) {
    g_autofree char *path = g_strconcat ("/pictures/truncated/", cut_names[i], NULL);
    g_test_add_data_func (path, cut_names[i], test_truncated);
  }
  g_test_add_func ("/pictures/hole", test_hole);
  g_test_add_func ("/pictures/side-by-side", test_side_by_side);
  g_test_add_func ("/pictures/verbs", test_verbs);
  g_test_add_func ("/pictures/refused", test_refused);
  g_test_add_func ("/pictures/find", test_find);
  return g_test_run ();
}
