/* SPDX-License-Identifier: MIT */
/*
 * Crop, resize, convert and normalise, with the bytes of kernels/cpu/resample.c: filters are those
 * of kernels/taps.h, colours are made in fp32 in the order of kernels/cpu/colour-tmpl.h with a
 * rounding after each step, and everything else is whole numbers.
 */
#include "kernels/cuda/kernel.h"
#include "kernels/cuda/resample.h"
#include "kernels/taps.h"

struct Pixel {
  int value[3]; /* R, G, B */
};

/* ---- pixels ---------------------------------------------------------------------------------- */

static __device__ __forceinline__ const uint8_t *
find_sample (const CkCudaRegion &region, const CkCudaSamples &sample, int row, int column)
{
  const int y = region.paired ? row : ((region.y + row) >> sample.shift_y) - sample.top,
            x = ((region.x + column) >> sample.shift_x) - sample.left;

  return sample.data + y * sample.stride + (int64_t)x * sample.step;
}

/* In units of 0..255. */
static __device__ __forceinline__ float
read_sample (const CkCudaRegion &region, const CkCudaSamples &sample, int row, int column)
{
  if (sample.data == nullptr)
    return 128;
  const uint8_t *at = find_sample (region, sample, row, column);
  if (region.colour == CK_CUDA_YUV)
    return at[0];
  return __fmul_rn ((float)((at[0] | at[1] << 8) >> 6), 0.25f);
}

/* The nearest whole number, halves to even, clamped to 0..255. At 1.5 * 2^23 the spacing of floats
 * is 1, so the sum's low bits are the rounded value. */
static __device__ __forceinline__ int
to_byte (float value)
{
  const int whole = __float_as_int (__fadd_rn (value, 12582912.0f)) - 0x4B400000;

  return min (max (whole, 0), 255);
}

/* Column `column` of a row of the region: of all its rows, or of those that are paired. */
static __device__ __forceinline__ Pixel
read_pixel (const CkCudaRegion &region, int row, int column)
{
  if (region.colour == CK_CUDA_RGB)
    return Pixel{ { *find_sample (region, region.sample[0], row, column),
                    *find_sample (region, region.sample[1], row, column),
                    *find_sample (region, region.sample[2], row, column) } };
  const float y = read_sample (region, region.sample[0], row, column),
              cb = __fsub_rn (read_sample (region, region.sample[1], row, column), 128.0f),
              cr = __fsub_rn (read_sample (region, region.sample[2], row, column), 128.0f),
              luma = __fmul_rn (__fsub_rn (y, region.y_offset), region.y_gain);
  return Pixel{ { to_byte (__fadd_rn (luma, __fmul_rn (region.r_v, cr))),
                  to_byte (__fadd_rn (__fadd_rn (luma, __fmul_rn (region.g_u, cb)),
                                      __fmul_rn (region.g_v, cr))),
                  to_byte (__fadd_rn (luma, __fmul_rn (region.b_u, cb))) } };
}

static __device__ __forceinline__ float
normalise (int byte, float mean, float std)
{
  return __fdiv_rn (__fsub_rn (__fdiv_rn ((float)byte, 255.0f), mean), std);
}

/* ---- OpenCV's INTER_LINEAR ------------------------------------------------------------------- */

/* A thread makes a pixel; blocks of a row are beside each other. */
CK_KERNEL (ck_cuda_resample_linear, CkCudaLinearResample, CK_RESAMPLE_THREADS)
{
  const int x = blockIdx.x * CK_RESAMPLE_THREADS + threadIdx.x, y = blockIdx.y;
  int16_t rows[2][3];

  if (x >= a.width)
    return;
  const CkLinearTaps across = ck_linear_taps (x, a.step_x, a.region.w, true),
                     down = ck_linear_taps (y, a.step_y, a.region.h, false);
#pragma unroll
  for (int k = 0; k < 2; k++) {
    const int row = a.region.paired ? 2 * y + k : down.at[k];
    const Pixel left = read_pixel (a.region, row, across.at[0]),
                right = read_pixel (a.region, row, across.at[1]);

#pragma unroll
    for (int c = 0; c < 3; c++)
      rows[k][c] =
          ck_linear_columns (left.value[c], right.value[c], across.weight[0], across.weight[1]);
  }
#pragma unroll
  for (int c = 0; c < 3; c++)
    a.out[c * a.plane + y * a.row + x] =
        normalise (ck_linear_rows (rows[0][c], rows[1][c], down.weight[0], down.weight[1]),
                   a.mean[c], a.std[c]);
}

/* ---- Pillow's BILINEAR ----------------------------------------------------------------------- */

/* A thread finds the inputs of an output column, or behind these of a row. */
CK_KERNEL (ck_cuda_resample_triangles, CkCudaAntialiasedResample, CK_RESAMPLE_THREADS)
{
  const int at = blockIdx.x * CK_RESAMPLE_THREADS + threadIdx.x;
  const bool is_column = at < a.width;
  const int i = is_column ? at : at - a.width, out = is_column ? a.width : a.height;
  const CkCudaTriangles &to = is_column ? a.x : a.y;

  if (i >= out)
    return;
  const CkTriangle triangle =
      ck_triangle (i, is_column ? a.scale_x : a.scale_y, is_column ? a.region.w : a.region.h);
  to.first[i] = triangle.first;
  to.n[i] = triangle.n;
  for (int k = 0; k < triangle.n; k++)
    to.weight[(int64_t)k * out + i] = ck_triangle_weight (&triangle, k);
}

/* A thread makes an output column of a row of the region. */
CK_KERNEL (ck_cuda_resample_columns, CkCudaAntialiasedResample, CK_RESAMPLE_THREADS)
{
  const int x = blockIdx.x * CK_RESAMPLE_THREADS + threadIdx.x, row = blockIdx.y;
  int32_t sums[3] = { CK_TRIANGLE_HALF, CK_TRIANGLE_HALF, CK_TRIANGLE_HALF };

  if (x >= a.width)
    return;
  const int first = a.x.first[x], n = a.x.n[x];
  for (int k = 0; k < n; k++) {
    const Pixel pixel = read_pixel (a.region, row, first + k);
    const int32_t weight = a.x.weight[(int64_t)k * a.width + x];

#pragma unroll
    for (int c = 0; c < 3; c++)
      sums[c] += pixel.value[c] * weight;
  }
#pragma unroll
  for (int c = 0; c < 3; c++)
    a.columns[((int64_t)row * 3 + c) * a.width + x] = ck_triangle_byte (sums[c]);
}

/* A thread makes a value of the channel of its block. */
CK_KERNEL (ck_cuda_resample_rows, CkCudaAntialiasedResample, CK_RESAMPLE_THREADS)
{
  const int x = blockIdx.x * CK_RESAMPLE_THREADS + threadIdx.x, y = blockIdx.y, c = blockIdx.z;
  int32_t sum = CK_TRIANGLE_HALF;

  if (x >= a.width)
    return;
  const int first = a.y.first[y], n = a.y.n[y];
  for (int k = 0; k < n; k++)
    sum += a.columns[((int64_t)(first + k) * 3 + c) * a.width + x] *
           a.y.weight[(int64_t)k * a.height + y];
  a.out[c * a.plane + y * a.row + x] = normalise (ck_triangle_byte (sum), a.mean[c], a.std[c]);
}
