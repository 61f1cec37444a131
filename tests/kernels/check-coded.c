/* SPDX-License-Identifier: MIT */
/* Activations that go from layer to layer as whole numbers: the layers that read them must have the
 * bits of those that read the same values in fp32. */
#include "tests/kernels/harness.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* norm -> first -> second, and third which reads what first reads; out is wide enough for several
 * panels, and rows for several groups. */
enum { RANK = 3 };
typedef struct {
  int64_t rows, in, mid, out;
} Sizes;

static const Sizes all_sizes[] = {
  { 5, 130, 40, 30 }, { 1, 64, 64, 17 }, { 101, 192, 600, 70 }, { 2, 1090, 24, 10 }
};

typedef struct {
  Sizes n;
  float *x, *norm_weight, *bias, *down, *up, *gain;
  TestWeight first, second;
} Network;

static void
network_init (Network *self, Sizes n, Fill fill)
{
  *self = (Network){ .n = n };
  self->x = floats_filled (n.rows * n.in, fill);
  self->norm_weight = floats_filled (n.in, FILL_RANDOM);
  self->norm_weight[n.in / 2] = 3000; /* a channel that is an outlier behind the norm */
  self->bias = floats_filled (n.mid, FILL_RANDOM);
  self->bias[n.mid / 3] = 5000; /* and one behind GELU */
  self->down = floats_filled (RANK * n.in, FILL_RANDOM);
  self->up = floats_filled (n.mid * RANK, FILL_RANDOM);
  self->gain = floats_filled (n.mid, FILL_RANDOM);
  test_weight_init (&self->first, CK_NF4, n.mid, n.in, FILL_RANDOM);
  test_weight_init (&self->second, CK_F16, n.out, n.mid, FILL_RANDOM);
}

static void
network_clear (Network *self)
{
  floats_free (self->x, self->n.rows * self->n.in);
  floats_free (self->norm_weight, self->n.in);
  floats_free (self->bias, self->n.mid);
  floats_free (self->down, RANK * self->n.in);
  floats_free (self->up, self->n.mid * RANK);
  floats_free (self->gain, self->n.mid);
  test_weight_clear (&self->first);
  test_weight_clear (&self->second);
}

/* Floats behind the begin of a buffer, which lie on the device as ck_alloc () aligns memory. */
#define ALIGNED 15

/* Memory for activations, from the ALIGNED-th float on; *floats says how many it has. */
static float *
memory_for (CkStream *stream, CkType type, int64_t rows, int64_t cols, int64_t *floats)
{
  size_t bytes;

  CHECK (ck_activations_bytes (stream->device, type, rows, cols, &bytes) == CK_OK);
  *floats = ALIGNED + (int64_t)((bytes + sizeof (float) - 1) / sizeof (float));
  return floats_new (*floats);
}

/* y [rows, out] and z [rows, mid]; `type`: of what goes from layer to layer. */
static void
run (CkStream *stream, const Network *net, int products, CkType type, float *y, float *z)
{
  const Sizes n = net->n;
  int64_t normed_floats, mid_floats;
  float *normed = memory_for (stream, type, n.rows, n.in, &normed_floats),
        *mid = memory_for (stream, type, n.rows, n.mid, &mid_floats),
        *zeros = floats_filled (n.in, FILL_ZERO);
  const CkWeight *first = weight_for_products (stream, &net->first.source, products);
  const CkNorm norm = { D (net->norm_weight),          D (zeros), 1e-5f, n.rows, n.in, D (net->x),
                        { type, D (normed + ALIGNED) } };
  CkLinear layer = { .weight = first,
                     .adapter = { .rank = RANK,
                                  .scale = 0.5f,
                                  .down = D (net->down),
                                  .up = D (net->up),
                                  .gain = D (net->gain) },
                     .bias = D (net->bias),
                     .activation = CK_GELU,
                     .rows = n.rows,
                     .x = { type, D (normed + ALIGNED) },
                     .y = { type, D (mid + ALIGNED) } };

  CHECK (stream->operations->norm (stream, &norm) == CK_OK);
  CHECK (stream->operations->linear (stream, &layer) == CK_OK);
  layer.adapter.rank = 0;
  layer.y = ck_f32 (D (z));
  CHECK (stream->operations->linear (stream, &layer) == CK_OK);
  layer = (CkLinear){ .weight = weight_for_products (stream, &net->second.source, products),
                      .rows = n.rows,
                      .x = { type, D (mid + ALIGNED) },
                      .y = ck_f32 (D (y)) };
  CHECK (stream->operations->linear (stream, &layer) == CK_OK);
  CHECK (settle (stream) == CK_OK);
  floats_free (normed, normed_floats);
  floats_free (mid, mid_floats);
  floats_free (zeros, n.in);
}

static void
check_sizes (CkStream *stream, int products, CkType type, Sizes n, Fill fill)
{
  float *y[2], *z[2];
  Network net;

  network_init (&net, n, fill);
  if (fill == FILL_RANDOM)
    net.x[n.in * (n.rows - 1)] = NAN;
  for (int coded = 0; coded < 2; coded++) {
    y[coded] = floats_new (n.rows * n.out);
    z[coded] = floats_new (n.rows * n.mid);
    run (stream, &net, products, coded ? type : CK_F32, y[coded], z[coded]);
  }
  if (memcmp (y[0], y[1], (size_t)(n.rows * n.out) * sizeof (float)) != 0)
    fail ("%d x %d x %d: behind a linear layer there are other bits", (int)n.rows, (int)n.in,
          (int)n.out);
  if (memcmp (z[0], z[1], (size_t)(n.rows * n.mid) * sizeof (float)) != 0)
    fail ("%d x %d x %d: behind a norm there are other bits", (int)n.rows, (int)n.in, (int)n.mid);
  if (fill == FILL_RANDOM)
    CHECK (isnan (y[1][n.out * (n.rows - 1)]) && (n.rows == 1 || !isnan (y[1][0])));
  for (int coded = 0; coded < 2; coded++) {
    floats_free (y[coded], n.rows * n.out);
    floats_free (z[coded], n.rows * n.mid);
  }
  network_clear (&net);
}

/* What linear, norm and attention must refuse of activations of a type. */
static void
check_refused (CkStream *stream, int products, CkType type)
{
  enum { ROWS = 2, N = 64, FLOATS = 1024 };
  float *memory = floats_new (FLOATS), *floats = floats_new (FLOATS);
  uint64_t key = 1;
  size_t bytes = 1;
  TestWeight w;

  test_weight_init (&w, CK_NF4, N, N, FILL_RANDOM);
  memset (floats, 0, FLOATS * sizeof *floats);
  {
    const bool offered = products != 0 && has_products (stream, products);
    const CkWeight *right = weight_for_products (stream, &w.source, offered ? products : 0),
                   *other = weight_for_products (stream, &w.source, 0);
    const CkLinear good = {
      .weight = right, .rows = ROWS, .x = ck_f32 (D (floats)), .y = { type, D (memory + ALIGNED) }
    };
    CkLinear op = good;
    CkNorm norm = {
      D (floats), D (floats), 1, ROWS, N, D (floats), { type, D (memory + ALIGNED) }
    };
    CkAttention attention = { .batch = 1,
                              .tokens = 1,
                              .heads = 1,
                              .head_dim = N,
                              .prefix = 1,
                              .q = D (floats),
                              .k = D (floats),
                              .v = D (floats),
                              .out = { type, D (memory + ALIGNED) } };

    CHECK (stream->operations->attention (stream, &attention) == CK_UNSUPPORTED);
    CHECK (ck_activations_bytes (stream->device, type, ROWS, N, &bytes) ==
           (offered ? CK_OK : CK_UNSUPPORTED));
    CHECK (bytes <= (FLOATS - ALIGNED) * sizeof (float));
    CHECK (stream->operations->norm (stream, &norm) == (offered ? CK_OK : CK_UNSUPPORTED));
    CHECK (stream->operations->linear (stream, &op) == (offered ? CK_OK : CK_UNSUPPORTED));
    op.x = good.y;
    op.y = ck_f32 (D (floats));
    CHECK (stream->operations->linear (stream, &op) == (offered ? CK_OK : CK_UNSUPPORTED));
    op.weight = other; /* multiplies fp32 */
    CHECK (stream->operations->linear (stream, &op) == CK_UNSUPPORTED);
    op.weight = right;
    op.adapter = (CkAdapter){ .rank = 1,
                              .scale = 1,
                              .down = D (floats),
                              .up = D (floats),
                              .dropout = 0.5f,
                              .key = D_BYTES (&key, 8) };
    CHECK (stream->operations->linear (stream, &op) == CK_UNSUPPORTED);
    if (offered) {
      CHECK (ck_activations_bytes (stream->device, type, -1, N, &bytes) == CK_BAD_SHAPE);
      CHECK (ck_activations_bytes (stream->device, type, 1, 0, &bytes) == CK_BAD_SHAPE);
      CHECK (ck_activations_bytes (stream->device, type, INT64_MAX / 2, N, &bytes) == CK_BAD_SHAPE);
      CHECK (ck_activations_bytes (stream->device, type, 1, INT64_MAX / 2, &bytes) == CK_BAD_SHAPE);
      CHECK (bytes == 0);
    }
  }
  settle (stream);
  floats_free (memory, FLOATS);
  floats_free (floats, FLOATS);
  test_weight_clear (&w);
}

void
check_coded (CkStream *stream)
{
  static const CkType types[N_PRODUCTS] = { CK_F32, CK_I16, CK_I8 };
  char name[40];

  for (int i = 1; i < N_PRODUCTS; i++) {
    snprintf (name, sizeof name, "linear-coded-%s", product_names[i]);
    if (!is_chosen (name))
      continue;
    case_begin ();
    check_refused (stream, all_products[i], types[i]);
    for (size_t size = 0; size < sizeof all_sizes / sizeof all_sizes[0]; size++)
      for (int fill = 0; has_products (stream, all_products[i]) && fill < N_FILLS; fill++)
        check_sizes (stream, all_products[i], types[i], all_sizes[size], (Fill)fill);
    case_end (name, stream_name (stream));
  }
}
