/* SPDX-License-Identifier: MIT */
/* Decoding with libvips: only loaders of the five formats are let near a file, and nothing is
 * decoded before its size is known. */
#define _GNU_SOURCE /* memmem */
#include "trainer/data/pictures.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vips/vips.h>

#define STRIP 64 /* rows that are computed at a time */

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
    const ssize_t n = read (descriptor, bytes + done, (gsize)status.st_size - done);
    if (n < 0 && errno == EINTR)
      continue;
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
  const int descriptor = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0)
    return fail_io (path, error);
  const gboolean ok = read_descriptor (descriptor, path, data, n_bytes, error);
  close (descriptor);
  return ok;
}

/* ---- libvips --------------------------------------------------------------------------------- */

/*
 * Whether messages say that libjpeg made pixels up: after a premature end of a part of the file or
 * a code that makes no sense it goes on with grey or with whatever comes out, and the picture
 * counts as decoded. Bytes between the parts of a file do no harm, and some cameras leave them.
 */
static gboolean
tells_of_damage (const char *messages)
{
  g_auto (GStrv) lines = g_strsplit (messages, "\n", -1);

  for (char **line = lines; *line; line++)
    if (strstr (*line, "Corrupt JPEG data: ") && !strstr (*line, "extraneous bytes"))
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

/* Whether the bytes are of a format that we read. ImageMagick, which libvips asks for BMP, would
 * open many more, some of them programs. */
static gboolean
is_known (const guint8 *data, gsize n_bytes)
{
  static const char *const loaders[] = { "VipsForeignLoadJpeg", "VipsForeignLoadPng",
                                         "VipsForeignLoadWebp", "VipsForeignLoadTiff" };
  const char *loader = vips_foreign_find_load_buffer (data, n_bytes);

  for (guint i = 0; loader && i < G_N_ELEMENTS (loaders); i++)
    if (g_str_has_prefix (loader, loaders[i]))
      return TRUE;
  return loader && g_str_has_prefix (loader, "VipsForeignLoadMagick") && n_bytes > 2 &&
         memcmp (data, "BM", 2) == 0;
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

/* Upright, flat, sRGB, 8 bits; 0 when all went well. */
static int
to_srgb (VipsImage **image)
{
  VipsImage *next = NULL;

  if (step (image, &next, vips_autorot (*image, &next, NULL)) != 0)
    return -1;
  if (vips_image_hasalpha (*image) && step (image, &next, vips_flatten (*image, &next, NULL)) != 0)
    return -1;
  if (vips_image_get_typeof (*image, VIPS_META_ICC_NAME) && !is_srgb_profile (*image) &&
      step (image, &next, vips_icc_transform (*image, &next, "srgb", "embedded", TRUE, NULL)) != 0)
    return -1;
  if (step (image, &next, vips_colourspace (*image, &next, VIPS_INTERPRETATION_sRGB, NULL)) != 0)
    return -1;
  return step (image, &next, vips_cast_uchar (*image, &next, NULL));
}

static gboolean
check_size (const VipsImage *image, const char *path, GError **error)
{
  const gint64 width = vips_image_get_width (image), height = vips_image_get_height (image);

  if (width <= PICTURE_MOST_SIDE_PX && height <= PICTURE_MOST_SIDE_PX &&
      width * height <= PICTURE_MOST_PIXELS)
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
               "%s: %" G_GINT64_FORMAT " x %" G_GINT64_FORMAT
               " pixels; at most %d a side and %d in all are read",
               path, width, height, PICTURE_MOST_SIDE_PX, PICTURE_MOST_PIXELS);
  return FALSE;
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

/* ---- one picture ----------------------------------------------------------------------------- */

static gboolean
decode (VipsImage **image, const char *path, Picture *picture, GError **error)
{
  if (!check_size (*image, path, error))
    return FALSE;
  /* Only turning it asks for rows in another order than that of the file. */
  if ((vips_image_get_orientation (*image) != 1 && to_memory (image) != 0) || to_srgb (image) != 0)
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
  return compute (*image, picture->rgb) == 0 || fail_vips (path, error);
}

static gboolean
decode_bytes (const guint8 *data, gsize n_bytes, const char *path, Picture *picture, GError **error)
{
  if (!is_known (data, n_bytes)) {
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                 "%s: not a picture: neither JPEG, PNG, WebP, BMP nor TIFF", path);
    return FALSE;
  }
  VipsImage *image = vips_image_new_from_buffer (data, n_bytes, "", "fail_on", VIPS_FAIL_ON_ERROR,
                                                 "access", VIPS_ACCESS_SEQUENTIAL, NULL);
  const gboolean ok = image ? decode (&image, path, picture, error) : fail_vips (path, error);
  g_clear_object (&image);
  if (!ok)
    picture_clear (picture);
  return ok;
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

gboolean
picture_read (const char *path, Picture *picture, GError **error)
{
  g_autofree guint8 *data = NULL;
  gsize n_bytes = 0;

  *picture = (Picture){ 0 };
  return pictures_start (error) && read_file (path, &data, &n_bytes, error) &&
         (read_beside_others (data, n_bytes, path, picture) ||
          read_alone (data, n_bytes, path, picture, error));
}

void
picture_clear (Picture *picture)
{
  g_clear_pointer (&picture->rgb, g_free);
}

gboolean
picture_prepare (const char *path, const CowPreprocess *preprocess, CowPreparer *preparer,
                 float *out, GError **error)
{
  g_auto (Picture) decoded = { 0 };

  if (!picture_read (path, &decoded, error))
    return FALSE;
  const CkPicture picture = { .layout = CK_RGB8,
                              .width = decoded.width,
                              .height = decoded.height,
                              .plane = { decoded.rgb },
                              .stride = { 3 * (gint64)decoded.width },
                              .pixel_stride = 3,
                              .offset = { 0, 1, 2 } };
  if (cow_preparer_run (preparer, preprocess, &picture, NULL, out, error))
    return TRUE;
  g_prefix_error (error, "%s: ", path);
  return FALSE;
}

/* ---- which pictures the paths of a command line mean ----------------------------------------- */

/* Which pictures the paths of a command line mean. */

gboolean
pictures_is_name (const char *name)
{
  static const char *const extensions[] = { "jpg", "jpeg", "png", "webp", "bmp", "tif", "tiff" };
  const char *dot = strrchr (name, '.');

  for (guint i = 0; dot && i < G_N_ELEMENTS (extensions); i++)
    if (g_ascii_strcasecmp (dot + 1, extensions[i]) == 0)
      return TRUE;
  return FALSE;
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

GPtrArray *
pictures_folder_names (const char *folder, GError **error)
{
  GError *local = NULL;
  g_autoptr (GDir) dir = g_dir_open (folder, 0, &local);
  const char *name;

  if (!dir) {
    g_set_error_literal (error, COW_ERROR, COW_ERROR_IO, local->message);
    g_error_free (local);
    return NULL;
  }
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  while ((name = g_dir_read_name (dir)))
    if (name[0] != '.')
      g_ptr_array_add (names, g_strdup (name));
  g_ptr_array_sort (names, compare_names);
  return names;
}

/* Folders that are links are not entered: they could lead in a circle. How deep folders nest is
 * bounded by the length of a path. */
static gboolean
add_folder (GPtrArray *pictures, const char *folder, GError **error)
{
  g_autoptr (GPtrArray) names = pictures_folder_names (folder, error);

  for (guint i = 0; names && i < names->len; i++) {
    g_autofree char *path = g_build_filename (folder, names->pdata[i], NULL);
    if (!g_file_test (path, G_FILE_TEST_IS_DIR)) {
      if (pictures_is_name (path))
        g_ptr_array_add (pictures, g_steal_pointer (&path));
    } else if (!g_file_test (path, G_FILE_TEST_IS_SYMLINK) && !add_folder (pictures, path, error)) {
      return FALSE;
    }
  }
  return names != NULL;
}

GPtrArray *
pictures_find (char *const *paths, GError **error)
{
  g_autoptr (GPtrArray) pictures = g_ptr_array_new_with_free_func (g_free);

  for (; *paths; paths++) {
    const guint before = pictures->len;
    if (!g_file_test (*paths, G_FILE_TEST_EXISTS)) {
      g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND, "%s does not exist", *paths);
      return NULL;
    }
    if (!g_file_test (*paths, G_FILE_TEST_IS_DIR)) {
      g_ptr_array_add (pictures, g_strdup (*paths));
      continue;
    }
    if (!add_folder (pictures, *paths, error))
      return NULL;
    if (pictures->len == before) {
      g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND,
                   "%s holds no pictures (jpg, jpeg, png, webp, bmp, tif, tiff)", *paths);
      return NULL;
    }
  }
  return g_steal_pointer (&pictures);
}
