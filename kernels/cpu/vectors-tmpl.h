/* SPDX-License-Identifier: MIT */
/*
 * Arithmetic on vectors of any width that the other templates share. The files ops-*.c define
 * the few words below for their registers and include this file and the templates, which so become
 * part of their translation unit and are compiled for their level. Everything in them is
 * static but for the functions INIT (concept), whose names say the level: the linker would keep one
 * copy of a shared function, perhaps the one that older processors cannot run.
 *
 *   W, vf                          floats a vector; a vector
 *   v_set                          all lanes
 *   v_load (p, left, fill)         lanes from `left` on are not read but become fill
 *   v_store (p, left, v)           lanes from `left` on are not written
 *   v_add, v_sub, v_mul, v_div, v_fma (a, b, c) = a b + c
 *   v_min, v_max                   the second operand where either is NaN
 *   v_max_sticky                   of numbers without sign; NaN where either is NaN
 *   v_sqrt
 *   v_abs, v_copy_sign (x, s)      |x|; |x| with the sign of s
 *   v_round                        to the nearest integer, as a float
 *   v_pow2 (p, n)                  p 2^n for integers -151 <= n <= 129, overflowing to infinity and
 *                                  underflowing to 0
 *   v_pow2_normal (p, n)           the same for -126 <= n <= 127
 *   v_fraction (a)                 a - floor (a)
 *   v_pow2_floor (p, a)            p 2^floor (a) for -126 <= a <= 127
 *   v_greater (a, b, yes, no)      a > b ? yes : no
 *   v_not_less (a, b)              an integer whose lowest W bits say where a >= b
 *   v_where (bits, v)              v where such a bit is set, else 0
 *   v_lookup (table, v)            the one of 32 floats that the lowest five bits of a lane name;
 *                                  only where this is fast
 *   v_swap_pairs, v_swap_neighbours  of each four lanes 2 3 0 1, or 1 0 3 2
 *   v_sum, v_max_of                over all lanes
 *   v_from_f16, v_from_bf16        W numbers
 *   vi                             W / 2 integers of 64 bits
 *   i_set, i_add, i_xor            all lanes
 *   i_right (a, n)                 a shifted right by n bits
 *   i_multiply                     the product of the lower halves of each lane
 *   i_halves (low, high)           the lower half of low's lanes, and above it that of high's
 *   i_evens, i_odds (a, b)         lanes 0, 2, ... of a, each followed by b's; lanes 1, 3, ...
 *   i_counters ()                  0, 1, 2, ... in the lanes in the order in which i_evens, then
 *                                  i_odds take them
 *   v_from_u24                     the upper 24 bits of each half of a lane, as floats
 *   INIT (concept)                 the name of the function that fills the concept's table
 */
#ifndef CK_CPU_VECTORS_TMPL_H
#define CK_CPU_VECTORS_TMPL_H

#include <math.h>
#include <stdint.h>

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

/* 2^x for x <= 0: the polynomial of v_exp with ln 2 in its coefficients, so that nothing has to be
 * split. Below 2^-125 it stays there: numbers that are not normal make some processors slow. */
static inline vf
v_exp2_negative (vf x)
{
  const vf bounded = v_max (v_set (-125), x), n = v_round (bounded), r = v_sub (bounded, n);
  vf p = v_fma (v_set (1.53211389e-4f), r, v_set (1.3390173e-3f));

  p = v_fma (p, r, v_set (9.61852691e-3f));
  p = v_fma (p, r, v_set (5.55036236e-2f));
  p = v_fma (p, r, v_set (2.40226478e-1f));
  p = v_fma (p, r, v_set (6.93147181e-1f));
  return v_pow2_normal (v_fma (p, r, v_set (1)), n);
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

#endif /* CK_CPU_VECTORS_TMPL_H */
