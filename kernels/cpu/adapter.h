/* SPDX-License-Identifier: MIT */
/* The first product of an adapter in fp32, low = dropout (x) down^T, and the dropout's mask. */
#ifndef CK_CPU_ADAPTER_H
#define CK_CPU_ADAPTER_H

#include "kernels/cpu/cpu-stream.h"

int64_t ck_adapter_transposed (const CkAdapter *adapter, int64_t in);
int64_t ck_adapter_buffer (const CkAdapter *adapter);
/* low [rows, rank]; `transposed` is scratch of ck_adapter_transposed () floats for down^T, and
 * `buffers` of ck_adapter_buffer () floats a thread. */
/* A mask that the adapter has is written, too. */
CkStatus ck_adapter_low (const CkCpuStream *cpu, const CkAdapter *adapter, int64_t rows, int64_t in,
                         const float *x, float *low, float *transposed, float *buffers);

#endif /* CK_CPU_ADAPTER_H */
