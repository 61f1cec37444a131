/* SPDX-License-Identifier: MIT */
/* Norm, attention and embedding backward. */
#include "tests/kernels/gradients.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NORM_LIMIT      3e-6
#define ATTENTION_LIMIT 1e-5
#define EMBED_LIMIT     1e-5

/* ---- norm ------------------------------------------------------------------------------------ */

typedef struct {
  int64_t rows, cols;
  float *x, *weight, *bias, *dy;
  bool add_dx, in_place, parameters;
} Norm;

static double
norm_loss (const void *data)
{
  const Norm *t = data;
  double sum = 0;

  for (int64_t row = 0; row < t->rows; row++) {
    const float *x = t->x + row * t->cols;
    double mean = 0, variance = 0;

    for (int64_t i = 0; i < t->cols; i++)
      mean += x[i] / (double)t->cols;
    for (int64_t i = 0; i < t->cols; i++)
      variance += pow (x[i] - mean, 2) / (double)t->cols;
    for (int64_t i = 0; i < t->cols; i++)
      sum += ((x[i] - mean) / sqrt (variance + 1e-5f) * t->weight[i] + t->bias[i]) *
             t->dy[row * t->cols + i];
  }
  return sum;
}

/* dx's terms are as large as 1 / the deviation of their row. */
static double
largest_term (const Norm *t)
{
  double largest = 0;

  for (int64_t row = 0; row < t->rows; row++) {
    const float *x = t->x + row * t->cols;
    double mean = 0, variance = 0;

    for (int64_t i = 0; i < t->cols; i++)
      mean += x[i] / (double)t->cols;
    for (int64_t i = 0; i < t->cols; i++)
      variance += pow (x[i] - mean, 2) / (double)t->cols;
    largest = fmax (largest, 1 / sqrt (variance + 1e-5f));
  }
  return largest;
}

/* Outputs: dx, dweight, dbias. */
static CkStatus
run_norm (CkStream *stream, const void *data, float *const *outputs)
{
  const Norm *t = data;
  const float *dy = t->dy;

  if (t->in_place)
    dy = memcpy (outputs[0], t->dy, (size_t)(t->rows * t->cols) * sizeof (float));
  return stream->training->norm_backward (
      stream, &(CkNormBackward){ .weight = D (t->weight),
                                 .epsilon = 1e-5f,
                                 .rows = t->rows,
                                 .cols = t->cols,
                                 .x = D (t->x),
                                 .dy = D (dy),
                                 .dx = D (outputs[0]),
                                 .add_dx = t->add_dx,
                                 .dweight = t->parameters ? D (outputs[1]) : NULL,
                                 .dbias = t->parameters ? D (outputs[2]) : NULL });
}

/* kind: 0 dx alone, 1 all, 2 all with dx added to, 3 all with dx in the place of dy, 4 all with dy
 * far from zero: what is lost where its mean is rounded, plain C and GPUs put back, but not the
 * vectors of CPUs */
static void
check_norm_one (int64_t rows, int64_t cols, float offset, int kind)
{
  Arena a = { 0 };
  Norm t = {
    .rows = rows, .cols = cols, .add_dx = kind == 2, .in_place = kind == 3, .parameters = kind != 0
  };
  Test test = { .data = &t, .run = run_norm, .loss = norm_loss, .each = rows * cols < 600 };

  t.x = arena_floats (&a, rows * cols, FILL_RANDOM);
  t.dy = arena_floats (&a, rows * cols, FILL_RANDOM);
  t.weight = arena_floats (&a, cols, FILL_RANDOM);
  t.bias = arena_floats (&a, cols, FILL_RANDOM);
  for (int64_t i = 0; i < rows * cols; i++) {
    t.x[i] += offset;
    t.dy[i] += kind == 4 ? 1000 : 0;
  }
  for (int64_t i = 0; i < cols && kind == 4; i++)
    t.weight[i] = 1;
  test.outputs[0] = (Output){ "dx",
                              rows * cols,
                              t.add_dx ? arena_floats (&a, rows * cols, FILL_RANDOM) : NULL,
                              t.x,
                              NULL,
                              NORM_LIMIT,
                              largest_term (&t) };
  test.outputs[1] = (Output){ "dweight", cols, arena_floats (&a, cols, FILL_RANDOM),
                              t.weight,  NULL, NORM_LIMIT,
                              0 };
  test.outputs[2] =
      (Output){ "dbias", cols, arena_floats (&a, cols, FILL_RANDOM), t.bias, NULL, NORM_LIMIT, 0 };
  test.n_outputs = t.parameters ? 3 : 1;
  snprintf (test.what, sizeof test.what, "rows %lld cols %lld offset %g kind %d", (long long)rows,
            (long long)cols, offset, kind);
  check (&test);
  arena_clear (&a);
}

void
check_norm_backward (void)
{
  /* more rows than a task takes, fewer columns than a vector */
  static const int64_t shapes[][2] = { { 1, 2 },    { 2, 5 },   { 3, 16 },   { 1, 31 },
                                       { 7, 64 },   { 65, 3 },  { 201, 65 }, { 33, 384 },
                                       { 2, 4097 }, { 2, 768 }, { 1, 9002 }, { 1100, 7 } };

  const int kinds = is_gpu (team (1)->device->name) ? 5 : 4;

  case_begin ();
  for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
    for (int kind = 0; kind < kinds; kind++)
      check_norm_one (shapes[s][0], shapes[s][1], 0, kind);
    floats_align (true); /* as in a network */
    check_norm_one (shapes[s][0], shapes[s][1], 3, 1);
    floats_align (false);
  }
  check_norm_one (600, 4106, 0, 2); /* more of both than a GPU's block holds */
  for (int t = 0; team (t) != NULL; t++)
    CHECK (team (t)->training->norm_backward (team (t), &(CkNormBackward){ .cols = 1 }) == CK_OK);
  case_end ("norm-backward", "all");
}

/* ---- attention ------------------------------------------------------------------------------- */

typedef struct {
  CkAttention a;
  float *q, *k, *v, *out; /* out: room for what the forward gives */
  float *dout;
} Attention;

/* x, so many tokens a picture, with its positions rotated. */
static double *
rotate (const CkAttention *a, int64_t tokens, const float *x)
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

/* One query's share of the loss. q and dout: the query's; k and v: of its head's first token; p
 * [tokens] is scratch. */
static double
query_loss (const CkAttention *a, const double *q, const float *dout, const double *k,
            const float *v, double *p)
{
  const int64_t width = a->heads * a->head_dim, d = a->head_dim;
  double max = -INFINITY, sum = 0, result = 0;

  for (int64_t i = 0; i < a->tokens; i++) {
    p[i] = 0;
    for (int64_t c = 0; c < d; c++)
      p[i] += q[c] * k[i * width + c] / sqrt ((double)d);
    max = fmax (max, p[i]);
  }
  for (int64_t i = 0; i < a->tokens; i++)
    sum += p[i] = exp (p[i] - max);
  for (int64_t i = 0; i < a->tokens; i++)
    for (int64_t c = 0; c < d; c++)
      result += p[i] / sum * v[i * width + c] * dout[c];
  return result;
}

static double
attention_loss (const void *data)
{
  const Attention *t = data;
  const CkAttention *a = &t->a;
  const int64_t queries = ck_attention_queries (a);
  double *q = rotate (a, queries, t->q), *k = rotate (a, a->tokens, t->k),
         *p = malloc ((size_t)a->tokens * sizeof *p), sum = 0;

  for (int64_t task = 0; task < a->batch * a->heads * queries; task++) {
    const int64_t query = task % queries, head = task / queries % a->heads,
                  picture = task / queries / a->heads;
    const int64_t at = ((picture * queries + query) * a->heads + head) * a->head_dim,
                  keys = (picture * a->tokens * a->heads + head) * a->head_dim;

    sum += query_loss (a, q + at, t->dout + at, k + keys, t->v + keys, p);
  }
  free (q);
  free (k);
  free (p);
  return sum;
}

/* Outputs: dq, dk, dv. */
static CkStatus
run_attention (CkStream *stream, const void *data, float *const *outputs)
{
  const Attention *t = data;
  CkAttentionBackward op = { .forward = t->a,
                             .dout = D (t->dout),
                             .dq = D (outputs[0]),
                             .dk = D (outputs[1]),
                             .dv = D (outputs[2]) };

  op.forward.cos = D (t->a.cos);
  op.forward.sin = D (t->a.sin);
  op.forward.q = D (t->q);
  op.forward.k = D (t->k);
  op.forward.v = D (t->v);
  op.forward.out = ck_f32 (D (t->out));
  CHECK (stream->operations->attention (stream, &op.forward) == CK_OK);
  return stream->training->attention_backward (stream, &op);
}

static void
put_positions (CkAttention *a, Arena *arena)
{
  const int64_t n = (a->tokens - a->prefix) * a->head_dim;
  float *cos = arena_floats (arena, n, FILL_ZERO), *sin = arena_floats (arena, n, FILL_ZERO);

  for (int64_t i = 0; i < n; i++) {
    const float angle = 3 * random_float ();
    cos[i] = cosf (angle);
    sin[i] = sinf (angle);
  }
  a->cos = cos;
  a->sin = sin;
}

static void
check_attention_one (const int64_t *shape, bool rotated)
{
  Arena arena = { 0 };
  Attention t = { .a = { .batch = shape[0],
                         .tokens = shape[1],
                         .heads = shape[2],
                         .head_dim = shape[3],
                         .queries = shape[5],
                         .prefix = shape[4] } };
  const int64_t n = shape[0] * shape[1] * shape[2] * shape[3],
                n_queries = shape[0] * ck_attention_queries (&t.a) * shape[2] * shape[3];
  Test test = { .data = &t,
                .run = run_attention,
                .loss = attention_loss,
                .each = n * shape[1] < 4000,
                .n_outputs = 3 };

  if (rotated)
    put_positions (&t.a, &arena);
  t.q = arena_floats (&arena, n_queries, FILL_RANDOM);
  t.k = arena_floats (&arena, n, FILL_RANDOM);
  t.v = arena_floats (&arena, n, FILL_RANDOM);
  t.out = arena_floats (&arena, n_queries, FILL_ZERO);
  t.dout = arena_floats (&arena, n_queries, FILL_RANDOM);
  for (int64_t i = 0; i < n_queries; i++)
    t.q[i] *= 4; /* a softmax that is neither flat nor a single one */
  test.outputs[0] = (Output){ "dq", n_queries, NULL, t.q, NULL, ATTENTION_LIMIT, 0 };
  test.outputs[1] = (Output){ "dk", n, NULL, t.k, NULL, ATTENTION_LIMIT, 0 };
  test.outputs[2] = (Output){ "dv", n, NULL, t.v, NULL, ATTENTION_LIMIT, 0 };
  test.multiply_adds = 5.0 * (double)n * (double)ck_attention_queries (&t.a);
  snprintf (test.what, sizeof test.what,
            "batch %lld tokens %lld heads %lld head_dim %lld prefix %lld queries %lld rotated %d",
            (long long)shape[0], (long long)shape[1], (long long)shape[2], (long long)shape[3],
            (long long)shape[4], (long long)shape[5], rotated);
  check (&test);
  arena_clear (&arena);
}

void
check_attention_backward (void)
{
  /* batch, tokens, heads, head_dim, prefix, queries; one has more queries than a block */
  static const int64_t shapes[][6] = {
    { 1, 1, 1, 2, 0, 0 },     { 1, 1, 1, 64, 1, 0 },    { 2, 5, 3, 6, 1, 0 },
    { 2, 5, 3, 6, 1, 1 },     { 2, 7, 2, 8, 3, 4 },     { 1, 17, 2, 4, 5, 0 },
    { 1, 7, 2, 8, 7, 0 },     { 2, 21, 1, 48, 5, 0 },   { 1, 201, 2, 64, 5, 0 },
    { 1, 201, 2, 64, 5, 60 }, { 1, 1029, 1, 10, 5, 0 }, { 1, 37, 2, 136, 5, 0 },
    { 2, 35, 1, 128, 5, 9 },  { 1, 9, 1, 136, 3, 0 },
  };

  case_begin ();
  for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
    check_attention_one (shapes[s], true);
    if (shapes[s][1] >= 1000)
      continue;
    check_attention_one (shapes[s], false);
    floats_align (true); /* as in a network */
    check_attention_one (shapes[s], true);
    floats_align (false);
  }
  case_end ("attention-backward", "all");
}

/* ---- embedding ------------------------------------------------------------------------------- */

typedef struct {
  CkEmbed e;
  TestWeight w;
  float *pixels, *bias, *prefix, *position, *dtokens;
  int64_t n_tokens;
  int wanted; /* bits: weight, bias, prefix, position */
} Embed;

/* The convolution of one token of one picture, for output o. */
static double
patch_value (const Embed *t, int64_t b, int64_t patch, int64_t o)
{
  const CkEmbed *e = &t->e;
  const float *weight = t->w.memory;
  double sum = t->bias[o];

  for (int64_t i = 0; i < e->channels * e->patch * e->patch; i++) {
    const int64_t channel = i / (e->patch * e->patch), across = e->width / e->patch;
    const int64_t y = patch / across * e->patch + i / e->patch % e->patch,
                  x = patch % across * e->patch + i % e->patch;

    sum += (double)t->pixels[((b * e->channels + channel) * e->height + y) * e->width + x] *
           weight[o * e->channels * e->patch * e->patch + i];
  }
  return sum;
}

static double
embed_loss (const void *data)
{
  const Embed *t = data;
  const CkEmbed *e = &t->e;
  double sum = 0;

  for (int64_t i = 0; i < e->batch * t->n_tokens * e->dim; i++) {
    const int64_t o = i % e->dim, token = i / e->dim % t->n_tokens, b = i / e->dim / t->n_tokens;
    const double value = token < e->n_prefix ? t->prefix[token * e->dim + o]
                                             : patch_value (t, b, token - e->n_prefix, o);

    sum += (value + t->position[token * e->dim + o]) * t->dtokens[i];
  }
  return sum;
}

static CkStatus
run_embed (CkStream *stream, const void *data, float *const *outputs)
{
  const Embed *t = data;
  CkEmbedBackward op = { .forward = t->e, .dtokens = D (t->dtokens) };
  int next = 0;

  op.forward.weight = weight_on_device (stream, &t->w.source, true);
  op.forward.bias = D (t->bias);
  op.forward.prefix = D (t->prefix);
  op.forward.position = D (t->position);
  op.forward.pixels = D (t->pixels);
  if (t->wanted & 1)
    op.dweight = D (outputs[next++]);
  if (t->wanted & 2)
    op.dbias = D (outputs[next++]);
  if (t->wanted & 4)
    op.dprefix = D (outputs[next++]);
  if (t->wanted & 8)
    op.dposition = D (outputs[next++]);
  return stream->training->embed_backward (stream, &op);
}

static void
check_embed_one (const int64_t *shape, int wanted)
{
  Arena a = { 0 };
  Embed t = { .e = { .batch = shape[0],
                     .channels = shape[1],
                     .height = shape[2],
                     .width = shape[3],
                     .patch = shape[4],
                     .dim = shape[5],
                     .n_prefix = shape[6] },
              .wanted = shape[6] > 0 ? wanted : wanted & ~4 };
  const int64_t cols = shape[1] * shape[4] * shape[4];
  Test test = { .data = &t, .run = run_embed, .loss = embed_loss };

  t.n_tokens = shape[6] + shape[2] / shape[4] * (shape[3] / shape[4]);
  test.each = shape[0] * t.n_tokens * t.e.dim * cols < 3000;
  test_weight_init (&t.w, CK_F32, t.e.dim, cols, FILL_RANDOM);
  t.pixels = arena_floats (&a, shape[0] * shape[1] * shape[2] * shape[3], FILL_RANDOM);
  t.bias = arena_floats (&a, t.e.dim, FILL_RANDOM);
  t.prefix = arena_floats (&a, t.e.n_prefix * t.e.dim, FILL_RANDOM);
  t.position = arena_floats (&a, t.n_tokens * t.e.dim, FILL_RANDOM);
  t.dtokens = arena_floats (&a, shape[0] * t.n_tokens * t.e.dim, FILL_RANDOM);
  {
    const Output all[] = {
      { "dweight", t.e.dim * cols, arena_floats (&a, t.e.dim * cols, FILL_RANDOM), t.w.memory, NULL,
        EMBED_LIMIT, 0 },
      { "dbias", t.e.dim, arena_floats (&a, t.e.dim, FILL_RANDOM), t.bias, NULL, EMBED_LIMIT, 0 },
      { "dprefix", t.e.n_prefix * t.e.dim, arena_floats (&a, t.e.n_prefix * t.e.dim, FILL_RANDOM),
        t.prefix, NULL, EMBED_LIMIT, 0 },
      { "dposition", t.n_tokens * t.e.dim, arena_floats (&a, t.n_tokens * t.e.dim, FILL_RANDOM),
        t.position, NULL, EMBED_LIMIT, 0 },
    };

    for (int i = 0; i < 4; i++)
      if (t.wanted & 1 << i)
        test.outputs[test.n_outputs++] = all[i];
  }
  test.multiply_adds =
      (double)(t.e.batch * t.e.channels * t.e.height * t.e.width) * (double)t.e.dim;
  snprintf (
      test.what, sizeof test.what,
      "batch %lld channels %lld height %lld width %lld patch %lld dim %lld prefix %lld wanted %x",
      (long long)shape[0], (long long)shape[1], (long long)shape[2], (long long)shape[3],
      (long long)shape[4], (long long)shape[5], (long long)shape[6], wanted);
  check (&test);
  test_weight_clear (&t.w);
  arena_clear (&a);
}

void
check_embed_backward (void)
{
  /* batch, channels, height, width, patch, dim, n_prefix; the last but one has more patches than
   * are gathered at once, the last is large tiles of a GPU of three processors */
  static const int64_t shapes[][7] = { { 1, 1, 1, 1, 1, 1, 0 },    { 2, 2, 4, 6, 2, 3, 1 },
                                       { 1, 3, 16, 16, 8, 20, 5 }, { 3, 2, 21, 14, 7, 33, 1 },
                                       { 2, 3, 64, 64, 8, 48, 0 }, { 1, 16, 264, 264, 1, 2, 1 },
                                       { 1, 3, 115, 115, 5, 3, 0 } };

  case_begin ();
  for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
    for (int wanted = 1; wanted < (s < 3 ? 16 : 2); wanted++) {
      floats_align (s % 2 == 0); /* as in a network */
      check_embed_one (shapes[s], s < 3 ? wanted : 15);
      floats_align (false);
    }
  case_end ("embed-backward", "all");
}
