/* SPDX-License-Identifier: MIT */
/*
 * What the files of the CPU backend share: the table of inner operations, which each level fills
 * with its own versions, and the backend itself. An operation of CkBackend (linear.c, attention.c,
 * ...) cuts its work into tasks for the team and calls inner operations from them; an inner
 * operation runs in the calling thread, on a row or a tile, and is all that a new level has to
 * write.
 */
#ifndef CK_CPU_OPS_H
#define CK_CPU_OPS_H

#include "kernels/kernels.h"
#include "kernels/training.h"
#include "kernels/cpu/cpu-level.h"

/* What follows the product in a linear layer, for the columns of one tile; the fields of CkLinear
 * and the adapter's gain, or NULL. */
typedef struct {
  const float *gain, *bias;
  CkActivation activation;
  const float *scale;
} CkEpilogue;

/* A step of AdamW: the numbers that are one for all parameters. */
typedef struct {
  float factor;         /* of the gradients */
  float rest1;          /* 1 - beta1 */
  float beta2, rest2;   /* rest2: 1 - beta2 */
  float root;           /* of the bias correction of the second moments */
  float epsilon, decay; /* decay: 1 - learning rate * weight decay */
  float step;           /* learning rate / bias correction of the first moments */
} CkAdamWStep;

typedef struct {
  /*
   * c [m, n] = alpha a [m, k] b + beta c, where b is [k, n], or [n, k] if transpose_b. lda, ldb,
   * ldc: elements from a row to the next. c is not read when beta is 0. Every element of c is the
   * same whatever m and n are and wherever in c it lies.
   */
  CkStatus (*gemm) (bool transpose_b, int64_t m, int64_t n, int64_t k, float alpha, const float *a,
                    int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc);

  void (*decode_f16) (int64_t n, const uint16_t *data, float *out);
  void (*decode_bf16) (int64_t n, const uint16_t *data, float *out);
  /* Elements [first, first + n) of the flattened matrix: code[q] * absmax, rounded once. */
  void (*decode_nf4) (const CkWeightSource *source, int64_t first, int64_t n, float *out);

  /*
   * n pixels as CkPicture's comment has it. y, u, v [n]: a sample each, of two bytes for CK_P010;
   * rgb [3, n]: planes of bytes. Of the picture only layout and coefficients are looked at. The
   * same bytes at every level.
   */
  void (*yuv_to_rgb) (const CkPicture *picture, int64_t n, const uint8_t *y, const uint8_t *u,
                      const uint8_t *v, uint8_t *rgb);

  /* One row; y may be x. */
  void (*norm) (const CkNorm *norm, int64_t cols, const float *x, float *y);
  /* One row, in place. */
  void (*softmax) (int64_t n, float *x);
  /* One head of one token, in place. */
  void (*rope) (int64_t head_dim, const float *cos, const float *sin, float *x);
  /* One row of a tile: y = epilogue (t) * times * scale + residual; times and residual may be NULL,
   * and may be y. */
  void (*epilogue) (const CkEpilogue *epilogue, int64_t cols, const float *t, const float *times,
                    const float *residual, float *y);
  /* y [n] = elements [first, first + n) of x dropped out, as CkTraining.dropout says; x and y point
   * to the first of them. y may be x. */
  void (*dropout) (uint64_t key, float p, int64_t first, int64_t n, const float *x, float *y);

  /* ---- for training only ---- */

  /* c [m, n] = alpha a^T b + beta c, where a is [k, m] and b is [k, n]: gradients of weights. */
  CkStatus (*gemm_across) (int64_t m, int64_t n, int64_t k, float alpha, const float *a,
                           int64_t lda, const float *b, int64_t ldb, float beta, float *c,
                           int64_t ldc);
  /* The transpose of rope, which also undoes it. */
  void (*rope_back) (int64_t head_dim, const float *cos, const float *sin, float *x);
  /* One row: dx = scale p (dx - sum (p dx)), in place, where p is what softmax gave. */
  void (*softmax_backward) (int64_t n, float scale, const float *p, float *dx);
  /* One row; adds to dweight and dbias, which may be NULL, and writes dx or with `add` adds to it.
   * dx may be dy. */
  void (*norm_backward) (const CkNorm *norm, int64_t cols, const float *x, const float *dy,
                         bool add, float *dx, float *dweight, float *dbias);
  /* dx = dy activation' (x); dx may be x or dy. */
  void (*activate_backward) (CkActivation activation, int64_t n, const float *x, const float *dy,
                             float *dx);
  void (*adamw) (const CkAdamWStep *step, int64_t n, const float *gradients, float *first,
                 float *second, float *parameters);
  /* Whole operations of the team, because a library does them as such: CkTraining's entries, with
   * shapes that are known to be right. */
  CkStatus (*convolution) (CkBackend *self, const CkConvolution *shape, const float *x,
                           const float *weight, float *y);
  CkStatus (*convolution_backward) (CkBackend *self, const CkConvolution *shape, const float *x,
                                    const float *weight, const float *dy, float *dx,
                                    float *dweight);
} CkCpuOps;

/* Each overwrites the entries that its level does better; called in this order up to the level
 * wanted. */
void ck_cpu_ops_init_c (CkCpuOps *ops);
void ck_cpu_ops_init_c_training (CkCpuOps *ops);
void ck_cpu_ops_init_avx2 (CkCpuOps *ops);
void ck_cpu_ops_init_avx512 (CkCpuOps *ops);

/* CkCpuOps.convolution in plain C (convolution-c.c) and by oneDNN (convolution-dnnl.c). */
CkStatus ck_convolution_c (CkBackend *self, const CkConvolution *shape, const float *x,
                           const float *weight, float *y);
CkStatus ck_convolution_backward_c (CkBackend *self, const CkConvolution *shape, const float *x,
                                    const float *weight, const float *dy, float *dx,
                                    float *dweight);
CkStatus ck_convolution_dnnl (CkBackend *self, const CkConvolution *shape, const float *x,
                              const float *weight, float *y);
CkStatus ck_convolution_backward_dnnl (CkBackend *self, const CkConvolution *shape, const float *x,
                                       const float *weight, const float *dy, float *dx,
                                       float *dweight);
/* What oneDNN made ready for the shapes that came so far; kept in the backend. */
typedef struct CkConvolutions CkConvolutions;
void ck_convolutions_free (CkConvolutions *convolutions);

/* ---- integers; sizes are positive ------------------------------------------------------------ */

static inline int64_t
ck_min (int64_t a, int64_t b)
{
  return a < b ? a : b;
}

static inline int64_t
ck_max (int64_t a, int64_t b)
{
  return a > b ? a : b;
}

static inline int64_t
ck_ceil_div (int64_t a, int64_t b)
{
  return (a + b - 1) / b;
}

/* To a multiple of b. */
static inline int64_t
ck_round_up (int64_t a, int64_t b)
{
  return ck_ceil_div (a, b) * b;
}

/* Memory that an operation needs while it runs; kept for the next call, because a network asks for
 * the same sizes again and again. */
typedef struct {
  void *data;
  size_t bytes;
} CkScratch;

typedef struct {
  CkBackend base;
  CkCpuOps ops;
  CkScratch tiles;              /* of linear and attention */
  CkScratch patches;            /* of embed and its backward, which call linear and its backward */
  CkScratch planes;             /* of convolution and batch norm */
  CkConvolutions *convolutions; /* NULL until oneDNN is asked for the first one */
} CkCpu;

struct CkWeight {
  CkWeightSource source;
  void *copy; /* of source.data where that was not aligned for its type; else NULL */
};

/* *bytes = a * b * c; false when a factor is negative or the product is more than half the address
 * space. */
bool ck_size_product (int64_t a, int64_t b, int64_t c, size_t *bytes);
/* At least `bytes` of memory, aligned to 64 bytes, contents undefined; NULL when there is none. */
void *ck_scratch_get (CkScratch *scratch, size_t bytes);

/* weight.c */
CkStatus ck_cpu_weight_new (CkBackend *self, const CkWeightSource *source, CkWeight **weight);
void ck_cpu_weight_free (CkBackend *self, CkWeight *weight);
CkStatus ck_cpu_weight_decode (CkBackend *self, const CkWeight *weight, int64_t first, int64_t rows,
                               float *out);
/* Elements [first, first + n) of the flattened matrix, in the calling thread; they must exist. */
void ck_weight_decode_run (const CkCpuOps *ops, const CkWeight *weight, int64_t first, int64_t n,
                           float *out);

/*
 * adapter.c: low [rows, rank] = dropout (x) down^T, the first product of an adapter. `turned` is
 * scratch of ck_adapter_turned () floats for down^T, `buffers` of ck_adapter_buffer () floats a
 * thread.
 */
int64_t ck_adapter_turned (const CkAdapter *adapter, int64_t in);
int64_t ck_adapter_buffer (const CkAdapter *adapter);
CkStatus ck_adapter_low (const CkCpu *cpu, const CkAdapter *adapter, int64_t rows, int64_t in,
                         const float *x, float *low, float *turned, float *buffers);

/* attention.c */
CkStatus ck_attention_check (const CkAttention *attention);

/* embed.c: one patch of one picture as a row [channels * patch * patch], and how many rows are
 * gathered at once. */
void ck_embed_gather (const CkEmbed *embed, const float *picture, int64_t index, float *row);
int64_t ck_embed_chunk (const CkEmbed *embed);
CkStatus ck_embed_check (const CkEmbed *embed);

/* One file each; contracts in kernels.h. */
CkStatus ck_cpu_linear (CkBackend *self, const CkLinear *layer, int64_t rows, const CkInput *x,
                        float *y);
CkStatus ck_cpu_norm (CkBackend *self, const CkNorm *norm, int64_t rows, int64_t cols,
                      const float *x, float *y);
CkStatus ck_cpu_attention (CkBackend *self, const CkAttention *attention);
CkStatus ck_cpu_embed (CkBackend *self, const CkEmbed *embed);
CkStatus ck_resample (CkBackend *self, const CkResample *resample);

#endif /* CK_CPU_OPS_H */
