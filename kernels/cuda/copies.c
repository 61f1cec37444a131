/* SPDX-License-Identifier: MIT */
/* Copies between the host and a GPU, and from other contexts. */
#include "kernels/cuda/cuda-stream.h"
#include "kernels/cuda/stream-kernels.h"
#include "kernels/sizes.h"

#include <string.h>

/* Where a failure may be found by then, a kernel copies the last bit of the way. */
static void
upload_part (CkCudaStream *stream, uint8_t *to, const void *staged, size_t bytes)
{
  const CkCudaDevice *device = ck_cuda_device_of (stream);
  uint8_t *arrives = to;

  if (stream->may_fail)
    arrives = ck_cuda_scratch (stream, CK_CUDA_SCRATCH_UPLOAD, CK_CUDA_STAGING_PART);
  if (arrives == NULL ||
      !ck_cuda_stream_check (
          stream,
          device->driver.cuMemcpyHtoDAsync ((uintptr_t)arrives, staged, bytes, stream->handle),
          "an upload"))
    return;
  if (arrives != to) {
    const CkCudaCopyBytes copy = { .from = arrives, .to = to, .bytes = (int64_t)bytes };

    ck_cuda_launch (stream, "ck_cuda_copy_bytes",
                    (CkCudaGrid){ (uint32_t)ck_ceil_div (copy.bytes, CK_CUDA_COPY_BLOCK), 1, 1 },
                    CK_CUDA_COPY_THREADS, 0, &copy, sizeof copy);
  }
}

/* Pinned memory for the next part of an upload, NULL where the stream fails or has failed. */
static void *
stage (CkCudaStream *stream, size_t bytes)
{
  void *space = NULL;

  if (stream->failure == CK_OK)
    ck_cuda_stream_check (stream,
                          ck_cuda_stage (&ck_cuda_device_of (stream)->driver, &stream->staging,
                                         stream->handle, bytes, &space),
                          "an upload");
  return space;
}

CkStatus
ck_cuda_upload (CkStream *self, void *to, const void *host_from, size_t bytes)
{
  CkCudaStream *stream = (CkCudaStream *)self;
  const CkCudaDevice *device = ck_cuda_device_of (stream);

  ck_cuda_break_recording (stream);
  ck_cuda_enter (device);
  for (size_t at = 0; at < bytes; at += CK_CUDA_STAGING_PART) {
    const size_t n = bytes - at < CK_CUDA_STAGING_PART ? bytes - at : CK_CUDA_STAGING_PART;
    void *space = stage (stream, n);

    if (space == NULL)
      break;
    memcpy (space, (const uint8_t *)host_from + at, n);
    upload_part (stream, (uint8_t *)to + at, space, n);
  }
  ck_cuda_leave (device);
  return CK_OK;
}

void
ck_cuda_upload_rows (CkCudaStream *stream, void *to, int64_t rows, size_t row_bytes,
                     CkCudaFindRow find, const void *data)
{
  const CkCudaDevice *device = ck_cuda_device_of (stream);
  const int64_t most = (int64_t)(CK_CUDA_STAGING_PART / row_bytes);

  ck_cuda_enter (device);
  for (int64_t first = 0; first < rows; first += most) {
    const int64_t n = ck_min (most, rows - first);
    uint8_t *space = stage (stream, (size_t)n * row_bytes);

    if (space == NULL)
      break;
    for (int64_t i = 0; i < n; i++)
      memcpy (space + (size_t)i * row_bytes, find (data, first + i), row_bytes);
    upload_part (stream, (uint8_t *)to + (size_t)first * row_bytes, space, (size_t)n * row_bytes);
  }
  ck_cuda_leave (device);
}

void
ck_cuda_copy_rows_from (CkCudaStream *stream, void *to, int64_t rows, size_t row_bytes,
                        void *context, const void *from, int64_t stride)
{
  CkCudaDevice *device = ck_cuda_device_of (stream);
  const CkCuPeerCopy copy = { .from_type = CK_CU_MEMORY_DEVICE,
                              .from = (uintptr_t)from,
                              .from_context = context,
                              .from_pitch = (size_t)stride,
                              .from_height = (size_t)rows,
                              .to_type = CK_CU_MEMORY_DEVICE,
                              .to = (uintptr_t)to,
                              .to_context = device->context,
                              .to_pitch = row_bytes,
                              .to_height = (size_t)rows,
                              .row_bytes = row_bytes,
                              .rows = (size_t)rows,
                              .depth = 1 };

  if (stream->failure != CK_OK || rows == 0)
    return;
  ck_cuda_enter (device);
  ck_cuda_stream_check (stream, device->driver.cuMemcpy3DPeerAsync (&copy, stream->handle),
                        "a copy from another context");
  ck_cuda_leave (device);
}

CkStatus
ck_cuda_download (CkStream *self, void *host_to, const void *from, size_t bytes)
{
  CkCudaStream *stream = (CkCudaStream *)self;
  const CkCudaDevice *device = ck_cuda_device_of (stream);

  /* A failure leaves host_to as it is, so it has to be known first. */
  if (ck_cuda_synchronize (self) != CK_OK || bytes == 0)
    return stream->failure;
  ck_cuda_enter (device);
  if (ck_cuda_stream_check (
          stream,
          device->driver.cuMemcpyDtoHAsync (host_to, (uintptr_t)from, bytes, stream->handle),
          "a download"))
    ck_cuda_stream_check (stream, ck_cuda_await (stream), "a download");
  ck_cuda_leave (device);
  return stream->failure;
}
