/* SPDX-License-Identifier: MIT */
/* Elements of a head's row, rotated by its position, with the roundings of kernels/cpu. */
#ifndef CK_CUDA_ATTENTION_ROTATED_H
#define CK_CUDA_ATTENTION_ROTATED_H

#include "kernels/cuda/kernel.h"

/* Rows of one head in a matrix of all heads; tokens before `prefix` have no position. */
struct CkRotatedRows {
  int heads, half, prefix;
  const float *cos, *sin;
};

/* The first element of a head's row in a matrix of so many rows a picture; `head` counts those of
 * all pictures. */
static __device__ __forceinline__ int64_t
ck_row_offset (int heads, int half, int head, int rows, int row)
{
  const int64_t picture = head / heads;

  return ((picture * rows + row) * heads + head % heads) * 2 * half;
}

/* Element c of a token's row times a factor, rotated if the token has a position. */
static __device__ __forceinline__ float
ck_rotated (const CkRotatedRows &rows, const float *row, int token, float factor, int c)
{
  const int position = token - rows.prefix, other = c < rows.half ? c + rows.half : c - rows.half;
  const float x = __fmul_rn (row[c], factor);

  if (rows.cos == nullptr || position < 0)
    return x;
  const int64_t at = 2 * (int64_t)position * rows.half + c;
  const float turned = __fmul_rn (__fmul_rn (row[other], factor), rows.sin[at]);
  return c < rows.half ? __fsub_rn (__fmul_rn (x, rows.cos[at]), turned)
                       : __fmaf_rn (x, rows.cos[at], turned);
}

#endif /* CK_CUDA_ATTENTION_ROTATED_H */
