/* SPDX-License-Identifier: MIT */
/*
 * gemm.h over vectors of any width (vectors-tmpl.h).
 *
 * Every element of c is made by one sequence of operations that depends on k alone: c = beta c, and
 * then for each block of k in turn c += alpha s, where s is the sum of the block's terms, added to
 * 0 one after the other by fused multiply-adds. How many rows and columns there are, where among
 * them the element lies and how they are cut decides only which elements are made side by side.
 * The contract on bits in kernels.h rests on this.
 *
 * The loops are those of Goto and van de Geijn (2008), in one thread. A block of b is packed into
 * strips [depth, STRIP], which stay in the L2 cache. A tile, TILE rows of a, is multiplied with one
 * strip after the other; the sums, TILE rows of VECTORS vectors, stay in registers. Columns that a
 * strip lacks and rows that a tile lacks are zeros, whose sums are not written to c.
 *
 * The file that includes this one says how large a tile its registers hold:
 *   TILE                           rows, a multiple of 3
 * and what pack-tmpl.h wants.
 */
#ifndef CK_CPU_GEMM_TMPL_H
#define CK_CPU_GEMM_TMPL_H

#include "kernels/cpu/gemm.h"
#include "kernels/cpu/pack-tmpl.h"
#include "kernels/sizes.h"

#include <string.h>

#define STEP       (TILE / 3) /* a tile with fewer rows is made as if it had a multiple of these */
#define DEPTH      384        /* terms of a block, at most */
#define PANEL      256        /* columns of b that are packed at once, whole strips: 384 KiB */
#define ROWS_AHEAD 8 /* of b, that are asked for before they are packed: they lie far apart */
#define FEW        (6 * TILE) /* rows of a that are not worth packing b for */
/* Floats that a copied column of a transposed tile takes. */
#define COLUMN ((TILE + W - 1) / W * W)

/* A matrix, or with `transposed` one whose transpose lies in memory; stride: floats from a row that
 * lies there to the next. */
typedef struct {
  bool transposed;
  const float *data;
  int64_t stride;
} Matrix;

/* The part of c that a product writes, and how. */
typedef struct {
  float alpha, beta;
  int64_t rows, cols, stride;
  float *data;
} Target;

static inline const float *
element (const Matrix *matrix, int64_t row, int64_t col)
{
  return matrix->transposed ? matrix->data + col * matrix->stride + row
                            : matrix->data + row * matrix->stride + col;
}

/* ---- packing --------------------------------------------------------------------------------- */

/* Rows [first, first + depth) and columns [col, col + cols) of b into strips, one after the other.
 */
static void
pack_panel (const Matrix *b, int64_t first, int64_t depth, int64_t col, int64_t cols, float *panel)
{
  for (int64_t j = 0; b->transposed && j < cols; j += W)
    pack_transposed (depth, ck_min (W, cols - j), element (b, first, col + j), b->stride,
                     panel + j / STRIP * STRIP * depth + j % STRIP);
  for (int64_t l = 0; !b->transposed && l < depth; l++) {
    const float *row = element (b, first + l, col),
                *ahead = element (b, first + ck_min (l + ROWS_AHEAD, depth - 1), col);

    for (int64_t j = 0; j < cols; j += W) {
      __builtin_prefetch (ahead + j);
      v_store (panel + j / STRIP * STRIP * depth + l * STRIP + j % STRIP, W,
               v_load (row + j, cols - j, 0));
    }
  }
}

/* Rows of a tile to rows of DEPTH floats. */
static inline void
copy_rows (int64_t rows, int64_t depth, const float *a, int64_t stride, float *tile)
{
  for (int64_t row = 0; row < ck_round_up (rows, STEP); row++)
    for (int64_t l = 0; l < depth; l += W)
      v_store (tile + row * DEPTH + l, W,
               row < rows ? v_load (a + row * stride + l, depth - l, 0) : v_set (0));
}

/* Columns of a transposed tile to columns of COLUMN floats. */
static inline void
copy_columns (int64_t rows, int64_t depth, const float *a, int64_t stride, float *tile)
{
  for (int64_t l = 0; l < depth; l++)
    for (int64_t i = 0; i < COLUMN; i += W)
      v_store (tile + l * COLUMN + i, W, v_load (a + l * stride + i, ck_max (rows - i, 0), 0));
}

/* ---- products -------------------------------------------------------------------------------- */

/* One vector of c from its sums. */
static inline void
put (const Target *c, int64_t row, int64_t col, vf sums)
{
  float *to = c->data + row * c->stride + col;

  sums = v_mul (v_set (c->alpha), sums);
  if (c->beta != 0)
    sums = v_fma (v_set (c->beta), v_load (to, c->cols - col, 0), sums);
  v_store (to, c->cols - col, sums);
}

/* Where the terms of a tile or of a strip lie: the first of its first row or column, and floats
 * from it to that of the next row (of a transposed tile: of the next column), or of the next term.
 */
typedef struct {
  const float *data;
  int64_t step;
} Terms;

/* Adds the terms of one tile with one strip to its sums: row i of term l is a[i * row + l * term].
 * Inlined with constants for rows and vectors, so that every sum is a register. */
static inline __attribute__ ((always_inline)) void
add_terms (int64_t rows, int64_t vectors, int64_t row, int64_t term, int64_t depth, const float *a,
           Terms strip, vf sums[TILE][VECTORS])
{
  const float *b = strip.data;

  for (int64_t l = 0; l < depth; l++, a += term, b += strip.step) {
    vf terms[VECTORS];

#pragma GCC unroll 2
    for (int64_t v = 0; v < vectors; v++)
      terms[v] = v_load (b + v * W, W, 0);
#pragma GCC unroll 16
    for (int64_t i = 0; i < rows; i++) {
      const vf factor = v_set (a[i * row]);
#pragma GCC unroll 2
      for (int64_t v = 0; v < vectors; v++)
        sums[i][v] = v_fma (factor, terms[v], sums[i][v]);
    }
  }
}

static inline __attribute__ ((always_inline)) void
multiply (int64_t rows, int64_t vectors, int64_t row, int64_t term, int64_t depth, const float *a,
          Terms strip, const Target *c)
{
  vf sums[TILE][VECTORS];

#pragma GCC unroll 16
  for (int64_t i = 0; i < rows; i++)
#pragma GCC unroll 2
    for (int64_t v = 0; v < vectors; v++)
      sums[i][v] = v_set (0);
  add_terms (rows, vectors, row, term, depth, a, strip, sums);
#pragma GCC unroll 16
  for (int64_t i = 0; i < rows; i++)
#pragma GCC unroll 2
    for (int64_t v = 0; v < vectors; v++)
      if (i < c->rows)
        put (c, i, v * W, sums[i][v]);
}

typedef void (*Multiply) (int64_t depth, Terms tile, Terms strip, const Target *c);

/* Each size is a function of its own: of several in one, gcc 12 keeps some sums in memory. */
#define DEFINE_MULTIPLY(steps, vectors)                                                            \
  static __attribute__ ((noinline)) void multiply_##steps##_##vectors (                            \
      int64_t depth, Terms tile, Terms strip, const Target *c)                                     \
  {                                                                                                \
    multiply (steps *STEP, vectors, tile.step, 1, depth, tile.data, strip, c);                     \
  }                                                                                                \
  static __attribute__ ((noinline)) void multiply_transposed_##steps##_##vectors (                 \
      int64_t depth, Terms tile, Terms strip, const Target *c)                                     \
  {                                                                                                \
    multiply (steps *STEP, vectors, 1, tile.step, depth, tile.data, strip, c);                     \
  }

DEFINE_MULTIPLY (1, 1)
DEFINE_MULTIPLY (2, 1)
DEFINE_MULTIPLY (3, 1)
DEFINE_MULTIPLY (1, 2)
DEFINE_MULTIPLY (2, 2)
DEFINE_MULTIPLY (3, 2)

/* [a transposed][vectors - 1][steps - 1] */
static const Multiply multiply_of[2][VECTORS][3] = {
  { { multiply_1_1, multiply_2_1, multiply_3_1 }, { multiply_1_2, multiply_2_2, multiply_3_2 } },
  { { multiply_transposed_1_1, multiply_transposed_2_1, multiply_transposed_3_1 },
    { multiply_transposed_1_2, multiply_transposed_2_2, multiply_transposed_3_2 } },
};

/* Columns of b as strips, `depth` terms each. */
typedef struct {
  int64_t depth;
  Terms first;
  int64_t strip; /* floats from a strip to the next */
} Strips;

/* A tile of a with all strips. */
static void
multiply_tile (bool transposed, Terms tile, const Strips *b, const Target *c)
{
  const Multiply *sizes = multiply_of[transposed][0] + ck_ceil_div (c->rows, STEP) - 1;

  for (int64_t col = 0; col < c->cols; col += STRIP) {
    const Target part = { c->alpha, c->beta, c->rows, c->cols - col, c->stride, c->data + col };
    const Terms strip = { b->first.data + col / STRIP * b->strip, b->first.step };

    sizes[part.cols > W ? 3 : 0](b->depth, tile, strip, &part);
  }
}

/* Terms from `first` on of all rows of a with strips of b. */
static void
multiply_rows (const Matrix *a, int64_t first, const Strips *b, Target c)
{
  float copied[DEPTH * COLUMN] __attribute__ ((aligned (64)));
  const int64_t rows = c.rows;

  for (int64_t row = 0; row < rows; row += TILE, c.data += TILE * c.stride) {
    Terms tile = { element (a, row, first), a->stride };

    c.rows = ck_min (TILE, rows - row);
    if (c.rows % STEP != 0) {
      (a->transposed ? copy_columns : copy_rows) (c.rows, b->depth, tile.data, a->stride, copied);
      tile = (Terms){ copied, a->transposed ? COLUMN : DEPTH };
    }
    multiply_tile (a->transposed, tile, b, &c);
  }
}

/* Columns [col, col + cols) of b, `depth` terms from `first` on, as strips: in `panel`, or where
 * they lie if they lie well enough for m rows of a. */
static Strips
make_strips (const Matrix *b, int64_t first, int64_t depth, int64_t col, int64_t cols, int64_t m,
             float *panel)
{
  if (!b->transposed && cols % W == 0 && (m <= FEW || b->stride <= 2 * STRIP))
    return (Strips){ depth, { element (b, first, col), b->stride }, STRIP };
  pack_panel (b, first, depth, col, cols, panel);
  return (Strips){ depth, { panel, STRIP }, depth * STRIP };
}

static CkStatus
multiply_matrices (int64_t m, int64_t n, int64_t k, float alpha, const Matrix *a, const Matrix *b,
                   float beta, float *c, int64_t stride)
{
  const int64_t blocks = ck_max (ck_ceil_div (k, DEPTH), 1), depth = ck_ceil_div (k, blocks);
  float panel[DEPTH * PANEL] __attribute__ ((aligned (64)));

  for (int64_t col = 0; col < n; col += PANEL) {
    const int64_t cols = ck_min (PANEL, n - col);

    for (int64_t first = 0; first == 0 || first < k; first += depth) {
      const Strips strips = make_strips (b, first, ck_min (depth, k - first), col, cols, m, panel);

      multiply_rows (a, first, &strips,
                     (Target){ alpha, first == 0 ? beta : 1, m, cols, stride, c + col });
    }
  }
  return CK_OK;
}

static CkStatus
gemm_v (bool transpose_b, int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda,
        const float *b, int64_t ldb, float beta, float *c, int64_t ldc)
{
  return multiply_matrices (m, n, k, alpha, &(Matrix){ false, a, lda },
                            &(Matrix){ transpose_b, b, ldb }, beta, c, ldc);
}

static CkStatus
gemm_tn_v (int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda,
           const float *b, int64_t ldb, float beta, float *c, int64_t ldc)
{
  return multiply_matrices (m, n, k, alpha, &(Matrix){ true, a, lda }, &(Matrix){ false, b, ldb },
                            beta, c, ldc);
}

void
INIT (gemm) (CkGemmOps *ops)
{
  *ops = (CkGemmOps){ gemm_v, gemm_tn_v };
}

#endif /* CK_CPU_GEMM_TMPL_H */
