/* SPDX-License-Identifier: MIT */
/* Files that are no pictures, are cut short or damaged: each is refused in words of its own, and
 * no other file suffers. */
#include <gio/gio.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vips/vips.h>

#include "tests/trainer/cli.h"
#include "trainer/data/pictures.h"

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

/* ---- files that mean to be too much ---------------------------------------------------------- */

#define BOMB_SECONDS 8                  /* of a processor, for any */
#define BOMB_BYTES   ((gsize)900 << 20) /* and memory: the largest picture that is read, and more */

static void
put_big (GByteArray *file, guint32 value)
{
  const guint8 big[] = { value >> 24, value >> 16 & 255, value >> 8 & 255, value & 255 };
  g_byte_array_append (file, big, sizeof big);
}

static void
put_chunk (GByteArray *file, const char *type, const void *data, gsize n)
{
  const guint start = file->len + 4;
  guint32 crc = 0xffffffff;

  put_big (file, (guint32)n);
  g_byte_array_append (file, (const guint8 *)type, 4);
  g_byte_array_append (file, data, (guint)n);
  for (guint i = start; i < file->len; i++) {
    crc ^= file->data[i];
    for (guint bit = 0; bit < 8; bit++)
      crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
  }
  put_big (file, ~crc);
}

/* A PNG that says it is so large, with n texts of 50 MB. */
static GByteArray *
png_bomb (guint32 side, guint n_texts)
{
  GByteArray *file = g_byte_array_new ();
  g_autoptr (GByteArray) header = g_byte_array_new (), text = g_byte_array_new ();
  g_autofree guint8 *zeroes = g_malloc0 (50 << 20);
  g_autoptr (GByteArray) rows = deflate (zeroes, 49 * 16), packed = deflate (zeroes, 50 << 20);

  g_byte_array_append (file, (const guint8 *)"\x89PNG\r\n\x1a\n", 8);
  put_big (header, side);
  put_big (header, side);
  g_byte_array_append (header, (const guint8 *)"\10\2\0\0\0", 5);
  put_chunk (file, "IHDR", header->data, header->len);
  g_byte_array_append (text, (const guint8 *)"Comment\0\0", 9);
  g_byte_array_append (text, packed->data, packed->len);
  for (guint i = 0; i < n_texts; i++)
    put_chunk (file, "zTXt", text->data, text->len);
  put_chunk (file, "IDAT", rows->data, rows->len);
  put_chunk (file, "IEND", "", 0);
  return file;
}

/* A TIFF of n pages of 4 x 4, or of one whose next page is itself; with `bands` of a pixel and a
 * profile of so many bytes. */
static GByteArray *
tiff_bomb (guint n, gboolean loops, guint bands, guint profile)
{
  enum { ENTRIES = 10, SIZE = 2 + 12 * ENTRIES + 4 };
  GByteArray *file = g_byte_array_new ();
  const guint data = 8 + n * SIZE;
  g_autofree guint8 *zeroes = g_malloc0 (16 * bands + profile);

  g_byte_array_append (file, (const guint8 *)"II*\0", 4);
  add_32 (file, 8);
  for (guint i = 0; i < n; i++) {
    const guint entries[ENTRIES][4] = {
      { 256, 4, 1, 4 },          { 257, 4, 1, 4 },
      { 258, 3, 1, 8 },          { 259, 3, 1, 1 },
      { 262, 3, 1, 1 },          { 273, 4, 1, data },
      { 277, 3, 1, bands },      { 278, 4, 1, 4 },
      { 279, 4, 1, 16 * bands }, { 34675, 7, MAX (profile, 5), data },
    };
    add_16 (file, ENTRIES);
    for (guint e = 0; e < ENTRIES; e++) {
      add_16 (file, entries[e][0]);
      add_16 (file, entries[e][1]);
      add_32 (file, entries[e][2]);
      add_32 (file, entries[e][3]);
    }
    add_32 (file, loops ? 8 : i + 1 < n ? 8 + (i + 1) * SIZE : 0);
  }
  g_byte_array_append (file, zeroes, 16 * bands + profile);
  return file;
}

/* A BMP of runs that ends at once. */
static GByteArray *
bmp_bomb (guint width, guint height)
{
  GByteArray *file = g_byte_array_new ();
  const guint fields[] = {
    0, 0, 62, 40, width, height, 1 | 8 << 16, 1, 0, 0, 0, 2, 0, 0, 0xffffff
  };

  g_byte_array_append (file, (const guint8 *)"BM", 2);
  for (guint i = 0; i < G_N_ELEMENTS (fields); i++)
    add_32 (file, fields[i]);
  g_byte_array_append (file, (const guint8 *)"\0\1", 2);
  return file;
}

/* Reads such a file in a child, which has so much memory and time; what it says, NULL where it was
 * read. */
static void
try_bomb (const char *name, GByteArray *file, const char *text)
{
  char *folder = cli_folder ();
  g_autofree char *path = g_build_filename (folder, name, NULL);
  const struct rlimit memory = { BOMB_BYTES, BOMB_BYTES }, time = { BOMB_SECONDS, BOMB_SECONDS };
  int status;

  g_assert_true (g_file_set_contents (path, (const char *)file->data, file->len, NULL));
  g_byte_array_unref (file);
  fflush (NULL);
  const pid_t child = fork ();
  if (child == 0) {
    g_autoptr (GError) error = NULL;
    g_auto (Picture) picture = { 0 };
    setrlimit (RLIMIT_DATA, &memory);
    setrlimit (RLIMIT_CPU, &time);
    const gboolean ok = picture_read (path, &picture, &error);
    if (!text)
      _exit (ok ? 0 : 1);
    _exit (!ok && strstr (error->message, text) ? 0 : 1);
  }
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  if (status != 0)
    g_error ("%s: status %d", name, status);
  cli_remove (folder);
}

static void
test_bombs (void)
{
  try_bomb ("huge.png", png_bomb (100000, 0), "100000 x 100000");
  try_bomb ("text.png", png_bomb (16, 200), "bytes of text");
  try_bomb ("some-text.png", png_bomb (16, 2), NULL);
  try_bomb ("pages.tif", tiff_bomb (10000, FALSE, 1, 0), NULL);
  try_bomb ("loop.tif", tiff_bomb (1, TRUE, 1, 0), NULL);
  try_bomb ("bands.tif", tiff_bomb (1, FALSE, 60000, 0), "cannot be decoded");
  try_bomb ("some-bands.tif", tiff_bomb (1, FALSE, 100, 0), "100 channels");
  try_bomb ("profile.tif", tiff_bomb (1, FALSE, 1, 100 << 20), NULL);
  try_bomb ("huge.bmp", bmp_bomb (100000, 100000), "100000 x 100000");
  try_bomb ("runs.bmp", bmp_bomb (16384, 8192), NULL);
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
  g_autofree char *wide = g_build_filename (folder, "wide.png", NULL);
  VipsImage *image = NULL;
  g_assert_cmpint (vips_black (&image, PICTURE_MOST_SIDE_PX + 1, 1, NULL), ==, 0);
  g_assert_cmpint (vips_image_write_to_file (image, wide, NULL), ==, 0);
  g_object_unref (image);

  assert_refused (text, "not a picture");
  assert_refused (empty, "empty");
  assert_refused (svg, "but SVG");
  /* libvips itself does not open it for us either. */
  g_assert_null (vips_image_new_from_file (svg, NULL));
  g_assert_nonnull (strstr (vips_error_buffer (), "blocked"));
  vips_error_clear ();
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

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  /* libvips warns about broken files, which these tests use. */
  g_log_set_always_fatal (G_LOG_LEVEL_CRITICAL | G_LOG_FATAL_MASK);
  g_assert_true (pictures_start (NULL));
  vips_operation_block_set ("VipsForeignSave", FALSE); /* ImageMagick writes BMP */
  /* First: its children are to have no threads of libvips'. */
  g_test_add_func ("/bad-pictures/bombs", test_bombs);
  g_test_add_func ("/bad-pictures/reasons", test_reasons);
  for (guint i = 0; i < G_N_ELEMENTS (cut_names); i++) {
    g_autofree char *path = g_strconcat ("/bad-pictures/truncated/", cut_names[i], NULL);
    g_test_add_data_func (path, cut_names[i], test_truncated);
  }
  g_test_add_func ("/bad-pictures/hole", test_hole);
  g_test_add_func ("/bad-pictures/side-by-side", test_side_by_side);
  g_test_add_func ("/bad-pictures/verbs", test_verbs);
  g_test_add_func ("/bad-pictures/refused", test_refused);
  return g_test_run ();
}
