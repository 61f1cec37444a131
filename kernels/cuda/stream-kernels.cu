/* SPDX-License-Identifier: MIT */
#include "kernels/cuda/stream-kernels.h"

#include "kernels/cuda/kernel.h"

CK_KERNEL (ck_cuda_take_failure, CkCudaTakeFailure, 1)
{
  if (*a.failure == 0)
    *a.failure = *a.word;
  if (a.clear)
    *a.word = 0;
}

CK_KERNEL (ck_cuda_copy_bytes, CkCudaCopyBytes, CK_CUDA_COPY_THREADS)
{
  const int64_t first = (int64_t)blockIdx.x * CK_CUDA_COPY_BLOCK,
                end = first + CK_CUDA_COPY_BLOCK < a.bytes ? first + CK_CUDA_COPY_BLOCK : a.bytes;

  if ((((uintptr_t)a.from | (uintptr_t)a.to | (uintptr_t)a.bytes) & 3) == 0) {
    for (int64_t i = first + 4 * threadIdx.x; i < end; i += 4 * CK_CUDA_COPY_THREADS)
      *(uint32_t *)(a.to + i) = *(const uint32_t *)(a.from + i);
  } else {
    for (int64_t i = first + threadIdx.x; i < end; i += CK_CUDA_COPY_THREADS)
      a.to[i] = a.from[i];
  }
}
