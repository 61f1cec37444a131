/* SPDX-License-Identifier: MIT */
/*
 * Layer norm. The threads that make a row have its columns in turns of four, and keep the first of
 * them in registers, so that memory is read once; columns beyond those are read again. Statistics
 * are those of the CPU: the second pass also sums what rounding left of the mean, and corrects mean
 * and variance by it.
 */
#include "kernels/cuda/norm.h"

#include "kernels/cuda/quads-device.h"
#include "kernels/cuda/reduce-device.h"

namespace
{

/* The columns of one of the THREADS that make a row: quadruples, of which the first HELD are kept
 * in registers. */
template <int THREADS, int HELD> struct Columns {
  int thread;
  int64_t cols;

  __device__ int64_t column (int quad) const
  {
    return 4 * ((int64_t)quad * THREADS + thread);
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
    for (int64_t col = column (HELD); col < cols; col += 4 * THREADS)
      visit (HELD, col);
  }

  /* A quadruple of `row` for such a visitor. */
  __device__ CkQuad quad (const CkQuad (&held)[HELD], const float *row, int i, int64_t col) const
  {
    return i < HELD ? held[i] : ck_quad_load (row + col, cols - col);
  }
};

/* Sums over the threads of a row that a warp makes. */
struct OfWarp {
  __device__ float operator() (int which, float value) const
  {
    return ck_warp_sum (value);
  }
};

/* And that a block makes. Each of a row's sums has slots of its own, so that a barrier a sum keeps
 * their readers and writers apart. */
template <int WARPS> struct OfBlock {
  float slots[CK_CUDA_NORM_SUMS][WARPS];

  __device__ float operator() (int which, float value)
  {
    return ck_block_sum (value, slots[which]);
  }
};

struct Statistics {
  float mean, rest, factor;

  __device__ float normalise (float x) const
  {
    return (x - mean - rest) * factor;
  }
};

template <int THREADS, int HELD, class Sums>
__device__ __forceinline__ Statistics
row_statistics (const Columns<THREADS, HELD> &columns, const float *x, const CkQuad (&held)[HELD],
                float epsilon, Sums &total)
{
  const float cols = (float)columns.cols;
  float sum = 0, squares = 0;
  Statistics row = {};

  columns.each ([&] (int i, int64_t col) {
    const CkQuad quad = columns.quad (held, x, i, col);

    sum += (quad.v[0] + quad.v[1]) + (quad.v[2] + quad.v[3]);
  });
  row.mean = total (0, sum) / cols;
  sum = 0;
  columns.each ([&] (int i, int64_t col) {
    const CkQuad quad = columns.quad (held, x, i, col);

#pragma unroll
    for (int j = 0; j < 4; j++) {
      const float d = col + j < columns.cols ? quad.v[j] - row.mean : 0;

      sum += d;
      squares += d * d;
    }
  });
  row.rest = total (1, sum) / cols;
  squares = total (2, squares) / cols;
  row.factor = 1 / sqrtf (squares - row.rest * row.rest + epsilon);
  return row;
}

template <int THREADS, int HELD, class Sums>
__device__ __forceinline__ void
make_row (const CkCudaNorm &a, int64_t row, int thread, Sums &total)
{
  const Columns<THREADS, HELD> columns = { thread, a.cols };
  const float *x = a.x + row * a.cols;
  float *y = a.y + row * a.cols;
  CkQuad held[HELD];
  Statistics statistics;

  columns.hold (x, held);
  statistics = row_statistics (columns, x, held, a.epsilon, total);
  columns.each ([&] (int i, int64_t col) {
    const int64_t left = a.cols - col;
    const CkQuad weight = ck_quad_load (a.weight + col, left),
                 bias = ck_quad_load (a.bias + col, left);
    CkQuad quad = columns.quad (held, x, i, col);

#pragma unroll
    for (int j = 0; j < 4; j++)
      quad.v[j] = statistics.normalise (quad.v[j]) * weight.v[j] + bias.v[j];
    ck_quad_store (y + col, left, quad);
  });
}

/* ---- backward -------------------------------------------------------------------------------- */

/* What the rows of a block leave for dweight and dbias: sums of the held columns in registers; of
 * further ones they are in memory. */
template <int HELD> struct Shares {
  CkQuad dweight[HELD], dbias[HELD];
  float *sums; /* [2, cols] of the block, or NULL */
};

/* One quadruple of dx, and its terms of the parameters' gradients. */
__device__ __forceinline__ void
finish_quad (const Statistics &row, const CkQuad &weight, const CkQuad &x, const CkQuad &dy,
             float mean_g, float mean_gh, CkQuad &dx, CkQuad &dweight, CkQuad &dbias)
{
#pragma unroll
  for (int j = 0; j < 4; j++) {
    const float h = row.normalise (x.v[j]);

    dx.v[j] += (weight.v[j] * dy.v[j] - mean_g - h * mean_gh) * row.factor;
    dweight.v[j] += dy.v[j] * h;
    dbias.v[j] += dy.v[j];
  }
}

/* With h the normalised x and g = weight dy: dx = factor (g - mean (g) - h mean (g h)). */
template <int THREADS, int HELD>
__device__ __forceinline__ void
make_row_backward (const CkCudaNormBackward &a, int64_t row, bool first, Shares<HELD> &shares,
                   OfBlock<THREADS / 32> &total)
{
  const Columns<THREADS, HELD> columns = { (int)threadIdx.x, a.cols };
  const float *x = a.x + row * a.cols, *dy = a.dy + row * a.cols;
  float *dx = a.dx + row * a.cols, sum_g = 0, sum_gh = 0;
  CkQuad held_x[HELD], held_dy[HELD];
  Statistics statistics;

  columns.hold (x, held_x);
  columns.hold (dy, held_dy);
  statistics = row_statistics (columns, x, held_x, a.epsilon, total);
  columns.each ([&] (int i, int64_t col) {
    const CkQuad weight = ck_quad_load (a.weight + col, a.cols - col),
                 quad = columns.quad (held_x, x, i, col), d = columns.quad (held_dy, dy, i, col);

#pragma unroll
    for (int j = 0; j < 4; j++) {
      const float g = weight.v[j] * d.v[j];

      sum_g += g;
      sum_gh += g * statistics.normalise (quad.v[j]);
    }
  });
  sum_g = total (3, sum_g) / (float)a.cols;
  sum_gh = total (4, sum_gh) / (float)a.cols;
  columns.each ([&] (int i, int64_t col) {
    const int64_t left = a.cols - col;
    const CkQuad weight = ck_quad_load (a.weight + col, left),
                 quad = columns.quad (held_x, x, i, col), d = columns.quad (held_dy, dy, i, col);
    CkQuad out = a.add ? ck_quad_load (dx + col, left) : CkQuad{};

    if (i < HELD) {
      finish_quad (statistics, weight, quad, d, sum_g, sum_gh, out, shares.dweight[i],
                   shares.dbias[i]);
    } else {
      const bool more = !first && shares.sums != nullptr;
      CkQuad dweight = more ? ck_quad_load (shares.sums + col, left) : CkQuad{},
             dbias = more ? ck_quad_load (shares.sums + a.cols + col, left) : CkQuad{};

      finish_quad (statistics, weight, quad, d, sum_g, sum_gh, out, dweight, dbias);
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
  const int64_t begin = (int64_t)blockIdx.x * CK_CUDA_NORM_BACK_ROWS,
                end = begin + CK_CUDA_NORM_BACK_ROWS < a.rows ? begin + CK_CUDA_NORM_BACK_ROWS
                                                              : a.rows;
  Shares<HELD> shares = {};

  if (a.sums != nullptr)
    shares.sums = a.sums + blockIdx.x * 2 * a.cols;
  for (int64_t row = begin; row < end; row++)
    make_row_backward<THREADS, HELD> (a, row, row == begin, shares, total);
  if (shares.sums == nullptr)
    return;
#pragma unroll
  for (int i = 0; i < HELD; i++) {
    const int64_t col = columns.column (i), left = a.cols - col;

    ck_quad_store (shares.sums + col, left, shares.dweight[i]);
    ck_quad_store (shares.sums + a.cols + col, left, shares.dbias[i]);
  }
}

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
