/* SPDX-License-Identifier: MIT */
/* What the layers do to one row. */
#ifndef CK_CPU_ROWS_H
#define CK_CPU_ROWS_H

#include "kernels/kernels.h"

/* What follows the product in a linear layer, for the columns of one tile; the fields of CkLinear
 * and the adapter's gain, or NULL. */
typedef struct {
  const float *gain, *bias;
  CkActivation activation;
  const float *scale;
} CkEpilogue;

typedef struct {
  /* y may be x; of the operation only weight, bias and epsilon are looked at. */
  void (*norm) (const CkNorm *norm, int64_t cols, const float *x, float *y);
  /* In place. */
  void (*softmax) (int64_t n, float *x);
  /* One head of one token, in place. */
  void (*rope) (int64_t head_dim, const float *cos, const float *sin, float *x);
  /* y += factor x */
  void (*add_scaled) (int64_t n, float factor, const float *x, float *y);
  /* One row of a tile: y = epilogue (t) * multiplier * scale + residual; multiplier and residual
   * may be NULL, and may be y. */
  void (*epilogue) (const CkEpilogue *epilogue, int64_t cols, const float *t,
                    const float *multiplier, const float *residual, float *y);
} CkRowOps;

/* CkRowOps.epilogue in plain C. */
void ck_row_epilogue_c (const CkEpilogue *epilogue, int64_t cols, const float *t,
                        const float *multiplier, const float *residual, float *y);

void ck_row_init_c (CkRowOps *ops);
void ck_row_init_avx2 (CkRowOps *ops);
void ck_row_init_avx512 (CkRowOps *ops);
void ck_row_init_neon (CkRowOps *ops);

#endif /* CK_CPU_ROWS_H */
