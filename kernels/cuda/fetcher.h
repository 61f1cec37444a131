/* SPDX-License-Identifier: MIT */
/* What a stream keeps of the weights that are streamed to it; fetch.h says how. */
#ifndef CK_CUDA_FETCHER_H
#define CK_CUDA_FETCHER_H

#include "kernels/cuda/driver.h"
#include "kernels/cuda/weight-layout.h"

#define CK_CUDA_SLOTS   2
#define CK_CUDA_FETCHES 4096 /* that are remembered */

typedef struct {
  const CkCudaWeight *weight; /* that it holds, or will when `arrived` has passed; NULL: none */
  char *memory;               /* device memory, a part of the stream's scratch */
  CkCuEvent *arrived;         /* behind the last copy to it */
  CkCuEvent *left;            /* behind the last work that reads it */
} CkCudaSlot;

/* Of a stream; all zero: it has read no streamed weight yet. */
typedef struct {
  CkCuStream *copies;
  CkCudaSlot slots[CK_CUDA_SLOTS];
  int current;                  /* the slot that is read now */
  size_t bytes;                 /* of a slot */
  uint64_t generation;          /* of the device's weights */
  const CkCudaWeight **fetched; /* [CK_CUDA_FETCHES], fetch i at i % CK_CUDA_FETCHES */
  uint64_t n_fetched;
} CkCudaFetcher;

#endif /* CK_CUDA_FETCHER_H */
