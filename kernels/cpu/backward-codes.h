/* SPDX-License-Identifier: MIT */
/*
 * dx = dy W in whole numbers of 16 bits (quantised.h): the sum runs over outputs, so the blocks of
 * 64 do too. Columns of the weight become strips in a thread's cache whenever they are used,
 * whatever the weight's format.
 */
#ifndef CK_CPU_BACKWARD_CODES_H
#define CK_CPU_BACKWARD_CODES_H

#include "kernels/cpu/linear-codes.h"

/* Floats of a thread's buffer for a panel of so many inputs. */
int64_t ck_backward_codes_buffer (const CkCpuWeight *weight, int64_t panel);

/* The weights of a panel, in the calling thread; they hold as long as the buffer. */
typedef struct {
  const CkCpuOps *ops;
  const CkCpuWeight *weight;
  const float *gain; /* [out] or NULL: multiplies the rows of W */
  int64_t first, ins;
  int64_t panel; /* ins rounded up to strips, the stride of results */
  float *rows;   /* [64, panel] rows of W in fp32 */
  char *codes;   /* [strips, blocks, strip groups] */
  float *scales; /* [strips, blocks, strip] */
} CkBackwardPanel;

/* Inputs [first, first + ins). */
void ck_backward_panel_init (CkBackwardPanel *panel, const CkCpuOps *ops, const CkCpuWeight *weight,
                             const float *gain, int64_t first, int64_t ins, int64_t stride,
                             float *buffer);

/* t [rows, stride] = dy (gain W) for rows [row, row + rows) of dy. */
void ck_backward_panel_multiply (CkBackwardPanel *panel, const CkLinearCodes *dy, int64_t row,
                                 int64_t rows, float *t);

#endif /* CK_CPU_BACKWARD_CODES_H */
