/* SPDX-License-Identifier: MIT */
/*
 * Convolution as products of matrices that are gathered by tiles (tiles-device.h). With a tap being
 * a place of the kernel:
 *   y [output pixels, out] = sum over (tap, in)          x at the tap * filter
 *   dx [input pixels, in]  = sum over (tap, out)         dy that the tap joins * filter
 *   dW [out, (tap, in)]    = sum over output pixels      dy * x at the tap
 */
#include "kernels/cuda/convolution.h"

#include "kernels/cuda/tiles-device.h"

namespace
{

/* ---- matrices -------------------------------------------------------------------------------- */

/* Lines: output pixels; places: (tap, in). What lies outside the picture is 0. */
struct Patches {
  const CkCudaConvolution &a;

  struct Line {
    const float *picture; /* or NULL */
    int32_t y, x;         /* of the first tap */
  };

  __device__ __forceinline__ Line line (int32_t pixel) const
  {
    const int32_t picture = ck_divide (pixel, a.by_out_area),
                  rest = pixel - picture * a.out_height * a.out_width,
                  row = ck_divide (rest, a.by_out_width), col = rest - row * a.out_width;
    Line line = { a.x + (int64_t)picture * a.height * a.width * a.in, row * a.stride - a.padding,
                  col * a.stride - a.padding };

    if (pixel >= a.out_pixels)
      line.picture = nullptr;
    return line;
  }

  /* Where a place lies, or NULL. */
  __device__ __forceinline__ const float *at (const Line &line, int32_t place) const
  {
    const int32_t tap = ck_divide (place, a.by_in), row = ck_divide (tap, a.by_kernel),
                  y = line.y + row, x = line.x + tap - row * a.kernel;

    if (line.picture == nullptr || tap >= a.taps || y < 0 || y >= a.height || x < 0 || x >= a.width)
      return nullptr;
    return line.picture + ((y * a.width + x) * a.in + place - tap * a.in);
  }

  __device__ __forceinline__ CkQuad quad (const Line &line, int32_t place) const
  {
    CkQuad quad = {};

    if (a.in % 4 == 0) {
      const float *from = at (line, place);

      return from != nullptr ? ck_quad_load (from, 4) : quad;
    }
#pragma unroll
    for (int i = 0; i < 4; i++) {
      const float *from = at (line, place + i);

      quad.v[i] = from != nullptr ? *from : 0;
    }
    return quad;
  }
};

/* A matrix as it lies in memory, [lines, places]. */
struct Rows {
  const float *data;
  int32_t lines, places;

  typedef const float *Line;

  __device__ __forceinline__ Line line (int32_t index) const
  {
    return index < lines ? data + (int64_t)index * places : nullptr;
  }

  __device__ __forceinline__ CkQuad quad (Line line, int32_t place) const
  {
    return line != nullptr ? ck_quad_load (line + place, places - place) : CkQuad{};
  }
};

/*
 * The input pixels that have the same taps: those at (row, col) plus multiples of the stride. Tap
 * (row + stride i, col + stride j) joins the pixel number (u, v) of them with the output pixel
 * (u - i, v - j).
 */
struct Class {
  int32_t row, col;             /* the first tap */
  int32_t rows_tap, cols_tap;   /* taps */
  int32_t first_row, first_col; /* the first u and v inside the picture */
  int32_t rows, cols;           /* pixels of a picture */
};

/* How many of begin, begin + stride, ... are less than `end`. */
__device__ __forceinline__ int32_t
steps (int32_t begin, int32_t end, int32_t stride)
{
  return begin < end ? (end - begin + stride - 1) / stride : 0;
}

__device__ __forceinline__ Class
class_of (const CkCudaConvolution &a, int32_t index)
{
  Class c;

  c.row = index / a.stride;
  c.col = index % a.stride;
  c.rows_tap = steps (c.row, a.kernel, a.stride);
  c.cols_tap = steps (c.col, a.kernel, a.stride);
  c.first_row = steps (c.row, a.padding, a.stride);
  c.first_col = steps (c.col, a.padding, a.stride);
  c.rows = steps (c.row + c.first_row * a.stride, a.height + a.padding, a.stride);
  c.cols = steps (c.col + c.first_col * a.stride, a.width + a.padding, a.stride);
  return c;
}

/* Lines: the pixels of a class; places: (tap of the class, out). */
struct Joined {
  const CkCudaConvolution &a;
  Class c;

  struct Line {
    const float *picture; /* of dy, or NULL */
    int32_t u, v;
  };

  __device__ __forceinline__ Line line (int32_t pixel) const
  {
    const int32_t area = c.rows * c.cols;
    Line line = {};

    if (pixel < a.batch * area) {
      const int32_t picture = pixel / area, rest = pixel - picture * area, row = rest / c.cols;

      line.picture = a.dy + (int64_t)picture * a.out_height * a.out_width * a.out;
      line.u = c.first_row + row;
      line.v = c.first_col + rest - row * c.cols;
    }
    return line;
  }

  __device__ __forceinline__ const float *at (const Line &line, int32_t place) const
  {
    const int32_t tap = ck_divide (place, a.by_out);
    int32_t i, row, col;

    if (line.picture == nullptr || tap >= c.rows_tap * c.cols_tap)
      return nullptr;
    i = tap / c.cols_tap;
    row = line.u - i;
    col = line.v - (tap - i * c.cols_tap);
    if (row < 0 || row >= a.out_height || col < 0 || col >= a.out_width)
      return nullptr;
    return line.picture + ((row * a.out_width + col) * a.out + place - tap * a.out);
  }

  __device__ __forceinline__ CkQuad quad (const Line &line, int32_t place) const
  {
    CkQuad quad = {};

    if (a.out % 4 == 0) {
      const float *from = at (line, place);

      return from != nullptr ? ck_quad_load (from, 4) : quad;
    }
#pragma unroll
    for (int i = 0; i < 4; i++) {
      const float *from = at (line, place + i);

      quad.v[i] = from != nullptr ? *from : 0;
    }
    return quad;
  }
};

/* The filters for it. Lines: in; places: (tap of the class, out). */
struct ClassFilters {
  const CkCudaConvolution &a;
  Class c;

  typedef int32_t Line;

  __device__ __forceinline__ Line line (int32_t channel) const
  {
    return channel;
  }

  __device__ __forceinline__ const float *at (Line channel, int32_t place) const
  {
    const int32_t index = ck_divide (place, a.by_out);
    int32_t i, tap;

    if (channel >= a.in || index >= c.rows_tap * c.cols_tap)
      return nullptr;
    i = index / c.cols_tap;
    tap = (c.row + i * a.stride) * a.kernel + c.col + (index - i * c.cols_tap) * a.stride;
    return a.taps_first + ((int64_t)tap * a.in + channel) * a.out + (place - index * a.out);
  }

  __device__ __forceinline__ CkQuad quad (Line channel, int32_t place) const
  {
    CkQuad quad = {};

    if (a.out % 4 == 0) {
      const float *from = at (channel, place);

      return from != nullptr ? ck_quad_load (from, 4) : quad;
    }
#pragma unroll
    for (int i = 0; i < 4; i++) {
      const float *from = at (channel, place + i);

      quad.v[i] = from != nullptr ? *from : 0;
    }
    return quad;
  }
};

/* ---- products -------------------------------------------------------------------------------- */

/* The corner of the block's tile. */
template <int T>
__device__ __forceinline__ void
corner (const CkCudaConvolution &a, int32_t &row, int32_t &col)
{
  row = blockIdx.x / a.tiles_across * 16 * T;
  col = blockIdx.x % a.tiles_across * 16 * T;
}

template <int T>
__device__ __forceinline__ void
forward (const CkCudaConvolution &a, CkTiles<T> &tiles)
{
  const Patches patches = { a };
  const Rows filters = { a.taps_first, a.taps * a.in, a.out };
  float sums[T][T];
  int32_t first, col;

  corner<T> (a, first, col);
  {
    CkAlongK<T, Patches> rows (patches, first);
    CkAlongRows<T, Rows> cols (filters, col);

    ck_tile_product (tiles, rows, cols, 0, a.taps * a.in, sums);
  }
  ck_tile_store<T> (sums, [&] (int32_t i, int32_t j, const CkQuad &quad) {
    if (first + i < a.out_pixels)
      ck_quad_store (a.y + (int64_t)(first + i) * a.out + col + j, a.out - (col + j), quad);
  });
}

template <int T>
__device__ __forceinline__ void
to_input (const CkCudaConvolution &a, CkTiles<T> &tiles)
{
  const Class c = class_of (a, blockIdx.y);
  const Joined joined = { a, c };
  const ClassFilters filters = { a, c };
  const int32_t area = c.rows * c.cols;
  float sums[T][T];
  int32_t first, col;

  corner<T> (a, first, col);
  if (first >= a.batch * area)
    return;
  {
    CkAlongK<T, Joined> rows (joined, first);
    CkAlongK<T, ClassFilters> cols (filters, col);

    ck_tile_product (tiles, rows, cols, 0, c.rows_tap * c.cols_tap * a.out, sums);
  }
  ck_tile_store<T> (sums, [&] (int32_t i, int32_t j, const CkQuad &quad) {
    if (first + i < a.batch * area) {
      const int32_t picture = (first + i) / area, rest = first + i - picture * area,
                    row = rest / c.cols;
      const int64_t y = c.row + (c.first_row + row) * a.stride - a.padding,
                    x = c.col + (c.first_col + rest - row * c.cols) * a.stride - a.padding;

      ck_quad_store (a.y + (((int64_t)picture * a.height + y) * a.width + x) * a.in + col + j,
                     a.in - (col + j), quad);
    }
  });
}

/* A share's sums. */
template <int T>
__device__ __forceinline__ void
to_filters (const CkCudaConvolution &a, CkTiles<T> &tiles)
{
  const Rows dy = { a.dy, a.out_pixels, a.out };
  const Patches patches = { a };
  const int32_t n = a.taps * a.in, begin = blockIdx.y * a.share,
                end = a.out_pixels - begin > a.share ? begin + a.share : a.out_pixels;
  float *to = a.sums + (int64_t)blockIdx.y * a.out * n;
  float sums[T][T];
  int32_t first, col;

  corner<T> (a, first, col);
  {
    CkAlongRows<T, Rows> rows (dy, first);
    CkAlongRows<T, Patches> cols (patches, col);

    ck_tile_product (tiles, rows, cols, begin, end, sums);
  }
  ck_tile_store<T> (sums, [&] (int32_t i, int32_t j, const CkQuad &quad) {
    if (first + i < a.out)
      ck_quad_store (to + (int64_t)(first + i) * n + col + j, n - (col + j), quad);
  });
}

struct Square {
  float at[CK_CUDA_FILTER_SQUARE][CK_CUDA_FILTER_SQUARE + 1];
};

} /* namespace */

CK_KERNEL (ck_cuda_convolution_filters, CkCudaConvolution, CK_CUDA_FILTER_THREADS)
{
  CK_SHARED (Square, square);
  const int32_t n = a.in * a.taps, lane = threadIdx.x % CK_CUDA_FILTER_SQUARE,
                line = threadIdx.x / CK_CUDA_FILTER_SQUARE,
                filter = blockIdx.x / a.tiles_across * CK_CUDA_FILTER_SQUARE,
                first = blockIdx.x % a.tiles_across * CK_CUDA_FILTER_SQUARE;

  for (int32_t i = line; i < CK_CUDA_FILTER_SQUARE;
       i += CK_CUDA_FILTER_THREADS / CK_CUDA_FILTER_SQUARE)
    if (filter + i < a.out && first + lane < n)
      square.at[i][lane] = a.filters[(int64_t)(filter + i) * n + first + lane];
  __syncthreads ();
  for (int32_t i = line; i < CK_CUDA_FILTER_SQUARE;
       i += CK_CUDA_FILTER_THREADS / CK_CUDA_FILTER_SQUARE) {
    const int32_t channel = ck_divide (first + i, a.by_taps), tap = first + i - channel * a.taps;

    if (filter + lane < a.out && first + i < n)
      a.taps_first[((int64_t)tap * a.in + channel) * a.out + filter + lane] = square.at[lane][i];
  }
}

CK_KERNEL (ck_cuda_convolution_small, CkCudaConvolution, CK_CUDA_TILE_THREADS)
{
  CK_SHARED (CkTiles<CK_CUDA_TILE_SMALL>, tiles);

  forward (a, tiles);
}

CK_KERNEL (ck_cuda_convolution_large, CkCudaConvolution, CK_CUDA_TILE_THREADS)
{
  CK_SHARED (CkTiles<CK_CUDA_TILE_LARGE>, tiles);

  forward (a, tiles);
}

CK_KERNEL (ck_cuda_convolution_to_input_small, CkCudaConvolution, CK_CUDA_TILE_THREADS)
{
  CK_SHARED (CkTiles<CK_CUDA_TILE_SMALL>, tiles);

  to_input (a, tiles);
}

CK_KERNEL (ck_cuda_convolution_to_input_large, CkCudaConvolution, CK_CUDA_TILE_THREADS)
{
  CK_SHARED (CkTiles<CK_CUDA_TILE_LARGE>, tiles);

  to_input (a, tiles);
}

CK_KERNEL (ck_cuda_convolution_to_filters_small, CkCudaConvolution, CK_CUDA_TILE_THREADS)
{
  CK_SHARED (CkTiles<CK_CUDA_TILE_SMALL>, tiles);

  to_filters (a, tiles);
}

CK_KERNEL (ck_cuda_convolution_to_filters_large, CkCudaConvolution, CK_CUDA_TILE_THREADS)
{
  CK_SHARED (CkTiles<CK_CUDA_TILE_LARGE>, tiles);

  to_filters (a, tiles);
}

/* dweight [out, in, taps] += the shares' sums [out, taps, in], in their order. */
CK_KERNEL (ck_cuda_convolution_add_shares, CkCudaConvolution, CK_CUDA_FILTER_SUM_THREADS)
{
  const int64_t n = (int64_t)a.taps * a.in,
                at = (int64_t)blockIdx.x * CK_CUDA_FILTER_SUM_THREADS + threadIdx.x;
  double sum = 0;

  if (at >= a.out * n)
    return;
  for (int32_t share = 0; share < a.shares; share++)
    sum += (double)a.sums[share * a.out * n + at];
  {
    const int64_t filter = at / n;
    const int32_t place = (int32_t)(at - filter * n), tap = ck_divide (place, a.by_in),
                  channel = place - tap * a.in;

    a.y[(filter * a.in + channel) * a.taps + tap] += (float)sum;
  }
}
