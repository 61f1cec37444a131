/* SPDX-License-Identifier: MIT */
/* The kernels that streams themselves launch. */
#ifndef CK_CUDA_STREAM_KERNELS_H
#define CK_CUDA_STREAM_KERNELS_H

#include <stdint.h>

/* ck_cuda_take_failure: *failure = *word where *failure is CK_OK; one block of one thread. */
typedef struct {
  int32_t *failure, *word;
  int32_t clear; /* not 0: *word becomes CK_OK */
} CkCudaTakeFailure;

/* ck_cuda_copy_bytes: the part of an upload that a failure keeps from happening. */
#define CK_CUDA_COPY_THREADS 256
#define CK_CUDA_COPY_BLOCK   4096 /* bytes a block */
typedef struct {
  const uint8_t *from;
  uint8_t *to;
  int64_t bytes;
} CkCudaCopyBytes;

#endif /* CK_CUDA_STREAM_KERNELS_H */
