/* SPDX-License-Identifier: MIT */
/* See harness.h. */
#include "tests/kernels/harness.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GUARD    16 /* floats before and after a buffer */
#define SENTINEL 0x7fc5a5a5u
#define SHOWN    5 /* failures printed a case */

static int n_cases, n_failed, n_failures;

void
case_begin (void)
{
  n_failures = 0;
}

void
case_end (const char *name, const char *level)
{
  n_cases++;
  if (n_failures > 0)
    n_failed++;
  printf ("%s %d - %s/%s\n", n_failures > 0 ? "not ok" : "ok", n_cases, name, level);
  fflush (stdout);
}

int
cases_end (void)
{
  printf ("1..%d\n", n_cases);
  fflush (stdout);
  return n_failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

void
fail (const char *format, ...)
{
  va_list args;

  if (n_failures++ >= SHOWN)
    return;
  printf ("# ");
  va_start (args, format);
  vprintf (format, args);
  va_end (args);
  printf ("\n");
}

uint32_t
random_bits (void)
{
  static uint64_t state = 0x9e3779b97f4a7c15u; /* xorshift64* */

  state ^= state >> 12;
  state ^= state << 25;
  state ^= state >> 27;
  return (uint32_t)(state * 0x2545f4914f6cdd1du >> 32);
}

float
random_float (void)
{
  return (float)(random_bits () >> 8) * 0x1p-23f - 1;
}

float *
floats_new (int64_t n)
{
  const size_t total = (size_t)n + 2 * GUARD + 1;
  /* one float past an aligned address, so that nothing may count on more alignment than a float's
   */
  float *base = aligned_alloc (64, (total * sizeof (float) + 63) / 64 * 64);
  const uint32_t sentinel = SENTINEL;

  for (size_t i = 0; i < total; i++)
    memcpy (base + i, &sentinel, sizeof sentinel);
  return base + 1 + GUARD;
}

float *
floats_filled (int64_t n, Fill fill)
{
  float *floats = floats_new (n);

  for (int64_t i = 0; i < n; i++)
    floats[i] = fill == FILL_RANDOM ? random_float ()
                : fill == FILL_ZERO ? 0
                : fill == FILL_MIN  ? -EXTREME
                                    : EXTREME;
  return floats;
}

float *
floats_copy (const float *from, int64_t n)
{
  float *floats = floats_new (n);

  memcpy (floats, from, (size_t)n * sizeof *from);
  return floats;
}

void
floats_free (float *floats, int64_t n)
{
  const uint32_t sentinel = SENTINEL;

  if (floats == NULL)
    return;
  for (int i = 0; i < GUARD; i++) {
    if (memcmp (floats - GUARD + i, &sentinel, sizeof sentinel) != 0 ||
        memcmp (floats + n + i, &sentinel, sizeof sentinel) != 0) {
      fail ("wrote outside a buffer of %lld floats", (long long)n);
      break;
    }
  }
  free (floats - 1 - GUARD);
}

void
compare (const char *what, const float *got, const double *want, int64_t n, double limit,
         double magnitude)
{
  for (int64_t i = 0; i < n; i++) {
    if (!(fabs (got[i] - want[i]) <= limit * magnitude)) {
      fail ("%s: element %lld of %lld is %.9g, not %.9g: off by %.2g of magnitude %.3g, limit %.2g",
            what, (long long)i, (long long)n, got[i], want[i], fabs (got[i] - want[i]) / magnitude,
            magnitude, limit);
      return;
    }
  }
}

void
compare_floats (const char *what, const float *got, const float *want, int64_t n, double limit,
                double magnitude)
{
  double *wide = malloc ((size_t)n * sizeof *wide + 1);

  for (int64_t i = 0; i < n; i++)
    wide[i] = want[i];
  compare (what, got, wide, n, limit, magnitude);
  free (wide);
}

double
largest (const double *values, int64_t n)
{
  double result = 0;

  for (int64_t i = 0; i < n; i++)
    result = fmax (result, fabs (values[i]));
  return result;
}
