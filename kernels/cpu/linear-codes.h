/* SPDX-License-Identifier: MIT */
/* The product of a linear layer in whole numbers (quantised.h): its input as codes, and tiles of
 * its output. */
#ifndef CK_CPU_LINEAR_CODES_H
#define CK_CPU_LINEAR_CODES_H

#include "kernels/cpu/cpu-stream.h"
#include "kernels/cpu/weight-strips.h"

/* A layer's input, or backward the gradient of its output: x [rows, cols] fp32 and as codes. */
typedef struct {
  const CkCpuStream *cpu;
  const CkQuantisedOps *products;
  int64_t rows, cols;
  const float *x;

  CkCodes codes;
  CkOutlier *outliers; /* [rows, blocks CK_OUTLIERS_MAX], of which a row has */
  int32_t *n_outliers; /* [rows] */
} CkLinearCodes;

/* Quantises x with the whole team, in the stream's scratch memory, which is the layer's until the
 * next call; not again if it is the `same` x that the last call quantised for products like these.
 */
CkStatus ck_linear_codes_init (CkLinearCodes *self, CkCpuStream *cpu,
                               const CkQuantisedOps *products, int64_t rows, int64_t cols,
                               const float *x, bool same);

/* Rows [row, row + rows) alone, without their outliers. */
CkCodes ck_linear_codes_rows (const CkLinearCodes *self, int64_t row);

/*
 * Parameters as strips, made by the whole team in the stream's scratch memory, which is theirs
 * until the next call: *packed is a copy of the weight that has them. Other weights are copied as
 * they are.
 */
CkStatus ck_linear_codes_pack (CkCpuStream *cpu, const CkCpuWeight *weight, CkCpuWeight *packed);

#define CK_CODE_ROWS 48 /* rows multiplied at once, whose results stay in the L1 cache */

/* Outputs of a panel that keeps its weights in a thread's cache: a whole number of strips. */
int64_t ck_linear_codes_panel (const CkCpuWeight *weight);

/* Floats of a thread's buffer for a panel of so many outputs. */
int64_t ck_linear_codes_buffer (const CkCpuWeight *weight, int64_t panel);

/* The weights of a panel, in the calling thread; they hold as long as the buffer. */
typedef struct {
  const CkCpuWeight *weight;
  int64_t first, outs;
  CkStrips strips;
  float *columns;      /* in fp32 of those which outliers asked for, [CK_COLUMNS, panel] */
  int32_t *column_ids; /* [CK_COLUMNS] */
  int64_t n_columns, next_column, panel;
} CkCodePanel;

#define CK_COLUMNS 32

/* Outputs [first, first + outs), of which the first is a strip's; `panel`: outs rounded up to
 * strips, the stride of results. */
void ck_code_panel_init (CkCodePanel *panel, const CkCpuWeight *weight, int64_t first, int64_t outs,
                         int64_t stride, float *buffer);

/* t [rows, stride] = x W^T for rows [row, row + rows) of x. */
void ck_code_panel_multiply (CkCodePanel *panel, const CkLinearCodes *x, int64_t row, int64_t rows,
                             float *t);

#endif /* CK_CPU_LINEAR_CODES_H */
