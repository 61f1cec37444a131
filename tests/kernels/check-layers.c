/* SPDX-License-Identifier: MIT */
/* Norm, attention and embedding against their formulas in double precision, and shapes that every
 * operation must refuse. */
#include "tests/kernels/harness.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NORM_LIMIT  2e-6
#define EMBED_LIMIT 1e-6
#define SINK_LIMIT  .02 /* of codes of 8 bits */

/* ---- norm ------------------------------------------------------------------------------------ */

static double *
reference_norm (const CkNorm *norm, int64_t rows, int64_t cols, const float *x)
{
  double *y = malloc ((size_t)(rows * cols) * sizeof *y);

  for (int64_t row = 0; row < rows; row++) {
    double mean = 0, variance = 0;

    for (int64_t i = 0; i < cols; i++)
      mean += x[row * cols + i] / (double)cols;
    for (int64_t i = 0; i < cols; i++)
      variance += pow (x[row * cols + i] - mean, 2) / (double)cols;
    for (int64_t i = 0; i < cols; i++)
      y[row * cols + i] =
          (x[row * cols + i] - mean) / sqrt (variance + norm->epsilon) * norm->weight[i] +
          norm->bias[i];
  }
  return y;
}

static CkStatus
run_norm (CkStream *stream, CkNorm norm, const float *x, float *y)
{
  norm.weight = D (norm.weight);
  norm.bias = D (norm.bias);
  norm.x = D (x);
  norm.y = ck_f32 (D (y));
  return settled (stream, stream->operations->norm (stream, &norm));
}

/* `offset` moves the mean away from zero, where a variance as mean of squares less square of mean
 * would lose its digits. */
static void
check_norm_one (CkStream *stream, CkStream *oracle, int64_t rows, int64_t cols, Fill fill,
                float offset)
{
  float *weight = floats_filled (cols, FILL_RANDOM), *bias = floats_filled (cols, FILL_RANDOM);
  float *x = floats_filled (rows * cols, fill), *y = floats_new (rows * cols),
        *plain = floats_new (rows * cols);
  const CkNorm norm = { weight, bias, 1e-5f, rows, cols, NULL, ck_f32 (NULL) };
  double *want;

  for (int64_t i = 0; i < rows * cols; i++)
    x[i] += offset;
  want = reference_norm (&norm, rows, cols, x);
  CHECK (run_norm (stream, norm, x, y) == CK_OK);
  CHECK (run_norm (oracle, norm, x, plain) == CK_OK);
  compare ("norm", y, want, rows * cols, NORM_LIMIT, largest (want, rows * cols));
  compare_floats ("norm against c", y, plain, rows * cols, 2 * NORM_LIMIT,
                  largest (want, rows * cols));
  CHECK (run_norm (stream, norm, x, x) == CK_OK);
  compare_floats ("norm in place", x, y, rows * cols, 0, 0);
  free (want);
  floats_free (weight, cols);
  floats_free (bias, cols);
  floats_free (x, rows * cols);
  floats_free (y, rows * cols);
  floats_free (plain, rows * cols);
}

void
check_norm (CkStream *stream, CkStream *oracle)
{
  static const int64_t shapes[][2] = { { 1, 1 },    { 2, 5 },   { 3, 16 },   { 1, 31 },  { 7, 64 },
                                       { 201, 65 }, { 5, 384 }, { 2, 4097 }, { 3, 9002 } };

  case_begin ();
  for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
    for (int fill = 0; fill < N_FILLS; fill++)
      check_norm_one (stream, oracle, shapes[s][0], shapes[s][1], (Fill)fill, 0);
    floats_align (true); /* as in a network */
    check_norm_one (stream, oracle, shapes[s][0], shapes[s][1], FILL_RANDOM, 1e6f);
    floats_align (false);
  }
  CHECK (stream->operations->norm (stream, &(CkNorm){ .cols = 8 }) == CK_OK);
  case_end ("norm", stream_name (stream));
}

/* ---- attention ------------------------------------------------------------------------------- */

/* x [batch * tokens, heads * head_dim] with its positions rotated. */
static double *
reference_rope (const CkAttention *a, int64_t tokens, const float *x)
{
  const int64_t n = a->batch * tokens * a->heads * a->head_dim, d = a->head_dim;
  double *rotated = malloc ((size_t)n * sizeof *rotated);

  for (int64_t i = 0; i < n; i++) {
    const int64_t token = i / (a->heads * d) % tokens, c = i % d,
                  other = c < d / 2 ? i + d / 2 : i - d / 2;
    const int64_t at = (token - a->prefix) * d + c;

    rotated[i] =
        token < a->prefix || a->cos == NULL
            ? x[i]
            : x[i] * (double)a->cos[at] + (c < d / 2 ? -x[other] : x[other]) * (double)a->sin[at];
  }
  return rotated;
}

/* The numbers that attention's products are made of. */
typedef struct {
  const char *name; /* of the case */
  CkType type;
  int uses;   /* among the device's products */
  bool exact; /* has the bits of plain C */
  double limit;
} Products;

static const Products attention_products[] = {
  { "attention-fp32", CK_F32, 0, false, 1e-5 },
  { "attention-int16", CK_I16, CK_USE_INT16, true, 2e-3 },
  { "attention-int8", CK_I8, CK_USE_INT8, true, 4e-2 },
  { "attention-fp16", CK_F16, CK_USE_F16, false, 1e-3 },
  { "attention-bf16", CK_BF16, CK_USE_BF16, false, 1e-2 },
};
enum { N_ATTENTION = sizeof attention_products / sizeof *attention_products };

static bool
in_halves (const Products *products)
{
  return products->type == CK_F16 || products->type == CK_BF16;
}

static double *
reference_attention (const CkAttention *a, const double *q, const double *k)
{
  const int64_t width = a->heads * a->head_dim, d = a->head_dim, queries = ck_attention_queries (a);
  double *out = calloc ((size_t)(a->batch * queries * width), sizeof *out),
         *p = malloc ((size_t)a->tokens * sizeof *p);

  for (int64_t task = 0; task < a->batch * a->heads * queries; task++) {
    const int64_t query = task % queries, head = task / queries % a->heads,
                  picture = task / queries / a->heads;
    const int64_t at = (picture * queries + query) * width + head * d,
                  keys = picture * a->tokens * width + head * d;
    double max = -INFINITY, sum = 0;

    for (int64_t t = 0; t < a->tokens; t++) {
      p[t] = 0;
      for (int64_t c = 0; c < d; c++)
        p[t] += q[at + c] * k[keys + t * width + c] / sqrt ((double)d);
      max = fmax (max, p[t]);
    }
    for (int64_t t = 0; t < a->tokens; t++)
      sum += p[t] = exp (p[t] - max);
    for (int64_t t = 0; t < a->tokens; t++)
      for (int64_t c = 0; c < d; c++)
        out[at + c] += p[t] / sum * a->v[keys + t * width + c];
  }
  free (p);
  return out;
}

static CkStatus
run_attention (CkStream *stream, CkAttention a, float *out)
{
  a.cos = D (a.cos);
  a.sin = D (a.sin);
  a.q = D (a.q);
  a.k = D (a.k);
  a.v = D (a.v);
  a.out = ck_f32 (D (out));
  return settled (stream, stream->operations->attention (stream, &a));
}

/* Tokens with a prefix, in one head, and what is computed of them. */
enum { FEW_TOKENS = 101, FEW_PREFIX = 5, FEW_DIM = 64, FEW = FEW_TOKENS * FEW_DIM };

typedef struct {
  CkAttention a;
  float *q, *k, *v, *out; /* [FEW] */
} FewTokens;

static FewTokens
few_tokens_new (CkType products)
{
  FewTokens few = { .q = floats_filled (FEW, FILL_RANDOM),
                    .k = floats_filled (FEW, FILL_RANDOM),
                    .v = floats_filled (FEW, FILL_RANDOM),
                    .out = floats_new (FEW) };

  few.a = (CkAttention){ .batch = 1,
                         .tokens = FEW_TOKENS,
                         .heads = 1,
                         .head_dim = FEW_DIM,
                         .prefix = FEW_PREFIX,
                         .q = few.q,
                         .k = few.k,
                         .v = few.v,
                         .products = products };
  return few;
}

static void
few_tokens_free (FewTokens *few)
{
  floats_free (few->q, FEW);
  floats_free (few->k, FEW);
  floats_free (few->v, FEW);
  floats_free (few->out, FEW);
}

/* What is not finite reaches whatever it is a term of, and nothing else. */
static void
check_not_finite (CkStream *stream, CkType products, float value)
{
  enum { TOKEN = 77, COL = 13 };

  for (int where = 0; where < 3; where++) {
    FewTokens few = few_tokens_new (products);

    (where == 0 ? few.q : where == 1 ? few.k : few.v)[TOKEN * FEW_DIM + COL] = value;
    CHECK (run_attention (stream, few.a, few.out) == CK_OK);
    for (int i = 0; i < FEW; i++) {
      const bool reached = where == 0   ? i / FEW_DIM == TOKEN
                           : where == 1 ? true
                                        : i % FEW_DIM == COL;

      if (isnan (few.out[i]) != reached)
        fail ("type %d, %g in the %s of a token: element %d is %g", products, value,
              where == 0   ? "query"
              : where == 1 ? "key"
                           : "value",
              i, few.out[i]);
    }
    few_tokens_free (&few);
  }
}

/* Scores beyond fp32 are not taken for something else. */
static void
check_too_large (CkStream *stream, CkType products)
{
  FewTokens few = few_tokens_new (products);

  for (int i = 0; i < FEW; i++) {
    few.q[i] *= 1e25f;
    few.k[i] *= 1e25f;
  }
  CHECK (run_attention (stream, few.a, few.out) == CK_OK);
  for (int i = 0; i < FEW; i++)
    CHECK (isnan (few.out[i]));
  few_tokens_free (&few);
}

/* A register that gets all attention and gives nothing, as the other ones: what the result is made
 * of are the small exponentials of patches. */
static void
check_sink (CkStream *stream, CkType products)
{
  enum { SINK = 2 };
  FewTokens few = few_tokens_new (products);
  double *q, *k, *want;

  for (int i = 0; i < FEW; i++) {
    few.q[i] += 1;
    if (i / FEW_DIM == SINK)
      few.k[i] = 1.5f;
    if (i / FEW_DIM < FEW_PREFIX)
      few.v[i] = 0;
  }
  q = reference_rope (&few.a, FEW_TOKENS, few.q);
  k = reference_rope (&few.a, FEW_TOKENS, few.k);
  want = reference_attention (&few.a, q, k);
  CHECK (run_attention (stream, few.a, few.out) == CK_OK);
  compare ("attention beside a sink", few.out, want, FEW, SINK_LIMIT, largest (want, FEW));
  free (q);
  free (k);
  free (want);
  few_tokens_free (&few);
}

/* The first tokens alone have the bits that they have among all. */
static void
check_queries (CkStream *stream, CkAttention a, const float *q, const float *out)
{
  const int64_t width = a.heads * a.head_dim, all = a.tokens * width;

  for (a.queries = 1; a.queries <= a.tokens; a.queries += a.queries < 8 ? 1 : 97) {
    const int64_t some = a.queries * width;
    float *first = floats_new (a.batch * some), *found = floats_new (a.batch * some);

    for (int64_t p = 0; p < a.batch; p++)
      memcpy (first + p * some, q + p * all, (size_t)some * sizeof *first);
    a.q = first;
    CHECK (run_attention (stream, a, found) == CK_OK);
    for (int64_t p = 0; p < a.batch; p++)
      CHECK (memcmp (found + p * some, out + p * all, (size_t)some * sizeof *out) == 0);
    floats_free (first, a.batch * some);
    floats_free (found, a.batch * some);
  }
}

/* Memory as a network has it gives the bits of `out`, whose inputs were aligned to floats. */
static void
check_aligned (CkStream *stream, CkAttention a, const float *out)
{
  const int64_t n = a.batch * a.tokens * a.heads * a.head_dim,
                n_queries = a.batch * ck_attention_queries (&a) * a.heads * a.head_dim,
                n_positions = (a.tokens - a.prefix) * a.head_dim;
  float *q, *k, *v, *found, *cos = NULL, *sin = NULL;

  floats_align (true);
  a.q = q = floats_copy (a.q, n_queries);
  a.k = k = floats_copy (a.k, n);
  a.v = v = floats_copy (a.v, n);
  if (a.cos != NULL) {
    a.cos = cos = floats_copy (a.cos, n_positions);
    a.sin = sin = floats_copy (a.sin, n_positions);
  }
  found = floats_new (n_queries);
  floats_align (false);
  CHECK (run_attention (stream, a, found) == CK_OK);
  CHECK (memcmp (found, out, (size_t)n_queries * sizeof *out) == 0);
  floats_free (q, n_queries);
  floats_free (k, n);
  floats_free (v, n);
  floats_free (found, n_queries);
  floats_free (cos, n_positions);
  floats_free (sin, n_positions);
}

static void
check_attention_one (CkStream *stream, CkStream *oracle, CkAttention a, bool rotated, Fill fill,
                     const Products *products)
{
  const int64_t n = a.batch * a.tokens * a.heads * a.head_dim,
                n_queries = a.batch * ck_attention_queries (&a) * a.heads * a.head_dim,
                n_positions = (a.tokens - a.prefix) * a.head_dim;
  float *cos = floats_new (n_positions), *sin = floats_new (n_positions);
  float *q = floats_filled (n_queries, fill), *k = floats_filled (n, fill),
        *v = floats_filled (n, FILL_RANDOM), *out = floats_new (n_queries),
        *plain = floats_new (n_queries);
  float *given_q, *given_k = floats_copy (k, n);
  double *want_q, *want_k, *want;

  for (int64_t i = 0; i < n_positions; i++) {
    const float angle = 3 * random_float ();
    cos[i] = cosf (angle);
    sin[i] = sinf (angle);
  }
  /* scores of up to +-5, a softmax that is neither flat nor a single one; the extremes remain as
   * they are */
  for (int64_t i = 0; i < n_queries && fill == FILL_RANDOM; i++)
    q[i] *= 4;
  given_q = floats_copy (q, n_queries);
  a.cos = rotated && n_positions > 0 ? cos : NULL;
  a.sin = rotated && n_positions > 0 ? sin : NULL;
  want_q = reference_rope (&a, ck_attention_queries (&a), q);
  want_k = reference_rope (&a, a.tokens, k);
  a.q = q;
  a.k = k;
  a.v = v;
  want = reference_attention (&a, want_q, want_k);

  a.products = products->exact ? products->type : CK_F32;
  CHECK (run_attention (oracle, a, plain) == CK_OK);
  a.products = products->type;
  CHECK (run_attention (stream, a, out) == CK_OK);
  /* With q and k of +-1e4 a score's rounding error is larger than 1, and the softmax of that is
   * anyone's guess. */
  if (fill == FILL_RANDOM || fill == FILL_ZERO) {
    compare ("attention", out, want, n_queries, products->limit, 1);
    compare_floats ("attention against c", out, plain, n_queries, 2 * products->limit, 1);
  }
  if (products->exact)
    CHECK (memcmp (out, plain, (size_t)n_queries * sizeof *out) == 0);
  for (int64_t i = 0; i < n_queries; i++)
    /* a mean of v, whatever the scores: no overflow in the exponentials */
    CHECK (fabsf (out[i]) <= 1.00001f + (in_halves (products) ? (float)products->limit : 0));
  CHECK (memcmp (q, given_q, (size_t)n_queries * sizeof *q) == 0);
  CHECK (memcmp (k, given_k, (size_t)n * sizeof *k) == 0);
  if (fill == FILL_RANDOM)
    check_aligned (stream, a, out);
  if (fill == FILL_RANDOM && a.queries == 0 && a.tokens < 500)
    check_queries (stream, a, q, out);

  free (want_q);
  free (want_k);
  free (want);
  floats_free (cos, n_positions);
  floats_free (sin, n_positions);
  floats_free (q, n_queries);
  floats_free (k, n);
  floats_free (v, n);
  floats_free (out, n_queries);
  floats_free (plain, n_queries);
  floats_free (given_q, n_queries);
  floats_free (given_k, n);
}

static void
check_attention_shapes (CkStream *stream, CkStream *oracle, const Products *products)
{
  /* batch, tokens, heads, head_dim, prefix, queries; from 257 tokens on there are several blocks of
   * keys, of which the last is not full; the last three are larger tiles of a GPU of three
   * processors */
  static const int64_t shapes[][6] = {
    { 1, 1, 1, 2, 0, 0 },     { 1, 1, 1, 64, 1, 0 },   { 2, 5, 3, 32, 1, 0 },
    { 2, 5, 3, 32, 1, 2 },    { 1, 17, 2, 64, 5, 0 },  { 3, 21, 1, 48, 5, 0 },
    { 3, 21, 1, 48, 5, 1 },   { 2, 33, 2, 96, 5, 0 },  { 1, 201, 3, 64, 5, 0 },
    { 1, 67, 1, 128, 67, 0 }, { 2, 257, 2, 26, 5, 0 }, { 1, 257, 1, 64, 5, 7 },
    { 1, 1029, 1, 34, 5, 0 }, { 2, 98, 1, 64, 16, 0 }, { 1, 99, 1, 130, 17, 0 },
    { 1, 35, 2, 136, 3, 0 },  { 1, 61, 6, 8, 5, 0 },   { 1, 31, 6, 16, 3, 0 },
    { 2, 30, 3, 70, 5, 0 },
  };

  for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
    const int64_t *shape = shapes[s];
    const CkAttention a = { .batch = shape[0],
                            .tokens = shape[1],
                            .heads = shape[2],
                            .head_dim = shape[3],
                            .queries = shape[5],
                            .prefix = shape[4] };

    if (!is_affordable (stream, 2.0 * (double)(a.batch * a.heads * a.head_dim * a.tokens) *
                                    (double)ck_attention_queries (&a)))
      continue;
    for (int fill = FILL_RANDOM; fill < (a.tokens < 500 ? N_FILLS : FILL_RANDOM + 1); fill++)
      check_attention_one (stream, oracle, a, true, (Fill)fill, products);
    if (a.tokens < 500)
      check_attention_one (stream, oracle, a, false, FILL_RANDOM, products);
  }
}

void
check_attention (CkStream *stream, CkStream *oracle)
{
  for (int i = 0; i < N_ATTENTION; i++) {
    const Products *products = &attention_products[i];

    if (!has_products (stream, products->uses) || !is_chosen (products->name))
      continue;
    case_begin ();
    check_attention_shapes (stream, oracle, products);
    check_sink (stream, products->type);
    check_not_finite (stream, products->type, NAN);
    if (products->exact) { /* e^-infinity is 0 in fp32 */
      check_not_finite (stream, products->type, -INFINITY);
      check_too_large (stream, products->type);
    }
    case_end (products->name, stream_name (stream));
  }
}

/* ---- embedding ------------------------------------------------------------------------------- */

/* The convolution as its definition says it: no patches, only pixels and a weight [dim, channels,
 * patch, patch]. *magnitude: the largest sum of a token's terms without their signs. */
static double *
reference_embed (const CkEmbed *e, const double *weight, double *magnitude)
{
  const int64_t across = e->width / e->patch, patches = e->height / e->patch * across,
                n = e->n_prefix + patches;
  double *tokens = malloc ((size_t)(e->batch * n * e->dim) * sizeof *tokens);

  *magnitude = 0;
  for (int64_t i = 0; i < e->batch * n * e->dim; i++) {
    const int64_t o = i % e->dim, token = i / e->dim % n, picture = i / e->dim / n,
                  at = token - e->n_prefix;
    double sum = e->bias != NULL ? e->bias[o] : 0, terms = fabs (sum);

    for (int64_t j = 0; at >= 0 && j < e->channels * e->patch * e->patch; j++) {
      const int64_t channel = j / e->patch / e->patch, dy = j / e->patch % e->patch,
                    dx = j % e->patch;
      const int64_t y = at / across * e->patch + dy, x = at % across * e->patch + dx;

      const double term =
          e->pixels[((picture * e->channels + channel) * e->height + y) * e->width + x] *
          weight[((o * e->channels + channel) * e->patch + dy) * e->patch + dx];

      sum += term;
      terms += fabs (term);
    }
    tokens[i] = at >= 0 ? sum : e->prefix[token * e->dim + o];
    if (e->position != NULL) {
      tokens[i] += e->position[token * e->dim + o];
      terms += fabs (e->position[token * e->dim + o]);
    }
    *magnitude = fmax (*magnitude, at >= 0 ? terms : fabs (tokens[i]));
  }
  return tokens;
}

static CkStatus
run_embed (CkStream *stream, CkEmbed e, const CkWeightSource *weight, float *tokens)
{
  e.weight = weight_on_device (stream, weight, false);
  e.bias = D (e.bias);
  e.prefix = D (e.prefix);
  e.position = D (e.position);
  e.pixels = D (e.pixels);
  e.tokens = D (tokens);
  return settled (stream, stream->operations->embed (stream, &e));
}

static void
check_embed_one (CkStream *stream, CkStream *oracle, CkEmbed e, CkType type, bool with_bias,
                 bool with_position)
{
  const int64_t n_pixels = e.batch * e.channels * e.height * e.width, n_prefix = e.n_prefix * e.dim;
  const int64_t n_places = n_prefix + e.height / e.patch * (e.width / e.patch) * e.dim,
                n = e.batch * n_places;
  float *pixels = floats_filled (n_pixels, FILL_RANDOM), *bias = floats_filled (e.dim, FILL_RANDOM);
  float *prefix = floats_filled (n_prefix, FILL_RANDOM),
        *position = floats_filled (n_places, FILL_RANDOM), *tokens = floats_new (n),
        *plain = floats_new (n);
  TestWeight w;
  double *want, magnitude;

  test_weight_init (&w, type, e.dim, e.channels * e.patch * e.patch, FILL_RANDOM);
  e.bias = with_bias ? bias : NULL;
  e.prefix = n_prefix > 0 ? prefix : NULL;
  e.position = with_position ? position : NULL;
  e.pixels = pixels;
  want = reference_embed (&e, w.values, &magnitude);
  CHECK (run_embed (oracle, e, &w.source, plain) == CK_OK);
  CHECK (run_embed (stream, e, &w.source, tokens) == CK_OK);
  compare ("embed", tokens, want, n, EMBED_LIMIT, magnitude);
  compare_floats ("embed against c", tokens, plain, n, 2 * EMBED_LIMIT, magnitude);
  free (want);
  test_weight_clear (&w);
  floats_free (pixels, n_pixels);
  floats_free (bias, e.dim);
  floats_free (prefix, n_prefix);
  floats_free (position, n_places);
  floats_free (tokens, n);
  floats_free (plain, n);
}

void
check_embed (CkStream *stream, CkStream *oracle)
{
  /* batch, channels, height, width, patch, dim, n_prefix; the last but one has more patches than
   * are gathered at once, the last is large tiles of a GPU of three processors */
  static const int64_t shapes[][7] = { { 1, 1, 1, 1, 1, 1, 0 },       { 1, 3, 16, 16, 16, 20, 5 },
                                       { 2, 3, 48, 32, 16, 48, 5 },   { 3, 2, 21, 14, 7, 33, 1 },
                                       { 1, 3, 64, 64, 8, 384, 0 },   { 1, 3, 488, 392, 8, 2, 5 },
                                       { 2, 1, 1040, 1040, 1, 1, 1 }, { 1, 1, 17, 17, 1, 70, 1 } };

  case_begin ();
  for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
    const int64_t *shape = shapes[s];
    const CkEmbed e = { .batch = shape[0],
                        .channels = shape[1],
                        .height = shape[2],
                        .width = shape[3],
                        .patch = shape[4],
                        .dim = shape[5],
                        .n_prefix = shape[6] };

    const double work = (double)(e.batch * e.channels * e.height * e.width) * (double)e.dim;

    if (!is_affordable (stream, work))
      continue;
    floats_align (s % 2 != 0);     /* as in a network */
    for (size_t t = 0; t < 4; t++) /* large ones in one format each */
      if (t == s % 4 || work <= 1e6)
        check_embed_one (stream, oracle, e, weight_types[t], s % 3 != 0, s % 3 != 2);
    floats_align (false);
  }
  case_end ("embed", stream_name (stream));
}

/* ---- shapes to refuse ------------------------------------------------------------------------ */

static CkStatus
weight_status (CkStream *stream, CkWeightSource source)
{
  CkWeight *weight = NULL;
  const CkStatus status = ck_weight_new (stream->device, &source, ALL_USES, &weight);

  CHECK ((status == CK_OK) == (weight != NULL));
  ck_weight_free (stream->device, weight);
  return status;
}

static void
check_bad_weights (CkStream *stream)
{
  const float data[64] = { 0 };
  const CkWeightSource good = {
    .type = CK_NF4, .out = 4, .in = 8, .host_data = data, .host_absmax = data, .block = 64
  };
  CkWeightSource bad;

  CHECK (weight_status (stream, good) == CK_OK);
#define CHECK_BAD(field, value, status)                                                            \
  do {                                                                                             \
    bad = good;                                                                                    \
    bad.field = value;                                                                             \
    CHECK (weight_status (stream, bad) == status);                                                 \
  } while (0)
  CHECK_BAD (out, 0, CK_BAD_SHAPE);
  CHECK_BAD (in, -8, CK_BAD_SHAPE);
  CHECK_BAD (out, INT64_MAX, CK_BAD_SHAPE);
  CHECK_BAD (block, 0, CK_BAD_SHAPE);
  CHECK_BAD (block, 63, CK_BAD_SHAPE);
  CHECK_BAD (host_absmax, NULL, CK_BAD_SHAPE);
  CHECK_BAD (host_data, NULL, CK_BAD_SHAPE);
  CHECK_BAD (parameters, data, CK_BAD_SHAPE); /* and data */
  CHECK_BAD (type, (CkType)77, CK_UNSUPPORTED);
  CHECK_BAD (type, CK_I8, CK_UNSUPPORTED); /* activations only */
  bad = good, bad.host_data = NULL, bad.parameters = data;
  CHECK (weight_status (stream, bad) == CK_UNSUPPORTED); /* what trains is fp32 */
#undef CHECK_BAD
}

/* A weight that was made for one product serves no other. */
static void
check_uses (CkStream *stream, const CkWeightSource *source, float *x, float *y)
{
  static const CkWeightUses uses[] = { CK_USE_FORWARD, CK_USE_BACKWARD, CK_USE_DEQUANTISE };

  for (int i = 0; i < 3; i++) {
    CkLinear forward = { .rows = 2, .x = ck_f32 (D (x)), .y = ck_f32 (D (y)) };
    CkLinearBackward backward = { .rows = 1, .x = D (x), .dy = D (x), .dx = D (y) };
    CkWeight *weight;

    CHECK (ck_weight_new (stream->device, source, uses[i], &weight) == CK_OK);
    forward.weight = backward.weight = weight;
    CHECK (stream->operations->linear (stream, &forward) == (i == 0 ? CK_OK : CK_UNSUPPORTED));
    CHECK (stream->training->linear_backward (stream, &backward) ==
           (i == 1 ? CK_OK : CK_UNSUPPORTED));
    CHECK (stream->operations->weight_dequantise (stream, weight, 0, 1, D (y)) ==
           (i == 2 ? CK_OK : CK_UNSUPPORTED));
    CHECK (settle (stream) == CK_OK);
    ck_weight_free (stream->device, weight);
  }
}

static void
check_bad_linear (CkStream *stream, const CkWeightSource *source, float *x, float *y)
{
  const CkLinear good = { .weight = weight_on_device (stream, source, false),
                          .rows = 2,
                          .x = ck_f32 (D (x)),
                          .y = ck_f32 (D (y)) };
  const CkAdapter adapter = { .rank = 1, .scale = 1, .down = D (x), .up = D (x) };
  const CkOperations *operations = stream->operations;
  CkLinear bad;

#define CHECK_BAD(field, value, status)                                                            \
  do {                                                                                             \
    bad = good;                                                                                    \
    bad.field = value;                                                                             \
    CHECK (operations->linear (stream, &bad) == status);                                           \
  } while (0)
  CHECK (operations->linear (stream, &good) == CK_OK);
  CHECK_BAD (rows, 0, CK_OK);
  CHECK_BAD (rows, -1, CK_BAD_SHAPE);
  CHECK_BAD (rows, INT64_MAX / 8, CK_BAD_SHAPE);
  CHECK_BAD (adapter.rank, -1, CK_BAD_SHAPE);
  CHECK_BAD (adapter.rank, 1, CK_BAD_SHAPE); /* without matrices */
  CHECK_BAD (adapter, adapter, CK_OK);
  CHECK_BAD (x.type, CK_BF16, CK_UNSUPPORTED);
  CHECK_BAD (y.type, CK_NF4, CK_UNSUPPORTED);
#undef CHECK_BAD
  bad = good, bad.adapter = adapter, bad.adapter.dropout = 0.5f;
  CHECK (operations->linear (stream, &bad) == CK_BAD_SHAPE); /* without a key */

  CHECK (operations->weight_dequantise (stream, good.weight, 1, 3, D (y)) == CK_OK);
  CHECK (operations->weight_dequantise (stream, good.weight, 1, 4, D (y)) == CK_BAD_SHAPE);
  CHECK (operations->weight_dequantise (stream, good.weight, -1, 2, D (y)) == CK_BAD_SHAPE);
  CHECK (operations->weight_dequantise (stream, good.weight, 5, INT64_MAX, D (y)) == CK_BAD_SHAPE);
  CHECK (settle (stream) == CK_OK);
}

static void
check_bad_embed (CkStream *stream, const CkWeightSource *source, float *x, float *y)
{
  const CkEmbed good = { .batch = 1,
                         .channels = 2,
                         .height = 4,
                         .width = 4,
                         .patch = 2,
                         .weight = weight_on_device (stream, source, false),
                         .dim = 4,
                         .pixels = D (x),
                         .tokens = D (y) };
  CkEmbed bad = good;

  CHECK (stream->operations->embed (stream, &good) == CK_OK);
  bad.width = 5;
  CHECK (stream->operations->embed (stream, &bad) == CK_BAD_SHAPE);
  bad = good, bad.channels = 3;
  CHECK (stream->operations->embed (stream, &bad) == CK_BAD_SHAPE);
  bad = good, bad.dim = 5;
  CHECK (stream->operations->embed (stream, &bad) == CK_BAD_SHAPE);
  bad = good, bad.n_prefix = 1;
  CHECK (stream->operations->embed (stream, &bad) == CK_BAD_SHAPE);
  bad = good, bad.batch = INT64_MAX;
  CHECK (stream->operations->embed (stream, &bad) == CK_BAD_SHAPE);
  bad = good, bad.n_prefix = INT64_MAX, bad.prefix = D (x);
  CHECK (stream->operations->embed (stream, &bad) == CK_BAD_SHAPE);
  CHECK (settle (stream) == CK_OK);
}

static void
check_bad_attention (CkStream *stream, float *x, float *y)
{
  const CkAttention good = { .batch = 1,
                             .tokens = 2,
                             .heads = 2,
                             .head_dim = 4,
                             .prefix = 1,
                             .cos = D (x),
                             .sin = D (x),
                             .q = D (x),
                             .k = D (x),
                             .v = D (x),
                             .out = ck_f32 (D (y)) };
  CkAttention bad;

  CHECK (stream->operations->attention (stream, &good) == CK_OK);
  bad = good, bad.head_dim = 3;
  CHECK (stream->operations->attention (stream, &bad) == CK_BAD_SHAPE);
  bad = good, bad.prefix = 3;
  CHECK (stream->operations->attention (stream, &bad) == CK_BAD_SHAPE);
  bad = good, bad.queries = 3;
  CHECK (stream->operations->attention (stream, &bad) == CK_BAD_SHAPE);
  bad = good, bad.queries = -1;
  CHECK (stream->operations->attention (stream, &bad) == CK_BAD_SHAPE);
  bad = good, bad.cos = NULL;
  CHECK (stream->operations->attention (stream, &bad) == CK_BAD_SHAPE);
  bad = good, bad.batch = 0;
  CHECK (stream->operations->attention (stream, &bad) == CK_BAD_SHAPE);
  bad = good, bad.tokens = INT64_MAX / 2;
  CHECK (stream->operations->attention (stream, &bad) == CK_BAD_SHAPE);
  bad = good, bad.out.type = CK_I16;
  CHECK (stream->operations->attention (stream, &bad) == CK_UNSUPPORTED);
  bad = good, bad.products = CK_NF4;
  CHECK (stream->operations->attention (stream, &bad) == CK_UNSUPPORTED);
  for (int i = 0; i < N_ATTENTION; i++) {
    bad = good, bad.products = attention_products[i].type;
    CHECK (stream->operations->attention (stream, &bad) ==
           (has_products (stream, attention_products[i].uses) ? CK_OK : CK_UNSUPPORTED));
  }
  CHECK (settle (stream) == CK_OK);
}

static void
check_bad_norm (CkStream *stream)
{
  CHECK (stream->operations->norm (stream, &(CkNorm){ .rows = 1 }) == CK_BAD_SHAPE);
  CHECK (stream->operations->norm (stream, &(CkNorm){ .rows = INT64_MAX, .cols = 2 }) ==
         CK_BAD_SHAPE);
}

void
check_bad_shapes (CkStream *stream)
{
  float *w = floats_filled (32, FILL_ZERO), *x = floats_filled (64, FILL_ZERO),
        *y = floats_new (64);
  const CkWeightSource source = { .type = CK_F32, .out = 4, .in = 8, .host_data = w };

  case_begin ();
  check_bad_weights (stream);
  check_uses (stream, &source, x, y);
  check_bad_linear (stream, &source, x, y);
  check_bad_embed (stream, &source, x, y);
  check_bad_attention (stream, x, y);
  check_bad_norm (stream);
  CHECK (ck_alloc (stream, 0) == NULL);
  CHECK (ck_alloc (stream, SIZE_MAX) == NULL);
  ck_free (stream, NULL);
  ck_weight_free (stream->device, NULL);
  floats_free (w, 32);
  floats_free (x, 64);
  floats_free (y, 64);
  case_end ("bad-shapes", stream_name (stream));
}
