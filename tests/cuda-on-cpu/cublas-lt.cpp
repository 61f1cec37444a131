/* SPDX-License-Identifier: MIT */
/* A cuBLASLt, as far as tests/gpu/panels.c calls it: products of halves that run when the stream is
 * waited for. It offers an algorithm that splits k first, which nobody is to take. */
#include "tests/gpu/cublas-lt.h"

#include "tests/cuda-on-cpu/calls.h"
#include "tests/cuda-on-cpu/half-bits.h"
#include "tests/cuda-on-cpu/memory.h"
#include "tests/cuda-on-cpu/shadow.h"
#include "tests/cuda-on-cpu/streams.h"

#include <string.h>

#define DECLARE(name, result, parameters)                                                          \
  extern "C" __attribute__ ((visibility ("default"))) result name parameters;
CUBLAS_LT_FUNCTIONS (DECLARE)

enum { SUCCESS = 0, INVALID = 7, NOT_SUPPORTED = 15, SPLIT = 1, WHOLE = 2 };

struct CublasLtContext {
};

struct CublasLtProduct {
  int32_t transposed_a;
};

struct CublasLtMatrix {
  int type;
  uint64_t rows, cols;
  int64_t stride;

  size_t element_bytes (void) const
  {
    return type == CUBLAS_LT_F32 ? 4 : 2;
  }
  /* Of column `col`. */
  uint8_t *column (const void *matrix, uint64_t col) const
  {
    return (uint8_t *)matrix + col * (uint64_t)stride * element_bytes ();
  }
  bool is_live (const void *matrix) const
  {
    for (uint64_t col = 0; col < cols; col++)
      if (!memory_is_live (column (matrix, col), rows * element_bytes ()))
        return false;
    return true;
  }
};

struct CublasLtWishes {
  uint32_t reductions = ~0u;
};

size_t
cublasLtGetVersion (void)
{
  return 130000;
}

int
cublasLtCreate (CublasLtHandle *handle)
{
  if (context_state () != 0)
    return INVALID;
  *handle = new CublasLtContext ();
  return SUCCESS;
}

int
cublasLtDestroy (CublasLtHandle handle)
{
  delete handle;
  return SUCCESS;
}

int
cublasLtMatmulDescCreate (CublasLtDesc *desc, int compute, int scale_type)
{
  if (compute != CUBLAS_LT_COMPUTE_F32 || scale_type != CUBLAS_LT_F32)
    return NOT_SUPPORTED;
  *desc = new CublasLtProduct ();
  return SUCCESS;
}

int
cublasLtMatmulDescSetAttribute (CublasLtDesc desc, int attribute, const void *value, size_t bytes)
{
  if (attribute != CUBLAS_LT_DESC_TRANSPOSE_A || bytes != sizeof desc->transposed_a)
    return INVALID;
  memcpy (&desc->transposed_a, value, bytes);
  return SUCCESS;
}

int
cublasLtMatmulDescDestroy (CublasLtDesc desc)
{
  delete desc;
  return SUCCESS;
}

int
cublasLtMatrixLayoutCreate (CublasLtLayout *layout, int type, uint64_t rows, uint64_t cols,
                            int64_t stride)
{
  *layout = new CublasLtMatrix{ type, rows, cols, stride };
  return SUCCESS;
}

int
cublasLtMatrixLayoutDestroy (CublasLtLayout layout)
{
  delete layout;
  return SUCCESS;
}

int
cublasLtMatmulPreferenceCreate (CublasLtPreference *preference)
{
  *preference = new CublasLtWishes ();
  return SUCCESS;
}

int
cublasLtMatmulPreferenceSetAttribute (CublasLtPreference preference, int attribute,
                                      const void *value, size_t bytes)
{
  if (attribute == CUBLAS_LT_PREFERENCE_WORKSPACE)
    return bytes == sizeof (uint64_t) ? SUCCESS : INVALID;
  if (attribute != CUBLAS_LT_PREFERENCE_REDUCTIONS || bytes != sizeof preference->reductions)
    return INVALID;
  memcpy (&preference->reductions, value, bytes);
  return SUCCESS;
}

int
cublasLtMatmulPreferenceDestroy (CublasLtPreference preference)
{
  delete preference;
  return SUCCESS;
}

/* ---- algorithms ------------------------------------------------------------------------------ */

int
cublasLtMatmulAlgoGetHeuristic (CublasLtHandle handle, CublasLtDesc desc, CublasLtLayout a,
                                CublasLtLayout b, CublasLtLayout c, CublasLtLayout d,
                                CublasLtPreference preference, int asked, CublasLtFound *found,
                                int *n_found)
{
  *n_found = 0;
  if (preference->reductions != CUBLAS_LT_NO_REDUCTION)
    return NOT_SUPPORTED;
  for (uint64_t kind : { SPLIT, WHOLE })
    if (*n_found < asked) {
      found[*n_found] = {};
      found[*n_found].algo.data[0] = kind;
      ++*n_found;
    }
  return SUCCESS;
}

int
cublasLtMatmulAlgoConfigGetAttribute (const CublasLtAlgo *algo, int attribute, void *value,
                                      size_t bytes, size_t *written)
{
  const int32_t shares = algo->data[0] == SPLIT ? 4 : 1;

  if (attribute != CUBLAS_LT_ALGO_SPLIT_K || bytes != sizeof shares)
    return INVALID;
  memcpy (value, &shares, bytes);
  *written = bytes;
  return SUCCESS;
}

/* ---- the product ----------------------------------------------------------------------------- */

static float
half_of (const CublasLtMatrix &layout, const uint8_t *column, uint64_t row)
{
  uint16_t bits;

  memcpy (&bits, column + 2 * row, sizeof bits);
  return layout.type == CUBLAS_LT_BF16 ? bfloat16_to_float (bits) : half_to_float (bits);
}

int
cublasLtMatmul (CublasLtHandle handle, CublasLtDesc desc, const void *alpha, const void *a,
                CublasLtLayout a_layout, const void *b, CublasLtLayout b_layout, const void *beta,
                const void *c, CublasLtLayout c_layout, void *d, CublasLtLayout d_layout,
                const CublasLtAlgo *algo, void *workspace, size_t workspace_bytes,
                CkCuStream *stream)
{
  const Call call ("cublasLtMatmul");
  const CublasLtMatrix x = *a_layout, y = *b_layout, z = *d_layout;

  if (call.result != 0 || context_state () != 0)
    return INVALID;
  if (algo->data[0] != WHOLE || desc->transposed_a != CUBLAS_LT_TRANSPOSED || x.rows != y.rows ||
      x.type == CUBLAS_LT_F32 || x.type != y.type || z.type != CUBLAS_LT_F32 || z.rows != x.cols ||
      z.cols != y.cols || *(const float *)alpha != 1 || *(const float *)beta != 0)
    return NOT_SUPPORTED;
  return enqueue (stream, [=] {
    if (!x.is_live (a) || !y.is_live (b) || !z.is_live (d))
      return (CkCuResult)CK_CU_ILLEGAL_ADDRESS;
    for (uint64_t j = 0; j < z.cols; j++) {
      uint8_t *to = z.column (d, j);

      for (uint64_t i = 0; i < z.rows; i++) {
        float sum = 0;

        for (uint64_t k = 0; k < x.rows; k++)
          sum += half_of (x, x.column (a, i), k) * half_of (y, y.column (b, j), k);
        memcpy (to + 4 * i, &sum, sizeof sum);
      }
      shadow_written (to, z.rows * 4);
    }
    return (CkCuResult)0;
  });
}
