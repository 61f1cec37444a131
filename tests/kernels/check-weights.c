/* SPDX-License-Identifier: MIT */
/* Weights: making test weights, and dequantising each format bit for bit. */
#include "tests/kernels/harness.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const CkType weight_types[4] = { CK_F32, CK_F16, CK_BF16, CK_NF4 };
const char *const type_names[CK_NF4 + 1] = {
  [CK_F32] = "f32", [CK_F16] = "f16", [CK_BF16] = "bf16", [CK_NF4] = "nf4"
};

/* Not bitsandbytes' table: any 16 values must do. */
static const float test_code[16] = { -1,    -0.7f, -0.53f, -0.4f, -0.28f, -0.18f, -0.09f, 0,
                                     0.08f, 0.16f, 0.25f,  0.34f, 0.44f,  0.56f,  0.72f,  1 };

static int64_t block_of_weights = 64;

/* The value of a binary floating-point number with so many exponent and fraction bits; independent
 * of float's own layout. */
static double
value_of_bits (uint32_t bits, int exponent_bits, int fraction_bits)
{
  const int bias = (1 << (exponent_bits - 1)) - 1,
            exponent = (int)(bits >> fraction_bits & ((1u << exponent_bits) - 1));
  const double fraction = ldexp (bits & ((1u << fraction_bits) - 1), -fraction_bits);
  const double sign = bits >> (exponent_bits + fraction_bits) != 0 ? -1 : 1;

  if (exponent == 2 * bias + 1)
    return fraction != 0 ? NAN : sign * INFINITY;
  return exponent == 0 ? sign * ldexp (fraction, 1 - bias)
                       : sign * ldexp (1 + fraction, exponent - bias);
}

/* Random 16-bit numbers of moderate size, the largest and smallest for the extremes. */
static uint16_t
number16 (CkType type, Fill fill)
{
  const uint16_t largest = type == CK_F16 ? 0x7bff : 0x461c; /* 65504; 9984 */
  const uint16_t from = type == CK_F16 ? 0x3000 : 0x3e00;    /* 1/8 */

  if (fill == FILL_ZERO)
    return 0;
  if (fill != FILL_RANDOM)
    return fill == FILL_MAX ? largest : largest | 0x8000;
  return (uint16_t)((from + random_bits () % (type == CK_F16 ? 0xc00 : 0x180)) |
                    (random_bits () & 0x8000));
}

static void
init_nf4 (TestWeight *test, Fill fill)
{
  const int64_t n = test->source.out * test->source.in,
                n_blocks = (n + test->source.block - 1) / test->source.block;
  uint8_t *pairs = test->memory;

  memcpy (test->source.code, test_code, sizeof test_code);
  test->absmax = floats_filled (n_blocks, fill == FILL_RANDOM ? FILL_RANDOM : FILL_MAX);
  test->source.host_absmax = test->absmax;
  for (int64_t i = 0; i < (n + 1) / 2; i++)
    pairs[i] = fill == FILL_RANDOM ? (uint8_t)random_bits ()
               : fill == FILL_MAX  ? 0xff
               : fill == FILL_MIN  ? 0
                                   : 0x77;
  for (int64_t i = 0; i < n; i++)
    test->values[i] = test_code[i % 2 != 0 ? pairs[i / 2] & 15 : pairs[i / 2] >> 4] *
                      test->absmax[i / test->source.block];
}

void
test_weight_blocks (int64_t block)
{
  block_of_weights = block;
}

void
test_weight_init (TestWeight *test, CkType type, int64_t out, int64_t in, Fill fill)
{
  const int64_t n = out * in;

  *test =
      (TestWeight){ .source = { .type = type, .out = out, .in = in, .block = block_of_weights } };
  test->values = malloc ((size_t)n * sizeof (double));
  if (type == CK_F32)
    test->memory = floats_filled (n, fill);
  else
    test->memory = malloc (type == CK_NF4 ? (size_t)(n + 1) / 2 : (size_t)n * 2);
  test->source.host_data = test->memory;
  if (type == CK_NF4)
    init_nf4 (test, fill);
  for (int64_t i = 0; i < n && type != CK_NF4; i++) {
    uint16_t *halves = test->memory;

    if (type == CK_F32) {
      test->values[i] = ((float *)test->memory)[i];
      continue;
    }
    halves[i] = number16 (type, fill);
    test->values[i] =
        type == CK_F16 ? value_of_bits (halves[i], 5, 10) : value_of_bits (halves[i], 8, 7);
  }
}

void
test_weight_clear (TestWeight *test)
{
  const int64_t n = test->source.out * test->source.in;

  if (test->source.type == CK_F32)
    floats_free (test->memory, n);
  else
    free (test->memory);
  if (test->absmax != NULL)
    floats_free (test->absmax, (n + test->source.block - 1) / test->source.block);
  free (test->values);
}

static bool
same_bits (float got, double want)
{
  const float narrow = (float)want;

  return isnan (want) ? isnan (got) : memcmp (&got, &narrow, sizeof got) == 0;
}

/* Dequantises rows [first, first + rows) and compares them exactly. */
static void
check_dequantise (CkStream *stream, const TestWeight *test, int64_t first, int64_t rows)
{
  const int64_t in = test->source.in, n = rows * in;
  float *out = floats_new (n);

  CHECK (settled (stream, stream->operations->weight_dequantise (
                              stream, weight_on_device (stream, &test->source, false), first, rows,
                              D (out))) == CK_OK);
  for (int64_t i = 0; i < n; i++) {
    if (!same_bits (out[i], test->values[first * in + i])) {
      fail ("%s [%lld, %lld] block %lld rows from %lld: element %lld is %.9g, not %.9g",
            type_names[test->source.type], (long long)test->source.out, (long long)in,
            (long long)test->source.block, (long long)first, (long long)i, out[i],
            test->values[first * in + i]);
      break;
    }
  }
  floats_free (out, n);
}

/* All 65536 bit patterns, among them subnormals, infinities and NaNs. */
static void
check_all_patterns (CkStream *stream, CkType type)
{
  TestWeight test;

  test_weight_init (&test, type, 256, 256, FILL_ZERO);
  for (uint32_t i = 0; i < 65536; i++) {
    ((uint16_t *)test.memory)[i] = (uint16_t)i;
    test.values[i] = type == CK_F16 ? value_of_bits (i, 5, 10) : value_of_bits (i, 8, 7);
  }
  check_dequantise (stream, &test, 0, 256);
  test_weight_clear (&test);
}

/* Blocks that are rows, that straddle rows, that are larger than the matrix; odd rows. */
static void
check_nf4_blocks (CkStream *stream, int64_t out, int64_t in)
{
  static const int64_t blocks[] = { 2, 6, 64, 100, 4096 };

  for (size_t b = 0; b < sizeof blocks / sizeof *blocks; b++) {
    TestWeight test;

    test_weight_blocks (blocks[b]);
    test_weight_init (&test, CK_NF4, out, in, FILL_RANDOM);
    check_dequantise (stream, &test, 0, out);
    check_dequantise (stream, &test, out / 2, out - out / 2);
    check_dequantise (stream, &test, out, 0);
    test_weight_clear (&test);
  }
  test_weight_blocks (64);
}

/* A file may place numbers at any byte. */
static void
check_misaligned (CkStream *stream, CkType type)
{
  TestWeight test;
  const size_t bytes = 9 * 33 * (type == CK_F32 ? 4 : 2);
  char *shifted = malloc (bytes + 1);

  test_weight_init (&test, type, 9, 33, FILL_RANDOM);
  memcpy (shifted + 1, test.memory, bytes);
  test.source.host_data = shifted + 1;
  check_dequantise (stream, &test, 2, 7);
  test_weight_clear (&test);
  free (shifted);
}

void
check_weights (CkStream *stream)
{
  static const int64_t shapes[][2] = { { 1, 1 },   { 3, 5 },   { 2, 33 }, { 7, 64 },
                                       { 5, 100 }, { 4, 191 }, { 9, 384 } };

  case_begin ();
  check_all_patterns (stream, CK_F16);
  check_all_patterns (stream, CK_BF16);
  for (int type = CK_F32; type <= CK_BF16; type++)
    check_misaligned (stream, (CkType)type);
  for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
    for (int type = CK_F32; type <= CK_BF16; type++) {
      TestWeight test;

      test_weight_init (&test, (CkType)type, shapes[s][0], shapes[s][1], FILL_RANDOM);
      check_dequantise (stream, &test, 0, shapes[s][0]);
      check_dequantise (stream, &test, shapes[s][0] - 1, 1);
      test_weight_clear (&test);
    }
    check_nf4_blocks (stream, shapes[s][0], shapes[s][1]);
  }
  case_end ("dequantise", stream_name (stream));
}
