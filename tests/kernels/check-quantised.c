/* SPDX-License-Identifier: MIT */
/*
 * check-quantised: products of whole numbers at every level that this machine has against plain C
 * for the same kind of codes, to the last bit: codes, scales and outliers of activations, strips of
 * 4-bit codes, products, and layers. The code for AVX-VNNI runs on processors without it, too. TAP.
 */
#include "kernels/cpu/cpu-stream.h"
#include "kernels/cpu/scratch.h"
#include "kernels/sizes.h"
#include "tests/kernels/avx-vnni.h"
#include "tests/kernels/harness.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum {
  RANDOM,
  ZERO,
  SMALLEST, /* the largest code would be the inverse of nothing */
  LARGEST,
  OUTLIER,    /* one in each row */
  OUTLIERS,   /* more than a block gives away */
  NOT_FINITE, /* in one block */
  N_KINDS
} Kind;

static void
fill_row (Kind kind, int64_t n, float *x)
{
  for (int64_t i = 0; i < n; i++)
    x[i] = kind == ZERO       ? 0
           : kind == SMALLEST ? 1e-45f * (float)(random_bits () % 3)
           : kind == LARGEST  ? (i % 2 == 0 ? 1e36f : -1e36f)
                              : random_float ();
  if (kind == OUTLIER)
    x[n / 2] = -700;
  for (int64_t i = 0; kind == OUTLIERS && i < n; i += 9)
    x[i] = ldexpf (1, (int)(i % 31) + 5);
  if (kind == NOT_FINITE)
    x[n - 1] = n % 2 == 0 ? NAN : -INFINITY;
}

/* ---- one set of rows ------------------------------------------------------------------------- */

typedef struct {
  CkCodes codes;
  CkOutlier *outliers;
  int64_t rows, n_outliers;
} Rows;

static void
rows_init (Rows *rows, const CkQuantisedOps *ops, int64_t n, int64_t in, const float *x)
{
  const int64_t blocks = ck_ceil_div (in, CK_CODE_BLOCK);

  *rows = (Rows){ .rows = n, .codes.blocks = blocks };
  rows->codes.codes = calloc ((size_t)(n * blocks), CK_CODE_BLOCK * (size_t)ops->code_size);
  rows->codes.scales = calloc ((size_t)(n * blocks), sizeof (float));
  rows->codes.sums = calloc ((size_t)(n * blocks * ops->sums + 1), sizeof (int32_t));
  rows->outliers = calloc ((size_t)(n * blocks) * CK_OUTLIERS_MAX, sizeof (CkOutlier));
  for (int64_t row = 0; row < n; row++)
    rows->n_outliers += ops->quantise (
        in, x + row * in, (char *)rows->codes.codes + row * blocks * CK_CODE_BLOCK * ops->code_size,
        rows->codes.scales + row * blocks, rows->codes.sums + row * blocks * ops->sums,
        rows->outliers + rows->n_outliers);
}

static void
rows_clear (Rows *rows)
{
  free (rows->codes.codes);
  free (rows->codes.scales);
  free (rows->codes.sums);
  free (rows->outliers);
}

/* Codes of a block whose scale is NaN may be anything. */
static bool
same_block (const CkQuantisedOps *ops, const Rows *a, const Rows *b, int64_t block)
{
  const size_t bytes = CK_CODE_BLOCK * (size_t)ops->code_size;
  const float scale = a->codes.scales[block];

  if (isnan (scale))
    return isnan (b->codes.scales[block]);
  return memcmp (a->codes.scales + block, b->codes.scales + block, sizeof scale) == 0 &&
         memcmp (a->codes.sums + block * ops->sums, b->codes.sums + block * ops->sums,
                 (size_t)ops->sums * sizeof (int32_t)) == 0 &&
         memcmp ((char *)a->codes.codes + (size_t)block * bytes,
                 (char *)b->codes.codes + (size_t)block * bytes, bytes) == 0;
}

/* Every value is its code's, up to half a step and three roundings of the code's product, or an
 * outlier. */
static void
check_values (const CkQuantisedOps *ops, const Rows *rows, int64_t in, const float *x)
{
  static const uint8_t places[2][8] = { { 0, 4, 2, 6, 1, 5, 3, 7 }, { 0, 2, 4, 6, 1, 3, 5, 7 } };
  const double steps = .5 + 3 * 0x1p-24 * (double)ops->code_max;
  const CkOutlier *next = rows->outliers;

  for (int64_t i = 0; i < rows->rows * rows->codes.blocks * CK_CODE_BLOCK; i++) {
    const int64_t row = i / (rows->codes.blocks * CK_CODE_BLOCK),
                  col = i % (rows->codes.blocks * CK_CODE_BLOCK);
    const float scale = rows->codes.scales[i / CK_CODE_BLOCK];
    int64_t place = i / 8 * 8;
    double code, value = col < in ? x[row * in + col] : 0;

    while (places[ops->type == CK_I8][place % 8] != i % 8)
      place++;
    code = ops->type == CK_I8 ? ((const int8_t *)rows->codes.codes)[place]
                              : ((const int16_t *)rows->codes.codes)[place];
    if (next < rows->outliers + rows->n_outliers && next->column == col && code == 0 &&
        (double)next->value == value) {
      next++;
      continue;
    }
    if (!isnan (scale) && !(fabs (code * scale - value) <= steps * scale + 1e-38))
      fail ("row %lld, column %lld: %g is %g times %g", (long long)row, (long long)col, value, code,
            scale);
  }
  CHECK (next == rows->outliers + rows->n_outliers || rows->n_outliers > 100);
}

static void
check_quantise (const CkQuantisedOps *ops, const CkQuantisedOps *plain)
{
  static const int64_t widths[] = { 1, 7, 63, 64, 65, 130, 300, 384 };

  for (int kind = 0; kind < N_KINDS; kind++)
    for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
      const int64_t in = widths[w], n = 3;
      float *x = floats_new (n * in);
      Rows got, want;

      for (int64_t row = 0; row < n; row++)
        fill_row ((Kind)kind, in, x + row * in);
      rows_init (&got, ops, n, in, x);
      rows_init (&want, plain, n, in, x);
      for (int64_t block = 0; block < n * got.codes.blocks; block++)
        if (!same_block (ops, &got, &want, block))
          fail ("kind %d, %lld wide: block %lld differs", kind, (long long)in, (long long)block);
      CHECK (got.n_outliers == want.n_outliers &&
             memcmp (got.outliers, want.outliers, (size_t)got.n_outliers * sizeof (CkOutlier)) ==
                 0);
      CHECK (kind != OUTLIER || in % CK_CODE_BLOCK != 0 || got.n_outliers == n);
      if (kind != NOT_FINITE)
        check_values (ops, &got, in, x);
      rows_clear (&got);
      rows_clear (&want);
      floats_free (x, n * in);
    }
}

/* ---- products -------------------------------------------------------------------------------- */

/* y [rows, outs], by strips of 4-bit codes, of which there are only so many outputs. */
static float *
multiply (const CkQuantisedOps *ops, const Rows *x, int64_t outs, const uint8_t *pairs,
          const int16_t *table, const float *scales)
{
  const int64_t blocks = x->codes.blocks, stride = ck_round_up (outs, ops->strip);
  void *strip = ck_aligned_memory ((size_t)(blocks * CK_CODE_BLOCK * ops->strip * ops->code_size));
  float *strip_scales = calloc ((size_t)(blocks * ops->strip), sizeof (float));
  float *y = floats_new (x->rows * stride);

  for (int64_t first = 0; first < outs; first += ops->strip) {
    ops->unpack (blocks, pairs + first * blocks * CK_CODE_BLOCK / 2, blocks * CK_CODE_BLOCK / 2,
                 ck_min (ops->strip, outs - first), table, strip);
    for (int64_t i = 0; i < blocks * ops->strip; i++) {
      const int64_t out = first + i % ops->strip;
      strip_scales[i] = out < outs ? scales[out * blocks + i / ops->strip] : 0;
    }
    ops->multiply (x->rows, &x->codes, strip, strip_scales, NULL, ops->strip, y + first, stride);
  }
  free (strip);
  free (strip_scales);
  return y;
}

static void
check_product (const CkQuantisedOps *ops, const CkQuantisedOps *plain, int64_t n, int64_t in,
               int64_t outs, bool extreme)
{
  const int64_t blocks = ck_ceil_div (in, CK_CODE_BLOCK),
                strides[2] = { ck_round_up (outs, ops->strip), ck_round_up (outs, plain->strip) };
  uint8_t *pairs = malloc ((size_t)(outs * blocks * CK_CODE_BLOCK / 2));
  float *x = floats_new (n * in), *scales = floats_filled (outs * blocks, FILL_RANDOM), *got, *want;
  int16_t table[16];
  Rows rows, plain_rows;

  for (int i = 0; i < 16; i++)
    table[i] = (int16_t)(extreme ? (i < 8 ? -ops->code_max : ops->code_max)
                                 : (int64_t)(random_float () * (float)ops->code_max));
  for (int64_t i = 0; i < outs * blocks * CK_CODE_BLOCK / 2; i++)
    pairs[i] = extreme ? 0xff : (uint8_t)random_bits ();
  for (int64_t row = 0; row < n; row++)
    fill_row (RANDOM, in, x + row * in);
  for (int64_t i = 0; extreme && i < n * in; i++)
    x[i] = i / in % 2 == 0 ? 1 : -1;
  rows_init (&rows, ops, n, in, x);
  rows_init (&plain_rows, plain, n, in, x);
  got = multiply (ops, &rows, outs, pairs, table, scales);
  want = multiply (plain, &plain_rows, outs, pairs, table, scales);
  for (int64_t row = 0; row < n; row++)
    if (memcmp (got + row * strides[0], want + row * strides[1], (size_t)outs * sizeof (float)) !=
        0)
      fail ("%lld rows, %lld in, %lld out: row %lld differs", (long long)n, (long long)in,
            (long long)outs, (long long)row);
  free (pairs);
  rows_clear (&rows);
  rows_clear (&plain_rows);
  floats_free (x, n * in);
  floats_free (scales, outs * blocks);
  floats_free (got, n * strides[0]);
  floats_free (want, n * strides[1]);
}

static void
check_products (const CkQuantisedOps *ops, const CkQuantisedOps *plain)
{
  static const int64_t shapes[][3] = { { 1, 64, 1 },   { 1, 10, 33 },  { 3, 128, 32 },
                                       { 4, 64, 16 },  { 5, 200, 70 }, { 6, 384, 31 },
                                       { 7, 128, 65 }, { 13, 64, 8 },  { 20, 320, 40 } };

  for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
    for (int extreme = 0; extreme < 2; extreme++)
      check_product (ops, plain, shapes[s][0], shapes[s][1], shapes[s][2], extreme);
}

/* ---- weights whose outputs lie side by side -------------------------------------------------- */

/* Every value of lane 0 is its code's up to half a step. */
static void
check_lane (const CkQuantisedOps *plain, int64_t n, const float *w, int64_t stride,
            const int16_t *groups, float scale)
{
  static const uint8_t places[8] = { 0, 4, 2, 6, 1, 5, 3, 7 };
  const double steps = .5 + 3 * 0x1p-24 * (double)plain->code_max;

  for (int64_t place = 0; place < CK_CODE_BLOCK; place++) {
    const int64_t i = place / 8 * 8 + places[place % 8];
    const double value = i < n ? w[i * stride] : 0,
                 code = groups[place / 2 * plain->strip * 2 + place % 2];

    if (!(fabs (code * scale - value) <= steps * scale + 1e-38))
      fail ("element %lld: %g is %g times %g", (long long)i, value, code, scale);
  }
}

/* n rows of outs floats, which become a block of their own kind by each level. */
static void
check_block (const CkQuantisedOps *ops, const CkQuantisedOps *plain, Kind kind, int64_t n,
             int64_t outs)
{
  const int64_t stride = outs + 3;
  float *w = floats_new (n * stride), *row = floats_new (stride);

  for (int64_t i = 0; i < n; i++) {
    fill_row (kind, stride, row);
    memcpy (w + i * stride, row, (size_t)stride * sizeof *row);
  }
  for (int64_t first = 0; first < outs; first += ops->strip) {
    int16_t groups[CK_CODE_BLOCK * 64], want[CK_CODE_BLOCK * 8];
    float scales[64], want_scale[8];

    ops->pack_block (n, ck_min (ops->strip, outs - first), w + first, stride, groups, scales);
    for (int64_t lane = 0; lane < ops->strip; lane++) {
      const int64_t left = ck_min (1, outs - first - lane);
      bool same;

      plain->pack_block (n, ck_max (left, 0), w + first + lane, stride, want, want_scale);
      same = memcmp (scales + lane, want_scale, sizeof *scales) == 0;
      for (int64_t place = 0; place < CK_CODE_BLOCK && same; place++)
        same = groups[(place / 2 * ops->strip + lane) * 2 + place % 2] ==
               want[place / 2 * plain->strip * 2 + place % 2];
      if (!same && !(isnan (scales[lane]) && isnan (want_scale[0])))
        fail ("kind %d, %lld rows of %lld: output %lld differs", kind, (long long)n,
              (long long)outs, (long long)(first + lane));
      if (left > 0 && kind != NOT_FINITE)
        check_lane (plain, n, w + first + lane, stride, want, want_scale[0]);
    }
  }
  floats_free (w, n * stride);
  floats_free (row, stride);
}

/* The products of two strips, of which `extreme` has the largest sums that there are. */
static void
check_strips (const CkQuantisedOps *ops, const CkQuantisedOps *plain, int64_t blocks, bool extreme)
{
  const int64_t n = blocks * CK_CODE_BLOCK, outs = 64; /* of two widths of strips a multiple */
  float *w[2] = { floats_filled (n * outs, FILL_RANDOM), floats_filled (n * outs, FILL_RANDOM) };
  float *got = floats_filled (outs * outs, FILL_RANDOM), *want = floats_copy (got, outs * outs);
  const CkQuantisedOps *each[2] = { ops, plain };

  for (int64_t i = 0; extreme && i < n * outs; i++)
    w[0][i] = w[1][i] = 1;
  for (int e = 0; e < 2; e++) {
    const int64_t strip = each[e]->strip;
    const size_t size = (size_t)(n * outs) * sizeof (int16_t);
    char *codes[2] = { malloc (size), malloc (size) };
    float *scales[2] = { malloc (size), malloc (size) }, *y = e == 0 ? got : want;

    for (int side = 0; side < 2; side++)
      for (int64_t at = 0; at < outs / strip * blocks; at++)
        each[e]->pack_block (CK_CODE_BLOCK, strip,
                             w[side] + at % blocks * CK_CODE_BLOCK * outs + at / blocks * strip,
                             outs, codes[side] + at * CK_CODE_BLOCK * strip * 2,
                             scales[side] + at * strip);
    for (int64_t i = 0; i < outs / strip; i++)
      for (int64_t j = 0; j < outs / strip; j++)
        each[e]->multiply_strips (blocks, codes[0] + i * n * strip * 2,
                                  scales[0] + i * blocks * strip, codes[1] + j * n * strip * 2,
                                  scales[1] + j * blocks * strip, y + (i * outs + j) * strip, outs);
    for (int side = 0; side < 2; side++) {
      free (codes[side]);
      free (scales[side]);
    }
  }
  if (memcmp (got, want, (size_t)(outs * outs) * sizeof *got) != 0)
    fail ("strips of %lld blocks, extreme %d: other bits", (long long)blocks, extreme);
  floats_free (got, outs * outs);
  floats_free (want, outs * outs);
  floats_free (w[0], n * outs);
  floats_free (w[1], n * outs);
}

static void
check_blocks (const CkQuantisedOps *ops, const CkQuantisedOps *plain)
{
  for (int kind = 0; kind < N_KINDS; kind++)
    for (int64_t n = 1; n <= CK_CODE_BLOCK; n += 9)
      for (int64_t outs = 1; outs < 70; outs += 11)
        check_block (ops, plain, (Kind)kind, n, outs);
}

/* ---- layers ---------------------------------------------------------------------------------- */

/* y [rows, out] of a layer at a level, or at level c by the table `plain`. */
static float *
layer (const char *level, const CkQuantisedOps *plain, const TestWeight *weight, int products,
       int64_t rows, const float *x)
{
  CkStream *stream = stream_open ("cpu", level, 1);
  CkCpuOps *ops = &((CkCpuDevice *)stream->device)->ops;
  float *y = floats_new (rows * weight->source.out);
  CkLinear op = { .rows = rows, .x = ck_f32 (D (x)), .y = ck_f32 (D (y)) };

  if (plain != NULL)
    *(plain->type == CK_I8 ? &ops->int8 : &ops->int16) = *plain;
  op.weight = weight_for_products (stream, &weight->source, products);
  CHECK (settled (stream, stream->operations->linear (stream, &op)) == CK_OK);
  stream_close (stream);
  return y;
}

/* Weights that become strips once, and 4-bit codes, which become some in every product. Whole
 * blocks have no outliers here, whose products are fp32's. */
static void
check_layers (const char *level, const CkQuantisedOps *plain)
{
  const int products = plain->type == CK_I8 ? CK_USE_INT8 : CK_USE_INT16;
  static const int64_t shapes[][3] = { { 7, 45, 192 }, { 13, 64, 256 }, { 1, 17, 64 } };

  for (size_t type = 0; type < sizeof weight_types / sizeof *weight_types; type++)
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
      const int64_t rows = shapes[s][0], out = shapes[s][1], in = shapes[s][2];
      float *x = floats_filled (rows * in, FILL_RANDOM), *got, *want;
      TestWeight weight;

      test_weight_init (&weight, weight_types[type], out, in, FILL_RANDOM);
      got = layer (level, NULL, &weight, products, rows, x);
      want = layer ("c", plain, &weight, products, rows, x);
      if (memcmp (got, want, (size_t)(rows * out) * sizeof (float)) != 0)
        fail ("%s, %lld rows, %lld in, %lld out: not the bits of plain C",
              type_names[weight_types[type]], (long long)rows, (long long)in, (long long)out);
      test_weight_clear (&weight);
      floats_free (x, rows * in);
      floats_free (got, rows * out);
      floats_free (want, rows * out);
    }
}

/* ---- all ------------------------------------------------------------------------------------- */

/* opens: whether a device can be opened at the level. */
static void
check_table (const CkQuantisedOps *ops, const CkQuantisedOps *plain, const char *level, bool opens)
{
  const char *name = ops->type == CK_I16                   ? "int16"
                     : ops->code_max == CK_CODE_MAX_NARROW ? "int8-narrow"
                                                           : "int8";
  char what[40];

  CHECK (ops->code_max == plain->code_max && ops->offset == plain->offset &&
         ops->sums == plain->sums);
  case_begin ();
  check_quantise (ops, plain);
  snprintf (what, sizeof what, "quantise-%s", name);
  case_end (what, level);
  case_begin ();
  check_products (ops, plain);
  snprintf (what, sizeof what, "products-%s", name);
  case_end (what, level);
  if (ops->pack_block != NULL) {
    case_begin ();
    check_blocks (ops, plain);
    for (int64_t blocks = 1; blocks < 4; blocks++)
      for (int extreme = 0; extreme < 2; extreme++)
        check_strips (ops, plain, blocks, extreme);
    snprintf (what, sizeof what, "blocks-%s", name);
    case_end (what, level);
  }
  if (!opens)
    return;
  case_begin ();
  check_layers (level, plain);
  snprintf (what, sizeof what, "layers-%s", name);
  case_end (what, level);
}

#if defined(__x86_64__)

static void
check_emulated (const CkCpuOps *plain)
{
  CkCpuOps ops = { 0 };

  if (ck_cpu_features () & CK_CPU_AVX_VNNI)
    return; /* it is one of the levels */
  if (!avx_vnni_emulate ()) {
    printf ("# AVX-VNNI was not checked: this processor has no registers of 256 bits\n");
    return;
  }
  ck_quantised_init_avx2_vnni (&ops.int16, &ops.int8, &ops.peak);
  check_table (&ops.int16, &plain->int16, "avx2-vnni-emulated", false);
  check_table (&ops.int8, &plain->int8, "avx2-vnni-emulated", false);
}

#endif

int
main (void)
{
  const char *const *levels = ck_cpu_levels ();
  CkQuantisedOps plain_int8;
  CkCpuOps plain, ops;

  /* Of the CPU's streams and operations. */
  unsetenv ("COWBEHAVIOR_TEST_DEVICE");
  ck_cpu_ops_init (&plain, (CkCpuFeatures)0);
  for (int i = 0; levels[i] != NULL; i++) {
    CkCpuFeatures features;
    const char *level;

    if (!ck_cpu_level_find (levels[i], &features, &level))
      continue;
    ck_cpu_ops_init (&ops, features);
    check_table (&ops.int16, &plain.int16, level, true);
    if (ops.int8.multiply == NULL)
      continue;
    ck_quantised_init_same_c (&ops.int8, &plain_int8);
    check_table (&ops.int8, &plain_int8, level, true);
  }
#if defined(__x86_64__)
  check_emulated (&plain);
#endif
  return cases_end ();
}
