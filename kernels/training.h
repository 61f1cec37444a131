/* SPDX-License-Identifier: MIT */
/*
 * What training needs beyond inference: the backward operation of each layer, losses and the
 * optimiser, as one more table, CkStream.training. Conventions are those of kernels.h; in addition:
 *  - A gradient with respect to an activation is written (dx = ...). A gradient with respect to a
 *    parameter is added to (dW += ...): the caller fills it with 0 at the beginning of a
 *    micro-batch and adds the micro-batches' gradients up in the order of their index (add), so
 *    that work spread over processors has the same bits.
 *  - The gradient of a parameter sums over the pictures of one call, a micro-batch, in an order
 *    that the shapes alone decide: the same call gives the same bits with any number of threads.
 *  - Scalars that come out (loss, sums) and that change from step to step (factors, the optimiser's
 *    numbers, keys of dropout) are device memory, so that nothing waits for them and no recorded
 *    graph holds a stale one.
 *  - Random numbers are a function of a key and a position (Philox 4x32-10; Salmon et al., 2011),
 *    so that a recomputation repeats them.
 */
#ifndef CK_TRAINING_H
#define CK_TRAINING_H

#include "kernels/kernels.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Where the gradients of one linear layer go; each may be NULL when nobody trains that part. */
typedef struct {
  float *weight; /* [out, in]; only where the weight is parameters */
  float *bias;   /* [out] */
  float *down;   /* [rank, in] */
  float *up;     /* [out, rank] */
  float *gain;   /* [out]: sum over rows of dy (W x + scale B A x) */
} CkLinearGradients;

/* A linear layer without activation, multiplier, scale and residual, backward. */
typedef struct {
  const CkWeight *weight;
  CkAdapter adapter; /* with its dropout */
  const float *bias; /* the forward's bias, needed for gradients.gain; or NULL */
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

/* Attention, backward. The fields of `forward` are what the forward was given and what it wrote;
 * CK_UNSUPPORTED where its products are not of fp32. */
typedef struct {
  CkAttention forward;
  const float *dout; /* [batch * queries, heads * head_dim] */
  float *dq;         /* likewise; written, with respect to q before rotation */
  float *dk, *dv;    /* [batch * tokens, heads * head_dim]; likewise */
} CkAttentionBackward;

/* Pixels to tokens, backward: parameters only (pixels don't train). */
typedef struct {
  CkEmbed forward;
  const float *dtokens;   /* [batch, n_prefix + patches, dim] */
  float *dweight, *dbias; /* [dim, channels patch patch], [dim] */
  float *dprefix;         /* [n_prefix, dim] */
  float *dposition;       /* [n_prefix + patches, dim] or NULL: learned positions */
} CkEmbedBackward;

/*
 * Softmax cross entropy with label smoothing s (target: 1 - s + s / classes for the label,
 * s / classes else) and optional class weights (torch's weighting and mean). The loss is the mean
 * over the batch; dlogits = d loss / d logits times `factor`.
 */
typedef struct {
  int64_t batch, classes;
  const float *logits;        /* [batch, classes] */
  const int32_t *labels;      /* [batch] */
  const float *class_weights; /* [classes] or NULL */
  float smoothing, factor;
  double *loss;   /* [1] */
  float *dlogits; /* [batch, classes] or NULL */
} CkCrossEntropy;

/*
 * Binary cross entropy of logits, each class for itself: a picture may have any number of them.
 * With the target t of a class, the probability p = 1 / (1 + exp (-logit)) and its weight w (1
 * without), the loss is the mean over batch and classes of -w t log p - (1 - t) log (1 - p), as
 * torch.nn.BCEWithLogitsLoss (pos_weight = w) defines it; dlogits = d loss / d logits times
 * `factor`.
 */
typedef struct {
  int64_t batch, classes;
  const float *logits;           /* [batch, classes] */
  const float *targets;          /* [batch, classes], 0 to 1 */
  const float *positive_weights; /* [classes] or NULL */
  float factor;
  double *loss;   /* [1] */
  float *dlogits; /* [batch, classes] or NULL */
} CkBinaryCrossEntropy;

/*
 * Adam with decoupled weight decay (Loshchilov & Hutter, 2019), in torch.optim.AdamW's order of
 * operations. The numbers that change from step to step; computed by the host as Python has them
 * and uploaded.
 */
typedef struct {
  float one_minus_beta1, beta2, one_minus_beta2;
  float second_moment_correction; /* sqrt (1 - beta2^step) */
  float epsilon;
  float decay; /* 1 - learning rate * weight decay */
  float step;  /* learning rate / (1 - beta1^step) */
} CkAdamWStep;

/* The step of a learning rate etc. at step number `step`, from 1. */
CkAdamWStep ck_adamw_step (double learning_rate, double beta1, double beta2, double epsilon,
                           double weight_decay, int64_t step);

typedef struct {
  const CkAdamWStep *step; /* [1] */
  const float *factor;     /* [1], which multiplies the gradients first (clipping); NaN: no step */
  int64_t n;
  const float *gradients;
  float *first, *second, *parameters; /* [n] */
} CkAdamW;

struct CkTraining {
  CkStatus (*linear_backward) (CkStream *stream, const CkLinearBackward *op);
  CkStatus (*norm_backward) (CkStream *stream, const CkNormBackward *op);
  CkStatus (*attention_backward) (CkStream *stream, const CkAttentionBackward *op);
  CkStatus (*embed_backward) (CkStream *stream, const CkEmbedBackward *op);

  /* dx = dy activation' (x), x being the input; n elements; in place allowed. */
  CkStatus (*activate_backward) (CkStream *stream, CkActivation activation, int64_t n,
                                 const float *x, const float *dy, float *dx);
  /* y = silu (gate) * up, and both gradients from dy. */
  CkStatus (*gate) (CkStream *stream, int64_t n, const float *gate, const float *up, float *y);
  CkStatus (*gate_backward) (CkStream *stream, int64_t n, const float *gate, const float *up,
                             const float *dy, float *dgate, float *dup);
  /* x += scale * y by column; and backward: dy_out = scale * dx, dscale += sum over rows of dx y.
   * scale NULL: 1. */
  CkStatus (*add_scaled) (CkStream *stream, int64_t rows, int64_t cols, const float *y,
                          const float *scale, float *x);
  CkStatus (*add_scaled_backward) (CkStream *stream, int64_t rows, int64_t cols, const float *dx,
                                   const float *y, const float *scale, float *dy, float *dscale);
  /* y = x where the random number of (*key, element) in [0, 1) is at least p, over (1 - p); 0
   * elsewhere. It is its own backward. In place allowed. An adapter's dropout is this one on its
   * input [rows, in]. */
  CkStatus (*dropout) (CkStream *stream, const uint64_t *key, float p, int64_t n, const float *x,
                       float *y);

  /* dx is written, dweight added to; either may be NULL. */
  CkStatus (*convolution_backward) (CkStream *stream, const CkConvolution *shape, const float *x,
                                    const float *weight, const float *dy, float *dx,
                                    float *dweight);
  /* After a forward in training, with its x and y. dy becomes the gradient before the activation,
   * which is that of the residual. dx may be x. */
  CkStatus (*batch_norm_backward) (CkStream *stream, const CkBatchNorm *norm, const float *x,
                                   const float *y, float *dy, float *dx, float *dweight,
                                   float *dbias);
  CkStatus (*max_pool_backward) (CkStream *stream, int64_t batch, int64_t height, int64_t width,
                                 int64_t channels, const float *dy, const uint8_t *places,
                                 float *dx);
  CkStatus (*mean_pool_backward) (CkStream *stream, int64_t batch, int64_t area, int64_t channels,
                                  const float *dy, float *dx);

  CkStatus (*cross_entropy) (CkStream *stream, const CkCrossEntropy *op);
  CkStatus (*binary_cross_entropy) (CkStream *stream, const CkBinaryCrossEntropy *op);

  /* sum[0] += x's squares, in double; the same bits for any number of threads. */
  CkStatus (*add_squares) (CkStream *stream, const float *x, int64_t n, double *sum);
  /* *factor = max_norm / (norm + 1e-6) where that is less than 1, else 1, with norm the root of
   * *squares (torch.nn.utils.clip_grad_norm_); max_norm 0 never clips. NaN where the norm is no
   * finite number. */
  CkStatus (*clip_factor) (CkStream *stream, const double *squares, double max_norm, float *factor);
  CkStatus (*multiply) (CkStream *stream, float *x, int64_t n, float factor);
  /* y += x. */
  CkStatus (*add) (CkStream *stream, int64_t n, const float *x, float *y);
  /* One step on n parameters; none where *factor is NaN. */
  CkStatus (*adamw) (CkStream *stream, const CkAdamW *op);
};

#ifdef __cplusplus
}
#endif

#endif /* CK_TRAINING_H */
