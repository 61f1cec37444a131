/* SPDX-License-Identifier: MIT */
/* The CPU's operations of training.h, one declaration an entry of CkTraining; train.c makes the
 * table of them. */
#ifndef CK_CPU_TRAIN_H
#define CK_CPU_TRAIN_H

#include "kernels/cpu/cpu-ops.h"
#include "kernels/training.h"

extern const CkTraining ck_cpu_training;

/* The first failure of two statuses. */
static inline CkStatus
ck_worse (CkStatus first, CkStatus then)
{
  return first != CK_OK ? first : then;
}

/* train-linear.c, train-norm.c, train-attention.c, train-embed.c */
CkStatus ck_cpu_linear_backward (CkBackend *self, const CkLinearBackward *op);
CkStatus ck_cpu_norm_backward (CkBackend *self, const CkNormBackward *op);
CkStatus ck_cpu_attention_backward (CkBackend *self, const CkAttentionBackward *op);
CkStatus ck_cpu_embed_backward (CkBackend *self, const CkEmbedBackward *op);

/* train-elementwise.c */
CkStatus ck_cpu_activate (CkBackend *self, CkActivation activation, int64_t n, const float *x,
                          float *y);
CkStatus ck_cpu_activate_backward (CkBackend *self, CkActivation activation, int64_t n,
                                   const float *x, const float *dy, float *dx);
CkStatus ck_cpu_gate (CkBackend *self, int64_t n, const float *gate, const float *up, float *y);
CkStatus ck_cpu_gate_backward (CkBackend *self, int64_t n, const float *gate, const float *up,
                               const float *dy, float *dgate, float *dup);
CkStatus ck_cpu_add_scaled (CkBackend *self, int64_t rows, int64_t cols, const float *y,
                            const float *scale, float *x);
CkStatus ck_cpu_add_scaled_backward (CkBackend *self, int64_t rows, int64_t cols, const float *dx,
                                     const float *y, const float *scale, float *dy, float *dscale);
CkStatus ck_cpu_dropout (CkBackend *self, uint64_t key, float p, int64_t n, const float *x,
                         float *y);
CkStatus ck_cpu_copy_rows (CkBackend *self, int64_t rows, int64_t cols, const float *src,
                           int64_t src_stride, float *dst, int64_t dst_stride);
CkStatus ck_cpu_fill (CkBackend *self, float *x, int64_t n, float value);
CkStatus ck_cpu_multiply (CkBackend *self, float *x, int64_t n, float factor);

/* How many outputs a convolution has along a side of its input. */
static inline int64_t
ck_convolution_out (const CkConvolution *shape, int64_t size)
{
  return (size + 2 * shape->padding - shape->kernel) / shape->stride + 1;
}

/* train-convolution.c */
CkStatus ck_cpu_convolution (CkBackend *self, const CkConvolution *shape, const float *x,
                             const float *weight, float *y);
CkStatus ck_cpu_convolution_backward (CkBackend *self, const CkConvolution *shape, const float *x,
                                      const float *weight, const float *dy, float *dx,
                                      float *dweight);

/* train-batch-norm.c */
CkStatus ck_cpu_batch_norm (CkBackend *self, const CkBatchNorm *norm, bool training, const float *x,
                            float *y);
CkStatus ck_cpu_batch_norm_backward (CkBackend *self, const CkBatchNorm *norm, const float *x,
                                     const float *y, float *dy, float *dx, float *dweight,
                                     float *dbias);

/* train-pool.c */
CkStatus ck_cpu_channels_last (CkBackend *self, int64_t batch, int64_t channels, int64_t area,
                               const float *x, float *y);
CkStatus ck_cpu_max_pool (CkBackend *self, int64_t batch, int64_t height, int64_t width,
                          int64_t channels, const float *x, float *y, uint8_t *places);
CkStatus ck_cpu_max_pool_backward (CkBackend *self, int64_t batch, int64_t height, int64_t width,
                                   int64_t channels, const float *dy, const uint8_t *places,
                                   float *dx);
CkStatus ck_cpu_mean_pool (CkBackend *self, int64_t batch, int64_t area, int64_t channels,
                           const float *x, float *y);
CkStatus ck_cpu_mean_pool_backward (CkBackend *self, int64_t batch, int64_t area, int64_t channels,
                                    const float *dy, float *dx);

/* train-loss.c */
CkStatus ck_cpu_cross_entropy (CkBackend *self, int64_t batch, int64_t classes, const float *logits,
                               const int32_t *labels, const float *class_weights, float smoothing,
                               float factor, double *loss, float *dlogits);

/* train-optimiser.c */
CkStatus ck_cpu_sum_squares (CkBackend *self, const float *x, int64_t n, double *sum);
CkStatus ck_cpu_adamw (CkBackend *self, const CkAdamW *settings, float factor, int64_t n,
                       const float *gradients, float *first, float *second, float *parameters);

#endif /* CK_CPU_TRAIN_H */
