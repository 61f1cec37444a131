/* SPDX-License-Identifier: MIT */
/* attention-codes.h in plain C. */
#include "kernels/cpu/attention-codes.h"

#include "kernels/cpu/codes.h"
#include "kernels/cpu/scratch.h"

#include <math.h>
#include <string.h>

/* What codes of the second product are. */
typedef struct {
  float part_max, exp_max;
  int n_terms;
  float terms[5];
} Numbers;

/* The parts of the scratch memory; values of 8 bits lie in 16 here. */
typedef struct {
  const CkAttention *op;
  const CkQueries *queries;
  Numbers numbers;
  CkQuantisedOps rows; /* for queries and keys */
  CkKeyParts parts;
  int64_t blocks;

  int16_t *keys, *query; /* [tokens, blocks, 64], [blocks, 64] */
  float *key_scales, *query_scales;
  int16_t *values;     /* [keys of a chunk, head_dim] */
  float *value_scales; /* [CK_PARTS, head_dim] */
  float *rotated;      /* [head_dim] */
  float *scores;       /* [keys of a chunk] */
  int32_t *exps;       /* likewise */
  float *maxima, *totals;
} Head;

static void
divide (Head *head, const CkAttention *op, int64_t rows, CkParts *memory)
{
  const size_t d = (size_t)op->head_dim, blocks = (size_t)ck_ceil_div (op->head_dim, CK_CODE_BLOCK),
               n = (size_t)rows;

  head->blocks = (int64_t)blocks;
  head->keys = ck_parts_take (memory, blocks * CK_CODE_BLOCK, CK_CHUNK_KEYS * sizeof (int16_t));
  head->query = ck_parts_take (memory, blocks * CK_CODE_BLOCK, sizeof (int16_t));
  head->key_scales = ck_parts_take (memory, blocks, CK_CHUNK_KEYS * sizeof (float));
  head->query_scales = ck_parts_take (memory, blocks, sizeof (float));
  head->values = ck_parts_take (memory, d, CK_CHUNK_KEYS * sizeof (int16_t));
  head->value_scales = ck_parts_take (memory, d, CK_PARTS * sizeof (float));
  head->rotated = ck_parts_take (memory, d, sizeof (float));
  head->scores = ck_parts_take (memory, CK_CHUNK_KEYS, sizeof (float));
  head->exps = ck_parts_take (memory, CK_CHUNK_KEYS, sizeof (int32_t));
  head->maxima = ck_parts_take (memory, n, sizeof (float));
  head->totals = ck_parts_take (memory, n, sizeof (float));
}

static bool
scratch_c (const CkAttention *op, int64_t rows, size_t *floats)
{
  CkParts memory = { 0 };
  Head head;

  if (op->head_dim > INT64_MAX - CK_CODE_BLOCK) /* which rounding up would overflow */
    return false;
  divide (&head, op, rows, &memory);
  *floats = memory.bytes / sizeof (float);
  return memory.bytes <= PTRDIFF_MAX;
}

/* ---- codes ----------------------------------------------------------------------------------- */

/* head->rotated = factor x, rotated if the token has a position; in the order of roundings that
 * rotate-tmpl.h has. */
static void
rotate (Head *head, int64_t token, float factor, const float *x)
{
  const CkAttention *op = head->op;
  const int64_t d = op->head_dim, half = d / 2, position = token - op->prefix;

  for (int64_t i = 0; i < d; i++)
    head->rotated[i] = x[i] * factor;
  if (op->cos == NULL || position < 0)
    return;
  for (int64_t i = 0; i < half; i++) {
    const float *cos = op->cos + position * d, *sin = op->sin + position * d;
    const float low = x[i] * factor, high = x[half + i] * factor;
    const float a = low * cos[i], b = high * sin[i], c = low * sin[half + i];

    head->rotated[i] = a - b;
    head->rotated[half + i] = fmaf (high, cos[half + i], c);
  }
}

static void
encode_keys (Head *head, const CkKeyChunk *chunk)
{
  const int64_t from = ck_key_offset (head->op, head->queries),
                width = head->op->heads * head->op->head_dim;

  for (int64_t key = 0; key < chunk->n; key++) {
    const int64_t token = ck_key_token (&head->parts, chunk->first + key);

    rotate (head, token, 1, head->op->k + from + token * width);
    head->rows.quantise (head->op->head_dim, head->rotated,
                         head->keys + key * head->blocks * CK_CODE_BLOCK,
                         head->key_scales + key * head->blocks, NULL, NULL);
  }
}

/* Column `col` of a part. */
static void
encode_column (Head *head, const CkKeyChunk *chunk, int p, int64_t col)
{
  const int64_t d = head->op->head_dim, width = head->op->heads * d,
                token = ck_key_token (&head->parts, chunk->first + chunk->starts[p]);
  const float *v = head->op->v + ck_key_offset (head->op, head->queries) + token * width + col;
  float max = 0, sum = 0, inverse;

  for (int64_t i = 0; i < chunk->sizes[p]; i++) {
    max = fmaxf (max, fabsf (v[i * width]));
    sum += fabsf (v[i * width]);
  }
  head->value_scales[p * d + col] = ck_code_scale (max, sum, head->numbers.part_max);
  inverse = ck_code_inverse (max, head->numbers.part_max);
  for (int64_t i = 0; i < chunk->sizes[p]; i++) {
    const float scaled = v[i * width] * inverse;

    head->values[(chunk->starts[p] + i) * d + col] =
        isfinite (scaled) ? (int16_t)lrintf (scaled) : 0;
  }
}

/* ---- exponentials ---------------------------------------------------------------------------- */

/* 2^x for x <= 0, as v_exp2_negative () of vectors-tmpl.h makes it. */
static float
exp2_negative (float x)
{
  const float bounded = x < -125 ? -125 : x, n = rintf (bounded), r = bounded - n;
  float p = fmaf (1.53211389e-4f, r, 1.3390173e-3f);

  p = fmaf (p, r, 9.61852691e-3f);
  p = fmaf (p, r, 5.55036236e-2f);
  p = fmaf (p, r, 2.40226478e-1f);
  p = fmaf (p, r, 6.93147181e-1f);
  p = fmaf (p, r, 1);
  return isnan (x) ? x : ldexpf (p, (int)n);
}

/* The code of 2^x for x <= 0. */
static int32_t
encode_exp (const Numbers *numbers, float x)
{
  const float bounded = x < CK_EXP_LOWEST ? CK_EXP_LOWEST : x, whole = floorf (bounded),
              rest = bounded - whole;
  float p = numbers->exp_max * numbers->terms[numbers->n_terms - 1];

  if (isnan (x))
    return 0;
  for (int i = numbers->n_terms - 2; i >= 0; i--)
    p = fmaf (p, rest, numbers->exp_max * numbers->terms[i]);
  return (int32_t)lrintf (ldexpf (p, (int)whole));
}

/* Scores of a part to codes; their sum. The largest score is *max. */
static int32_t
encode_part (const Head *head, const CkKeyChunk *chunk, int p, float *max)
{
  const float *scores = head->scores + chunk->starts[p];
  int32_t sum = 0;

  *max = -INFINITY;
  for (int64_t i = 0; i < chunk->sizes[p]; i++)
    *max = fmaxf (*max, scores[i]);
  for (int64_t i = 0; i < chunk->sizes[p]; i++) {
    head->exps[chunk->starts[p] + i] = encode_exp (&head->numbers, scores[i] - *max);
    sum += head->exps[chunk->starts[p] + i];
  }
  return sum;
}

/* ---- a query --------------------------------------------------------------------------------- */

/* The scores of head->query with a chunk; NaN, or 0 where all must be finite. */
static float
score (Head *head, const CkKeyChunk *chunk)
{
  const int64_t depth = head->blocks * CK_CODE_BLOCK;
  float query_largest = 0, key_largest = 0;

  for (int64_t block = 0; block < head->blocks; block++)
    query_largest = ck_larger_scale (query_largest, head->query_scales[block]);
  for (int64_t key = 0; key < chunk->n; key++) {
    float total = 0;

    for (int64_t block = 0; block < head->blocks; block++) {
      const int16_t *a = head->query + block * CK_CODE_BLOCK,
                    *b = head->keys + key * depth + block * CK_CODE_BLOCK;
      const float scale = head->key_scales[key * head->blocks + block];
      int32_t sum = 0;

      for (int i = 0; i < CK_CODE_BLOCK; i++)
        sum += a[i] * b[i];
      total = fmaf ((float)sum, head->query_scales[block] * scale, total);
      key_largest = ck_larger_scale (key_largest, scale);
    }
    head->scores[key] = total;
  }
  return query_largest * key_largest * ((float)CK_CODE_MAX_16 * CK_CODE_MAX_16 * (float)depth) <
                 INFINITY
             ? 0
             : NAN;
}

/* The weights of a chunk's parts, and how what came before and the result are scaled. */
typedef struct {
  float factors[CK_PARTS], keep, scale;
} Weights;

static Weights
soften (Head *head, const CkKeyChunk *chunk, int64_t row, float bad)
{
  float max = chunk->is_first ? -INFINITY : head->maxima[row], maxima[CK_PARTS], total;
  const float before = max;
  Weights weights;
  int32_t sums[CK_PARTS];

  for (int p = 0; p < CK_PARTS; p++) {
    sums[p] = encode_part (head, chunk, p, &maxima[p]);
    max = fmaxf (max, maxima[p]);
  }
  for (int p = 0; p < CK_PARTS; p++)
    weights.factors[p] = exp2_negative (maxima[p] - max);
  weights.keep = exp2_negative (before - max);
  total = (weights.factors[0] * (float)sums[0] + weights.factors[2] * (float)sums[2]) +
          (weights.factors[1] * (float)sums[1] + weights.factors[3] * (float)sums[3]) + bad;
  if (!chunk->is_first)
    total = weights.keep * head->totals[row] + total;
  head->maxima[row] = max;
  head->totals[row] = total;
  weights.scale = chunk->is_last ? 1 / total : 1;
  return weights;
}

static void
mix (const Head *head, const CkKeyChunk *chunk, const Weights *weights, float *out)
{
  const int64_t d = head->op->head_dim;

  for (int64_t col = 0; col < d; col++) {
    float total = 0;

    for (int p = 0; p < CK_PARTS && chunk->sizes[p] > 0; p++) {
      int32_t sum = 0;

      for (int64_t i = chunk->starts[p]; i < chunk->starts[p] + chunk->sizes[p]; i++)
        sum += head->exps[i] * head->values[i * d + col];
      total = fmaf ((float)sum, weights->factors[p] * head->value_scales[p * d + col], total);
    }
    if (!chunk->is_first)
      total = fmaf (weights->keep, out[col], total);
    out[col] = weights->scale * total;
  }
}

static void
attend (Head *head, const CkKeyChunk *chunk, int64_t row)
{
  const CkAttention *op = head->op;
  const int64_t at = ck_query_offset (op, head->queries) + row * op->heads * op->head_dim;
  const float scale = (float)(M_LOG2E / sqrt ((double)op->head_dim));
  Weights weights;

  rotate (head, head->queries->first + row, scale, op->q + at);
  head->rows.quantise (op->head_dim, head->rotated, head->query, head->query_scales, NULL, NULL);
  weights = soften (head, chunk, row, score (head, chunk));
  mix (head, chunk, &weights, (float *)op->out.data + at);
}

static CkStatus
attend_head (const Numbers *numbers, const CkAttention *op, const CkQueries *queries,
             float *scratch)
{
  CkParts memory = { .memory = (char *)scratch };
  Head head = { .op = op, .queries = queries, .numbers = *numbers, .parts = ck_key_parts (op) };
  CkQuantisedOps int8;

  ck_quantised_init_c (&head.rows, &int8);
  divide (&head, op, queries->rows, &memory);
  for (int64_t part = 0; part < head.parts.n; part += CK_PARTS) {
    const CkKeyChunk chunk = ck_key_chunk (&head.parts, part);

    encode_keys (&head, &chunk);
    for (int p = 0; p < CK_PARTS; p++)
      for (int64_t col = 0; col < op->head_dim; col++)
        if (chunk.sizes[p] > 0)
          encode_column (&head, &chunk, p, col);
    for (int64_t row = 0; row < queries->rows; row++)
      attend (&head, &chunk, row);
  }
  return CK_OK;
}

static CkStatus
attend_int16 (const CkAttention *op, const CkQueries *queries, float *scratch)
{
  const Numbers numbers = { CK_PART_MAX_16, CK_EXP_MAX_16, 5, CK_EXP_16 };

  return attend_head (&numbers, op, queries, scratch);
}

static CkStatus
attend_int8 (const CkAttention *op, const CkQueries *queries, float *scratch)
{
  const Numbers numbers = { CK_CODE_MAX_8, CK_EXP_MAX_8, 4, CK_EXP_8 };

  return attend_head (&numbers, op, queries, scratch);
}

void
ck_attention_codes_init_c (CkAttentionOps *int16, CkAttentionOps *int8)
{
  *int16 = (CkAttentionOps){ scratch_c, attend_int16 };
  *int8 = (CkAttentionOps){ scratch_c, attend_int8 };
}
