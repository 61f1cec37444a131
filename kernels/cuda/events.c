/* SPDX-License-Identifier: MIT */
/* Events, which carry the failure of the stream that they were recorded in. */
#include "kernels/cuda/cuda-stream.h"

#include <stdlib.h>

#define WORDS 8 /* recordings whose failure is kept: waits for older ones have been done by then */

typedef struct {
  CkEvent base;
  CkCuEvent *handle;
  CkStatus failure; /* of the stream, as far as it was known when the event was recorded */
  bool may_fail;    /* the rest is in words[recording % WORDS] */
  uint64_t recording;
  int32_t *words; /* device memory [WORDS]; NULL before it is needed */
} Event;

static CkCudaDevice *
device_of (const Event *event)
{
  return (CkCudaDevice *)event->base.device;
}

static int32_t *
word_of (const Event *event)
{
  return &event->words[event->recording % WORDS];
}

CkStatus
ck_cuda_event_new (CkDevice *self, CkEvent **made)
{
  CkCudaDevice *device = (CkCudaDevice *)self;
  Event *event = calloc (1, sizeof *event);
  CkStatus status;

  if (event == NULL)
    return CK_NO_MEMORY;
  event->base.device = self;
  ck_cuda_enter (device);
  status =
      ck_cuda_result (device,
                      device->driver.cuEventCreate (&event->handle, CK_CU_EVENT_BLOCKING_SYNC |
                                                                        CK_CU_EVENT_DISABLE_TIMING),
                      "cuEventCreate");
  ck_cuda_leave (device);
  if (status == CK_OK)
    *made = &event->base;
  else
    free (event);
  return status;
}

void
ck_cuda_event_free (CkEvent *self)
{
  Event *event = (Event *)self;
  const CkCudaDevice *device = device_of (event);

  ck_cuda_enter (device);
  device->driver.cuEventDestroy (event->handle);
  if (event->words != NULL)
    device->driver.cuMemFree ((uintptr_t)event->words);
  ck_cuda_leave (device);
  free (event);
}

/* Keeps what the stream's kernels found up to here. */
static void
keep_failure (Event *event, CkCudaStream *stream)
{
  CkCudaDevice *device = device_of (event);

  if (event->words == NULL)
    event->words = (int32_t *)(uintptr_t)ck_cuda_memory_new (device, WORDS * sizeof (int32_t));
  if (event->words == NULL)
    stream->failure = ck_cuda_no_memory (device);
  else
    ck_cuda_stream_check (stream,
                          device->driver.cuMemcpyDtoDAsync ((uintptr_t)word_of (event),
                                                            (uintptr_t)stream->words,
                                                            sizeof (int32_t), stream->handle),
                          "an event");
}

CkStatus
ck_cuda_event_record (CkEvent *self, CkStream *to)
{
  Event *event = (Event *)self;
  CkCudaStream *stream = (CkCudaStream *)to;
  CkCudaDevice *device = device_of (event);

  ck_cuda_break_recording (stream);
  ck_cuda_enter (device);
  event->recording++;
  event->may_fail = stream->may_fail && stream->failure == CK_OK;
  if (event->may_fail)
    keep_failure (event, stream);
  if (stream->failure == CK_OK)
    ck_cuda_stream_check (stream, device->driver.cuEventRecord (event->handle, stream->handle),
                          "an event");
  event->failure = stream->failure;
  ck_cuda_leave (device);
  return CK_OK;
}

CkStatus
ck_cuda_stream_wait (CkStream *to, CkEvent *self)
{
  Event *event = (Event *)self;
  CkCudaStream *stream = (CkCudaStream *)to;
  const CkCudaDevice *device = device_of (event);

  if (stream->failure == CK_OK)
    stream->failure = event->failure;
  if (stream->failure != CK_OK)
    return CK_OK;
  ck_cuda_break_recording (stream);
  ck_cuda_enter (device);
  ck_cuda_stream_check (stream, device->driver.cuStreamWaitEvent (stream->handle, event->handle, 0),
                        "a stream's wait");
  ck_cuda_leave (device);
  if (event->may_fail)
    ck_cuda_take_failure_of (stream, word_of (event), false);
  return CK_OK;
}

CkStatus
ck_cuda_event_synchronize (CkEvent *self)
{
  Event *event = (Event *)self;
  CkCudaDevice *device = device_of (event);
  int32_t found = CK_OK;
  CkStatus status;

  if (event->failure != CK_OK)
    return event->failure;
  ck_cuda_enter (device);
  status = ck_cuda_result (device, device->driver.cuEventSynchronize (event->handle), "a wait");
  if (status == CK_OK && event->may_fail)
    status = ck_cuda_read (device, &found, word_of (event), sizeof found);
  ck_cuda_leave (device);
  return status != CK_OK ? status : (CkStatus)found;
}
