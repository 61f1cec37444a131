/* SPDX-License-Identifier: MIT */
/* The GPU's operations, one declaration an entry of CkOperations and CkTraining; contracts are
 * theirs. operations.c makes the tables. */
#ifndef CK_CUDA_OPERATIONS_H
#define CK_CUDA_OPERATIONS_H

#include "kernels/training.h"

extern const CkOperations ck_cuda_operations;
extern const CkTraining ck_cuda_training;

/* CkOperations */
CkStatus ck_cuda_linear (CkStream *stream, const CkLinear *op);
CkStatus ck_cuda_norm (CkStream *stream, const CkNorm *op);
CkStatus ck_cuda_attention (CkStream *stream, const CkAttention *op);
CkStatus ck_cuda_embed (CkStream *stream, const CkEmbed *op);
CkStatus ck_cuda_resample (CkStream *stream, const CkResample *op);
CkStatus ck_cuda_activate (CkStream *stream, CkActivation activation, int64_t n, const float *x,
                           float *y);
CkStatus ck_cuda_channels_last (CkStream *stream, int64_t batch, int64_t channels, int64_t area,
                                const float *x, float *y);
CkStatus ck_cuda_convolution (CkStream *stream, const CkConvolution *shape, const float *x,
                              const float *weight, float *y);
CkStatus ck_cuda_batch_norm (CkStream *stream, const CkBatchNorm *norm, bool training,
                             const float *x, float *y);
CkStatus ck_cuda_max_pool (CkStream *stream, int64_t batch, int64_t height, int64_t width,
                           int64_t channels, const float *x, float *y, uint8_t *places);
CkStatus ck_cuda_mean_pool (CkStream *stream, int64_t batch, int64_t area, int64_t channels,
                            const float *x, float *y);
CkStatus ck_cuda_copy_rows (CkStream *stream, int64_t rows, int64_t cols, const float *src,
                            int64_t src_stride, float *dst, int64_t dst_stride);
CkStatus ck_cuda_fill (CkStream *stream, float *x, int64_t n, float value);
CkStatus ck_cuda_weight_dequantise (CkStream *stream, const CkWeight *weight, int64_t first,
                                    int64_t rows, float *out);

/* CkTraining */
CkStatus ck_cuda_linear_backward (CkStream *stream, const CkLinearBackward *op);
CkStatus ck_cuda_norm_backward (CkStream *stream, const CkNormBackward *op);
CkStatus ck_cuda_attention_backward (CkStream *stream, const CkAttentionBackward *op);
CkStatus ck_cuda_embed_backward (CkStream *stream, const CkEmbedBackward *op);
CkStatus ck_cuda_activate_backward (CkStream *stream, CkActivation activation, int64_t n,
                                    const float *x, const float *dy, float *dx);
CkStatus ck_cuda_gate (CkStream *stream, int64_t n, const float *gate, const float *up, float *y);
CkStatus ck_cuda_gate_backward (CkStream *stream, int64_t n, const float *gate, const float *up,
                                const float *dy, float *dgate, float *dup);
CkStatus ck_cuda_add_scaled (CkStream *stream, int64_t rows, int64_t cols, const float *y,
                             const float *scale, float *x);
CkStatus ck_cuda_add_scaled_backward (CkStream *stream, int64_t rows, int64_t cols, const float *dx,
                                      const float *y, const float *scale, float *dy, float *dscale);
CkStatus ck_cuda_dropout (CkStream *stream, const uint64_t *key, float p, int64_t n, const float *x,
                          float *y);
CkStatus ck_cuda_convolution_backward (CkStream *stream, const CkConvolution *shape, const float *x,
                                       const float *weight, const float *dy, float *dx,
                                       float *dweight);
CkStatus ck_cuda_batch_norm_backward (CkStream *stream, const CkBatchNorm *norm, const float *x,
                                      const float *y, float *dy, float *dx, float *dweight,
                                      float *dbias);
CkStatus ck_cuda_max_pool_backward (CkStream *stream, int64_t batch, int64_t height, int64_t width,
                                    int64_t channels, const float *dy, const uint8_t *places,
                                    float *dx);
CkStatus ck_cuda_mean_pool_backward (CkStream *stream, int64_t batch, int64_t area,
                                     int64_t channels, const float *dy, float *dx);
CkStatus ck_cuda_cross_entropy (CkStream *stream, const CkCrossEntropy *op);
CkStatus ck_cuda_binary_cross_entropy (CkStream *stream, const CkBinaryCrossEntropy *op);
CkStatus ck_cuda_add_squares (CkStream *stream, const float *x, int64_t n, double *sum);
CkStatus ck_cuda_clip_factor (CkStream *stream, const double *squares, double max_norm,
                              float *factor);
CkStatus ck_cuda_multiply (CkStream *stream, float *x, int64_t n, float factor);
CkStatus ck_cuda_add (CkStream *stream, int64_t n, const float *x, float *y);
CkStatus ck_cuda_adamw (CkStream *stream, const CkAdamW *op);

#endif /* CK_CUDA_OPERATIONS_H */
