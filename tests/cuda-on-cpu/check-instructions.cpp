/* SPDX-License-Identifier: MIT */
/* Products by the instructions against a plain triple loop. */
#include "tests/cuda-on-cpu/calls.h"
#include "tests/cuda-on-cpu/fixture.h"
#include "tests/cuda-on-cpu/half-bits.h"
#include "tests/cuda-on-cpu/instruction-kernels.h"
#include "tests/cuda-on-cpu/machine.h"

#include <stdio.h>
#include <string.h>

namespace
{

/* Every matrix has other numbers, small enough for sums that are exact. */
struct Numbers {
  uint8_t a[16][32], b[8][32];
};

double
number (const uint8_t *row, int k, int kind)
{
  const uint16_t half = (uint16_t)(row[2 * k % 32] | row[(2 * k + 1) % 32] << 8);

  return kind == 0 ? (int8_t)row[k] : kind == 1 ? half_to_float (half) : bfloat16_to_float (half);
}

void
set_number (uint8_t *row, int k, int kind, int value)
{
  /* Halves of small whole numbers. */
  static const uint16_t f16[] = { 0x0000, 0x3800, 0x3c00, 0x3e00, 0x4000 },
                        bf16[] = { 0x0000, 0x3f00, 0x3f80, 0x3fc0, 0x4000 };

  if (kind == 0) {
    row[k] = (uint8_t)(value * 25);
    return;
  }
  const uint16_t size = (kind == 1 ? f16 : bf16)[value < 0 ? -value : value],
                 half = (uint16_t)(size | (value < 0 ? 0x8000 : 0));

  row[2 * k] = (uint8_t)half;
  row[2 * k + 1] = (uint8_t)(half >> 8);
}

/* kind: 0 for 8 bits, 1 for fp16, 2 for bf16 */
void
check_product (const char *kernel, int kind)
{
  const int depth = kind == 0 ? 32 : 16;
  Numbers numbers;
  float before[16][8], after[16][8];
  int wrong = 0;
  Gpu gpu;

  for (int k = 0; k < depth; k++) {
    for (int i = 0; i < 16; i++)
      set_number (numbers.a[i], k, kind, (i * 7 + k * 5 + i * k) % 9 - 4);
    for (int j = 0; j < 8; j++)
      set_number (numbers.b[j], k, kind, (j * 5 + k * 3 + j * k + 1) % 9 - 4);
  }
  for (int i = 0; i < 16; i++)
    for (int j = 0; j < 8; j++) {
      const int32_t whole = 100 * i + j;

      before[i][j] = (float)whole;
      if (kind == 0)
        memcpy (&before[i][j], &whole, sizeof whole);
    }
  const ProductArguments arguments = {
    static_cast<const uint8_t *> (gpu.memory (numbers.a, sizeof numbers.a)),
    static_cast<const uint8_t *> (gpu.memory (numbers.b, sizeof numbers.b)),
    gpu.memory (before, sizeof before),
  };

  clear_report ();
  gpu.launch (kernel, 1, 32, sizeof (ProductShared), &arguments);
  if (kind == 2 && architecture () < 80) {
    check (gpu.wait () != 0 && strstr (last_report (), "has no such instruction") != nullptr,
           "no products of bf16 before sm_80", last_report ());
    return;
  }
  gpu.read (after, arguments.d, sizeof after);
  for (int i = 0; i < 16; i++)
    for (int j = 0; j < 8; j++) {
      double sum = 100 * i + j, found = after[i][j];
      int32_t whole;

      memcpy (&whole, &after[i][j], sizeof whole);
      if (kind == 0)
        found = whole;
      for (int k = 0; k < depth; k++)
        sum += number (numbers.a[i], k, kind) * number (numbers.b[j], k, kind);
      wrong += found != sum;
    }
  char text[128];

  snprintf (text, sizeof text, "%d of 128 numbers differ; %.60s", wrong, last_report ());
  check (wrong == 0, kernel, text);
}

} // namespace

void
check_instructions (void)
{
  check_product ("product_s8", 0);
  check_product ("product_f16", 1);
  check_product ("product_bf16", 2);
  check_product ("product_loaded", 1);
  check_product ("product_shuffled_s8", 0);
  check_product ("product_shuffled_loaded", 1);
}
