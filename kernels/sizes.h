/* SPDX-License-Identifier: MIT */
/* Arithmetic of sizes: products that may not overflow, and integers that are positive. */
#ifndef CK_SIZES_H
#define CK_SIZES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* *bytes = a * b * c; false when a factor is negative or the product is more than half the address
 * space. */
static inline bool
ck_size_product (int64_t a, int64_t b, int64_t c, size_t *bytes)
{
  int64_t product;

  if (a < 0 || b < 0 || c < 0)
    return false;
  if (__builtin_mul_overflow (a, b, &product) || __builtin_mul_overflow (product, c, &product) ||
      product > PTRDIFF_MAX)
    return false;
  *bytes = (size_t)product;
  return true;
}

static inline int64_t
ck_min (int64_t a, int64_t b)
{
  return a < b ? a : b;
}

static inline int64_t
ck_max (int64_t a, int64_t b)
{
  return a > b ? a : b;
}

static inline int64_t
ck_ceil_div (int64_t a, int64_t b)
{
  return (a + b - 1) / b;
}

/* To a multiple of b. */
static inline int64_t
ck_round_up (int64_t a, int64_t b)
{
  return ck_ceil_div (a, b) * b;
}

#endif /* CK_SIZES_H */
