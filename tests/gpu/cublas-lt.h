/* SPDX-License-Identifier: MIT */
/* The functions of cuBLASLt that we call, as its ABI has them since CUDA 11. It is opened at run
 * time, so neither its header nor the library are needed to build. */
#ifndef COW_CUBLAS_LT_H
#define COW_CUBLAS_LT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct CUstream_st CkCuStream;
typedef struct CublasLtContext *CublasLtHandle;
typedef struct CublasLtProduct *CublasLtDesc;      /* cublasLtMatmulDesc_t */
typedef struct CublasLtMatrix *CublasLtLayout;     /* cublasLtMatrixLayout_t */
typedef struct CublasLtWishes *CublasLtPreference; /* cublasLtMatmulPreference_t */

typedef struct {
  uint64_t data[8];
} CublasLtAlgo; /* cublasLtMatmulAlgo_t */

/* cublasLtMatmulHeuristicResult_t */
typedef struct {
  CublasLtAlgo algo;
  size_t workspace_bytes;
  int state;
  float waves;
  int reserved[4];
} CublasLtFound;

/* cublasComputeType_t, cudaDataType, cublasOperation_t, attributes, CUBLASLT_REDUCTION_SCHEME */
enum {
  CUBLAS_LT_COMPUTE_F32 = 68,
  CUBLAS_LT_F32 = 0,
  CUBLAS_LT_F16 = 2,
  CUBLAS_LT_BF16 = 14,
  CUBLAS_LT_TRANSPOSED = 1,
  CUBLAS_LT_DESC_TRANSPOSE_A = 3,
  CUBLAS_LT_PREFERENCE_WORKSPACE = 1,
  CUBLAS_LT_PREFERENCE_REDUCTIONS = 3,
  CUBLAS_LT_ALGO_SPLIT_K = 2,
  CUBLAS_LT_NO_REDUCTION = 0
};

/* FUNCTION (name, result, parameters); results of int are cublasStatus_t. */
/* clang-format off */
#define CUBLAS_LT_FUNCTIONS(FUNCTION)                                                              \
  FUNCTION (cublasLtGetVersion, size_t, (void))                                                    \
  FUNCTION (cublasLtCreate, int, (CublasLtHandle *handle))                                         \
  FUNCTION (cublasLtDestroy, int, (CublasLtHandle handle))                                         \
  FUNCTION (cublasLtMatmulDescCreate, int, (CublasLtDesc *desc, int compute, int scale_type))      \
  FUNCTION (cublasLtMatmulDescSetAttribute, int,                                                   \
            (CublasLtDesc desc, int attribute, const void *value, size_t bytes))                   \
  FUNCTION (cublasLtMatmulDescDestroy, int, (CublasLtDesc desc))                                   \
  FUNCTION (cublasLtMatrixLayoutCreate, int,                                                       \
            (CublasLtLayout *layout, int type, uint64_t rows, uint64_t cols, int64_t stride))      \
  FUNCTION (cublasLtMatrixLayoutDestroy, int, (CublasLtLayout layout))                             \
  FUNCTION (cublasLtMatmulPreferenceCreate, int, (CublasLtPreference *preference))                 \
  FUNCTION (cublasLtMatmulPreferenceSetAttribute, int,                                             \
            (CublasLtPreference preference, int attribute, const void *value, size_t bytes))       \
  FUNCTION (cublasLtMatmulPreferenceDestroy, int, (CublasLtPreference preference))                 \
  FUNCTION (cublasLtMatmulAlgoGetHeuristic, int,                                                   \
            (CublasLtHandle handle, CublasLtDesc desc, CublasLtLayout a, CublasLtLayout b,         \
             CublasLtLayout c, CublasLtLayout d, CublasLtPreference preference, int asked,         \
             CublasLtFound *found, int *n_found))                                                  \
  FUNCTION (cublasLtMatmulAlgoConfigGetAttribute, int,                                             \
            (const CublasLtAlgo *algo, int attribute, void *value, size_t bytes, size_t *written)) \
  FUNCTION (cublasLtMatmul, int,                                                                   \
            (CublasLtHandle handle, CublasLtDesc desc, const void *alpha, const void *a,           \
             CublasLtLayout a_layout, const void *b, CublasLtLayout b_layout, const void *beta,    \
             const void *c, CublasLtLayout c_layout, void *d, CublasLtLayout d_layout,             \
             const CublasLtAlgo *algo, void *workspace, size_t workspace_bytes,                    \
             CkCuStream *stream))
/* clang-format on */

#define CUBLAS_LT_FIELD(name, result, parameters) result (*name) parameters;

typedef struct {
  void *library;
  CUBLAS_LT_FUNCTIONS (CUBLAS_LT_FIELD)
} CublasLt;

#undef CUBLAS_LT_FIELD

/* Opens the library that COWBEHAVIOR_CUBLASLT names, else the newest that there is; it stays open.
 * false: there is none, or it lacks a function, and `reason` says so. */
bool cublas_lt_open (CublasLt *lt, char *reason, size_t reason_bytes);

#endif /* COW_CUBLAS_LT_H */
