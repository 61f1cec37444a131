/* SPDX-License-Identifier: MIT */
/* Pixels to tokens, forward and backward. */
#include "kernels/cuda/embed.h"

#include "kernels/cuda/grid.h"
#include "kernels/cuda/operations.h"
#include "kernels/cuda/sums.h"
#include "kernels/shapes.h"
#include "kernels/sizes.h"

#define MOST_Y 65535 /* blocks of a grid in y */

/* Kernels count the patches of all pictures with 31 bits, and the pixels of one picture. */
static CkStatus
describe (const CkEmbed *e, CkCudaEmbed *a)
{
  const int64_t across = e->width / e->patch, patches = e->height / e->patch * across,
                cols = e->channels * e->patch * e->patch;
  size_t rows, pixels;

  if (!ck_size_product (e->batch, patches, 1, &rows) || rows > CK_CUDA_TILE_MOST ||
      !ck_size_product (e->channels, e->height, e->width, &pixels) || pixels > CK_CUDA_TILE_MOST ||
      e->dim > CK_CUDA_TILE_MOST || e->n_prefix > CK_CUDA_TILE_MOST - patches ||
      e->height > INT32_MAX || e->width > INT32_MAX)
    return CK_UNSUPPORTED;
  *a = (CkCudaEmbed){ .height = (int32_t)e->height,
                      .width = (int32_t)e->width,
                      .patch = (int32_t)e->patch,
                      .dim = (int32_t)e->dim,
                      .n_prefix = (int32_t)e->n_prefix,
                      .patches = (int32_t)patches,
                      .across = (int32_t)across,
                      .rows = (int32_t)rows,
                      .cols = (int32_t)cols,
                      .batch = e->batch,
                      .channels = e->channels,
                      .by_patches = ck_cuda_divisor ((uint32_t)patches),
                      .by_across = ck_cuda_divisor ((uint32_t)across),
                      .by_patch = ck_cuda_divisor ((uint32_t)e->patch),
                      .by_area = ck_cuda_divisor ((uint32_t)(e->patch * e->patch)),
                      .bias = e->bias,
                      .prefix = e->prefix,
                      .position = e->position,
                      .pixels = e->pixels,
                      .tokens = e->tokens };
  return CK_OK;
}

static CkStatus
put_prefix (CkCudaStream *stream, const CkCudaEmbed *a)
{
  CkCudaGrid grid;
  const CkStatus status =
      ck_cuda_grid ((int64_t)a->n_prefix * a->dim, CK_CUDA_EMBED_THREADS, &grid);

  grid.y = (uint32_t)ck_min (a->batch, MOST_Y);
  if (status == CK_OK)
    ck_cuda_launch (stream, "ck_cuda_embed_prefix", grid, CK_CUDA_EMBED_THREADS, 0, a, sizeof *a);
  return status;
}

CkStatus
ck_cuda_embed (CkStream *self, const CkEmbed *e)
{
  CkCudaStream *stream = (CkCudaStream *)self;
  CkStatus status = ck_check_embed (e);
  CkCudaTiling tiling;
  CkCudaEmbed a;

  if (status == CK_OK)
    status = describe (e, &a);
  if (status == CK_OK)
    status = ck_cuda_tiling (stream, a.rows, a.dim, 1, &tiling);
  if (status == CK_OK)
    status = put_prefix (stream, &a);
  if (status != CK_OK)
    return status;
  a.weight = ck_cuda_weight_values (stream, e->weight);
  a.tiles_across = tiling.across;
  ck_cuda_launch (stream, tiling.large ? "ck_cuda_embed_large" : "ck_cuda_embed_small", tiling.grid,
                  CK_CUDA_TILE_THREADS, CK_CUDA_EMBED_SHARED (tiling.shared), &a, sizeof a);
  return ck_cuda_status (stream);
}

/* ---- backward -------------------------------------------------------------------------------- */

static CkStatus
add_places (CkCudaStream *stream, const CkCudaEmbed *a)
{
  const int64_t tokens = a->dposition != NULL ? (int64_t)a->n_prefix + a->patches : a->n_prefix;
  CkCudaGrid grid;
  const CkStatus status = ck_cuda_grid (tokens * a->dim, CK_CUDA_EMBED_THREADS, &grid);

  if (status == CK_OK && (a->dprefix != NULL || a->dposition != NULL))
    ck_cuda_launch (stream, "ck_cuda_embed_places", grid, CK_CUDA_EMBED_THREADS, 0, a, sizeof *a);
  return status;
}

/* sum += the parts in scratch memory [n, cols]. */
static CkStatus
add_parts (CkCudaStream *stream, const float *parts, int64_t n, int64_t cols, float *sum)
{
  const CkCudaSums sums = { parts, n, cols, cols, sum, NULL };

  return ck_cuda_add_parts (stream, &sums);
}

/* Scratch memory for n times [rows, cols]; a stream without has failed, and launches nothing. */
static CkStatus
reserve (CkCudaStream *stream, int64_t n, int64_t rows, int64_t cols, CkCudaEmbed *a)
{
  size_t bytes;

  if (!ck_size_product (n, rows, cols * (int64_t)sizeof (float), &bytes))
    return CK_BAD_SHAPE;
  a->sums = ck_cuda_scratch (stream, CK_CUDA_SCRATCH_SUMS, bytes);
  return CK_OK;
}

static CkStatus
to_weight (CkCudaStream *stream, CkCudaEmbed *a, float *dweight)
{
  CkCudaTiling tiling;
  CkStatus status = ck_cuda_shares (a->dim, a->cols, a->rows, &a->share, &a->shares);

  if (status == CK_OK)
    status = ck_cuda_tiling (stream, a->dim, a->cols, (uint32_t)a->shares, &tiling);
  if (status == CK_OK)
    status = reserve (stream, a->shares, a->dim, a->cols, a);
  if (status != CK_OK)
    return status;
  a->tiles_across = tiling.across;
  ck_cuda_launch (stream,
                  tiling.large ? "ck_cuda_embed_to_weight_large" : "ck_cuda_embed_to_weight_small",
                  tiling.grid, CK_CUDA_TILE_THREADS, tiling.shared, a, sizeof *a);
  return add_parts (stream, a->sums, a->shares, (int64_t)a->dim * a->cols, dweight);
}

static CkStatus
to_bias (CkCudaStream *stream, CkCudaEmbed *a, float *dbias)
{
  const int64_t chunks = ck_ceil_div (a->rows, CK_CUDA_EMBED_ROWS),
                strips = ck_ceil_div (a->dim, CK_CUDA_EMBED_COLS);
  CkCudaGrid grid;
  CkStatus status = ck_cuda_grid (chunks * strips, 1, &grid);

  if (status == CK_OK)
    status = reserve (stream, chunks, 1, a->dim, a);
  if (status != CK_OK)
    return status;
  a->tiles_across = (int32_t)strips;
  ck_cuda_launch (stream, "ck_cuda_embed_to_bias", grid, CK_CUDA_EMBED_COLS * CK_CUDA_EMBED_LANES,
                  CK_CUDA_EMBED_SUMMED, a, sizeof *a);
  return add_parts (stream, a->sums, chunks, a->dim, dbias);
}

CkStatus
ck_cuda_embed_backward (CkStream *self, const CkEmbedBackward *op)
{
  CkCudaStream *stream = (CkCudaStream *)self;
  CkStatus status = ck_check_embed_backward (op);
  CkCudaEmbed a;

  if (status == CK_OK)
    status = describe (&op->forward, &a);
  if (status != CK_OK)
    return status;
  a.dtokens = op->dtokens;
  a.dprefix = op->dprefix;
  a.dposition = op->dposition;
  status = add_places (stream, &a);
  if (op->dweight != NULL && status == CK_OK)
    status = to_weight (stream, &a, op->dweight);
  if (op->dbias != NULL && status == CK_OK)
    status = to_bias (stream, &a, op->dbias);
  return status != CK_OK ? status : ck_cuda_status (stream);
}
