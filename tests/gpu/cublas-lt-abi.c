/* SPDX-License-Identifier: MIT */
/* What cublas-lt.h declares is what CUDA's own header does: it compiles. */
#include "tests/gpu/cublas-lt.h"

#include <cublasLt.h>

#define SAME(ours, theirs) _Static_assert((int)(ours) == (int)(theirs), #theirs)

SAME (CUBLAS_LT_COMPUTE_F32, CUBLAS_COMPUTE_32F);
SAME (CUBLAS_LT_F32, CUDA_R_32F);
SAME (CUBLAS_LT_F16, CUDA_R_16F);
SAME (CUBLAS_LT_BF16, CUDA_R_16BF);
SAME (CUBLAS_LT_TRANSPOSED, CUBLAS_OP_T);
SAME (CUBLAS_LT_DESC_TRANSPOSE_A, CUBLASLT_MATMUL_DESC_TRANSA);
SAME (CUBLAS_LT_PREFERENCE_WORKSPACE, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES);
SAME (CUBLAS_LT_PREFERENCE_REDUCTIONS, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK);
SAME (CUBLAS_LT_ALGO_SPLIT_K, CUBLASLT_ALGO_CONFIG_SPLITK_NUM);
SAME (CUBLAS_LT_NO_REDUCTION, CUBLASLT_REDUCTION_SCHEME_NONE);
SAME (sizeof (CublasLtAlgo), sizeof (cublasLtMatmulAlgo_t));
SAME (sizeof (CublasLtFound), sizeof (cublasLtMatmulHeuristicResult_t));
SAME (offsetof (CublasLtFound, workspace_bytes),
      offsetof (cublasLtMatmulHeuristicResult_t, workspaceSize));
SAME (offsetof (CublasLtFound, state), offsetof (cublasLtMatmulHeuristicResult_t, state));

/* Enumerations are ints, and handles pointers, so that calls are the same. */
#define CALL(name, ...) _Static_assert(sizeof (name (__VA_ARGS__)) == sizeof (int), #name)
#define P               NULL

CALL (cublasLtCreate, P);
CALL (cublasLtDestroy, P);
CALL (cublasLtMatmulDescCreate, P, (cublasComputeType_t)0, (cudaDataType_t)0);
CALL (cublasLtMatmulDescSetAttribute, P, (cublasLtMatmulDescAttributes_t)0, P, (size_t)0);
CALL (cublasLtMatmulDescDestroy, P);
CALL (cublasLtMatrixLayoutCreate, P, (cudaDataType)0, (uint64_t)0, (uint64_t)0, (int64_t)0);
CALL (cublasLtMatrixLayoutDestroy, P);
CALL (cublasLtMatmulPreferenceCreate, P);
CALL (cublasLtMatmulPreferenceSetAttribute, P, (cublasLtMatmulPreferenceAttributes_t)0, P,
      (size_t)0);
CALL (cublasLtMatmulPreferenceDestroy, P);
CALL (cublasLtMatmulAlgoGetHeuristic, P, P, P, P, P, P, P, 1, P, P);
CALL (cublasLtMatmulAlgoConfigGetAttribute, P, (cublasLtMatmulAlgoConfigAttributes_t)0, P,
      (size_t)0, P);
CALL (cublasLtMatmul, P, P, P, P, P, P, P, P, P, P, P, P, P, P, (size_t)0, P);
_Static_assert(sizeof (cublasLtGetVersion ()) == sizeof (size_t), "cublasLtGetVersion");
