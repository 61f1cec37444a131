/* SPDX-License-Identifier: MIT */
/* How products of whole numbers are cut into blocks. */
#include "kernels/cuda/code-products.h"

#include "kernels/sizes.h"

/* Sizes of tiles, the largest first; code-products.cu has a kernel for each. */
typedef struct {
  int64_t rows, cols;
  uint32_t threads;
  const char *kernel;
} Size;

static const Size sizes[] = {
  { 128, 64, 256, "ck_cuda_code_product_large" },
  { 64, 64, 128, "ck_cuda_code_product_medium" },
  { 16, 64, 128, "ck_cuda_code_product_small" },
};
enum { N_SIZES = sizeof sizes / sizeof *sizes };

static size_t
shared_bytes (const Size *size)
{
  return (size_t)CK_CUDA_CODE_SHARED (size->rows, size->cols);
}

static int64_t
count_tiles (const Size *size, const CkCudaCodeProduct *product)
{
  return ck_ceil_div (product->m, size->rows) * ck_ceil_div (product->n, size->cols);
}

/* The largest tiles of which every processor gets one. No bit depends on it. */
static const Size *
choose_size (const CkCudaLimits *limits, const CkCudaCodeProduct *product)
{
  int i = 0;

  while (i < N_SIZES - 1 && (count_tiles (&sizes[i], product) < limits->processors ||
                             shared_bytes (&sizes[i]) > limits->shared))
    i++;
  return &sizes[i];
}

void
ck_cuda_code_product (CkCudaStream *stream, const CkCudaCodeProduct *product)
{
  const Size *size = choose_size (ck_cuda_limits (stream), product);

  if (product->m == 0 || product->n == 0)
    return;
  ck_cuda_launch (stream, size->kernel, (CkCudaGrid){ (uint32_t)count_tiles (size, product), 1, 1 },
                  size->threads, shared_bytes (size), product, sizeof *product);
}
