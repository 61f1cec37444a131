/* SPDX-License-Identifier: MIT */
/* The first product of an adapter, low = dropout (x) down^T. */
#ifndef CK_CPU_ADAPTER_H
#define CK_CPU_ADAPTER_H

#include "kernels/cpu/coded-rows.h"
#include "kernels/cpu/cpu-stream.h"

int64_t ck_adapter_transposed (const CkAdapter *adapter, int64_t in);
int64_t ck_adapter_buffer (const CkAdapter *adapter);
/* low [rows, rank]; `transposed` is scratch of ck_adapter_transposed () floats for down^T, and
 * `buffers` of ck_adapter_buffer () floats a thread. */
CkStatus ck_adapter_low (const CkCpuStream *cpu, const CkAdapter *adapter, int64_t rows, int64_t in,
                         const float *x, float *low, float *transposed, float *buffers);

/* Of whole numbers, without dropout: floats of scratch memory, and from a row of low to the next. */
int64_t ck_adapter_codes_scratch (const CkQuantisedOps *products, const CkAdapter *adapter,
                                  int64_t in);
int64_t ck_adapter_codes_stride (const CkQuantisedOps *products, const CkAdapter *adapter);
CkStatus ck_adapter_codes_low (const CkCpuStream *cpu, const CkAdapter *adapter, int64_t rows,
                               int64_t in, const CkCodedRows *x, float *low, float *scratch);

#endif /* CK_CPU_ADAPTER_H */
