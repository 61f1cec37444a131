/* SPDX-License-Identifier: MIT */
/*
 * CUDA as the kernels of kernels/cuda see it, for a C++ compiler: what kernels/cuda/kernel.h
 * includes in the place of CUDA's own declarations. Names and meanings are those of the CUDA C++
 * Programming Guide; what is not here is not in the dialect.
 *
 * A thread is a fiber (machine.h). Barriers, shuffles and votes are calls into the machine, which
 * takes note of the line that they stand in.
 */
#ifndef COW_CUDA_ON_CPU_H
#define COW_CUDA_ON_CPU_H

#include "tests/cuda-on-cpu/vector-types.h"

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define __device__
#define __host__
#define __constant__
#define __forceinline__ inline __attribute__ ((always_inline))
#define __noinline__    __attribute__ ((noinline))
#define __restrict__ __restrict
#define __align__(n) __attribute__ ((aligned (n)))

/* Where the text of a kernel calls the machine. */
struct CowCallSite {
  const char *file;
  int line;
};

/* Registers a kernel; `entry` calls it with the arguments of a launch. */
class CowKernelEntry
{
public:
  CowKernelEntry (const char *name, void (*entry) (const void *arguments), size_t arguments_bytes,
                  unsigned threads);
};

/* The kernel is not inlined into its entry, which is not instrumented. Its second parameter, where
 * work that failed left its status, is the machine's. */
#define CK_KERNEL(name, Arguments, threads)                                                        \
  static __attribute__ ((noinline)) void name (const Arguments a);                                 \
  __attribute__ ((no_sanitize ("thread"))) static void name##_entry (const void *arguments)        \
  {                                                                                                \
    name (*static_cast<const Arguments *> (arguments));                                            \
  }                                                                                                \
  static const CowKernelEntry name##_registered (#name, name##_entry, sizeof (Arguments),          \
                                                 threads);                                         \
  static void name (const Arguments a)

#define CK_SHARED(Type, name) Type &name = *static_cast<Type *> (cow_block_shared ())

/* The same during a thread's life, so the compiler may keep them. */
uint3 cow_thread_index (void) __attribute__ ((const));
uint3 cow_block_index (void) __attribute__ ((const));
dim3 cow_block_size (void) __attribute__ ((const));
dim3 cow_grid_size (void) __attribute__ ((const));
void *cow_block_shared (void) __attribute__ ((const));

#define threadIdx (cow_thread_index ())
#define blockIdx  (cow_block_index ())
#define blockDim  (cow_block_size ())
#define gridDim   (cow_grid_size ())
#define warpSize  32

/* Barriers of a block; the numbers of all threads are summed. */
unsigned cow_block_barrier (CowCallSite site, unsigned value);

/* What the threads of a mask, of one warp, do together. */
enum CowWarpCall {
  COW_WARP_SYNC,
  COW_WARP_SHUFFLE, /* every thread gets the value of the lane that it names */
  COW_WARP_BALLOT,
  COW_WARP_ADD,
  COW_WARP_MIN,
  COW_WARP_MAX,
  COW_WARP_TOGETHER /* machine.h's call_together () */
};
/* Minimum and maximum are those of int; `lane` is of shuffles alone. */
uint64_t cow_warp_call (CowCallSite site, CowWarpCall call, unsigned mask, uint64_t value,
                        unsigned lane);

/* Atomic, and seen as such by the shadow of memory. */
int cow_atomic_add (int *address, int value);
int cow_atomic_max (int *address, int value);
int cow_atomic_min (int *address, int value);
int cow_atomic_exchange (int *address, int value);
int cow_atomic_compare (int *address, int compare, int value);

/* Calls that compilers do not instrument. */
void *cow_memcpy (void *to, const void *from, size_t bytes);
void *cow_memset (void *to, int value, size_t bytes);
#ifdef CK_CUDA_ON_CPU
#  define memcpy cow_memcpy
#  define memset cow_memset
#endif

#define COW_CALL_SITE     const char *file = __builtin_FILE(), int line = __builtin_LINE()
#define COW_THE_CALL_SITE (CowCallSite{ file, line })
#define COW_DEVICE_INLINE static inline __attribute__ ((always_inline, unused))

COW_DEVICE_INLINE void
__syncthreads (COW_CALL_SITE)
{
  cow_block_barrier (COW_THE_CALL_SITE, 0);
}

COW_DEVICE_INLINE int
__syncthreads_count (int predicate, COW_CALL_SITE)
{
  return (int)cow_block_barrier (COW_THE_CALL_SITE, predicate != 0);
}

COW_DEVICE_INLINE int
__syncthreads_or (int predicate, COW_CALL_SITE)
{
  return cow_block_barrier (COW_THE_CALL_SITE, predicate != 0) != 0;
}

COW_DEVICE_INLINE int
__syncthreads_and (int predicate, COW_CALL_SITE)
{
  return cow_block_barrier (COW_THE_CALL_SITE, predicate == 0) == 0;
}

COW_DEVICE_INLINE void
__syncwarp (unsigned mask = 0xffffffffu, COW_CALL_SITE)
{
  cow_warp_call (COW_THE_CALL_SITE, COW_WARP_SYNC, mask, 0, 0);
}

template <typename T>
COW_DEVICE_INLINE T
cow_shuffle (CowCallSite site, unsigned mask, T value, unsigned lane)
{
  static_assert (sizeof (T) == 4 || sizeof (T) == 8, "shuffles have 4 or 8 bytes");
  uint64_t bits = 0;

  __builtin_memcpy (&bits, &value, sizeof value);
  bits = cow_warp_call (site, COW_WARP_SHUFFLE, mask, bits, lane);
  __builtin_memcpy (&value, &bits, sizeof value);
  return value;
}

COW_DEVICE_INLINE unsigned
cow_lane (void)
{
  return threadIdx.x & 31;
}

template <typename T>
COW_DEVICE_INLINE T
__shfl_sync (unsigned mask, T value, int lane, int width = 32, COW_CALL_SITE)
{
  const unsigned own = cow_lane (), w = (unsigned)width;

  return cow_shuffle (COW_THE_CALL_SITE, mask, value,
                      (own & ~(w - 1)) + ((unsigned)lane & (w - 1)));
}

template <typename T>
COW_DEVICE_INLINE T
__shfl_xor_sync (unsigned mask, T value, int lanes, int width = 32, COW_CALL_SITE)
{
  const unsigned own = cow_lane (), from = own ^ (unsigned)lanes,
                 last = own | ((unsigned)width - 1);

  return cow_shuffle (COW_THE_CALL_SITE, mask, value, from <= last ? from : own);
}

template <typename T>
COW_DEVICE_INLINE T
__shfl_up_sync (unsigned mask, T value, unsigned delta, int width = 32, COW_CALL_SITE)
{
  const unsigned own = cow_lane (), within = own & ((unsigned)width - 1);

  return cow_shuffle (COW_THE_CALL_SITE, mask, value, within >= delta ? own - delta : own);
}

template <typename T>
COW_DEVICE_INLINE T
__shfl_down_sync (unsigned mask, T value, unsigned delta, int width = 32, COW_CALL_SITE)
{
  const unsigned own = cow_lane (), within = own & ((unsigned)width - 1);

  return cow_shuffle (COW_THE_CALL_SITE, mask, value,
                      within + delta < (unsigned)width ? own + delta : own);
}

COW_DEVICE_INLINE unsigned
__ballot_sync (unsigned mask, int predicate, COW_CALL_SITE)
{
  return (unsigned)cow_warp_call (COW_THE_CALL_SITE, COW_WARP_BALLOT, mask, predicate != 0, 0);
}

COW_DEVICE_INLINE int
__any_sync (unsigned mask, int predicate, COW_CALL_SITE)
{
  return cow_warp_call (COW_THE_CALL_SITE, COW_WARP_BALLOT, mask, predicate != 0, 0) != 0;
}

COW_DEVICE_INLINE int
__all_sync (unsigned mask, int predicate, COW_CALL_SITE)
{
  return cow_warp_call (COW_THE_CALL_SITE, COW_WARP_BALLOT, mask, predicate == 0, 0) == 0;
}

/* From sm_80 on. */
COW_DEVICE_INLINE int
__reduce_add_sync (unsigned mask, int value, COW_CALL_SITE)
{
  return (int)cow_warp_call (COW_THE_CALL_SITE, COW_WARP_ADD, mask, (unsigned)value, 0);
}

COW_DEVICE_INLINE int
__reduce_min_sync (unsigned mask, int value, COW_CALL_SITE)
{
  return (int)cow_warp_call (COW_THE_CALL_SITE, COW_WARP_MIN, mask, (unsigned)value, 0);
}

COW_DEVICE_INLINE int
__reduce_max_sync (unsigned mask, int value, COW_CALL_SITE)
{
  return (int)cow_warp_call (COW_THE_CALL_SITE, COW_WARP_MAX, mask, (unsigned)value, 0);
}

COW_DEVICE_INLINE int
atomicAdd (int *address, int value)
{
  return cow_atomic_add (address, value);
}

COW_DEVICE_INLINE unsigned
atomicAdd (unsigned *address, unsigned value)
{
  return (unsigned)cow_atomic_add (reinterpret_cast<int *> (address), (int)value);
}

COW_DEVICE_INLINE int
atomicMax (int *address, int value)
{
  return cow_atomic_max (address, value);
}

COW_DEVICE_INLINE int
atomicMin (int *address, int value)
{
  return cow_atomic_min (address, value);
}

COW_DEVICE_INLINE int
atomicExch (int *address, int value)
{
  return cow_atomic_exchange (address, value);
}

COW_DEVICE_INLINE int
atomicCAS (int *address, int compare, int value)
{
  return cow_atomic_compare (address, compare, value);
}

template <typename T>
COW_DEVICE_INLINE T
__ldg (const T *address)
{
  return *address;
}

#include "tests/cuda-on-cpu/arithmetic.h"

#endif /* COW_CUDA_ON_CPU_H */
