/* SPDX-License-Identifier: MIT */
/* Weights on the CPU. */
#ifndef CK_CPU_WEIGHT_H
#define CK_CPU_WEIGHT_H

#include "kernels/cpu/cpu-stream.h"

CkStatus ck_cpu_weight_new (CkDevice *device, const CkWeightSource *source, CkWeightUses uses,
                            CkWeight **weight);
void ck_cpu_weight_free (CkDevice *device, CkWeight *weight);

#endif /* CK_CPU_WEIGHT_H */
