/* SPDX-License-Identifier: MIT */
/*
 * What training needs beyond inference: the backward operation of each layer, the layers that only
 * training from scratch uses, and the optimiser. One more table, which a backend offers through
 * CkBackend.training. Conventions are those of kernels.h; in addition:
 *  - A gradient with respect to an activation is written (dx = ...); a gradient with respect to a
 * parameter is added to (dW += ...), so that micro-batches accumulate.
 *  - The gradient of a parameter sums over the pictures of one call, a micro-batch, in an order
 * that the shapes alone decide: the same call gives the same bits with any number of threads.
 *  - Random numbers are a function of a key and a position (Philox 4x32-10; Salmon et al., 2011),
 * so that a recomputation repeats them.
 */
#ifndef CK_TRAINING_H
#define CK_TRAINING_H

#include "kernels/kernels.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Where the gradients of one linear layer go; each may be NULL when nobody trains that part. */
typedef struct {
  float *weight; /* [out, in]; only where the weight is a CK_F32 one */
  float *bias;   /* [out] */
  float *down;   /* [rank, in] */
  float *up;     /* [out, rank] */
  float *gain;   /* [out]: sum over rows of dy (W x + scale B A x) */
} CkLinearGradients;

/* A linear layer without activation, times, scale and residual, backward. */
typedef struct {
  const CkWeight *weight;
  const CkAdapter *adapter; /* or NULL; with its dropout */
  const float *bias;        /* the forward's bias, needed for gradients.gain; or NULL */
  int64_t rows;
  const float *x;  /* [rows, in] */
  const float *y;  /* [rows, out], what the forward gave; needed for gradients.gain only */
  const float *dy; /* [rows, out] */
  float *dx;       /* [rows, in], written; NULL when nothing before trains */
  bool add_dx;     /* add to dx instead: q, k and v share their input */
  CkLinearGradients gradients;
} CkLinearBackward;

/* Layer norm, backward. dx may be dy. */
typedef struct {
  const float *weight; /* [cols] */
  float epsilon;
  int64_t rows, cols;
  const float *x, *dy;
  float *dx; /* [rows, cols]: written, or added to with add_dx (the residual stream) */
  bool add_dx;
  float *dweight, *dbias; /* [cols] or NULL */
} CkNormBackward;

/* Attention, backward. q and k come as the forward left them, turned, and are turned back: after
 * the call they are what the linears gave.
 */
typedef struct {
  CkAttention forward; /* q, k turned; v; out as computed. cos NULL: no turning */
  const float *dout;   /* [batch * tokens, heads * head_dim] */
  float *dq, *dk, *dv; /* written, with respect to q and k before turning */
} CkAttentionBackward;

/* Pixels to tokens, backward: parameters only (pixels don't train). */
typedef struct {
  CkEmbed forward;
  const float *dtokens;   /* [batch, n_prefix + patches, dim] */
  float *dweight, *dbias; /* [dim, channels patch patch], [dim] */
  float *dprefix;         /* [n_prefix, dim] */
  float *dposition;       /* [n_prefix + patches, dim] or NULL: timm's pos_embed */
} CkEmbedBackward;

/*
 * Activations of convolutional networks lie channels last, [batch, height, width, channels]: every
 * operation below then works on rows of channels, and neither oneDNN nor cuDNN has to move them.
 * Weights stay as torch has them, [out, in, kernel, kernel].
 */

/* Convolution without bias (ResNet's): x [batch, height, width, in] -> y [batch, out height, out
 * width, out], where out height = (height + 2 padding - kernel) / stride + 1 (integer division),
 * likewise the width. Padding is less than the kernel. */
typedef struct {
  int64_t batch, in, height, width; /* of the input */
  int64_t out, kernel, stride, padding;
} CkConvolution;

/*
 * y = activation (batch norm (x) + residual) for x [rows, channels]. In training: statistics of the
 * batch (rows at least 2), and the running ones are updated (momentum .1, unbiased variance; Ioffe
 * & Szegedy, 2015); else the running ones.
 */
typedef struct {
  int64_t rows, channels; /* rows: batch * height * width */
  float epsilon;
  const float *weight, *bias;             /* [channels] */
  const float *residual;                  /* [rows, channels] or NULL */
  CkActivation activation;                /* CK_IDENTITY or CK_RELU */
  float *running_mean, *running_variance; /* [channels] */
  float *saved_mean, *saved_inverse; /* [channels]: batch mean and 1 / sqrt (variance + epsilon),
                                        for the backward */
} CkBatchNorm;

/* Adam with decoupled weight decay (Loshchilov & Hutter, 2019), in torch.optim.AdamW's order of
 * operations. */
typedef struct {
  double learning_rate, beta1, beta2, epsilon, weight_decay; /* as Python has them */
  int64_t step;                                              /* from 1 */
} CkAdamW;

struct CkTraining {
  CkStatus (*linear_backward) (CkBackend *self, const CkLinearBackward *op);
  CkStatus (*norm_backward) (CkBackend *self, const CkNormBackward *op);
  CkStatus (*attention_backward) (CkBackend *self, const CkAttentionBackward *op);
  CkStatus (*embed_backward) (CkBackend *self, const CkEmbedBackward *op);

  /* y = activation (x); dx = dy activation' (x), x being the input. n elements; in place allowed.
   */
  CkStatus (*activate) (CkBackend *self, CkActivation activation, int64_t n, const float *x,
                        float *y);
  CkStatus (*activate_backward) (CkBackend *self, CkActivation activation, int64_t n,
                                 const float *x, const float *dy, float *dx);
  /* y = silu (gate) * up, and both gradients from dy. */
  CkStatus (*gate) (CkBackend *self, int64_t n, const float *gate, const float *up, float *y);
  CkStatus (*gate_backward) (CkBackend *self, int64_t n, const float *gate, const float *up,
                             const float *dy, float *dgate, float *dup);
  /* x += scale * y by column; and backward: dy_out = scale * dx, dscale += sum over rows of dx y.
   * scale NULL: 1. */
  CkStatus (*add_scaled) (CkBackend *self, int64_t rows, int64_t cols, const float *y,
                          const float *scale, float *x);
  CkStatus (*add_scaled_backward) (CkBackend *self, int64_t rows, int64_t cols, const float *dx,
                                   const float *y, const float *scale, float *dy, float *dscale);
  /* y = x where the random number of (key, element) in [0, 1) is at least p, over (1 - p); 0
   * elsewhere. Its own backward. In place allowed. An adapter's dropout is this one on its input
   * [rows, in]. */
  CkStatus (*dropout) (CkBackend *self, uint64_t key, float p, int64_t n, const float *x, float *y);

  /* Planes to channels last: x [batch, channels, area] -> y [batch, area, channels]. */
  CkStatus (*channels_last) (CkBackend *self, int64_t batch, int64_t channels, int64_t area,
                             const float *x, float *y);
  CkStatus (*convolution) (CkBackend *self, const CkConvolution *shape, const float *x,
                           const float *weight, float *y);
  /* dx is written, dweight added to; either may be NULL. */
  CkStatus (*convolution_backward) (CkBackend *self, const CkConvolution *shape, const float *x,
                                    const float *weight, const float *dy, float *dx,
                                    float *dweight);
  CkStatus (*batch_norm) (CkBackend *self, const CkBatchNorm *norm, bool training, const float *x,
                          float *y);
  /* After a forward in training, with its x and y. dy becomes the gradient before the activation,
   * which is that of the residual. dx may be x. */
  CkStatus (*batch_norm_backward) (CkBackend *self, const CkBatchNorm *norm, const float *x,
                                   const float *y, float *dy, float *dx, float *dweight,
                                   float *dbias);
  /* 3 x 3, stride 2, padding 1 on x [batch, height, width, channels]; `places`, as large as y,
   * keeps which of the nine (row by row) was the maximum, the first of equals. */
  CkStatus (*max_pool) (CkBackend *self, int64_t batch, int64_t height, int64_t width,
                        int64_t channels, const float *x, float *y, uint8_t *places);
  CkStatus (*max_pool_backward) (CkBackend *self, int64_t batch, int64_t height, int64_t width,
                                 int64_t channels, const float *dy, const uint8_t *places,
                                 float *dx);
  /* y [batch, channels] = mean of x [batch, area, channels], and back. */
  CkStatus (*mean_pool) (CkBackend *self, int64_t batch, int64_t area, int64_t channels,
                         const float *x, float *y);
  CkStatus (*mean_pool_backward) (CkBackend *self, int64_t batch, int64_t area, int64_t channels,
                                  const float *dy, float *dx);

  /*
   * Softmax cross entropy with label smoothing s (target: 1 - s + s / classes for the label, s /
   * classes else) and optional class weights (torch's weighting and mean). *loss is the mean over
   * the batch; dlogits = d loss / d logits times `factor`.
   */
  CkStatus (*cross_entropy) (CkBackend *self, int64_t batch, int64_t classes, const float *logits,
                             const int32_t *labels, const float *class_weights, float smoothing,
                             float factor, double *loss, float *dlogits);

  /* Copies rows of cols floats between matrices whose rows begin every src_stride and dst_stride
   * floats (class tokens out and back). */
  CkStatus (*copy_rows) (CkBackend *self, int64_t rows, int64_t cols, const float *src,
                         int64_t src_stride, float *dst, int64_t dst_stride);
  CkStatus (*fill) (CkBackend *self, float *x, int64_t n, float value);
  /* Sum of squares in double, the same bits for any number of threads. */
  CkStatus (*sum_squares) (CkBackend *self, const float *x, int64_t n, double *sum);
  CkStatus (*multiply) (CkBackend *self, float *x, int64_t n, float factor);
  /* One step on n parameters; gradients are multiplied by `factor` first (clipping). */
  CkStatus (*adamw) (CkBackend *self, const CkAdamW *settings, float factor, int64_t n,
                     const float *gradients, float *first, float *second, float *parameters);
};

#ifdef __cplusplus
}
#endif

#endif /* CK_TRAINING_H */
