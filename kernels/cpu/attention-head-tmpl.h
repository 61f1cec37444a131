/* SPDX-License-Identifier: MIT */
/*
 * attention-head.h over vectors of any width (vectors-tmpl.h), with the tiles of gemm-tmpl.h.
 *
 * The keys are cut into blocks. Those of a block are rotated and packed into strips, and its values
 * packed into others; both stay in the L2 cache while all queries go by, a tile at a time. A tile's
 * queries are rotated, scaled and multiplied with the keys, and the product's epilogue finds each
 * row's maximum. The scores, which fit the L1 cache, become e^(score - maximum) and are multiplied
 * with the values. Where a later block has a larger maximum, the sums so far are scaled down to it
 * (Milakov and Gimelshein, 2018; Dao et al., 2022).
 *
 * A row's numbers depend on the number of tokens, which says how they are cut into blocks, and on
 * nothing of the other rows: see gemm-tmpl.h.
 */
#include "kernels/cpu/attention-head.h"
#include "kernels/cpu/gemm-tmpl.h"
#include "kernels/cpu/rotate-tmpl.h"
#include "kernels/sizes.h"

#define KEYS 256 /* of a block at most; whole strips */

/* The parts of the scratch memory, and what it is for. */
typedef struct {
  const CkAttention *op;
  const CkQueries *queries;
  const float *k, *v;   /* of the head's first token */
  const float *q;       /* of the first query */
  float *out;           /* likewise */
  float *keys;          /* [blocks of STRIP keys, head_dim, STRIP] */
  float *values;        /* [blocks of STRIP columns, keys, STRIP] */
  float *rotated;       /* [TILE or W, head_dim] */
  float *maxima, *sums; /* [queries] of the blocks so far */
} Head;

/* A block of keys. */
typedef struct {
  int64_t first, n, stride; /* stride: n to whole strips */
  bool last;
} Keys;

/* A tile of queries with a block of keys. */
typedef struct {
  float scores[TILE * KEYS] __attribute__ ((aligned (64)));
  float maxima[TILE * W] __attribute__ ((aligned (64))); /* of each row and lane */
  float keep[TILE];  /* by which what earlier blocks gave is multiplied */
  float scale[TILE]; /* by which the result is multiplied: behind the last block 1 / sum */
} Tile;

/* ---- packing --------------------------------------------------------------------------------- */

static void
pack_keys (const Head *head, const Keys *keys)
{
  const int64_t d = head->op->head_dim, width = head->op->heads * d;

  for (int64_t col = 0; col < keys->n; col += W) {
    const int64_t n = ck_min (W, keys->n - col), token = keys->first + col;

    for (int64_t i = 0; i < n; i++) {
      fetch (d, head->k + ck_min (token + i + AHEAD, head->op->tokens - 1) * width);
      fetch (d, head->v + (token + i) * width);
      rotate (head->op, token + i, 1, head->k + (token + i) * width, head->rotated + i * d);
    }
    pack_transposed (d, n, head->rotated, d, head->keys + col / STRIP * STRIP * d + col % STRIP);
  }
}

static void
pack_values (const Head *head, const Keys *keys)
{
  const int64_t d = head->op->head_dim;

  pack_panel (&(Matrix){ false, head->v, head->op->heads * d }, keys->first, keys->n, 0, d,
              head->values);
}

/* Queries of a tile, scaled so that the softmax may use powers of 2; zeros in the rows beyond them
 * that a product computes. */
static void
pack_queries (const Head *head, int64_t first, int64_t rows)
{
  const int64_t d = head->op->head_dim, width = head->op->heads * d;
  const float scale = (float)(M_LOG2E / sqrt ((double)d));

  for (int64_t row = 0; row < rows; row++) {
    fetch (d, head->q + ck_min (first + row + TILE, head->queries->rows - 1) * width);
    rotate (head->op, head->queries->first + first + row, scale, head->q + (first + row) * width,
            head->rotated + row * d);
  }
  for (int64_t i = rows * d; i < ck_round_up (rows, STEP) * d; i++)
    head->rotated[i] = 0;
}

/* ---- products -------------------------------------------------------------------------------- */

/* A tile of queries with a strip of which `left` are keys, and the maxima of the rows' lanes. */
static inline __attribute__ ((always_inline)) void
score (int64_t rows, int64_t vectors, int64_t depth, Terms queries, Terms strip, int64_t left,
       int64_t stride, float *scores, float *maxima)
{
  vf sums[TILE][VECTORS];

#pragma GCC unroll 16
  for (int64_t i = 0; i < rows; i++)
#pragma GCC unroll 2
    for (int64_t v = 0; v < vectors; v++)
      sums[i][v] = v_set (0);
  add_terms (rows, vectors, queries.step, 1, depth, queries.data, strip, sums);
#pragma GCC unroll 16
  for (int64_t i = 0; i < rows; i++) {
    vf max = v_load (maxima + i * W, W, 0);
#pragma GCC unroll 2
    for (int64_t v = 0; v < vectors; v++) {
      v_store (scores + i * stride + v * W, W, sums[i][v]);
      if (left < vectors * W)
        sums[i][v] = v_load (scores + i * stride + v * W, left - v * W, -INFINITY);
      max = v_max (max, sums[i][v]);
    }
    v_store (maxima + i * W, W, max);
  }
}

/* The rows of a tile in the result. */
typedef struct {
  bool first; /* block of keys: nothing is there yet */
  int64_t rows, cols, stride;
  const float *keep, *scale;
  float *data;
} Mixed;

/* A tile of exponentials with a strip of values. */
static inline __attribute__ ((always_inline)) void
mix (int64_t rows, int64_t vectors, int64_t depth, Terms scores, Terms strip, const Mixed *out)
{
  vf sums[TILE][VECTORS];

#pragma GCC unroll 16
  for (int64_t i = 0; i < rows; i++)
#pragma GCC unroll 2
    for (int64_t v = 0; v < vectors; v++)
      sums[i][v] = v_set (0);
  add_terms (rows, vectors, scores.step, 1, depth, scores.data, strip, sums);
#pragma GCC unroll 16
  for (int64_t i = 0; i < rows; i++)
#pragma GCC unroll 2
    for (int64_t v = 0; v < vectors; v++)
      if (i < out->rows) {
        float *to = out->data + i * out->stride + v * W;
        const int64_t left = out->cols - v * W;

        if (!out->first)
          sums[i][v] = v_fma (v_set (out->keep[i]), v_load (to, left, 0), sums[i][v]);
        v_store (to, left, v_mul (v_set (out->scale[i]), sums[i][v]));
      }
}

typedef void (*Score) (int64_t depth, Terms queries, Terms strip, int64_t left, int64_t stride,
                       float *scores, float *maxima);
typedef void (*Mix) (int64_t depth, Terms scores, Terms strip, const Mixed *out);

/* Each size is a function of its own, as in gemm-tmpl.h. */
#define DEFINE_TILES(steps, vectors)                                                               \
  static __attribute__ ((noinline)) void score_##steps##_##vectors (                               \
      int64_t depth, Terms queries, Terms strip, int64_t left, int64_t stride, float *scores,      \
      float *maxima)                                                                               \
  {                                                                                                \
    score (steps *STEP, vectors, depth, queries, strip, left, stride, scores, maxima);             \
  }                                                                                                \
  static __attribute__ ((noinline)) void mix_##steps##_##vectors (int64_t depth, Terms scores,     \
                                                                  Terms strip, const Mixed *out)   \
  {                                                                                                \
    mix (steps *STEP, vectors, depth, scores, strip, out);                                         \
  }

DEFINE_TILES (1, 1)
DEFINE_TILES (2, 1)
DEFINE_TILES (3, 1)
DEFINE_TILES (1, 2)
DEFINE_TILES (2, 2)
DEFINE_TILES (3, 2)

/* [vectors - 1][steps - 1] */
static const Score score_of[VECTORS][3] = { { score_1_1, score_2_1, score_3_1 },
                                            { score_1_2, score_2_2, score_3_2 } };
static const Mix mix_of[VECTORS][3] = { { mix_1_1, mix_2_1, mix_3_1 },
                                        { mix_1_2, mix_2_2, mix_3_2 } };

/* ---- a tile of queries with a block of keys -------------------------------------------------- */

static void
score_tile (const Head *head, const Keys *keys, int64_t rows, Tile *tile)
{
  const int64_t d = head->op->head_dim;
  const int64_t steps = ck_ceil_div (rows, STEP);

  for (int64_t i = 0; i < TILE * W; i += W)
    v_store (tile->maxima + i, W, v_set (-INFINITY));
  for (int64_t col = 0; col < keys->n; col += STRIP) {
    const int64_t left = keys->n - col;

    score_of[left > W][steps - 1](d, (Terms){ head->rotated, d },
                                  (Terms){ head->keys + col * d, STRIP }, left, keys->stride,
                                  tile->scores + col, tile->maxima);
  }
}

/* Scores of a row to their exponentials. */
static void
soften_row (const Head *head, const Keys *keys, int64_t first, int64_t row, Tile *tile)
{
  float *x = tile->scores + row * keys->stride, *so_far = head->maxima + first + row,
        *sum_so_far = head->sums + first + row;
  const float before = keys->first > 0 ? *so_far : -INFINITY;
  const float max = fmaxf (before, v_max_of (v_load (tile->maxima + row * W, W, 0)));
  vf sum = v_set (0);

  for (int64_t i = 0; i < keys->n; i += W) {
    const vf e = v_exp2_negative (v_sub (v_load (x + i, keys->n - i, -INFINITY), v_set (max)));

    sum = v_add (sum, e);
    v_store (x + i, W, e);
  }
  tile->keep[row] = keys->first > 0 ? v_max_of (v_exp2_negative (v_set (before - max))) : 0;
  *sum_so_far = v_sum (sum) + (keys->first > 0 ? tile->keep[row] * *sum_so_far : 0);
  *so_far = max;
  tile->scale[row] = keys->last ? 1 / *sum_so_far : 1;
}

static void
mix_tile (const Head *head, const Keys *keys, int64_t first, int64_t rows, const Tile *tile)
{
  const int64_t d = head->op->head_dim, width = head->op->heads * d;
  const int64_t steps = ck_ceil_div (rows, STEP);

  for (int64_t col = 0; col < d; col += STRIP) {
    const Mixed out = { keys->first == 0,
                        rows,
                        d - col,
                        width,
                        tile->keep,
                        tile->scale,
                        head->out + first * width + col };

    mix_of[out.cols > W][steps - 1](keys->n, (Terms){ tile->scores, keys->stride },
                                    (Terms){ head->values + col * keys->n, STRIP }, &out);
  }
}

/* ---- a head ---------------------------------------------------------------------------------- */

static bool
attention_scratch_v (const CkAttention *op, int64_t rows, size_t *floats)
{
  const int64_t d = op->head_dim;

  /* whole vectors of aligned memory in each part */
  return ck_size_product (2 * KEYS + TILE + W, ck_round_up (d, STRIP), 1, floats) &&
         ck_size_product (1, (int64_t)*floats + 2 * ck_round_up (rows, W), 1, floats);
}

static Head
divide_scratch (const CkAttention *op, const CkQueries *queries, float *scratch)
{
  const int64_t padded = ck_round_up (op->head_dim, STRIP), from = ck_key_offset (op, queries),
                first = ck_query_offset (op, queries);
  Head head = { op,
                queries,
                op->k + from,
                op->v + from,
                op->q + first,
                (float *)op->out.data + first,
                scratch,
                scratch + KEYS * padded,
                scratch + 2 * KEYS * padded,
                scratch + (2 * KEYS + TILE + W) * padded,
                NULL };

  head.sums = head.maxima + ck_round_up (queries->rows, W);
  return head;
}

static CkStatus
attend_v (const CkAttention *op, const CkQueries *queries, float *scratch)
{
  const Head head = divide_scratch (op, queries, scratch);
  const int64_t blocks = ck_ceil_div (op->tokens, KEYS),
                stride = ck_round_up (ck_ceil_div (op->tokens, blocks), STRIP);
  Tile tile;

  for (int64_t first = 0; first < op->tokens; first += stride) {
    const Keys keys = { first, ck_min (stride, op->tokens - first), stride,
                        first + stride >= op->tokens };

    pack_keys (&head, &keys);
    pack_values (&head, &keys);
    for (int64_t row = 0; row < queries->rows; row += TILE) {
      const int64_t rows = ck_min (TILE, queries->rows - row);

      pack_queries (&head, row, rows);
      score_tile (&head, &keys, rows, &tile);
      for (int64_t i = 0; i < rows; i++)
        soften_row (&head, &keys, row, i, &tile);
      mix_tile (&head, &keys, row, rows, &tile);
    }
  }
  return CK_OK;
}

void
INIT (attention) (CkAttentionOps *ops)
{
  *ops = (CkAttentionOps){ attention_scratch_v, attend_v };
}
