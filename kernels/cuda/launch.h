/* SPDX-License-Identifier: MIT */
/* How operations on the host (*.c) start kernels. */
#ifndef CK_CUDA_LAUNCH_H
#define CK_CUDA_LAUNCH_H

#include "kernels/device.h"

typedef struct CkCudaStream CkCudaStream;

/* The blocks of a launch; y and z are at most 65535. */
typedef struct {
  uint32_t x, y, z;
} CkCudaGrid;

/*
 * Enqueues a kernel by the name that CK_KERNEL gave it: `threads` threads a block in one dimension,
 * `shared` bytes of memory a block, and `arguments`, which are copied. A grid without blocks is no
 * launch. What goes wrong is sticky, as all work of a stream is, and a stream that has failed
 * launches nothing: so it returns nothing, and operations return ck_cuda_status (stream).
 */
void ck_cuda_launch (CkCudaStream *stream, const char *kernel, CkCudaGrid grid, uint32_t threads,
                     size_t shared, const void *arguments, size_t arguments_bytes);

/*
 * For operations whose work fails by what a kernel finds in device memory (a label that is no
 * class): where that kernel leaves a CkStatus, [1], CK_OK before it. One thread of the grid writes
 * it. Behind that kernel the operation calls ck_cuda_take_failure (), and what is enqueued later is
 * skipped.
 */
int32_t *ck_cuda_failure (CkCudaStream *stream);
void ck_cuda_take_failure (CkCudaStream *stream);

/* CK_OK: an operation's work was enqueued, or skipped because the stream has failed. */
CkStatus ck_cuda_status (const CkCudaStream *stream);

/*
 * Device memory that operations of this stream use while they run, at least `bytes`, 256-byte
 * aligned; the same for every call with the same `slot`, ordered by the stream. NULL: there is none
 * (the stream has failed then), or bytes is 0.
 */
typedef enum {
  CK_CUDA_SCRATCH_LINEAR,
  CK_CUDA_SCRATCH_ADAPTER,
  CK_CUDA_SCRATCH_ATTENTION,
  CK_CUDA_SCRATCH_PATCHES,
  CK_CUDA_SCRATCH_PICTURE,
  CK_CUDA_SCRATCH_SUMS,    /* partial sums of reductions over rows */
  CK_CUDA_SCRATCH_UPLOAD,  /* of the stream itself, */
  CK_CUDA_SCRATCH_WEIGHTS, /* and of the weights that it streams */
  CK_CUDA_N_SCRATCH
} CkCudaScratch;
void *ck_cuda_scratch (CkCudaStream *stream, CkCudaScratch slot, size_t bytes);

/*
 * Uploads rows of `row_bytes` (1 to CK_CUDA_ROW_MOST), which may lie anywhere on the host, to
 * device memory where they lie behind each other. `find` gives the begin of row i. They are copied
 * before this returns.
 */
#define CK_CUDA_ROW_MOST ((size_t)1 << 20)
typedef const void *(*CkCudaFindRow) (const void *data, int64_t i);
void ck_cuda_upload_rows (CkCudaStream *stream, void *to, int64_t rows, size_t row_bytes,
                          CkCudaFindRow find, const void *data);
/* Copies rows, `stride` bytes apart, from device memory of another context of the driver (a
 * CUcontext) to memory of the stream's device, where they lie behind each other. */
void ck_cuda_copy_rows_from (CkCudaStream *stream, void *to, int64_t rows, size_t row_bytes,
                             void *context, const void *from, int64_t stride);

/* What operations ask of a GPU. */
typedef struct {
  int major, minor; /* compute capability: 8, 9 */
  int processors;   /* streaming multiprocessors */
  size_t shared;    /* bytes of shared memory that a block may ask for */
} CkCudaLimits;
const CkCudaLimits *ck_cuda_limits (const CkCudaStream *stream);
/* Whether it has products of such numbers. */
bool ck_cuda_multiplies (const CkCudaStream *stream, CkType type);

#endif /* CK_CUDA_LAUNCH_H */
