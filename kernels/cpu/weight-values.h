/* SPDX-License-Identifier: MIT */
/* The values of weights, as their formats define them, in fp32. */
#ifndef CK_CPU_WEIGHT_VALUES_H
#define CK_CPU_WEIGHT_VALUES_H

#include "kernels/device.h"
#include "kernels/cpu/cpu-ops.h"

/* Column `column` of outputs [first, first + outs) in fp32. */
void ck_weight_dequantise_column (const CkCpuOps *ops, const CkWeight *weight, int64_t column,
                                  int64_t first, int64_t outs, float *out);

/* Elements [first, first + n) of the flattened matrix, in the calling thread; they must exist. */
void ck_weight_dequantise_run (const CkCpuOps *ops, const CkWeight *weight, int64_t first,
                               int64_t n, float *out);

#endif /* CK_CPU_WEIGHT_VALUES_H */
