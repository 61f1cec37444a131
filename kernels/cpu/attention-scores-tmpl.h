/* SPDX-License-Identifier: MIT */
/*
 * The first product of attention-codes-tmpl.h: rotated queries and keys as codes of 16 bits, and
 * their scores. Keys are strips, as weights of a linear layer are. quantised-tmpl.h includes it.
 */
#include "kernels/cpu/attention-types-tmpl.h"

/* ---- rows to codes --------------------------------------------------------------------------- */

/* Blocks of 64 that follow one another, as Q (quantise) makes them codes, but that the scale is
 * infinite where a value is not finite. */
static void
Q (encode_blocks) (int64_t n, const float *x, Q (Code) * codes, float *scales)
{
  for (int64_t first = 0; first < n; first += 4) {
    const int64_t left = ck_min (n - first, 4), at = first * CK_CODE_BLOCK;
    Q (Blocks) blocks;
    vf maxima[4];

#pragma GCC unroll 4
    for (int64_t b = 0; b < 4; b++) {
      const float *values = x + at + ck_min (b, left - 1) * CK_CODE_BLOCK;

      maxima[b] = v_set (0);
#pragma GCC unroll 8
      for (int i = 0; i < CK_CODE_BLOCK; i += W)
        maxima[b] = v_max_sticky (maxima[b], v_abs (v_load (values + i, W, 0)));
      maxima[b] = v_greater (v_set (INFINITY), maxima[b], maxima[b], v_set (INFINITY));
      blocks.values[b] = values;
    }
    blocks.max = v_max_of_four (maxima);
    if (left == 4)
      Q (encode) (4, &blocks, codes + at, scales + first, NULL);
    else
      Q (encode) (left, &blocks, codes + at, scales + first, NULL);
  }
}

/* n rows of head->rotated to head->rows. */
static void
Q (encode_rows) (const CodedHead *head, int64_t n)
{
  const int64_t d = head->op->head_dim;
  const CkCodes *rows = &head->rows;

  if (d % CK_CODE_BLOCK == 0) {
    Q (encode_blocks) (n * head->blocks, head->rotated, rows->codes, rows->scales);
    return;
  }
  for (int64_t i = 0; i < n; i++) {
    const int64_t at = i * head->blocks;

    Q (quantise)
    (d, head->rotated + i * d, (Q (Code) *)rows->codes + at * CK_CODE_BLOCK, rows->scales + at,
     rows->sums + at, NULL);
  }
}

/* ---- keys ------------------------------------------------------------------------------------ */

/* n rows to lanes of a strip; col: the first of these lanes. */
static void
Q (pack_rows) (CodedHead *head, int64_t n, int64_t col)
{
  const int64_t groups = head->blocks * Q_GROUPS, strip = col / STRIP, lane = col % STRIP;
  float *scales = head->key_scales + strip * head->blocks * STRIP + lane;

  pack_transposed (groups, n, head->rows.codes, groups,
                   (float *)head->keys + strip * groups * STRIP + lane);
  for (int64_t i = 0; i < n; i++)
    for (int64_t block = 0; block < head->blocks; block++) {
      const float scale = head->rows.scales[i * head->blocks + block];

      scales[block * STRIP + i] = scale;
      head->largest = ck_larger_scale (head->largest, scale);
    }
}

static void
Q (pack_keys) (CodedHead *head, const CkKeyChunk *chunk)
{
  const int64_t d = head->op->head_dim, width = head->op->heads * d, last = head->op->tokens - 1;

  head->largest = 0;
  for (int64_t col = 0; col < chunk->n; col += W) {
    const int64_t n = ck_min (W, chunk->n - col);

    for (int64_t i = 0; i < n; i++) {
      const int64_t key = chunk->first + col + i, token = ck_key_token (&head->parts, key);

      fetch (d, head->k + ck_key_token (&head->parts, ck_min (key + AHEAD, last)) * width);
      fetch (d, head->v + token * width);
      rotate (head->op, token, 1, head->k + token * width, head->rotated + i * d);
    }
    Q (encode_rows) (head, n);
    Q (pack_rows) (head, n, col);
  }
}

/* ---- scores ---------------------------------------------------------------------------------- */

/* Rows [row, row + Q_TILE) with a strip of keys, of which so many vectors are there; of rows that
 * there are not, the last one again. */
static inline __attribute__ ((always_inline)) void
Q (score_tile) (int64_t vectors, const CkCodes *x, int64_t row, int64_t rows, const vq *strip,
                const float *strip_scales, float *scores)
{
  const int32_t *codes[Q_TILE];
  int64_t at[Q_TILE];
  vf totals[Q_TILE][VECTORS];

#pragma GCC unroll 16
  for (int i = 0; i < Q_TILE; i++) {
    at[i] = ck_min (row + i, rows - 1) * x->blocks;
    codes[i] = (const int32_t *)x->codes + at[i] * Q_GROUPS;
#pragma GCC unroll 2
    for (int v = 0; v < vectors; v++)
      totals[i][v] = v_set (0);
  }
  for (int64_t block = 0; block < x->blocks; block++, strip_scales += STRIP) {
    vq sums[Q_TILE][VECTORS];

#pragma GCC unroll 16
    for (int i = 0; i < Q_TILE; i++)
#pragma GCC unroll 2
      for (int v = 0; v < vectors; v++)
        sums[i][v] = q_set (0);
    for (int64_t group = block * Q_GROUPS; group < (block + 1) * Q_GROUPS; group++) {
      vq keys[VECTORS];

#pragma GCC unroll 2
      for (int v = 0; v < vectors; v++)
        keys[v] = q_load (strip + group * VECTORS + v);
#pragma GCC unroll 16
      for (int i = 0; i < Q_TILE; i++) {
        const vq query = q_factor (codes[i] + group);
#pragma GCC unroll 2
        for (int v = 0; v < vectors; v++)
          sums[i][v] = q_dot (sums[i][v], keys[v], query);
      }
    }
#pragma GCC unroll 16
    for (int i = 0; i < Q_TILE; i++) {
      const vf scale = v_set (x->scales[at[i] + block]);
#pragma GCC unroll 2
      for (int v = 0; v < vectors; v++)
        totals[i][v] = v_fma (q_to_float (sums[i][v]),
                              v_mul (scale, v_load (strip_scales + v * W, W, 0)), totals[i][v]);
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < Q_TILE; i++)
#pragma GCC unroll 2
    for (int v = 0; v < vectors; v++)
      v_store (scores + i * CK_CHUNK_KEYS + v * W, W, totals[i][v]);
}

/* Each size is a function of its own, as in gemm-tmpl.h. */
static __attribute__ ((noinline)) void
Q (score_tile_1) (const CkCodes *x, int64_t row, int64_t rows, const vq *strip,
                  const float *strip_scales, float *scores)
{
  Q (score_tile) (1, x, row, rows, strip, strip_scales, scores);
}

static __attribute__ ((noinline)) void
Q (score_tile_2) (const CkCodes *x, int64_t row, int64_t rows, const vq *strip,
                  const float *strip_scales, float *scores)
{
  Q (score_tile) (2, x, row, rows, strip, strip_scales, scores);
}

static void
Q (score) (CodedHead *head, const CkKeyChunk *chunk, int64_t first, int64_t rows)
{
  const int64_t d = head->op->head_dim, width = head->op->heads * d;
  const float scale = (float)(M_LOG2E / sqrt ((double)d)); /* for powers of 2 */

  for (int64_t row = first; row < first + rows; row++) {
    fetch (d, head->q + ck_min (row + ROWS, head->queries->rows - 1) * width);
    rotate (head->op, head->queries->first + row, scale, head->q + row * width,
            head->rotated + (row - first) * d);
  }
  Q (encode_rows) (head, rows);
  for (int64_t col = 0; col < chunk->n; col += STRIP) {
    const vq *strip = (const vq *)head->keys + col / W * head->blocks * Q_GROUPS;

    for (int64_t row = 0; row < rows; row += Q_TILE)
      (chunk->n - col > W ? Q (score_tile_2) : Q (score_tile_1)) (
          &head->rows, row, rows, strip, head->key_scales + col * head->blocks,
          head->scores + row * CK_CHUNK_KEYS + col);
  }
}
