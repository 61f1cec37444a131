/* SPDX-License-Identifier: MIT */
/* Pinned memory through which uploads pass, so that their sources may change at once. */
#ifndef CK_CUDA_STAGING_H
#define CK_CUDA_STAGING_H

#include "kernels/cuda/driver.h"

#define CK_CUDA_STAGING_PART                                                                       \
  ((size_t)1 << 20) /* bytes of a part: the most that is copied at once */
#define CK_CUDA_STAGING_PARTS 4

/* A ring of parts, used by one CUDA stream. All zero: empty; memory comes with the first copy. */
typedef struct {
  uint8_t *memory;                          /* pinned */
  CkCuEvent *passed[CK_CUDA_STAGING_PARTS]; /* behind the last copy from a part */
  int part;                                 /* which is filled */
  size_t filled;                            /* bytes of it */
} CkCudaStaging;

/*
 * *space of `bytes`, at most a part, to be filled and copied from at once; it stays until `stream`
 * has done what is enqueued before the next call. Waits where the ring is full. The context is
 * entered.
 */
CkCuResult ck_cuda_stage (const CkCuDriver *driver, CkCudaStaging *staging, CkCuStream *stream,
                          size_t bytes, void **space);
/* When the stream has done its work. */
void ck_cuda_staging_clear (const CkCuDriver *driver, CkCudaStaging *staging);

#endif /* CK_CUDA_STAGING_H */
