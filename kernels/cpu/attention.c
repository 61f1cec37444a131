/* SPDX-License-Identifier: MIT */
/*
 * Attention. First q and k of every token are rotated, once each; then a task is one block of query
 * rows of one head of one picture: its scores [block, tokens] stay in the thread's cache from the
 * first product over the softmax to the second.
 */
#include "kernels/cpu/cpu-stream.h"
#include "kernels/cpu/operations.h"
#include "kernels/shapes.h"

#include <math.h>

#define SCORES    (128 * 1024) /* floats of scores a thread: 512 KiB, a part of its L2 */
#define ROTATED   16           /* tokens a task */
#define BLOCK_MIN 16           /* query rows a task, fewer of which would slow the products down */

typedef struct {
  const CkCpuStream *cpu;
  const CkAttention *a;
  int64_t block, blocks; /* query rows a task, and tasks a head */
  float *scores;         /* [block, tokens] a member */
} Job;

static void
rotate (const CkCpuStream *cpu, const CkAttention *a, int64_t token)
{
  const int64_t position = token % a->tokens - a->prefix, width = a->heads * a->head_dim;

  if (position < 0)
    return;
  for (int64_t head = 0; head < a->heads; head++) {
    const int64_t at = token * width + head * a->head_dim;

    cpu->ops->rows.rope (a->head_dim, a->cos + position * a->head_dim,
                         a->sin + position * a->head_dim, a->q + at);
    cpu->ops->rows.rope (a->head_dim, a->cos + position * a->head_dim,
                         a->sin + position * a->head_dim, a->k + at);
  }
}

static CkStatus
rotate_tokens (const void *data, int64_t first, int64_t end, int member)
{
  const Job *job = data;

  for (int64_t token = first; token < end; token++)
    rotate (job->cpu, job->a, token);
  return CK_OK;
}

/* Rows [first, first + rows) of one head; q, k, v and out point to its first token. */
static CkStatus
attend (const CkCpuOps *ops, const CkAttention *a, int64_t offset, int64_t first, int64_t rows,
        float *scores)
{
  const int64_t width = a->heads * a->head_dim;
  const float scale = 1 / sqrtf ((float)a->head_dim);
  CkStatus status =
      ops->products.gemm (true, rows, a->tokens, a->head_dim, scale, a->q + offset + first * width,
                          width, a->k + offset, width, 0, scores, a->tokens);

  if (status != CK_OK)
    return status;
  for (int64_t row = 0; row < rows; row++)
    ops->rows.softmax (a->tokens, scores + row * a->tokens);
  return ops->products.gemm (false, rows, a->head_dim, a->tokens, 1, scores, a->tokens,
                             a->v + offset, width, 0, (float *)a->out.data + offset + first * width,
                             width);
}

static CkStatus
attend_block (const void *data, int64_t task, int member)
{
  const Job *job = data;
  const CkAttention *a = job->a;
  const int64_t head = task / job->blocks % a->heads, picture = task / job->blocks / a->heads,
                first = task % job->blocks * job->block;

  return attend (job->cpu->ops, a, (picture * a->tokens * a->heads + head) * a->head_dim, first,
                 ck_min (job->block, a->tokens - first),
                 job->scores + member * job->block * a->tokens);
}

/* Query rows a task: as many as the scores' buffer takes, fewer where a single picture has too few
 * heads for the team. */
static int64_t
choose_block (const CkAttention *a, int threads)
{
  const int64_t pairs = a->batch * a->heads;
  int64_t blocks = (threads + pairs - 1) / pairs, block = SCORES / a->tokens;

  if (block > (a->tokens + blocks - 1) / blocks)
    block = (a->tokens + blocks - 1) / blocks;
  if (block < BLOCK_MIN)
    block = BLOCK_MIN;
  return block < a->tokens ? block : a->tokens;
}

CkStatus
ck_cpu_attention (CkStream *self, const CkAttention *a)
{
  CkCpuStream *cpu = (CkCpuStream *)self;
  const CkStatus status = ck_check_attention (a);
  Job job = { .cpu = cpu, .a = a };
  size_t bytes;

  if (status != CK_OK || cpu->failure != CK_OK)
    return status;
  job.block = choose_block (a, cpu->threads);
  job.blocks = ck_ceil_div (a->tokens, job.block);
  if (!ck_size_product (job.block * cpu->threads, a->tokens, sizeof (float), &bytes))
    return ck_cpu_finish (cpu, CK_NO_MEMORY);
  job.scores = ck_scratch_get (&cpu->tiles, bytes);
  if (job.scores == NULL)
    return ck_cpu_finish (cpu, CK_NO_MEMORY);
  if (a->cos != NULL)
    ck_team_run_chunks (cpu->threads, a->batch * a->tokens, ROTATED, rotate_tokens, &job);
  return ck_cpu_finish (
      cpu, ck_team_run (cpu->threads, a->batch * a->heads * job.blocks, attend_block, &job));
}
