/* SPDX-License-Identifier: MIT */
/*
 * BMP, which libvips leaves to ImageMagick: that reads two hundred more formats, has threads of its
 * own, and waits forever or ends the process where memory is missing.
 */
#ifndef COW_TRAINER_BMP_H
#define COW_TRAINER_BMP_H

#include <glib.h>

G_BEGIN_DECLS

typedef struct {
  int width, height;    /* at least 1 */
  gboolean has_alpha;   /* four bytes a pixel, else three */
  const guint8 *data;   /* the file, borrowed */
  gsize n_bytes;        /* of it */
  gsize pixels;         /* where they begin */
  gboolean upside_down; /* the last row comes first */
  guint bits;           /* of a pixel: 1, 4, 8, 16, 24 or 32 */
  gboolean packed;      /* runs of equal pixels are one entry */
  guint8 palette[256][3];
  guint n_colours;
  guint32 masks[4]; /* of 16 and 32 bits: red, green, blue, alpha */
} Bmp;

gboolean bmp_is_bmp (const guint8 *data, gsize n_bytes);
/* Reads the headers; nothing is allocated. COW_ERROR_FORMAT, COW_ERROR_UNSUPPORTED; messages begin
 * with `where`. */
gboolean bmp_open (Bmp *self, const guint8 *data, gsize n_bytes, const char *where, GError **error);
/* The pixels, R, G, B and what alpha there is, to out [height, width, 3 or 4]. COW_ERROR_FORMAT: a
 * pixel is missing. */
gboolean bmp_decode (const Bmp *self, guint8 *out, const char *where, GError **error);

G_END_DECLS

#endif
