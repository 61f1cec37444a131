/* SPDX-License-Identifier: MIT */
/*
 * products.h by tensor cores: factors rounded to bf16 or fp16, sums in fp32. A block makes a tile
 * of y, its warps rectangles of 16 x 8 of it. Terms come in stages of DEPTH: while one is
 * multiplied from shared memory the next is on its way to registers as it lies in memory; it is
 * decoded, rounded and stored when the product is done.
 *
 * What comes along k lies in shared memory in rows of k, the other in rows of the tile's width,
 * from where matrices are loaded transposed. Pieces of 16 bytes are exchanged by their row, so that
 * the eight that are read at once lie in different banks.
 */
#include "kernels/cuda/epilogue-device.h"
#include "kernels/cuda/halves-device.h"
#include "kernels/cuda/product-operands-device.h"
#include "kernels/cuda/slab-device.h"

enum { DEPTH = CK_CUDA_HALF_DEPTH, QUADS = DEPTH / 4, PIECE = 8 /* numbers */ };

/* A tile [WIDTH, DEPTH] or [DEPTH, WIDTH] of one operand. */
template <bool ALONG, int WIDTH> struct Operand {
  uint16_t numbers[WIDTH * DEPTH];

  static __device__ __forceinline__ int place (int i, int k)
  {
    if (ALONG)
      return i * DEPTH + (k / PIECE ^ (i >> 1 & 3)) * PIECE + k % PIECE;
    return k * WIDTH + (i / PIECE ^ (k & (WIDTH / PIECE - 1) & 7)) * PIECE + i % PIECE;
  }

  __device__ __forceinline__ void store (int i, int k, uint2 four)
  {
    *(uint2 *)&numbers[place (i, k)] = four;
  }
};

template <int KIND, int ROWS, int COLS, int DOWN> struct Shared {
  union {
    struct {
      Operand<KIND != CK_CUDA_GRADIENT, ROWS> a[2];
      Operand<KIND == CK_CUDA_FORWARD, COLS> b[2];
    };
    float slab[DOWN * 16][CK_SLAB_WIDTH (COLS)];
  };
  float code[16];
};

template <class Half>
static __device__ __forceinline__ uint2
round_four (float4 v)
{
  return make_uint2 (Half::pack (v.x, v.y), Half::pack (v.z, v.w));
}

template <int KIND, class Half, int ROWS, int COLS, int DOWN, int ACROSS> struct Tile {
  enum {
    THREADS = DOWN * ACROSS * 32,
    HEIGHT = ROWS / DOWN / 16, /* rectangles of a warp */
    WIDTH = COLS / ACROSS / 8,
    A_FOURS = (ROWS * QUADS + THREADS - 1) / THREADS,
    B_FOURS = (COLS * QUADS + THREADS - 1) / THREADS,
    A_ALONG = KIND != CK_CUDA_GRADIENT,
    B_ALONG = KIND == CK_CUDA_FORWARD
  };

  const CkCudaProduct &p;
  Shared<KIND, ROWS, COLS, DOWN> &shared;
  uint32_t tile_down, tile_across;
  int64_t begin, end; /* terms [begin, end) of the first product */
  int n_first, n_stages;
  float4 a[A_FOURS], b[B_FOURS];
  float total[HEIGHT][WIDTH][4];

  __device__ __forceinline__ Tile (const CkCudaProduct &product,
                                   Shared<KIND, ROWS, COLS, DOWN> &memory)
      : p (product), shared (memory)
  {
    const uint32_t down = (uint32_t)((p.m + ROWS - 1) / ROWS);

    tile_down = blockIdx.x % down;
    tile_across = blockIdx.x / down;
    begin = KIND == CK_CUDA_GRADIENT ? (int64_t)blockIdx.z * p.split : 0;
    end = KIND == CK_CUDA_GRADIENT && p.first.k - begin > p.split ? begin + p.split : p.first.k;
    n_first = (int)((end - begin + DEPTH - 1) / DEPTH);
    n_stages = n_first + (KIND == CK_CUDA_FORWARD ? (int)((p.second.k + DEPTH - 1) / DEPTH) : 0);
  }

  __device__ __forceinline__ int64_t first_row (void) const
  {
    return (int64_t)tile_down * ROWS;
  }

  __device__ __forceinline__ int64_t first_col (void) const
  {
    return (int64_t)tile_across * COLS;
  }

  __device__ __forceinline__ bool is_first (int stage) const
  {
    return KIND != CK_CUDA_FORWARD || stage < n_first;
  }

  /* The n-th four that a thread moves of a tile of an operand: where it lies there. */
  template <bool ALONG, int SIZE>
  static __device__ __forceinline__ void four_of (int n, int *i, int *k)
  {
    const int number = n * THREADS + (int)threadIdx.x;

    *i = ALONG ? number / QUADS : number % (SIZE / 4) * 4;
    *k = ALONG ? number % QUADS * 4 : number / (SIZE / 4);
  }

  /* Does `visit (n, i, k, term, stop)` for each four of an operand of a stage. */
  template <bool ALONG, int SIZE, int N, class Visit>
  __device__ __forceinline__ void each_four (int stage, Visit visit)
  {
    const int64_t first = is_first (stage) ? begin + (int64_t)stage * DEPTH
                                           : (int64_t)(stage - n_first) * DEPTH,
                  stop = is_first (stage) ? end : p.second.k;

#pragma unroll
    for (int n = 0; n < N; n++) {
      int i, k;

      four_of<ALONG, SIZE> (n, &i, &k);
      if (SIZE * QUADS % THREADS == 0 || n * THREADS + (int)threadIdx.x < SIZE * QUADS)
        visit (n, i, k, first + k, stop);
    }
  }

  __device__ __forceinline__ const CkCudaTerms &terms (int stage) const
  {
    return is_first (stage) ? p.first : p.second;
  }

  __device__ __forceinline__ void load (int stage)
  {
    const CkCudaTerms &t = terms (stage);

    each_four<A_ALONG, ROWS, A_FOURS> (
        stage, [&] (int n, int i, int k, int64_t term, int64_t stop) {
          a[n] = ck_fetch_a<KIND> (p, t, first_row () + i, term, stop);
        });
    each_four<B_ALONG, COLS, B_FOURS> (
        stage, [&] (int n, int i, int k, int64_t term, int64_t stop) {
          b[n] = ck_fetch_b<KIND> (p, t, shared.code, first_col () + i, term, stop);
        });
  }

  __device__ __forceinline__ void store (int stage)
  {
    const CkCudaTerms &t = terms (stage);

    each_four<A_ALONG, ROWS, A_FOURS> (
        stage, [&] (int n, int i, int k, int64_t term, int64_t stop) {
          shared.a[stage & 1].store (i, k,
                                     round_four<Half> (ck_finish_a<KIND> (
                                         p, t, is_first (stage), first_row () + i, term, a[n])));
        });
    each_four<B_ALONG, COLS, B_FOURS> (
        stage, [&] (int n, int i, int k, int64_t term, int64_t stop) {
          shared.b[stage & 1].store (i, k,
                                     round_four<Half> (ck_finish_b<KIND> (
                                         p, t, shared.code, first_col () + i, term, stop, b[n])));
        });
  }

  __device__ __forceinline__ int warp_row (void) const
  {
    return (int)threadIdx.x / 32 / ACROSS * HEIGHT * 16;
  }

  __device__ __forceinline__ int warp_col (void) const
  {
    return (int)threadIdx.x / 32 % ACROSS * WIDTH * 8;
  }

  /* 16 rows and 16 terms of a. */
  __device__ __forceinline__ void load_a (int half, int row, int step, uint32_t x[4])
  {
    const int lane = threadIdx.x % 32;

    if (A_ALONG)
      ck_load_matrices (
          x, &shared.a[half]
                  .numbers[shared.a[half].place (row + lane % 16, 16 * step + lane / 16 * 8)]);
    else
      ck_load_matrices_transposed (
          x, &shared.a[half].numbers[shared.a[half].place (row + lane / 8 % 2 * 8,
                                                           16 * step + lane / 16 * 8 + lane % 8)]);
  }

  /* 8 columns and all terms of b. */
  __device__ __forceinline__ void load_b (int half, int col, uint32_t w[4])
  {
    const int lane = threadIdx.x % 32;

    if (B_ALONG)
      ck_load_matrices (
          w, &shared.b[half].numbers[shared.b[half].place (col + lane % 8, lane / 8 * 8)]);
    else
      ck_load_matrices_transposed (w, &shared.b[half].numbers[shared.b[half].place (col, lane)]);
  }

  __device__ __forceinline__ void multiply (int half)
  {
    uint32_t w[WIDTH][4];

#pragma unroll
    for (int j = 0; j < WIDTH; j++)
      load_b (half, warp_col () + 8 * j, w[j]);
#pragma unroll
    for (int i = 0; i < HEIGHT; i++)
#pragma unroll
      for (int step = 0; step < DEPTH / 16; step++) {
        uint32_t x[4];

        load_a (half, warp_row () + 16 * i, step, x);
#pragma unroll
        for (int j = 0; j < WIDTH; j++)
          Half::multiply (total[i][j], x, w[j] + 2 * step);
      }
  }

  /* What the warps' i-th rectangles become, 16 rows of each. */
  __device__ __forceinline__ void finish (int i)
  {
    float *y = p.y + (KIND == CK_CUDA_GRADIENT ? (int64_t)blockIdx.z * p.m * p.n : 0);

#pragma unroll 1
    for (int number = threadIdx.x; number < DOWN * 16 * COLS / 4; number += THREADS) {
      const int slab_row = number / (COLS / 4), slab_col = number % (COLS / 4) * 4;
      const int64_t row = first_row () + slab_row / 16 * HEIGHT * 16 + 16 * i + slab_row % 16,
                    col = first_col () + slab_col, at = row * p.n + col, left = p.n - col;
      const float4 four = *(const float4 *)&shared.slab[slab_row][slab_col];
      float t[4] = { four.x, four.y, four.z, four.w };

      if (row >= p.m || left <= 0)
        continue;
#pragma unroll
      for (int c = 0; c < 4; c++)
        if (c < left)
          t[c] = ck_epilogue (p.epilogue, row, col + c, at + c, t[c]);
      ck_store_4 (y + at, left, make_float4 (t[0], t[1], t[2], t[3]));
    }
  }

  __device__ __forceinline__ void run (void)
  {
#pragma unroll
    for (int i = 0; i < HEIGHT; i++)
#pragma unroll
      for (int j = 0; j < WIDTH; j++)
#pragma unroll
        for (int e = 0; e < 4; e++)
          total[i][j][e] = 0;
    ck_load_code (p.first.b, shared.code);
    __syncthreads ();
    if (n_stages > 0) {
      load (0);
      store (0);
      __syncthreads ();
    }
#pragma unroll 1
    for (int stage = 0; stage < n_stages; stage++) {
      const bool more = stage + 1 < n_stages;

      if (more)
        load (stage + 1);
      multiply (stage & 1);
      if (more)
        store (stage + 1);
      __syncthreads ();
    }
#pragma unroll 1
    for (int i = 0; i < HEIGHT; i++) {
#pragma unroll
      for (int same = 0; same < HEIGHT; same++)
        if (same == i)
          ck_slab_put (shared.slab, (int)threadIdx.x / 32 / ACROSS * 16, warp_col (), total[same]);
      __syncthreads ();
      finish (i);
      __syncthreads ();
    }
  }
};

#define DEFINE(name, KIND, Half, rows, cols, down, across, blocks)                                 \
  CK_KERNEL_BLOCKS (name, CkCudaProduct, down *across * 32, blocks)                                \
  {                                                                                                \
    typedef Shared<KIND, rows, cols, down> Memory;                                                 \
    CK_SHARED (Memory, shared);                                                                    \
                                                                                                   \
    static_assert (sizeof (Memory) == CK_CUDA_HALF_SHARED (rows, cols, down),                      \
                   "as the host counts");                                                          \
    Tile<KIND, Half, rows, cols, down, across> (a, shared).run ();                                 \
  }
#define DEFINE_SIZES(name, KIND, Half, large_blocks)                                               \
  DEFINE (name##_large, KIND, Half, 128, 64, 4, 2, large_blocks)                                   \
  DEFINE (name##_medium, KIND, Half, 64, 64, 2, 2, 3)                                              \
  DEFINE (name##_small, KIND, Half, 16, 64, 1, 4, 4)

DEFINE_SIZES (ck_cuda_bf16_forward, CK_CUDA_FORWARD, CkBf16, 2)
DEFINE_SIZES (ck_cuda_bf16_backward, CK_CUDA_BACKWARD, CkBf16, 1)
DEFINE_SIZES (ck_cuda_bf16_gradient, CK_CUDA_GRADIENT, CkBf16, 2)
DEFINE_SIZES (ck_cuda_f16_forward, CK_CUDA_FORWARD, CkF16, 2)
