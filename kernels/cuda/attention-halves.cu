/* SPDX-License-Identifier: MIT */
/*
 * Attention in fp16 or bf16, sums and softmax in fp32. A warp has 16 queries; tiles of keys and
 * values go by in shared memory, copied while the warps compute on the one before. What a lane has
 * of a tile's scores is what it has to have of the left matrix of the second product, so
 * exponentials stay in registers (Dao, 2023). Where a later tile has a larger score, the sums so
 * far are scaled down to it.
 */
#include "kernels/cuda/attention-halves.h"
#include "kernels/cuda/attention-rotated.h"
#include "kernels/cuda/halves-device.h"

enum { KEYS = CK_HALVES_KEYS, TILES = KEYS / 8 };

/* ---- rounding -------------------------------------------------------------------------------- */

/* A thread rounds neighbours of a row: of the head's queries, then its keys, then its values. */
template <typename Half>
static __device__ __forceinline__ void
round_rows (const CkCudaHalfAttention &a)
{
  const int head = blockIdx.x, units = a.width / CK_HALVES_EACH,
            number = blockIdx.y * CK_HALVES_THREADS + threadIdx.x,
            c = number % units * CK_HALVES_EACH;
  const bool is_query = number / units < a.queries,
             is_value = number / units >= a.queries + a.tokens;
  const int token = number / units - (is_query ? 0 : a.queries + (is_value ? a.tokens : 0)),
            rows = is_query ? a.queries : a.tokens;
  const CkRotatedRows rotated = { a.heads, a.half, a.prefix, is_value ? nullptr : a.cos, a.sin };
  const float *from = (is_query   ? a.q
                       : is_value ? a.v
                                  : a.k) +
                      ck_row_offset (a.heads, a.half, head, rows, token);
  uint16_t *to = (is_query   ? a.q_halves
                  : is_value ? a.v_halves
                             : a.k_halves) +
                 ((int64_t)head * rows + token) * a.width + c;
  float x[CK_HALVES_EACH];

  if (token >= rows)
    return;
#pragma unroll
  for (int i = 0; i < CK_HALVES_EACH; i++)
    x[i] =
        c + i < 2 * a.half ? ck_rotated (rotated, from, token, is_query ? a.scale : 1, c + i) : 0;
  *(uint2 *)to = make_uint2 (Half::pack (x[0], x[1]), Half::pack (x[2], x[3]));
}

/* ---- tiles ----------------------------------------------------------------------------------- */

template <int chunks> struct Tiles {
  uint16_t keys[KEYS][chunks * CK_HALVES_CHUNK + 8];
  uint16_t values[KEYS][chunks * CK_HALVES_CHUNK + 8];
};

/* Begins to copy a tile of rows from `first` on, zeros where there are none; by the whole block. */
template <int chunks>
static __device__ __forceinline__ void
copy_tile (const CkCudaHalfAttention &a, const uint16_t *rows, int first,
           uint16_t (*to)[chunks * CK_HALVES_CHUNK + 8])
{
  const int units = chunks * CK_HALVES_CHUNK / 8;

#pragma unroll 1
  for (int unit = threadIdx.x; unit < KEYS * units; unit += CK_HALVES_THREADS) {
    const int row = unit / units, at = unit % units * 8;
    const int64_t from = min (first + row, a.tokens - 1);

    ck_copy_async (&to[row][at], rows + from * a.width + at, first + row < a.tokens);
  }
  ck_copy_commit ();
}

/* The warp's queries with a tile of keys. */
template <typename Half, int chunks>
static __device__ __forceinline__ void
score (const uint32_t (&queries)[4 * chunks][4], const Tiles<chunks> &tiles,
       float (&scores)[TILES][4])
{
  const int lane = threadIdx.x % 32;

#pragma unroll
  for (int j = 0; j < TILES; j++) {
#pragma unroll
    for (int i = 0; i < 4; i++)
      scores[j][i] = 0;
#pragma unroll
    for (int step = 0; step < 4 * chunks; step += 2) { /* of 16 elements */
      uint32_t keys[4];

      ck_load_matrices (keys, &tiles.keys[8 * j + lane % 8][16 * step + lane / 8 * 8]);
      Half::multiply (scores[j], queries[step], keys);
      Half::multiply (scores[j], queries[step + 1], keys + 2);
    }
  }
}

/* Exponentials of n keys' scores times a tile of values; keep: by which the sums are multiplied
 * first. */
template <typename Half, int chunks>
static __device__ __forceinline__ void
mix (const float (&exps)[TILES][4], const float (&keep)[2], const Tiles<chunks> &tiles,
     float (&sums)[8 * chunks][4])
{
  const int lane = threadIdx.x % 32, row = lane % 8, matrix = lane / 8;

#pragma unroll
  for (int c = 0; c < 8 * chunks; c++)
#pragma unroll
    for (int i = 0; i < 4; i++)
      sums[c][i] *= keep[i / 2];
#pragma unroll
  for (int step = 0; step < KEYS / 16; step++) {
    const uint32_t left[4] = { Half::pack (exps[2 * step][0], exps[2 * step][1]),
                               Half::pack (exps[2 * step][2], exps[2 * step][3]),
                               Half::pack (exps[2 * step + 1][0], exps[2 * step + 1][1]),
                               Half::pack (exps[2 * step + 1][2], exps[2 * step + 1][3]) };
#pragma unroll
    for (int c = 0; c < 8 * chunks; c += 2) { /* of 8 columns */
      uint32_t values[4];

      ck_load_matrices_transposed (
          values, &tiles.values[16 * step + matrix % 2 * 8 + row][8 * (c + matrix / 2)]);
      Half::multiply (sums[c], left, values);
      Half::multiply (sums[c + 1], left, values + 2);
    }
  }
}

/* What exponents are relative to where the largest is `most`: exponentials of up to 2^15, so that
 * small ones, too, are normal numbers of fp16. */
static __device__ __forceinline__ float
base_of (float most)
{
  return most == -INFINITY ? 0 : most - 15;
}

/* Scores of n keys to exponentials. */
static __device__ __forceinline__ void
soften (int n, float (&scores)[TILES][4], float (&most)[2], float (&total)[2], float (&keep)[2])
{
  const int t = threadIdx.x % 4;

#pragma unroll
  for (int i = 0; i < 2; i++) {
    float max = most[i], sum = 0, base;

#pragma unroll
    for (int j = 0; j < TILES; j++)
#pragma unroll
      for (int e = 0; e < 2; e++) {
        float &score = scores[j][2 * i + e];

        if (8 * j + 2 * t + e >= n)
          score = -INFINITY;
        max = fmaxf (max, score);
      }
    max = fmaxf (max, __shfl_xor_sync (0xffffffff, max, 1));
    max = fmaxf (max, __shfl_xor_sync (0xffffffff, max, 2));
    base = base_of (max);
    keep[i] = most[i] == -INFINITY ? 0 : exp2f (base_of (most[i]) - base);
    most[i] = max;
#pragma unroll
    for (int j = 0; j < TILES; j++)
#pragma unroll
      for (int e = 0; e < 2; e++) {
        float &score = scores[j][2 * i + e];

        score = exp2f (score - base);
        sum += score;
      }
    total[i] = total[i] * keep[i] + sum;
  }
}

/* ---- a block --------------------------------------------------------------------------------- */

/* Fragments of the warp's rows g and g + 8; of rows that there are not, the last one again. */
template <int chunks>
static __device__ __forceinline__ void
load_queries (const CkCudaHalfAttention &a, int head, int first, uint32_t (&queries)[4 * chunks][4])
{
  const int t = threadIdx.x % 4;

#pragma unroll
  for (int i = 0; i < 2; i++) {
    const int64_t row = (int64_t)head * a.queries + min (first + 8 * i, a.queries - 1);
    const uint16_t *from = a.q_halves + row * a.width + 2 * t;

#pragma unroll
    for (int step = 0; step < 4 * chunks; step++) {
      queries[step][i] = *(const uint32_t *)(from + 16 * step);
      queries[step][2 + i] = *(const uint32_t *)(from + 16 * step + 8);
    }
  }
}

template <int chunks>
static __device__ __forceinline__ void
store (const CkCudaHalfAttention &a, int head, int first, const float (&sums)[8 * chunks][4],
       const float (&total)[2])
{
  const int t = threadIdx.x % 4;

#pragma unroll
  for (int i = 0; i < 2; i++) {
    const int query = first + 8 * i;
    float *to = a.out + ck_row_offset (a.heads, a.half, head, a.queries, query);
    const float inverse = 1 / total[i];

    if (query >= a.queries)
      continue;
#pragma unroll
    for (int c = 0; c < 8 * chunks; c++)
#pragma unroll
      for (int e = 0; e < 2; e++)
        if (8 * c + 2 * t + e < 2 * a.half)
          to[8 * c + 2 * t + e] = sums[c][2 * i + e] * inverse;
  }
}

template <typename Half, int chunks>
static __device__ __forceinline__ void
attend (const CkCudaHalfAttention &a, Tiles<chunks> &tiles)
{
  const int head = blockIdx.x / a.tiles, first_query = blockIdx.x % a.tiles * CK_HALVES_QUERIES +
                                                       threadIdx.x / 32 * 16 + threadIdx.x % 32 / 4;
  const uint16_t *keys = a.k_halves + (int64_t)head * a.tokens * a.width,
                 *values = a.v_halves + (int64_t)head * a.tokens * a.width;
  uint32_t queries[4 * chunks][4];
  float sums[8 * chunks][4] = {}, most[2] = { -INFINITY, -INFINITY }, total[2] = {};

  copy_tile<chunks> (a, keys, 0, tiles.keys);
  load_queries<chunks> (a, head, first_query, queries);
#pragma unroll 1
  for (int first = 0; first < a.tokens; first += KEYS) {
    float scores[TILES][4], keep[2];

    copy_tile<chunks> (a, values, first, tiles.values);
    ck_copy_wait<1> (); /* for the keys */
    __syncthreads ();
    score<Half, chunks> (queries, tiles, scores);
    __syncthreads (); /* until nobody reads the keys */
    copy_tile<chunks> (a, keys, first + KEYS, tiles.keys);
    soften (a.tokens - first, scores, most, total, keep);
    ck_copy_wait<1> (); /* for the values */
    __syncthreads ();
    mix<Half, chunks> (scores, keep, tiles, sums);
    __syncthreads (); /* until nobody reads the values */
  }
  ck_copy_wait<0> ();
#pragma unroll
  for (int i = 0; i < 2; i++) {
    total[i] += __shfl_xor_sync (0xffffffff, total[i], 1);
    total[i] += __shfl_xor_sync (0xffffffff, total[i], 2);
  }
  store<chunks> (a, head, first_query, sums, total);
}

/* ---- kernels --------------------------------------------------------------------------------- */

#define ROUND(name, Half)                                                                          \
  CK_KERNEL (ck_cuda_attention_round_##name, CkCudaHalfAttention, CK_HALVES_THREADS)               \
  {                                                                                                \
    round_rows<Half> (a);                                                                          \
  }
#define ATTENTION(name, Half, chunks)                                                              \
  CK_KERNEL (ck_cuda_attention_##name##_##chunks, CkCudaHalfAttention, CK_HALVES_THREADS)          \
  {                                                                                                \
    static_assert (sizeof (Tiles<chunks>) == CK_HALVES_SHARED (chunks),                            \
                   "the host knows the size");                                                     \
    CK_SHARED (Tiles<chunks>, tiles);                                                              \
    attend<Half, chunks> (a, tiles);                                                               \
  }

ROUND (f16, CkF16)
ROUND (bf16, CkBf16)
ATTENTION (f16, CkF16, 1)
ATTENTION (f16, CkF16, 2)
ATTENTION (bf16, CkBf16, 1)
ATTENTION (bf16, CkBf16, 2)
