/* SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE /* madvise, posix_memalign */
#include "kernels/cpu/scratch.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#define ALIGNMENT 64 /* bytes: a cache line, and the widest vector */

/* Large memory begins at a huge page, and as many of these are asked for as it fills: activations
 * of a batch have thousands of small ones, which the processor's table of pages does not hold. What
 * is left at the end stays in small pages, so that no more memory is used than without. */
#define HUGE_PAGE 2097152 /* bytes, of x86-64, and of aarch64 with pages of 4 KiB */
#define LARGE     (2 * HUGE_PAGE)

void *
ck_aligned_memory (size_t bytes)
{
  const bool large = bytes >= LARGE;
  void *memory;

  /* aligned_alloc () may refuse a size that is not a multiple of the alignment */
  if (bytes > PTRDIFF_MAX - HUGE_PAGE ||
      posix_memalign (&memory, large ? HUGE_PAGE : ALIGNMENT, bytes > 0 ? bytes : ALIGNMENT) != 0)
    return NULL;
#ifdef MADV_HUGEPAGE
  if (large) /* a system that does not allow them goes on with small ones */
    madvise (memory, bytes / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
#endif
  return memory;
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
