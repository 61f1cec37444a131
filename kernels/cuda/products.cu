/* SPDX-License-Identifier: MIT */
/*
 * Products in fp32. A block makes a tile [rows, cols] of y, a thread a rectangle of it in
 * registers. Terms come in tiles of CK_CUDA_DEPTH: while one is multiplied from shared memory the
 * next is on its way to registers; behind the product it is decoded from its format and goes to the
 * other half of shared memory.
 *
 * Both operands lie [depth, width] in shared memory, so that a thread reads its rows and columns of
 * a term with few wide loads. What comes along k is transposed on its way; so that its stores fall
 * into different banks, groups of eight are exchanged by k.
 */
#include "kernels/cuda/epilogue-device.h"
#include "kernels/cuda/product-operands-device.h"

enum { DEPTH = CK_CUDA_DEPTH, QUADS = DEPTH / 4 };

template <int ROWS, int COLS> struct Shared {
  float a[2][DEPTH][ROWS];
  float b[2][DEPTH][COLS];
  float code[16];
};

/* Where element i of a term lies. */
template <int WIDTH>
static __device__ __forceinline__ int
place (int term, int i)
{
  return i ^ (term / 4 * 8 & (WIDTH - 8));
}

/* ---- operands -------------------------------------------------------------------------------- */

/* The n-th four that a thread moves of a tile [DEPTH, WIDTH], along k or across. */
struct Four {
  int term, i;
};

template <bool ALONG, int WIDTH, int THREADS>
static __device__ __forceinline__ Four
four_of (int n)
{
  const int number = n * THREADS + (int)threadIdx.x;
  Four four;

  if (ALONG) {
    four.i = number / QUADS;
    four.term = number % QUADS * 4;
  } else {
    four.i = number % (WIDTH / 4) * 4;
    four.term = number / (WIDTH / 4);
  }
  return four;
}

template <bool ALONG, int WIDTH>
static __device__ __forceinline__ void
store_four (float (*tile)[WIDTH], Four four, float4 v)
{
  const int i = place<WIDTH> (four.term, four.i);

  if (ALONG) {
    tile[four.term][i] = v.x;
    tile[four.term + 1][i] = v.y;
    tile[four.term + 2][i] = v.z;
    tile[four.term + 3][i] = v.w;
  } else
    *(float4 *)&tile[four.term][i] = v;
}

/* N neighbours of a term, 1 or a multiple of 4. */
template <int N, int WIDTH>
static __device__ __forceinline__ void
read_term (const float (*tile)[WIDTH], int term, int i, float v[N])
{
  if (N == 1)
    v[0] = tile[term][place<WIDTH> (term, i)];
#pragma unroll
  for (int n = 0; n + 4 <= N; n += 4) {
    const float4 four = *(const float4 *)&tile[term][place<WIDTH> (term, i + n)];

    v[n] = four.x;
    v[n + 1] = four.y;
    v[n + 2] = four.z;
    v[n + 3] = four.w;
  }
}

/* ---- a tile ---------------------------------------------------------------------------------- */

template <int KIND, int ROWS, int COLS, int HEIGHT, int WIDTH> struct Tile {
  enum {
    ACROSS = COLS / WIDTH,
    THREADS = ROWS / HEIGHT * ACROSS,
    A_FOURS = (ROWS * QUADS + THREADS - 1) / THREADS,
    B_FOURS = (COLS * QUADS + THREADS - 1) / THREADS,
    A_ALONG = KIND != CK_CUDA_GRADIENT,
    B_ALONG = KIND == CK_CUDA_FORWARD
  };

  const CkCudaProduct &p;
  Shared<ROWS, COLS> &shared;
  uint32_t tile_down, tile_across;
  int64_t begin, end; /* terms [begin, end) of the first product */
  int64_t n_first, n_tiles;
  float4 a[A_FOURS], b[B_FOURS];
  float total[HEIGHT][WIDTH], part[HEIGHT][WIDTH];

  __device__ __forceinline__ Tile (const CkCudaProduct &product, Shared<ROWS, COLS> &memory)
      : p (product), shared (memory)
  {
    const uint32_t down = (uint32_t)((p.m + ROWS - 1) / ROWS);

    tile_down = blockIdx.x % down;
    tile_across = blockIdx.x / down;
    begin = KIND == CK_CUDA_GRADIENT ? (int64_t)blockIdx.z * p.split : 0;
    end = KIND == CK_CUDA_GRADIENT && p.first.k - begin > p.split ? begin + p.split : p.first.k;
    n_first = (end - begin + DEPTH - 1) / DEPTH;
    n_tiles = KIND == CK_CUDA_GRADIENT ? n_first : n_first + (p.second.k + DEPTH - 1) / DEPTH;
  }

  __device__ __forceinline__ int64_t first_row (void) const
  {
    return (int64_t)tile_down * ROWS;
  }

  __device__ __forceinline__ int64_t first_col (void) const
  {
    return (int64_t)tile_across * COLS;
  }

  __device__ __forceinline__ bool is_first (int64_t tile) const
  {
    return KIND == CK_CUDA_GRADIENT || tile < n_first;
  }

  __device__ __forceinline__ const CkCudaTerms &terms (int64_t tile) const
  {
    return is_first (tile) ? p.first : p.second;
  }

  /* Does `visit (n, four, k, end)` for each four of this thread in an operand's tile; its first
   * term is k, and terms end before `end`. */
  template <bool ALONG, int SIZE, int N, class Visit>
  __device__ __forceinline__ void each_four (int64_t tile, Visit visit)
  {
    const int64_t first = is_first (tile) ? begin + tile * DEPTH : (tile - n_first) * DEPTH,
                  stop = is_first (tile) ? end : p.second.k;

#pragma unroll
    for (int n = 0; n < N; n++) {
      const Four four = four_of<ALONG, SIZE, THREADS> (n);

      if (SIZE * QUADS % THREADS == 0 || n * THREADS + (int)threadIdx.x < SIZE * QUADS)
        visit (n, four, first + four.term, stop);
    }
  }

  /* The tile of terms to registers, as it lies in memory. */
  __device__ __forceinline__ void load (int64_t tile)
  {
    const CkCudaTerms &t = terms (tile);

    each_four<A_ALONG, ROWS, A_FOURS> (tile, [&] (int n, Four four, int64_t k, int64_t stop) {
      a[n] = ck_fetch_a<KIND> (p, t, first_row () + four.i, k, stop);
    });
    each_four<B_ALONG, COLS, B_FOURS> (tile, [&] (int n, Four four, int64_t k, int64_t stop) {
      b[n] = ck_fetch_b<KIND> (p, t, shared.code, first_col () + four.i, k, stop);
    });
  }

  /* And on to its half of shared memory. */
  __device__ __forceinline__ void store (int64_t tile)
  {
    const CkCudaTerms &t = terms (tile);
    const int half = (int)(tile & 1);

    each_four<A_ALONG, ROWS, A_FOURS> (tile, [&] (int n, Four four, int64_t k, int64_t stop) {
      store_four<A_ALONG, ROWS> (
          shared.a[half], four,
          ck_finish_a<KIND> (p, t, is_first (tile), first_row () + four.i, k, a[n]));
    });
    each_four<B_ALONG, COLS, B_FOURS> (tile, [&] (int n, Four four, int64_t k, int64_t stop) {
      store_four<B_ALONG, COLS> (
          shared.b[half], four,
          ck_finish_b<KIND> (p, t, shared.code, first_col () + four.i, k, stop, b[n]));
    });
  }

  __device__ __forceinline__ int row (void) const
  {
    return (int)threadIdx.x / ACROSS * HEIGHT;
  }

  __device__ __forceinline__ int col (void) const
  {
    return (int)threadIdx.x % ACROSS * WIDTH;
  }

  __device__ __forceinline__ void multiply (int half)
  {
#pragma unroll
    for (int term = 0; term < DEPTH; term++) {
      float x[HEIGHT], w[WIDTH];

      read_term<HEIGHT, ROWS> (shared.a[half], term, row (), x);
      read_term<WIDTH, COLS> (shared.b[half], term, col (), w);
#pragma unroll
      for (int i = 0; i < HEIGHT; i++)
#pragma unroll
        for (int j = 0; j < WIDTH; j++)
          part[i][j] = __fmaf_rn (x[i], w[j], part[i][j]);
    }
  }

  __device__ __forceinline__ void clear (float (&sums)[HEIGHT][WIDTH])
  {
#pragma unroll
    for (int i = 0; i < HEIGHT; i++)
#pragma unroll
      for (int j = 0; j < WIDTH; j++)
        sums[i][j] = 0;
  }

  /* Ends the sum of a chunk. */
  __device__ __forceinline__ void add_part (void)
  {
#pragma unroll
    for (int i = 0; i < HEIGHT; i++)
#pragma unroll
      for (int j = 0; j < WIDTH; j++)
        total[i][j] = __fadd_rn (total[i][j], part[i][j]);
    clear (part);
  }

  /* Ends that of the second product, of which dropout may take elements out. */
  __device__ __forceinline__ void add_second (void)
  {
#pragma unroll
    for (int i = 0; i < HEIGHT; i++) {
      float f[4] = { 1, 1, 1, 1 };

      if (KIND == CK_CUDA_BACKWARD && p.key != nullptr) {
        const float4 four = ck_dropout_factors (
            *p.key, p.dropout, (first_row () + row () + i) * p.n + first_col () + col ());

        f[0] = four.x;
        f[1] = four.y;
        f[2] = four.z;
        f[3] = four.w;
      }
#pragma unroll
      for (int j = 0; j < WIDTH; j++)
        total[i][j] =
            __fadd_rn (total[i][j], ck_drop (__fmul_rn (part[i][j], p.second_factor), f[j]));
    }
  }

  __device__ __forceinline__ void write (void)
  {
    const int64_t left = p.n - first_col () - col ();
    float *y = p.y + (KIND == CK_CUDA_GRADIENT ? (int64_t)blockIdx.z * p.m * p.n : 0);

#pragma unroll
    for (int i = 0; i < HEIGHT; i++) {
      const int64_t at_row = first_row () + row () + i, at = at_row * p.n + first_col () + col ();

      if (at_row >= p.m)
        return;
#pragma unroll
      for (int j = 0; j < WIDTH; j++)
        if (j < left)
          total[i][j] =
              ck_epilogue (p.epilogue, at_row, first_col () + col () + j, at + j, total[i][j]);
      ck_store_4 (y + at, left, make_float4 (total[i][0], total[i][1], total[i][2], total[i][3]));
    }
  }

  __device__ __forceinline__ void run (void)
  {
    clear (total);
    clear (part);
    ck_load_code (p.first.b, shared.code);
    __syncthreads ();
    if (n_tiles > 0) {
      load (0);
      store (0);
      __syncthreads ();
    }
    for (int64_t tile = 0; tile < n_tiles; tile++) {
      const int half = (int)(tile & 1);
      const bool more = tile + 1 < n_tiles;

      if (more)
        load (tile + 1);
      multiply (half);
      if (tile + 1 == n_first ||
          (tile < n_first && (tile + 1) % (CK_CUDA_CHUNK / CK_CUDA_DEPTH) == 0))
        add_part ();
      if (more) {
        store (tile + 1);
        __syncthreads ();
      }
    }
    if (KIND != CK_CUDA_GRADIENT && p.second.k > 0)
      add_second ();
    write ();
  }
};

#define DEFINE(name, KIND, rows, cols, height, blocks)                                             \
  CK_KERNEL_BLOCKS (name, CkCudaProduct, rows / height * cols / 4, blocks)                         \
  {                                                                                                \
    typedef Shared<rows, cols> Memory;                                                             \
    CK_SHARED (Memory, shared);                                                                    \
                                                                                                   \
    Tile<KIND, rows, cols, height, 4> (a, shared).run ();                                          \
  }
#define DEFINE_SIZES(name, KIND, large_blocks)                                                     \
  DEFINE (name##_large, KIND, 128, 64, 8, large_blocks)                                            \
  DEFINE (name##_medium, KIND, 64, 32, 4, 4)                                                       \
  DEFINE (name##_small, KIND, 16, 32, 1, 5)

DEFINE_SIZES (ck_cuda_product_forward, CK_CUDA_FORWARD, 2)
DEFINE_SIZES (ck_cuda_product_backward, CK_CUDA_BACKWARD, 1)
DEFINE_SIZES (ck_cuda_product_gradient, CK_CUDA_GRADIENT, 2)

/* ---- shares of a sum over rows --------------------------------------------------------------- */

CK_KERNEL (ck_cuda_add_shares, CkCudaShares, CK_CUDA_SHARES_THREADS)
{
  const int64_t i = (int64_t)blockIdx.x * CK_CUDA_SHARES_THREADS + threadIdx.x;
  float sum = 0;

  if (i >= a.n)
    return;
  for (int64_t share = 0; share < a.n_shares; share++)
    sum = __fadd_rn (sum, a.shares[share * a.n + i]);
  sum = __fmul_rn (sum, a.alpha);
  if (a.row_factor != nullptr)
    sum = __fmul_rn (sum, a.row_factor[i / a.cols]);
  a.y[i] = __fadd_rn (a.y[i], sum);
}
