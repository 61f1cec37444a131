/* SPDX-License-Identifier: MIT */
/*
 * The table of inner operations, which each level fills with its own versions. An inner operation
 * runs in the calling thread, on a row or a tile, and is all that a new level has to write.
 */
#ifndef CK_CPU_OPS_H
#define CK_CPU_OPS_H

#include "kernels/kernels.h"
#include "kernels/training.h"

/* What follows the product in a linear layer, for the columns of one tile; the fields of CkLinear
 * and the adapter's gain, or NULL. */
typedef struct {
  const float *gain, *bias;
  CkActivation activation;
  const float *scale;
} CkEpilogue;

typedef struct {
  /*
   * c [m, n] = alpha a [m, k] b + beta c, where b is [k, n], or [n, k] if transpose_b. lda, ldb,
   * ldc: elements from a row to the next. c is not read when beta is 0. Every element of c is the
   * same whatever m and n are and wherever in c it lies.
   */
  CkStatus (*gemm) (bool transpose_b, int64_t m, int64_t n, int64_t k, float alpha, const float *a,
                    int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc);

  void (*decode_f16) (int64_t n, const uint16_t *data, float *out);
  void (*decode_bf16) (int64_t n, const uint16_t *data, float *out);
  /* Elements [first, first + n) of the flattened matrix: code[q] * absmax, rounded once. */
  void (*decode_nf4) (const CkWeightSource *source, int64_t first, int64_t n, float *out);

  /*
   * n pixels as CkPicture's comment has it. y, u, v [n]: a sample each, of two bytes for CK_P010;
   * rgb [3, n]: planes of bytes. Of the picture only layout and coefficients are looked at. The
   * same bytes at every level.
   */
  void (*yuv_to_rgb) (const CkPicture *picture, int64_t n, const uint8_t *y, const uint8_t *u,
                      const uint8_t *v, uint8_t *rgb);

  /* One row; y may be x. */
  void (*norm) (const CkNorm *norm, int64_t cols, const float *x, float *y);
  /* One row, in place. */
  void (*softmax) (int64_t n, float *x);
  /* One head of one token, in place. */
  void (*rope) (int64_t head_dim, const float *cos, const float *sin, float *x);
  /* One row of a tile: y = epilogue (t) * times * scale + residual; times and residual may be NULL,
   * and may be y. */
  void (*epilogue) (const CkEpilogue *epilogue, int64_t cols, const float *t, const float *times,
                    const float *residual, float *y);
  /* y [n] = elements [first, first + n) of x dropped out, as CkTraining.dropout says; x and y point
   * to the first of them. y may be x. */
  void (*dropout) (uint64_t key, float p, int64_t first, int64_t n, const float *x, float *y);

  /* ---- for training only ---- */

  /* c [m, n] = alpha a^T b + beta c, where a is [k, m] and b is [k, n]: gradients of weights. */
  CkStatus (*gemm_across) (int64_t m, int64_t n, int64_t k, float alpha, const float *a,
                           int64_t lda, const float *b, int64_t ldb, float beta, float *c,
                           int64_t ldc);
  /* The transpose of rope, which also undoes it. */
  void (*rope_back) (int64_t head_dim, const float *cos, const float *sin, float *x);
  /* One row: dx = scale p (dx - sum (p dx)), in place, where p is what softmax gave. */
  void (*softmax_backward) (int64_t n, float scale, const float *p, float *dx);
  /* One row; adds to dweight and dbias, which may be NULL, and writes dx or with `add` adds to it.
   * dx may be dy. */
  void (*norm_backward) (const CkNorm *norm, int64_t cols, const float *x, const float *dy,
                         bool add, float *dx, float *dweight, float *dbias);
  /* dx = dy activation' (x); dx may be x or dy. */
  void (*activate_backward) (CkActivation activation, int64_t n, const float *x, const float *dy,
                             float *dx);
  /* `factor` multiplies the gradients first. */
  void (*adamw) (const CkAdamWStep *step, float factor, int64_t n, const float *gradients,
                 float *first, float *second, float *parameters);
} CkCpuOps;

/* Each overwrites the entries that its level does better; called in this order up to the level
 * wanted. */
void ck_cpu_ops_init_c (CkCpuOps *ops);
void ck_cpu_ops_init_c_training (CkCpuOps *ops);
void ck_cpu_ops_init_avx2 (CkCpuOps *ops);
void ck_cpu_ops_init_avx512 (CkCpuOps *ops);

#endif /* CK_CPU_OPS_H */
