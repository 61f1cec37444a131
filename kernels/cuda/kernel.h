/* SPDX-License-Identifier: MIT */
/*
 * The dialect that kernels (*.cu) are written in, so that nvcc compiles them for a GPU and a C++
 * compiler for a processor, from the same text: CK_CUDA_ON_CPU names the header that has all of
 * CUDA there (tests/cuda-on-cpu).
 *
 *  - A kernel is made by CK_KERNEL and has one argument `a`, a struct of plain numbers and device
 *    pointers that the C code which launches it fills. Variants are templates of __device__
 *    functions, called by a kernel each.
 *    CK_KERNEL_BLOCKS says how many blocks a processor should hold at once, which limits the
 *    registers of a thread; without, nvcc decides, and may well spill some.
 *  - CK_KERNEL gives it a second parameter, of which its body sees nothing: where the stream keeps
 *    the status of work that failed, or NULL. Blocks end at once where that is not CK_OK, because a
 *    stream skips what is enqueued behind a failure.
 *  - All memory that a block shares is one struct, named by CK_SHARED; its size goes with the
 *    launch. __shared__ itself is not written.
 *  - Barriers, shuffles and votes are CUDA's (__syncthreads, __syncwarp, __shfl_xor_sync, ...).
 *    Products of matrices and asynchronous copies are the functions of instructions.h; no other
 *    file holds PTX.
 *  - Where an order of roundings is part of the result (colours, taps of resampling) it is written
 *    with integers or with __fmul_rn, __fadd_rn and __fmaf_rn, because nvcc may contract a * b + c.
 */
#ifndef CK_CUDA_KERNEL_H
#define CK_CUDA_KERNEL_H

#include <stdint.h>

#ifdef CK_CUDA_ON_CPU
#  include CK_CUDA_ON_CPU
#  define CK_KERNEL_BLOCKS(name, Arguments, threads, blocks) CK_KERNEL (name, Arguments, threads)
#else
#  define CK_KERNEL(name, Arguments, threads) CK_KERNEL_BOUNDED (name, Arguments, (threads))
#  define CK_KERNEL_BLOCKS(name, Arguments, threads, blocks)                                       \
    CK_KERNEL_BOUNDED (name, Arguments, (threads, blocks))
#  define CK_KERNEL_BOUNDED(name, Arguments, bounds)                                               \
    static __device__ __forceinline__ void name##_body (const Arguments &a);                       \
    extern "C" __global__ void __launch_bounds__ bounds name (const __grid_constant__ Arguments a, \
                                                              const int32_t *failure)              \
    {                                                                                              \
      if (failure == nullptr || *failure == 0)                                                     \
        name##_body (a);                                                                           \
    }                                                                                              \
    static __device__ __forceinline__ void name##_body (const Arguments &a)
#  define CK_SHARED(Type, name)                                                                    \
    extern __shared__ __align__ (16) unsigned char ck_shared_memory[];                             \
    Type &name = *reinterpret_cast<Type *> (ck_shared_memory)
#endif

#endif /* CK_CUDA_KERNEL_H */
