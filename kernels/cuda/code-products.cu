/* SPDX-License-Identifier: MIT */
/*
 * A block makes a tile of y; its warps share it as rectangles of 16 x 8, the products of
 * instructions.h. A stage is one block of 64 elements of the tile's rows and columns in shared
 * memory: codes of x and packed ones of the weight are copied there two stages ahead, 4-bit codes
 * three stages, and become bytes one stage ahead.
 *
 * A row of a stage is 64 bytes, of which an instruction reads four pieces of 16 of eight rows at
 * once. The pieces of a row are exchanged by its number, so that the eight lie in different banks.
 */
#include "kernels/cuda/code-products.h"
#include "kernels/cuda/codes-device.h"
#include "kernels/cuda/epilogue-device.h"
#include "kernels/cuda/instructions.h"
#include "kernels/cuda/slab-device.h"
#include "kernels/cuda/values-device.h"

#include <math.h>

enum {
  BLOCK = CK_CUDA_BLOCK,
  STAGES = CK_CUDA_CODE_STAGES,
  SCALES = CK_CUDA_CODE_SCALES,
  PIECE = 16,
  PIECES = BLOCK / PIECE
};

/* Added to a sum of 64 products, the bits of a float that is it plus 12582912. */
#define MAGIC       0x4b400000
#define MAGIC_FLOAT 12582912.0f

/* Behind the last stage its memory is that of a slab of sums. */
template <int ROWS, int COLS, int DOWN> struct Shared {
  union {
    struct {
      int8_t x[STAGES][ROWS][BLOCK], w[STAGES][COLS][BLOCK];
      uint4 pairs[STAGES][2 * COLS]; /* 4-bit codes of w */
      float scales[2][SCALES][ROWS + COLS];
    };
    float slab[DOWN * 16][CK_SLAB_WIDTH (COLS)];
  };
  float code[16];
  uint32_t outliers[ROWS]; /* whether a row has any */
};

/* Where a piece of a row lies, of whose number the last three bits count. */
static __device__ __forceinline__ int
place (int row, int piece)
{
  return (piece ^ (row >> 1 & (PIECES - 1))) * PIECE;
}

/* The bytes of four 4-bit codes, of which the first is in the lowest bits. */
static __device__ __forceinline__ uint32_t
unpack_four (const uint32_t table[4], uint32_t codes, uint32_t which)
{
  return __byte_perm (__byte_perm (table[0], table[1], codes),
                      __byte_perm (table[2], table[3], codes), which);
}

/* Of eight. */
static __device__ __forceinline__ uint2
unpack_eight (const uint32_t table[4], uint32_t codes)
{
  const uint32_t low = codes & 0x77777777, which = (codes >> 1 & 0x44444444) | 0x32103210;

  return make_uint2 (unpack_four (table, low & 0xffff, which & 0xffff),
                     unpack_four (table, low >> 16, which >> 16));
}

template <int ROWS, int COLS, int DOWN, int ACROSS> struct Tile {
  enum {
    THREADS = DOWN * ACROSS * 32,
    HEIGHT = ROWS / DOWN / 16, /* products of a warp */
    WIDTH = COLS / ACROSS / 8,
    HALVES = 2 * COLS, /* pieces of 16 bytes of 4-bit codes, a stage */
    X_COPIES = (ROWS * PIECES + THREADS - 1) / THREADS,
    W_COPIES = (COLS * PIECES + THREADS - 1) / THREADS,
    UNPACKED = (HALVES + THREADS - 1) / THREADS,
    SCALED = (ROWS + COLS + THREADS - 1) / THREADS
  };

  const CkCudaCodeProduct &p;
  Shared<ROWS, COLS, DOWN> &shared;
  int64_t first_row, first_col;
  int rows, cols; /* of the tile that there are */
  int n_first, n_stages;
  float4 scales[SCALED];
  float total[HEIGHT][WIDTH][4];

  __device__ __forceinline__ Tile (const CkCudaCodeProduct &product,
                                   Shared<ROWS, COLS, DOWN> &memory)
      : p (product), shared (memory)
  {
    const int64_t down = (p.m + ROWS - 1) / ROWS;

    first_row = (int64_t)blockIdx.x % down * ROWS;
    first_col = (int64_t)blockIdx.x / down * COLS;
    rows = (int)(p.m - first_row < ROWS ? p.m - first_row : ROWS);
    cols = (int)(p.n - first_col < COLS ? p.n - first_col : COLS);
    n_first = (int)p.first.w.blocks;
    n_stages = n_first + (int)p.second.w.blocks;
  }

  __device__ __forceinline__ const CkCudaCodeTerms &terms (int stage) const
  {
    return stage < n_first ? p.first : p.second;
  }

  __device__ __forceinline__ int block (int stage) const
  {
    return stage < n_first ? stage : stage - n_first;
  }

  /* ---- to shared memory ---- */

  /* A block of each row from `codes` on, whose rows are `stride` bytes apart. */
  template <int N, int COUNT>
  __device__ __forceinline__ void copy_rows (int8_t (*to)[BLOCK], const int8_t *codes,
                                             int64_t stride, int rows_there)
  {
    const int row = (int)threadIdx.x / PIECES, piece = (int)threadIdx.x % PIECES,
              step = THREADS / PIECES;
    const int8_t *from = codes + row * stride + piece * PIECE;
    int8_t *at = &to[row][place (row, piece)];

    static_assert (step % 8 == 0, "rows of a thread have their pieces in one order");
#pragma unroll
    for (int n = 0; n < N; n++, from += step * stride, at += step * BLOCK) {
      const bool there = row + n * step < rows_there;

      if (COUNT % THREADS == 0 || n * THREADS + (int)threadIdx.x < COUNT)
        ck_copy_async (at, there ? from : codes, there);
    }
  }

  /* What is copied of a stage; one group of copies, maybe of none. */
  __device__ __forceinline__ void copy (int stage)
  {
    if (stage < n_stages) {
      const CkCudaCodeTerms &t = terms (stage);
      const int at = stage % STAGES;
      const int64_t stride = t.w.blocks * BLOCK, begin = (int64_t)block (stage) * BLOCK;

      copy_rows<X_COPIES, ROWS * PIECES> (shared.x[at], t.x.codes + first_row * stride + begin,
                                          stride, rows);
      if (t.w.packed != nullptr)
        copy_rows<W_COPIES, COLS * PIECES> (shared.w[at], t.w.packed + first_col * stride + begin,
                                            stride, cols);
    }
    ck_copy_commit ();
  }

  __device__ __forceinline__ bool unpacks (int stage) const
  {
    return stage < n_first && p.first.w.packed == nullptr;
  }

  /* 4-bit codes of a stage, each piece by the thread that unpacks it. */
  __device__ __forceinline__ void copy_pairs (int stage)
  {
    if (!unpacks (stage))
      return;
#pragma unroll
    for (int n = 0; n < UNPACKED; n++) {
      const int number = n * THREADS + (int)threadIdx.x, row = number / 2;
      const bool there = row < cols;
      const uint8_t *from = p.first.w.pairs + (first_col * p.first.w.blocks + stage) * (BLOCK / 2);

      if (HALVES % THREADS == 0 || number < HALVES)
        ck_copy_async (
            &shared.pairs[stage % STAGES][number],
            from + (there ? row * p.first.w.blocks * (BLOCK / 2) + number % 2 * PIECE : 0), there);
    }
  }

  /* And as bytes. */
  __device__ __forceinline__ void unpack (int stage)
  {
    if (!unpacks (stage))
      return;
#pragma unroll
    for (int n = 0; n < UNPACKED; n++) {
      const int number = n * THREADS + (int)threadIdx.x, row = number / 2;

      if (HALVES % THREADS == 0 || number < HALVES) {
        int8_t *to = shared.w[stage % STAGES][row];
        const uint4 pairs = shared.pairs[stage % STAGES][number];
        uint2 a = unpack_eight (p.first.w.table, pairs.x),
              b = unpack_eight (p.first.w.table, pairs.y);

        *(uint4 *)(to + place (row, number % 2 * 2)) = make_uint4 (a.x, a.y, b.x, b.y);
        a = unpack_eight (p.first.w.table, pairs.z);
        b = unpack_eight (p.first.w.table, pairs.w);
        *(uint4 *)(to + place (row, number % 2 * 2 + 1)) = make_uint4 (a.x, a.y, b.x, b.y);
      }
    }
  }

  /* The scales of a group of stages to registers: those of rows, then those of columns. A group
   * never holds stages of both terms: the second begin a group. */
  __device__ __forceinline__ void load_scales (int group)
  {
    const int groups = (n_first + SCALES - 1) / SCALES;
    const bool is_first = group < groups;
    const CkCudaCodeTerms &t = is_first ? p.first : p.second;
    const int at = (is_first ? group : group - groups) * SCALES;
    const int64_t left = t.w.blocks - at;

#pragma unroll
    for (int n = 0; n < SCALED; n++) {
      const int number = n * THREADS + (int)threadIdx.x;
      float4 v = make_float4 (0, 0, 0, 0);

      if (number < ROWS) {
        if (number < rows)
          v = ck_load_4 (t.x.scales + (first_row + number) * t.w.blocks + at, left);
      } else if ((ROWS + COLS) % THREADS == 0 || number < ROWS + COLS) {
        if (number - ROWS < cols)
          v = ck_load_4 (t.w.scales + (first_col + number - ROWS) * t.w.blocks + at, left);
        v = make_float4 (__fmul_rn (v.x, t.w.unit), __fmul_rn (v.y, t.w.unit),
                         __fmul_rn (v.z, t.w.unit), __fmul_rn (v.w, t.w.unit));
      }
      scales[n] = v;
    }
  }

  __device__ __forceinline__ void store_scales (int group)
  {
#pragma unroll
    for (int n = 0; n < SCALED; n++) {
      const int number = n * THREADS + (int)threadIdx.x;

      if ((ROWS + COLS) % THREADS == 0 || number < ROWS + COLS) {
        shared.scales[group & 1][0][number] = scales[n].x;
        shared.scales[group & 1][1][number] = scales[n].y;
        shared.scales[group & 1][2][number] = scales[n].z;
        shared.scales[group & 1][3][number] = scales[n].w;
      }
    }
  }

  /* The group of a stage, and its place there. */
  __device__ __forceinline__ int group (int stage, int *in_group) const
  {
    const int groups = (n_first + SCALES - 1) / SCALES;

    *in_group = block (stage) % SCALES;
    return (stage < n_first ? 0 : groups) + block (stage) / SCALES;
  }

  /* ---- the product ---- */

  __device__ __forceinline__ int warp_row (void) const
  {
    return (int)threadIdx.x / 32 / ACROSS * HEIGHT * 16;
  }

  __device__ __forceinline__ int warp_col (void) const
  {
    return (int)threadIdx.x / 32 % ACROSS * WIDTH * 8;
  }

  __device__ __forceinline__ void multiply (int stage, const float *scales_of)
  {
    const int lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
    const int8_t *x_row = shared.x[stage][warp_row () + lane % 16],
                 *w_row = shared.w[stage][warp_col () + lane % 8] + place (lane % 8, lane / 8);
    uint32_t w[WIDTH][PIECES];
    float w_scales[WIDTH][2];

#pragma unroll
    for (int j = 0; j < WIDTH; j++) {
      const float2 two = *(const float2 *)(scales_of + ROWS + warp_col () + 2 * t + 8 * j);

      ck_load_matrices (w[j], w_row + 8 * j * BLOCK);
      w_scales[j][0] = two.x;
      w_scales[j][1] = two.y;
    }
#pragma unroll
    for (int i = 0; i < HEIGHT; i++) {
      const float *x_scale = scales_of + warp_row () + g + 16 * i,
                  scale[2] = { x_scale[0], x_scale[8] };
      uint32_t x[2][4];

#pragma unroll
      for (int half = 0; half < 2; half++)
        ck_load_matrices (x[half], x_row + 16 * i * BLOCK + place (lane % 8, 2 * half + lane / 16));
#pragma unroll
      for (int j = 0; j < WIDTH; j++) {
        int32_t sum[4] = { MAGIC, MAGIC, MAGIC, MAGIC };

        ck_mma_s8 (sum, x[0], w[j]);
        ck_mma_s8 (sum, x[1], w[j] + 2);
#pragma unroll
        for (int e = 0; e < 4; e++)
          total[i][j][e] = __fmaf_rn (__fsub_rn (__int_as_float (sum[e]), MAGIC_FLOAT),
                                      __fmul_rn (scale[e / 2], w_scales[j][e % 2]), total[i][j][e]);
      }
    }
  }

  /* ---- what follows it ---- */

  /* Which rows of the tile have outliers. */
  __device__ __forceinline__ void find_outliers (void)
  {
    const CkCudaCodes &x = p.first.x;

    if (x.outliers == nullptr)
      return;
    for (int row = threadIdx.x; row < ROWS; row += THREADS) {
      uint32_t any = 0;

      if (first_row + row < p.m)
        for (int64_t i = 0; i < x.count_stride; i += PIECE) {
          const uint4 v = *(const uint4 *)(x.counts + (first_row + row) * x.count_stride + i);

          any |= v.x | v.y | v.z | v.w;
        }
      shared.outliers[row] = any;
    }
  }

  /* sum += what each outlier of a row adds to four neighbouring columns, in their order. */
  __device__ __forceinline__ void add_outliers (int64_t row, int64_t col, float sum[4]) const
  {
    const CkCudaCodes &x = p.first.x;

    for (int64_t block = 0; block < x.blocks; block++) {
      const int n = x.counts[row * x.count_stride + block];

      for (int i = 0; i < n; i++) {
        const CkCudaOutlier outlier =
            x.outliers[(row * x.blocks + block) * CK_CUDA_OUTLIERS_MAX + i];

#pragma unroll
        for (int c = 0; c < 4; c++)
          if (col + c < p.n)
            sum[c] = __fadd_rn (
                sum[c],
                __fmul_rn (outlier.value, ck_value (p.values, shared.code,
                                                    (col + c) * p.values.cols + outlier.column)));
      }
    }
  }

  /* The row of the tile that a row of the slab is. */
  static __device__ __forceinline__ int row_of (int slab_row, int i)
  {
    return slab_row / 16 * HEIGHT * 16 + 16 * i + slab_row % 16;
  }

  /* Four neighbours of the slab: to y, or finished where they are. */
  __device__ __forceinline__ void finish_four (int slab_row, int slab_col, int i)
  {
    const int row = row_of (slab_row, i);
    const int64_t at_row = first_row + row, col = first_col + slab_col, left = p.n - col,
                  at = at_row * p.n + col;
    float4 *four = (float4 *)&shared.slab[slab_row][slab_col];
    float t[4] = { four->x, four->y, four->z, four->w }, sum[4] = { 0, 0, 0, 0 };
    const bool outliers = p.first.x.outliers != nullptr && shared.outliers[row] != 0;

    if (outliers) {
#pragma unroll
      for (int c = 0; c < 4; c++)
        sum[c] = p.one_by_one ? t[c] : 0;
      add_outliers (at_row, col, sum);
    }
#pragma unroll
    for (int c = 0; c < 4; c++)
      if (c < left) {
        if (p.addend != nullptr)
          sum[c] = __fadd_rn (sum[c], p.addend[at + c]);
        if (outliers && p.one_by_one)
          t[c] = sum[c];
        else if (outliers || p.addend != nullptr)
          t[c] = __fadd_rn (t[c], sum[c]);
        t[c] = ck_epilogue (p.epilogue, at_row, col + c, at + c, t[c]);
      } else
        t[c] = 0;
    if (p.y != nullptr)
      ck_store_4 (p.y + at, left, make_float4 (t[0], t[1], t[2], t[3]));
    else
      *four = make_float4 (t[0], t[1], t[2], t[3]);
  }

  /* Blocks of the slab as codes. */
  __device__ __forceinline__ void write_codes (int i)
  {
    const int lane = threadIdx.x % CK_CUDA_QUANTISE_LANES, across = COLS / BLOCK;

#pragma unroll 1
    for (int number = threadIdx.x / CK_CUDA_QUANTISE_LANES; number < DOWN * 16 * across;
         number += THREADS / CK_CUDA_QUANTISE_LANES) {
      const int slab_row = number / across, slab_col = number % across * BLOCK;
      const int64_t row = first_row + row_of (slab_row, i), block = (first_col + slab_col) / BLOCK;
      float *values = &shared.slab[slab_row][slab_col], x[CK_CUDA_EACH];

#pragma unroll
      for (int e = 0; e < CK_CUDA_EACH; e++)
        x[e] = values[lane + CK_CUDA_QUANTISE_LANES * e];
      ck_write_block (p.codes, row < p.m && block < p.codes.blocks, row, block, lane, 1, x, values);
    }
  }

  /* What the warps' i-th products become, 16 rows of each. */
  __device__ __forceinline__ void finish (int i)
  {
#pragma unroll 1
    for (int number = threadIdx.x; number < DOWN * 16 * COLS / 4; number += THREADS) {
      const int slab_row = number / (COLS / 4), slab_col = number % (COLS / 4) * 4;

      if (first_row + row_of (slab_row, i) < p.m)
        finish_four (slab_row, slab_col, i);
    }
    if (p.y == nullptr) {
      __syncthreads ();
      write_codes (i);
    }
  }

  __device__ __forceinline__ void run (void)
  {
    bool is_loaded = false;

#pragma unroll
    for (int i = 0; i < HEIGHT; i++)
#pragma unroll
      for (int j = 0; j < WIDTH; j++)
#pragma unroll
        for (int e = 0; e < 4; e++)
          total[i][j][e] = 0;
    ck_load_code (p.values, shared.code);
    find_outliers ();
    copy_pairs (0);
    copy_pairs (1);
    copy (0);
    copy_pairs (2);
    copy (1);
    load_scales (0);
    store_scales (0);
    ck_copy_wait<1> ();
    unpack (0);
#pragma unroll 1
    for (int stage = 0; stage < n_stages; stage++) {
      int in_group;
      const int number = group (stage, &in_group);

      ck_copy_wait<1> ();
      if (is_loaded)
        store_scales (number + (in_group == 0 ? 0 : 1));
      __syncthreads ();
      copy_pairs (stage + 3);
      copy (stage + 2);
      unpack (stage + 1);
      multiply (stage % STAGES, shared.scales[number & 1][in_group]);
      is_loaded = in_group == 0;
      if (is_loaded)
        load_scales (number + 1);
    }
#pragma unroll 1
    for (int i = 0; i < HEIGHT; i++) {
      __syncthreads ();
#pragma unroll
      for (int same = 0; same < HEIGHT; same++)
        if (same == i)
          ck_slab_put (shared.slab, (int)threadIdx.x / 32 / ACROSS * 16, warp_col (), total[same]);
      __syncthreads ();
      finish (i);
    }
  }
};

#define DEFINE(name, rows, cols, down, across, blocks)                                             \
  CK_KERNEL_BLOCKS (name, CkCudaCodeProduct, down *across * 32, blocks)                            \
  {                                                                                                \
    typedef Shared<rows, cols, down> Memory;                                                       \
    CK_SHARED (Memory, shared);                                                                    \
                                                                                                   \
    static_assert (sizeof (Memory) == CK_CUDA_CODE_SHARED (rows, cols), "as the host counts");     \
    Tile<rows, cols, down, across> (a, shared).run ();                                             \
  }

DEFINE (ck_cuda_code_product_large, 128, 64, 4, 2, 2)
DEFINE (ck_cuda_code_product_medium, 64, 64, 2, 2, 3)
DEFINE (ck_cuda_code_product_small, 16, 64, 1, 4, 4)
