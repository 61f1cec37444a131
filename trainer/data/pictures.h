/* SPDX-License-Identifier: MIT */
/* The pixels of a picture on disk as 8-bit sRGB. Decoding is libvips'. */
#ifndef COW_TRAINER_PICTURES_H
#define COW_TRAINER_PICTURES_H

#include "model/adapter/preprocess.h"

#define PICTURE_MOST_SIDE_PX   16384
#define PICTURE_MOST_PIXELS    (1 << 27) /* 400 MB decoded */
#define PICTURE_MOST_FILE_SIZE (1 << 28) /* bytes */

/* Starts libvips once; what decodes does so itself. Each thread that used libvips ends with
 * vips_thread_shutdown (). */
gboolean pictures_start (GError **error);

/*
 * Whether there is memory for so many bytes of pixels, and what libvips and the libraries behind it
 * need besides; else COW_ERROR_MEMORY. They were not written to be without: some end the process,
 * others leave out what they could not hold, a strip, an orientation or a profile, without a word.
 * So it is looked for before they are called.
 */
gboolean pictures_have_memory (gsize n_bytes, const char *path, GError **error);

#define PICTURE_LEAST_CONTRAST 9 /* of 255; noise of a camera alone has as much */

/* What a user should know of a picture that was read. */
typedef enum {
  PICTURE_FLAT = 1,        /* hardly any contrast */
  PICTURE_EMPTY_ALPHA = 2, /* 0 throughout, and left out */
  PICTURE_SCALED = 4,      /* floating-point values from 0 to 1 */
  PICTURE_ODD_PROFILE = 8, /* does not fit the channels, and is left out */
} PictureNotes;

/* Pixels of one picture, upright, three bytes each: R, G, B. */
typedef struct {
  guint8 *rgb; /* [height, width, 3] */
  int width, height;
  guint8 darkest, brightest; /* of PICTURE_FLAT: all but a few values are between these */
  PictureNotes notes;
} Picture;

/*
 * Decodes JPEG, PNG, WebP, BMP or TIFF, by content. EXIF orientation is applied, embedded profiles
 * other than sRGB's are converted, grey becomes RGB, transparency lies on black, 16 bits become 8,
 * floating-point grey from 0 to 1 becomes 0 to 255. Alpha that is 0 throughout, and a profile that
 * does not fit, are left out and noted.
 * A truncated file is an error, as is one larger than the limits above. Every message starts with
 * the path.
 */
gboolean picture_read (const char *path, Picture *picture, GError **error);
void picture_clear (Picture *picture);
/* The size of a picture as picture_read () would give it, upright, by its header alone. The same
 * errors, but for what is wrong with the pixels. */
gboolean picture_size (const char *path, int *width, int *height, GError **error);

/* Upright RGB pixels [height, width, 3] as the kernels take a picture; borrowed. */
CkPicture picture_view (const guint8 *rgb, int width, int height);

/* The notes as text, NULL when there are none; free with g_free. */
char *picture_notes_text (const Picture *picture);

/* Reads a picture and prepares it for the network, to out [3, height, width]; *notes becomes its
 * notes as text (`notes` may be NULL; free with g_free). */
gboolean picture_prepare (const char *path, const CowPreprocess *preprocess, CowPreparer *preparer,
                          float *out, char **notes, GError **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Picture, picture_clear)

#endif
