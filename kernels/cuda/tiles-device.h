/* SPDX-License-Identifier: MIT */
/*
 * For kernels: the product of two matrices c [m, n] = a [m, k] b [k, n] whose elements are gathered
 * on their way into shared memory, so that no matrix of patches is ever held (an implicit GEMM).
 * 256 threads make a tile of 16 T_M x 16 T_N elements, each of them T_M x T_N; T_M and T_N are 4 or
 * 8. Every element is one chain of fused multiply-adds in the order of k, whatever the tile.
 *
 * A Source is a matrix of lines; in a line, four neighbours can be had at once:
 *   Line line (int32_t index)                  of what is beyond the matrix, a line of zeros
 *   CkQuad quad (const Line &, int32_t place)  zeros beyond the line's end
 * Lines are rows of c and places are k (CkAlongK), or lines are k and places rows (CkAlongRows).
 */
#ifndef CK_CUDA_TILES_DEVICE_H
#define CK_CUDA_TILES_DEVICE_H

#include "kernels/cuda/divisor.h"
#include "kernels/cuda/quads-device.h"
#include "kernels/cuda/tiles.h"

__device__ __forceinline__ int32_t
ck_divide (int32_t n, const CkCudaDivisor &by)
{
  return (int32_t)((uint64_t)(uint32_t)n * by.multiplier >> by.shift);
}

#define CK_TILE_THREADS CK_CUDA_TILE_THREADS
#define CK_TILE_DEPTH   CK_CUDA_TILE_DEPTH

/* Rows of a tile as shared memory holds them, k by k; padded against conflicts of banks. */
template <int T> struct CkTile {
  float at[CK_TILE_DEPTH][16 * T + CK_CUDA_TILE_PADDING];
};

template <int T_M, int T_N> struct CkTiles {
  CkTile<T_M> a[2];
  CkTile<T_N> b[2];
};

/* A thread's part of the rows [first, first + 16 T) and k of a tile: quadruples of k. */
template <int T, class Source> struct CkAlongK {
  const Source &source;
  typename Source::Line lines[T / 4];
  CkQuad quads[T / 4];

  __device__ __forceinline__ CkAlongK (const Source &from, int32_t first) : source (from)
  {
#pragma unroll
    for (int i = 0; i < T / 4; i++)
      lines[i] = source.line (first + row (i));
  }

  __device__ __forceinline__ static int32_t row (int i)
  {
    return threadIdx.x / (CK_TILE_DEPTH / 4) + i * 4 * CK_TILE_THREADS / CK_TILE_DEPTH;
  }

  __device__ __forceinline__ static int32_t place (void)
  {
    return 4 * (threadIdx.x % (CK_TILE_DEPTH / 4));
  }

  __device__ __forceinline__ void fetch (int32_t k)
  {
#pragma unroll
    for (int i = 0; i < T / 4; i++)
      quads[i] = source.quad (lines[i], k + place ());
  }

  __device__ __forceinline__ void put (CkTile<T> &tile) const
  {
#pragma unroll
    for (int i = 0; i < T / 4; i++)
#pragma unroll
      for (int j = 0; j < 4; j++)
        tile.at[place () + j][row (i)] = quads[i].v[j];
  }
};

/* The same where a line is a k: quadruples of rows. */
template <int T, class Source> struct CkAlongRows {
  const Source &source;
  int32_t first;
  CkQuad quads[T / 4];

  __device__ __forceinline__ CkAlongRows (const Source &from, int32_t first_row)
      : source (from), first (first_row)
  {
  }

  __device__ __forceinline__ static int32_t depth (int i)
  {
    return threadIdx.x / (4 * T) + i * CK_TILE_THREADS / (4 * T);
  }

  __device__ __forceinline__ static int32_t row (void)
  {
    return 4 * (threadIdx.x % (4 * T));
  }

  __device__ __forceinline__ void fetch (int32_t k)
  {
#pragma unroll
    for (int i = 0; i < T / 4; i++)
      quads[i] = source.quad (source.line (k + depth (i)), first + row ());
  }

  __device__ __forceinline__ void put (CkTile<T> &tile) const
  {
#pragma unroll
    for (int i = 0; i < T / 4; i++)
      *reinterpret_cast<float4 *> (&tile.at[depth (i)][row ()]) =
          make_float4 (quads[i].v[0], quads[i].v[1], quads[i].v[2], quads[i].v[3]);
  }
};

/* Which row, or column, of a tile a thread's element i is: fours, so that shared memory is read
 * without conflicts. */
__device__ __forceinline__ int
ck_tile_row (int i)
{
  return 64 * (i / 4) + 4 * (threadIdx.x / 16) + i % 4;
}

__device__ __forceinline__ int
ck_tile_col (int i)
{
  return 64 * (i / 4) + 4 * (threadIdx.x % 16) + i % 4;
}

template <int T>
__device__ __forceinline__ void
ck_tile_fragment (const CkTile<T> &tile, int k, int first, float (&fragment)[T])
{
#pragma unroll
  for (int i = 0; i < T / 4; i++) {
    const float4 four = *reinterpret_cast<const float4 *> (&tile.at[k][64 * i + first]);

    fragment[4 * i] = four.x;
    fragment[4 * i + 1] = four.y;
    fragment[4 * i + 2] = four.z;
    fragment[4 * i + 3] = four.w;
  }
}

template <int T_M, int T_N>
__device__ __forceinline__ void
ck_tile_multiply (const CkTile<T_M> &a, const CkTile<T_N> &b, float (&sums)[T_M][T_N])
{
#pragma unroll
  for (int k = 0; k < CK_TILE_DEPTH; k++) {
    float row[T_M], col[T_N];

    ck_tile_fragment (a, k, 4 * (threadIdx.x / 16), row);
    ck_tile_fragment (b, k, 4 * (threadIdx.x % 16), col);
#pragma unroll
    for (int i = 0; i < T_M; i++)
#pragma unroll
      for (int j = 0; j < T_N; j++)
        sums[i][j] += row[i] * col[j];
  }
}

/* Over k from `begin`, a multiple of the depth, to `end`; the next tile is on its way from memory
 * while one is multiplied. */
template <int T_M, int T_N, class A, class B>
__device__ __forceinline__ void
ck_tile_product (CkTiles<T_M, T_N> &tiles, A &a, B &b, int32_t begin, int32_t end,
                 float (&sums)[T_M][T_N])
{
  int current = 0;

#pragma unroll
  for (int i = 0; i < T_M; i++)
#pragma unroll
    for (int j = 0; j < T_N; j++)
      sums[i][j] = 0;
  if (begin >= end)
    return;
  a.fetch (begin);
  b.fetch (begin);
  a.put (tiles.a[0]);
  b.put (tiles.b[0]);
  __syncthreads ();
  for (int32_t k = begin; k < end; k += CK_TILE_DEPTH, current ^= 1) {
    const bool more = end - k > CK_TILE_DEPTH;

    if (more) {
      a.fetch (k + CK_TILE_DEPTH);
      b.fetch (k + CK_TILE_DEPTH);
    }
    ck_tile_multiply (tiles.a[current], tiles.b[current], sums);
    if (more) {
      a.put (tiles.a[current ^ 1]);
      b.put (tiles.b[current ^ 1]);
      __syncthreads ();
    }
  }
}

/* store (row, col, quad) for the elements of a thread, `row` and `col` within the tile. */
template <int T_M, int T_N, class Store>
__device__ __forceinline__ void
ck_tile_store (const float (&sums)[T_M][T_N], Store store)
{
#pragma unroll
  for (int i = 0; i < T_M; i++)
#pragma unroll
    for (int j = 0; j < T_N; j += 4) {
      const CkQuad quad = { { sums[i][j], sums[i][j + 1], sums[i][j + 2], sums[i][j + 3] } };

      store (ck_tile_row (i), ck_tile_col (j), quad);
    }
}

#endif /* CK_CUDA_TILES_DEVICE_H */
