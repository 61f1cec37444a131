/* SPDX-License-Identifier: MIT */
/*
 * Attention, backward. The probabilities were not kept: they are computed again from q and k, a
 * block of query rows at a time. A task is one head of one picture, because all of its queries add
 * to the same dk and dv.
 */
#include "kernels/cpu/cpu-stream.h"
#include "kernels/cpu/operations.h"
#include "kernels/shapes.h"

#include <math.h>

#define SCORES                                                                                     \
  (64 *                                                                                            \
   1024) /* floats of probabilities a thread, and as many of their gradients: together 512 KiB */
#define BLOCK_MIN 16 /* query rows at once, fewer of which would slow the products down */

/* Query rows [first, first + rows) of one head; `offset` is where its first token lies. p and dp
 * [rows, tokens]. */
static CkStatus
add_queries (const CkCpuOps *ops, const CkAttentionBackward *op, int64_t offset, int64_t first,
             int64_t rows, float *p, float *dp)
{
  const CkAttention *a = &op->forward;
  const int64_t width = a->heads * a->head_dim, d = a->head_dim, n = a->tokens,
                at = offset + first * width;
  const float scale = 1 / sqrtf ((float)d), sum = first == 0 ? 0 : 1;
  CkStatus status =
      ops->products.gemm (true, rows, n, d, scale, a->q + at, width, a->k + offset, width, 0, p, n);

  for (int64_t row = 0; row < rows && status == CK_OK; row++)
    ops->rows.softmax (n, p + row * n);
  status = ck_worse (status, ops->products.gemm (true, rows, n, d, 1, op->dout + at, width,
                                                 a->v + offset, width, 0, dp, n));
  status = ck_worse (status, ops->products.gemm_tn (n, d, rows, 1, p, n, op->dout + at, width, sum,
                                                    op->dv + offset, width));
  for (int64_t row = 0; row < rows && status == CK_OK; row++)
    ops->training.softmax_backward (n, scale, p + row * n, dp + row * n);
  status = ck_worse (status, ops->products.gemm (false, rows, d, n, 1, dp, n, a->k + offset, width,
                                                 0, op->dq + at, width));
  return ck_worse (status, ops->products.gemm_tn (n, d, rows, 1, dp, n, a->q + at, width, sum,
                                                  op->dk + offset, width));
}

/* One head: back to q and k as they were, and to gradients with respect to them. */
static void
rotate_back (const CkCpuOps *ops, const CkAttentionBackward *op, int64_t offset)
{
  const CkAttention *a = &op->forward;
  const int64_t width = a->heads * a->head_dim;

  for (int64_t token = a->prefix; token < a->tokens; token++) {
    const float *cos = a->cos + (token - a->prefix) * a->head_dim,
                *sin = a->sin + (token - a->prefix) * a->head_dim;
    const int64_t at = offset + token * width;

    ops->training.rope_back (a->head_dim, cos, sin, a->q + at);
    ops->training.rope_back (a->head_dim, cos, sin, a->k + at);
    ops->training.rope_back (a->head_dim, cos, sin, op->dq + at);
    ops->training.rope_back (a->head_dim, cos, sin, op->dk + at);
  }
}

typedef struct {
  const CkCpuOps *ops;
  const CkAttentionBackward *op;
  int64_t block;  /* query rows at once */
  float *buffers; /* [2, block, tokens] a member */
} Job;

static CkStatus
make_head (const void *data, int64_t task, int member)
{
  const Job *job = data;
  const CkCpuOps *ops = job->ops;
  const CkAttentionBackward *op = job->op;
  const CkAttention *a = &op->forward;
  const int64_t tokens = a->tokens, block = job->block, head = task % a->heads,
                picture = task / a->heads,
                offset = (picture * tokens * a->heads + head) * a->head_dim;
  float *buffer = job->buffers + member * 2 * block * tokens;

  for (int64_t first = 0; first < tokens; first += block) {
    const CkStatus status = add_queries (ops, op, offset, first, ck_min (block, tokens - first),
                                         buffer, buffer + block * tokens);
    if (status != CK_OK)
      return status;
  }
  if (op->forward.cos != NULL)
    rotate_back (ops, op, offset);
  return CK_OK;
}

CkStatus
ck_cpu_attention_backward (CkStream *self, const CkAttentionBackward *op)
{
  CkCpuStream *cpu = (CkCpuStream *)self;
  const CkAttention *a = &op->forward;
  const CkStatus status = ck_check_attention (a);
  Job job = { .ops = cpu->ops, .op = op };
  size_t bytes;

  if (status != CK_OK || cpu->failure != CK_OK)
    return status;
  job.block = ck_min (ck_max (SCORES / a->tokens, BLOCK_MIN), a->tokens);
  if (!ck_size_product (2 * job.block * cpu->threads, a->tokens, sizeof (float), &bytes))
    return ck_cpu_finish (cpu, CK_NO_MEMORY);
  job.buffers = ck_scratch_get (&cpu->tiles, bytes);
  if (job.buffers == NULL)
    return ck_cpu_finish (cpu, CK_NO_MEMORY);
  return ck_cpu_finish (cpu, ck_team_run (cpu->threads, a->batch * a->heads, make_head, &job));
}
