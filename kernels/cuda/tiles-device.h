/* SPDX-License-Identifier: MIT */
/*
 * For kernels: the product of two matrices c [m, n] = a [m, k] b [k, n] whose elements are gathered
 * on their way into shared memory, so that no matrix of patches is ever held (an implicit GEMM).
 * 256 threads make a tile of 16 T x 16 T elements, each of them T x T; T is 4 or 8. Every element
 * is one chain of fused multiply-adds in the order of k, whatever the tile.
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

/* Rows of a tile as shared memory holds them, k by k; padded against conflicts of banks. */
template <int T> struct CkTile {
  float at[CK_CUDA_TILE_DEPTH (T)][16 * T + CK_CUDA_TILE_PADDING];
};

template <int T> struct CkTiles {
  CkTile<T> a[2], b[2];
};

/* A thread's part of the rows [first, first + 16 T) and k of a tile: four neighbours in k. */
template <int T, class Source> struct CkAlongK {
  const Source &source;
  typename Source::Line line;
  CkQuad quad;

  __device__ __forceinline__ CkAlongK (const Source &from, int32_t first)
      : source (from), line (from.line (first + row ())), quad ()
  {
  }

  __device__ __forceinline__ static int32_t row (void)
  {
    return threadIdx.x / (CK_CUDA_TILE_DEPTH (T) / 4);
  }

  __device__ __forceinline__ static int32_t place (void)
  {
    return 4 * (threadIdx.x % (CK_CUDA_TILE_DEPTH (T) / 4));
  }

  __device__ __forceinline__ void fetch (int32_t k)
  {
    quad = source.quad (line, k + place ());
  }

  __device__ __forceinline__ void put (CkTile<T> &tile) const
  {
#pragma unroll
    for (int i = 0; i < 4; i++)
      tile.at[place () + i][row ()] = quad.v[i];
  }
};

/* The same where a line is a k: four neighbouring rows. */
template <int T, class Source> struct CkAlongRows {
  const Source &source;
  int32_t first;
  CkQuad quad;

  __device__ __forceinline__ CkAlongRows (const Source &from, int32_t first_row)
      : source (from), first (first_row), quad ()
  {
  }

  __device__ __forceinline__ static int32_t depth (void)
  {
    return threadIdx.x / (4 * T);
  }

  __device__ __forceinline__ static int32_t row (void)
  {
    return 4 * (threadIdx.x % (4 * T));
  }

  __device__ __forceinline__ void fetch (int32_t k)
  {
    quad = source.quad (source.line (k + depth ()), first + row ());
  }

  __device__ __forceinline__ void put (CkTile<T> &tile) const
  {
    *reinterpret_cast<float4 *> (&tile.at[depth ()][row ()]) =
        make_float4 (quad.v[0], quad.v[1], quad.v[2], quad.v[3]);
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

template <int T>
__device__ __forceinline__ void
ck_tile_multiply (const CkTile<T> &a, const CkTile<T> &b, float (&sums)[T][T])
{
#pragma unroll 2 /* more would cost registers, and with them a second block of a processor */
  for (int k = 0; k < CK_CUDA_TILE_DEPTH (T); k++) {
    float row[T], col[T];

    ck_tile_fragment (a, k, ck_tile_row (0), row);
    ck_tile_fragment (b, k, ck_tile_col (0), col);
#pragma unroll
    for (int i = 0; i < T; i++)
#pragma unroll
      for (int j = 0; j < T; j++)
        sums[i][j] += row[i] * col[j];
  }
}

/* Over k from `begin` to `end`; what is behind the end is in no tile that begins before it, or is
 * 0. The next tile is on its way from memory while one is multiplied. */
template <int T, class A, class B>
__device__ __forceinline__ void
ck_tile_product (CkTiles<T> &tiles, A &a, B &b, int32_t begin, int32_t end, float (&sums)[T][T])
{
  int current = 0;

#pragma unroll
  for (int i = 0; i < T; i++)
#pragma unroll
    for (int j = 0; j < T; j++)
      sums[i][j] = 0;
  if (begin >= end)
    return;
  a.fetch (begin);
  b.fetch (begin);
  a.put (tiles.a[0]);
  b.put (tiles.b[0]);
  __syncthreads ();
  for (int32_t k = begin; k < end; k += CK_CUDA_TILE_DEPTH (T), current ^= 1) {
    const bool more = end - k > CK_CUDA_TILE_DEPTH (T);

    if (more) {
      a.fetch (k + CK_CUDA_TILE_DEPTH (T));
      b.fetch (k + CK_CUDA_TILE_DEPTH (T));
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
template <int T, class Store>
__device__ __forceinline__ void
ck_tile_store (const float (&sums)[T][T], Store store)
{
#pragma unroll
  for (int i = 0; i < T; i++)
#pragma unroll
    for (int j = 0; j < T; j += 4) {
      const CkQuad quad = { { sums[i][j], sums[i][j + 1], sums[i][j + 2], sums[i][j + 3] } };

      store (ck_tile_row (i), ck_tile_col (j), quad);
    }
}

#endif /* CK_CUDA_TILES_DEVICE_H */
