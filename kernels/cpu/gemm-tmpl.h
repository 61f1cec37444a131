/* SPDX-License-Identifier: MIT */
/*
 * Matrix products over vectors of any width: a part of ops-tmpl.h, which includes it.
 *
 * Every element of c is made by one sequence of operations that depends on k alone: c = beta c, and
 * then for each block of k in turn c += alpha s, where s is the sum of the block's terms, added to
 * 0 one after the other by fused multiply-adds. How many rows and columns there are, where among
 * them the element lies and how they are cut decides only which elements are made side by side.
 * The contract on bits in kernels.h rests on this.
 *
 * The loops are those of Goto and van de Geijn (2008), in one thread. A block of b is packed into
 * strips [depth, STRIP], which stay in the L2 cache. TILE rows of a at a time are copied next to
 * one another, so that no length of row makes them compete for the same lines of the L1 cache, and
 * multiplied with one strip after the other; the sums, TILE rows of VECTORS vectors, stay in
 * registers. Columns that a strip lacks and rows that a tile lacks are zeros, whose sums are not
 * written to c.
 *
 * The file that includes ops-tmpl.h says how large a tile its registers hold:
 *   TILE, VECTORS                  rows, a multiple of 3; vectors a row, 2
 *   v_transpose (rows)             lane j of vector i of W becomes lane i of vector j
 */
#define STRIP (VECTORS * W)
#define STEP  (TILE / 3)   /* a tile with fewer rows is made as if it had a multiple of these */
#define DEPTH 256          /* terms of a block, at most */
#define PANEL 256          /* columns of b that are packed at once, whole strips: 256 KiB */
#define GROUP (4 * TILE)   /* rows of a transposed a that are copied at once, whole vectors */
#define ROW   (DEPTH + 16) /* floats from a copied row to the next */

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

/* One vector's width of columns of a strip from as many rows of memory. */
static inline void
pack_transposed (int64_t depth, int64_t cols, const float *b, int64_t stride, float *strip)
{
  for (int64_t l = 0; l < depth; l += W) {
    const int64_t left = depth - l;
    vf rows[W];

#pragma GCC unroll 16
    for (int64_t j = 0; j < W; j++)
      rows[j] = j < cols ? v_load (b + j * stride + l, left, 0) : v_set (0);
    v_transpose (rows);
    if (left >= W) {
#pragma GCC unroll 16
      for (int64_t j = 0; j < W; j++)
        v_store (strip + (l + j) * STRIP, W, rows[j]);
    } else {
#pragma GCC unroll 16
      for (int64_t j = 0; j < W; j++)
        if (j < left)
          v_store (strip + (l + j) * STRIP, W, rows[j]);
    }
  }
}

/* Rows [first, first + depth) and columns [col, col + cols) of b into strips, one after the other.
 */
static void
pack_panel (const Matrix *b, int64_t first, int64_t depth, int64_t col, int64_t cols, float *panel)
{
  for (int64_t j = 0; b->transposed && j < cols; j += W)
    pack_transposed (depth, ck_min (W, cols - j), element (b, first, col + j), b->stride,
                     panel + j / STRIP * STRIP * depth + j % STRIP);
  for (int64_t l = 0; !b->transposed && l < depth; l++) {
    const float *row = element (b, first + l, col);

    for (int64_t j = 0; j < cols; j += W)
      v_store (panel + j / STRIP * STRIP * depth + l * STRIP + j % STRIP, W,
               v_load (row + j, cols - j, 0));
  }
}

/* Rows of a to rows of ROW floats. */
static inline void
copy_tile (int64_t rows, int64_t depth, const float *a, int64_t stride, float *tile)
{
  for (int64_t row = 0; row < ck_round_up (rows, STEP); row++)
    for (int64_t l = 0; l < depth; l += W)
      v_store (tile + row * ROW + l, W,
               row < rows ? v_load (a + row * stride + l, depth - l, 0) : v_set (0));
}

/* Rows of a transposed a to columns of [depth, GROUP]. */
static inline void
copy_group (int64_t rows, int64_t depth, const float *a, int64_t stride, float *group)
{
  for (int64_t l = 0; l < depth; l++)
    for (int64_t i = 0; i < GROUP; i += W)
      v_store (group + l * GROUP + i, W, v_load (a + l * stride + i, ck_max (rows - i, 0), 0));
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

/* One tile with one strip, where a row of the tile begins every `row` floats and a term every
 * `term`. Inlined with constants for all but depth and pointers, so that every sum is a register.
 */
static inline __attribute__ ((always_inline)) void
multiply (int64_t rows, int64_t vectors, int64_t row, int64_t term, int64_t depth, const float *a,
          const float *b, const Target *c)
{
  vf sums[TILE][VECTORS];

#pragma GCC unroll 16
  for (int64_t i = 0; i < rows; i++)
#pragma GCC unroll 2
    for (int64_t v = 0; v < vectors; v++)
      sums[i][v] = v_set (0);
  for (int64_t l = 0; l < depth; l++, a += term, b += STRIP) {
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
#pragma GCC unroll 16
  for (int64_t i = 0; i < rows; i++)
#pragma GCC unroll 2
    for (int64_t v = 0; v < vectors; v++)
      if (i < c->rows)
        put (c, i, v * W, sums[i][v]);
}

typedef void (*Multiply) (int64_t depth, const float *a, const float *b, const Target *c);

/* Each size is a function of its own: of several in one, gcc 12 keeps some sums in memory. */
#define DEFINE_MULTIPLY(steps, vectors)                                                            \
  static __attribute__ ((noinline)) void multiply_##steps##_##vectors (                            \
      int64_t depth, const float *a, const float *b, const Target *c)                              \
  {                                                                                                \
    multiply (steps *STEP, vectors, ROW, 1, depth, a, b, c);                                       \
  }                                                                                                \
  static __attribute__ ((noinline)) void multiply_group_##steps##_##vectors (                      \
      int64_t depth, const float *a, const float *b, const Target *c)                              \
  {                                                                                                \
    multiply (steps *STEP, vectors, 1, GROUP, depth, a, b, c);                                     \
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
  { { multiply_group_1_1, multiply_group_2_1, multiply_group_3_1 },
    { multiply_group_1_2, multiply_group_2_2, multiply_group_3_2 } },
};

/* A tile of a with all strips of a panel. */
static void
multiply_strips (bool transposed, int64_t depth, const float *tile, const float *panel,
                 const Target *c)
{
  const int64_t steps = ck_ceil_div (c->rows, STEP);

  for (int64_t col = 0; col < c->cols; col += STRIP) {
    const Target part = { c->alpha, c->beta, c->rows, c->cols - col, c->stride, c->data + col };
    const int64_t vectors = part.cols > W ? 2 : 1;

    multiply_of[transposed][vectors - 1][steps - 1](depth, tile, panel + col * depth, &part);
  }
}

/* A block of a, `depth` terms from `first` on, with a packed panel. */
static void
multiply_panel (const Matrix *a, int64_t first, int64_t depth, const float *panel, Target c)
{
  float copied[DEPTH * GROUP > TILE * ROW ? DEPTH * GROUP : TILE * ROW]
      __attribute__ ((aligned (64)));
  const int64_t rows = c.rows;

  for (int64_t row = 0; row < rows; row += TILE, c.data += TILE * c.stride) {
    const float *source = element (a, row, first);

    c.rows = ck_min (TILE, rows - row);
    if (!a->transposed)
      copy_tile (c.rows, depth, source, a->stride, copied);
    else if (row % GROUP == 0)
      copy_group (ck_min (GROUP, rows - row), depth, source, a->stride, copied);
    multiply_strips (a->transposed, depth, copied + (a->transposed ? row % GROUP : 0), panel, &c);
  }
}

static CkStatus
multiply_matrices (int64_t m, int64_t n, int64_t k, float alpha, const Matrix *a, const Matrix *b,
                   float beta, float *c, int64_t stride)
{
  const int64_t blocks = ck_max (ck_ceil_div (k, DEPTH), 1), depth = ck_ceil_div (k, blocks);
  float panel[DEPTH * PANEL] __attribute__ ((aligned (64)));

  for (int64_t col = 0; col < n; col += PANEL) {
    for (int64_t first = 0; first == 0 || first < k; first += depth) {
      const Target target = { alpha,  first == 0 ? beta : 1, m, ck_min (PANEL, n - col), stride,
                              c + col };
      const int64_t terms = ck_min (depth, k - first);

      pack_panel (b, first, terms, col, target.cols, panel);
      multiply_panel (a, first, terms, panel, target);
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
gemm_across_v (int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda,
               const float *b, int64_t ldb, float beta, float *c, int64_t ldc)
{
  return multiply_matrices (m, n, k, alpha, &(Matrix){ true, a, lda }, &(Matrix){ false, b, ldb },
                            beta, c, ldc);
}
