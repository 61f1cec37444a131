/* SPDX-License-Identifier: MIT */
/* epilogue.h for a thread. Roundings are written out, so that no compiler contracts them. */
#ifndef CK_CUDA_EPILOGUE_DEVICE_H
#define CK_CUDA_EPILOGUE_DEVICE_H

#include "kernels/activation.h"
#include "kernels/cuda/epilogue.h"
#include "kernels/cuda/kernel.h"

/* The element at a row and column whose place in [rows, cols] is `at`. */
static __device__ __forceinline__ float
ck_epilogue (const CkCudaEpilogue &e, int64_t row, int64_t col, int64_t at, float t)
{
  if (e.alpha != 1)
    t = __fmul_rn (t, e.alpha);
  if (e.row_factor != nullptr)
    t = __fmul_rn (t, e.row_factor[row]);
  if (e.gain != nullptr)
    t = __fmul_rn (t, e.gain[col]);
  if (e.bias != nullptr)
    t = __fadd_rn (t, e.bias[col]);
  t = ck_activate (e.activation, t);
  if (e.multiplier != nullptr)
    t = __fmul_rn (t, e.multiplier[at]);
  if (e.scale != nullptr)
    t = __fmul_rn (t, e.scale[col]);
  if (e.residual != nullptr)
    t = __fadd_rn (t, e.residual[at]);
  return t;
}

#endif /* CK_CUDA_EPILOGUE_DEVICE_H */
