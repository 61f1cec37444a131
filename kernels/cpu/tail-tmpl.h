/* SPDX-License-Identifier: MIT */
/*
 * What becomes of a tile of products of whole numbers, CkTail, over vectors of any width.
 * quantised-tmpl.h includes this file; so may one that multiplies codes in a way of its own. Beside
 * the words of vectors-tmpl.h it needs Q(name), Q_TILE and Q_STRIP: a tile's rows and outputs.
 */
#include "kernels/cpu/epilogue-tmpl.h"

/* Where a tile's result goes: row `row` of all rows is the tile's first. */
typedef struct {
  const CkTail *tail;
  int64_t row, rows, outs;
  float *y; /* of all rows */
  int64_t stride;
} Q (Target);

/* Asks for what the tail of a tile reads, and for the lines that it writes, while products are
 * made: they lie a row apart, in which processors see no pattern. */
static inline void
Q (fetch) (const Q (Target) * target)
{
  const CkTail *tail = target->tail;

  for (int64_t i = target->row; i < ck_min (target->row + Q_TILE, target->rows); i++)
    for (int64_t line = 0; line < target->outs; line += 16) {
      __builtin_prefetch (target->y + i * target->stride + line, 1);
      if (tail != NULL && tail->residual != NULL)
        __builtin_prefetch (tail->residual + i * tail->stride + line);
    }
}

/* Writes W columns of a tile from `col` on, as far as there are some, by way of its tail. */
static inline __attribute__ ((always_inline)) void
Q (finish) (const Q (Target) * target, int64_t col, vf values[Q_TILE])
{
  const CkTail *tail = target->tail;
  const int64_t left = ck_max (target->outs - col, 0);
  int64_t at[Q_TILE];

#pragma GCC unroll 16
  for (int i = 0; i < Q_TILE; i++)
    at[i] = ck_min (target->row + i, target->rows - 1);
  if (tail->addend != NULL)
#pragma GCC unroll 16
    for (int i = 0; i < Q_TILE; i++)
      values[i] =
          v_add (values[i], v_load (tail->addend + at[i] * tail->addend_stride + col, left, 0));
#pragma GCC unroll 16
  for (int i = 0; i < Q_TILE; i++)
    at[i] *= tail->stride;
  v_epilogue (&tail->epilogue, tail->multiplier, tail->residual, Q_TILE, at, col, left, values);
#pragma GCC unroll 16
  for (int i = 0; i < Q_TILE; i++)
    if (target->row + i < target->rows)
      v_store (target->y + (target->row + i) * target->stride + col, left, values[i]);
}
