/* SPDX-License-Identifier: MIT */
/*
 * The second product of attention-codes-tmpl.h: scores become codes of exponentials of one size,
 * which are multiplied with codes of the values. quantised-tmpl.h includes it.
 */
#include "kernels/cpu/attention-types-tmpl.h"

#if Q_BITS == 8
#  define Q_PART_MAX  Q_CODE_MAX
#  define Q_EXP       CK_EXP_8
#  define Q_EXP_MAX   CK_EXP_MAX_8
#  define q_put_codes q_put_8
#  define q_join(v)   q_join_four (v)
/* Here the rows are those without a sign. */
#  define q_mix(sums, values, exps) q_dot (sums, exps, values)
#else
#  define Q_PART_MAX                CK_PART_MAX_16
#  define Q_EXP                     CK_EXP_16
#  define Q_EXP_MAX                 CK_EXP_MAX_16
#  define q_put_codes               q_put_16
#  define q_join(v)                 q_join_two (v)
#  define q_mix(sums, values, exps) q_dot (sums, values, exps)
#endif

/* ---- values ---------------------------------------------------------------------------------- */

/* A vector's width of columns of a part: n rows of v, of which `left` columns are there. */
static void
Q (pack_columns) (int64_t n, const float *v, int64_t stride, int64_t left, vq *strip, float *scales)
{
  vf max = v_set (0), sum = v_set (0), inverse;

  for (int64_t i = 0; i < n; i++) {
    const vf magnitude = v_abs (v_load (v + i * stride, left, 0));

    max = v_max (max, magnitude);
    sum = v_add (sum, magnitude);
  }
  v_store (scales, W,
           v_greater (v_set (INFINITY), sum, v_div (max, v_set (Q_PART_MAX)), v_set (NAN)));
  inverse = v_div (v_set (Q_PART_MAX), max);
  inverse = v_greater (v_set (INFINITY), inverse, inverse, v_set (0)); /* ck_code_inverse () */
  for (int64_t i = 0; i < n; i += Q_GROUP, strip += VECTORS) {
    vq codes[Q_GROUP];

#pragma GCC unroll 4
    for (int64_t j = 0; j < Q_GROUP; j++)
      codes[j] =
          q_from_float (v_mul (v_load (v + (i + j) * stride, i + j < n ? left : 0, 0), inverse));
    q_put (strip, q_join (codes));
  }
}

static void
Q (pack_values) (CodedHead *head, const CkKeyChunk *chunk)
{
  const int64_t d = head->op->head_dim, width = head->op->heads * d;

  for (int64_t p = 0; p < CK_PARTS && chunk->sizes[p] > 0; p++) {
    const int64_t token = ck_key_token (&head->parts, chunk->first + chunk->starts[p]);

    for (int64_t col = 0; col < d; col += W) {
      const int64_t strip = col / STRIP, lane = col % STRIP;
      vq *codes = (vq *)head->values + strip * CK_CHUNK_KEYS / Q_GROUP * VECTORS;

      Q (pack_columns)
      (chunk->sizes[p], head->v + token * width + col, width, d - col,
       codes + chunk->places[p] / Q_GROUP * VECTORS + lane / W,
       head->value_scales + (strip * CK_PARTS + p) * STRIP + lane);
    }
  }
}

/* ---- exponentials ---------------------------------------------------------------------------- */

/* The codes of 2^x for x <= 0. */
static inline vq
Q (encode_exp) (vf x)
{
  static const float terms[] = Q_EXP;
  const int last = sizeof terms / sizeof *terms - 1;
  const vf bounded = v_max (v_set (CK_EXP_LOWEST), x), rest = v_fraction (bounded);
  vf p = v_set (Q_EXP_MAX * terms[last]);

#pragma GCC unroll 4
  for (int i = last - 1; i >= 0; i--)
    p = v_fma (p, rest, v_set (Q_EXP_MAX * terms[i]));
  return q_from_float (v_pow2_floor (p, bounded));
}

/* The largest of n scores in any lane. */
static inline vf
Q (find_most) (int64_t n, const float *x)
{
  vf most = v_set (-INFINITY);
  int64_t i = 0;

  for (; i + W <= n; i += W)
    most = v_max (most, v_load (x + i, W, 0));
  return i < n ? v_max (most, v_load (x + i, n - i, -INFINITY)) : most;
}

/* n scores to codes, and the sums of the lanes; `most`: the largest score. */
static inline vf
Q (encode_part) (int64_t n, const float *x, float most, Q (Code) * codes)
{
  vq sum = q_set (0);
  int64_t i = 0;

  for (; i + W <= n; i += W) {
    const vq code = Q (encode_exp) (v_sub (v_load (x + i, W, 0), v_set (most)));

    sum = q_add (sum, code);
    q_put_codes (codes + i, code);
  }
  if (i < n) {
    const vq code = Q (encode_exp) (v_sub (v_load (x + i, n - i, -INFINITY), v_set (most)));

    sum = q_add (sum, code);
    q_put_codes (codes + i, code);
  }
  return q_to_float (sum);
}

/* In two walks over the rows, because what is common to a row's lanes takes many steps, which those
 * of other rows fill. */
static void
Q (soften) (CodedHead *head, const CkKeyChunk *chunk, int64_t rows)
{
  for (int64_t row = 0; row < rows; row++) {
    const float *scores = head->scores + row * CK_CHUNK_KEYS;
    vf lanes[CK_PARTS];
    v4 most;

#pragma GCC unroll 4
    for (int p = 0; p < CK_PARTS; p++)
      lanes[p] = Q (find_most) (chunk->sizes[p], scores + chunk->starts[p]);
    most = v_max_of_four (lanes);
    memcpy (head->part_most + row * CK_PARTS, &most, sizeof most);
  }
  for (int64_t row = 0; row < rows; row++) {
    const float *scores = head->scores + row * CK_CHUNK_KEYS,
                *most = head->part_most + row * CK_PARTS;
    Q (Code) *codes = (Q (Code) *)head->exps + row * CK_CHUNK_KEYS;
    vf lanes[CK_PARTS];
    v4 sums;

#pragma GCC unroll 4
    for (int p = 0; p < CK_PARTS; p++)
      lanes[p] = Q (encode_part) (chunk->sizes[p], scores + chunk->starts[p], most[p],
                                  codes + chunk->places[p]);
    sums = v_sum_of_four (lanes); /* exact */
    memcpy (head->part_sums + row * CK_PARTS, &sums, sizeof sums);
  }
}

/* ---- products -------------------------------------------------------------------------------- */

/* Rows [row, row + Q_TILE) of exponentials with a strip of values; of rows that there are not, the
 * last one again. */
static __attribute__ ((noinline)) void
Q (mix_tile) (const CodedHead *head, const CkKeyChunk *chunk, int64_t row, int64_t rows,
              int64_t strip, float *out)
{
  const vq *values = (const vq *)head->values + strip * CK_CHUNK_KEYS / Q_GROUP * VECTORS;
  const float *scales = head->value_scales + strip * CK_PARTS * STRIP;
  const int64_t cols = head->op->head_dim - strip * STRIP,
                stride = head->op->heads * head->op->head_dim;
  const int32_t *codes[Q_TILE];
  int64_t at[Q_TILE];
  vf totals[Q_TILE][VECTORS];

#pragma GCC unroll 16
  for (int i = 0; i < Q_TILE; i++) {
    at[i] = ck_min (row + i, rows - 1);
    codes[i] = (const int32_t *)head->exps + at[i] * (CK_CHUNK_KEYS / Q_GROUP);
#pragma GCC unroll 2
    for (int v = 0; v < VECTORS; v++)
      totals[i][v] = v_set (0);
  }
  for (int p = 0; p < CK_PARTS && chunk->sizes[p] > 0; p++, scales += STRIP) {
    const int64_t first = chunk->places[p] / Q_GROUP,
                  end = first + ck_ceil_div (chunk->sizes[p], Q_GROUP);
    vq sums[Q_TILE][VECTORS];

#pragma GCC unroll 16
    for (int i = 0; i < Q_TILE; i++)
#pragma GCC unroll 2
      for (int v = 0; v < VECTORS; v++)
        sums[i][v] = q_set (0);
    for (int64_t group = first; group < end; group++) {
      vq terms[VECTORS];

#pragma GCC unroll 2
      for (int v = 0; v < VECTORS; v++)
        terms[v] = q_load (values + group * VECTORS + v);
#pragma GCC unroll 16
      for (int i = 0; i < Q_TILE; i++) {
        const vq exps = q_factor (codes[i] + group);
#pragma GCC unroll 2
        for (int v = 0; v < VECTORS; v++)
          sums[i][v] = q_mix (sums[i][v], terms[v], exps);
      }
    }
#pragma GCC unroll 16
    for (int i = 0; i < Q_TILE; i++) {
      const vf worth = v_set (head->part_most[at[i] * CK_PARTS + p]);
#pragma GCC unroll 2
      for (int v = 0; v < VECTORS; v++)
        totals[i][v] = v_fma (q_to_float (sums[i][v]), v_mul (worth, v_load (scales + v * W, W, 0)),
                              totals[i][v]);
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < Q_TILE; i++)
#pragma GCC unroll 2
    for (int v = 0; v < VECTORS; v++)
      if (row + i < rows) {
        float *to = out + (row + i) * stride + strip * STRIP + v * W;
        const int64_t left = ck_max (cols - v * W, 0), weight = (row + i) * CK_PARTS;

        if (!chunk->is_first)
          totals[i][v] = v_fma (v_set (head->keep[weight]), v_load (to, left, 0), totals[i][v]);
        v_store (to, left, v_mul (v_set (head->scale[weight]), totals[i][v]));
      }
}

static void
Q (mix) (const CodedHead *head, const CkKeyChunk *chunk, int64_t rows, float *out)
{
  for (int64_t strip = 0; strip * STRIP < head->op->head_dim; strip++)
    for (int64_t row = 0; row < rows; row += Q_TILE)
      Q (mix_tile) (head, chunk, row, rows, strip, out);
}

static const MixOps Q (mix_ops) = { sizeof (Q (Code)), Q (pack_values), Q (soften), Q (mix) };

#undef Q_PART_MAX
#undef Q_EXP
#undef Q_EXP_MAX
#undef q_put_codes
#undef q_join
#undef q_mix
