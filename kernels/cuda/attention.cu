/* SPDX-License-Identifier: MIT */
/*
 * Attention in fp32: a block has a tile of queries of one head in shared memory, and the head's
 * keys and values go by, a tile at a time. Scores stay in registers, where a tile's maxima and
 * exponentials are made; the exponentials go through shared memory to the threads that multiply
 * them with values. Where a later tile has a larger maximum, the sums so far are scaled down to it
 * (Milakov and Gimelshein, 2018; Dao et al., 2022).
 */
#include "kernels/cuda/attention-tiles.h"

template <int held, int rows> struct Attention {
  CkHeldRows<held, rows> queries;
  CkChunkRow columns[CK_ATTENTION_COLUMNS];
  CkWeightRow weights[CK_ATTENTION_GROUPS * rows];
};

/* Scores of n keys to weights, relative to the largest score so far; keep: by which earlier sums
 * are multiplied. */
template <int rows>
static __device__ __forceinline__ void
soften (int n, float (&scores)[rows][4], float (&most)[rows], float (&total)[rows],
        float (&keep)[rows], CkWeightRow *weights)
{
  const int lane = ck_lane ();

#pragma unroll
  for (int r = 0; r < rows; r++) {
    CkWeightRow &row = weights[ck_group () + CK_ATTENTION_GROUPS * r];
    float max = most[r], sum = 0, base;

#pragma unroll
    for (int j = 0; j < 4; j++) {
      if (lane + CK_ATTENTION_LANES * j >= n)
        scores[r][j] = -INFINITY;
      max = fmaxf (max, scores[r][j]);
    }
    max = ck_group_max (max);
    base = max == -INFINITY ? 0 : max;
    keep[r] = exp2f (most[r] - base);
    most[r] = max;
#pragma unroll
    for (int j = 0; j < 4; j++) {
      const float weight = exp2f (scores[r][j] - base);

      sum += weight;
      row[lane + CK_ATTENTION_LANES * j] = weight;
    }
    total[r] = total[r] * keep[r] + sum;
  }
}

/* A chunk of the result: the means of a thread's columns. */
template <int rows>
static __device__ __forceinline__ void
store (const CkCudaHeads &heads, float *out, int chunk, const CkMixed (&sums)[rows],
       const float (&inverse)[rows])
{
  const int first = ck_first_row (heads, CK_ATTENTION_GROUPS * rows) + ck_group (),
            pair = chunk * CK_ATTENTION_PAIRS + 4 * ck_lane (), left = heads.half - pair;

#pragma unroll
  for (int r = 0; r < rows; r++) {
    const int row = first + CK_ATTENTION_GROUPS * r;
    float *to = out + row * ck_width (heads) + pair;
    CkFour low, high;

    if (row >= heads.queries)
      continue;
#pragma unroll
    for (int i = 0; i < 4; i++) {
      low.x[i] = sums[r][i] * inverse[r];
      high.x[i] = sums[r][4 + i] * inverse[r];
    }
    ck_store_four (heads, to, left, low);
    ck_store_four (heads, to + heads.half, left, high);
  }
}

template <int held, int rows>
static __device__ __forceinline__ void
attend (const CkCudaAttention &a, Attention<held, rows> &shared)
{
  constexpr int chunks = CkHeldRows<held, rows>::chunks;
  const int first_chunk = held > 0 ? 0 : blockIdx.y;
  const int64_t query_offset = ck_head_offset (a.heads, a.heads.queries),
                key_offset = ck_head_offset (a.heads, a.heads.tokens);
  const CkHeadRows q = { a.heads.q + query_offset, a.heads.queries, true, a.scale },
                   k = { a.heads.k + key_offset, a.heads.tokens, true, 1 },
                   v = { a.heads.v + key_offset, a.heads.tokens, false, 1 };
  CkMixed sums[chunks][rows] = {};
  float most[rows], total[rows] = {};

#pragma unroll
  for (int r = 0; r < rows; r++)
    most[r] = -INFINITY;
  ck_hold_rows (a.heads, q, &shared.queries);
#pragma unroll 1
  for (int first = 0; first < a.heads.tokens; first += CK_ATTENTION_COLUMNS) {
    const int n = min (a.heads.tokens - first, (int)CK_ATTENTION_COLUMNS);
    float scores[rows][4], keep[rows];

    ck_score (a.heads, q, &shared.queries, k, first, shared.columns, scores);
    soften<rows> (n, scores, most, total, keep, shared.weights);
#pragma unroll
    for (int chunk = 0; chunk < chunks; chunk++) {
#pragma unroll
      for (int r = 0; r < rows; r++)
#pragma unroll
        for (int i = 0; i < 8; i++)
          sums[chunk][r][i] *= keep[r];
      __syncthreads ();
      ck_load_chunk<CK_ATTENTION_COLUMNS> (a.heads, v, first, first_chunk + chunk, shared.columns);
      __syncthreads ();
      ck_add_mixed<rows> (shared.weights, shared.columns, n, sums[chunk]);
    }
  }
#pragma unroll
  for (int r = 0; r < rows; r++)
    total[r] = 1 / ck_group_sum (total[r]);
#pragma unroll
  for (int chunk = 0; chunk < chunks; chunk++)
    store<rows> (a.heads, a.out + query_offset, first_chunk + chunk, sums[chunk], total);
}

#define ATTENTION(held, rows)                                                                      \
  CK_KERNEL (ck_cuda_attention_##held##_##rows, CkCudaAttention, CK_ATTENTION_THREADS)             \
  {                                                                                                \
    typedef Attention<held, rows> Shared;                                                          \
    CK_SHARED (Shared, shared);                                                                    \
    attend<held, rows> (a, shared);                                                                \
  }

ATTENTION (1, 4)
ATTENTION (1, 2)
ATTENTION (1, 1)
ATTENTION (2, 2)
ATTENTION (2, 1)
ATTENTION (0, 2)
