/* SPDX-License-Identifier: MIT */
/* Convolution: shapes are checked here once for plain C and for oneDNN. */
#include "kernels/cpu/cpu-stream.h"
#include "kernels/cpu/operations.h"
#include "kernels/shapes.h"

CkStatus
ck_cpu_convolution (CkStream *self, const CkConvolution *shape, const float *x, const float *weight,
                    float *y)
{
  const CkConvolutionOps *ops = &((CkCpuDevice *)self->device)->convolution;
  CkCpuStream *cpu = (CkCpuStream *)self;
  const CkStatus status = ck_check_convolution (shape);

  if (status != CK_OK || cpu->failure != CK_OK)
    return status;
  return ck_cpu_finish (cpu, ops->forward (cpu, shape, x, weight, y));
}

CkStatus
ck_cpu_convolution_backward (CkStream *self, const CkConvolution *shape, const float *x,
                             const float *weight, const float *dy, float *dx, float *dweight)
{
  const CkConvolutionOps *ops = &((CkCpuDevice *)self->device)->convolution;
  CkCpuStream *cpu = (CkCpuStream *)self;
  const CkStatus status = ck_check_convolution (shape);

  if (status != CK_OK || cpu->failure != CK_OK)
    return status;
  return ck_cpu_finish (cpu, ops->backward (cpu, shape, x, weight, dy, dx, dweight));
}
