/* SPDX-License-Identifier: MIT */
/*
 * The parts that attention's kernels are made of, forward and backward: chunks of a head on their
 * way into shared memory, and the two kinds of products of a tile.
 *
 * An element of a tile is one sum in one thread, over a head's chunks and their elements in order;
 * sums over keys (or queries) go tile by tile. So a row's numbers depend on nothing of the other
 * rows, however many of them a block has.
 */
#ifndef CK_CUDA_ATTENTION_TILES_H
#define CK_CUDA_ATTENTION_TILES_H

#include "kernels/cuda/attention-arguments.h"
#include "kernels/cuda/kernel.h"

struct alignas (16) CkFour
{
  float x[4];
};

/* A row, of a chunk: elements of the low half, then of the high half. */
typedef float CkChunkRow[CK_ATTENTION_STRIDE];
typedef float CkWeightRow[CK_ATTENTION_WEIGHTS];

/* Where rows of a head come from. */
struct CkHeadRows {
  const float *data; /* of the head's first row */
  int n;             /* rows that there are */
  bool rotated;      /* by their positions */
  float factor;      /* that they are multiplied by */
};

static __device__ __forceinline__ int
ck_lane (void)
{
  return threadIdx.x % CK_ATTENTION_LANES;
}

static __device__ __forceinline__ int
ck_group (void)
{
  return threadIdx.x / CK_ATTENTION_LANES;
}

/* ---- chunks ---------------------------------------------------------------------------------- */

static __device__ __forceinline__ int64_t
ck_width (const CkCudaHeads &heads)
{
  return 2 * (int64_t)heads.heads * heads.half;
}

/* Pairs of a chunk that there are, rounded up to what is loaded at once. */
static __device__ __forceinline__ int
ck_pairs (const CkCudaHeads &heads, int chunk)
{
  return (min (heads.half - chunk * CK_ATTENTION_PAIRS, (int)CK_ATTENTION_PAIRS) + 3) & ~3;
}

/* Four floats, of which `left` are there, and zeros for the others. */
static __device__ __forceinline__ CkFour
ck_load_four (const CkCudaHeads &heads, const float *from, int left)
{
  CkFour four;

  if (heads.vectors && left >= 4)
    return *(const CkFour *)from;
#pragma unroll
  for (int i = 0; i < 4; i++)
    four.x[i] = i < left ? from[i] : 0;
  return four;
}

static __device__ __forceinline__ void
ck_store_four (const CkCudaHeads &heads, float *to, int left, const CkFour &four)
{
  if (heads.vectors && left >= 4) {
    *(CkFour *)to = four;
    return;
  }
#pragma unroll
  for (int i = 0; i < 4; i++)
    if (i < left)
      to[i] = four.x[i];
}

/* The cosines and sines of a token, NULL where it has no position. */
static __device__ __forceinline__ const float *
ck_position (const CkCudaHeads &heads, const float *table, int token)
{
  return table == nullptr || token < heads.prefix
             ? nullptr
             : table + 2 * (int64_t)(token - heads.prefix) * heads.half;
}

/* Elements `pair` to `pair` + 3 of both halves of a row, rotated; or by the transposed, as
 * gradients of rows before their rotation are. */
template <bool transposed>
static __device__ __forceinline__ void
ck_rotate_by (const CkCudaHeads &heads, int token, int pair, CkFour *low, CkFour *high)
{
  const float *cos = ck_position (heads, heads.cos, token),
              *sin = ck_position (heads, heads.sin, token);
  const int left = heads.half - pair;

  if (cos == nullptr)
    return;
  const CkFour cos_low = ck_load_four (heads, cos + pair, left),
               cos_high = ck_load_four (heads, cos + heads.half + pair, left),
               sin_low = ck_load_four (heads, sin + pair, left),
               sin_high = ck_load_four (heads, sin + heads.half + pair, left);
#pragma unroll
  for (int i = 0; i < 4; i++) {
    const float a = low->x[i], b = high->x[i], of_b = transposed ? sin_high.x[i] : -sin_low.x[i],
                of_a = transposed ? -sin_low.x[i] : sin_high.x[i];

    low->x[i] = __fmaf_rn (a, cos_low.x[i], __fmul_rn (b, of_b));
    high->x[i] = __fmaf_rn (b, cos_high.x[i], __fmul_rn (a, of_a));
  }
}

static __device__ __forceinline__ void
ck_rotate (const CkCudaHeads &heads, int token, int pair, CkFour *low, CkFour *high)
{
  ck_rotate_by<false> (heads, token, pair, low, high);
}

static __device__ __forceinline__ void
ck_rotate_back (const CkCudaHeads &heads, int token, int pair, CkFour *low, CkFour *high)
{
  ck_rotate_by<true> (heads, token, pair, low, high);
}

/* A chunk of `rows` rows from `first` on, by the whole block; zeros where there are none. */
template <int rows>
static __device__ __forceinline__ void
ck_load_chunk (const CkCudaHeads &heads, const CkHeadRows &from, int first, int chunk,
               CkChunkRow *to)
{
  const int fours = CK_ATTENTION_PAIRS / 4;

#pragma unroll 1
  for (int step = 0; step < rows * fours / CK_ATTENTION_THREADS; step++) {
    const int unit = step * CK_ATTENTION_THREADS + threadIdx.x, row = unit / fours,
              at = unit % fours * 4, pair = chunk * CK_ATTENTION_PAIRS + at, token = first + row;
    const int left = token < from.n ? heads.half - pair : 0;
    CkFour low = { { 0, 0, 0, 0 } }, high = low;

    if (left > 0) {
      const float *data = from.data + token * ck_width (heads) + pair;

      low = ck_load_four (heads, data, left);
      high = ck_load_four (heads, data + heads.half, left);
#pragma unroll
      for (int i = 0; i < 4; i++) {
        low.x[i] *= from.factor;
        high.x[i] *= from.factor;
      }
      if (from.rotated)
        ck_rotate (heads, token, pair, &low, &high);
    }
    *(CkFour *)&to[row][at] = low;
    *(CkFour *)&to[row][CK_ATTENTION_PAIRS + at] = high;
  }
}

/* ---- products -------------------------------------------------------------------------------- */

/* scores[r][j] += a chunk of row r of the group's times that of column lane + 8 j. */
template <int rows>
static __device__ __forceinline__ void
ck_add_scores (const CkChunkRow *row_chunk, const CkChunkRow *column_chunk, int pairs,
               float (&scores)[rows][4])
{
  const int lane = ck_lane (), group = ck_group ();

#pragma unroll 1
  for (int half = 0; half < CK_ATTENTION_CHUNK; half += CK_ATTENTION_PAIRS)
#pragma unroll 1
    for (int at = half; at < half + pairs; at += 4) {
      CkFour columns[4];

#pragma unroll
      for (int j = 0; j < 4; j++)
        columns[j] = *(const CkFour *)&column_chunk[lane + CK_ATTENTION_LANES * j][at];
#pragma unroll
      for (int r = 0; r < rows; r++) {
        const CkFour row = *(const CkFour *)&row_chunk[group + CK_ATTENTION_GROUPS * r][at];
#pragma unroll
        for (int j = 0; j < 4; j++)
#pragma unroll
          for (int i = 0; i < 4; i++)
            scores[r][j] += row.x[i] * columns[j].x[i];
      }
    }
}

/* sum plus the product of two rows of a chunk, in the order of scores. */
static __device__ __forceinline__ float
ck_add_product (const CkChunkRow &a, const CkChunkRow &b, int pairs, float sum)
{
#pragma unroll 1
  for (int half = 0; half < CK_ATTENTION_CHUNK; half += CK_ATTENTION_PAIRS)
#pragma unroll 1
    for (int at = half; at < half + pairs; at += 4) {
      const CkFour x = *(const CkFour *)&a[at], y = *(const CkFour *)&b[at];

#pragma unroll
      for (int i = 0; i < 4; i++)
        sum += x.x[i] * y.x[i];
    }
  return sum;
}

/* What a thread adds up of a chunk of a row: four elements of each half from 4 lane on. */
typedef float CkMixed[8];

/* sums[r] += the weights of row r times the first n rows of a chunk. */
template <int rows>
static __device__ __forceinline__ void
ck_add_mixed (const CkWeightRow *weights, const CkChunkRow *chunk, int n, CkMixed (&sums)[rows])
{
  const int lane = ck_lane (), group = ck_group ();

#pragma unroll 1
  for (int at = 0; at < n; at += 4) {
    CkFour weight[rows];

#pragma unroll
    for (int r = 0; r < rows; r++)
      weight[r] = *(const CkFour *)&weights[group + CK_ATTENTION_GROUPS * r][at];
#pragma unroll
    for (int k = 0; k < 4; k++) {
      const CkFour low = *(const CkFour *)&chunk[at + k][4 * lane],
                   high = *(const CkFour *)&chunk[at + k][CK_ATTENTION_PAIRS + 4 * lane];
#pragma unroll
      for (int r = 0; r < rows; r++)
#pragma unroll
        for (int i = 0; i < 4; i++) {
          sums[r][i] += weight[r].x[k] * low.x[i];
          sums[r][4 + i] += weight[r].x[k] * high.x[i];
        }
    }
  }
}

/* ---- heads ----------------------------------------------------------------------------------- */

/* The head of a block: the first row of its head in a matrix of so many rows a picture. */
static __device__ __forceinline__ int64_t
ck_head_offset (const CkCudaHeads &heads, int rows)
{
  const int64_t head = blockIdx.x / heads.tiles, picture = head / heads.heads;

  return picture * rows * ck_width (heads) + 2 * (head % heads.heads) * heads.half;
}

/* The first row of a block's tile of `rows`. */
static __device__ __forceinline__ int
ck_first_row (const CkCudaHeads &heads, int rows)
{
  return blockIdx.x % heads.tiles * rows;
}

/*
 * Chunks of rows that a block keeps while all columns go by, where `held` says how many a head has.
 * 0: a head has too many; then a chunk is loaded whenever it is used, and a block makes one chunk
 * of the result, that of blockIdx.y.
 */
template <int held, int rows> struct CkHeldRows {
  static constexpr int chunks = held > 0 ? held : 1;
  CkChunkRow chunk[chunks][CK_ATTENTION_GROUPS * rows];
};

template <int held, int rows>
static __device__ __forceinline__ void
ck_hold_rows (const CkCudaHeads &heads, const CkHeadRows &from, CkHeldRows<held, rows> *to)
{
  const int first = ck_first_row (heads, CK_ATTENTION_GROUPS * rows);

#pragma unroll
  for (int chunk = 0; chunk < held; chunk++)
    ck_load_chunk<CK_ATTENTION_GROUPS * rows> (heads, from, first, chunk, to->chunk[chunk]);
}

/* scores = the block's rows times columns from `first` on. */
template <int held, int rows>
static __device__ __forceinline__ void
ck_score (const CkCudaHeads &heads, const CkHeadRows &row_source, CkHeldRows<held, rows> *held_rows,
          const CkHeadRows &column_source, int first, CkChunkRow *columns, float (&scores)[rows][4])
{
  const int chunks = held > 0 ? held : heads.chunks;

#pragma unroll
  for (int r = 0; r < rows; r++)
#pragma unroll
    for (int j = 0; j < 4; j++)
      scores[r][j] = 0;
#pragma unroll 1
  for (int chunk = 0; chunk < chunks; chunk++) {
    __syncthreads (); /* until nobody reads what was there */
    if (held == 0)
      ck_load_chunk<CK_ATTENTION_GROUPS * rows> (heads, row_source,
                                                 ck_first_row (heads, CK_ATTENTION_GROUPS * rows),
                                                 chunk, held_rows->chunk[0]);
    ck_load_chunk<CK_ATTENTION_COLUMNS> (heads, column_source, first, chunk, columns);
    __syncthreads ();
    ck_add_scores<rows> (held_rows->chunk[held > 0 ? chunk : 0], columns, ck_pairs (heads, chunk),
                         scores);
  }
}

/* ---- groups ---------------------------------------------------------------------------------- */

static __device__ __forceinline__ float
ck_group_max (float x)
{
#pragma unroll
  for (int other = CK_ATTENTION_LANES / 2; other > 0; other /= 2)
    x = fmaxf (x, __shfl_xor_sync (0xffffffff, x, other));
  return x;
}

/* The same bits in all of a group's threads. */
static __device__ __forceinline__ float
ck_group_sum (float x)
{
#pragma unroll
  for (int other = CK_ATTENTION_LANES / 2; other > 0; other /= 2)
    x += __shfl_xor_sync (0xffffffff, x, other);
  return x;
}

#endif /* CK_CUDA_ATTENTION_TILES_H */
