/* SPDX-License-Identifier: MIT */
/* What training does to one row or run of elements. */
#ifndef CK_CPU_TRAINING_OPS_H
#define CK_CPU_TRAINING_OPS_H

#include "kernels/training.h"

typedef struct {
  /* mask [ck_mask_bytes (n)]: which of the elements [first, first + n) a dropout of p keeps, as
   * CkTraining.dropout says; the bits after them are 0. */
  void (*choose) (uint64_t key, float p, int64_t first, int64_t n, uint8_t *mask);
  /* y [n] = x / (1 - p) where the mask's bit is set, 0 elsewhere. y may be x. */
  void (*drop) (float p, int64_t n, const uint8_t *mask, const float *x, float *y);
  /* y *= factor */
  void (*multiply) (int64_t n, float factor, float *y);
  /* Over the rows of a [rows, stride]: sums [cols] += its elements, and products [cols] += those
   * with the elements of b [rows, stride]. Either may be NULL, and so b with products. */
  void (*sum_columns) (int64_t rows, int64_t cols, int64_t stride, const float *a, const float *b,
                       double *sums, double *products);
  /* The transpose of CkRowOps.rope, which also undoes it. */
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
} CkTrainingOps;

void ck_training_init_c (CkTrainingOps *ops);
void ck_training_init_avx2 (CkTrainingOps *ops);
void ck_training_init_avx512 (CkTrainingOps *ops);
void ck_training_init_neon (CkTrainingOps *ops);

#endif /* CK_CPU_TRAINING_OPS_H */
