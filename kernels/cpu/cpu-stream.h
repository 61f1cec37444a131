/* SPDX-License-Identifier: MIT */
/*
 * The CPU's device and its streams, as operations see them. A stream computes each operation in the
 * thread that enqueues it, with a team of its own size, so that enqueued means done; what is sticky
 * is the first failure of its work.
 *
 * An operation (linear.c, attention.c, ...) first checks its shapes, returns at once when they are
 * wrong or when the stream has failed, cuts its work into tasks for the team (team.h), and calls
 * inner operations from them.
 */
#ifndef CK_CPU_STREAM_H
#define CK_CPU_STREAM_H

#include "kernels/device.h"
#include "kernels/sizes.h"
#include "kernels/cpu/cpu-ops.h"
#include "kernels/cpu/scratch.h"
#include "kernels/cpu/team.h"

typedef struct CkCpuStream CkCpuStream;
/* What oneDNN made ready for the shapes of convolutions that came so far (convolution-dnnl.c). */
typedef struct CkConvolutions CkConvolutions;

/* Convolution, which a library does with the whole team; for shapes that are known to be right. */
typedef struct {
  CkStatus (*forward) (CkCpuStream *stream, const CkConvolution *shape, const float *x,
                       const float *weight, float *y);
  CkStatus (*backward) (CkCpuStream *stream, const CkConvolution *shape, const float *x,
                        const float *weight, const float *dy, float *dx, float *dweight);
} CkConvolutionOps;

typedef struct {
  CkDevice base;
  CkCpuOps ops;
  CkConvolutionOps convolution;
} CkCpuDevice;

struct CkCpuStream {
  CkStream base;
  const CkCpuOps *ops; /* the device's */
  int threads;         /* of its team */
  CkStatus failure;    /* of its work, the first since the last reset */

  CkScratch tiles;              /* of linear, attention and norm */
  CkScratch codes;              /* of linear: its input as whole numbers */
  CkScratch strips;             /* of linear layers whose weights train in whole numbers */
  CkScratch patches;            /* of embed and its backward, which call linear and its backward */
  CkScratch planes;             /* of convolution and batch norm */
  CkScratch rows;               /* of resample */
  CkConvolutions *convolutions; /* NULL until oneDNN is asked for the first one */
};

/* Ends the work of an operation, of which `status` came; the operation's own status. */
static inline CkStatus
ck_cpu_finish (CkCpuStream *stream, CkStatus status)
{
  if (stream->failure == CK_OK)
    stream->failure = status;
  return CK_OK;
}

/* The first failure of two statuses. */
static inline CkStatus
ck_worse (CkStatus first, CkStatus then)
{
  return first != CK_OK ? first : then;
}

#endif /* CK_CPU_STREAM_H */
