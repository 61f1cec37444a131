/* SPDX-License-Identifier: MIT */
/*
 * What is known of the GPU's memory: of every byte, whether it was given out, whether it was
 * written, and by which threads it was used last. Two accesses of which one writes need an order:
 * another launch, a barrier of the block, or one of the warp that both threads took part in
 * (shuffles and votes order no memory). Atomic ones need none among themselves.
 */
#ifndef COW_CUDA_SHADOW_H
#define COW_CUDA_SHADOW_H

#include <stddef.h>
#include <stdint.h>

/*
 * A time and who: 36 bits of the epoch, which counts barriers, blocks and launches; 3 of flags; 10
 * of the thread; 15 of its clock, which counts the barriers of its warp. So tokens of later epochs
 * are larger.
 */
typedef uint64_t Token;

enum { TOKEN_CLOCK = 15, TOKEN_THREAD = 10, TOKEN_FLAGS = 25, TOKEN_EPOCH = 28 };

static inline Token
token_of (uint64_t epoch, unsigned thread, unsigned clock)
{
  return epoch << TOKEN_EPOCH | (Token)thread << TOKEN_CLOCK | clock;
}

/* The first epoch of launches; what copies write has the one before. */
enum { FIRST_EPOCH = 2 };

/* Of the thread that runs; machine.cpp keeps it. */
struct Running {
  Token me;
  Token launch, block, epoch; /* the first ones of the launch, the block and the epoch */
  const uint16_t *clocks;     /* [32]: of its warp's lanes, those that it has seen */
  const uint8_t *stack;
  size_t stack_bytes, shared_bytes;
};
extern Running running;

/* false: there are no addresses for it. */
bool shadow_begin (void);

/* Memory was given out; was written by a copy; has what other memory has; goes back. */
void shadow_fresh (void *memory, size_t bytes);
void shadow_written (void *memory, size_t bytes);
void shadow_copied (void *memory, const void *from, size_t bytes);
void shadow_gone (void *memory, size_t bytes);

/* A launch begins, with so many bytes of shared memory a block. */
void shadow_launch (size_t shared_bytes);

/* Accesses of the running thread, before it does them; they may end the launch. */
void shadow_read (const void *address, size_t bytes);
void shadow_write (void *address, size_t bytes);
void shadow_atomic (void *address, size_t bytes);
/* Shared memory that a copy will write until it is waited for. */
void shadow_in_flight (void *address, size_t bytes);
/* It has come, by the running thread. */
void shadow_landed (void *address, size_t bytes);

/* Ends the launch because an address is not aligned to so many bytes. */
[[noreturn]] void fault_aligned (const void *address, int bytes, const char *file, unsigned line);

#endif /* COW_CUDA_SHADOW_H */
