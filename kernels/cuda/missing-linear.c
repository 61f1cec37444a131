/* SPDX-License-Identifier: MIT */
/* Operations that have no kernel yet. */
#include "kernels/cuda/operations.h"

CkStatus
ck_cuda_linear (CkStream *stream, const CkLinear *op)
{
  (void)stream;
  (void)op;
  return CK_UNSUPPORTED;
}

CkStatus
ck_cuda_weight_dequantise (CkStream *stream, const CkWeight *weight, int64_t first, int64_t rows,
                           float *out)
{
  (void)stream;
  (void)weight;
  (void)first;
  (void)rows;
  (void)out;
  return CK_UNSUPPORTED;
}

CkStatus
ck_cuda_linear_backward (CkStream *stream, const CkLinearBackward *op)
{
  (void)stream;
  (void)op;
  return CK_UNSUPPORTED;
}
