/* SPDX-License-Identifier: MIT */
/* A stream of a GPU, as the device's own files see it; operations see launch.h. */
#ifndef CK_CUDA_STREAM_H
#define CK_CUDA_STREAM_H

#include "kernels/cuda/cuda-device.h"
#include "kernels/cuda/fetcher.h"
#include "kernels/cuda/replay-state.h"
#include "kernels/cuda/staging.h"

#define CK_CUDA_FUNCTION_LISTS 64
#define CK_CUDA_NOWHERE        ((void *)(uintptr_t)256) /* memory that nobody touches */

typedef struct CkCudaFunction CkCudaFunction; /* a kernel by its name; launch.c */

/*
 * Failures come in two ways. What the driver reports when work is enqueued or waited for is
 * `failure`, and nothing is enqueued from then on. What a kernel finds is in device memory, where
 * kernels that are enqueued behind it see it and end at once; the host learns of it when it waits.
 */
struct CkCudaStream {
  CkStream base;
  CkCuStream *handle;
  CkCuEvent *done; /* at which the host waits */
  CkStatus failure;
  bool measures;  /* launches nothing, and only takes note of scratch memory (scratch-plan.c) */
  bool may_fail;  /* work since the last wait may have left a failure in device memory */
  int32_t *words; /* device memory [2]: the stream's failure, and that of the operation that runs */
  CkCudaStaging staging;
  struct {
    void *memory;
    size_t bytes;
  } scratch[CK_CUDA_N_SCRATCH];
  CkCudaFunction *functions[CK_CUDA_FUNCTION_LISTS];
  CkCudaReplays replays;
  CkCudaFetcher fetcher;
};

static inline CkCudaDevice *
ck_cuda_device_of (const CkCudaStream *stream)
{
  return (CkCudaDevice *)stream->base.device;
}

/* Makes a failure of the driver's the stream's, if it is the first; whether it is none. */
bool ck_cuda_stream_check (CkCudaStream *stream, CkCuResult result, const char *where);

/* Waits until all is done, asleep: decoders and cameras want the processor. Entered. */
CkCuResult ck_cuda_await (CkCudaStream *stream);

/* Takes the status that other device memory holds for the stream's, if it is the first. */
void ck_cuda_take_failure_of (CkCudaStream *stream, int32_t *word, bool clear);

/* What cannot be in a recording ends it first: until ck_replay_end () nothing is launched. */
void ck_cuda_break_recording (CkCudaStream *stream);
/* Gives back what was recorded; the context is entered. */
void ck_cuda_replays_clear (CkCudaStream *stream);

/* Gives back what the stream knows of kernels. */
void ck_cuda_functions_clear (CkCudaStream *stream);

/* The entries of CkDeviceClass, by file. streams.c */
CkStatus ck_cuda_stream_new (CkDevice *device, int threads, CkStream **stream);
void ck_cuda_stream_free (CkStream *stream);
CkStatus ck_cuda_synchronize (CkStream *stream);
void ck_cuda_stream_reset (CkStream *stream);
/* events.c */
CkStatus ck_cuda_event_new (CkDevice *device, CkEvent **event);
void ck_cuda_event_free (CkEvent *event);
CkStatus ck_cuda_event_record (CkEvent *event, CkStream *stream);
CkStatus ck_cuda_stream_wait (CkStream *stream, CkEvent *event);
CkStatus ck_cuda_event_synchronize (CkEvent *event);
/* replays.c */
bool ck_cuda_replay_begin (CkStream *stream, uint64_t key);
bool ck_cuda_replay_end (CkStream *stream);
/* scratch-plan.c */
size_t ck_cuda_scratch_bytes (CkDevice *device, const CkMemoryPlan *plan);
/* memory.c */
size_t ck_cuda_free_bytes (CkDevice *device);
void *ck_cuda_host_alloc (CkDevice *device, size_t bytes);
void ck_cuda_host_free (CkDevice *device, void *memory);
void *ck_cuda_alloc (CkStream *stream, size_t bytes);
void ck_cuda_free (CkStream *stream, void *memory);
CkStatus ck_cuda_upload (CkStream *stream, void *to, const void *host_from, size_t bytes);
CkStatus ck_cuda_download (CkStream *stream, void *host_to, const void *from, size_t bytes);

#endif /* CK_CUDA_STREAM_H */
