/* SPDX-License-Identifier: MIT */
/* The linear layer against sums in double precision, in every combination of what may follow the
 * product. */
#include "kernels/code-rules.h"
#include "tests/kernels/harness.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A share of the sum of the terms' absolute values, for sums of up to 1500 terms in fp32, and what
 * other numbers may add to it: of 8 bits in bf16 and 11 in fp16 two factors may be half a unit off,
 * and an adapter's three. */
#define LIMIT 1e-6
static const double product_limits[N_LINEAR_PRODUCTS] = { 0, 3e-4, 1.2e-2, 8e-3, 1e-3 };

/* Which of all_products the layers multiply. */
static int products;

typedef enum { ABSENT, SEPARATE, ALIASED, N_OPERANDS } Operand;

/* Which parts a layer has. */
typedef struct {
  int adapter; /* 0 none, 1 LoRA, 2 DoRA */
  bool bias, scale;
  CkActivation activation;
  Operand multiplier, residual;
} Parts;

typedef struct {
  int64_t rows, in, out;
  float *x, *bias, *scale, *multiplier, *residual, *y_before;
  CkAdapter adapter;
  float *down, *up, *gain;
} Data;

static void
data_init (Data *d, int64_t rows, int64_t in, int64_t out, int64_t rank, Fill fill)
{
  *d = (Data){ .rows = rows, .in = in, .out = out };
  d->x = floats_filled (rows * in, fill);
  d->bias = floats_filled (out, FILL_RANDOM);
  d->scale = floats_filled (out, FILL_RANDOM);
  d->multiplier = floats_filled (rows * out, FILL_RANDOM);
  d->residual = floats_filled (rows * out, FILL_RANDOM);
  d->y_before = floats_filled (rows * out, FILL_RANDOM);
  d->down = floats_filled (rank * in, FILL_RANDOM);
  d->up = floats_filled (out * rank, FILL_RANDOM);
  d->gain = floats_filled (out, FILL_RANDOM);
  d->adapter = (CkAdapter){ .rank = rank, .scale = 0.75f, .down = d->down, .up = d->up };
}

static void
data_clear (Data *d)
{
  floats_free (d->x, d->rows * d->in);
  floats_free (d->bias, d->out);
  floats_free (d->scale, d->out);
  floats_free (d->multiplier, d->rows * d->out);
  floats_free (d->residual, d->rows * d->out);
  floats_free (d->y_before, d->rows * d->out);
  floats_free (d->down, d->adapter.rank * d->in);
  floats_free (d->up, d->out * d->adapter.rank);
  floats_free (d->gain, d->out);
}

static double
activate (CkActivation activation, double t)
{
  return activation == CK_GELU   ? t * erfc (-t / sqrt (2)) / 2
         : activation == CK_SILU ? t / (1 + exp (-t))
         : activation == CK_RELU ? fmax (t, 0)
                                 : t;
}

/* A value and the sum of the absolute values that it is a sum of. */
typedef struct {
  double value, magnitude;
} Sum;

static void
add (Sum *sum, double term, double magnitude)
{
  sum->value += term;
  sum->magnitude += fabs (magnitude);
}

static void
multiply (Sum *sum, double factor)
{
  sum->value *= factor;
  sum->magnitude *= fabs (factor);
}

/* low = scale * (row of x) down^T */
static void
reference_low (const Data *d, int64_t row, Sum *low)
{
  for (int64_t r = 0; r < d->adapter.rank; r++) {
    low[r] = (Sum){ 0 };
    for (int64_t i = 0; i < d->in; i++) {
      const double term = (double)d->adapter.scale * d->x[row * d->in + i] * d->down[r * d->in + i];
      add (&low[r], term, term);
    }
  }
}

static Sum
reference_element (const Data *d, const double *weight, const Parts *p, const Sum *low, int64_t row,
                   int64_t o)
{
  const int64_t at = row * d->out + o;
  Sum t = { 0 };

  for (int64_t i = 0; i < d->in; i++)
    add (&t, d->x[row * d->in + i] * weight[o * d->in + i],
         d->x[row * d->in + i] * weight[o * d->in + i]);
  for (int64_t r = 0; p->adapter != 0 && r < d->adapter.rank; r++)
    add (&t, low[r].value * d->up[o * d->adapter.rank + r],
         low[r].magnitude * d->up[o * d->adapter.rank + r]);
  if (p->adapter == 2)
    multiply (&t, d->gain[o]);
  if (p->bias)
    add (&t, d->bias[o], d->bias[o]);
  t.value = activate (p->activation, t.value); /* none is steeper than 1.13 */
  if (p->multiplier != ABSENT)
    multiply (&t, p->multiplier == ALIASED ? d->y_before[at] : d->multiplier[at]);
  if (p->scale)
    multiply (&t, d->scale[o]);
  if (p->residual != ABSENT)
    add (&t, p->residual == ALIASED ? d->y_before[at] : d->residual[at], 1);
  return t;
}

static double *
reference (const Data *d, const double *weight, const Parts *p, double *magnitude)
{
  double *y = malloc ((size_t)(d->rows * d->out) * sizeof *y);
  Sum *low = malloc ((size_t)d->adapter.rank * sizeof *low);

  *magnitude = 0;
  for (int64_t row = 0; row < d->rows; row++) {
    reference_low (d, row, low);
    for (int64_t o = 0; o < d->out; o++) {
      const Sum t = reference_element (d, weight, p, low, row, o);
      y[row * d->out + o] = t.value;
      *magnitude = fmax (*magnitude, t.magnitude);
    }
  }
  free (low);
  return y;
}

static float *
run (CkStream *stream, Data *d, const CkWeightSource *weight, const Parts *p)
{
  float *y = floats_copy (d->y_before, d->rows * d->out);
  CkLinear op = {
    .weight = weight_for_products (stream, weight, all_products[products]),
    .bias = p->bias ? D (d->bias) : NULL,
    .activation = p->activation,
    .multiplier = p->multiplier == ALIASED    ? D (y)
                  : p->multiplier == SEPARATE ? D (d->multiplier)
                                              : NULL,
    .scale = p->scale ? D (d->scale) : NULL,
    .residual = p->residual == ALIASED    ? D (y)
                : p->residual == SEPARATE ? D (d->residual)
                                          : NULL,
    .rows = d->rows,
    .x = ck_f32 (D (d->x)),
    .y = ck_f32 (D (y)),
  };

  if (p->adapter != 0) {
    op.adapter = d->adapter;
    op.adapter.down = D (d->down);
    op.adapter.up = D (d->up);
    op.adapter.gain = p->adapter == 2 ? D (d->gain) : NULL;
  }
  CHECK (settled (stream, stream->operations->linear (stream, &op)) == CK_OK);
  return y;
}

static void
check_one (CkStream *stream, CkStream *oracle, Data *d, const TestWeight *w, const Parts *p)
{
  const int64_t n = d->rows * d->out;
  double magnitude, *want = reference (d, w->values, p, &magnitude);
  float *y = run (stream, d, &w->source, p), *plain;
  char what[160];

  snprintf (
      what, sizeof what,
      "%s %s rows %lld in %lld out %lld adapter %d bias %d activation %d multiplier %d scale %d "
      "residual %d",
      product_names[products], type_names[w->source.type], (long long)d->rows, (long long)d->in,
      (long long)d->out, p->adapter, p->bias, p->activation, p->multiplier, p->scale, p->residual);
  compare (what, y, want, n, LIMIT + product_limits[products], magnitude);
  if (has_products (oracle, all_products[products])) {
    plain = run (oracle, d, &w->source, p);
    compare_floats (what, y, plain, n, 2 * LIMIT, magnitude);
    floats_free (plain, n);
  }
  free (want);
  floats_free (y, n);
}

/* Every shape that the cutting into tiles treats differently: narrower than a vector, a panel and a
 * bit, more rows than a group, ... */
static void
check_shapes (CkStream *stream, CkStream *oracle, CkType type)
{
  static const int64_t shapes[][3] = { { 1, 1, 1 },     { 1, 384, 9 },   { 2, 3, 5 },
                                       { 7, 16, 64 },   { 17, 65, 47 },  { 5, 100, 300 },
                                       { 201, 64, 48 }, { 3, 1500, 70 }, { 1100, 20, 10 },
                                       { 33, 7, 520 },  { 1, 31, 700 } };
  const Parts plain = { .bias = true }, full = { 2, true, true, CK_SILU, SEPARATE, ALIASED };

  for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
    const int64_t rank = 1 + (int64_t)s + (s % 3 == 1 ? 64 : 0); /* and of more than one block */
    TestWeight w;
    Data d;

    if (!is_affordable (stream,
                        (double)shapes[s][0] * (double)((shapes[s][1] + rank) * shapes[s][2])))
      continue;
    test_weight_init (&w, type, shapes[s][2], shapes[s][1], FILL_RANDOM);
    data_init (&d, shapes[s][0], shapes[s][1], shapes[s][2], rank, FILL_RANDOM);
    check_one (stream, oracle, &d, &w, &plain);
    check_one (stream, oracle, &d, &w, &full);
    data_clear (&d);
    test_weight_clear (&w);
  }
}

static void
check_fills (CkStream *stream, CkStream *oracle, CkType type)
{
  for (int fill = 0; fill < N_FILLS * N_FILLS; fill++) {
    for (int activation = CK_IDENTITY; activation <= CK_RELU; activation++) {
      const Parts parts = { .activation = (CkActivation)activation, .multiplier = SEPARATE };
      TestWeight w;
      Data d;

      test_weight_init (&w, type, 21, 37, (Fill)(fill / N_FILLS));
      data_init (&d, 3, 37, 21, 2, (Fill)(fill % N_FILLS));
      check_one (stream, oracle, &d, &w, &parts);
      data_clear (&d);
      test_weight_clear (&w);
    }
  }
}

/* All combinations; on an emulated GPU each with one of the formats. */
static void
check_combinations (CkStream *stream, CkStream *oracle, CkType type)
{
  const int step = is_affordable (stream, 2e6) ? 1 : 4,
            first = (type == CK_NF4 ? 3 : (int)type) % step;
  TestWeight w;
  Data d;

  test_weight_init (&w, type, 37, 33, FILL_RANDOM);
  data_init (&d, 5, 33, 37, 4, FILL_RANDOM);
  for (int i = first; i < 3 * 2 * 2 * 4 * N_OPERANDS * N_OPERANDS; i += step) {
    const Parts parts = { i % 3,
                          i / 3 % 2 != 0,
                          i / 6 % 2 != 0,
                          (CkActivation)(i / 12 % 4),
                          (Operand)(i / 48 % N_OPERANDS),
                          (Operand)(i / 48 / N_OPERANDS) };
    check_one (stream, oracle, &d, &w, &parts);
  }
  data_clear (&d);
  test_weight_clear (&w);
}

/* Whole numbers of 8 bits with outliers in every third row, and an adapter: a GPU has the bits of
 * level c. Here rows lie as ck_alloc () aligns memory, which lets kernels load four numbers at
 * once. */
static void
check_outliers (CkStream *stream, CkStream *oracle, CkType type, int64_t rows, int64_t in,
                int64_t out)
{
  enum { RANK = 4, ALIGNED = 15 /* floats behind the begin of a buffer */ };
  float *buffer = floats_filled (rows * in + ALIGNED, FILL_RANDOM), *x = buffer + ALIGNED;
  const Parts parts = { .adapter = 1, .bias = true };
  float *y, *plain, *unaligned;
  TestWeight w;
  Data d;

  test_weight_init (&w, type, out, in, FILL_RANDOM);
  data_init (&d, rows, in, out, RANK, FILL_RANDOM);
  for (int64_t row = 0; row < rows; row += 3) {
    x[row * in + 7 * row % in] *= 500;
    x[row * in + (11 * row + 5) % in] *= 900;
  }
  unaligned = d.x;
  d.x = x;
  y = run (stream, &d, &w.source, &parts);
  plain = run (oracle, &d, &w.source, &parts);
  compare_floats ("outliers", y, plain, rows * out, 2 * LIMIT, 900 * (double)in);
  if (is_gpu (stream->device->name) && memcmp (y, plain, (size_t)(rows * out) * sizeof *y) != 0)
    fail ("%s rows %lld in %lld out %lld: not the bits of level c", type_names[type],
          (long long)rows, (long long)in, (long long)out);
  d.x = unaligned;
  floats_free (y, rows * out);
  floats_free (plain, rows * out);
  floats_free (buffer, rows * in + ALIGNED);
  data_clear (&d);
  test_weight_clear (&w);
}

/* The largest number of a block by units in the last place around the limit of outliers: the order
 * in which the others are added decides, and it has to be that of level c. */
static void
check_outlier_limit (CkStream *stream, CkStream *oracle, CkType type)
{
  enum { ROWS = 49, BLOCK = 64, IN = 6 * BLOCK, OUT = 9 };
  const Parts parts = { .bias = true };
  float *y, *plain;
  TestWeight w;
  Data d;

  test_weight_init (&w, type, OUT, IN, FILL_RANDOM);
  data_init (&d, ROWS, IN, OUT, 1, FILL_RANDOM);
  for (int at = 0; at < IN; at += BLOCK) {
    double others = 0;

    for (int i = at + 1; i < at + BLOCK; i++)
      others += fabsf (d.x[i]);
    for (int64_t row = 0; row < ROWS; row++) {
      float *x = d.x + row * IN;

      memmove (x + at, d.x + at, BLOCK * sizeof *x);
      x[at] = (float)(others * CK_OUTLIER / (BLOCK - CK_OUTLIER) *
                      (1 + (double)(row - ROWS / 2) * 0x1p-24));
    }
  }
  y = run (stream, &d, &w.source, &parts);
  plain = run (oracle, &d, &w.source, &parts);
  if (is_gpu (stream->device->name) && memcmp (y, plain, ROWS * OUT * sizeof *y) != 0)
    fail ("%s at the limit of outliers: not the bits of level c", type_names[type]);
  floats_free (y, ROWS * OUT);
  floats_free (plain, ROWS * OUT);
  data_clear (&d);
  test_weight_clear (&w);
}

/* Blocks that end between four elements that lie side by side, and anywhere else. */
static void
check_blocks (CkStream *stream, CkStream *oracle)
{
  static const int64_t blocks[] = { 2, 6, 16, 100, 4096 };
  const Parts parts = { .bias = true };

  for (size_t b = 0; b < sizeof blocks / sizeof *blocks; b++) {
    TestWeight w;
    Data d;

    test_weight_blocks (blocks[b]);
    test_weight_init (&w, CK_NF4, 37, b % 2 != 0 ? 68 : 71, FILL_RANDOM);
    data_init (&d, 5, w.source.in, 37, 1, FILL_RANDOM);
    check_one (stream, oracle, &d, &w, &parts);
    data_clear (&d);
    test_weight_clear (&w);
  }
  test_weight_blocks (64);
}

static void
check_type (CkStream *stream, CkStream *oracle, CkType type)
{
  char name[40];

  for (products = 0; products < N_LINEAR_PRODUCTS; products++) {
    snprintf (name, sizeof name, "linear-%s%s%s", type_names[type], products > 0 ? "-" : "",
              products > 0 ? product_names[products] : "");
    if (!has_products (stream, all_products[products]) || !is_chosen (name))
      continue;
    case_begin ();
    check_shapes (stream, oracle, type);
    check_fills (stream, oracle, type);
    check_combinations (stream, oracle, type);
    if (type == CK_NF4)
      check_blocks (stream, oracle);
    if (all_products[products] == CK_USE_INT8) {
      check_outliers (stream, oracle, type, 33, 128, 64);
      check_outliers (stream, oracle, type, 70, 192, 133);
      check_outlier_limit (stream, oracle, type);
    }
    case_end (name, stream_name (stream));
  }
}

void
check_linear (CkStream *stream, CkStream *oracle)
{
  for (int i = 0; i < 4; i++)
    check_type (stream, oracle, weight_types[i]);
}

/* The largest error that activation (1 * x) may have at x. */
static double
activation_limit (CkActivation activation, double x)
{
  switch (activation) {
  case CK_GELU: /* 1 + erf cancels for negative x, in fp32 everywhere: an absolute error of 1 + erf,
                   times x / 2 */
    return 1.5e-7 * fabs (x);
  case CK_SILU: /* relative, and e^89 is infinite in fp32 */
    return 3e-7 * fabs (activate (CK_SILU, x)) + 3e-37;
  default:
    return 0;
  }
}

/* Each activation at up to 100,001 places, as a layer of one weight that is 1. */
void
check_activations (CkStream *stream)
{
  const float one = 1;
  const int n = is_affordable (stream, 64.0 * 100001) ? 100001 : 3001, step = 100000 / (n - 1);
  const CkWeightSource source = { .type = CK_F32, .out = 1, .in = 1, .host_data = &one };
  float *x = floats_new (n), *y = floats_new (n);

  case_begin ();
  for (int i = 0; i < n; i++)
    x[i] = (float)((i - n / 2) * step) * (i % 3 == 0   ? 2e-3f
                                          : i % 3 == 1 ? 1e-4f
                                                       : 1e-9f); /* to +-100, +-5, +-5e-5 */
  for (int activation = CK_IDENTITY; activation <= CK_RELU; activation++) {
    const CkLinear op = { .weight = weight_on_device (stream, &source, false),
                          .activation = (CkActivation)activation,
                          .rows = n,
                          .x = ck_f32 (D (x)),
                          .y = ck_f32 (D (y)) };

    CHECK (settled (stream, stream->operations->linear (stream, &op)) == CK_OK);
    for (int i = 0; i < n; i++) {
      const double want = activate (op.activation, x[i]);

      if (!(fabs (y[i] - want) <= activation_limit (op.activation, x[i])))
        fail ("activation %d of %.9g is %.9g, not %.9g", activation, x[i], y[i], want);
    }
  }
  floats_free (x, n);
  floats_free (y, n);
  case_end ("activations", stream_name (stream));
}
