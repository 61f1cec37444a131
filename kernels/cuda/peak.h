/* SPDX-License-Identifier: MIT */
/*
 * ck_peak: the fastest multiply-adds of a type that kernels here have, with nothing else to do.
 * Those of four warps together, which sm_90 and sm_100 have and no kernel here uses, are faster.
 */
#ifndef CK_CUDA_PEAK_H
#define CK_CUDA_PEAK_H

#include "kernels/cuda/launch.h"

typedef struct {
  int64_t loops;
  float *sums; /* [threads of the grid], that none of the work is for nothing */
} CkCudaPeak;

#define CK_CUDA_PEAK_THREADS 256 /* a block */
#define CK_CUDA_PEAK_BLOCKS  2   /* a processor */
/* Rounds of a loop, each of which a thread (fp32) or a warp adds to sums of its own, so that none
 * waits for another. */
#define CK_CUDA_PEAK_SUMS 8

/* As CkDeviceClass has it. */
CkStatus ck_cuda_peak (CkStream *stream, CkType type, int64_t rounds, double *operations);

#endif /* CK_CUDA_PEAK_H */
