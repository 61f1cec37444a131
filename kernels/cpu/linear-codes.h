/* SPDX-License-Identifier: MIT */
/* The product of a linear layer in whole numbers (quantised.h): its input as codes, and tiles of
 * its output. */
#ifndef CK_CPU_LINEAR_CODES_H
#define CK_CPU_LINEAR_CODES_H

#include "kernels/cpu/coded-rows.h"
#include "kernels/cpu/cpu-stream.h"
#include "kernels/cpu/weight-strips.h"

/* A layer's input, or backward the gradient of its output. */
typedef struct {
  const CkCpuStream *cpu;
  CkCodedRows x;
} CkLinearCodes;

/* x [rows, cols] is whole numbers for these products already, or is quantised with the whole team
 * into the stream's scratch memory, which is the layer's until the next call. */
CkStatus ck_linear_codes_init (CkLinearCodes *self, CkCpuStream *cpu,
                               const CkQuantisedOps *products, int64_t rows, int64_t cols,
                               CkActivations x);

/*
 * Parameters as strips, made by the whole team in the stream's scratch memory, which is theirs
 * until the next call: *packed is a copy of the weight that has them. Other weights are copied as
 * they are.
 */
CkStatus ck_linear_codes_pack (CkCpuStream *cpu, const CkCpuWeight *weight, CkCpuWeight *packed);

#define CK_CODE_ROWS 48 /* rows multiplied at once, whose addends stay in the L1 cache */

/* Columns of a panel, of so many weights each, that keeps these in a thread's cache: a whole number
 * of strips. */
int64_t ck_code_panel_width (const CkQuantisedOps *products, int64_t depth);

/* Floats of a thread's buffer for a panel of so many outputs. */
int64_t ck_linear_codes_buffer (const CkCpuWeight *weight, int64_t panel);

/* The weights of a panel, in the calling thread; they hold as long as the buffer. */
typedef struct {
  const CkCpuWeight *weight;
  int64_t first, outs;
  CkStrips strips;
  CkStrips up;         /* of the adapter, where it is of whole numbers */
  float *columns;      /* in fp32 of those which outliers asked for, [CK_COLUMNS, panel] */
  int32_t *column_ids; /* [CK_COLUMNS] */
  int64_t n_columns, next_column, panel;
} CkCodePanel;

#define CK_COLUMNS 32

/* Outputs [first, first + outs), of which the first is a strip's; `panel`: outs rounded up to
 * strips, the stride of results. */
void ck_code_panel_init (CkCodePanel *panel, const CkCpuWeight *weight, int64_t first, int64_t outs,
                         int64_t stride, float *buffer);

/* t [rows, stride] += what the outliers of rows [row, row + rows) of x add to x W^T, and which the
 * product lacks. */
void ck_code_panel_add_outliers (CkCodePanel *panel, const CkLinearCodes *x, int64_t row,
                                 int64_t rows, float *t);
bool ck_linear_codes_have_outliers (const CkLinearCodes *x, int64_t row, int64_t rows);

/* y = x W^T for rows [row, row + rows) of x without their outliers, and its tail; stride: floats
 * from a row of y to the next. */
void ck_code_panel_multiply (const CkCodePanel *panel, const CkLinearCodes *x, int64_t row,
                             int64_t rows, const CkTail *tail, float *y, int64_t stride);

#endif /* CK_CPU_LINEAR_CODES_H */
