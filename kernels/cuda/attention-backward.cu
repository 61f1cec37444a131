/* SPDX-License-Identifier: MIT */
/*
 * Attention in fp32, backward, in two kernels. The first has a tile of queries in a block, finds
 * what their softmax was, and adds up dq over keys. The second has a tile of keys in a block and
 * adds up dk and dv over queries. Both compute the probabilities anew, in no order but that of
 * tiles, and nothing is added to by several blocks.
 */
#include "kernels/cuda/attention-tiles.h"

/* `kept` and `other` stay, q and dout or k and v; the chunks of the other two go by. */
template <int held, int rows> struct Backward {
  /* Where a head is one chunk, those that give the scores serve the sums too. */
  static constexpr int passing = held == 1 ? 2 : 1;
  CkHeldRows<held, rows> kept, other;
  CkChunkRow columns[passing][CK_ATTENTION_COLUMNS];
  CkWeightRow weights[CK_ATTENTION_GROUPS * rows];
};

/* All rows of a block's head. */
struct Head {
  CkHeadRows q, k, v, dout;
  int64_t queries, keys; /* elements to the head's first row */
  CkCudaQuery *softmax;  /* [queries] */
};

static __device__ __forceinline__ Head
find_head (const CkCudaAttentionBackward &a)
{
  const int64_t queries = ck_head_offset (a.heads, a.heads.queries),
                keys = ck_head_offset (a.heads, a.heads.tokens);
  const int64_t head = blockIdx.x / a.heads.tiles;

  return Head{ { a.heads.q + queries, a.heads.queries, true, a.scale },
               { a.heads.k + keys, a.heads.tokens, true, 1 },
               { a.heads.v + keys, a.heads.tokens, false, 1 },
               { a.dout + queries, a.heads.queries, false, 1 },
               queries,
               keys,
               a.softmax + head * a.heads.queries };
}

/* ---- sums ------------------------------------------------------------------------------------ */

/* sums[chunk] += weights times the chunks of a source from row `first` on, which lie in `columns`
 * already where a head is one chunk. */
template <int held, int rows>
static __device__ __forceinline__ void
add_mixed (const CkCudaHeads &heads, const CkHeadRows &source, int first, int first_chunk, int n,
           const CkWeightRow *weights, CkChunkRow *columns,
           CkMixed (&sums)[CkHeldRows<held, rows>::chunks][rows])
{
#pragma unroll
  for (int chunk = 0; chunk < CkHeldRows<held, rows>::chunks; chunk++) {
    if (held != 1) {
      __syncthreads ();
      ck_load_chunk<CK_ATTENTION_COLUMNS> (heads, source, first, first_chunk + chunk, columns);
      __syncthreads ();
    }
    ck_add_mixed<rows> (weights, columns, n, sums[chunk]);
  }
}

/* A group's weights, for its own threads. */
template <int rows>
static __device__ __forceinline__ void
put_weights (const float (&scores)[rows][4], CkWeightRow *weights)
{
  __syncwarp (); /* until nobody reads what was there */
#pragma unroll
  for (int r = 0; r < rows; r++)
#pragma unroll
    for (int j = 0; j < 4; j++)
      weights[ck_group () + CK_ATTENTION_GROUPS * r][ck_lane () + CK_ATTENTION_LANES * j] =
          scores[r][j];
  __syncwarp ();
}

/* A chunk of a gradient of n rows, rotated back where the rows were rotated. */
template <int rows>
static __device__ __forceinline__ void
store (const CkCudaHeads &heads, float *gradient, int n, bool rotated, float factor, int chunk,
       const CkMixed (&sums)[rows])
{
  const int first = ck_first_row (heads, CK_ATTENTION_GROUPS * rows) + ck_group (),
            pair = chunk * CK_ATTENTION_PAIRS + 4 * ck_lane (), left = heads.half - pair;

#pragma unroll
  for (int r = 0; r < rows; r++) {
    const int row = first + CK_ATTENTION_GROUPS * r;
    float *to = gradient + row * ck_width (heads) + pair;
    CkFour low, high;

    if (row >= n || left <= 0)
      continue;
#pragma unroll
    for (int i = 0; i < 4; i++) {
      low.x[i] = sums[r][i] * factor;
      high.x[i] = sums[r][4 + i] * factor;
    }
    if (rotated)
      ck_rotate_back (heads, row, pair, &low, &high);
    ck_store_four (heads, to, left, low);
    ck_store_four (heads, to + heads.half, left, high);
  }
}

/* ---- dq -------------------------------------------------------------------------------------- */

/*
 * The sums of dout out of the block's queries, in all threads of their groups. Their order is that
 * of scores, so that a query with a single key, whose result is that key's value, gets a gradient
 * of 0.
 */
template <int held, int rows>
static __device__ __forceinline__ void
multiply_outputs (const CkCudaAttentionBackward &a, const Head &head, Backward<held, rows> &shared,
                  float (&products)[rows])
{
  static_assert (CK_ATTENTION_GROUPS * rows == CK_ATTENTION_COLUMNS, "out has dout's rows");
  const CkHeadRows out = { a.out + head.queries, a.heads.queries, false, 1 };
  const int chunks = held > 0 ? held : a.heads.chunks,
            first = ck_first_row (a.heads, CK_ATTENTION_COLUMNS);

#pragma unroll
  for (int r = 0; r < rows; r++)
    products[r] = 0;
#pragma unroll 1
  for (int chunk = 0; chunk < chunks; chunk++) {
    __syncthreads ();
    if (held == 0)
      ck_load_chunk<CK_ATTENTION_COLUMNS> (a.heads, head.dout, first, chunk, shared.other.chunk[0]);
    ck_load_chunk<CK_ATTENTION_COLUMNS> (a.heads, out, first, chunk, shared.columns[0]);
    __syncthreads ();
#pragma unroll
    for (int r = 0; r < rows; r++) {
      const int row = ck_group () + CK_ATTENTION_GROUPS * r;

      products[r] = ck_add_product (shared.other.chunk[held > 0 ? chunk : 0][row],
                                    shared.columns[0][row], ck_pairs (a.heads, chunk), products[r]);
    }
  }
}

/* The largest score of each of the block's queries, and the sum of exponentials relative to it. */
template <int held, int rows>
static __device__ __forceinline__ void
find_softmax (const CkCudaAttentionBackward &a, const Head &head, Backward<held, rows> &shared,
              float (&most)[rows], float (&inverse)[rows])
{
  float total[rows] = {};

#pragma unroll
  for (int r = 0; r < rows; r++)
    most[r] = -INFINITY;
#pragma unroll 1
  for (int first = 0; first < a.heads.tokens; first += CK_ATTENTION_COLUMNS) {
    const int n = a.heads.tokens - first;
    float scores[rows][4];

    ck_score (a.heads, head.q, &shared.kept, head.k, first, shared.columns[0], scores);
#pragma unroll
    for (int r = 0; r < rows; r++) {
      float max = most[r], sum = 0;

#pragma unroll
      for (int j = 0; j < 4; j++) {
        if (ck_lane () + CK_ATTENTION_LANES * j >= n)
          scores[r][j] = -INFINITY;
        max = fmaxf (max, scores[r][j]);
      }
      max = ck_group_max (max);
      if (max != -INFINITY) {
        sum = exp2f (most[r] - max) * total[r];
#pragma unroll
        for (int j = 0; j < 4; j++)
          sum += exp2f (scores[r][j] - max);
      }
      most[r] = max;
      total[r] = sum;
    }
  }
#pragma unroll
  for (int r = 0; r < rows; r++)
    inverse[r] = 1 / ck_group_sum (total[r]);
}

template <int held, int rows>
static __device__ __forceinline__ void
make_dq (const CkCudaAttentionBackward &a, Backward<held, rows> &shared)
{
  const Head head = find_head (a);
  const int first_chunk = held > 0 ? 0 : blockIdx.y,
            own = ck_first_row (a.heads, CK_ATTENTION_GROUPS * rows) + ck_group ();
  CkMixed sums[CkHeldRows<held, rows>::chunks][rows] = {};
  float most[rows], inverse[rows], products[rows];

  ck_hold_rows (a.heads, head.q, &shared.kept);
  ck_hold_rows (a.heads, head.dout, &shared.other);
  multiply_outputs<held, rows> (a, head, shared, products);
  find_softmax<held, rows> (a, head, shared, most, inverse);
#pragma unroll
  for (int r = 0; r < rows; r++)
    if (ck_lane () == 0 && blockIdx.y == 0 && own + CK_ATTENTION_GROUPS * r < a.heads.queries)
      head.softmax[own + CK_ATTENTION_GROUPS * r] =
          CkCudaQuery{ most[r], inverse[r], products[r], 0 };
#pragma unroll 1
  for (int first = 0; first < a.heads.tokens; first += CK_ATTENTION_COLUMNS) {
    const int n = min (a.heads.tokens - first, (int)CK_ATTENTION_COLUMNS);
    float scores[rows][4], gradients[rows][4];

    ck_score (a.heads, head.q, &shared.kept, head.k, first, shared.columns[0], scores);
    ck_score (a.heads, head.dout, &shared.other, head.v, first,
              shared.columns[Backward<held, rows>::passing - 1], gradients);
#pragma unroll
    for (int r = 0; r < rows; r++)
#pragma unroll
      for (int j = 0; j < 4; j++)
        scores[r][j] =
            ck_lane () + CK_ATTENTION_LANES * j < n
                ? exp2f (scores[r][j] - most[r]) * inverse[r] * (gradients[r][j] - products[r])
                : 0;
    put_weights<rows> (scores, shared.weights);
    add_mixed<held, rows> (a.heads, head.k, first, first_chunk, n, shared.weights,
                           shared.columns[0], sums);
  }
#pragma unroll
  for (int chunk = 0; chunk < CkHeldRows<held, rows>::chunks; chunk++)
    store<rows> (a.heads, a.dq + head.queries, a.heads.queries, true, a.query_factor,
                 first_chunk + chunk, sums[chunk]);
}

/* ---- dk and dv ------------------------------------------------------------------------------- */

/* Scores and gradients of n queries from `first` on to probabilities and the scores' gradients. */
template <int rows>
static __device__ __forceinline__ void
find_gradients (const Head &head, int first, int n, float (&scores)[rows][4],
                float (&gradients)[rows][4])
{
#pragma unroll
  for (int j = 0; j < 4; j++) {
    const int query = ck_lane () + CK_ATTENTION_LANES * j;
    const CkCudaQuery softmax = query < n ? head.softmax[first + query] : CkCudaQuery{ 0, 0, 0, 0 };

#pragma unroll
    for (int r = 0; r < rows; r++) {
      scores[r][j] = query < n ? exp2f (scores[r][j] - softmax.most) * softmax.inverse : 0;
      gradients[r][j] = query < n ? scores[r][j] * (gradients[r][j] - softmax.product) : 0;
    }
  }
}

template <int held, int rows>
static __device__ __forceinline__ void
make_dk_dv (const CkCudaAttentionBackward &a, Backward<held, rows> &shared)
{
  constexpr int chunks = CkHeldRows<held, rows>::chunks, second = Backward<held, rows>::passing - 1;
  const Head head = find_head (a);
  const int first_chunk = held > 0 ? 0 : blockIdx.y;
  CkMixed dk[chunks][rows] = {}, dv[chunks][rows] = {};

  ck_hold_rows (a.heads, head.k, &shared.kept);
  ck_hold_rows (a.heads, head.v, &shared.other);
#pragma unroll 1
  for (int first = 0; first < a.heads.queries; first += CK_ATTENTION_COLUMNS) {
    const int n = min (a.heads.queries - first, (int)CK_ATTENTION_COLUMNS);
    float scores[rows][4], gradients[rows][4];

    ck_score (a.heads, head.k, &shared.kept, head.q, first, shared.columns[0], scores);
    ck_score (a.heads, head.v, &shared.other, head.dout, first, shared.columns[second], gradients);
    find_gradients<rows> (head, first, n, scores, gradients);
    put_weights<rows> (scores, shared.weights);
    add_mixed<held, rows> (a.heads, head.dout, first, first_chunk, n, shared.weights,
                           shared.columns[second], dv);
    put_weights<rows> (gradients, shared.weights);
    add_mixed<held, rows> (a.heads, head.q, first, first_chunk, n, shared.weights,
                           shared.columns[0], dk);
  }
#pragma unroll
  for (int chunk = 0; chunk < chunks; chunk++) {
    store<rows> (a.heads, a.dk + head.keys, a.heads.tokens, true, a.key_factor, first_chunk + chunk,
                 dk[chunk]);
    store<rows> (a.heads, a.dv + head.keys, a.heads.tokens, false, 1, first_chunk + chunk,
                 dv[chunk]);
  }
}

/* ---- kernels --------------------------------------------------------------------------------- */

#define BACKWARD(held, rows)                                                                       \
  CK_KERNEL (ck_cuda_attention_dq_##held, CkCudaAttentionBackward, CK_ATTENTION_THREADS)           \
  {                                                                                                \
    typedef Backward<held, rows> Shared;                                                           \
    CK_SHARED (Shared, shared);                                                                    \
    make_dq<held, rows> (a, shared);                                                               \
  }                                                                                                \
  CK_KERNEL (ck_cuda_attention_dkv_##held, CkCudaAttentionBackward, CK_ATTENTION_THREADS)          \
  {                                                                                                \
    typedef Backward<held, rows> Shared;                                                           \
    CK_SHARED (Shared, shared);                                                                    \
    make_dk_dv<held, rows> (a, shared);                                                            \
  }

BACKWARD (1, CK_ATTENTION_BACKWARD_ROWS)
BACKWARD (2, CK_ATTENTION_BACKWARD_ROWS)
BACKWARD (0, CK_ATTENTION_BACKWARD_ROWS)
