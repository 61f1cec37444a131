/* SPDX-License-Identifier: MIT */
/* Rows of activations as whole numbers (quantised.h) with their outliers, in one piece of memory:
 * what CkActivations of the types CK_I16 and CK_I8 are on a CPU. */
#ifndef CK_CPU_CODED_ROWS_H
#define CK_CPU_CODED_ROWS_H

#include "kernels/cpu/cpu-ops.h"

#include <string.h>

typedef struct {
  const CkQuantisedOps *products; /* that read them */
  CkCodes codes;
  CkOutlier *outliers;  /* [rows, blocks, CK_OUTLIERS_MAX], of which a block has */
  uint8_t *counts;      /* [rows, count_stride]; 0 behind the last block */
  int64_t count_stride; /* a multiple of 8 */
} CkCodedRows;

/* Bytes of [rows, cols]; false when they cannot be counted. */
bool ck_coded_rows_bytes (const CkQuantisedOps *products, int64_t rows, int64_t cols,
                          size_t *bytes);
/* Those that lie at `memory`, which is aligned to a cache line. */
CkCodedRows ck_coded_rows_at (const CkQuantisedOps *products, int64_t rows, int64_t cols,
                              void *memory);

/* Columns [first, first + n) of a row become x [n]; first is a block's. Threads may write different
 * blocks of a row at the same time. */
void ck_coded_rows_write (const CkCodedRows *self, int64_t row, int64_t first, int64_t n,
                          const float *x);

/* Rows [row, ...) as products read them. */
static inline CkCodes
ck_coded_rows_from (const CkCodedRows *self, int64_t row)
{
  return ck_codes_from (self->products, &self->codes, row);
}

/* A place among the outliers of a row; all 0 before the first one. */
typedef struct {
  int64_t block;
  int i; /* of the block's */
} CkOutlierPlace;

/* The next outlier of a row in the order of columns, or NULL. */
static inline const CkOutlier *
ck_coded_rows_next_outlier (const CkCodedRows *self, int64_t row, CkOutlierPlace *place)
{
  for (; place->block < self->codes.blocks; place->block++, place->i = 0)
    if (place->i < self->counts[row * self->count_stride + place->block])
      return self->outliers + (row * self->codes.blocks + place->block) * CK_OUTLIERS_MAX +
             place->i++;
  return NULL;
}

static inline bool
ck_coded_rows_has_outliers (const CkCodedRows *self, int64_t row)
{
  uint64_t any = 0;

  for (int64_t i = 0; i < self->count_stride; i += 8) {
    uint64_t counts;

    memcpy (&counts, self->counts + row * self->count_stride + i, sizeof counts);
    any |= counts;
  }
  return any != 0;
}

#endif /* CK_CPU_CODED_ROWS_H */
