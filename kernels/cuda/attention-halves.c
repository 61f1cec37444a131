/* SPDX-License-Identifier: MIT */
/* Attention in fp16 and bf16: rows are rounded, then multiplied. */
#include "kernels/cuda/attention-halves.h"
#include "kernels/cuda/attention-heads.h"
#include "kernels/cuda/launch.h"
#include "kernels/sizes.h"

#include <math.h>

#define GRID_MOST 65535

static const char *const round_kernels[] = { "ck_cuda_attention_round_f16",
                                             "ck_cuda_attention_round_bf16" };
static const char *const kernels[][CK_HALVES_CHUNKS_MOST] = {
  { "ck_cuda_attention_f16_1", "ck_cuda_attention_f16_2" },
  { "ck_cuda_attention_bf16_1", "ck_cuda_attention_bf16_2" },
};

bool
ck_cuda_attention_takes_halves (const CkAttention *op)
{
  return op->head_dim <= CK_HALVES_CHUNKS_MOST * CK_HALVES_CHUNK;
}

CkStatus
ck_cuda_attention_halves (CkCudaStream *stream, const CkAttention *op)
{
  const int is_bf16 = op->products == CK_BF16;
  const int64_t queries = ck_attention_queries (op), heads = op->batch * op->heads,
                chunks = ck_ceil_div (op->head_dim, CK_HALVES_CHUNK),
                width = chunks * CK_HALVES_CHUNK, rows = queries + 2 * op->tokens,
                tiles = ck_ceil_div (queries, CK_HALVES_QUERIES),
                row_blocks = ck_ceil_div (rows * width, CK_HALVES_THREADS * CK_HALVES_EACH);
  CkCudaHalfAttention a = { .tokens = (int32_t)op->tokens,
                            .queries = (int32_t)queries,
                            .prefix = (int32_t)op->prefix,
                            .heads = (int32_t)op->heads,
                            .half = (int32_t)(op->head_dim / 2),
                            .width = (int32_t)width,
                            .tiles = (int32_t)tiles,
                            .scale = (float)(M_LOG2E / sqrt ((double)op->head_dim)),
                            .cos = op->cos,
                            .sin = op->sin,
                            .q = op->q,
                            .k = op->k,
                            .v = op->v,
                            .out = op->out.data };
  size_t blocks, bytes;

  /* Kernels count in 32 bits within a head. */
  if (row_blocks > GRID_MOST || !ck_size_product (heads, tiles, 1, &blocks) || blocks > INT32_MAX ||
      !ck_size_product (heads, rows * width, sizeof (uint16_t), &bytes))
    return CK_UNSUPPORTED;
  a.q_halves = ck_cuda_scratch (stream, CK_CUDA_SCRATCH_ATTENTION, bytes);
  if (a.q_halves == NULL)
    return ck_cuda_status (stream);
  a.k_halves = a.q_halves + heads * queries * width;
  a.v_halves = a.k_halves + heads * op->tokens * width;
  ck_cuda_launch (stream, round_kernels[is_bf16],
                  (CkCudaGrid){ (uint32_t)heads, (uint32_t)row_blocks, 1 }, CK_HALVES_THREADS, 0,
                  &a, sizeof a);
  ck_cuda_launch (stream, kernels[is_bf16][chunks - 1], (CkCudaGrid){ (uint32_t)blocks, 1, 1 },
                  CK_HALVES_THREADS, CK_HALVES_SHARED (chunks), &a, sizeof a);
  return ck_cuda_status (stream);
}
