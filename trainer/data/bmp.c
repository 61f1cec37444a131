/* SPDX-License-Identifier: MIT */
#include "trainer/data/bmp.h"

#include <string.h>

#include "model/files/error.h"

#define FILE_HEADER 14 /* bytes */
#define CORE_HEADER 12 /* of OS/2; all later ones have at least 40 */
#define INFO_HEADER 40
#define MASK_HEADER 52 /* and larger: with masks */
#define MOST_HEADER 124

/* Compressions. */
enum { PLAIN, RUNS_OF_BYTES, RUNS_OF_HALVES, MASKS, MASKS_WITH_ALPHA = 6 };

static guint
get_16 (const guint8 *at)
{
  return (guint)at[0] | (guint)at[1] << 8;
}

static guint32
get_32 (const guint8 *at)
{
  return get_16 (at) | (guint32)get_16 (at + 2) << 16;
}

static gboolean
fail (const char *where, const char *what, GError **error)
{
  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: cannot be decoded: BMP: %s", where, what);
  return FALSE;
}

gboolean
bmp_is_bmp (const guint8 *data, gsize n_bytes)
{
  if (n_bytes < FILE_HEADER + CORE_HEADER || memcmp (data, "BM", 2) != 0)
    return FALSE;
  const guint32 header = get_32 (data + FILE_HEADER);
  return header == CORE_HEADER || (header >= INFO_HEADER && header <= MOST_HEADER);
}

/* ---- headers --------------------------------------------------------------------------------- */

static gboolean
read_palette (Bmp *self, gsize at, gsize entry, guint32 n_used)
{
  const guint most = 1u << self->bits;

  self->n_colours = n_used == 0 || n_used > most ? most : n_used;
  /* The pixels may begin where a palette ends that is shorter than it says. */
  if (at > self->pixels)
    return FALSE;
  self->n_colours = (guint)MIN ((gsize)self->n_colours, (self->pixels - at) / entry);
  for (guint i = 0; i < self->n_colours; i++)
    for (guint c = 0; c < 3; c++)
      self->palette[i][c] = self->data[at + i * entry + 2 - c];
  return self->n_colours > 0;
}

static gboolean
read_masks (Bmp *self, gsize header, guint32 compression)
{
  static const guint32 plain[][3] = { { 0x7c00, 0x3e0, 0x1f }, { 0xff0000, 0xff00, 0xff } };
  const gsize n = compression == MASKS_WITH_ALPHA || header > MASK_HEADER ? 4 : 3;
  guint32 all = 0;

  memcpy (self->masks, plain[self->bits == 32], sizeof plain[0]);
  if (compression == PLAIN)
    return TRUE;
  if (FILE_HEADER + INFO_HEADER + 4 * n > self->pixels)
    return FALSE;
  for (gsize i = 0; i < n; i++) {
    self->masks[i] = get_32 (self->data + FILE_HEADER + INFO_HEADER + 4 * i);
    if ((all & self->masks[i]) != 0)
      return FALSE;
    all |= self->masks[i];
  }
  self->has_alpha = self->masks[3] != 0;
  return self->masks[0] != 0 && self->masks[1] != 0 && self->masks[2] != 0;
}

static gboolean
has_bits (const Bmp *self, guint32 compression)
{
  switch (compression) {
  case PLAIN:
    return self->bits == 1 || self->bits == 4 || self->bits == 8 || self->bits == 16 ||
           self->bits == 24 || self->bits == 32;
  case RUNS_OF_BYTES:
    return self->bits == 8;
  case RUNS_OF_HALVES:
    return self->bits == 4;
  default:
    return (compression == MASKS || compression == MASKS_WITH_ALPHA) &&
           (self->bits == 16 || self->bits == 32);
  }
}

gboolean
bmp_open (Bmp *self, const guint8 *data, gsize n_bytes, const char *where, GError **error)
{
  const gsize header = get_32 (data + FILE_HEADER);
  const gboolean core = header == CORE_HEADER;
  const guint8 *at = data + FILE_HEADER;

  *self = (Bmp){ .data = data, .n_bytes = n_bytes, .pixels = get_32 (data + 10) };
  if (FILE_HEADER + header > self->pixels || self->pixels > n_bytes)
    return fail (where, "its header is cut short", error);
  const gint32 width = core ? (gint32)get_16 (at + 4) : (gint32)get_32 (at + 4),
               height = core ? (gint32)get_16 (at + 6) : (gint32)get_32 (at + 8);
  const guint32 compression = core ? PLAIN : get_32 (at + 16);
  self->bits = get_16 (at + (core ? 10 : 14));
  if (width < 1 || height == 0 || height == G_MININT32)
    return fail (where, "no width or height", error);
  self->width = width;
  self->height = ABS (height);
  self->upside_down = height > 0;
  self->packed = compression == RUNS_OF_BYTES || compression == RUNS_OF_HALVES;
  if (!has_bits (self, compression)) {
    g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
                 "%s: a BMP of %u bits a pixel in compression %u", where, self->bits, compression);
    return FALSE;
  }
  if (self->bits <= 8 &&
      !read_palette (self, FILE_HEADER + header, core ? 3 : 4, core ? 0 : get_32 (at + 32)))
    return fail (where, "no palette", error);
  if ((self->bits == 16 || self->bits == 32) && !read_masks (self, header, compression))
    return fail (where, "its masks make no sense", error);
  return TRUE;
}

/* ---- pixels ---------------------------------------------------------------------------------- */

static guint8 *
row_of (const Bmp *self, guint8 *out, int y)
{
  const int line = self->upside_down ? self->height - 1 - y : y;

  return out + (gsize)line * (gsize)self->width * (self->has_alpha ? 4 : 3);
}

static gboolean
put_index (const Bmp *self, guint index, guint8 *to)
{
  if (index >= self->n_colours)
    return FALSE;
  memcpy (to, self->palette[index], 3);
  return TRUE;
}

/* A part of a pixel as a byte: fewer bits are repeated. */
static guint8
part_of (guint32 pixel, guint32 mask)
{
  const guint shift = (guint)__builtin_ctz (mask),
              n_bits = 32 - shift - (guint)__builtin_clz (mask);
  const guint32 value = (pixel & mask) >> shift;
  guint byte;

  if (n_bits >= 8)
    return (guint8)(value >> (n_bits - 8));
  byte = value << (8 - n_bits);
  for (guint filled = n_bits; filled < 8; filled *= 2)
    byte |= byte >> filled;
  return (guint8)byte;
}

static gboolean
decode_row (const Bmp *self, const guint8 *from, guint8 *to)
{
  const guint bytes = self->bits / 8, n = self->has_alpha ? 4 : 3;

  for (guint x = 0; x < (guint)self->width; x++, to += n) {
    if (self->bits <= 8) {
      const guint at = x * self->bits, shift = 8 - self->bits - at % 8;
      if (!put_index (self, from[at / 8] >> shift & ((1u << self->bits) - 1), to))
        return FALSE;
    } else if (self->bits == 24) {
      for (guint c = 0; c < 3; c++)
        to[c] = from[3 * x + 2 - c];
    } else {
      const guint32 pixel = bytes == 2 ? get_16 (from + 2 * x) : get_32 (from + 4 * (gsize)x);
      for (guint c = 0; c < n; c++)
        to[c] = part_of (pixel, self->masks[c]);
    }
  }
  return TRUE;
}

static gboolean
decode_rows (const Bmp *self, guint8 *out, const char *where, GError **error)
{
  const gsize row = ((gsize)self->width * self->bits + 31) / 32 * 4;

  if ((self->n_bytes - self->pixels) / row < (gsize)self->height)
    return fail (where, "premature end", error);
  for (int y = 0; y < self->height; y++)
    if (!decode_row (self, self->data + self->pixels + (gsize)y * row, row_of (self, out, y)))
      return fail (where, "a colour that its palette does not have", error);
  return TRUE;
}

/* ---- runs ------------------------------------------------------------------------------------ */

typedef struct {
  const Bmp *bmp;
  const guint8 *at, *end;
  guint8 *out;
  int x, y;
} Runs;

/* The next pixel of a row; those beyond its end are none. */
static gboolean
put (Runs *self, guint index)
{
  if (self->x >= self->bmp->width || self->y >= self->bmp->height)
    return TRUE;
  return put_index (self->bmp, index, row_of (self->bmp, self->out, self->y) + 3 * self->x++);
}

/* n pixels of bytes that take turns, as one byte or the halves of one have them. */
static gboolean
put_run (Runs *self, guint n, const guint8 *from, gboolean literal)
{
  for (guint i = 0; i < n; i++) {
    const guint byte = from[!literal ? 0 : self->bmp->bits == 8 ? i : i / 2];
    if (!put (self, self->bmp->bits == 8 ? byte : i % 2 == 0 ? byte >> 4 : byte & 15))
      return FALSE;
  }
  return TRUE;
}

/* What follows a run of none. *ended: the picture has. */
static gboolean
escape (Runs *self, guint code, gboolean *ended)
{
  const guint n_bytes = self->bmp->bits == 8 ? code : (code + 1) / 2, even = (n_bytes + 1) & ~1u;

  switch (code) {
  case 0:
    self->x = 0;
    self->y++;
    return TRUE;
  case 1:
    *ended = TRUE;
    return TRUE;
  case 2:
    if (self->end - self->at < 2)
      return FALSE;
    self->x = MIN (self->x + self->at[0], self->bmp->width);
    self->y = MIN (self->y + self->at[1], self->bmp->height);
    self->at += 2;
    return TRUE;
  default:
    if (self->end - self->at < (gssize)n_bytes || !put_run (self, code, self->at, TRUE))
      return FALSE;
    self->at += MIN ((gssize)even, self->end - self->at);
    return TRUE;
  }
}

/* Pixels that nothing is said of have the first colour. */
static gboolean
decode_runs (const Bmp *bmp, guint8 *out, const char *where, GError **error)
{
  Runs runs = { bmp, bmp->data + bmp->pixels, bmp->data + bmp->n_bytes, out, 0, 0 };
  const gsize n = (gsize)bmp->width * (gsize)bmp->height;
  gboolean ended = FALSE;

  for (gsize i = 0; i < n; i++)
    memcpy (out + 3 * i, bmp->palette[0], 3);
  while (!ended && runs.y < bmp->height) {
    if (runs.end - runs.at < 2)
      return fail (where, "premature end", error);
    const guint length = runs.at[0];
    runs.at += 2;
    if (!(length > 0 ? put_run (&runs, length, runs.at - 1, FALSE)
                     : escape (&runs, runs.at[-1], &ended)))
      return fail (where, "premature end, or a colour that its palette does not have", error);
  }
  return TRUE;
}

gboolean
bmp_decode (const Bmp *self, guint8 *out, const char *where, GError **error)
{
  return self->packed ? decode_runs (self, out, where, error)
                      : decode_rows (self, out, where, error);
}
