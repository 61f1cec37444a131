/* SPDX-License-Identifier: MIT */
/*
 * Streams, events and graphs: queues of work that runs when somebody waits, in the thread that
 * does. A stream of NULL is the default one of the current context's device. Whoever calls holds
 * the lock of calls (calls.h).
 */
#ifndef COW_CUDA_STREAMS_H
#define COW_CUDA_STREAMS_H

#include "kernels/cuda/driver.h"

#include <functional>

/* A piece of work; a CUresult. In a graph it runs as often as that is launched. */
typedef std::function<CkCuResult (void)> Work;

/* Puts work at the end of a stream's queue, or into the graph that is being captured from it. */
CkCuResult enqueue (CkCuStream *stream, Work work);

/* Runs all that a stream has; the first failure, which the context keeps. */
CkCuResult run_stream (CkCuStream *stream);
/* The same for all streams. */
CkCuResult run_all (void);
/* What is enqueued on a device is forgotten: its context is lost. */
void drop_all (int device);

/* Whether a graph is being captured from a stream. */
bool is_capturing (CkCuStream *stream);

#endif /* COW_CUDA_STREAMS_H */
