/* SPDX-License-Identifier: MIT */
/*
 * An adapter in whole numbers: low = x down^T becomes codes, too, and its product with up is added
 * to the layer's own in registers (CkTail.second). The adapter's scale is in the scales of up.
 */
#ifndef CK_CPU_ADAPTER_CODES_H
#define CK_CPU_ADAPTER_CODES_H

#include "kernels/cpu/coded-rows.h"
#include "kernels/cpu/cpu-stream.h"
#include "kernels/cpu/weight-strips.h"

typedef struct {
  const CkQuantisedOps *products;
  const CkAdapter *adapter;
  int64_t rows, in;
  CkCodes low; /* [rows, rank], without outliers */
} CkAdapterCodes;

/* *floats of memory for the call, aligned to cache lines; false when they cannot be counted. */
bool ck_adapter_codes_memory (const CkQuantisedOps *products, const CkAdapter *adapter,
                              int64_t rows, int64_t in, int threads, size_t *floats);

/* Makes low of x [rows, in] with the whole team; what it makes holds as long as the memory. */
CkStatus ck_adapter_codes_init (CkAdapterCodes *self, const CkCpuStream *cpu,
                                const CkAdapter *adapter, int64_t rows, int64_t in,
                                const CkCodedRows *x, float *memory);

/* Floats of a thread's buffer for up's outputs of a panel, whole strips. */
int64_t ck_adapter_codes_panel (const CkQuantisedOps *products, const CkAdapter *adapter,
                                int64_t outs);
/* Outputs [first, first + outs) of up as strips in the buffer, in the calling thread. */
CkStrips ck_adapter_codes_strips (const CkAdapterCodes *self, int64_t first, int64_t outs,
                                  float *buffer);
/* The product of rows from `row` on; its strip is the first one. */
CkSecondProduct ck_adapter_codes_from (const CkAdapterCodes *self, int64_t row,
                                       const CkStrips *strips);

#endif /* CK_CPU_ADAPTER_CODES_H */
