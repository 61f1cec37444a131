/* SPDX-License-Identifier: MIT */
/* The values of weights. */
#include "kernels/cuda/weight-values.h"

#include "kernels/cuda/launch.h"
#include "kernels/cuda/operations.h"
#include "kernels/cuda/weight-view.h"
#include "kernels/shapes.h"
#include "kernels/sizes.h"

#include <string.h>

static int32_t
format_of (CkType type)
{
  switch (type) {
  case CK_F16:
    return CK_CUDA_VALUES_F16;
  case CK_BF16:
    return CK_CUDA_VALUES_BF16;
  case CK_NF4:
    return CK_CUDA_VALUES_NF4;
  case CK_F32:
  case CK_I16:
  case CK_I8: /* no weight has these: ck_weight_new () */
    break;
  }
  return CK_CUDA_VALUES_F32;
}

static int32_t
shift_of (int64_t block)
{
  return (block & (block - 1)) == 0 ? (int32_t)__builtin_ctzll ((unsigned long long)block) : -1;
}

/* Exact for places that are less than 2^64 / block: a block is no larger than its matrix here, so
 * for all of matrices of up to 2^32 elements, and beyond for all blocks of up to 2^24. */
static uint64_t
reciprocal_of (int64_t block)
{
  return UINT64_MAX / (uint64_t)block + 1;
}

CkCudaValues
ck_cuda_weight_values (CkCudaStream *stream, const CkWeight *weight)
{
  const CkCudaWeightView view = ck_cuda_weight_view (stream, weight);
  const CkWeightSource *source = &weight->source;
  CkCudaValues values = {
    .format = format_of (source->type), .rows = source->out, .cols = source->in, .data = view.data
  };

  if (source->type != CK_NF4)
    return values;
  /* A block that is larger than the matrix is its only one. */
  values.block_shift = source->block < source->out * source->in ? shift_of (source->block) : 62;
  values.reciprocal = reciprocal_of (source->block);
  values.absmax = view.absmax;
  memcpy (values.code, source->code, sizeof values.code);
  return values;
}

CkStatus
ck_cuda_weight_dequantise (CkStream *self, const CkWeight *weight, int64_t first, int64_t rows,
                           float *out)
{
  CkCudaStream *stream = (CkCudaStream *)self;
  const CkStatus status = ck_check_dequantise (weight, first, rows);
  const int64_t cols = weight->source.in, n = rows * cols,
                each = CK_CUDA_DEQUANTISE_THREADS * CK_CUDA_DEQUANTISE_EACH;
  CkCudaDequantise arguments;

  if (status != CK_OK || n == 0)
    return status;
  arguments = (CkCudaDequantise){ ck_cuda_weight_values (stream, weight), first * cols, n, out };
  ck_cuda_launch (stream, "ck_cuda_dequantise",
                  (CkCudaGrid){ (uint32_t)ck_ceil_div (n, each), 1, 1 }, CK_CUDA_DEQUANTISE_THREADS,
                  sizeof arguments.values.code, &arguments, sizeof arguments);
  return ck_cuda_status (stream);
}
