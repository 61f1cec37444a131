/* SPDX-License-Identifier: MIT */
/* Convolution: shapes are checked here once for plain C and for oneDNN. */
#include "kernels/cpu/train.h"

/* Whether each size is one that libraries, which count in int, can hold; and whether all three
 * tensors exist. */
static CkStatus
check (const CkConvolution *c)
{
  const int64_t sizes[] = { c->batch, c->in, c->height, c->width, c->out, c->kernel, c->stride };
  size_t pixels, taps, bytes;

  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
    if (sizes[i] < 1 || sizes[i] > INT32_MAX)
      return CK_BAD_SHAPE;
  if (c->padding < 0 || c->padding >= c->kernel || c->height + 2 * c->padding < c->kernel ||
      c->width + 2 * c->padding < c->kernel)
    return CK_BAD_SHAPE;
  if (!ck_size_product (c->batch, c->height, c->width, &pixels) ||
      !ck_size_product ((int64_t)pixels, c->in, sizeof (float), &bytes))
    return CK_BAD_SHAPE;
  if (!ck_size_product (c->batch, ck_convolution_out (c, c->height),
                        ck_convolution_out (c, c->width), &pixels) ||
      !ck_size_product ((int64_t)pixels, c->out, sizeof (float), &bytes))
    return CK_BAD_SHAPE;
  if (!ck_size_product (c->in, c->kernel, c->kernel, &taps) ||
      !ck_size_product ((int64_t)taps, c->out, sizeof (float), &bytes))
    return CK_BAD_SHAPE;
  return CK_OK;
}

CkStatus
ck_cpu_convolution (CkBackend *self, const CkConvolution *shape, const float *x,
                    const float *weight, float *y)
{
  const CkStatus status = check (shape);
  return status == CK_OK ? ((CkCpu *)self)->ops.convolution (self, shape, x, weight, y) : status;
}

CkStatus
ck_cpu_convolution_backward (CkBackend *self, const CkConvolution *shape, const float *x,
                             const float *weight, const float *dy, float *dx, float *dweight)
{
  const CkStatus status = check (shape);
  return status == CK_OK
             ? ((CkCpu *)self)->ops.convolution_backward (self, shape, x, weight, dy, dx, dweight)
             : status;
}
