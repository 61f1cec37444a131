/* SPDX-License-Identifier: MIT */
/* Weights on the CPU. */
#ifndef CK_CPU_WEIGHT_H
#define CK_CPU_WEIGHT_H

#include "kernels/cpu/cpu-stream.h"

CkStatus ck_cpu_weight_new (CkDevice *device, const CkWeightSource *source, CkWeightUses uses,
                            CkWeight **weight);
void ck_cpu_weight_free (CkDevice *device, CkWeight *weight);

/* Elements [first, first + n) of the flattened matrix, in the calling thread; they must exist. */
void ck_weight_dequantise_run (const CkCpuOps *ops, const CkWeight *weight, int64_t first,
                               int64_t n, float *out);

#endif /* CK_CPU_WEIGHT_H */
