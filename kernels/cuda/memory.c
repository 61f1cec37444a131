/* SPDX-License-Identifier: MIT */
/* Memory of a GPU and pinned memory of the host. */
#include "kernels/cuda/cuda-stream.h"
#include "kernels/cuda/stream-kernels.h"
#include "kernels/sizes.h"

#include <string.h>

#define PAGE  ((size_t)2 << 20)
#define LEAST ((size_t)512)

/* ---- the device's memory --------------------------------------------------------------------- */

size_t
ck_cuda_free_bytes (CkDevice *self)
{
  CkCudaDevice *device = (CkCudaDevice *)self;
  size_t free_bytes = 0, total = 0;
  uint64_t reserved = 0, used = 0;

  ck_cuda_enter (device);
  ck_cuda_result (device, device->driver.cuMemGetInfo (&free_bytes, &total), "cuMemGetInfo");
  if (device->pool != NULL) {
    device->driver.cuMemPoolGetAttribute (device->pool, CK_CU_POOL_RESERVED, &reserved);
    device->driver.cuMemPoolGetAttribute (device->pool, CK_CU_POOL_USED, &used);
  }
  ck_cuda_leave (device);
  return free_bytes + (size_t)(reserved - used);
}

/* What the pool keeps goes back to the driver, for others and for larger pieces; also what was
 * given back behind work that is not done yet. */
static void
trim (const CkCudaDevice *device)
{
  device->driver.cuCtxSynchronize ();
  if (device->pool != NULL)
    device->driver.cuMemPoolTrimTo (device->pool, 0);
}

size_t
ck_cuda_allocation_bytes (size_t bytes)
{
  const size_t unit = bytes >= PAGE / 2 ? PAGE : LEAST;

  return bytes <= SIZE_MAX - PAGE ? (bytes + unit - 1) / unit * unit : bytes;
}

CkCuMemory
ck_cuda_memory_new (CkCudaDevice *device, size_t bytes)
{
  CkCuMemory memory = 0;
  CkCuResult result = device->driver.cuMemAlloc (&memory, bytes);

  if (result == CK_CU_OUT_OF_MEMORY) {
    trim (device);
    result = device->driver.cuMemAlloc (&memory, bytes);
  }
  if (result != CK_CU_OUT_OF_MEMORY) /* which the caller reports, and which may pass */
    ck_cuda_result (device, result, "cuMemAlloc");
  return result == CK_CU_SUCCESS ? memory : 0;
}

/* Memory for work that is enqueued behind this call. */
static CkCuMemory
alloc (CkCudaStream *stream, size_t bytes)
{
  CkCudaDevice *device = ck_cuda_device_of (stream);
  CkCuMemory memory = 0;
  CkCuResult result;

  if (device->pool == NULL)
    return ck_cuda_memory_new (device, bytes);
  result = device->driver.cuMemAllocFromPoolAsync (&memory, bytes, device->pool, stream->handle);
  if (result == CK_CU_OUT_OF_MEMORY) {
    trim (device);
    result = device->driver.cuMemAllocFromPoolAsync (&memory, bytes, device->pool, stream->handle);
  }
  if (result != CK_CU_OUT_OF_MEMORY)
    ck_cuda_result (device, result, "cuMemAllocFromPoolAsync");
  return result == CK_CU_SUCCESS ? memory : 0;
}

static void
give_back (CkCudaStream *stream, CkCuMemory memory)
{
  CkCudaDevice *device = ck_cuda_device_of (stream);
  CkCuResult result;

  if (device->pool != NULL) {
    result = device->driver.cuMemFreeAsync (memory, stream->handle);
  } else {
    result = device->driver.cuStreamSynchronize (stream->handle);
    if (result == CK_CU_SUCCESS)
      result = device->driver.cuMemFree (memory);
  }
  ck_cuda_stream_check (stream, result, "freeing memory");
}

void *
ck_cuda_alloc (CkStream *self, size_t bytes)
{
  CkCudaStream *stream = (CkCudaStream *)self;
  CkCuMemory memory;

  ck_cuda_break_recording (stream);
  ck_cuda_enter (ck_cuda_device_of (stream));
  memory = alloc (stream, bytes);
  ck_cuda_leave (ck_cuda_device_of (stream));
  return (void *)(uintptr_t)memory;
}

void
ck_cuda_free (CkStream *self, void *memory)
{
  CkCudaStream *stream = (CkCudaStream *)self;

  ck_cuda_break_recording (stream);
  stream->replays.generation++;
  ck_cuda_enter (ck_cuda_device_of (stream));
  give_back (stream, (uintptr_t)memory);
  ck_cuda_leave (ck_cuda_device_of (stream));
}

void *
ck_cuda_scratch (CkCudaStream *stream, CkCudaScratch slot, size_t bytes)
{
  const CkCudaDevice *device = ck_cuda_device_of (stream);

  if (bytes == 0 || stream->failure != CK_OK)
    return NULL;
  if (bytes <= stream->scratch[slot].bytes)
    return stream->scratch[slot].memory;
  if (stream->measures) {
    stream->scratch[slot].bytes = bytes;
    return stream->scratch[slot].memory = CK_CUDA_NOWHERE;
  }
  ck_cuda_break_recording (stream);
  stream->replays.generation++;
  ck_cuda_enter (device);
  if (stream->scratch[slot].memory != NULL)
    give_back (stream, (uintptr_t)stream->scratch[slot].memory);
  stream->scratch[slot].memory = (void *)(uintptr_t)alloc (stream, bytes);
  ck_cuda_leave (device);
  stream->scratch[slot].bytes = stream->scratch[slot].memory != NULL ? bytes : 0;
  if (stream->scratch[slot].memory == NULL && stream->failure == CK_OK)
    stream->failure = ck_cuda_no_memory (device);
  return stream->scratch[slot].memory;
}

CkStatus
ck_cuda_write (CkCudaDevice *device, void *to, const void *host_from, size_t bytes)
{
  CkCuResult result = CK_CU_SUCCESS;

  if (bytes > 0)
    result = device->driver.cuMemcpyHtoDAsync ((uintptr_t)to, host_from, bytes, device->copies);
  if (result == CK_CU_SUCCESS)
    result = device->driver.cuStreamSynchronize (device->copies);
  return ck_cuda_result (device, result, "a copy to the device");
}

CkStatus
ck_cuda_read (CkCudaDevice *device, void *host_to, const void *from, size_t bytes)
{
  CkCuResult result =
      device->driver.cuMemcpyDtoHAsync (host_to, (uintptr_t)from, bytes, device->copies);

  if (result == CK_CU_SUCCESS)
    result = device->driver.cuStreamSynchronize (device->copies);
  return ck_cuda_result (device, result, "a copy from the device");
}

/* ---- the host's ------------------------------------------------------------------------------ */

void *
ck_cuda_host_alloc (CkDevice *self, size_t bytes)
{
  CkCudaDevice *device = (CkCudaDevice *)self;
  void *memory = NULL;
  CkCuResult result;

  ck_cuda_enter (device);
  result = device->driver.cuMemHostAlloc (&memory, bytes, 0);
  if (result != CK_CU_OUT_OF_MEMORY)
    ck_cuda_result (device, result, "cuMemHostAlloc");
  ck_cuda_leave (device);
  return result == CK_CU_SUCCESS ? memory : NULL;
}

void
ck_cuda_host_free (CkDevice *self, void *memory)
{
  CkCudaDevice *device = (CkCudaDevice *)self;

  ck_cuda_enter (device);
  ck_cuda_result (device, device->driver.cuMemFreeHost (memory), "cuMemFreeHost");
  ck_cuda_leave (device);
}
