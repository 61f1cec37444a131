/* SPDX-License-Identifier: MIT */
/* Streams: made, waited for, made to forget their failure. */
#include "kernels/cuda/cuda-stream.h"
#include "kernels/cuda/fetch.h"

#include <stdlib.h>

static CkCuResult
clear_words (CkCudaStream *stream)
{
  return ck_cuda_device_of (stream)->driver.cuMemsetD8Async (
      (uintptr_t)stream->words, 0, 2 * sizeof *stream->words, stream->handle);
}

static CkCuResult
make_handles (CkCudaStream *stream)
{
  const CkCuDriver *driver = &ck_cuda_device_of (stream)->driver;
  CkCuResult result = driver->cuStreamCreate (&stream->handle, CK_CU_STREAM_NON_BLOCKING);

  if (result == CK_CU_SUCCESS)
    result = driver->cuEventCreate (&stream->done,
                                    CK_CU_EVENT_BLOCKING_SYNC | CK_CU_EVENT_DISABLE_TIMING);
  return result == CK_CU_SUCCESS ? clear_words (stream) : result;
}

CkStatus
ck_cuda_stream_new (CkDevice *self, int threads, CkStream **made)
{
  CkCudaDevice *device = (CkCudaDevice *)self;
  CkCudaStream *stream;
  CkStatus status;

  if (threads < 0)
    return CK_UNSUPPORTED;
  stream = calloc (1, sizeof *stream);
  if (stream == NULL)
    return CK_NO_MEMORY;
  stream->base = (CkStream){ self, device->operations, device->training };
  ck_cuda_enter (device);
  stream->words = (int32_t *)(uintptr_t)ck_cuda_memory_new (device, 2 * sizeof *stream->words);
  if (stream->words == NULL)
    stream->failure = ck_cuda_no_memory (device);
  else
    ck_cuda_stream_check (stream, make_handles (stream), "a new stream");
  ck_cuda_leave (device);
  status = stream->failure;
  if (status == CK_OK)
    *made = &stream->base;
  else
    ck_cuda_stream_free (&stream->base);
  return status;
}

void
ck_cuda_stream_free (CkStream *self)
{
  CkCudaStream *stream = (CkCudaStream *)self;
  const CkCuDriver *driver = &ck_cuda_device_of (stream)->driver;

  ck_cuda_enter (ck_cuda_device_of (stream));
  ck_cuda_replays_clear (stream);
  ck_cuda_fetcher_clear (stream);
  for (int i = 0; i < CK_CUDA_N_SCRATCH; i++)
    ck_free (self, stream->scratch[i].memory);
  if (stream->handle != NULL) {
    driver->cuStreamSynchronize (stream->handle);
    driver->cuStreamDestroy (stream->handle);
  }
  if (stream->done != NULL)
    driver->cuEventDestroy (stream->done);
  ck_cuda_staging_clear (driver, &stream->staging);
  if (stream->words != NULL)
    driver->cuMemFree ((uintptr_t)stream->words);
  ck_cuda_leave (ck_cuda_device_of (stream));
  ck_cuda_functions_clear (stream);
  free (stream);
}

CkCuResult
ck_cuda_await (CkCudaStream *stream)
{
  const CkCuDriver *driver = &ck_cuda_device_of (stream)->driver;
  const CkCuResult result = driver->cuEventRecord (stream->done, stream->handle);

  return result == CK_CU_SUCCESS ? driver->cuEventSynchronize (stream->done) : result;
}

/* Waits, and learns what kernels found. */
static void
wait (CkCudaStream *stream)
{
  CkCudaDevice *device = ck_cuda_device_of (stream);
  int32_t found = CK_OK;
  CkStatus status;

  ck_cuda_break_recording (stream);
  if (!ck_cuda_stream_check (stream, ck_cuda_await (stream), "a wait"))
    return;
  status = stream->may_fail ? ck_cuda_read (device, &found, stream->words, sizeof found) : CK_OK;
  if (stream->failure == CK_OK)
    stream->failure = status != CK_OK ? status : (CkStatus)found;
  stream->may_fail = false;
}

CkStatus
ck_cuda_synchronize (CkStream *self)
{
  CkCudaStream *stream = (CkCudaStream *)self;

  ck_cuda_enter (ck_cuda_device_of (stream));
  wait (stream);
  ck_cuda_leave (ck_cuda_device_of (stream));
  return stream->failure;
}

void
ck_cuda_stream_reset (CkStream *self)
{
  CkCudaStream *stream = (CkCudaStream *)self;

  ck_cuda_enter (ck_cuda_device_of (stream));
  wait (stream);
  if (stream->failure != CK_OK) {
    stream->failure = CK_OK;
    ck_cuda_fetcher_forget (&stream->fetcher);
    ck_cuda_stream_check (stream, clear_words (stream), "a reset");
  }
  ck_cuda_leave (ck_cuda_device_of (stream));
}
