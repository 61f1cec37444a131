/* SPDX-License-Identifier: MIT */
#include "kernels/cuda/coded-rows.h"

#include "kernels/code-rules.h"
#include "kernels/sizes.h"

_Static_assert(CK_CUDA_BLOCK == CK_CODE_BLOCK && CK_CUDA_CODE_MAX == CK_CODE_MAX_8 &&
                   CK_CUDA_OUTLIERS_MAX == CK_OUTLIERS_MAX && CK_CUDA_OUTLIER == CK_OUTLIER,
               "the rules are those of the processor");

#define LINE 64 /* bytes: each part begins at one */

typedef struct {
  size_t scales, outliers, counts, end;
} Places;

static int64_t
count_stride (int64_t cols)
{
  return ck_round_up (ck_ceil_div (cols, CK_CUDA_BLOCK), 16);
}

static Places
place (int64_t rows, int64_t cols, bool outliers)
{
  const size_t n = (size_t)rows, b = (size_t)ck_ceil_div (cols, CK_CUDA_BLOCK);
  Places places;

#define LINES(bytes) (((bytes) + LINE - 1) / LINE * LINE)
  places.scales = LINES (n * b * CK_CUDA_BLOCK);
  places.outliers = places.scales + LINES (n * b * sizeof (float));
  places.counts = places.outliers +
                  LINES (outliers ? n * b * CK_CUDA_OUTLIERS_MAX * sizeof (CkCudaOutlier) : 0);
  places.end = places.counts + LINES (outliers ? n * (size_t)count_stride (cols) : 0);
#undef LINES
  return places;
}

bool
ck_cuda_codes_bytes (int64_t rows, int64_t cols, bool outliers, size_t *bytes)
{
  /* more than a block of a row takes, with its share of the lines that parts are rounded up to */
  const int64_t most = CK_CUDA_BLOCK + (int64_t)sizeof (float) +
                       CK_CUDA_OUTLIERS_MAX * (int64_t)sizeof (CkCudaOutlier) + 16 + 4 * LINE;
  size_t bound;

  if (rows < 0 || cols < 1 || cols > INT32_MAX ||
      !ck_size_product (ck_max (rows, 1), ck_ceil_div (cols, CK_CUDA_BLOCK), most, &bound))
    return false;
  *bytes = place (rows, cols, outliers).end;
  return true;
}

CkCudaCodes
ck_cuda_codes_at (int64_t rows, int64_t cols, bool outliers, void *memory)
{
  const Places places = place (rows, cols, outliers);
  char *at = memory;

  return (CkCudaCodes){
    .codes = (int8_t *)at,
    .scales = (float *)(at + places.scales),
    .outliers = outliers ? (CkCudaOutlier *)(at + places.outliers) : NULL,
    .counts = outliers ? (uint8_t *)(at + places.counts) : NULL,
    .blocks = ck_ceil_div (cols, CK_CUDA_BLOCK),
    .count_stride = count_stride (cols),
  };
}

void
ck_cuda_quantise (CkCudaStream *stream, const CkCudaValues *x, float factor, const CkCudaCodes *to)
{
  const CkCudaQuantise arguments = { *x, factor, *to };
  const int64_t groups = CK_CUDA_QUANTISE_THREADS / CK_CUDA_QUANTISE_LANES;

  ck_cuda_launch (stream, "ck_cuda_quantise_rows",
                  (CkCudaGrid){ (uint32_t)ck_ceil_div (x->rows * to->blocks, groups), 1, 1 },
                  CK_CUDA_QUANTISE_THREADS, (16 + (size_t)groups * CK_CUDA_BLOCK) * sizeof (float),
                  &arguments, sizeof arguments);
}
