/* SPDX-License-Identifier: MIT */
/*
 * The memory of the GPU: one region of addresses, which the host cannot touch while no work runs.
 * Its first part is the memory that a block shares.
 */
#ifndef COW_CUDA_MEMORY_H
#define COW_CUDA_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#define MEMORY_SHARED ((size_t)256 << 10) /* bytes of addresses for a block's memory */
#define MEMORY_GLOBAL ((size_t)8 << 30)   /* and for all other; what is used costs memory */
#define MEMORY_REGION (MEMORY_SHARED + MEMORY_GLOBAL)

/* Where the region begins; a constant once memory_begin () has been called. */
extern uint8_t *memory_base;

/* false: there are no addresses for it. */
bool memory_begin (void);

static inline void *
memory_shared (void)
{
  return memory_base;
}

/* 256-byte aligned; NULL where there is no room. What was freed comes again late. */
void *memory_alloc (size_t bytes);
/* false: no memory_alloc () gave it, or it went back. */
bool memory_free (void *memory);
/* Bytes of a piece that memory_alloc () gave; 0: it gave none there. */
size_t memory_bytes (const void *memory);
/* Bytes that are given out. */
size_t memory_used (void);

/* Whether all of some bytes are memory that was given out. */
bool memory_is_live (const void *memory, size_t bytes);

/* Says where an address lies: within, before or behind the nearest memory. */
void memory_describe (const void *address, char *text, size_t bytes);

/* While work runs, and after it. */
void memory_open (void);
void memory_close (void);

#endif /* COW_CUDA_MEMORY_H */
