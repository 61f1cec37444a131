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

/* Writes a tile by way of its tail. */
static void
Q (finish) (const Q (Target) * target, const float totals[Q_TILE][Q_STRIP])
{
  const CkTail *tail = target->tail;
  const int64_t end = ck_min (target->row + Q_TILE, target->rows);

  for (int64_t row = target->row; row < end; row++)
    for (int64_t col = 0; col < target->outs; col += W) {
      const int64_t left = target->outs - col;
      vf total = v_load (totals[row - target->row] + col, W, 0);

      if (tail->addend != NULL)
        total = v_add (total, v_load (tail->addend + row * tail->addend_stride + col, left, 0));
      total = v_epilogue (
          &tail->epilogue, tail->multiplier != NULL ? tail->multiplier + row * tail->stride : NULL,
          tail->residual != NULL ? tail->residual + row * tail->stride : NULL, col, left, total);
      v_store (target->y + row * target->stride + col, left, total);
    }
}
