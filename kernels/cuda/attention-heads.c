/* SPDX-License-Identifier: MIT */
#include "kernels/cuda/attention-heads.h"

#include "kernels/sizes.h"

#define HELD_MOST   2     /* chunks: heads of 128 */
#define CHUNKS_MOST 65535 /* of a grid's second dimension */

static int64_t
count_chunks (const CkAttention *op)
{
  return ck_ceil_div (op->head_dim / 2, CK_ATTENTION_PAIRS);
}

int32_t
ck_cuda_held_chunks (const CkAttention *op)
{
  const int64_t chunks = count_chunks (op);

  return chunks <= HELD_MOST ? (int32_t)chunks : 0;
}

CkStatus
ck_cuda_heads (const CkAttention *op, int64_t rows, int64_t tile, CkCudaHeads *heads,
               CkCudaGrid *grid)
{
  const int64_t tiles = ck_ceil_div (rows, tile), chunks = count_chunks (op);
  size_t blocks;

  /* Kernels count tokens, and those of the tile behind them, in 32 bits. */
  if (op->tokens > INT32_MAX - tile - CK_ATTENTION_COLUMNS || op->heads > INT32_MAX ||
      chunks > CHUNKS_MOST || !ck_size_product (op->batch, op->heads, tiles, &blocks) ||
      blocks > INT32_MAX)
    return CK_UNSUPPORTED;
  *grid = (CkCudaGrid){ (uint32_t)blocks, ck_cuda_held_chunks (op) == 0 ? (uint32_t)chunks : 1, 1 };
  *heads = (CkCudaHeads){ .tokens = (int32_t)op->tokens,
                          .queries = (int32_t)ck_attention_queries (op),
                          .prefix = (int32_t)op->prefix,
                          .heads = (int32_t)op->heads,
                          .half = (int32_t)(op->head_dim / 2),
                          .chunks = (int32_t)chunks,
                          .tiles = (int32_t)tiles,
                          .cos = op->cos,
                          .sin = op->sin,
                          .q = op->q,
                          .k = op->k,
                          .v = op->v };
  return CK_OK;
}

static bool
is_aligned (const void *data)
{
  return (uintptr_t)data % (4 * sizeof (float)) == 0;
}

bool
ck_cuda_heads_vectors (const CkAttention *op, const void *const *others, int n)
{
  bool aligned = op->head_dim % 8 == 0 && is_aligned (op->q) && is_aligned (op->k) &&
                 is_aligned (op->v) && is_aligned (op->cos) && is_aligned (op->sin);

  for (int i = 0; i < n; i++)
    aligned = aligned && is_aligned (others[i]);
  return aligned;
}

size_t
ck_attention_shared (int32_t held, int32_t rows, int32_t kept, int32_t passing)
{
  const int32_t tile = CK_ATTENTION_GROUPS * rows, chunks = held > 0 ? held : 1;

  return sizeof (float) *
         (size_t)(CK_ATTENTION_STRIDE * (kept * chunks * tile + passing * CK_ATTENTION_COLUMNS) +
                  CK_ATTENTION_WEIGHTS * tile);
}
