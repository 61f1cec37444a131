/* SPDX-License-Identifier: MIT */
#include "trainer/data/picture-hash.h"

#include <string.h>

#define SIDE 9
#define FLAT 6 /* grey levels between the darkest and the brightest part */
#define N_PIECES                                                                                   \
  8 /* pieces of a hash; two that differ in fewer bits than there are pieces have one in common */
#define PIECE 16 /* bits of a piece */

G_STATIC_ASSERT (PICTURE_HASH_NEAR < N_PIECES);

/* ---- one picture ----------------------------------------------------------------------------- */

/* Brightness (BT.601) of the part (i, j) of SIDE x SIDE, in 1/1000 of a grey level. */
static gint64
part_mean (const Picture *picture, const CowRegion *region, int i, int j)
{
  const int x0 = region->x + region->w * i / SIDE,
            x1 = MAX (region->x + region->w * (i + 1) / SIDE, x0 + 1);
  const int y0 = region->y + region->h * j / SIDE,
            y1 = MAX (region->y + region->h * (j + 1) / SIDE, y0 + 1);
  gint64 sum = 0;

  for (int y = y0; y < y1; y++) {
    const guint8 *rgb = picture->rgb + 3 * ((gsize)y * (gsize)picture->width + (gsize)x0);
    for (int x = x0; x < x1; x++, rgb += 3)
      sum += 299 * rgb[0] + 587 * rgb[1] + 114 * rgb[2];
  }
  return sum / ((gint64)(x1 - x0) * (y1 - y0));
}

PictureHash
picture_hash (const Picture *picture, const CowRegion *region)
{
  const CowRegion all = { 0, 0, picture->width, picture->height };
  gint64 grey[SIDE][SIDE], least = G_MAXINT64, most = 0;
  PictureHash hash = { { 0, 0 }, FALSE };

  for (int j = 0; j < SIDE; j++)
    for (int i = 0; i < SIDE; i++) {
      grey[j][i] = part_mean (picture, region ? region : &all, i, j);
      least = MIN (least, grey[j][i]);
      most = MAX (most, grey[j][i]);
    }
  for (int j = 0; j < SIDE - 1; j++)
    for (int i = 0; i < SIDE - 1; i++) {
      hash.bits[0] = hash.bits[0] << 1 | (grey[j][i] > grey[j][i + 1]);
      hash.bits[1] = hash.bits[1] << 1 | (grey[j][i] > grey[j + 1][i]);
    }
  hash.flat = most - least < 1000 * FLAT;
  return hash;
}

guint
picture_hash_distance (const PictureHash *a, const PictureHash *b)
{
  return (guint)(__builtin_popcountll (a->bits[0] ^ b->bits[0]) +
                 __builtin_popcountll (a->bits[1] ^ b->bits[1]));
}

/* ---- many ------------------------------------------------------------------------------------ */

/* The first of i's set; paths are made shorter on the way. */
static guint
find_set (guint *set, guint i)
{
  while (set[i] != i)
    i = set[i] = set[set[i]];
  return i;
}

static void
join_sets (guint *set, guint a, guint b)
{
  a = find_set (set, a);
  b = find_set (set, b);
  set[MAX (a, b)] = MIN (a, b);
}

static guint
piece_of (const PictureHash *hash, guint piece)
{
  return (guint)(hash->bits[piece / 4] >> (PIECE * (piece % 4))) & ((1 << PIECE) - 1);
}

static guint
hash_of_bits (gconstpointer key)
{
  const PictureHash *hash = key;
  const guint64 mixed =
      (hash->bits[0] ^ (hash->bits[1] * G_GUINT64_CONSTANT (0x9E3779B97F4A7C15))) *
      G_GUINT64_CONSTANT (0xBF58476D1CE4E5B9);
  return (guint)(mixed >> 32);
}

static gboolean
equal_bits (gconstpointer a, gconstpointer b)
{
  return memcmp (((const PictureHash *)a)->bits, ((const PictureHash *)b)->bits,
                 sizeof ((const PictureHash *)a)->bits) == 0;
}

/* Joins those of the same bits; gives one index of each. */
static GArray *
join_equal (const PictureHash *hashes, guint n, guint *set)
{
  g_autoptr (GHashTable) known = g_hash_table_new (hash_of_bits, equal_bits);
  GArray *different = g_array_new (FALSE, FALSE, sizeof (guint));

  for (guint i = 0; i < n; i++) {
    set[i] = i;
    if (hashes[i].flat)
      continue;
    const guint old = GPOINTER_TO_UINT (g_hash_table_lookup (known, &hashes[i]));
    if (old) {
      set[i] = old - 1;
      continue;
    }
    g_hash_table_insert (known, (gpointer)&hashes[i], GUINT_TO_POINTER (i + 1));
    g_array_append_val (different, i);
  }
  return different;
}

/* Joins the near ones among those whose piece is the same: a chain of indices for each of its
 * values. */
static void
join_by_piece (const PictureHash *hashes, const GArray *different, guint piece, guint *set)
{
  g_autofree guint *head = g_new0 (guint, 1 << PIECE), *next = g_new0 (guint, different->len);

  for (guint k = 0; k < different->len; k++) {
    const guint i = g_array_index (different, guint, k), value = piece_of (&hashes[i], piece);
    for (guint other = head[value]; other != 0; other = next[other - 1]) {
      const guint j = g_array_index (different, guint, other - 1);
      if (picture_hash_distance (&hashes[i], &hashes[j]) <= PICTURE_HASH_NEAR)
        join_sets (set, i, j);
    }
    next[k] = head[value];
    head[value] = k + 1;
  }
}

void
picture_hash_sets (const PictureHash *hashes, guint n, guint *set)
{
  g_autoptr (GArray) different = join_equal (hashes, n, set);

  for (guint piece = 0; piece < N_PIECES; piece++)
    join_by_piece (hashes, different, piece, set);
  for (guint i = 0; i < n; i++)
    set[i] = find_set (set, i);
}
