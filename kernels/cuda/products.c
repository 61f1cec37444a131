/* SPDX-License-Identifier: MIT */
/* How products are cut into blocks. */
#include "kernels/cuda/product-arguments.h"

#include "kernels/sizes.h"

/* Sizes of tiles, the largest first; products.cu and half-products.cu have a kernel for each kind
 * and size. */
typedef struct {
  int64_t rows, cols;
  uint32_t threads;
  size_t shared;          /* bytes */
  const char *kernels[3]; /* by kind; NULL: there is none */
} Size;
enum { N_SIZES = 3 };

#define SIZE_F32(rows, cols, height, name)                                                         \
  {                                                                                                \
    rows, cols, rows / height *cols / 4,                                                           \
        (2 * CK_CUDA_DEPTH * (rows + cols) + 16) * sizeof (float),                                 \
    {                                                                                              \
      "ck_cuda_product_forward_" name, "ck_cuda_product_backward_" name,                           \
          "ck_cuda_product_gradient_" name                                                         \
    }                                                                                              \
  }
#define SIZE_HALF(rows, cols, down, across, forward, backward, gradient)                           \
  {                                                                                                \
    rows, cols, 32 * down *across, CK_CUDA_HALF_SHARED (rows, cols, down),                         \
    {                                                                                              \
      forward, backward, gradient                                                                  \
    }                                                                                              \
  }
#define SIZE_BF16(rows, cols, down, across, name)                                                  \
  SIZE_HALF (rows, cols, down, across, "ck_cuda_bf16_forward_" name,                               \
             "ck_cuda_bf16_backward_" name, "ck_cuda_bf16_gradient_" name)
#define SIZE_F16(rows, cols, down, across, name)                                                   \
  SIZE_HALF (rows, cols, down, across, "ck_cuda_f16_forward_" name, NULL, NULL)

static const Size all_sizes[][N_SIZES] = {
  [CK_CUDA_OF_F32] = { SIZE_F32 (128, 64, 8, "large"), SIZE_F32 (64, 32, 4, "medium"),
                       SIZE_F32 (16, 32, 1, "small") },
  [CK_CUDA_OF_BF16] = { SIZE_BF16 (128, 64, 4, 2, "large"), SIZE_BF16 (64, 64, 2, 2, "medium"),
                        SIZE_BF16 (16, 64, 1, 4, "small") },
  [CK_CUDA_OF_F16] = { SIZE_F16 (128, 64, 4, 2, "large"), SIZE_F16 (64, 64, 2, 2, "medium"),
                       SIZE_F16 (16, 64, 1, 4, "small") },
};

static int64_t
count_tiles (const Size *size, int64_t m, int64_t n)
{
  return ck_ceil_div (m, size->rows) * ck_ceil_div (n, size->cols);
}

/* The largest tiles of which every processor gets one, so that a single picture fills a GPU too,
 * and which are not mostly empty. No bit depends on it. */
static const Size *
choose_size (const Size *sizes, int processors, int64_t m, int64_t n, int64_t shares)
{
  int i = 0;

  while (i < N_SIZES - 1 &&
         (count_tiles (&sizes[i], m, n) * shares < processors || 2 * n <= sizes[i].cols))
    i++;
  return &sizes[i];
}

/* Terms of a share of a gradient's sum over k rows: narrow results, as of adapters, are few tiles.
 * Follows from the sizes alone, because it decides bits. */
static int64_t
choose_split (int64_t m, int64_t n, int64_t k)
{
  const int64_t tiles = ck_ceil_div (m, 64) * ck_ceil_div (n, 32), most = ck_ceil_div (k, 256),
                shares = ck_max (ck_min (most, 256 / tiles), 1);

  return ck_max (ck_round_up (ck_ceil_div (k, shares), CK_CUDA_CHUNK), CK_CUDA_CHUNK);
}

static void
launch (CkCudaStream *stream, CkCudaProductKind kind, CkCudaFactors factors,
        const CkCudaProduct *product, int64_t shares)
{
  const Size *size = choose_size (all_sizes[factors], ck_cuda_limits (stream)->processors,
                                  product->m, product->n, shares);

  ck_cuda_launch (
      stream, size->kernels[kind],
      (CkCudaGrid){ (uint32_t)count_tiles (size, product->m, product->n), 1, (uint32_t)shares },
      size->threads, size->shared, product, sizeof *product);
}

/* Shares of the sum one by one, which are then added to y. */
static void
launch_shares (CkCudaStream *stream, CkCudaFactors factors, const CkCudaProduct *product,
               int64_t shares)
{
  const int64_t n = product->m * product->n;
  CkCudaProduct part = *product;
  CkCudaShares add = { .n_shares = shares,
                       .n = n,
                       .cols = product->n,
                       .alpha = product->epilogue.alpha,
                       .row_factor = product->epilogue.row_factor,
                       .y = product->y };

  part.y = ck_cuda_scratch (stream, CK_CUDA_SCRATCH_SUMS, (size_t)(shares * n) * sizeof (float));
  if (part.y == NULL)
    return;
  part.epilogue = (CkCudaEpilogue){ .alpha = 1 };
  launch (stream, CK_CUDA_GRADIENT, factors, &part, shares);
  add.shares = part.y;
  ck_cuda_launch (stream, "ck_cuda_add_shares",
                  (CkCudaGrid){ (uint32_t)ck_ceil_div (n, CK_CUDA_SHARES_THREADS), 1, 1 },
                  CK_CUDA_SHARES_THREADS, 0, &add, sizeof add);
}

void
ck_cuda_product (CkCudaStream *stream, CkCudaProductKind kind, CkCudaFactors factors,
                 const CkCudaProduct *product)
{
  CkCudaProduct whole = *product;
  int64_t shares;

  if (product->m == 0 || product->n == 0)
    return;
  whole.split = product->first.k;
  if (kind != CK_CUDA_GRADIENT) {
    launch (stream, kind, factors, &whole, 1);
    return;
  }
  whole.split = choose_split (product->m, product->n, product->first.k);
  shares = ck_max (ck_ceil_div (product->first.k, whole.split), 1);
  if (shares == 1) {
    whole.epilogue.residual = product->y;
    launch (stream, kind, factors, &whole, 1);
  } else
    launch_shares (stream, factors, &whole, shares);
}
