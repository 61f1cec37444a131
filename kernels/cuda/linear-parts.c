/* SPDX-License-Identifier: MIT */
#include "kernels/cuda/linear-parts.h"

void
ck_cuda_adapter_low (CkCudaStream *stream, CkCudaFactors factors, const CkAdapter *adapter,
                     int64_t rows, int64_t in, const float *x, float alpha, float *low)
{
  const CkCudaProduct product = {
    .m = rows,
    .n = adapter->rank,
    .first = { .a = x,
               .a_stride = in,
               .b = ck_cuda_floats (adapter->down, adapter->rank, in),
               .k = in },
    .key = adapter->dropout > 0 ? adapter->key : NULL,
    .dropout = adapter->dropout,
    .epilogue = { .alpha = alpha },
    .y = low,
  };

  ck_cuda_product (stream, CK_CUDA_FORWARD, factors, &product);
}

CkCudaFactors
ck_cuda_linear_factors (const CkWeight *weight)
{
  return weight->uses & CK_USE_BF16  ? CK_CUDA_OF_BF16
         : weight->uses & CK_USE_F16 ? CK_CUDA_OF_F16
                                     : CK_CUDA_OF_F32;
}

CkCudaEpilogue
ck_cuda_linear_epilogue (const CkLinear *op)
{
  return (CkCudaEpilogue){
    .alpha = 1,
    .gain = op->adapter.gain,
    .bias = op->bias,
    .activation = op->activation,
    .multiplier = op->multiplier,
    .scale = op->scale,
    .residual = op->residual,
  };
}
