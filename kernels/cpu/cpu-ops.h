/* SPDX-License-Identifier: MIT */
/*
 * What the files of the CPU backend share: the table of inner operations, which each level fills with its own versions, and the backend
 * itself. An operation of CkBackend (linear.c, attention.c, ...) cuts its work into tasks for the team and calls inner operations from
 * them; an inner operation runs in the calling thread, on a row or a tile, and is all that a new level has to write.
 */
#ifndef CK_CPU_OPS_H
#define CK_CPU_OPS_H

#include "kernels/kernels.h"
#include "kernels/cpu/cpu-level.h"

/* What follows the product in a linear layer, for the columns of one tile; the fields of CkLinear and the adapter's gain, or NULL. */
typedef struct {
  const float *gain, *bias;
  CkActivation activation;
  const float *scale;
} CkEpilogue;

typedef struct {
  /*
   * c [m, n] = alpha a [m, k] b + beta c, where b is [k, n], or [n, k] if transpose_b. lda, ldb, ldc: elements from a row to the next.
   * c is not read when beta is 0.
   */
  CkStatus (*gemm) (bool transpose_b, int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda, const float *b,
                    int64_t ldb, float beta, float *c, int64_t ldc);

  void (*decode_f16) (int64_t n, const uint16_t *data, float *out);
  void (*decode_bf16) (int64_t n, const uint16_t *data, float *out);
  /* Elements [first, first + n) of the flattened matrix: code[q] * absmax, rounded once. */
  void (*decode_nf4) (const CkWeightSource *source, int64_t first, int64_t n, float *out);

  /* One row; y may be x. */
  void (*norm) (const CkNorm *norm, int64_t cols, const float *x, float *y);
  /* One row, in place. */
  void (*softmax) (int64_t n, float *x);
  /* One head of one token, in place. */
  void (*rope) (int64_t head_dim, const float *cos, const float *sin, float *x);
  /* One row of a tile: y = epilogue (t) * times * scale + residual; times and residual may be NULL, and may be y. */
  void (*epilogue) (const CkEpilogue *epilogue, int64_t cols, const float *t, const float *times, const float *residual, float *y);
} CkCpuOps;

/* Each overwrites the entries that its level does better; called in this order up to the level wanted. */
void ck_cpu_ops_init_c (CkCpuOps *ops);
void ck_cpu_ops_init_avx2 (CkCpuOps *ops);
void ck_cpu_ops_init_avx512 (CkCpuOps *ops);

/* The same contract as CkCpuOps.gemm, by oneDNN, which chooses its instructions itself. */
CkStatus ck_gemm_dnnl (bool transpose_b, int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda, const float *b,
                       int64_t ldb, float beta, float *c, int64_t ldc);

/* Memory that an operation needs while it runs; kept for the next call, because a network asks for the same sizes again and again. */
typedef struct {
  void *data;
  size_t bytes;
} CkScratch;

typedef struct {
  CkBackend base;
  CkCpuOps ops;
  int threads;
  CkScratch tiles;   /* of linear and attention */
  CkScratch patches; /* of embed, which calls linear */
} CkCpu;

struct CkWeight {
  CkWeightSource source;
  void *copy; /* of source.data where that was not aligned for its type; else NULL */
};

/* *bytes = a * b * c; false when a factor is negative or the product is more than half the address space. */
bool ck_size_product (int64_t a, int64_t b, int64_t c, size_t *bytes);
/* At least `bytes` of memory, aligned to 64 bytes, contents undefined; NULL when there is none. */
void *ck_scratch_get (CkScratch *scratch, size_t bytes);

/* weight.c */
CkStatus ck_cpu_weight_new (CkBackend *self, const CkWeightSource *source, CkWeight **weight);
void ck_cpu_weight_free (CkBackend *self, CkWeight *weight);
CkStatus ck_cpu_weight_decode (CkBackend *self, const CkWeight *weight, int64_t first, int64_t rows, float *out);
/* Elements [first, first + n) of the flattened matrix, in the calling thread; they must exist. */
void ck_weight_decode_run (const CkCpuOps *ops, const CkWeight *weight, int64_t first, int64_t n, float *out);

/* One file each; contracts in kernels.h. */
CkStatus ck_cpu_linear (CkBackend *self, const CkLinear *layer, int64_t rows, const CkInput *x, float *y);
CkStatus ck_cpu_norm (CkBackend *self, const CkNorm *norm, int64_t rows, int64_t cols, const float *x, float *y);
CkStatus ck_cpu_attention (CkBackend *self, const CkAttention *attention);
CkStatus ck_cpu_embed (CkBackend *self, const CkEmbed *embed);
CkStatus ck_resample (CkBackend *self, const CkResample *resample);

#endif /* CK_CPU_OPS_H */
