/* SPDX-License-Identifier: MIT */
/* Convolution, forward and backward. */
#include "kernels/cuda/convolution.h"

#include "kernels/cuda/grid.h"
#include "kernels/cuda/operations.h"
#include "kernels/shapes.h"
#include "kernels/sizes.h"

/* Kernels count the pixels of all pictures with 31 bits, and the elements of one picture and of one
 * filter. */
static bool
fits (int64_t a, int64_t b, int64_t c)
{
  size_t product;

  return ck_size_product (a, b, c, &product) && product <= CK_CUDA_TILE_MOST;
}

static CkStatus
describe (const CkConvolution *c, CkCudaConvolution *a)
{
  const CkStatus status = ck_check_convolution (c);
  int64_t out_height, out_width;

  if (status != CK_OK)
    return status;
  out_height = ck_convolution_out (c, c->height);
  out_width = ck_convolution_out (c, c->width);
  if (!fits (c->batch, c->height + 2 * c->padding, c->width + 2 * c->padding) ||
      !fits (c->batch, out_height, out_width) || !fits (c->kernel * c->kernel, c->in, 1) ||
      !fits (c->kernel * c->kernel, c->out, 1) || !fits (c->height, c->width, c->in) ||
      !fits (out_height, out_width, c->out) || c->stride > UINT8_MAX)
    return CK_UNSUPPORTED;
  *a = (CkCudaConvolution){
    .batch = (int32_t)c->batch,
    .in = (int32_t)c->in,
    .height = (int32_t)c->height,
    .width = (int32_t)c->width,
    .out = (int32_t)c->out,
    .out_height = (int32_t)out_height,
    .out_width = (int32_t)out_width,
    .kernel = (int32_t)c->kernel,
    .stride = (int32_t)c->stride,
    .padding = (int32_t)c->padding,
    .taps = (int32_t)(c->kernel * c->kernel),
    .in_pixels = (int32_t)(c->batch * c->height * c->width),
    .out_pixels = (int32_t)(c->batch * out_height * out_width),
    .by_in = ck_cuda_divisor ((uint32_t)c->in),
    .by_out = ck_cuda_divisor ((uint32_t)c->out),
    .by_taps = ck_cuda_divisor ((uint32_t)(c->kernel * c->kernel)),
    .by_kernel = ck_cuda_divisor ((uint32_t)c->kernel),
    .by_out_width = ck_cuda_divisor ((uint32_t)out_width),
    .by_out_area = ck_cuda_divisor ((uint32_t)(out_height * out_width)),
  };
  return CK_OK;
}

/* The filters with their taps first, in scratch memory. */
static void
put_taps_first (CkCudaStream *stream, CkCudaConvolution *a)
{
  const int64_t n = (int64_t)a->taps * a->in;
  const int64_t across = ck_ceil_div (n, CK_CUDA_FILTER_SQUARE),
                down = ck_ceil_div (a->out, CK_CUDA_FILTER_SQUARE);

  a->taps_first =
      ck_cuda_scratch (stream, CK_CUDA_SCRATCH_PATCHES, (size_t)(n * a->out) * sizeof (float));
  a->tiles_across = (int32_t)across;
  if (a->taps_first != NULL)
    ck_cuda_launch (stream, "ck_cuda_convolution_filters",
                    (CkCudaGrid){ (uint32_t)(across * down), 1, 1 }, CK_CUDA_FILTER_THREADS,
                    CK_CUDA_FILTER_SHARED, a, sizeof *a);
}

/* A product [m, n] by the kernel for tiles of its size; `products` of them. */
static CkStatus
launch_product (CkCudaStream *stream, const char *small, const char *large, int64_t m, int64_t n,
                uint32_t products, CkCudaConvolution *a)
{
  CkCudaTiling tiling;
  const CkStatus status = ck_cuda_tiling (stream, m, n, products, &tiling);

  if (status != CK_OK)
    return status;
  a->tiles_across = tiling.across;
  ck_cuda_launch (stream, tiling.large ? large : small, tiling.grid, CK_CUDA_TILE_THREADS,
                  tiling.shared, a, sizeof *a);
  return ck_cuda_status (stream);
}

CkStatus
ck_cuda_convolution (CkStream *self, const CkConvolution *shape, const float *x,
                     const float *weight, float *y)
{
  CkCudaStream *stream = (CkCudaStream *)self;
  CkCudaConvolution a;
  CkStatus status = describe (shape, &a);

  if (status != CK_OK)
    return status;
  a.x = x;
  a.filters = weight;
  a.y = y;
  put_taps_first (stream, &a);
  return launch_product (stream, "ck_cuda_convolution_small", "ck_cuda_convolution_large",
                         a.out_pixels, a.out, 1, &a);
}

/* ---- backward -------------------------------------------------------------------------------- */

static CkStatus
to_input (CkCudaStream *stream, CkCudaConvolution *a, float *dx)
{
  /* of the largest class */
  const int64_t pixels =
      (int64_t)a->batch * ck_ceil_div (a->height, a->stride) * ck_ceil_div (a->width, a->stride);

  put_taps_first (stream, a);
  a->y = dx;
  return launch_product (stream, "ck_cuda_convolution_to_input_small",
                         "ck_cuda_convolution_to_input_large", pixels, a->in,
                         (uint32_t)(a->stride * a->stride), a);
}

static CkStatus
to_filters (CkCudaStream *stream, CkCudaConvolution *a, float *dweight)
{
  const int64_t n = (int64_t)a->taps * a->in;
  CkStatus status;
  CkCudaGrid grid;
  size_t bytes;

  a->y = dweight;
  status = ck_cuda_shares (a->out, n, a->out_pixels, &a->share, &a->shares);
  if (status == CK_OK)
    status = ck_cuda_grid (n * a->out, CK_CUDA_FILTER_SUM_THREADS, &grid);
  if (status != CK_OK)
    return status;
  if (!ck_size_product (a->shares, n, a->out * (int64_t)sizeof (float), &bytes))
    return CK_BAD_SHAPE;
  a->sums = ck_cuda_scratch (stream, CK_CUDA_SCRATCH_SUMS, bytes);
  if (a->sums == NULL)
    return ck_cuda_status (stream);
  status =
      launch_product (stream, "ck_cuda_convolution_to_filters_small",
                      "ck_cuda_convolution_to_filters_large", a->out, n, (uint32_t)a->shares, a);
  if (status != CK_OK)
    return status;
  ck_cuda_launch (stream, "ck_cuda_convolution_add_shares", grid, CK_CUDA_FILTER_SUM_THREADS, 0, a,
                  sizeof *a);
  return ck_cuda_status (stream);
}

CkStatus
ck_cuda_convolution_backward (CkStream *self, const CkConvolution *shape, const float *x,
                              const float *weight, const float *dy, float *dx, float *dweight)
{
  CkCudaStream *stream = (CkCudaStream *)self;
  CkCudaConvolution a;
  CkStatus status = describe (shape, &a);

  if (status != CK_OK)
    return status;
  a.x = x;
  a.dy = dy;
  a.filters = weight;
  if (dx != NULL)
    status = to_input (stream, &a, dx);
  if (dweight != NULL && status == CK_OK)
    status = to_filters (stream, &a, dweight);
  return status;
}
