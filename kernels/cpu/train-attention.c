/* SPDX-License-Identifier: MIT */
/*
 * Attention, backward. The probabilities were not kept: they are computed again from q and k, a
 * block of query rows at a time. A task is one head of one picture, because all of its queries add
 * to the same dk and dv.
 */
#include "kernels/cpu/cpu-stream.h"
#include "kernels/cpu/operations.h"
#include "kernels/cpu/team.h"
#include "kernels/shapes.h"

#include <math.h>
#include <string.h>

#define SCORES                                                                                     \
  (64 *                                                                                            \
   1024) /* floats of probabilities a thread, and as many of their gradients: together 512 KiB */
#define BLOCK_MIN 16 /* query rows at once, fewer of which would slow the products down */

/* A head that a thread works on. */
typedef struct {
  const CkCpuOps *ops;
  const CkAttentionBackward *op;
  int64_t queries, keys; /* elements from the first of q or of k to the head's first token */
  float *q;              /* [queries, head_dim], rotated */
  float *k;              /* [tokens, head_dim], rotated */
  float *p, *dp;         /* [block, tokens] */
} Head;

typedef void (*Rotate) (int64_t head_dim, const float *cos, const float *sin, float *x);

/* Rotates, or rotates back, the first `rows` tokens of a head; stride: floats from one to the next.
 */
static void
rotate_rows (const CkAttention *a, Rotate rotate, int64_t rows, float *x, int64_t stride)
{
  for (int64_t token = a->prefix; token < rows && a->cos != NULL; token++) {
    const int64_t at = (token - a->prefix) * a->head_dim;

    rotate (a->head_dim, a->cos + at, a->sin + at, x + token * stride);
  }
}

static void
copy_rotated (const Head *head, int64_t rows, const float *from, float *to)
{
  const CkAttention *a = &head->op->forward;

  for (int64_t row = 0; row < rows; row++)
    memcpy (to + row * a->head_dim, from + row * a->heads * a->head_dim,
            (size_t)a->head_dim * sizeof *to);
  rotate_rows (a, head->ops->rows.rope, rows, to, a->head_dim);
}

/* Query rows [first, first + rows). */
static CkStatus
add_queries (const Head *head, int64_t first, int64_t rows)
{
  const CkCpuOps *ops = head->ops;
  const CkAttentionBackward *op = head->op;
  const CkAttention *a = &op->forward;
  const int64_t width = a->heads * a->head_dim, d = a->head_dim, n = a->tokens,
                at = head->queries + first * width;
  const float scale = 1 / sqrtf ((float)d), sum = first == 0 ? 0 : 1, *q = head->q + first * d;
  float *p = head->p, *dp = head->dp;
  CkStatus status = ops->products.gemm (true, rows, n, d, scale, q, d, head->k, d, 0, p, n);

  for (int64_t row = 0; row < rows && status == CK_OK; row++)
    ops->rows.softmax (n, p + row * n);
  status = ck_worse (status, ops->products.gemm (true, rows, n, d, 1, op->dout + at, width,
                                                 a->v + head->keys, width, 0, dp, n));
  status = ck_worse (status, ops->products.gemm_tn (n, d, rows, 1, p, n, op->dout + at, width, sum,
                                                    op->dv + head->keys, width));
  for (int64_t row = 0; row < rows && status == CK_OK; row++)
    ops->training.softmax_backward (n, scale, p + row * n, dp + row * n);
  status = ck_worse (
      status, ops->products.gemm (false, rows, d, n, 1, dp, n, head->k, d, 0, op->dq + at, width));
  return ck_worse (
      status, ops->products.gemm_tn (n, d, rows, 1, dp, n, q, d, sum, op->dk + head->keys, width));
}

static CkStatus
make_head (const Head *head, int64_t block)
{
  const CkAttention *a = &head->op->forward;
  const int64_t queries = ck_attention_queries (a), width = a->heads * a->head_dim;

  copy_rotated (head, queries, a->q + head->queries, head->q);
  copy_rotated (head, a->tokens, a->k + head->keys, head->k);
  for (int64_t first = 0; first < queries; first += block) {
    const CkStatus status = add_queries (head, first, ck_min (block, queries - first));

    if (status != CK_OK)
      return status;
  }
  rotate_rows (a, head->ops->training.rope_back, queries, head->op->dq + head->queries, width);
  rotate_rows (a, head->ops->training.rope_back, a->tokens, head->op->dk + head->keys, width);
  return CK_OK;
}

/* The head of a task, with a thread's scratch memory. */
static Head
begin_head (const CkCpuOps *ops, const CkAttentionBackward *op, int64_t task, int64_t block,
            float *scratch)
{
  const CkAttention *a = &op->forward;
  const int64_t head = task % a->heads, picture = task / a->heads, n = a->tokens, d = a->head_dim;

  return (Head){ ops,
                 op,
                 (picture * ck_attention_queries (a) * a->heads + head) * d,
                 (picture * n * a->heads + head) * d,
                 scratch,
                 scratch + n * d,
                 scratch + 2 * n * d,
                 scratch + 2 * n * d + block * n };
}

typedef struct {
  const CkCpuOps *ops;
  const CkAttentionBackward *op;
  int64_t block;  /* query rows at once */
  float *scratch; /* [floats] a member */
  int64_t floats;
} Job;

static CkStatus
make_task (const void *data, int64_t task, int member)
{
  const Job *job = data;
  const Head head =
      begin_head (job->ops, job->op, task, job->block, job->scratch + member * job->floats);

  return make_head (&head, job->block);
}

CkStatus
ck_cpu_attention_backward (CkStream *self, const CkAttentionBackward *op)
{
  CkCpuStream *cpu = (CkCpuStream *)self;
  const CkAttention *a = &op->forward;
  const CkStatus status = a->products == CK_F32 ? ck_check_attention (a) : CK_UNSUPPORTED;
  Job job = { .ops = cpu->ops, .op = op };
  size_t floats, bytes;

  if (status != CK_OK || cpu->failure != CK_OK)
    return status;
  job.block = ck_min (ck_max (SCORES / a->tokens, BLOCK_MIN), a->tokens);
  if (!ck_size_product (2 * a->tokens, job.block + a->head_dim, 1, &floats) ||
      !ck_size_product ((int64_t)floats, cpu->threads, sizeof (float), &bytes))
    return ck_cpu_finish (cpu, CK_NO_MEMORY);
  job.floats = (int64_t)floats;
  job.scratch = ck_scratch_get (&cpu->tiles, bytes);
  if (job.scratch == NULL)
    return ck_cpu_finish (cpu, CK_NO_MEMORY);
  return ck_cpu_finish (cpu, ck_team_run (cpu->threads, a->batch * a->heads, make_task, &job));
}
