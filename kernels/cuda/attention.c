/* SPDX-License-Identifier: MIT */
/* Attention: which kernels an operation takes; in fp32, which suit its shape. */
#include "kernels/cuda/attention-heads.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/operations.h"
#include "kernels/shapes.h"
#include "kernels/sizes.h"

#include <math.h>

/* Tiles of queries, by the chunks of a head that are kept (0: any number), the largest first. */
typedef struct {
  const char *kernel;
  int32_t held, rows;
} Variant;

static const Variant variants[] = {
  { "ck_cuda_attention_1_4", 1, 4 }, { "ck_cuda_attention_1_2", 1, 2 },
  { "ck_cuda_attention_1_1", 1, 1 }, { "ck_cuda_attention_2_2", 2, 2 },
  { "ck_cuda_attention_2_1", 2, 1 }, { "ck_cuda_attention_0_2", 0, 2 },
};

static int64_t
tile_rows (const Variant *variant)
{
  return (int64_t)CK_ATTENTION_GROUPS * variant->rows;
}

/* The largest tile of which few rows are empty and that gives every processor two blocks; a row's
 * numbers are the same in each. */
static const Variant *
choose (const CkAttention *op, int processors)
{
  const int64_t queries = ck_attention_queries (op), heads = op->batch * op->heads;
  const int32_t held = ck_cuda_held_chunks (op);
  const Variant *best = NULL;

  for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
    const Variant *variant = &variants[i];
    const int64_t tiles = ck_ceil_div (queries, tile_rows (variant)),
                  empty = tiles * tile_rows (variant) - queries;

    if (variant->held != held)
      continue;
    best = variant;
    if (empty * 8 <= queries && heads * tiles >= 2 * (int64_t)processors)
      break;
  }
  return best;
}

CkStatus
ck_cuda_attention (CkStream *self, const CkAttention *op)
{
  CkCudaStream *stream = (CkCudaStream *)self;
  CkStatus status = ck_check_attention (op);
  CkCudaAttention arguments = { .scale = (float)(M_LOG2E / sqrt ((double)op->head_dim)),
                                .out = op->out.data };
  const Variant *variant;
  CkCudaGrid grid;

  if (status != CK_OK)
    return status;
  if (!ck_cuda_multiplies (stream, op->products))
    return CK_UNSUPPORTED;
  if (op->products == CK_I8)
    return ck_cuda_attention_int8 (stream, op);
  if (op->products != CK_F32 && ck_cuda_attention_takes_halves (op))
    return ck_cuda_attention_halves (stream, op);
  variant = choose (op, ck_cuda_limits (stream)->processors);
  status =
      ck_cuda_heads (op, ck_attention_queries (op), tile_rows (variant), &arguments.heads, &grid);
  if (status != CK_OK)
    return status;
  arguments.heads.vectors = ck_cuda_heads_vectors (op, (const void *[]){ op->out.data }, 1);
  ck_cuda_launch (stream, variant->kernel, grid, CK_ATTENTION_THREADS,
                  ck_attention_shared (variant->held, variant->rows, 1, 1), &arguments,
                  sizeof arguments);
  return ck_cuda_status (stream);
}
