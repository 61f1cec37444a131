/* SPDX-License-Identifier: MIT */
/* What is known of each byte of the GPU's memory: whether it was given out, whether it was written,
 * and by which threads it was used last. */
#ifndef COW_CUDA_SHADOW_H
#define COW_CUDA_SHADOW_H

#include <stddef.h>
#include <stdint.h>

/* false: there are no addresses for it. */
bool shadow_begin (void);

/* Memory was given out; was written by a copy; goes back. */
void shadow_fresh (void *memory, size_t bytes);
void shadow_written (void *memory, size_t bytes);
void shadow_gone (void *memory, size_t bytes);

/* Accesses of the running thread, before it does them; they may end the launch. */
void shadow_read (const void *address, size_t bytes);
void shadow_write (void *address, size_t bytes);
/* Shared memory that a copy will write until it is waited for. */
void shadow_in_flight (void *address, size_t bytes);
/* It has come, by the running thread. */
void shadow_landed (void *address, size_t bytes);

#endif /* COW_CUDA_SHADOW_H */
