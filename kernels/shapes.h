/* SPDX-License-Identifier: MIT */
/*
 * What every device checks before it enqueues an operation: sizes that contradict one another,
 * overflow, or that nothing can be. CK_UNSUPPORTED: the operation never takes such a type, weight
 * or activation; a device may refuse more.
 */
#ifndef CK_SHAPES_H
#define CK_SHAPES_H

#include "kernels/device.h"
#include "kernels/training.h"

CkStatus ck_check_linear (const CkLinear *op);
CkStatus ck_check_norm (const CkNorm *op);
CkStatus ck_check_attention (const CkAttention *op);
CkStatus ck_check_embed (const CkEmbed *op);
CkStatus ck_check_resample (const CkResample *op);
CkStatus ck_check_convolution (const CkConvolution *shape);
CkStatus ck_check_batch_norm (const CkBatchNorm *norm, bool training);
CkStatus ck_check_dequantise (const CkWeight *weight, int64_t first, int64_t rows);

CkStatus ck_check_linear_backward (const CkLinearBackward *op);
CkStatus ck_check_norm_backward (const CkNormBackward *op);
CkStatus ck_check_embed_backward (const CkEmbedBackward *op);
CkStatus ck_check_cross_entropy (const CkCrossEntropy *op);
CkStatus ck_check_binary_cross_entropy (const CkBinaryCrossEntropy *op);

/* n floats; [rows, cols] floats, which may be none. */
CkStatus ck_check_elements (int64_t n);
CkStatus ck_check_matrix (int64_t rows, int64_t cols);
/* [batch, height, width, channels] floats with at least one pixel. */
CkStatus ck_check_pictures (int64_t batch, int64_t height, int64_t width, int64_t channels);
CkStatus ck_check_copy_rows (int64_t rows, int64_t cols, int64_t src_stride, int64_t dst_stride);
/* A share of elements that are zeroed. */
CkStatus ck_check_dropout (float p, int64_t n);

/* How many outputs a convolution has along a side of its input. */
static inline int64_t
ck_convolution_out (const CkConvolution *shape, int64_t size)
{
  return (size + 2 * shape->padding - shape->kernel) / shape->stride + 1;
}

#endif /* CK_SHAPES_H */
