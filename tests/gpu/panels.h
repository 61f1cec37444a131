/* SPDX-License-Identifier: MIT */
/*
 * A linear layer as others make it: panels of the weight are decoded to 16 bits, each small enough
 * to stay in the GPU's L2 cache, and multiplied by cuBLASLt. The algorithm is chosen for the shape
 * of the weight alone, without split-K, and rows are padded, so that a row's numbers depend on its
 * batch no more than cuBLASLt lets them.
 */
#ifndef COW_GPU_PANELS_H
#define COW_GPU_PANELS_H

#include "kernels/kernels.h"
#include "tests/gpu/cublas-lt.h"

#define PANELS_ROWS 16 /* that rows are padded to */

typedef struct Panels Panels;

/*
 * For products of up to `rows` rows with a weight of the stream's device, whose `in` is a multiple
 * of 4; both must outlive it. `kernels` is the file with halves.cu as nvcc made it. NULL: it cannot
 * be had, and `reason` says why.
 */
Panels *panels_new (CkStream *stream, const CkWeight *weight, int64_t rows, const char *kernels,
                    char *reason, size_t reason_bytes);
void panels_free (Panels *panels);

/* Enqueues y [rows, out] = x [rows, in] W^T; both of floats, with room for rows up to a multiple of
 * PANELS_ROWS. Returns cuBLASLt's status, 0 is success. */
int panels_run (Panels *panels, const float *x, float *y, int64_t rows);

#endif /* COW_GPU_PANELS_H */
