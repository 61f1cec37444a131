/* SPDX-License-Identifier: MIT */
/* Operations that have no kernel yet. */
#include "kernels/cuda/operations.h"

CkStatus
ck_cuda_attention (CkStream *stream, const CkAttention *op)
{
  (void)stream;
  (void)op;
  return CK_UNSUPPORTED;
}

CkStatus
ck_cuda_attention_backward (CkStream *stream, const CkAttentionBackward *op)
{
  (void)stream;
  (void)op;
  return CK_UNSUPPORTED;
}

CkStatus
ck_cuda_resample (CkStream *stream, const CkResample *op)
{
  (void)stream;
  (void)op;
  return CK_UNSUPPORTED;
}
