/* SPDX-License-Identifier: MIT */
/*
 * Layer norm. The threads that make a row have its columns in turns of four, and keep the first of
 * them in registers, so that memory is read once; columns beyond those are read again. Statistics
 * are those of the CPU: the second pass also sums what rounding left of the mean, and corrects mean
 * and variance by it.
 */
#include "kernels/cuda/norm.h"

#include "kernels/cuda/codes-device.h"
#include "kernels/cuda/quads-device.h"
#include "kernels/cuda/reduce-device.h"

namespace
{

/* The columns of one of the THREADS that make a row: quadruples, of which the first HELD are kept
 * in registers. */
template <int THREADS, int HELD> struct Columns {
  int thread, cols;

  __device__ int column (int quad) const
  {
    return 4 * (quad * THREADS + thread);
  }

  __device__ void hold (const float *row, CkQuad (&held)[HELD]) const
  {
#pragma unroll
    for (int i = 0; i < HELD; i++)
      held[i] = ck_quad_load (row + column (i), cols - column (i));
  }

  /* visit (i, col) for every quadruple: the i-th, or, where it is not held, HELD. */
  template <class Visit> __device__ void each (Visit visit) const
  {
#pragma unroll
    for (int i = 0; i < HELD; i++)
      if (column (i) < cols)
        visit (i, column (i));
    for (int col = column (HELD); col < cols; col += 4 * THREADS)
      visit (HELD, col);
  }

  /* The same for the whole warp at once, whose last lanes may get columns beyond the end. */
  template <class Visit> __device__ void each_together (Visit visit) const
  {
    const int lane = thread % 32;

#pragma unroll
    for (int i = 0; i < HELD; i++)
      if (column (i) - 4 * lane < cols)
        visit (i, column (i));
    for (int col = column (HELD); col - 4 * lane < cols; col += 4 * THREADS)
      visit (HELD, col);
  }

  /* A quadruple of `row` for such visitors. */
  __device__ CkQuad quad (const CkQuad (&held)[HELD], const float *row, int i, int col) const
  {
    return i < HELD ? held[i] : ck_quad_load (row + col, cols - col);
  }
};

/* Sums over the threads of a row that a warp makes. */
struct OfWarp {
  template <int N> __device__ void operator() (int round, float (&values)[N]) const
  {
#pragma unroll
    for (int i = 0; i < N; i++)
      values[i] = ck_warp_sum (values[i]);
  }
};

/* And that a block makes. Each of a row's rounds has slots of its own, so that a barrier a round
 * keeps their readers and writers apart. */
template <int WARPS> struct OfBlock {
  float slots[CK_CUDA_NORM_ROUNDS][2][WARPS];

  __device__ void operator() (int round, float (&values)[2])
  {
    ck_block_sums<WARPS> (values, slots[round]);
  }
};

struct Statistics {
  float mean, rest, factor;

  __device__ float normalise (float x) const
  {
    return (x - mean - rest) * factor;
  }
};

/* 1 / sqrt (square - rest rest + epsilon) as if in double precision, which a GPU has little of: the
 * small terms are added apart, and one step of Newton's takes out what was rounded. */
__device__ __forceinline__ float
inverse_deviation (float square, float rest, float epsilon)
{
  const float small = __fmaf_rn (-rest, rest, epsilon), variance = __fadd_rn (square, small),
              lost = __fsub_rn (small, __fsub_rn (variance, square)),
              root = __fdiv_rn (1, __fsqrt_rn (variance));
  const float product = __fmul_rn (variance, root), missing = __fmaf_rn (variance, root, -product),
              error =
                  __fmaf_rn (-root, __fmaf_rn (lost, root, missing), __fmaf_rn (-product, root, 1));

  return isfinite (error) ? __fmaf_rn (__fmul_rn (0.5f, root), error, root) : root;
}

/* A thread's share of the first pass over a row. */
template <int THREADS, int HELD>
__device__ __forceinline__ float
sum_row (const Columns<THREADS, HELD> &columns, const float *x, const CkQuad (&held)[HELD])
{
  float sum = 0;

  columns.each ([&] (int i, int col) {
    const CkQuad quad = columns.quad (held, x, i, col);

    sum += (quad.v[0] + quad.v[1]) + (quad.v[2] + quad.v[3]);
  });
  return sum;
}

/* The second pass. */
template <int THREADS, int HELD, class Sums>
__device__ __forceinline__ Statistics
row_statistics (const Columns<THREADS, HELD> &columns, const float *x, const CkQuad (&held)[HELD],
                float mean, float epsilon, Sums &total)
{
  float sums[2] = { 0, 0 }; /* of what is left without the mean, and of its squares */
  Statistics row = { mean, 0, 0 };

  columns.each ([&] (int i, int col) {
    const CkQuad quad = columns.quad (held, x, i, col);

#pragma unroll
    for (int j = 0; j < 4; j++) {
      const float d = col + j < columns.cols ? quad.v[j] - mean : 0;

      sums[0] += d;
      sums[1] = __fmaf_rn (d, d, sums[1]);
    }
  });
  total (1, sums);
  row.rest = sums[0] / (float)columns.cols;
  row.factor = inverse_deviation (sums[1] / (float)columns.cols, row.rest, epsilon);
  return row;
}

/* Both, and the columns that are held. */
template <int THREADS, int HELD, class Sums>
__device__ __forceinline__ Statistics
begin_row (const CkCudaNorm &a, const Columns<THREADS, HELD> &columns, const float *x,
           CkQuad (&held)[HELD], Sums &total)
{
  float sums[2] = { 0, 0 };

  columns.hold (x, held);
  sums[0] = sum_row (columns, x, held);
  total (0, sums);
  return row_statistics (columns, x, held, sums[0] / (float)a.cols, a.epsilon, total);
}

__device__ __forceinline__ CkQuad
finish_quad (const CkCudaNorm &a, const Statistics &row, const CkQuad &x, int col)
{
  const CkQuad weight = ck_quad_load (a.weight + col, a.cols - col),
               bias = ck_quad_load (a.bias + col, a.cols - col);
  CkQuad y;

#pragma unroll
  for (int j = 0; j < 4; j++)
    y.v[j] = __fmaf_rn (row.normalise (x.v[j]), weight.v[j], bias.v[j]);
  return y;
}

template <int THREADS, int HELD, class Sums>
__device__ __forceinline__ void
make_row (const CkCudaNorm &a, int64_t row, int thread, Sums &total)
{
  const Columns<THREADS, HELD> columns = { thread, a.cols };
  const float *x = a.x + row * a.cols;
  float *y = a.y + row * a.cols;
  CkQuad held[HELD];
  const Statistics statistics = begin_row (a, columns, x, held, total);

  columns.each ([&] (int i, int col) {
    ck_quad_store (y + col, a.cols - col,
                   finish_quad (a, statistics, columns.quad (held, x, i, col), col));
  });
}

/* A row as whole numbers, block by block (codes-device.h): `rest` is shared memory of the sixteen
 * lanes that have a block's quadruples. */
template <int THREADS, int HELD, class Sums>
__device__ __forceinline__ void
make_coded_row (const CkCudaNorm &a, int64_t row, int thread, Sums &total,
                float (&rest)[CK_CUDA_BLOCK])
{
  const Columns<THREADS, HELD> columns = { thread, a.cols };
  const int lane = thread % CK_CUDA_QUANTISE_LANES;
  const float *x = a.x + row * a.cols;
  CkQuad held[HELD];
  const Statistics statistics = begin_row (a, columns, x, held, total);

  columns.each_together ([&] (int i, int col) {
    const int block = col / CK_CUDA_BLOCK;
    float values[CK_CUDA_EACH];

    if (col < a.cols) {
      const CkQuad y = finish_quad (a, statistics, columns.quad (held, x, i, col), col);

#pragma unroll
      for (int j = 0; j < 4; j++)
        rest[4 * lane + j] = y.v[j];
    }
    __syncwarp ();
#pragma unroll
    for (int j = 0; j < CK_CUDA_EACH; j++) {
      const int at = lane + CK_CUDA_QUANTISE_LANES * j;

      values[j] = block * CK_CUDA_BLOCK + at < a.cols ? rest[at] : 0;
    }
    __syncwarp ();
    ck_write_block (a.codes, block < a.codes.blocks, row, block, lane, 1, values, rest);
    __syncwarp ();
  });
}

/* ---- backward -------------------------------------------------------------------------------- */

/* What the rows of a block leave for dweight and dbias: sums of the held columns in registers; of
 * further ones they are in memory. */
template <int HELD> struct Shares {
  CkQuad dweight[HELD], dbias[HELD];
  float *sums; /* [2, cols] of the block, or NULL */
};

/*
 * With h the normalised x and g = weight dy: dx = factor (g - mean (g) - h mean (g h)). Where
 * factor is large the three nearly cancel; so the mean of g is corrected as that of x is.
 */
struct Slope {
  float mean, rest, mean_h;
};

template <int THREADS, int HELD>
__device__ __forceinline__ float
sum_gradients (const CkCudaNormBackward &a, const Columns<THREADS, HELD> &columns, const float *dy,
               const CkQuad (&held)[HELD])
{
  float sum = 0;

  columns.each ([&] (int i, int col) {
    const CkQuad weight = ck_quad_load (a.weight + col, a.cols - col),
                 d = columns.quad (held, dy, i, col);

#pragma unroll
    for (int j = 0; j < 4; j++)
      sum = __fmaf_rn (weight.v[j], d.v[j], sum);
  });
  return sum;
}

/* Rows of x and dy, of which some is held. */
template <int HELD> struct Row {
  const float *x, *dy;
  CkQuad held_x[HELD], held_dy[HELD];
};

template <int THREADS, int HELD>
__device__ __forceinline__ Slope
row_slope (const CkCudaNormBackward &a, const Columns<THREADS, HELD> &columns, const Row<HELD> &row,
           const Statistics &statistics, float mean, OfBlock<THREADS / 32> &total)
{
  float sums[2] = { 0, 0 };

  columns.each ([&] (int i, int col) {
    const CkQuad weight = ck_quad_load (a.weight + col, a.cols - col),
                 x = columns.quad (row.held_x, row.x, i, col),
                 dy = columns.quad (row.held_dy, row.dy, i, col);

#pragma unroll
    for (int j = 0; j < 4; j++) {
      const float g = col + j < a.cols ? __fmaf_rn (weight.v[j], dy.v[j], -mean) : 0;

      sums[0] += g;
      sums[1] = __fmaf_rn (g, statistics.normalise (x.v[j]), sums[1]);
    }
  });
  total (2, sums);
  return Slope{ mean, sums[0] / (float)a.cols, sums[1] / (float)a.cols };
}

/* One quadruple of dx, and its terms of the parameters' gradients. */
__device__ __forceinline__ void
finish_quad (const Statistics &row, const Slope &slope, const CkQuad &weight, const CkQuad &x,
             const CkQuad &dy, CkQuad &dx, CkQuad &dweight, CkQuad &dbias)
{
#pragma unroll
  for (int j = 0; j < 4; j++) {
    const float h = row.normalise (x.v[j]),
                g = __fmaf_rn (weight.v[j], dy.v[j], -slope.mean) - slope.rest;

    dx.v[j] = __fmaf_rn (__fmaf_rn (-h, slope.mean_h, g), row.factor, dx.v[j]);
    dweight.v[j] = __fmaf_rn (dy.v[j], h, dweight.v[j]);
    dbias.v[j] += dy.v[j];
  }
}

template <int THREADS, int HELD>
__device__ __forceinline__ void
make_row_backward (const CkCudaNormBackward &a, int64_t index, bool first, Shares<HELD> &shares,
                   OfBlock<THREADS / 32> &total)
{
  const Columns<THREADS, HELD> columns = { (int)threadIdx.x, a.cols };
  float *dx = a.dx + index * a.cols, sums[2];
  Row<HELD> row = { a.x + index * a.cols, a.dy + index * a.cols, {}, {} };
  Statistics statistics;
  Slope slope;

  columns.hold (row.x, row.held_x);
  columns.hold (row.dy, row.held_dy);
  sums[0] = sum_row (columns, row.x, row.held_x);
  sums[1] = sum_gradients (a, columns, row.dy, row.held_dy);
  total (0, sums);
  statistics =
      row_statistics (columns, row.x, row.held_x, sums[0] / (float)a.cols, a.epsilon, total);
  slope = row_slope (a, columns, row, statistics, sums[1] / (float)a.cols, total);
  columns.each ([&] (int i, int col) {
    const int left = a.cols - col;
    const CkQuad weight = ck_quad_load (a.weight + col, left),
                 x = columns.quad (row.held_x, row.x, i, col),
                 dy = columns.quad (row.held_dy, row.dy, i, col);
    CkQuad out = a.add ? ck_quad_load (dx + col, left) : CkQuad{};

    if (i < HELD) {
      finish_quad (statistics, slope, weight, x, dy, out, shares.dweight[i], shares.dbias[i]);
    } else {
      const bool more = !first && shares.sums != nullptr;
      CkQuad dweight = more ? ck_quad_load (shares.sums + col, left) : CkQuad{},
             dbias = more ? ck_quad_load (shares.sums + a.cols + col, left) : CkQuad{};

      finish_quad (statistics, slope, weight, x, dy, out, dweight, dbias);
      if (shares.sums != nullptr) {
        ck_quad_store (shares.sums + col, left, dweight);
        ck_quad_store (shares.sums + a.cols + col, left, dbias);
      }
    }
    ck_quad_store (dx + col, left, out);
  });
}

template <int THREADS, int HELD>
__device__ __forceinline__ void
make_rows_backward (const CkCudaNormBackward &a, OfBlock<THREADS / 32> &total)
{
  const Columns<THREADS, HELD> columns = { (int)threadIdx.x, a.cols };
  const int64_t begin = blockIdx.x * a.each,
                end = begin + a.each < a.rows ? begin + a.each : a.rows;
  Shares<HELD> shares = {};

  if (a.sums != nullptr)
    shares.sums = a.sums + (int64_t)blockIdx.x * 2 * a.cols;
  for (int64_t row = begin; row < end; row++)
    make_row_backward<THREADS, HELD> (a, row, row == begin, shares, total);
  if (shares.sums == nullptr)
    return;
#pragma unroll
  for (int i = 0; i < HELD; i++) {
    const int col = columns.column (i), left = a.cols - col;

    ck_quad_store (shares.sums + col, left, shares.dweight[i]);
    ck_quad_store (shares.sums + a.cols + col, left, shares.dbias[i]);
  }
}

/* Where coded rows lie on their way into blocks. */
template <int THREADS> struct Rest {
  float rest[THREADS / CK_CUDA_QUANTISE_LANES][CK_CUDA_BLOCK];
};

struct CodedShared : Rest<CK_CUDA_NORM_THREADS> {
  OfBlock<CK_CUDA_NORM_THREADS / 32> total;
};

} /* namespace */

CK_KERNEL (ck_cuda_norm_warp, CkCudaNorm, 32 * CK_CUDA_NORM_WARPS)
{
  const int64_t row = (int64_t)blockIdx.x * CK_CUDA_NORM_WARPS + threadIdx.x / 32;
  OfWarp total;

  if (row < a.rows)
    make_row<32, CK_CUDA_NORM_WARP_COLS / 128> (a, row, threadIdx.x % 32, total);
}

CK_KERNEL (ck_cuda_norm_block, CkCudaNorm, CK_CUDA_NORM_THREADS)
{
  CK_SHARED (OfBlock<CK_CUDA_NORM_THREADS / 32>, total);

  make_row<CK_CUDA_NORM_THREADS, 4> (a, blockIdx.x, threadIdx.x, total);
}

CK_KERNEL_BLOCKS (ck_cuda_norm_codes_warp, CkCudaNorm, 32 * CK_CUDA_NORM_WARPS, 6)
{
  CK_SHARED (Rest<32 * CK_CUDA_NORM_WARPS>, shared);
  const int64_t row = (int64_t)blockIdx.x * CK_CUDA_NORM_WARPS + threadIdx.x / 32;
  OfWarp total;

  if (row < a.rows)
    make_coded_row<32, CK_CUDA_NORM_WARP_COLS / 128> (
        a, row, threadIdx.x % 32, total, shared.rest[threadIdx.x / CK_CUDA_QUANTISE_LANES]);
}

CK_KERNEL (ck_cuda_norm_codes_block, CkCudaNorm, CK_CUDA_NORM_THREADS)
{
  CK_SHARED (CodedShared, shared);

  make_coded_row<CK_CUDA_NORM_THREADS, 4> (a, blockIdx.x, threadIdx.x, shared.total,
                                           shared.rest[threadIdx.x / CK_CUDA_QUANTISE_LANES]);
}

CK_KERNEL (ck_cuda_norm_backward_short, CkCudaNormBackward, 128)
{
  CK_SHARED (OfBlock<4>, total);

  make_rows_backward<128, CK_CUDA_NORM_BACK_SHORT / 512> (a, total);
}

CK_KERNEL (ck_cuda_norm_backward_medium, CkCudaNormBackward, 128)
{
  CK_SHARED (OfBlock<4>, total);

  make_rows_backward<128, CK_CUDA_NORM_BACK_MEDIUM / 512> (a, total);
}

CK_KERNEL (ck_cuda_norm_backward_long, CkCudaNormBackward, 256)
{
  CK_SHARED (OfBlock<8>, total);

  make_rows_backward<256, 4> (a, total);
}
