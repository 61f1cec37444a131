/* SPDX-License-Identifier: MIT */
/* Convolution: shapes are checked here once for plain C and for oneDNN. */
#include "kernels/cpu/convolution.h"
#include "kernels/cpu/operations.h"
#include "kernels/shapes.h"

static const CkConvolutionOps *
choose (const CkCpuStream *cpu, const CkConvolution *shape)
{
  return ck_winograd_takes (cpu, shape) ? &ck_convolution_winograd
                                        : &((CkCpuDevice *)cpu->base.device)->convolution;
}

CkStatus
ck_cpu_convolution (CkStream *self, const CkConvolution *shape, const float *x, const float *weight,
                    float *y)
{
  CkCpuStream *cpu = (CkCpuStream *)self;
  const CkStatus status = ck_check_convolution (shape);

  if (status != CK_OK || cpu->failure != CK_OK)
    return status;
  return ck_cpu_finish (cpu, choose (cpu, shape)->forward (cpu, shape, x, weight, y));
}

CkStatus
ck_cpu_convolution_backward (CkStream *self, const CkConvolution *shape, const float *x,
                             const float *weight, const float *dy, float *dx, float *dweight)
{
  CkCpuStream *cpu = (CkCpuStream *)self;
  const CkStatus status = ck_check_convolution (shape);

  if (status != CK_OK || cpu->failure != CK_OK)
    return status;
  return ck_cpu_finish (cpu,
                        choose (cpu, shape)->backward (cpu, shape, x, weight, dy, dx, dweight));
}
