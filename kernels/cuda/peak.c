/* SPDX-License-Identifier: MIT */
#include "kernels/cuda/peak.h"

#include "kernels/sizes.h"

#include <stddef.h>

/* A kernel, and the operations of a thread's round: a warp makes 16 x 8 sums of k products. */
typedef struct {
  CkType type;
  const char *kernel;
  double operations;
} Variant;

#define OF_WARP(k) (2.0 * 16 * 8 * (k) / 32)

static const Variant variants[] = {
  { CK_F32, "ck_cuda_peak_f32", 2 },
  { CK_F16, "ck_cuda_peak_f16", OF_WARP (16) },
  { CK_BF16, "ck_cuda_peak_bf16", OF_WARP (16) },
  { CK_I8, "ck_cuda_peak_int8", OF_WARP (32) },
};

static const Variant *
find (CkType type)
{
  for (size_t i = 0; i < sizeof variants / sizeof *variants; i++)
    if (variants[i].type == type)
      return &variants[i];
  return NULL;
}

CkStatus
ck_cuda_peak (CkStream *self, CkType type, int64_t rounds, double *operations)
{
  CkCudaStream *stream = (CkCudaStream *)self;
  const CkCudaLimits *limits = ck_cuda_limits (stream);
  const Variant *variant = find (type);
  const CkCudaGrid grid = { (uint32_t)(limits->processors * CK_CUDA_PEAK_BLOCKS), 1, 1 };
  const size_t threads = (size_t)grid.x * CK_CUDA_PEAK_THREADS;
  CkCudaPeak arguments = { .loops = ck_ceil_div (rounds, CK_CUDA_PEAK_SUMS) };

  if (variant == NULL || !ck_cuda_multiplies (stream, type))
    return CK_UNSUPPORTED;
  *operations = variant->operations * (double)threads * CK_CUDA_PEAK_SUMS * (double)arguments.loops;
  arguments.sums = ck_cuda_scratch (stream, CK_CUDA_SCRATCH_SUMS, threads * sizeof (float));
  if (arguments.sums != NULL)
    ck_cuda_launch (stream, variant->kernel, grid, CK_CUDA_PEAK_THREADS, 0, &arguments,
                    sizeof arguments);
  return ck_cuda_status (stream);
}
