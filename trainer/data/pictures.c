/* SPDX-License-Identifier: MIT */
/* Decoding with libvips, and BMP without: only loaders of the five formats are let near a file, and
 * nothing is decoded before its size is known. */
#define _GNU_SOURCE /* memmem */
#include "trainer/data/pictures.h"
#include "model/files/file-writer.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vips/vips.h>

#include "trainer/data/bmp.h"
#include "trainer/data/video-bytes.h"

#define STRIP         64 /* rows that are computed at a time */
#define MOST_CHANNELS 5
#define MOST_PROFILE  (16 << 20)  /* bytes: printers' have some 2 MB */
#define MOST_TEXT     (512 << 10) /* bytes of a PNG's compressed texts, a thousandfold when read */
#define FEW_PARTS     200         /* one value in so many at either end is no contrast */

/* Bytes that libvips and the libraries behind it take for themselves, whatever the picture: some 5
 * MB were seen. */
#define TO_BEGIN (32 << 20)
/* How often the decoded picture may be there: lines of some libraries, all of it in others'
 * (progressive JPEG, interlaced PNG, WebP), and our copies. */
#define COPIES 4

/* ---- bytes ----------------------------------------------------------------------------------- */

static gboolean
fail_io (const char *path, GError **error)
{
  const int code = errno;
  g_set_error (error, COW_ERROR, code == ENOENT ? COW_ERROR_NOT_FOUND : COW_ERROR_IO, "%s: %s",
               path, g_strerror (code));
  return FALSE;
}

static gboolean
read_descriptor (int descriptor, const char *path, guint8 **data, gsize *n_bytes, GError **error)
{
  struct stat status;

  if (fstat (descriptor, &status) != 0)
    return fail_io (path, error);
  if (!S_ISREG (status.st_mode) || status.st_size <= 0 || status.st_size > PICTURE_MOST_FILE_SIZE) {
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: not a picture: %s", path,
                 !S_ISREG (status.st_mode) ? "not a regular file"
                 : status.st_size <= 0     ? "the file is empty"
                                           : "the file is larger than 256 MB");
    return FALSE;
  }
  g_autofree guint8 *bytes = g_try_malloc ((gsize)status.st_size);
  gsize done = 0;
  while (bytes && done < (gsize)status.st_size) {
    const ssize_t n = cow_read (descriptor, bytes + done, (gsize)status.st_size - done);
    if (n < 0)
      return fail_io (path, error);
    if (n == 0)
      break;
    done += (gsize)n;
  }
  if (!bytes)
    return cow_check (CK_NO_MEMORY, error, "%s", path);
  *n_bytes = done;
  *data = g_steal_pointer (&bytes);
  return TRUE;
}

/* The file as it is now, copied: a mapping would end the process if somebody cut the file
 * meanwhile. */
static gboolean
read_file (const char *path, guint8 **data, gsize *n_bytes, GError **error)
{
  /* O_NONBLOCK: opening a named pipe must not wait for a writer. */
  const int descriptor = cow_open (path, O_RDONLY | O_NONBLOCK, 0);
  if (descriptor < 0)
    return fail_io (path, error);
  const gboolean ok = read_descriptor (descriptor, path, data, n_bytes, error);
  close (descriptor);
  return ok;
}

/* ---- libvips --------------------------------------------------------------------------------- */

/*
 * Whether messages say that pixels were made up. libjpeg, after a premature end of a part of the
 * file or a code that makes no sense, goes on with grey or with whatever comes out, and libvips'
 * cache of lines (8.14) leaves a strip as it was where it gets no memory for it; the picture counts
 * as decoded. Bytes between the parts of a file do no harm, and some cameras leave them.
 */
static gboolean
tells_of_damage (const char *messages)
{
  g_auto (GStrv) lines = g_strsplit (messages, "\n", -1);

  for (char **line = lines; *line; line++)
    if ((strstr (*line, "Corrupt JPEG data: ") && !strstr (*line, "extraneous bytes")) ||
        g_str_has_prefix (*line, "vips_tracked"))
      return TRUE;
  return FALSE;
}

/*
 * The messages of libvips since the last time, on one line; free with g_free. libvips keeps them in
 * one place, which all threads share. So many threads decode at once, and whoever may be meant, as
 * its picture failed or *n_damaged rose meanwhile, decodes once more with nobody beside: then what
 * is said is about its picture.
 */
static char *
take_messages (guint *n_damaged)
{
  static GMutex lock;
  static guint n;

  g_mutex_lock (&lock);
  char *text = vips_error_buffer_copy ();
  n += tells_of_damage (text);
  *n_damaged = n;
  g_mutex_unlock (&lock);
  return g_strdelimit (g_strstrip (text), "\n", ';');
}

static gboolean
fail_vips (const char *path, GError **error)
{
  guint ignored;
  g_autofree char *text = take_messages (&ignored);

  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: cannot be decoded: %s", path,
               *text ? text : "unknown reason");
  return FALSE;
}

static void
ignore_log (const char *domain, GLogLevelFlags level, const char *message, gpointer data)
{
}

gboolean
pictures_start (GError **error)
{
  static gsize started;

  if (g_once_init_enter (&started)) {
    const gboolean ok = VIPS_INIT ("cow-trainer") == 0;
    if (ok) {
      /* Loaders that libvips does not trust with files of strangers, ImageMagick's among them. */
      vips_block_untrusted_set (TRUE);
      /* No picture is looked at twice. */
      vips_cache_set_max (0);
      /* Many small pictures: those who hurry decode several side by side, which costs less than
       * several threads on each. */
      vips_concurrency_set (1);
      /* Whatever matters comes back as an error; remarks about odd files would break the one line
       * that an error has. */
      g_log_set_handler ("VIPS", G_LOG_LEVEL_WARNING, ignore_log, NULL);
    }
    g_once_init_leave (&started, ok ? 1 : 2);
  }
  if (started == 1)
    return TRUE;
  g_set_error_literal (error, COW_ERROR, COW_ERROR_DEVICE, "libvips does not start");
  return FALSE;
}

/* Whether the bytes are of a format that libvips reads for us. */
static gboolean
is_known (const guint8 *data, gsize n_bytes)
{
  static const char *const loaders[] = { "VipsForeignLoadJpeg", "VipsForeignLoadPng",
                                         "VipsForeignLoadWebp", "VipsForeignLoadTiff" };
  const char *loader = vips_foreign_find_load_buffer (data, n_bytes);

  for (guint i = 0; loader && i < G_N_ELEMENTS (loaders); i++)
    if (g_str_has_prefix (loader, loaders[i]))
      return TRUE;
  return FALSE;
}

/* Texts of a PNG, which nobody asks for, are read with its header, however long they get. */
static gboolean
check_texts (const guint8 *data, gsize n_bytes, const char *path, GError **error)
{
  gsize texts = 0;

  if (n_bytes < 8 || memcmp (data, "\x89PNG", 4) != 0)
    return TRUE;
  for (gsize at = 8; n_bytes - at >= 8;) {
    const gsize n =
        (gsize)data[at] << 24 | (gsize)data[at + 1] << 16 | (gsize)data[at + 2] << 8 | data[at + 3];
    if (memcmp (data + at + 4, "zTXt", 4) == 0 || memcmp (data + at + 4, "iTXt", 4) == 0)
      texts += n;
    if (n > n_bytes - at - 8 || n_bytes - at - 8 - n < 4)
      break; /* libpng says it better */
    at += 12 + n;
  }
  if (texts <= MOST_TEXT)
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
               "%s: %" G_GSIZE_FORMAT " bytes of text; at most %d are read", path, texts,
               MOST_TEXT);
  return FALSE;
}

#define VIDEO "a video: cow-trainer annotate tells what is in it, crop makes pictures of it"

/* What bytes that we do not read are, for the message; NULL when they say nothing. */
static const char *
guess_format (const guint8 *data, gsize n_bytes)
{
  static const struct {
    gsize offset;
    const char *bytes, *name;
  } starts[] = {
    { 4, "ftypheic", "HEIC" },
    { 4, "ftypheix", "HEIC" },
    { 4, "ftypmif1", "HEIF" },
    { 4, "ftyphevc", "HEIC" },
    { 4, "ftypavif", "AVIF" },
    { 4, "ftypavis", "AVIF" },
    { 4, "ftypcrx", "Canon's raw data" },
    { 0, "GIF8", "GIF" },
    { 0, "%PDF", "PDF" },
    { 0, "<svg", "SVG" },
    { 0, "\xff\x0a", "JPEG XL" },
    { 4, "JXL ", "JPEG XL" },
    { 4, "jP  ", "JPEG 2000" },
    { 0, "8BPS", "PSD" },
    { 0, "P6", "PPM" },
    { 0, "P5", "PGM" },
    { 0, "PK\3\4", "a zip" },
    { 0, "<!DOCTYPE", "a web page" },
    { 0, "<html", "a web page" },
    { 0, "version https://git-lfs", "a pointer of Git LFS: git lfs pull fetches the file" },
    { 0, "#?RADIANCE", "HDR" },
    { 0, "v/1\1", "EXR" },
  };

  if (n_bytes >= 4 && (memcmp (data, "II*\0", 4) == 0 || memcmp (data, "MM\0*", 4) == 0))
    return "a TIFF that is cut short or damaged";
  for (guint i = 0; i < G_N_ELEMENTS (starts); i++) {
    const gsize n = strlen (starts[i].bytes);
    if (n_bytes >= starts[i].offset + n &&
        memcmp (data + starts[i].offset, starts[i].bytes, n) == 0)
      return starts[i].name;
  }
  return video_bytes (data, n_bytes) ? VIDEO : NULL;
}

/* Whether a colour profile is sRGB's, by its description (ASCII or UTF-16): converting from it
 * would only add rounding. */
static gboolean
is_srgb_profile (const VipsImage *image)
{
  const void *profile;
  size_t n_bytes;

  if (vips_image_get_blob (image, VIPS_META_ICC_NAME, &profile, &n_bytes) != 0)
    return FALSE;
  return memmem (profile, n_bytes, "sRGB", 4) != NULL ||
         memmem (profile, n_bytes, "s\0R\0G\0B", 7) != NULL;
}

/* Puts what an operation gave in place of what it was given; passes its status on. */
static int
step (VipsImage **image, VipsImage **next, int failed)
{
  if (!failed) {
    g_object_unref (*image);
    *image = g_steal_pointer (next);
  }
  return failed;
}

static gboolean
check_size (gint64 width, gint64 height, const char *path, GError **error)
{
  if (width <= PICTURE_MOST_SIDE_PX && height <= PICTURE_MOST_SIDE_PX &&
      width * height <= PICTURE_MOST_PIXELS)
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
               "%s: %" G_GINT64_FORMAT " x %" G_GINT64_FORMAT
               " pixels; at most %d a side and %d in all are read",
               path, width, height, PICTURE_MOST_SIDE_PX, PICTURE_MOST_PIXELS);
  return FALSE;
}

/* More channels than CMYK's with alpha are no picture, but memory. */
static gboolean
check_channels (const VipsImage *image, const char *path, GError **error)
{
  if (vips_image_get_bands (image) <= MOST_CHANNELS)
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED, "%s: a picture of %d channels", path,
               vips_image_get_bands (image));
  return FALSE;
}

/* ---- memory ---------------------------------------------------------------------------------- */

gboolean
pictures_have_memory (gsize n_bytes, const char *path, GError **error)
{
  n_bytes += TO_BEGIN;
  void *memory = mmap (NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  if (memory == MAP_FAILED)
    return cow_check (CK_NO_MEMORY, error, "%s", path);
  munmap (memory, n_bytes);
  return TRUE;
}

/* Of a picture whose size was checked. */
static gboolean
has_memory_for (const VipsImage *image, const char *path, GError **error)
{
  return pictures_have_memory (
      (gsize)COPIES * VIPS_IMAGE_SIZEOF_IMAGE (image) + 3 * VIPS_IMAGE_N_PELS (image), path, error);
}

/* ---- computing in this thread ---------------------------------------------------------------- */

/*
 * Computes all rows of an image, one strip after the other, in this thread. libvips' own sinks give
 * strips to workers and look at their result when the last strip was given away, not when it is
 * done (8.14): where only that one fails, its rows stay as they were and nobody is told.
 */
static int
compute (VipsImage *image, guint8 *rows)
{
  const gsize row_size = VIPS_IMAGE_SIZEOF_LINE (image);
  const int width = vips_image_get_width (image), height = vips_image_get_height (image);
  VipsRegion *region = vips_image_pio_input (image) == 0 ? vips_region_new (image) : NULL;
  int status = region ? 0 : -1;

  for (int y = 0; status == 0 && y < height; y += STRIP) {
    const VipsRect strip = { 0, y, width, MIN (STRIP, height - y) };
    status = vips_region_prepare (region, &strip);
    for (int i = 0; status == 0 && i < strip.height; i++)
      memcpy (rows + (gsize)(y + i) * row_size, VIPS_REGION_ADDR (region, 0, y + i), row_size);
  }
  g_clear_object (&region);
  return status;
}

/* Decodes a picture whose header was read. What follows may ask for its rows in any order. */
static int
to_memory (VipsImage **image)
{
  VipsImage *memory = vips_image_new_memory ();
  int status = vips_image_pipelinev (memory, VIPS_DEMAND_STYLE_ANY, *image, NULL);
  if (status == 0)
    status = vips_image_write_prepare (memory);
  if (status == 0)
    status = compute (*image, memory->data);
  g_object_unref (*image);
  *image = memory;
  return status;
}

/* ---- to 8 bits of sRGB ----------------------------------------------------------------------- */

/* The smallest and the largest value of a band of a picture in memory; FALSE where its type is none
 * that files have. */
static gboolean
find_range (const VipsImage *image, int band, double *least, double *most)
{
  const gsize n = VIPS_IMAGE_N_PELS (image), bands = (gsize)vips_image_get_bands (image);
  const guint8 *bytes = (const guint8 *)image->data;
  const guint16 *shorts = (const guint16 *)(const void *)image->data;
  const float *floats = (const float *)(const void *)image->data;
  const VipsBandFormat format = vips_image_get_format (image);

  if (format != VIPS_FORMAT_UCHAR && format != VIPS_FORMAT_USHORT && format != VIPS_FORMAT_FLOAT)
    return FALSE;
  *least = G_MAXDOUBLE;
  *most = -G_MAXDOUBLE;
  for (gsize i = (gsize)band; i < n * bands; i += bands) {
    const double value = format == VIPS_FORMAT_UCHAR    ? bytes[i]
                         : format == VIPS_FORMAT_USHORT ? shorts[i]
                                                        : (double)floats[i];
    *least = MIN (*least, value);
    *most = MAX (*most, value);
  }
  return TRUE;
}

/* Alpha onto black; alpha that is zero throughout was never meant, and is taken off. */
static int
flatten (VipsImage **image, PictureNotes *notes)
{
  VipsImage *next = NULL;
  double least, most;

  if (to_memory (image) != 0)
    return -1;
  const int bands = vips_image_get_bands (*image);
  if (!find_range (*image, bands - 1, &least, &most) || most > 0)
    return step (image, &next, vips_flatten (*image, &next, NULL));
  *notes |= PICTURE_EMPTY_ALPHA;
  return step (image, &next, vips_extract_band (*image, &next, 0, "n", bands - 1, NULL));
}

/* Floating-point grey from 0 to 1 is what libraries for measurements write; libvips would take it
 * for values up to 255. */
static int
scale_floats (VipsImage **image, PictureNotes *notes)
{
  const VipsInterpretation meaning = vips_image_get_interpretation (*image);
  VipsImage *next = NULL;
  double least = 0, most = 0;

  if (vips_image_get_format (*image) != VIPS_FORMAT_FLOAT ||
      (meaning != VIPS_INTERPRETATION_B_W && meaning != VIPS_INTERPRETATION_MULTIBAND))
    return 0;
  if (to_memory (image) != 0)
    return -1;
  for (int band = 0; band < vips_image_get_bands (*image); band++) {
    double low, high;
    if (!find_range (*image, band, &low, &high))
      return 0;
    least = MIN (least, low);
    most = MAX (most, high);
  }
  if (!(least >= 0 && most > 0 && most <= 1))
    return 0;
  *notes |= PICTURE_SCALED;
  return step (image, &next, vips_linear1 (*image, &next, 255, 0, NULL));
}

/* Whether the embedded profile is whole and of as many channels as the picture has. libvips would
 * take another one in its place, or give up where it has none. */
static gboolean
profile_fits (const VipsImage *image)
{
  static const struct {
    const char *space;
    int bands;
  } spaces[] = { { "GRAY", 1 }, { "RGB ", 3 }, { "CMYK", 4 } };
  const guint8 *profile;
  size_t n_bytes;

  if (vips_image_get_blob (image, VIPS_META_ICC_NAME, (const void **)&profile, &n_bytes) != 0 ||
      n_bytes < 132 || n_bytes > MOST_PROFILE || memcmp (profile + 36, "acsp", 4) != 0)
    return FALSE;
  const gsize says =
      (gsize)profile[0] << 24 | (gsize)profile[1] << 16 | (gsize)profile[2] << 8 | profile[3];
  for (guint i = 0; i < G_N_ELEMENTS (spaces); i++)
    if (memcmp (profile + 16, spaces[i].space, 4) == 0)
      return says <= n_bytes && vips_image_get_bands (image) == spaces[i].bands;
  return FALSE;
}

/* From the embedded profile to sRGB. A profile that is not one for these channels is left out, as
 * viewers do. */
static int
apply_profile (VipsImage **image, PictureNotes *notes)
{
  VipsImage *next = NULL;
  guint ignored;

  if (!vips_image_get_typeof (*image, VIPS_META_ICC_NAME))
    return 0;
  const gboolean fits = profile_fits (*image);
  if (fits && is_srgb_profile (*image))
    return 0;
  /* Twice, since lcms does not tell a profile that makes no sense from memory that was missing for
   * a moment; where it still is, the colours are not to be guessed. */
  for (int i = 0; fits && i < 2; i++) {
    if (step (image, &next, vips_icc_transform (*image, &next, "srgb", "embedded", TRUE, NULL)) ==
        0)
      return 0;
    if (!pictures_have_memory (0, "", NULL))
      return -1;
  }
  /* It failed before any pixel was read; what it said is not about the picture. */
  g_free (take_messages (&ignored));
  *notes |= PICTURE_ODD_PROFILE;
  return 0;
}

/* Upright, flat, sRGB, 8 bits; 0 when all went well. */
static int
to_srgb (VipsImage **image, PictureNotes *notes)
{
  VipsImage *next = NULL;

  if (step (image, &next, vips_autorot (*image, &next, NULL)) != 0)
    return -1;
  if (vips_image_hasalpha (*image) && flatten (image, notes) != 0)
    return -1;
  if (scale_floats (image, notes) != 0 || apply_profile (image, notes) != 0)
    return -1;
  if (step (image, &next, vips_colourspace (*image, &next, VIPS_INTERPRETATION_sRGB, NULL)) != 0)
    return -1;
  return step (image, &next, vips_cast_uchar (*image, &next, NULL));
}

/* ---- one picture ----------------------------------------------------------------------------- */

/* Between which values all but a few of n are: dead pixels of a thermal camera, or a logo, are no
 * contrast. */
static void
find_bulk (const gsize *counts, gsize n, int *low, int *high)
{
  gsize below = 0, above = 0;

  *low = 0;
  *high = 255;
  while (*low < 255 && (below += counts[*low]) * FEW_PARTS <= n)
    ++*low;
  while (*high > *low && (above += counts[*high]) * FEW_PARTS <= n)
    --*high;
}

/* The first rows of most pictures tell already: what is counted later only widens the range. */
static void
note_contrast (Picture *picture)
{
  const gsize n = 3 * (gsize)picture->width * (gsize)picture->height,
              strip = 3 * (gsize)picture->width * STRIP;
  gsize counts[256] = { 0 };
  int low = 0, high = 255;

  for (gsize i = 0; i < n;) {
    for (const gsize end = MIN (i + strip, n); i < end; i++)
      counts[picture->rgb[i]]++;
    find_bulk (counts, n, &low, &high);
    if (high - low >= PICTURE_LEAST_CONTRAST)
      return;
  }
  picture->darkest = (guint8)low;
  picture->brightest = (guint8)high;
  picture->notes |= PICTURE_FLAT;
}

static gboolean
decode (VipsImage **image, const char *path, Picture *picture, GError **error)
{
  if (!check_size (vips_image_get_width (*image), vips_image_get_height (*image), path, error) ||
      !check_channels (*image, path, error) || !has_memory_for (*image, path, error))
    return FALSE;
  /* Only turning it asks for rows in another order than that of the file. */
  if ((vips_image_get_orientation (*image) != 1 && to_memory (image) != 0) ||
      to_srgb (image, &picture->notes) != 0)
    return fail_vips (path, error);
  if (vips_image_get_bands (*image) != 3) {
    g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED, "%s: a picture of %d channels", path,
                 vips_image_get_bands (*image));
    return FALSE;
  }
  picture->width = vips_image_get_width (*image);
  picture->height = vips_image_get_height (*image);
  picture->rgb = g_try_malloc (VIPS_IMAGE_SIZEOF_IMAGE (*image));
  if (!picture->rgb)
    return cow_check (CK_NO_MEMORY, error, "%s", path);
  if (compute (*image, picture->rgb) != 0)
    return fail_vips (path, error);
  note_contrast (picture);
  return TRUE;
}

/* A picture whose header is read; NULL with an error. */
static VipsImage *
open_bytes (const guint8 *data, gsize n_bytes, const char *path, GError **error)
{
  if (!check_texts (data, n_bytes, path, error) || !pictures_have_memory (0, path, error))
    return NULL;
  if (!is_known (data, n_bytes)) {
    const char *format = guess_format (data, n_bytes);
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                 "%s: not a picture: neither JPEG, PNG, WebP, BMP nor TIFF%s%s", path,
                 format ? ", but " : "", format ? format : "");
    return NULL;
  }
  VipsImage *image = vips_image_new_from_buffer (data, n_bytes, "", "fail_on", VIPS_FAIL_ON_ERROR,
                                                 "access", VIPS_ACCESS_SEQUENTIAL, NULL);
  if (!image)
    fail_vips (path, error);
  return image;
}

static gboolean
decode_bytes (const guint8 *data, gsize n_bytes, const char *path, Picture *picture, GError **error)
{
  VipsImage *image = open_bytes (data, n_bytes, path, error);
  const gboolean ok = image && decode (&image, path, picture, error);
  g_clear_object (&image);
  if (!ok)
    picture_clear (picture);
  return ok;
}

/* Alpha lies on black; where it is 0 throughout it was never meant. */
static void
drop_alpha (Picture *picture, const guint8 *rgba)
{
  const gsize n = (gsize)picture->width * (gsize)picture->height;
  guint any = 0;

  for (gsize i = 0; i < n; i++)
    any |= rgba[4 * i + 3];
  for (gsize i = 0; i < n; i++)
    for (guint c = 0; c < 3; c++) {
      const guint value = rgba[4 * i + c], alpha = any ? rgba[4 * i + 3] : 255;
      picture->rgb[3 * i + c] = (guint8)((value * alpha + 127) / 255);
    }
  if (!any)
    picture->notes |= PICTURE_EMPTY_ALPHA;
}

static gboolean
read_bmp (const guint8 *data, gsize n_bytes, const char *path, Picture *picture, GError **error)
{
  g_autofree guint8 *rgba = NULL;
  Bmp bmp;

  if (!bmp_open (&bmp, data, n_bytes, path, error) ||
      !check_size (bmp.width, bmp.height, path, error))
    return FALSE;
  const gsize n = (gsize)bmp.width * (gsize)bmp.height;
  picture->width = bmp.width;
  picture->height = bmp.height;
  picture->rgb = g_try_malloc (3 * n);
  if (bmp.has_alpha)
    rgba = g_try_malloc (4 * n);
  if (!picture->rgb || (bmp.has_alpha && !rgba))
    return cow_check (CK_NO_MEMORY, error, "%s", path);
  if (!bmp_decode (&bmp, rgba ? rgba : picture->rgb, path, error))
    return FALSE;
  if (rgba)
    drop_alpha (picture, rgba);
  note_contrast (picture);
  return TRUE;
}

/* ---- reading --------------------------------------------------------------------------------- */

static GRWLock alone; /* readers decode; the writer decodes alone */

/* Decodes beside others; FALSE when it failed or what somebody's libvips said may be about it. */
static gboolean
read_beside_others (const guint8 *data, gsize n_bytes, const char *path, Picture *picture)
{
  guint before, after;

  g_rw_lock_reader_lock (&alone);
  g_free (take_messages (&before));
  gboolean ok = decode_bytes (data, n_bytes, path, picture, NULL);
  g_free (take_messages (&after));
  g_rw_lock_reader_unlock (&alone);
  if (ok && before != after) {
    picture_clear (picture);
    ok = FALSE;
  }
  return ok;
}

static gboolean
read_alone (const guint8 *data, gsize n_bytes, const char *path, Picture *picture, GError **error)
{
  guint before, after;

  g_rw_lock_writer_lock (&alone);
  g_free (take_messages (&before));
  gboolean ok = decode_bytes (data, n_bytes, path, picture, error);
  g_autofree char *messages = take_messages (&after);
  g_rw_lock_writer_unlock (&alone);
  if (!ok || before == after)
    return ok;
  picture_clear (picture);
  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: cannot be decoded: %s", path, messages);
  return FALSE;
}

/* Of a picture that libvips reads; alone, so that what it says is about this one. */
static gboolean
size_by_header (const guint8 *data, gsize n_bytes, const char *path, int size[2], GError **error)
{
  g_rw_lock_writer_lock (&alone);
  VipsImage *image = open_bytes (data, n_bytes, path, error);
  g_rw_lock_writer_unlock (&alone);
  if (!image)
    return FALSE;
  const gboolean on_its_side = vips_image_get_orientation (image) >= 5;
  size[on_its_side] = vips_image_get_width (image);
  size[!on_its_side] = vips_image_get_height (image);
  g_object_unref (image);
  return TRUE;
}

gboolean
picture_size (const char *path, int *width, int *height, GError **error)
{
  g_autofree guint8 *data = NULL;
  gsize n_bytes = 0;
  int size[2] = { 0 };

  if (!read_file (path, &data, &n_bytes, error))
    return FALSE;
  if (bmp_is_bmp (data, n_bytes)) {
    Bmp bmp;
    if (!bmp_open (&bmp, data, n_bytes, path, error))
      return FALSE;
    size[0] = bmp.width;
    size[1] = bmp.height;
  } else if (!pictures_start (error) || !size_by_header (data, n_bytes, path, size, error))
    return FALSE;
  *width = size[0];
  *height = size[1];
  return check_size (size[0], size[1], path, error);
}

gboolean
picture_read (const char *path, Picture *picture, GError **error)
{
  g_autofree guint8 *data = NULL;
  gsize n_bytes = 0;

  *picture = (Picture){ 0 };
  if (!read_file (path, &data, &n_bytes, error))
    return FALSE;
  if (bmp_is_bmp (data, n_bytes)) {
    if (read_bmp (data, n_bytes, path, picture, error))
      return TRUE;
    picture_clear (picture);
    return FALSE;
  }
  return pictures_start (error) && (read_beside_others (data, n_bytes, path, picture) ||
                                    read_alone (data, n_bytes, path, picture, error));
}

void
picture_clear (Picture *picture)
{
  g_clear_pointer (&picture->rgb, g_free);
}

char *
picture_notes_text (const Picture *picture)
{
  GString *text = g_string_new (NULL);

  if (picture->notes & PICTURE_FLAT)
    g_string_append_printf (text,
                            "; nearly all values are from %d to %d of 255: nothing is to be seen "
                            "on it (scale measurements to 8 bits first)",
                            picture->darkest, picture->brightest);
  if (picture->notes & PICTURE_EMPTY_ALPHA)
    g_string_append (text, "; its alpha is 0 throughout and is left out");
  if (picture->notes & PICTURE_SCALED)
    g_string_append (text, "; its numbers from 0 to 1 are scaled to 255");
  if (picture->notes & PICTURE_ODD_PROFILE)
    g_string_append (text, "; its colour profile does not fit its channels and is left out");
  if (text->len > 0)
    g_string_erase (text, 0, 2);
  return g_string_free (text, text->len == 0);
}

CkPicture
picture_view (const guint8 *rgb, int width, int height)
{
  return (CkPicture){ .layout = CK_RGB8,
                      .width = width,
                      .height = height,
                      .plane = { rgb },
                      .stride = { 3 * (gint64)width },
                      .pixel_stride = 3,
                      .offset = { 0, 1, 2 } };
}

gboolean
picture_prepare (const char *path, const CowPreprocess *preprocess, CowPreparer *preparer,
                 float *out, char **notes, GError **error)
{
  g_auto (Picture) decoded = { 0 };

  if (notes)
    *notes = NULL;
  if (!picture_read (path, &decoded, error))
    return FALSE;
  if (notes)
    *notes = picture_notes_text (&decoded);
  const CkPicture picture = picture_view (decoded.rgb, decoded.width, decoded.height);
  if (cow_preparer_run (preparer, preprocess, &picture, NULL, out, error))
    return TRUE;
  g_prefix_error (error, "%s: ", path);
  return FALSE;
}
