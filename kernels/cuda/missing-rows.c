/* SPDX-License-Identifier: MIT */
/* Operations that have no kernel yet. */
#include "kernels/cuda/operations.h"

CkStatus
ck_cuda_norm (CkStream *stream, const CkNorm *op)
{
  (void)stream;
  (void)op;
  return CK_UNSUPPORTED;
}

CkStatus
ck_cuda_norm_backward (CkStream *stream, const CkNormBackward *op)
{
  (void)stream;
  (void)op;
  return CK_UNSUPPORTED;
}

CkStatus
ck_cuda_embed (CkStream *stream, const CkEmbed *op)
{
  (void)stream;
  (void)op;
  return CK_UNSUPPORTED;
}

CkStatus
ck_cuda_embed_backward (CkStream *stream, const CkEmbedBackward *op)
{
  (void)stream;
  (void)op;
  return CK_UNSUPPORTED;
}

CkStatus
ck_cuda_batch_norm (CkStream *stream, const CkBatchNorm *norm, bool training, const float *x,
                    float *y)
{
  (void)stream;
  (void)norm;
  (void)training;
  (void)x;
  (void)y;
  return CK_UNSUPPORTED;
}

CkStatus
ck_cuda_batch_norm_backward (CkStream *stream, const CkBatchNorm *norm, const float *x,
                             const float *y, float *dy, float *dx, float *dweight, float *dbias)
{
  (void)stream;
  (void)norm;
  (void)x;
  (void)y;
  (void)dy;
  (void)dx;
  (void)dweight;
  (void)dbias;
  return CK_UNSUPPORTED;
}

CkStatus
ck_cuda_max_pool (CkStream *stream, int64_t batch, int64_t height, int64_t width, int64_t channels,
                  const float *x, float *y, uint8_t *places)
{
  (void)stream;
  (void)batch;
  (void)height;
  (void)width;
  (void)channels;
  (void)x;
  (void)y;
  (void)places;
  return CK_UNSUPPORTED;
}

CkStatus
ck_cuda_max_pool_backward (CkStream *stream, int64_t batch, int64_t height, int64_t width,
                           int64_t channels, const float *dy, const uint8_t *places, float *dx)
{
  (void)stream;
  (void)batch;
  (void)height;
  (void)width;
  (void)channels;
  (void)dy;
  (void)places;
  (void)dx;
  return CK_UNSUPPORTED;
}

CkStatus
ck_cuda_mean_pool (CkStream *stream, int64_t batch, int64_t area, int64_t channels, const float *x,
                   float *y)
{
  (void)stream;
  (void)batch;
  (void)area;
  (void)channels;
  (void)x;
  (void)y;
  return CK_UNSUPPORTED;
}

CkStatus
ck_cuda_mean_pool_backward (CkStream *stream, int64_t batch, int64_t area, int64_t channels,
                            const float *dy, float *dx)
{
  (void)stream;
  (void)batch;
  (void)area;
  (void)channels;
  (void)dy;
  (void)dx;
  return CK_UNSUPPORTED;
}

CkStatus
ck_cuda_channels_last (CkStream *stream, int64_t batch, int64_t channels, int64_t area,
                       const float *x, float *y)
{
  (void)stream;
  (void)batch;
  (void)channels;
  (void)area;
  (void)x;
  (void)y;
  return CK_UNSUPPORTED;
}

CkStatus
ck_cuda_convolution (CkStream *stream, const CkConvolution *shape, const float *x,
                     const float *weight, float *y)
{
  (void)stream;
  (void)shape;
  (void)x;
  (void)weight;
  (void)y;
  return CK_UNSUPPORTED;
}

CkStatus
ck_cuda_convolution_backward (CkStream *stream, const CkConvolution *shape, const float *x,
                              const float *weight, const float *dy, float *dx, float *dweight)
{
  (void)stream;
  (void)shape;
  (void)x;
  (void)weight;
  (void)dy;
  (void)dx;
  (void)dweight;
  return CK_UNSUPPORTED;
}

CkStatus
ck_cuda_cross_entropy (CkStream *stream, const CkCrossEntropy *op)
{
  (void)stream;
  (void)op;
  return CK_UNSUPPORTED;
}

CkStatus
ck_cuda_add_squares (CkStream *stream, const float *x, int64_t n, double *sum)
{
  (void)stream;
  (void)x;
  (void)n;
  (void)sum;
  return CK_UNSUPPORTED;
}

CkStatus
ck_cuda_clip_factor (CkStream *stream, const double *squares, double max_norm, float *factor)
{
  (void)stream;
  (void)squares;
  (void)max_norm;
  (void)factor;
  return CK_UNSUPPORTED;
}

CkStatus
ck_cuda_adamw (CkStream *stream, const CkAdamW *op)
{
  (void)stream;
  (void)op;
  return CK_UNSUPPORTED;
}
