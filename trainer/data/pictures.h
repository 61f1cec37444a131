/* SPDX-License-Identifier: MIT */
/* Pictures on disk: which ones a command line means, and their pixels as 8-bit sRGB. Decoding is
 * libvips'. */
#ifndef COW_TRAINER_PICTURES_H
#define COW_TRAINER_PICTURES_H

#include "model/adapter/preprocess.h"

#define PICTURE_MOST_SIDE_PX   16384
#define PICTURE_MOST_PIXELS    (1 << 27) /* 400 MB decoded */
#define PICTURE_MOST_FILE_SIZE (1 << 28) /* bytes */

/*
 * The pictures that files and folders mean: a file stands for itself whatever its name; a folder
 * for all jpg, jpeg, png, webp, bmp, tif and tiff below it, sorted by name, hidden ones left out.
 * COW_ERROR_NOT_FOUND for a path that does not exist or a folder without pictures.
 */
GPtrArray *pictures_find (char *const *paths, GError **error);
/* The names in a folder, hidden ones left out, sorted as bytes. */
GPtrArray *pictures_folder_names (const char *folder, GError **error);
/* Whether a name ends as those of pictures do. */
gboolean pictures_is_name (const char *name);

/* Starts libvips once; what decodes does so itself. Each thread that used libvips ends with
 * vips_thread_shutdown (). */
gboolean pictures_start (GError **error);

/* Pixels of one picture, upright, three bytes each: R, G, B. */
typedef struct {
  guint8 *rgb; /* [height, width, 3] */
  int width, height;
} Picture;

/*
 * Decodes JPEG, PNG, WebP, BMP or TIFF, by content. EXIF orientation is applied, embedded profiles
 * other than sRGB's are converted, grey becomes RGB, transparency lies on black, 16 bits become 8.
 * A truncated file is an error, as is one larger than the limits above. Every message starts with
 * the path.
 */
gboolean picture_read (const char *path, Picture *picture, GError **error);
void picture_clear (Picture *picture);

/* Reads a picture and prepares it for the network, to out [3, height, width]. */
gboolean picture_prepare (const char *path, const CowPreprocess *preprocess, CowPreparer *preparer,
                          float *out, GError **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Picture, picture_clear)

#endif
