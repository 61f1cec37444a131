/* SPDX-License-Identifier: MIT */
/* Memory of the CPU device, and memory that an operation needs while it runs. */
#ifndef CK_CPU_SCRATCH_H
#define CK_CPU_SCRATCH_H

#include <stddef.h>

/* `bytes` (at least 1) aligned to 64, or NULL; goes back by free (). */
void *ck_aligned_memory (size_t bytes);

/* Kept for the next operation, because a network asks for the same sizes again and again. */
typedef struct {
  void *data;
  size_t bytes;
} CkScratch;

/* At least `bytes` of memory, aligned to 64 bytes, contents undefined; NULL when there is none. */
void *ck_scratch_get (CkScratch *scratch, size_t bytes);
void ck_scratch_clear (CkScratch *scratch);

/*
 * Cuts memory into parts that begin at cache lines. A function that takes all parts is called
 * twice: with no memory it finds out how much there is to be, with that much it gets the parts.
 */
typedef struct {
  char *memory; /* NULL in the first call */
  size_t bytes; /* that were taken; SIZE_MAX where they do not fit the address space */
} CkParts;

/* The next part, n elements of `size` bytes; NULL in the first call. */
void *ck_parts_take (CkParts *parts, size_t n, size_t size);

#endif /* CK_CPU_SCRATCH_H */
