/* SPDX-License-Identifier: MIT */
/*
 * Weights that are streamed: they lie in pinned memory of the host and come to one of a stream's
 * two slots of device memory when an operation asks for them. While that one is read, the weight
 * that will probably be asked for next is copied to the other, on a stream of its own; which one
 * that is, what came before tells.
 *
 *   slot 0 | copy a | read a         | copy c ...
 *   slot 1 |        | copy b         | read b ...
 *
 * A copy to a slot waits until what was enqueued before the slot was left has been done, and
 * whoever reads a slot waits until its copy has arrived: events order both, and the host waits for
 * nothing.
 */
#ifndef CK_CUDA_FETCH_H
#define CK_CUDA_FETCH_H

#include "kernels/cuda/cuda-stream.h"

/* A streamed weight, for operations of this stream that are enqueued before the next call. */
CkCudaWeightView ck_cuda_fetch (CkCudaStream *stream, const CkCudaWeight *weight);
/* What is in the slots is not to be relied on any more: the stream has failed. */
void ck_cuda_fetcher_forget (CkCudaFetcher *fetcher);
/* Waits for copies, and frees all but the slots' memory; the context is entered. */
void ck_cuda_fetcher_clear (CkCudaStream *stream);

/* Moves a weight whose memory is the device's to the host; frees it there. Entered. */
CkStatus ck_cuda_weight_to_host (CkCudaDevice *device, CkCudaWeight *weight);
void ck_cuda_weight_leave_host (CkCudaDevice *device, CkCudaWeight *weight);

#endif /* CK_CUDA_FETCH_H */
