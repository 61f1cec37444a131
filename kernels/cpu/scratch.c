/* SPDX-License-Identifier: MIT */
#include "kernels/cpu/scratch.h"

#include <stdint.h>
#include <stdlib.h>

#define ALIGNMENT 64 /* bytes: a cache line, and the widest vector */

void *
ck_aligned_memory (size_t bytes)
{
  if (bytes > PTRDIFF_MAX - (ALIGNMENT - 1))
    return NULL;
  return aligned_alloc (ALIGNMENT, (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
}

void *
ck_scratch_get (CkScratch *scratch, size_t bytes)
{
  if (bytes > scratch->bytes || scratch->data == NULL) {
    free (scratch->data);
    scratch->data = ck_aligned_memory (bytes);
    scratch->bytes = scratch->data != NULL ? bytes : 0;
  }
  return scratch->data;
}

void *
ck_parts_take (CkParts *parts, size_t n, size_t size)
{
  const size_t at = parts->bytes;
  size_t bytes;

  if (__builtin_mul_overflow (n, size, &bytes) ||
      __builtin_add_overflow (bytes, ALIGNMENT - 1, &bytes) ||
      __builtin_add_overflow (bytes / ALIGNMENT * ALIGNMENT, at, &parts->bytes)) {
    parts->bytes = SIZE_MAX;
    return NULL;
  }
  return parts->memory != NULL ? parts->memory + at : NULL;
}

void
ck_scratch_clear (CkScratch *scratch)
{
  free (scratch->data);
  *scratch = (CkScratch){ 0 };
}
