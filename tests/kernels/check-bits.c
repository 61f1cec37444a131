/* SPDX-License-Identifier: MIT */
/*
 * check-bits: the contract of kernels.h on bits. Each operation computes a few pictures one by one
 * with one thread, then in batches of every size up to 9, in different places, with 1, 2 and 3
 * threads, at every level that this machine has, or on the GPU that is named: a picture's numbers
 * must always be the same. What is summed over a batch (gradients of parameters, statistics) must
 * not depend on the threads, which check-training looks at. TAP.
 */
#include "kernels/training.h"
#include "tests/kernels/harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PICTURES = 9, TEAMS = 3, MAX_IN = 5, MAX_OUT = 3 };

static CkStream *teams[TEAMS]; /* of 1, 2 and 3 threads, all of one level */
static int n_teams;            /* of a GPU one will do */
static bool small;             /* shapes, pictures and batches are for an emulated GPU */
static int64_t n_pictures = PICTURES;

/* One operation on a batch of pictures. It may change its inputs, which are copies. */
typedef struct {
  char name[120];
  const void *data;
  CkStatus (*run) (CkStream *stream, int64_t batch, const void *data, float *const *in,
                   float *const *out);
  int64_t in[MAX_IN], out[MAX_OUT]; /* floats a picture; 0: there is no such one */
  int64_t large;                    /* a batch more, where cutting begins beyond PICTURES; or 0 */
} Operation;

/* ---- one operation --------------------------------------------------------------------------- */

/* Which picture lies at a place of a batch; every batch begins with another one. */
static int64_t
picture_at (int64_t batch, int64_t place)
{
  return (batch + place) % n_pictures;
}

/* Runs a batch of pictures out of `pool` and compares each with what it was alone. */
static void
check_batch (const Operation *op, CkStream *stream, int64_t batch, float *const *pool,
             float *const *alone)
{
  float *in[MAX_IN] = { NULL }, *out[MAX_OUT] = { NULL };
  int differences = 0;

  for (int i = 0; i < MAX_IN; i++) {
    in[i] = floats_new (batch * op->in[i]);
    for (int64_t b = 0; b < batch; b++)
      memcpy (in[i] + b * op->in[i], pool[i] + picture_at (batch, b) * op->in[i],
              (size_t)op->in[i] * sizeof (float));
  }
  for (int o = 0; o < MAX_OUT; o++)
    out[o] = floats_new (batch * op->out[o]);
  CHECK (settled (stream, op->run (stream, batch, op->data, in, out)) == CK_OK);
  for (int o = 0; o < MAX_OUT; o++)
    for (int64_t b = 0; b < batch; b++)
      if (memcmp (out[o] + b * op->out[o], alone[o] + picture_at (batch, b) * op->out[o],
                  (size_t)op->out[o] * sizeof (float)) != 0 &&
          differences++ == 0)
        fail ("%s: output %d of the picture at place %lld of %lld differs with %d threads",
              op->name, o, (long long)b, (long long)batch, stream->device->threads);
  for (int i = 0; i < MAX_IN; i++)
    floats_free (in[i], batch * op->in[i]);
  for (int o = 0; o < MAX_OUT; o++)
    floats_free (out[o], batch * op->out[o]);
}

/* Each picture of the pool by itself, with one thread. */
static void
run_alone (const Operation *op, float *const *pool, float *const *alone)
{
  for (int64_t p = 0; p < n_pictures; p++) {
    float *in[MAX_IN], *out[MAX_OUT];

    for (int i = 0; i < MAX_IN; i++)
      in[i] = floats_copy (pool[i] + p * op->in[i], op->in[i]);
    for (int o = 0; o < MAX_OUT; o++)
      out[o] = alone[o] + p * op->out[o];
    CHECK (settled (teams[0], op->run (teams[0], 1, op->data, in, out)) == CK_OK);
    for (int i = 0; i < MAX_IN; i++)
      floats_free (in[i], op->in[i]);
  }
}

static void
check_operation (const Operation *op)
{
  float *pool[MAX_IN], *alone[MAX_OUT];

  for (int i = 0; i < MAX_IN; i++)
    pool[i] = floats_filled (n_pictures * op->in[i], FILL_RANDOM);
  for (int o = 0; o < MAX_OUT; o++)
    alone[o] = floats_new (n_pictures * op->out[o]);
  run_alone (op, pool, alone);
  for (int team = 0; team < n_teams; team++)
    for (int64_t batch = small ? 2 : 1; batch <= n_pictures; batch += small ? n_pictures - 2 : 1)
      check_batch (op, teams[team], batch, pool, alone);
  for (int team = 0; team < n_teams && op->large > 0 && !small; team++)
    check_batch (op, teams[team], op->large, pool, alone);
  for (int i = 0; i < MAX_IN; i++)
    floats_free (pool[i], n_pictures * op->in[i]);
  for (int o = 0; o < MAX_OUT; o++)
    floats_free (alone[o], n_pictures * op->out[o]);
}

/* ---- linear layers --------------------------------------------------------------------------- */

/* Several blocks of terms and panels of columns with few tokens, and few with many. */
typedef struct {
  int64_t tokens, in, out;
} LinearShape;

static const LinearShape linear_shapes[] = { { 7, 800, 270 }, { 201, 130, 72 }, { 1, 384, 9 } },
                         small_linear_shapes[] = { { 7, 80, 70 }, { 37, 13, 40 }, { 1, 130, 9 } };
enum { N_LINEAR_SHAPES = sizeof linear_shapes / sizeof *linear_shapes };

typedef struct {
  TestWeight weight;
  CkLinear layer;
  CkLinearBackward backward;
  LinearShape shape;
  int products;
} LinearData;

static CkAdapter
adapter_on_device (CkStream *stream, const CkAdapter *adapter)
{
  CkAdapter placed = *adapter;

  placed.down = D (adapter->down);
  placed.up = D (adapter->up);
  placed.gain = D (adapter->gain);
  return placed;
}

/* in: x, multiplier, residual */
static CkStatus
run_linear (CkStream *stream, int64_t batch, const void *data, float *const *in, float *const *out)
{
  const LinearData *d = data;
  CkLinear op = d->layer;

  op.weight = weight_for_products (stream, &d->weight.source, d->products);
  op.adapter = adapter_on_device (stream, &d->layer.adapter);
  op.bias = D (op.bias);
  op.scale = D (op.scale);
  op.multiplier = D (in[1]);
  op.residual = D (in[2]);
  op.rows = batch * d->shape.tokens;
  op.x = ck_f32 (D (in[0]));
  op.y = ck_f32 (D (out[0]));
  return stream->operations->linear (stream, &op);
}

/* in: x, y, dy, and dx before where it is added to */
static CkStatus
run_linear_backward (CkStream *stream, int64_t batch, const void *data, float *const *in,
                     float *const *out)
{
  const LinearData *d = data;
  CkLinearBackward op = d->backward;

  op.weight = weight_for_products (stream, &d->weight.source, d->products);
  op.adapter = adapter_on_device (stream, &d->backward.adapter);
  op.bias = D (op.bias);
  op.rows = batch * d->shape.tokens;
  memcpy (out[0], in[3], (size_t)(op.rows * d->shape.in) * sizeof (float));
  op.x = D (in[0]);
  op.y = D (in[1]);
  op.dy = D (in[2]);
  op.dx = D (out[0]);
  return stream->training->linear_backward (stream, &op);
}

static void
check_linear_layer (CkType type, const char *adapted, const LinearShape *shape,
                    const CkAdapter *adapter, const float *row)
{
  const int64_t x = shape->tokens * shape->in, y = shape->tokens * shape->out;
  LinearData data = { .shape = *shape };
  Operation op = { .data = &data, .run = run_linear, .in = { x, y, y }, .out = { y } };

  test_weight_init (&data.weight, type, shape->out, shape->in, FILL_RANDOM);
  data.layer = (CkLinear){ .adapter = *adapter, .bias = row, .activation = CK_GELU, .scale = row };
  for (int i = 0; i < N_LINEAR_PRODUCTS; i++) {
    /* Plain C multiplies whole numbers for comparison only, and slowly: one small layer must do. */
    if (!has_products (teams[0], all_products[i]) ||
        (i > 0 && shape->tokens > 1 && strcmp (teams[0]->device->features, "c") == 0))
      continue;
    data.products = all_products[i];
    snprintf (op.name, sizeof op.name, "linear %s %s%s, %lld tokens", product_names[i],
              type_names[type], adapted, (long long)shape->tokens);
    check_operation (&op);
  }

  op.run = run_linear_backward;
  memcpy (op.in, (int64_t[]){ x, y, y, x }, 4 * sizeof *op.in);
  op.out[0] = x;
  for (int i = 0; i < 4; i++) {
    const bool add = i % 2 != 0, in_bf16 = i > 1;

    if (in_bf16 && !has_products (teams[0], CK_USE_BF16))
      continue;
    data.products = in_bf16 ? CK_USE_BF16 : 0;
    data.backward = (CkLinearBackward){ .adapter = *adapter, .bias = row, .add_dx = add };
    snprintf (op.name, sizeof op.name, "linear backward %s%s%s, %lld tokens%s",
              in_bf16 ? "bf16 " : "", type_names[type], adapted, (long long)shape->tokens,
              add ? ", added" : "");
    check_operation (&op);
  }
  test_weight_clear (&data.weight);
}

static void
check_linears (const char *level)
{
  enum { RANK = 5 };

  case_begin ();
  for (int s = 0; s < N_LINEAR_SHAPES; s++) {
    const LinearShape *shape = small ? &small_linear_shapes[s] : &linear_shapes[s];
    float *down = floats_filled (RANK * shape->in, FILL_RANDOM),
          *up = floats_filled (shape->out * RANK, FILL_RANDOM),
          *row = floats_filled (shape->out, FILL_RANDOM);
    const CkAdapter lora = { .rank = RANK, .scale = .5f, .down = down, .up = up },
                    dora = { .rank = RANK, .scale = .5f, .down = down, .up = up, .gain = row };
    const struct {
      const char *name;
      CkAdapter adapter;
    } adapters[] = { { "", { 0 } }, { " with LoRA", lora }, { " with DoRA", dora } };

    for (int i = 0; i < 4; i++)
      for (int a = 0; a < 3; a++)
        if (!small || a == (i + s) % 3) /* each with each format, but not with each shape */
          check_linear_layer (weight_types[i], adapters[a].name, shape, &adapters[a].adapter, row);
    floats_free (down, RANK * shape->in);
    floats_free (up, shape->out * RANK);
    floats_free (row, shape->out);
  }
  case_end ("bits/linear", level);
}

/* ---- the other layers of a transformer ------------------------------------------------------- */

typedef struct {
  int64_t tokens, cols;
  const float *weight, *bias;
} RowsData;

static CkStatus
run_norm (CkStream *stream, int64_t batch, const void *data, float *const *in, float *const *out)
{
  const RowsData *d = data;
  const CkNorm op = { D (d->weight), D (d->bias),        1e-5f, batch * d->tokens, d->cols,
                      D (in[0]),     ck_f32 (D (out[0])) };

  return stream->operations->norm (stream, &op);
}

static CkStatus
run_norm_backward (CkStream *stream, int64_t batch, const void *data, float *const *in,
                   float *const *out)
{
  const RowsData *d = data;
  const CkNormBackward op = { .weight = D (d->weight),
                              .epsilon = 1e-5f,
                              .rows = batch * d->tokens,
                              .cols = d->cols,
                              .x = D (in[0]),
                              .dy = D (in[1]),
                              .dx = D (out[0]) };

  return stream->training->norm_backward (stream, &op);
}

/* out: SiLU, its gradient, GELU's */
static CkStatus
run_activations (CkStream *stream, int64_t batch, const void *data, float *const *in,
                 float *const *out)
{
  const RowsData *d = data;
  const int64_t n = batch * d->tokens * d->cols;
  CkStatus status = stream->operations->activate (stream, CK_SILU, n, D (in[0]), D (out[0]));

  if (status == CK_OK)
    status =
        stream->training->activate_backward (stream, CK_SILU, n, D (in[0]), D (in[1]), D (out[1]));
  if (status == CK_OK)
    status =
        stream->training->activate_backward (stream, CK_GELU, n, D (in[0]), D (in[1]), D (out[2]));
  return status;
}

/* out: the gate, both of its gradients */
static CkStatus
run_gate (CkStream *stream, int64_t batch, const void *data, float *const *in, float *const *out)
{
  const RowsData *d = data;
  const int64_t n = batch * d->tokens * d->cols;
  const CkStatus status = stream->training->gate (stream, n, D (in[0]), D (in[1]), D (out[0]));

  return status != CK_OK ? status
                         : stream->training->gate_backward (stream, n, D (in[0]), D (in[1]),
                                                            D (in[2]), D (out[1]), D (out[2]));
}

/* out: the sum, and y's gradient */
static CkStatus
run_add_scaled (CkStream *stream, int64_t batch, const void *data, float *const *in,
                float *const *out)
{
  const RowsData *d = data;
  const int64_t rows = batch * d->tokens;

  memcpy (out[0], in[0], (size_t)(rows * d->cols) * sizeof (float));
  const CkStatus status =
      stream->training->add_scaled (stream, rows, d->cols, D (in[1]), D (d->weight), D (out[0]));
  return status != CK_OK
             ? status
             : stream->training->add_scaled_backward (stream, rows, d->cols, D (in[0]), D (in[1]),
                                                      D (d->weight), D (out[1]), NULL);
}

static void
check_rows_of (const char *what, const RowsData *data,
               CkStatus (*run) (CkStream *, int64_t, const void *, float *const *, float *const *),
               int ins, int outs)
{
  const int64_t n = data->tokens * data->cols;
  Operation op = { .data = data, .run = run };

  for (int i = 0; i < ins; i++)
    op.in[i] = n;
  for (int o = 0; o < outs; o++)
    op.out[o] = n;
  snprintf (op.name, sizeof op.name, "%s, %lld x %lld", what, (long long)data->tokens,
            (long long)data->cols);
  check_operation (&op);
}

static void
check_row_operations (const char *level)
{
  static const int64_t shapes[][2] = { { 7, 1 }, { 7, 385 }, { 201, 100 } };

  case_begin ();
  for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
    const int64_t cols = shapes[s][1];
    float *weight = floats_filled (cols, FILL_RANDOM), *bias = floats_filled (cols, FILL_RANDOM);
    const RowsData data = { shapes[s][0], cols, weight, bias };

    check_rows_of ("norm", &data, run_norm, 1, 1);
    check_rows_of ("norm backward", &data, run_norm_backward, 2, 1);
    check_rows_of ("activations", &data, run_activations, 2, 3);
    check_rows_of ("gate", &data, run_gate, 3, 3);
    check_rows_of ("add_scaled", &data, run_add_scaled, 2, 2);
    floats_free (weight, cols);
    floats_free (bias, cols);
  }
  case_end ("bits/rows", level);
}

/* in: q, k, v; out: the result */
static CkStatus
run_attention (CkStream *stream, int64_t batch, const void *data, float *const *in,
               float *const *out)
{
  CkAttention a = *(const CkAttention *)data;

  a.batch = batch;
  a.cos = D (a.cos);
  a.sin = D (a.sin);
  a.q = D (in[0]);
  a.k = D (in[1]);
  a.v = D (in[2]);
  a.out = ck_f32 (D (out[0]));
  return stream->operations->attention (stream, &a);
}

/* in: q, k, v, what the forward gave, dout; out: dq, dk, dv */
static CkStatus
run_attention_backward (CkStream *stream, int64_t batch, const void *data, float *const *in,
                        float *const *out)
{
  CkAttentionBackward op = { .forward = *(const CkAttention *)data,
                             .dout = D (in[4]),
                             .dq = D (out[0]),
                             .dk = D (out[1]),
                             .dv = D (out[2]) };

  op.forward.batch = batch;
  op.forward.cos = D (op.forward.cos);
  op.forward.sin = D (op.forward.sin);
  op.forward.q = D (in[0]);
  op.forward.k = D (in[1]);
  op.forward.v = D (in[2]);
  op.forward.out = ck_f32 (D (in[3]));
  return stream->training->attention_backward (stream, &op);
}

static void
check_attentions (const char *level)
{
  static const CkAttention shapes[] = {
    { .tokens = 7, .heads = 3, .head_dim = 10, .prefix = 1 },
    { .tokens = 201, .heads = 1, .head_dim = 64, .prefix = 5 },
    { .tokens = 201, .heads = 2, .head_dim = 16, .prefix = 201 },
    { .tokens = 270, .heads = 1, .head_dim = 8, .prefix = 5 },
    { .tokens = 270, .heads = 2, .head_dim = 4, .queries = 131, .prefix = 5 },
  };
  static const CkAttention small_shapes[] = {
    { .tokens = 7, .heads = 3, .head_dim = 10, .prefix = 1 },
    { .tokens = 37, .heads = 1, .head_dim = 64, .prefix = 5 },
    { .tokens = 37, .heads = 2, .head_dim = 16, .prefix = 37 },
    { .tokens = 70, .heads = 1, .head_dim = 8, .prefix = 5 },
    { .tokens = 70, .heads = 2, .head_dim = 4, .queries = 35, .prefix = 5 },
  };

  case_begin ();
  for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
    CkAttention a = small ? small_shapes[s] : shapes[s];
    const int64_t n = a.tokens * a.heads * a.head_dim,
                  q = ck_attention_queries (&a) * a.heads * a.head_dim,
                  rotated = (a.tokens - a.prefix) * a.head_dim;
    float *cos = floats_filled (rotated, FILL_RANDOM), *sin = floats_filled (rotated, FILL_RANDOM);
    Operation op = { .data = &a, .run = run_attention, .in = { q, n, n }, .out = { q } };

    a.cos = rotated > 0 ? cos : NULL;
    a.sin = rotated > 0 ? sin : NULL;
    for (int i = 0; i < N_LINEAR_PRODUCTS; i++) {
      /* Whole numbers in plain C are for comparison, and slow. */
      if (!has_products (teams[0], all_products[i]) ||
          (i > 0 && a.tokens > 7 && strcmp (level, "c") == 0))
        continue;
      a.products = product_types[i];
      snprintf (op.name, sizeof op.name, "attention %s, %lld of %lld tokens", product_names[i],
                (long long)ck_attention_queries (&a), (long long)a.tokens);
      check_operation (&op);
    }
    a.products = CK_F32;
    snprintf (op.name, sizeof op.name, "attention backward, %lld of %lld tokens",
              (long long)ck_attention_queries (&a), (long long)a.tokens);
    op.run = run_attention_backward;
    op.in[3] = op.in[4] = q;
    op.out[1] = op.out[2] = n;
    check_operation (&op);
    floats_free (cos, rotated);
    floats_free (sin, rotated);
  }
  case_end ("bits/attention", level);
}

typedef struct {
  TestWeight weight;
  CkEmbed embed;
} EmbedData;

static CkStatus
run_embed (CkStream *stream, int64_t batch, const void *data, float *const *in, float *const *out)
{
  const EmbedData *d = data;
  CkEmbed embed = d->embed;

  embed.batch = batch;
  embed.weight = weight_on_device (stream, &d->weight.source, false);
  embed.bias = D (embed.bias);
  embed.prefix = D (embed.prefix);
  embed.position = D (embed.position);
  embed.pixels = D (in[0]);
  embed.tokens = D (out[0]);
  return stream->operations->embed (stream, &embed);
}

static void
check_embedding (const char *level)
{
  enum { PATCH = 8, DIM = 70, PREFIX = 2 };
  const int64_t side = small ? 24 : 56, patches = side / PATCH * (side / PATCH);
  float *row = floats_filled (DIM, FILL_RANDOM),
        *prefix = floats_filled (PREFIX * DIM, FILL_RANDOM),
        *position = floats_filled ((PREFIX + patches) * DIM, FILL_RANDOM);
  EmbedData data = { .embed = { .channels = 3,
                                .height = side,
                                .width = side,
                                .patch = PATCH,
                                .bias = row,
                                .dim = DIM,
                                .n_prefix = PREFIX,
                                .prefix = prefix,
                                .position = position } };
  const Operation op = { .name = "embed",
                         .data = &data,
                         .run = run_embed,
                         .in = { 3 * side * side },
                         .out = { (PREFIX + patches) * DIM } };

  case_begin ();
  test_weight_init (&data.weight, CK_F32, DIM, 3 * PATCH * PATCH, FILL_RANDOM);
  check_operation (&op);
  test_weight_clear (&data.weight);
  floats_free (row, DIM);
  floats_free (prefix, PREFIX * DIM);
  floats_free (position, (PREFIX + patches) * DIM);
  case_end ("bits/embed", level);
}

/* ---- layers of a ResNet ---------------------------------------------------------------------- */

typedef struct {
  CkConvolution shape;
  const float *weight;
} ConvolutionData;

/* in: x, dy; out: y, dx */
static CkStatus
run_convolution (CkStream *stream, int64_t batch, const void *data, float *const *in,
                 float *const *out)
{
  const ConvolutionData *d = data;
  CkConvolution shape = d->shape;

  shape.batch = batch;
  const CkStatus status =
      stream->operations->convolution (stream, &shape, D (in[0]), D (d->weight), D (out[0]));
  return status != CK_OK
             ? status
             : stream->training->convolution_backward (stream, &shape, D (in[0]), D (d->weight),
                                                       D (in[1]), D (out[1]), NULL);
}

/* A ResNet's three kinds, and channels that fill no vector. */
static const CkConvolution convolutions[] = {
  { .in = 3, .height = 33, .width = 33, .out = 64, .kernel = 7, .stride = 2, .padding = 3 },
  { .in = 64, .height = 8, .width = 8, .out = 64, .kernel = 3, .stride = 1, .padding = 1 },
  { .in = 64, .height = 7, .width = 7, .out = 96, .kernel = 1, .stride = 2, .padding = 0 },
  { .in = 5, .height = 9, .width = 6, .out = 7, .kernel = 3, .stride = 2, .padding = 1 },
  { .in = 17, .height = 11, .width = 13, .out = 70, .kernel = 3, .stride = 1, .padding = 1 },
};
static const CkConvolution small_convolutions[] = {
  { .in = 3, .height = 11, .width = 11, .out = 8, .kernel = 7, .stride = 2, .padding = 3 },
  { .in = 16, .height = 5, .width = 5, .out = 16, .kernel = 3, .stride = 1, .padding = 1 },
  { .in = 32, .height = 7, .width = 7, .out = 33, .kernel = 1, .stride = 2, .padding = 0 },
  { .in = 5, .height = 9, .width = 6, .out = 7, .kernel = 3, .stride = 2, .padding = 1 },
};

static void
check_convolutions (const char *level)
{
  case_begin ();
  for (size_t s = 0; s < sizeof convolutions / sizeof *convolutions; s++) {
    const CkConvolution *c = small ? &small_convolutions[s] : &convolutions[s];
    const int64_t height = (c->height + 2 * c->padding - c->kernel) / c->stride + 1,
                  width = (c->width + 2 * c->padding - c->kernel) / c->stride + 1,
                  x = c->height * c->width * c->in, y = height * width * c->out,
                  weights = c->out * c->in * c->kernel * c->kernel;
    float *weight = floats_filled (weights, FILL_RANDOM);
    const ConvolutionData data = { *c, weight };
    Operation op = {
      .data = &data, .run = run_convolution, .in = { x, y }, .out = { y, x }, .large = 67
    };

    snprintf (op.name, sizeof op.name, "convolution of %lld channels", (long long)c->in);
    check_operation (&op);
    floats_free (weight, weights);
  }
  case_end ("bits/convolution", level);
}

enum { POOL_SIDE = 9, POOL_CHANNELS = 70, POOLED = 5 };

typedef struct {
  const float *row, *variance;
} NormData;

/* out: channels last of planes, the running batch norm of that, both with a residual */
static CkStatus
run_batch_norm (CkStream *stream, int64_t batch, const void *data, float *const *in,
                float *const *out)
{
  const NormData *d = data;
  const CkBatchNorm norm = { .rows = batch * POOL_SIDE * POOL_SIDE,
                             .channels = POOL_CHANNELS,
                             .epsilon = 1e-5f,
                             .weight = D (d->row),
                             .bias = D (d->row),
                             .residual = D (in[1]),
                             .activation = CK_RELU,
                             .running_mean = D (d->row),
                             .running_variance = D (d->variance) };
  const CkStatus status = stream->operations->channels_last (
      stream, batch, POOL_CHANNELS, POOL_SIDE * POOL_SIDE, D (in[0]), D (out[0]));

  return status != CK_OK
             ? status
             : stream->operations->batch_norm (stream, &norm, false, D (out[0]), D (out[1]));
}

/* in: x, dy of max pool; out: its y, its dx, the mean of x */
static CkStatus
run_pooling (CkStream *stream, int64_t batch, const void *data, float *const *in, float *const *out)
{
  static uint8_t on_host[PICTURES * POOLED * POOLED * POOL_CHANNELS];
  uint8_t *places = D_BYTES (on_host, sizeof on_host);
  CkStatus status = stream->operations->max_pool (stream, batch, POOL_SIDE, POOL_SIDE,
                                                  POOL_CHANNELS, D (in[0]), D (out[0]), places);

  if (status == CK_OK)
    status = stream->training->max_pool_backward (stream, batch, POOL_SIDE, POOL_SIDE,
                                                  POOL_CHANNELS, D (in[1]), places, D (out[1]));
  if (status == CK_OK)
    status = stream->operations->mean_pool (stream, batch, POOL_SIDE * POOL_SIDE, POOL_CHANNELS,
                                            D (in[0]), D (out[2]));
  return status;
}

static CkStatus
run_mean_pool_backward (CkStream *stream, int64_t batch, const void *data, float *const *in,
                        float *const *out)
{
  return stream->training->mean_pool_backward (stream, batch, POOL_SIDE * POOL_SIDE, POOL_CHANNELS,
                                               D (in[0]), D (out[0]));
}

static void
check_resnet_layers (const char *level)
{
  const int64_t x = POOL_SIDE * POOL_SIDE * POOL_CHANNELS, y = POOLED * POOLED * POOL_CHANNELS;
  float *row = floats_filled (POOL_CHANNELS, FILL_RANDOM), *variance = floats_new (POOL_CHANNELS);
  const NormData norm = { row, variance };
  const Operation operations[] = {
    { .name = "batch norm", .data = &norm, .run = run_batch_norm, .in = { x, x }, .out = { x, x } },
    { .name = "pooling", .run = run_pooling, .in = { x, y }, .out = { y, x, POOL_CHANNELS } },
    { .name = "mean pool backward",
      .run = run_mean_pool_backward,
      .in = { POOL_CHANNELS },
      .out = { x } },
  };

  case_begin ();
  for (int c = 0; c < POOL_CHANNELS; c++)
    variance[c] = 1 + row[c] * row[c];
  for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
    check_operation (&operations[i]);
  floats_free (row, POOL_CHANNELS);
  floats_free (variance, POOL_CHANNELS);
  case_end ("bits/resnet", level);
}

/* ---------------------------------------------------------------------------------------------- */

static const struct {
  const char *name;
  void (*check) (const char *level);
} cases[] = { { "bits/linear", check_linears },           { "bits/rows", check_row_operations },
              { "bits/attention", check_attentions },     { "bits/embed", check_embedding },
              { "bits/convolution", check_convolutions }, { "bits/resnet", check_resnet_layers } };

static void
check_all (const char *device, const char *level, int threads)
{
  n_teams = threads;
  small = is_emulated_gpu (device);
  n_pictures = small ? 5 : PICTURES;
  for (int t = 0; t < n_teams; t++)
    teams[t] = stream_open (device, level, t + 1);
  level = stream_name (teams[0]);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    if (is_chosen (cases[i].name))
      cases[i].check (level);
  for (int t = 0; t < n_teams; t++)
    stream_close (teams[t]);
}

int
main (int argc, char **argv)
{
  const char *const *levels = ck_cpu_levels ();

  if (argc > 1 && is_gpu (argv[1])) {
    cases_choose (argc - 2, argv + 2);
    check_all (argv[1], "auto", 1);
    return cases_end ();
  }
  for (int i = 0; levels[i] != NULL; i++)
    if (argc == 1 || strcmp (argv[1], levels[i]) == 0)
      check_all ("cpu", levels[i], TEAMS);
  return cases_end ();
}
