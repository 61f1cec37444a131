/* SPDX-License-Identifier: MIT */
/* Attention in whole numbers of 8 bits: rows and columns become codes, then these are multiplied.
 */
#include "kernels/cuda/attention-codes.h"
#include "kernels/cuda/attention-heads.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/operations.h"
#include "kernels/shapes.h"

#include <math.h>
#include <string.h>

#define GRID_MOST 65535

/* Memory for n elements of `size` bytes, to which the pointer `part` points then; false when it
 * cannot be counted. */
static bool
take (uint8_t *memory, size_t *bytes, int64_t n, int64_t size, void *part)
{
  uint8_t *const at = memory != NULL ? memory + *bytes : NULL;
  size_t more;

  memcpy (part, &at, sizeof at);
  return ck_size_product (n, size, 1, &more) &&
         !__builtin_add_overflow (*bytes, (more + 255) / 256 * 256, bytes) && *bytes <= PTRDIFF_MAX;
}

/* The parts of the memory, or with none their bytes. */
static bool
take_all (uint8_t *memory, int64_t heads, CkCudaCodedAttention *a, size_t *bytes)
{
  const int64_t queries = heads * a->queries, keys = heads * a->tokens,
                width = (int64_t)a->blocks * CK_CODED_BLOCK, columns = heads * a->parts * width;

  *bytes = 0;
  return take (memory, bytes, queries, 2 * width, &a->q_codes) &&
         take (memory, bytes, queries, a->blocks * (int64_t)sizeof (float), &a->q_scales) &&
         take (memory, bytes, keys, 2 * width, &a->k_codes) &&
         take (memory, bytes, keys, a->blocks * (int64_t)sizeof (float), &a->k_scales) &&
         take (memory, bytes, columns, CK_CODED_COLUMN, &a->v_codes) &&
         take (memory, bytes, columns, sizeof (float), &a->v_scales) &&
         take (memory, bytes, columns, sizeof (int32_t), &a->v_sums);
}

/* Blocks of a launch that makes n codes' groups of each head. */
static CkCudaGrid
grid_of (int64_t heads, int64_t n, int64_t groups)
{
  return (CkCudaGrid){ (uint32_t)heads, (uint32_t)ck_ceil_div (n, groups), 1 };
}

CkStatus
ck_cuda_attention_int8 (CkCudaStream *stream, const CkAttention *op)
{
  const int64_t queries = ck_attention_queries (op), heads = op->batch * op->heads,
                blocks = ck_ceil_div (op->head_dim, CK_CODED_BLOCK);
  const CkKeyParts parts = ck_key_parts (op);
  const int64_t rows = (queries + op->tokens) * blocks, columns = parts.n * blocks,
                row_groups = CK_CODED_THREADS / CK_CODED_LANES,
                column_groups = CK_CODED_THREADS / CK_CODED_BLOCK,
                tiles = ck_ceil_div (queries, CK_CODED_QUERIES);
  CkCudaCodedAttention a = { .tokens = (int32_t)op->tokens,
                             .queries = (int32_t)queries,
                             .prefix = (int32_t)op->prefix,
                             .heads = (int32_t)op->heads,
                             .half = (int32_t)(op->head_dim / 2),
                             .blocks = (int32_t)blocks,
                             .shift = (int32_t)parts.shift,
                             .parts = (int32_t)parts.n,
                             .part_size = (int32_t)parts.size,
                             .regular = (int32_t)parts.regular,
                             .tiles = (int32_t)tiles,
                             .scale = (float)(M_LOG2E / sqrt ((double)op->head_dim)),
                             .cos = op->cos,
                             .sin = op->sin,
                             .q = op->q,
                             .k = op->k,
                             .v = op->v,
                             .out = op->out.data };
  size_t bytes, all;
  uint8_t *memory;

  /* Kernels count in 32 bits within a head. */
  if (rows > GRID_MOST * row_groups || columns > GRID_MOST * column_groups ||
      !ck_size_product (heads, tiles, 1, &all) || all > INT32_MAX)
    return CK_UNSUPPORTED;
  if (!take_all (NULL, heads, &a, &bytes))
    return CK_UNSUPPORTED;
  memory = ck_cuda_scratch (stream, CK_CUDA_SCRATCH_ATTENTION, bytes);
  if (memory == NULL)
    return ck_cuda_status (stream);
  take_all (memory, heads, &a, &bytes);
  ck_cuda_launch (stream, "ck_cuda_attention_encode_rows", grid_of (heads, rows, row_groups),
                  CK_CODED_THREADS, 0, &a, sizeof a);
  ck_cuda_launch (stream, "ck_cuda_attention_encode_values",
                  grid_of (heads, columns, column_groups), CK_CODED_THREADS, 0, &a, sizeof a);
  ck_cuda_launch (stream, "ck_cuda_attention_int8", (CkCudaGrid){ (uint32_t)all, 1, 1 },
                  CK_CODED_THREADS, CK_CODED_SHARED, &a, sizeof a);
  return ck_cuda_status (stream);
}
