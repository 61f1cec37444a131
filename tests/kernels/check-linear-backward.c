/* SPDX-License-Identifier: MIT */
/* The linear layer backward, with every adapter, weight format and set of gradients. */
#include "kernels/sizes.h"
#include "tests/kernels/gradients.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT 4e-6 /* sums of up to 1600 terms in fp32 */
/* In whole numbers of 16 bits. Of dW nothing is an outlier, and those of dy take digits from others
 * in their column. */
#define DX_LIMIT      6e-4
#define DWEIGHT_LIMIT 1e-3
#define BF16_LIMIT    2e-2 /* two factors of 8 bits, or three of an adapter */

/* Whether W is multiplied in whole numbers, and whether it is parameters then. Rows of dy have
 * outliers then, whose sums are made in fp32, unless the rows are whole blocks. */
static bool whole, whole_parameters;
/* Whether products are of bf16, where the device has them. */
static bool in_bf16;

static bool
has_outliers (int64_t out)
{
  return out % 64 != 0;
}

/* Which parts a layer has. */
typedef struct {
  CkType type;
  int adapter; /* 0 none, 1 LoRA, 2 DoRA, 3 DoRA's gain alone: rank 0 */
  bool dropout, bias, add_dx;
} Parts;

/* Gradients by number, as they lie in Outputs. */
enum { DX, DWEIGHT, DBIAS, DDOWN, DUP, DGAIN, N_GRADIENTS };
#define ALL   ((1 << N_GRADIENTS) - 1)
#define WHOLE (1 << DX | 1 << DWEIGHT) /* those that are made of whole numbers */

static const uint64_t dropout_key = 0x123456789abcdef0;

typedef struct {
  Arena arena;
  Parts parts;
  int64_t rows, in, out, rank;
  TestWeight w;
  CkAdapter adapter;
  float *x, *bias, *down, *up, *gain, *dy, *y;
  double *mask;           /* [rows, in]: what dropout multiplies x by */
  int place[N_GRADIENTS]; /* in the outputs, or -1 */
} Layer;

static void
layer_init (Layer *l, const Parts *parts, int64_t rows, int64_t in, int64_t out, int64_t rank)
{
  Arena *a = &l->arena;

  *l = (Layer){
    .parts = *parts, .rows = rows, .in = in, .out = out, .rank = parts->adapter == 3 ? 0 : rank
  };
  test_weight_init (&l->w, parts->type, out, in, FILL_RANDOM);
  l->x = arena_floats (a, rows * in, FILL_RANDOM);
  l->dy = arena_floats (a, rows * out, FILL_RANDOM);
  for (int64_t row = 0; row < rows && whole && has_outliers (out); row += 3)
    l->dy[row * out + (13 * row + 5) % out] *= 90;
  l->bias = arena_floats (a, out, FILL_RANDOM);
  l->down = arena_floats (a, l->rank * in, FILL_RANDOM);
  l->up = arena_floats (a, out * l->rank, FILL_RANDOM);
  l->gain = arena_floats (a, out, FILL_RANDOM);
  for (int64_t o = 0; o < out; o++) /* never near 0, where the gain's gradient loses its digits */
    l->gain[o] += l->gain[o] < 0 ? -0.5f : 0.5f;
  l->adapter = (CkAdapter){ .rank = l->rank,
                            .scale = 0.75f,
                            .down = l->down,
                            .up = l->up,
                            .gain = parts->adapter >= 2 ? l->gain : NULL,
                            .dropout = parts->dropout ? 0.3f : 0 };
  l->mask = malloc ((size_t)(rows * in) * sizeof (double));
  for (int64_t i = 0; i < rows * in; i++)
    l->mask[i] = !parts->dropout ? 1
                 : reference_unit (dropout_key, i) >= l->adapter.dropout
                     ? 1 / (1 - (double)l->adapter.dropout)
                     : 0;
}

static void
layer_clear (Layer *l)
{
  test_weight_clear (&l->w);
  arena_clear (&l->arena);
  free (l->mask);
}

/* W at any time: differences change a weight in fp32. */
static double
weight_at (const Layer *l, int64_t i)
{
  return l->parts.type == CK_F32 ? ((const float *)l->w.memory)[i] : l->w.values[i];
}

/* One row of y; low [rank] is scratch. */
static void
forward_row (const Layer *l, int64_t row, double *low, double *y)
{
  const float *x = l->x + row * l->in;

  for (int64_t r = 0; r < l->rank; r++) {
    low[r] = 0;
    for (int64_t i = 0; i < l->in; i++)
      low[r] += x[i] * l->mask[row * l->in + i] * l->down[r * l->in + i];
  }
  for (int64_t o = 0; o < l->out; o++) {
    y[o] = 0;
    for (int64_t i = 0; i < l->in; i++)
      y[o] += x[i] * weight_at (l, o * l->in + i);
    for (int64_t r = 0; r < l->rank && l->parts.adapter != 0; r++)
      y[o] += l->adapter.scale * low[r] * l->up[o * l->rank + r];
    if (l->parts.adapter >= 2)
      y[o] *= l->gain[o];
    if (l->parts.bias)
      y[o] += l->bias[o];
  }
}

static double
loss (const void *data)
{
  const Layer *l = data;
  double *low = malloc ((size_t)l->rank * sizeof *low + 1),
         *y = malloc ((size_t)l->out * sizeof *y), sum = 0;

  for (int64_t row = 0; row < l->rows; row++) {
    forward_row (l, row, low, y);
    for (int64_t o = 0; o < l->out; o++)
      sum += y[o] * l->dy[row * l->out + o];
  }
  free (low);
  free (y);
  return sum;
}

/* The layer's y, for the gradient of the gain. */
static void
put_y (Layer *l)
{
  double *low = malloc ((size_t)l->rank * sizeof *low + 1),
         *y = malloc ((size_t)(l->rows * l->out) * sizeof *y);

  for (int64_t row = 0; row < l->rows; row++)
    forward_row (l, row, low, y + row * l->out);
  l->y = arena_rounded (&l->arena, y, l->rows * l->out);
  free (low);
  free (y);
}

static CkAdapter
adapter_on_device (CkStream *stream, const Layer *l)
{
  CkAdapter adapter = l->adapter;

  if (l->parts.adapter == 0)
    return (CkAdapter){ 0 };
  adapter.down = D (adapter.down);
  adapter.up = D (adapter.up);
  adapter.gain = D (adapter.gain);
  adapter.key = D_BYTES (&dropout_key, sizeof dropout_key);
  return adapter;
}

static const CkWeight *
weight_in_bf16 (CkStream *stream, const Layer *l)
{
  if (!has_products (stream, CK_USE_BF16))
    return weight_on_device (stream, &l->w.source, true);
  return l->parts.type == CK_F32 ? parameters_for_products (stream, &l->w.source, CK_USE_BF16)
                                 : weight_for_products (stream, &l->w.source, CK_USE_BF16);
}

static CkStatus
run (CkStream *stream, const void *data, float *const *outputs)
{
  const Layer *l = data;
#define OUTPUT(which) (l->place[which] >= 0 ? D (outputs[l->place[which]]) : NULL)
  const CkLinearBackward op = {
    .weight = in_bf16            ? weight_in_bf16 (stream, l)
              : whole_parameters ? parameters_for_products (stream, &l->w.source, CK_USE_INT16)
              : whole            ? weight_for_products (stream, &l->w.source, CK_USE_INT16)
                                 : weight_on_device (stream, &l->w.source, true),
    .adapter = adapter_on_device (stream, l),
    .bias = l->parts.bias ? D (l->bias) : NULL,
    .rows = l->rows,
    .x = D (l->x),
    .y = D (l->y),
    .dy = D (l->dy),
    .dx = OUTPUT (DX),
    .add_dx = l->parts.add_dx,
    .gradients = { .weight = OUTPUT (DWEIGHT),
                   .bias = OUTPUT (DBIAS),
                   .down = OUTPUT (DDOWN),
                   .up = OUTPUT (DUP),
                   .gain = OUTPUT (DGAIN) },
  };
#undef OUTPUT

  return stream->training->linear_backward (stream, &op);
}

/* Gradients of those in `wanted` that such a layer has. */
static void
check_layer (const Parts *parts, int64_t rows, int64_t in, int64_t out, int64_t rank, int wanted,
             bool each)
{
  Test test = { .run = run, .loss = loss, .each = each, .products = whole ? CK_USE_INT16 : 0 };
  Layer l;

  layer_init (&l, parts, rows, in, out, rank);
  put_y (&l);
  {
    const bool low_rank = parts->adapter == 1 || parts->adapter == 2;
    const struct {
      const char *name;
      bool exists;
      float *input;
      int64_t n;
    } gradients[N_GRADIENTS] = {
      [DX] = { "dx", true, l.x, rows * in },
      [DWEIGHT] = { "dweight",
                    parts->type == CK_F32 && parts->adapter < 2 && whole == whole_parameters,
                    l.w.memory, out * in },
      [DBIAS] = { "dbias", parts->bias, l.bias, out },
      [DDOWN] = { "ddown", low_rank, l.down, l.rank * in },
      [DUP] = { "dup", low_rank, l.up, out * l.rank },
      [DGAIN] = { "dgain", parts->adapter >= 2, l.gain, out },
    };

    for (int g = 0; g < N_GRADIENTS; g++) {
      l.place[g] = -1;
      if (!gradients[g].exists || (wanted & 1 << g) == 0)
        continue;
      l.place[g] = test.n_outputs;
      if (whole && (g == DWEIGHT || (g == DX && !low_rank && !has_outliers (out))))
        test.exact |= 1 << test.n_outputs;
      test.outputs[test.n_outputs++] = (Output){
        .name = gradients[g].name,
        .n = gradients[g].n,
        .before =
            g != DX || parts->add_dx ? arena_floats (&l.arena, gradients[g].n, FILL_RANDOM) : NULL,
        .input = gradients[g].input,
        .limit = in_bf16 && g != DBIAS && g != DGAIN ? BF16_LIMIT
                 : !whole || g > DWEIGHT             ? LIMIT
                 : g == DX                           ? DX_LIMIT
                                                     : DWEIGHT_LIMIT,
      };
    }
  }
  test.data = &l;
  test.multiply_adds = 3.0 * (double)rows * (double)((in + rank) * (out + rank));
  snprintf (test.what, sizeof test.what,
            "%s%s rows %lld in %lld out %lld adapter %d dropout %d bias %d add %d wanted %x",
            in_bf16 ? "bf16 "
            : whole ? "int16 "
                    : "",
            type_names[parts->type], (long long)rows, (long long)in, (long long)out, parts->adapter,
            parts->dropout, parts->bias, parts->add_dx, wanted);
  check (&test);
  layer_clear (&l);
}

static void
check_combinations (CkType type)
{
  for (int i = 0; i < 4 * 2 * 2 * 2; i++) {
    const Parts parts = { type, i % 4, i / 4 % 2 != 0, i / 8 % 2 != 0, i / 16 != 0 };
    check_layer (&parts, 3, 9, 7, 2, ALL, true);
  }
}

/* Each gradient alone, and each alone left out. */
static void
check_wanted (CkType type)
{
  for (int adapter = 0; adapter < 4; adapter++) {
    for (int g = 0; g < N_GRADIENTS; g++) {
      const Parts parts = { type, adapter, true, true, false };
      check_layer (&parts, 3, 7, 6, 2, 1 << g, true);
      check_layer (&parts, 3, 7, 6, 2, ALL & ~(1 << g), true);
    }
  }
}

/* Every shape that the cutting into tiles treats differently. A single term and what an adapter
 * adds may cancel, which leaves nothing of bf16. */
static void
check_shapes (CkType type)
{
  static const int64_t shapes[][4] = { { 1, 1, 1, 1 },      { 1, 384, 9, 4 },
                                       { 17, 65, 47, 5 },   { 201, 64, 48, 16 },
                                       { 33, 7, 520, 1 },   { 20, 300, 1500, 3 },
                                       { 20, 1500, 30, 3 }, { 1100, 20, 10, 2 },
                                       { 65, 600, 40, 70 }, { 66, 66, 66, 1 } };

  for (size_t s = in_bf16 ? 1 : 0; s < sizeof shapes / sizeof *shapes; s++) {
    for (int adapter = 0; adapter < 3; adapter++) {
      const Parts parts = { type, adapter, s % 2 == 1, true, s % 3 == 1 };
      check_layer (&parts, shapes[s][0], shapes[s][1], shapes[s][2], shapes[s][3],
                   whole ? WHOLE : ALL, s == 0);
    }
  }
}

/* Blocks that end between four elements that lie side by side, and anywhere else. */
static void
check_blocks (void)
{
  static const int64_t blocks[] = { 2, 6, 16, 100, 4096 };
  const Parts parts = { .type = CK_NF4 };

  for (size_t b = 0; b < sizeof blocks / sizeof *blocks; b++) {
    test_weight_blocks (blocks[b]);
    check_layer (&parts, 5, b % 2 != 0 ? 68 : 71, 36, 0, 1 << DX, false);
  }
  test_weight_blocks (64);
}

/* A gain of 0 hides what it multiplied; its gradient stays as it is, and nothing becomes infinite.
 */
static void
check_zero_gain (void)
{
  const Parts parts = { CK_F32, 2, false, true, false };
  Layer l;

  layer_init (&l, &parts, 4, 6, 5, 2);
  l.gain[1] = 0;
  l.gain[3] = -0.0f;
  put_y (&l);
  for (int g = 0; g < N_GRADIENTS; g++)
    l.place[g] = g == DGAIN ? 0 : -1;
  for (int t = 0; team (t) != NULL; t++) {
    float *gradient = floats_filled (l.out, FILL_ZERO);

    CHECK (settled (team (t), run (team (t), &l, &gradient)) == CK_OK);
    for (int64_t o = 0; o < l.out; o++)
      CHECK (isfinite (gradient[o]) && (gradient[o] == 0) == (l.gain[o] == 0));
    floats_free (gradient, l.out);
  }
  layer_clear (&l);
}

/* An adapter's dropout forward, which only training has; more columns than are dropped out at once.
 */
static void
check_forward (const Parts *parts, int64_t rows, int64_t in, int64_t out)
{
  double *low = malloc (3 * sizeof *low), *want;
  Layer l;

  layer_init (&l, parts, rows, in, out, 3);
  want = malloc ((size_t)(rows * out) * sizeof *want);
  for (int64_t row = 0; row < rows; row++)
    forward_row (&l, row, low, want + row * out);
  for (int t = 0; team (t) != NULL; t++) {
    CkStream *stream = team (t);
    float *y = floats_new (rows * out);

    if (!is_affordable (stream, (double)rows * (double)(in * out))) {
      floats_free (y, rows * out);
      continue;
    }
    const CkLinear op = { .weight = weight_on_device (stream, &l.w.source, false),
                          .adapter = adapter_on_device (stream, &l),
                          .bias = D (l.bias),
                          .rows = rows,
                          .x = ck_f32 (D (l.x)),
                          .y = ck_f32 (D (y)) };

    CHECK (settled (stream, stream->operations->linear (stream, &op)) == CK_OK);
    compare ("linear with dropout", y, want, rows * out, LIMIT, largest (want, rows * out));
    floats_free (y, rows * out);
  }
  free (low);
  free (want);
  layer_clear (&l);
}

/* ---- what dropout leaves behind -------------------------------------------------------------- */

/* In the host's memory; NULL: nothing is kept. */
typedef struct {
  float *mask, *low;
  bool there;
} Kept;

/* A layer's y, or its gradients, one behind the other: dx, ddown, dup. */
static void
run_kept (CkStream *stream, const Layer *l, Kept kept, float *y, float *gradients)
{
  CkAdapter adapter = adapter_on_device (stream, l);
  const int64_t n_x = l->rows * l->in, n_down = l->rank * l->in, n_up = l->out * l->rank;
  const CkWeight *weight = whole ? weight_for_products (stream, &l->w.source, CK_USE_INT16)
                                 : weight_on_device (stream, &l->w.source, true);

  adapter.mask = kept.mask != NULL ? (uint8_t *)D (kept.mask) : NULL;
  adapter.low = kept.low != NULL ? D (kept.low) : NULL;
  adapter.kept = kept.there;
  if (y != NULL) {
    const CkLinear op = { .weight = weight,
                          .adapter = adapter,
                          .rows = l->rows,
                          .x = ck_f32 (D (l->x)),
                          .y = ck_f32 (D (y)) };

    CHECK (settled (stream, stream->operations->linear (stream, &op)) == CK_OK);
  } else {
    float *all;

    memset (gradients + n_x, 0, (size_t)(n_down + n_up) * sizeof (float));
    all = D (gradients);

    const CkLinearBackward op = {
      .weight = weight,
      .adapter = adapter,
      .rows = l->rows,
      .x = D (l->x),
      .dy = D (l->dy),
      .dx = all,
      .gradients = { .down = all + n_x, .up = all + n_x + n_down },
    };

    CHECK (settled (stream, stream->training->linear_backward (stream, &op)) == CK_OK);
  }
}

static void
check_kept_one (CkStream *stream, const Layer *l)
{
  const int64_t n_y = l->rows * l->out, n_low = l->rows * l->rank,
                n_gradients = l->rows * l->in + l->rank * (l->in + l->out),
                n_mask = ck_ceil_div (l->rows * ck_mask_bytes (l->in), sizeof (float));
  float *mask = floats_new (n_mask), *low = floats_new (n_low), *y[4], *gradients[3];
  const bool makes_anew = is_gpu (stream->device->name);
  const Kept nothing = { 0 }, anew = { mask, low, false }, there = { mask, low, true };

  for (int i = 0; i < 4; i++)
    y[i] = floats_new (n_y);
  for (int i = 0; i < 3; i++)
    gradients[i] = floats_new (n_gradients);
  run_kept (stream, l, nothing, y[0], NULL);
  run_kept (stream, l, anew, y[1], NULL);
  run_kept (stream, l, there, y[2], NULL);
  run_kept (stream, l, nothing, NULL, gradients[0]);
  run_kept (stream, l, there, NULL, gradients[1]);
  for (int i = 1; i < 3; i++)
    CHECK (memcmp (y[i], y[0], (size_t)n_y * sizeof (float)) == 0);
  CHECK (memcmp (gradients[1], gradients[0], (size_t)n_gradients * sizeof (float)) == 0);
  for (int64_t i = 0; !makes_anew && i < l->rows * l->in; i++) {
    const uint8_t *row = (uint8_t *)mask + i / l->in * ck_mask_bytes (l->in);

    CHECK ((row[i % l->in / 8] >> i % l->in % 8 & 1) == (l->mask[i] != 0));
  }
  /* What is there is read, not made again. */
  memset (mask, 0, (size_t)n_mask * sizeof (float));
  memset (low, 0, (size_t)n_low * sizeof (float));
  run_kept (stream, l, there, y[3], NULL);
  run_kept (stream, l, there, NULL, gradients[2]);
  CHECK ((memcmp (y[3], y[0], (size_t)n_y * sizeof (float)) != 0) == !makes_anew);
  for (int64_t i = l->rows * l->in; !makes_anew && i < n_gradients; i++)
    CHECK (gradients[2][i] == 0);
  for (int i = 0; i < 4; i++)
    floats_free (y[i], n_y);
  for (int i = 0; i < 3; i++)
    floats_free (gradients[i], n_gradients);
  floats_free (mask, n_mask);
  floats_free (low, n_low);
}

/* A forward that repeats one, and a backward, read what the first one left: the same bits as
 * without. */
static void
check_kept (CkType type)
{
  static const int64_t shapes[][4] = {
    { 3, 3, 2, 1 }, { 5, 13, 11, 3 }, { 70, 72, 65, 16 }, { 33, 1500, 300, 4 }
  };

  for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
    const Parts parts = { type, 1 + s % 2, true, false, false };
    Layer l;

    layer_init (&l, &parts, shapes[s][0], shapes[s][1], shapes[s][2], shapes[s][3]);
    for (int t = 0; team (t) != NULL; t++)
      if (!whole || has_products (team (t), CK_USE_INT16))
        check_kept_one (team (t), &l);
    layer_clear (&l);
  }
}

void
check_linear_backward (void)
{
  for (int i = 0; i < 4; i++) {
    const CkType type = weight_types[i];
    char name[40];

    snprintf (name, sizeof name, "linear-backward-%s", type_names[type]);
    if (!is_chosen (name))
      continue;
    case_begin ();
    check_combinations (type);
    check_wanted (type);
    check_shapes (type);
    for (int adapter = 1; adapter < 3; adapter++) {
      check_forward (&(Parts){ type, adapter, true, true, false }, 5, 13, 11);
      check_forward (&(Parts){ type, adapter, true, true, false }, 40, 1500, 20);
    }
    check_kept (type);
    if (type == CK_F32)
      check_zero_gain ();
    if (type == CK_NF4)
      check_blocks ();
    case_end (name, "all");
  }
}

/* With products of bf16, on devices that have them. */
void
check_linear_backward_bf16 (void)
{
  int t = 0;

  while (team (t) != NULL && !has_products (team (t), CK_USE_BF16))
    t++;
  if (team (t) == NULL)
    return;
  in_bf16 = true;
  for (int i = 0; i < 4; i++) {
    char name[40];

    snprintf (name, sizeof name, "linear-backward-%s-bf16", type_names[weight_types[i]]);
    if (!is_chosen (name))
      continue;
    case_begin ();
    check_combinations (weight_types[i]);
    check_shapes (weight_types[i]);
    if (weight_types[i] == CK_NF4)
      check_blocks ();
    case_end (name, "all");
  }
  in_bf16 = false;
}

/* Runs a layer in whole numbers; with `other` values of its parameters before its own. */
static void
run_whole (CkStream *stream, const Layer *l, const CkWeight *weight, const float *other, float *y)
{
  const size_t bytes = (size_t)(l->in * l->out) * sizeof (float);
  const CkLinear op = { .weight = weight,
                        .bias = D (l->bias),
                        .rows = l->rows,
                        .x = ck_f32 (D (l->x)),
                        .y = ck_f32 (D (y)) };

  if (other != NULL) {
    float *values = floats_copy (l->w.memory, l->in * l->out);

    CHECK (ck_upload (stream, D (l->w.memory), other, bytes) == CK_OK);
    CHECK (stream->operations->linear (stream, &op) == CK_OK);
    CHECK (ck_upload (stream, D (l->w.memory), values, bytes) == CK_OK);
    floats_free (values, l->in * l->out);
  }
  CHECK (settled (stream, stream->operations->linear (stream, &op)) == CK_OK);
}

/* Parameters become whole numbers at each call, since they change: y has the bits of a weight that
 * is constant. */
static void
check_parameters (int64_t rows, int64_t in, int64_t out)
{
  const Parts parts = { CK_F32, 0, false, true, false };
  Layer l;

  layer_init (&l, &parts, rows, in, out, 0);
  for (int t = 0; team (t) != NULL; t++) {
    CkStream *stream = team (t);

    if (!has_products (stream, CK_USE_INT16))
      continue;
    float *y[2] = { floats_new (rows * out), floats_new (rows * out) },
          *other = floats_filled (in * out, FILL_RANDOM);

    run_whole (stream, &l, weight_for_products (stream, &l.w.source, CK_USE_INT16), NULL, y[0]);
    run_whole (stream, &l, parameters_for_products (stream, &l.w.source, CK_USE_INT16), other,
               y[1]);
    floats_free (other, in * out);
    CHECK (memcmp (y[0], y[1], (size_t)(rows * out) * sizeof (float)) == 0);
    floats_free (y[0], rows * out);
    floats_free (y[1], rows * out);
  }
  layer_clear (&l);
}

static void
check_whole (CkType type)
{
  check_combinations (type);
  check_shapes (type);
  for (int adapter = 0; adapter < 4; adapter++) {
    const Parts parts = { type, adapter, true, false, adapter % 2 == 1 };
    check_layer (&parts, 70, 300, 128, 3, WHOLE, false);
    check_layer (&parts, 5, 40, 64, 3, WHOLE, false);
  }
}

/* In whole numbers of 16 bits. */
void
check_linear_backward_whole (void)
{
  whole = true;
  for (int i = 0; i < 4; i++) {
    char name[40];

    snprintf (name, sizeof name, "linear-backward-%s-int16", type_names[weight_types[i]]);
    if (!is_chosen (name))
      continue;
    case_begin ();
    check_whole (weight_types[i]);
    check_kept (weight_types[i]);
    case_end (name, "all");
  }
  whole_parameters = true;
  if (is_chosen ("linear-backward-parameters-int16")) {
    case_begin ();
    check_whole (CK_F32);
    check_parameters (50, 130, 70);
    check_parameters (3, 20, 9);
    case_end ("linear-backward-parameters-int16", "all");
  }
  whole = whole_parameters = false;
}
