/* SPDX-License-Identifier: MIT */
#include "kernels/cpu/coded-rows.h"

#include "kernels/sizes.h"

#define LINE  64 /* bytes: each part begins at a cache line */
#define GROUP 4  /* blocks that are quantised at once */

/* Where the parts begin. */
typedef struct {
  size_t scales, sums, outliers, counts, end;
} Places;

static int64_t
count_stride (int64_t cols)
{
  return ck_round_up (ck_ceil_div (cols, CK_CODE_BLOCK), 8);
}

/* Of sizes that ck_coded_rows_bytes () has counted. */
static Places
place (const CkQuantisedOps *products, int64_t rows, int64_t cols)
{
  const size_t n = (size_t)rows, b = (size_t)ck_ceil_div (cols, CK_CODE_BLOCK);
  Places places;

#define LINES(bytes) (((bytes) + LINE - 1) / LINE * LINE)
  places.scales = LINES (n * b * CK_CODE_BLOCK * (size_t)products->code_size);
  places.sums = places.scales + LINES (n * b * sizeof (float));
  places.outliers = places.sums + LINES (n * b * (size_t)products->sums * sizeof (int32_t));
  places.counts = places.outliers + LINES (n * b * CK_OUTLIERS_MAX * sizeof (CkOutlier));
  places.end = places.counts + LINES (n * (size_t)count_stride (cols));
#undef LINES
  return places;
}

bool
ck_coded_rows_bytes (const CkQuantisedOps *products, int64_t rows, int64_t cols, size_t *bytes)
{
  /* more than a block of a row takes, with its share of the lines that parts are rounded up to */
  const int64_t most = CK_CODE_BLOCK * products->code_size +
                       (1 + products->sums) * (int64_t)sizeof (float) +
                       CK_OUTLIERS_MAX * (int64_t)sizeof (CkOutlier) + 8 + 5 * LINE;
  size_t bound;

  if (rows < 0 || cols < 1 || cols > INT32_MAX ||
      !ck_size_product (ck_max (rows, 1), ck_ceil_div (cols, CK_CODE_BLOCK), most, &bound))
    return false;
  *bytes = place (products, rows, cols).end;
  return true;
}

CkCodedRows
ck_coded_rows_at (const CkQuantisedOps *products, int64_t rows, int64_t cols, void *memory)
{
  const Places places = place (products, rows, cols);
  char *at = memory;

  return (CkCodedRows){
    .products = products,
    .codes = { at, (float *)(at + places.scales), (int32_t *)(at + places.sums),
               ck_ceil_div (cols, CK_CODE_BLOCK) },
    .outliers = (CkOutlier *)(at + places.outliers),
    .counts = (uint8_t *)(at + places.counts),
    .count_stride = count_stride (cols),
  };
}

/* Outliers of a group whose first block of all rows' blocks this is; their columns begin at 0. */
static void
keep_outliers (const CkCodedRows *self, int64_t row, int64_t first, int64_t n,
               const CkOutlier *outliers)
{
  for (int64_t i = 0; i < n; i++) {
    const int64_t block = first / CK_CODE_BLOCK + outliers[i].column / CK_CODE_BLOCK;
    uint8_t *count = self->counts + row * self->count_stride + block;
    CkOutlier *to =
        self->outliers + (row * self->codes.blocks + block) * CK_OUTLIERS_MAX + (*count)++;

    *to = (CkOutlier){ (int32_t)(first + outliers[i].column), outliers[i].value };
  }
}

void
ck_coded_rows_write (const CkCodedRows *self, int64_t row, int64_t first, int64_t n, const float *x)
{
  uint8_t *counts = self->counts + row * self->count_stride;
  CkOutlier outliers[GROUP * CK_OUTLIERS_MAX];

  for (int64_t i = 0; i < n; i += GROUP * CK_CODE_BLOCK) {
    const int64_t block = (first + i) / CK_CODE_BLOCK, at = row * self->codes.blocks + block,
                  left = ck_min (n - i, GROUP * CK_CODE_BLOCK);

    memset (counts + block, 0, (size_t)ck_ceil_div (left, CK_CODE_BLOCK));
    keep_outliers (
        self, row, first + i,
        self->products->quantise (
            left, x + i, (char *)self->codes.codes + at * CK_CODE_BLOCK * self->products->code_size,
            self->codes.scales + at, self->codes.sums + at * self->products->sums, outliers),
        outliers);
  }
  /* whoever writes the last block also writes what lies behind it */
  if (ck_ceil_div (first + n, CK_CODE_BLOCK) == self->codes.blocks)
    memset (counts + self->codes.blocks, 0, (size_t)(self->count_stride - self->codes.blocks));
}
