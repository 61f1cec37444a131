/* SPDX-License-Identifier: MIT */
/* Operations that have no kernel yet. */
#include "kernels/cuda/operations.h"

CkStatus
ck_cuda_activate (CkStream *stream, CkActivation activation, int64_t n, const float *x, float *y)
{
  (void)stream;
  (void)activation;
  (void)n;
  (void)x;
  (void)y;
  return CK_UNSUPPORTED;
}

CkStatus
ck_cuda_activate_backward (CkStream *stream, CkActivation activation, int64_t n, const float *x,
                           const float *dy, float *dx)
{
  (void)stream;
  (void)activation;
  (void)n;
  (void)x;
  (void)dy;
  (void)dx;
  return CK_UNSUPPORTED;
}

CkStatus
ck_cuda_copy_rows (CkStream *stream, int64_t rows, int64_t cols, const float *src,
                   int64_t src_stride, float *dst, int64_t dst_stride)
{
  (void)stream;
  (void)rows;
  (void)cols;
  (void)src;
  (void)src_stride;
  (void)dst;
  (void)dst_stride;
  return CK_UNSUPPORTED;
}

CkStatus
ck_cuda_fill (CkStream *stream, float *x, int64_t n, float value)
{
  (void)stream;
  (void)x;
  (void)n;
  (void)value;
  return CK_UNSUPPORTED;
}

CkStatus
ck_cuda_gate (CkStream *stream, int64_t n, const float *gate, const float *up, float *y)
{
  (void)stream;
  (void)n;
  (void)gate;
  (void)up;
  (void)y;
  return CK_UNSUPPORTED;
}

CkStatus
ck_cuda_gate_backward (CkStream *stream, int64_t n, const float *gate, const float *up,
                       const float *dy, float *dgate, float *dup)
{
  (void)stream;
  (void)n;
  (void)gate;
  (void)up;
  (void)dy;
  (void)dgate;
  (void)dup;
  return CK_UNSUPPORTED;
}

CkStatus
ck_cuda_add_scaled (CkStream *stream, int64_t rows, int64_t cols, const float *y,
                    const float *scale, float *x)
{
  (void)stream;
  (void)rows;
  (void)cols;
  (void)y;
  (void)scale;
  (void)x;
  return CK_UNSUPPORTED;
}

CkStatus
ck_cuda_add_scaled_backward (CkStream *stream, int64_t rows, int64_t cols, const float *dx,
                             const float *y, const float *scale, float *dy, float *dscale)
{
  (void)stream;
  (void)rows;
  (void)cols;
  (void)dx;
  (void)y;
  (void)scale;
  (void)dy;
  (void)dscale;
  return CK_UNSUPPORTED;
}

CkStatus
ck_cuda_dropout (CkStream *stream, const uint64_t *key, float p, int64_t n, const float *x,
                 float *y)
{
  (void)stream;
  (void)key;
  (void)p;
  (void)n;
  (void)x;
  (void)y;
  return CK_UNSUPPORTED;
}

CkStatus
ck_cuda_multiply (CkStream *stream, float *x, int64_t n, float factor)
{
  (void)stream;
  (void)x;
  (void)n;
  (void)factor;
  return CK_UNSUPPORTED;
}

CkStatus
ck_cuda_add (CkStream *stream, int64_t n, const float *x, float *y)
{
  (void)stream;
  (void)n;
  (void)x;
  (void)y;
  return CK_UNSUPPORTED;
}
