/* SPDX-License-Identifier: MIT */
/* Planes to channels last, and the two poolings of a ResNet. */
#include "kernels/cuda/pool.h"

#include "kernels/cuda/grid.h"
#include "kernels/cuda/operations.h"
#include "kernels/shapes.h"
#include "kernels/sizes.h"

/* Outputs of max pool along a side of `size`: (size + 2 padding - window) / 2 + 1. */
static int64_t
pooled (int64_t size)
{
  return size / 2 + size % 2;
}

/* One dimension of blocks for so many rows (of pixels, or pictures) of `length` things, `each` a
 * block, in strips of so many channels; the factors that kernels divide by. */
static CkStatus
cut (int64_t rows, int64_t length, int64_t each, int64_t channels, uint32_t *across,
     uint32_t *strips, CkCudaGrid *grid)
{
  const int64_t parts = ck_ceil_div (length, each),
                columns = ck_ceil_div (channels, CK_CUDA_POOL_CHANNELS);
  size_t blocks;

  if (!ck_size_product (rows, parts, columns, &blocks) || blocks > INT32_MAX)
    return CK_BAD_SHAPE;
  *across = (uint32_t)parts;
  *strips = (uint32_t)columns;
  return ck_cuda_grid ((int64_t)blocks, 1, grid);
}

/* ---- channels last --------------------------------------------------------------------------- */

CkStatus
ck_cuda_channels_last (CkStream *self, int64_t batch, int64_t channels, int64_t area,
                       const float *x, float *y)
{
  CkCudaStream *stream = (CkCudaStream *)self;
  CkCudaMeanPool arguments = { .area = area, .channels = channels, .x = x, .y = y };
  const bool few = channels <= CK_CUDA_FEW;
  CkStatus status = ck_check_pictures (batch, area, 1, channels);
  CkCudaGrid grid;

  if (status == CK_OK)
    status = few ? cut (batch, area * channels, CK_CUDA_POOL_THREADS, 1, &arguments.across,
                        &arguments.strips, &grid)
                 : cut (batch, area, CK_CUDA_MOVED, channels, &arguments.across, &arguments.strips,
                        &grid);
  if (status != CK_OK)
    return status;
  if (few)
    ck_cuda_launch (stream, "ck_cuda_channels_last_few", grid, CK_CUDA_POOL_THREADS, 0, &arguments,
                    sizeof arguments);
  else
    ck_cuda_launch (stream, "ck_cuda_channels_last_tiles", grid, CK_CUDA_POOL_THREADS,
                    CK_CUDA_MOVED_SHARED, &arguments, sizeof arguments);
  return ck_cuda_status (stream);
}

/* ---- max pool -------------------------------------------------------------------------------- */

/* Blocks over the pixels of an output, or of an input backward, of so many rows and columns. */
static CkStatus
launch_max_pool (CkCudaStream *stream, const char *kernel, int64_t batch, int64_t rows,
                 int64_t cols, CkCudaMaxPool *arguments)
{
  CkCudaGrid grid;
  CkStatus status = cut (batch * rows, cols, CK_CUDA_POOL_PIXELS, arguments->channels,
                         &arguments->across, &arguments->strips, &grid);

  if (status != CK_OK)
    return status;
  arguments->rows = (uint32_t)rows;
  ck_cuda_launch (stream, kernel, grid, CK_CUDA_POOL_THREADS, 0, arguments, sizeof *arguments);
  return ck_cuda_status (stream);
}

CkStatus
ck_cuda_max_pool (CkStream *self, int64_t batch, int64_t height, int64_t width, int64_t channels,
                  const float *x, float *y, uint8_t *places)
{
  const CkStatus status = ck_check_pictures (batch, height, width, channels);
  CkCudaMaxPool arguments = { .channels = channels,
                              .height = height,
                              .width = width,
                              .out_height = pooled (height),
                              .out_width = pooled (width),
                              .x = x,
                              .y = y,
                              .places_out = places };

  if (status != CK_OK)
    return status;
  return launch_max_pool ((CkCudaStream *)self, "ck_cuda_max_pool_forward", batch,
                          arguments.out_height, arguments.out_width, &arguments);
}

CkStatus
ck_cuda_max_pool_backward (CkStream *self, int64_t batch, int64_t height, int64_t width,
                           int64_t channels, const float *dy, const uint8_t *places, float *dx)
{
  const CkStatus status = ck_check_pictures (batch, height, width, channels);
  CkCudaMaxPool arguments = { .channels = channels,
                              .height = height,
                              .width = width,
                              .out_height = pooled (height),
                              .out_width = pooled (width),
                              .x = dy,
                              .y = dx,
                              .places = places };

  if (status != CK_OK)
    return status;
  return launch_max_pool ((CkCudaStream *)self, "ck_cuda_max_pool_gather", batch, height, width,
                          &arguments);
}

/* ---- mean pool ------------------------------------------------------------------------------- */

CkStatus
ck_cuda_mean_pool (CkStream *self, int64_t batch, int64_t area, int64_t channels, const float *x,
                   float *y)
{
  CkCudaStream *stream = (CkCudaStream *)self;
  CkCudaMeanPool arguments = { .area = area, .channels = channels, .x = x, .y = y };
  CkStatus status = ck_check_pictures (batch, area, 1, channels);
  CkCudaGrid grid;

  if (status == CK_OK)
    status = cut (batch, 1, 1, channels, &arguments.across, &arguments.strips, &grid);
  if (status != CK_OK)
    return status;
  ck_cuda_launch (stream, "ck_cuda_mean_pool_forward", grid, CK_CUDA_POOL_THREADS,
                  CK_CUDA_MEAN_SHARED, &arguments, sizeof arguments);
  return ck_cuda_status (stream);
}

CkStatus
ck_cuda_mean_pool_backward (CkStream *self, int64_t batch, int64_t area, int64_t channels,
                            const float *dy, float *dx)
{
  CkCudaStream *stream = (CkCudaStream *)self;
  CkCudaMeanPool arguments = { .area = area, .channels = channels, .x = dy, .y = dx };
  CkStatus status = ck_check_pictures (batch, area, 1, channels);
  CkCudaGrid grid;

  if (status == CK_OK)
    status = cut (batch, area, CK_CUDA_POOL_PIXELS, channels, &arguments.across, &arguments.strips,
                  &grid);
  if (status != CK_OK)
    return status;
  ck_cuda_launch (stream, "ck_cuda_mean_pool_share", grid, CK_CUDA_POOL_THREADS, 0, &arguments,
                  sizeof arguments);
  return ck_cuda_status (stream);
}
