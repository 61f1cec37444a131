/* SPDX-License-Identifier: MIT */
/*
 * Gradients of weights in whole numbers of 16 bits (quantised.h): dW = dy^T x. The sum runs over
 * rows, so the blocks of 64 do too; columns of dy and of x become strips, once a call.
 */
#ifndef CK_CPU_GRADIENT_CODES_H
#define CK_CPU_GRADIENT_CODES_H

#include "kernels/cpu/cpu-stream.h"

/* dweight [out, in] += dy^T x for dy [rows, out] and x [rows, in], with the whole team. */
CkStatus ck_gradient_codes_add (CkCpuStream *cpu, int64_t rows, int64_t out, int64_t in,
                                const float *dy, const float *x, float *dweight);

#endif /* CK_CPU_GRADIENT_CODES_H */
