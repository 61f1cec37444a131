/* SPDX-License-Identifier: MIT */
/* Attention backward: dq, then dk and dv. */
#include "kernels/cuda/attention-heads.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/operations.h"
#include "kernels/shapes.h"
#include "kernels/sizes.h"

#include <math.h>

enum { TILE = CK_ATTENTION_GROUPS * CK_ATTENTION_BACKWARD_ROWS };

/* By the chunks of a head that are kept. */
static const char *const dq_kernels[] = { "ck_cuda_attention_dq_0", "ck_cuda_attention_dq_1",
                                          "ck_cuda_attention_dq_2" };
static const char *const dkv_kernels[] = { "ck_cuda_attention_dkv_0", "ck_cuda_attention_dkv_1",
                                           "ck_cuda_attention_dkv_2" };

/* The kernels for tiles of `rows`, queries or tokens. */
static CkStatus
launch (CkCudaStream *stream, const CkAttention *op, const char *const *kernels, int64_t rows,
        CkCudaAttentionBackward *arguments)
{
  const int32_t held = ck_cuda_held_chunks (op);
  const void *others[] = { arguments->out, arguments->dout, arguments->dq, arguments->dk,
                           arguments->dv };
  CkCudaGrid grid;
  const CkStatus status = ck_cuda_heads (op, rows, TILE, &arguments->heads, &grid);

  if (status != CK_OK)
    return status;
  arguments->heads.vectors =
      ck_cuda_heads_vectors (op, others, (int)(sizeof others / sizeof *others));
  ck_cuda_launch (stream, kernels[held], grid, CK_ATTENTION_THREADS,
                  ck_attention_shared (held, CK_ATTENTION_BACKWARD_ROWS, 2, held == 1 ? 2 : 1),
                  arguments, sizeof *arguments);
  return CK_OK;
}

CkStatus
ck_cuda_attention_backward (CkStream *self, const CkAttentionBackward *op)
{
  CkCudaStream *stream = (CkCudaStream *)self;
  const CkAttention *a = &op->forward;
  const double scale = 1 / sqrt ((double)a->head_dim);
  CkCudaAttentionBackward arguments = { .scale = (float)(M_LOG2E * scale),
                                        .query_factor = (float)scale,
                                        .key_factor = (float)M_LN2,
                                        .out = a->out.data,
                                        .dout = op->dout,
                                        .dq = op->dq,
                                        .dk = op->dk,
                                        .dv = op->dv };
  CkStatus status = a->products == CK_F32 ? ck_check_attention (a) : CK_UNSUPPORTED;
  const int64_t queries = ck_attention_queries (a);
  size_t rows, bytes;

  if (status != CK_OK)
    return status;
  if (!ck_size_product (a->batch, a->heads, queries, &rows) ||
      !ck_size_product ((int64_t)rows, sizeof (CkCudaQuery), 1, &bytes))
    return CK_UNSUPPORTED;
  arguments.softmax = ck_cuda_scratch (stream, CK_CUDA_SCRATCH_ATTENTION, bytes);
  if (arguments.softmax == NULL)
    return ck_cuda_status (stream);
  status = launch (stream, a, dq_kernels, queries, &arguments);
  if (status == CK_OK)
    status = launch (stream, a, dkv_kernels, a->tokens, &arguments);
  return status == CK_OK ? ck_cuda_status (stream) : status;
}
