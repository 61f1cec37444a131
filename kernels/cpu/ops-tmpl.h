/* SPDX-License-Identifier: MIT */
/*
 * The inner operations over vectors of any width. ops-avx2.c and ops-avx512.c define the few words
 * below for their registers and include this file, which so becomes part of their translation unit
 * and is compiled for their level. Everything in it is static: the linker would keep one copy of a
 * shared function, perhaps the one that older processors cannot run.
 *
 *   W, vf                          floats a vector; a vector
 *   v_set                          all lanes
 *   v_load (p, left, fill)         lanes from `left` on are not read but become fill
 *   v_store (p, left, v)           lanes from `left` on are not written
 *   v_add, v_sub, v_mul, v_div, v_fma (a, b, c) = a b + c
 *   v_min, v_max                   the second operand where either is NaN
 *   v_sqrt
 *   v_abs, v_copy_sign (x, s)      |x|; |x| with the sign of s
 *   v_round                        to the nearest integer, as a float
 *   v_pow2 (p, n)                  p 2^n for integers -151 <= n <= 129, overflowing to infinity and
 * underflowing to 0 v_greater (a, b, yes, no)      a > b ? yes : no v_sum, v_max_of over all lanes
 *   v_from_f16, v_from_bf16        W numbers
 *   vi                             W / 2 integers of 64 bits
 *   i_set, i_add, i_xor; i_right (a, n)   all lanes; a shifted right by n bits
 *   i_multiply                     the product of the lower halves of each lane
 *   i_halves (low, high)           the lower half of low's lanes, and above it that of high's
 *   i_evens, i_odds (a, b)         lanes 0, 2, ... of a, each followed by b's; lanes 1, 3, ...
 *   i_counters ()                  0, 1, 2, ... in the lanes in the order in which i_evens, then
 * i_odds take them v_from_u24                     the upper 24 bits of each half of a lane, as
 * floats NF4_STEP, nf4_step (pairs, code, absmax, out)   decodes so many elements
 */
#include "kernels/cpu/cpu-ops.h"

#include <math.h>
#include <string.h>

/* e^x: x = n ln 2 + r with |r| <= ln 2 / 2, and a minimax polynomial of relative error 3e-9 for
 * e^r. */
static inline vf
v_exp (vf x)
{
  const vf bounded =
      v_min (v_set (89.0f), v_max (v_set (-104.0f), x)); /* e^x is infinite and 0 beyond */
  const vf n = v_round (v_mul (bounded, v_set (1.44269504f)));
  vf r, p;

  /* ln 2 in two parts, the first so short that n times it is exact */
  r = v_fma (n, v_set (-0x1.62e4p-1f), bounded);
  r = v_fma (n, v_set (-0x1.7f7d1cp-20f), r);
  p = v_fma (v_set (1.3814599e-3f), r, v_set (8.368717e-3f));
  p = v_fma (p, r, v_set (4.166839e-2f));
  p = v_fma (p, r, v_set (1.6666521e-1f));
  p = v_fma (p, r, v_set (4.9999994e-1f));
  p = v_fma (v_mul (r, r), p, r);
  return v_pow2 (v_add (v_set (1), p), n);
}

/* erf: x Q (x^2) up to 1, then 1 - e^-P(|x|), where P fits -ln erfc; minimax polynomials of error
 * 1e-9, their float arithmetic 1e-7. */
static inline vf
v_erf (vf x)
{
  const vf s = v_mul (x, x), a = v_abs (x), t = v_min (v_set (4), a); /* erf (4) is 1 in fp32 */
  vf q, p;

  q = v_fma (v_set (7.8538775e-5f), s, v_set (-8.0101995e-4f));
  q = v_fma (q, s, v_set (5.188328e-3f));
  q = v_fma (q, s, v_set (-2.6853813e-2f));
  q = v_fma (q, s, v_set (1.12835854e-1f));
  q = v_fma (q, s, v_set (-3.7612626e-1f));
  q = v_fma (q, s, v_set (1.1283791f));

  p = v_fma (v_set (-1.8557401e-4f), t, v_set (2.9396072e-3f));
  p = v_fma (p, t, v_set (-2.1805318e-2f));
  p = v_fma (p, t, v_set (1.0303737e-1f));
  p = v_fma (p, t, v_set (6.382257e-1f));
  p = v_fma (p, t, v_set (1.12704f));
  p = v_fma (p, t, v_set (3.5371952e-4f));
  p = v_sub (v_set (1), v_exp (v_sub (v_set (0), p)));
  return v_greater (a, v_set (1), v_copy_sign (p, x), v_mul (x, q));
}

static inline vf
v_activate (CkActivation activation, vf t)
{
  switch (activation) {
  case CK_GELU:
    return v_mul (v_mul (v_set (0.5f), t),
                  v_add (v_set (1), v_erf (v_mul (t, v_set (0.70710678f)))));
  case CK_SILU:
    return v_div (t, v_add (v_set (1), v_exp (v_sub (v_set (0), t))));
  case CK_RELU:
    return v_max (v_set (0), t);
  case CK_IDENTITY:
    break;
  }
  return t;
}

static void
epilogue_v (const CkEpilogue *epilogue, int64_t cols, const float *t, const float *times,
            const float *residual, float *y)
{
  for (int64_t i = 0; i < cols; i += W) {
    const int64_t left = cols - i;
    vf value = v_load (t + i, left, 0);

    if (epilogue->gain != NULL)
      value = v_mul (value, v_load (epilogue->gain + i, left, 0));
    if (epilogue->bias != NULL)
      value = v_add (value, v_load (epilogue->bias + i, left, 0));
    value = v_activate (epilogue->activation, value);
    if (times != NULL)
      value = v_mul (value, v_load (times + i, left, 0));
    if (epilogue->scale != NULL)
      value = v_mul (value, v_load (epilogue->scale + i, left, 0));
    if (residual != NULL)
      value = v_add (value, v_load (residual + i, left, 0));
    v_store (y + i, left, value);
  }
}

/* What turns a row into one of mean 0 and variance 1: (x - mean - rest) * factor. */
typedef struct {
  float mean, rest, factor;
} Statistics;

/*
 * In floats, but as good as doubles: the second pass also sums what rounding left of the mean, and
 * corrects mean and variance by it.
 */
static inline Statistics
row_statistics (float epsilon, int64_t cols, const float *x)
{
  vf sum = v_set (0), squares = v_set (0);
  float mean, rest;

  for (int64_t i = 0; i < cols; i += W)
    sum = v_add (sum, v_load (x + i, cols - i, 0));
  mean = v_sum (sum) / (float)cols;

  sum = v_set (0);
  for (int64_t i = 0; i < cols; i += W) {
    const vf d = v_sub (v_load (x + i, cols - i, mean), v_set (mean));
    sum = v_add (sum, d);
    squares = v_fma (d, d, squares);
  }
  rest = v_sum (sum) / (float)cols;
  return (Statistics){ mean, rest,
                       (float)(1 / sqrt ((double)v_sum (squares) / (double)cols -
                                         (double)rest * rest + epsilon)) };
}

static inline vf
v_normalise (const Statistics *row, vf x)
{
  return v_mul (v_sub (v_sub (x, v_set (row->mean)), v_set (row->rest)), v_set (row->factor));
}

static void
norm_v (const CkNorm *norm, int64_t cols, const float *x, float *y)
{
  const Statistics row = row_statistics (norm->epsilon, cols, x);

  for (int64_t i = 0; i < cols; i += W) {
    const int64_t left = cols - i;
    const vf h = v_normalise (&row, v_load (x + i, left, 0));
    v_store (y + i, left,
             v_fma (h, v_load (norm->weight + i, left, 0), v_load (norm->bias + i, left, 0)));
  }
}

static void
softmax_v (int64_t n, float *x)
{
  vf max = v_set (-INFINITY), sum = v_set (0), factor;

  for (int64_t i = 0; i < n; i += W)
    max = v_max (max, v_load (x + i, n - i, -INFINITY));
  max = v_set (v_max_of (max));
  for (int64_t i = 0; i < n; i += W) {
    const vf e = v_exp (v_sub (v_load (x + i, n - i, -INFINITY), max));
    sum = v_add (sum, e);
    v_store (x + i, n - i, e);
  }
  factor = v_set (1 / v_sum (sum));
  for (int64_t i = 0; i < n; i += W)
    v_store (x + i, n - i, v_mul (v_load (x + i, n - i, 0), factor));
}

static void
rope_v (int64_t head_dim, const float *cos, const float *sin, float *x)
{
  const int64_t half = head_dim / 2;

  for (int64_t i = 0; i < half; i += W) {
    const int64_t left = half - i;
    const vf low = v_load (x + i, left, 0), high = v_load (x + half + i, left, 0);

    v_store (
        x + i, left,
        v_sub (v_mul (low, v_load (cos + i, left, 0)), v_mul (high, v_load (sin + i, left, 0))));
    v_store (x + half + i, left,
             v_add (v_mul (high, v_load (cos + half + i, left, 0)),
                    v_mul (low, v_load (sin + half + i, left, 0))));
  }
}

static void
decode_f16_v (int64_t n, const uint16_t *data, float *out)
{
  for (int64_t i = 0; i < n; i += W) {
    uint16_t last[W] = { 0 };

    if (n - i < W)
      memcpy (last, data + i, (size_t)(n - i) * sizeof *last);
    v_store (out + i, n - i, v_from_f16 (n - i < W ? last : data + i));
  }
}

static void
decode_bf16_v (int64_t n, const uint16_t *data, float *out)
{
  for (int64_t i = 0; i < n; i += W) {
    uint16_t last[W] = { 0 };

    if (n - i < W)
      memcpy (last, data + i, (size_t)(n - i) * sizeof *last);
    v_store (out + i, n - i, v_from_bf16 (n - i < W ? last : data + i));
  }
}

/* Rows, and so runs, may begin and end inside a block and, if the matrix is odd, inside a byte. */
static void
decode_nf4_v (const CkWeightSource *source, int64_t first, int64_t n, float *out)
{
  const uint8_t *pairs = source->data;
  const int64_t end = first + n;
  int64_t i = first, block = first / source->block;

  for (int64_t block_end = (block + 1) * source->block; i < end;
       block++, block_end += source->block) {
    const int64_t stop = block_end < end ? block_end : end;
    const float absmax = source->absmax[block];

    if (i % 2 != 0) {
      *out++ = source->code[pairs[i / 2] & 15] * absmax;
      i++;
    }
    for (; i + NF4_STEP <= stop; i += NF4_STEP, out += NF4_STEP)
      nf4_step (pairs + i / 2, source->code, absmax, out);
    for (; i < stop; i++)
      *out++ = source->code[i % 2 == 0 ? pairs[i / 2] >> 4 : pairs[i / 2] & 15] * absmax;
  }
}

#include "kernels/cpu/gemm-tmpl.h"
#include "kernels/cpu/ops-train-tmpl.h"

static void
fill_ops (CkCpuOps *ops)
{
  fill_training_ops (ops);
  ops->gemm = gemm_v;
  ops->gemm_across = gemm_across_v;
  ops->decode_f16 = decode_f16_v;
  ops->decode_bf16 = decode_bf16_v;
  ops->decode_nf4 = decode_nf4_v;
  ops->norm = norm_v;
  ops->softmax = softmax_v;
  ops->rope = rope_v;
  ops->epilogue = epilogue_v;
}
