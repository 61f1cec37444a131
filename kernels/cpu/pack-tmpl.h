/* SPDX-License-Identifier: MIT */
/*
 * Rows of memory to columns of strips, over vectors of any width. The file that includes this one
 * says:
 *   VECTORS                        vectors a row of a strip, 2
 *   v_transpose (rows)             lane j of vector i of W becomes lane i of vector j
 */
#ifndef CK_CPU_PACK_TMPL_H
#define CK_CPU_PACK_TMPL_H

#include "kernels/cpu/vectors-tmpl.h"

#define STRIP (VECTORS * W)

/* One vector's width of columns of a strip from as many rows of memory. */
static inline void
pack_transposed (int64_t depth, int64_t cols, const float *b, int64_t stride, float *strip)
{
  for (int64_t l = 0; l < depth; l += W) {
    const int64_t left = depth - l;
    vf rows[W];

#pragma GCC unroll 16
    for (int64_t j = 0; j < W; j++)
      rows[j] = j < cols ? v_load (b + j * stride + l, left, 0) : v_set (0);
    v_transpose (rows);
    if (left >= W) {
#pragma GCC unroll 16
      for (int64_t j = 0; j < W; j++)
        v_store (strip + (l + j) * STRIP, W, rows[j]);
    } else {
#pragma GCC unroll 16
      for (int64_t j = 0; j < W; j++)
        if (j < left)
          v_store (strip + (l + j) * STRIP, W, rows[j]);
    }
  }
}

#endif /* CK_CPU_PACK_TMPL_H */
