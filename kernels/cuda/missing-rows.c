/* SPDX-License-Identifier: MIT */
/* Operations that have no kernel yet. */
#include "kernels/cuda/operations.h"

CkStatus
ck_cuda_embed (CkStream *stream, const CkEmbed *op)
{
  (void)stream;
  (void)op;
  return CK_UNSUPPORTED;
}

CkStatus
ck_cuda_embed_backward (CkStream *stream, const CkEmbedBackward *op)
{
  (void)stream;
  (void)op;
  return CK_UNSUPPORTED;
}
