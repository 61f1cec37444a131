/* SPDX-License-Identifier: MIT */
/* Batch norm, forward and backward. */
#include "kernels/cuda/batch-norm.h"

#include "kernels/cuda/grid.h"
#include "kernels/cuda/operations.h"
#include "kernels/shapes.h"
#include "kernels/sizes.h"

/* How its kernels are started: over chunks of rows and strips of channels, or over channels alone.
 */
typedef struct {
  CkCudaStream *stream;
  CkCudaGrid grid, channels;
  CkCudaBatchNorm arguments;
} Call;

/* With `a_chunk` floats of scratch a channel and chunk, then `once` a channel. */
static CkStatus
prepare (Call *call, const CkBatchNorm *norm, int64_t a_chunk, int64_t once)
{
  CkCudaBatchNorm *a = &call->arguments;
  const int64_t strips = ck_ceil_div (norm->channels, CK_CUDA_BATCH_NORM_CHANNELS);
  size_t blocks, bytes;

  a->rows = norm->rows;
  a->channels = norm->channels;
  a->chunks = ck_ceil_div (norm->rows, CK_CUDA_BATCH_NORM_ROWS);
  if (!ck_size_product (a->chunks, strips, 1, &blocks) || blocks > INT32_MAX ||
      !ck_size_product (a->chunks * a_chunk + once, norm->channels, sizeof (float), &bytes))
    return CK_BAD_SHAPE;
  a->strips = (uint32_t)strips;
  a->relu = norm->activation == CK_RELU;
  a->epsilon = norm->epsilon;
  a->weight = norm->weight;
  a->bias = norm->bias;
  a->residual = norm->residual;
  a->running_mean = norm->running_mean;
  a->running_variance = norm->running_variance;
  a->saved_mean = norm->saved_mean;
  a->saved_inverse = norm->saved_inverse;
  a->mean_g = ck_cuda_scratch (call->stream, CK_CUDA_SCRATCH_SUMS, bytes);
  a->sums = a->mean_g != NULL ? a->mean_g + once * norm->channels : NULL;
  call->grid = (CkCudaGrid){ (uint32_t)blocks, 1, 1 };
  return ck_cuda_grid (norm->channels, CK_CUDA_BATCH_NORM_FINISH_CHANNELS, &call->channels);
}

static void
launch_rows (const Call *call, const char *kernel, size_t shared)
{
  ck_cuda_launch (call->stream, kernel, call->grid, CK_CUDA_BATCH_NORM_THREADS, shared,
                  &call->arguments, sizeof call->arguments);
}

static void
launch_channels (const Call *call, const char *kernel)
{
  ck_cuda_launch (call->stream, kernel, call->channels,
                  CK_CUDA_BATCH_NORM_FINISH_CHANNELS * CK_CUDA_BATCH_NORM_FINISH_LANES,
                  CK_CUDA_BATCH_NORM_FINISH_SHARED, &call->arguments, sizeof call->arguments);
}

CkStatus
ck_cuda_batch_norm (CkStream *self, const CkBatchNorm *norm, bool training, const float *x,
                    float *y)
{
  Call call = { .stream = (CkCudaStream *)self };
  CkCudaBatchNorm *a = &call.arguments;
  CkStatus status = ck_check_batch_norm (norm, training);

  if (status == CK_OK)
    status = prepare (&call, norm, training ? 3 : 0, 0);
  if (status != CK_OK || (training && a->sums == NULL))
    return status != CK_OK ? status : ck_cuda_status (call.stream);
  a->x = x;
  a->out = y;
  a->mean = training ? norm->saved_mean : norm->running_mean;
  a->inverse = training ? norm->saved_inverse : NULL;
  a->variance = norm->running_variance;
  if (training) {
    launch_rows (&call, "ck_cuda_batch_norm_sums", CK_CUDA_BATCH_NORM_SHARED);
    launch_channels (&call, "ck_cuda_batch_norm_statistics");
  }
  launch_rows (&call, "ck_cuda_batch_norm_rows", 0);
  return ck_cuda_status (call.stream);
}

CkStatus
ck_cuda_batch_norm_backward (CkStream *self, const CkBatchNorm *norm, const float *x,
                             const float *y, float *dy, float *dx, float *dweight, float *dbias)
{
  Call call = { .stream = (CkCudaStream *)self };
  CkCudaBatchNorm *a = &call.arguments;
  CkStatus status = ck_check_batch_norm (norm, true);

  if (status == CK_OK)
    status = prepare (&call, norm, 2, 2);
  if (status != CK_OK || a->sums == NULL)
    return status != CK_OK ? status : ck_cuda_status (call.stream);
  a->mean_gh = a->mean_g + norm->channels;
  a->x = x;
  a->y = y;
  a->dy = dy;
  a->out = dx;
  a->dweight = dweight;
  a->dbias = dbias;
  launch_rows (&call, "ck_cuda_batch_norm_gradient_sums", CK_CUDA_BATCH_NORM_SHARED);
  launch_channels (&call, "ck_cuda_batch_norm_gradients");
  launch_rows (&call, "ck_cuda_batch_norm_gradient_rows", 0);
  return ck_cuda_status (call.stream);
}
