/* SPDX-License-Identifier: MIT */
#include "tests/cuda-on-cpu/wrong-kernels.h"

#include "kernels/cuda/instructions.h"
#include "kernels/cuda/kernel.h"

#define ALL 0xffffffffu

static __device__ __forceinline__ int
element (void)
{
  return (int)(blockIdx.x * WRONG_THREADS + threadIdx.x);
}

/* Each of these pairs differs in what the second lacks. */

CK_KERNEL (right_barrier, WrongArguments, WRONG_THREADS)
{
  CK_SHARED (WrongShared, shared);
  const int t = (int)threadIdx.x;

  shared.values[t] = a.x[element ()];
  __syncthreads ();
  a.y[element ()] = shared.values[WRONG_THREADS - 1 - t];
}

CK_KERNEL (wrong_no_barrier, WrongArguments, WRONG_THREADS)
{
  CK_SHARED (WrongShared, shared);
  const int t = (int)threadIdx.x;

  shared.values[t] = a.x[element ()];
  a.y[element ()] = shared.values[WRONG_THREADS - 1 - t];
}

CK_KERNEL (right_second_barrier, WrongArguments, WRONG_THREADS)
{
  CK_SHARED (WrongShared, shared);
  const int t = (int)threadIdx.x;
  float sum = 0;

  for (int i = 0; i < 3; i++) {
    shared.values[t] = a.x[element ()] + (float)i;
    __syncthreads ();
    sum += shared.values[(t + 32) % WRONG_THREADS];
    __syncthreads ();
  }
  a.y[element ()] = sum;
}

/* Written again while others still read. */
CK_KERNEL (wrong_no_second_barrier, WrongArguments, WRONG_THREADS)
{
  CK_SHARED (WrongShared, shared);
  const int t = (int)threadIdx.x;
  float sum = 0;

  for (int i = 0; i < 3; i++) {
    shared.values[t] = a.x[element ()] + (float)i;
    __syncthreads ();
    sum += shared.values[(t + 32) % WRONG_THREADS];
  }
  a.y[element ()] = sum;
}

CK_KERNEL (wrong_divergent_barrier, WrongArguments, WRONG_THREADS)
{
  if (threadIdx.x < 64)
    __syncthreads ();
  a.y[element ()] = 0;
}

CK_KERNEL (wrong_two_barriers, WrongArguments, WRONG_THREADS)
{
  if (threadIdx.x < 64)
    __syncthreads ();
  else
    __syncthreads ();
  a.y[element ()] = 0;
}

CK_KERNEL (right_votes, WrongArguments, WRONG_THREADS)
{
  const int t = (int)threadIdx.x, n = __syncthreads_count (t % 3 == 0),
            any = __syncthreads_or (t == 5), all = __syncthreads_and (t != 5),
            none = __syncthreads_or (0), every = __syncthreads_and (1);

  a.y[element ()] =
      (float)(n == (WRONG_THREADS + 2) / 3 && any != 0 && all == 0 && none == 0 && every != 0);
}

CK_KERNEL (wrong_behind_the_end, WrongArguments, WRONG_THREADS)
{
  a.y[element () + 1] = 0;
}

CK_KERNEL (wrong_before_the_begin, WrongArguments, WRONG_THREADS)
{
  a.y[element ()] = a.x[element () - 1];
}

/* One byte of a word that has others. */
CK_KERNEL (wrong_byte_behind_the_end, WrongArguments, WRONG_THREADS)
{
  a.bytes[element () + 1] = 0;
}

/* Two of four values are behind the end. */
CK_KERNEL (wrong_copy, WrongArguments, WRONG_THREADS)
{
  const int i = (int)(blockIdx.x * WRONG_THREADS) + WRONG_THREADS - 2;

  if (threadIdx.x == 0)
    memset (&a.y[i], 0, (size_t)(4 * a.n) / 64);
}

CK_KERNEL (wrong_null, WrongArguments, WRONG_THREADS)
{
  const float *null = *reinterpret_cast<const float *const *> (a.counts);

  a.y[element ()] = *null;
}

CK_KERNEL (wrong_behind_shared, WrongArguments, WRONG_THREADS)
{
  CK_SHARED (WrongShared, shared);
  float *values = shared.others;

  values[threadIdx.x + (unsigned)a.n / 256] = 0; /* n is 256 */
}

CK_KERNEL (wrong_index_in_shared, WrongArguments, WRONG_THREADS)
{
  CK_SHARED (WrongShared, shared);

  shared.values[threadIdx.x + (unsigned)a.n / 256] = 0;
}

CK_KERNEL (wrong_shared_not_written, WrongArguments, WRONG_THREADS)
{
  CK_SHARED (WrongShared, shared);

  if (threadIdx.x != 77)
    shared.values[threadIdx.x] = 0;
  __syncthreads ();
  a.y[element ()] = shared.values[threadIdx.x];
}

/* What another block wrote there is not this one's. */
CK_KERNEL (wrong_shared_of_last_block, WrongArguments, WRONG_THREADS)
{
  CK_SHARED (WrongShared, shared);

  if (atomicAdd (&a.counts[0], 1) < WRONG_THREADS)
    shared.values[threadIdx.x] = 0;
  a.y[element ()] = shared.values[threadIdx.x];
}

CK_KERNEL (wrong_global_not_written, WrongArguments, WRONG_THREADS)
{
  a.counts[element ()] = a.y[element ()] > 0;
}

CK_KERNEL (wrong_blocks_write, WrongArguments, WRONG_THREADS)
{
  if (threadIdx.x == 0)
    a.y[0] = (float)blockIdx.x;
}

CK_KERNEL (wrong_block_reads, WrongArguments, WRONG_THREADS)
{
  a.counts[element ()] = a.counts[(element () + WRONG_THREADS) % a.n] + 1;
}

CK_KERNEL (right_blocks_count, WrongArguments, WRONG_THREADS)
{
  atomicAdd (&a.counts[threadIdx.x % 2], 1);
}

CK_KERNEL (wrong_blocks_count, WrongArguments, WRONG_THREADS)
{
  a.counts[threadIdx.x % 2] += 1;
}

/* Neighbours within a word. */
CK_KERNEL (right_bytes, WrongArguments, WRONG_THREADS)
{
  a.bytes[element ()] = (uint8_t)threadIdx.x;
}

CK_KERNEL (wrong_bytes, WrongArguments, WRONG_THREADS)
{
  a.bytes[element () / 2 * 2] = (uint8_t)threadIdx.x;
}

CK_KERNEL (right_mask, WrongArguments, WRONG_THREADS)
{
  const unsigned half = threadIdx.x % 32 < 16 ? 0x0000ffffu : 0xffff0000u;

  a.y[element ()] = __shfl_xor_sync (half, (float)threadIdx.x, 8);
}

/* Half of the callers are not in it. */
CK_KERNEL (wrong_mask, WrongArguments, WRONG_THREADS)
{
  a.y[element ()] = __shfl_xor_sync (0x0000ffffu, (float)threadIdx.x, 8);
}

CK_KERNEL (wrong_absent_lanes, WrongArguments, WRONG_THREADS)
{
  if (threadIdx.x % 32 < 16)
    a.y[element ()] = __shfl_xor_sync (ALL, (float)threadIdx.x, 8);
}

CK_KERNEL (wrong_lane, WrongArguments, WRONG_THREADS)
{
  if (threadIdx.x % 32 < 16)
    a.y[element ()] = __shfl_xor_sync (0x0000ffffu, (float)threadIdx.x, 16);
}

CK_KERNEL (right_warp, WrongArguments, WRONG_THREADS)
{
  CK_SHARED (WrongShared, shared);
  const int t = (int)threadIdx.x;

  for (int i = 0; i < 3; i++) {
    shared.values[t] = a.x[element ()];
    __syncwarp ();
    a.y[element ()] = shared.values[t ^ 31];
    __syncwarp ();
  }
}

CK_KERNEL (wrong_warp, WrongArguments, WRONG_THREADS)
{
  CK_SHARED (WrongShared, shared);
  const int t = (int)threadIdx.x;

  shared.values[t] = a.x[element ()];
  a.y[element ()] = shared.values[t ^ 31];
}

CK_KERNEL (wrong_second_warp, WrongArguments, WRONG_THREADS)
{
  CK_SHARED (WrongShared, shared);
  const int t = (int)threadIdx.x;

  for (int i = 0; i < 3; i++) {
    shared.values[t] = a.x[element ()];
    __syncwarp ();
    a.y[element ()] = shared.values[t ^ 31];
  }
}

/* All lanes read one value, which one of them writes again. */
CK_KERNEL (wrong_lanes_read, WrongArguments, WRONG_THREADS)
{
  CK_SHARED (WrongShared, shared);
  float *value = &shared.values[threadIdx.x / 32];

  if (threadIdx.x % 32 == 0)
    *value = 1;
  __syncwarp ();
  a.y[element ()] = *value;
  if (threadIdx.x % 32 == 31)
    *value = 2;
}

/* A barrier of half a warp orders its threads alone. */
CK_KERNEL (wrong_half_warp, WrongArguments, WRONG_THREADS)
{
  CK_SHARED (WrongShared, shared);
  const int t = (int)threadIdx.x;

  shared.values[t] = a.x[element ()];
  __syncwarp (t % 32 < 16 ? 0x0000ffffu : 0xffff0000u);
  a.y[element ()] = shared.values[t ^ 16];
}

CK_KERNEL (right_half_warp, WrongArguments, WRONG_THREADS)
{
  CK_SHARED (WrongShared, shared);
  const int t = (int)threadIdx.x;

  shared.values[t] = a.x[element ()];
  __syncwarp (t % 32 < 16 ? 0x0000ffffu : 0xffff0000u);
  a.y[element ()] = shared.values[t ^ 8];
}

/* A shuffle is no barrier. */
CK_KERNEL (wrong_shuffle_for_barrier, WrongArguments, WRONG_THREADS)
{
  CK_SHARED (WrongShared, shared);
  const int t = (int)threadIdx.x;

  shared.values[t] = a.x[element ()];
  a.y[element ()] = __shfl_xor_sync (ALL, 0.0f, 1) + shared.values[t ^ 1];
}

/* A barrier of one warp is none of another. */
CK_KERNEL (wrong_warp_for_block, WrongArguments, WRONG_THREADS)
{
  CK_SHARED (WrongShared, shared);
  const int t = (int)threadIdx.x;

  shared.values[t] = a.x[element ()];
  __syncwarp ();
  a.y[element ()] = shared.values[t ^ 32];
}

CK_KERNEL (wrong_ended, WrongArguments, WRONG_THREADS)
{
  if (threadIdx.x == 100)
    return;
  __syncthreads ();
  a.y[element ()] = 0;
}

CK_KERNEL (right_copies, WrongArguments, WRONG_THREADS)
{
  CK_SHARED (WrongShared, shared);
  const int t = (int)threadIdx.x;

  if (t < WRONG_THREADS / 4)
    ck_copy_async (&shared.values[4 * t], &a.x[blockIdx.x * WRONG_THREADS + 4 * t], true);
  ck_copy_commit ();
  if (t < WRONG_THREADS / 4)
    ck_copy_async (&shared.others[4 * t], nullptr, false);
  ck_copy_commit ();
  ck_copy_wait<1> ();
  __syncthreads ();
  a.y[element ()] = shared.values[WRONG_THREADS - 1 - t];
  ck_copy_wait<0> ();
  __syncthreads ();
  a.y[element ()] += shared.others[WRONG_THREADS - 1 - t];
}

CK_KERNEL (wrong_no_wait, WrongArguments, WRONG_THREADS)
{
  CK_SHARED (WrongShared, shared);
  const int t = (int)threadIdx.x;

  if (t < WRONG_THREADS / 4)
    ck_copy_async (&shared.values[4 * t], &a.x[blockIdx.x * WRONG_THREADS + 4 * t], true);
  ck_copy_commit ();
  __syncthreads ();
  a.y[element ()] = shared.values[WRONG_THREADS - 1 - t];
}

CK_KERNEL (wrong_wait_for_older, WrongArguments, WRONG_THREADS)
{
  CK_SHARED (WrongShared, shared);
  const int t = (int)threadIdx.x;

  if (t < WRONG_THREADS / 4)
    ck_copy_async (&shared.values[4 * t], &a.x[blockIdx.x * WRONG_THREADS + 4 * t], true);
  ck_copy_commit ();
  ck_copy_wait<1> ();
  __syncthreads ();
  a.y[element ()] = shared.values[WRONG_THREADS - 1 - t];
}

/* Nobody reads what comes, but it comes to shared memory that is another block's by then. */
CK_KERNEL (wrong_end_without_wait, WrongArguments, WRONG_THREADS)
{
  CK_SHARED (WrongShared, shared);
  const int t = (int)threadIdx.x;

  if (t < WRONG_THREADS / 4)
    ck_copy_async (&shared.values[4 * t], &a.x[blockIdx.x * WRONG_THREADS + 4 * t], true);
  ck_copy_commit ();
  a.y[element ()] = 1;
}

/* Waited for by the thread that copied, but not by the others. */
CK_KERNEL (wrong_wait_without_barrier, WrongArguments, WRONG_THREADS)
{
  CK_SHARED (WrongShared, shared);
  const int t = (int)threadIdx.x;

  if (t < WRONG_THREADS / 4)
    ck_copy_async (&shared.values[4 * t], &a.x[blockIdx.x * WRONG_THREADS + 4 * t], true);
  ck_copy_commit ();
  ck_copy_wait<0> ();
  a.y[element ()] = shared.values[WRONG_THREADS - 1 - t];
}

CK_KERNEL (right_vector, WrongArguments, WRONG_THREADS)
{
  const float4 four = *reinterpret_cast<const float4 *> (&a.x[element () / 4 * 4]);

  a.y[element ()] = four.x + four.w;
}

CK_KERNEL (wrong_alignment, WrongArguments, WRONG_THREADS)
{
  const float4 four = *reinterpret_cast<const float4 *> (&a.x[element () / 8 * 4 + 2]);

  a.y[element ()] = four.x + four.w;
}

CK_KERNEL (wrong_local_index, WrongArguments, WRONG_THREADS)
{
  float values[4] = { 0, 1, 2, 3 };

  a.y[element ()] = values[(threadIdx.x & 3) + (unsigned)a.n / 256];
}

CK_KERNEL (wrong_division, WrongArguments, WRONG_THREADS)
{
  a.y[element ()] = (float)(5 / (a.n - 256));
}
