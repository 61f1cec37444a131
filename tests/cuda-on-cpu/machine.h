/* SPDX-License-Identifier: MIT */
/*
 * The machine that runs kernels: blocks one after the other, a fiber a thread, all orders drawn
 * from a seed. It is driven by one thread at a time.
 */
#ifndef COW_CUDA_MACHINE_H
#define COW_CUDA_MACHINE_H

#include <stddef.h>
#include <stdint.h>

struct CowCallSite;

enum { WARP = 32, MAX_THREADS = 1024 };

struct Kernel {
  const char *name;
  void (*entry) (const void *arguments); /* what each thread calls */
  size_t arguments_bytes;
  unsigned threads; /* at most */
};

/* NULL: there is none of that name. */
const Kernel *find_kernel (const char *name);

struct Launch {
  const Kernel *kernel;
  const void *arguments;
  const int32_t *failure; /* blocks end at once where it is not 0; or NULL */
  unsigned grid_x, grid_y, grid_z, threads, shared_bytes;
};

/* Runs all blocks of a launch; a CUresult: 0, or what the first fault said. */
int run_launch (const Launch &launch);

/* The thread that is running, within its block; only while one is. */
unsigned current_thread (void);
/* Counts the blocks that have run, for what belongs to one of them. */
uint64_t current_block (void);

/*
 * All threads of the running thread's warp call this; the last one calls `together` with what the
 * lanes gave.
 */
void call_together (CowCallSite site, void (*together) (void *const lanes[WARP]), void *own);

/* Called where a thread ends: a fault if copies are on their way that it did not wait for. */
void check_no_copies (void);

/* Ends the launch that is running, from one of its threads: one report on stderr, and the CUresult
 * for it. */
[[noreturn]] void fault (int result, const char *format, ...)
    __attribute__ ((format (printf, 2, 3)));

/* The first line of the last fault, or "". */
const char *last_report (void);
void clear_report (void);

/* "block (X, Y, Z)", which ran at an epoch of this launch. */
void describe_block (uint64_t epoch, char *text, size_t bytes);
/* How many lanes a warp of the launch has. */
unsigned warp_lanes (unsigned warp);

/* Random numbers of the seed. */
uint64_t random_number (void);
void set_seed (uint64_t seed);

#endif /* COW_CUDA_MACHINE_H */
