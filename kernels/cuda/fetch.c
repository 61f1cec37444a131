/* SPDX-License-Identifier: MIT */
#include "kernels/cuda/fetch.h"

#include "kernels/sizes.h"

#include <stdlib.h>

#define ALIGNMENT 256
#define CONTEXT   8 /* fetches before this one that tell which is the next */

/* ---- in the host's memory -------------------------------------------------------------------- */

CkStatus
ck_cuda_weight_to_host (CkCudaDevice *device, CkCudaWeight *weight)
{
  const size_t bytes = weight->layout.all;
  CkStatus status;

  weight->pinned = ck_cuda_host_alloc (&device->base, bytes);
  if (weight->pinned == NULL)
    return ck_cuda_no_memory (device);
  status = ck_cuda_read (device, weight->pinned, weight->memory, bytes);
  if (status == CK_OK)
    status =
        ck_cuda_result (device, device->driver.cuMemFree ((uintptr_t)weight->memory), "cuMemFree");
  if (status != CK_OK)
    return status;
  weight->memory = NULL;
  pthread_mutex_lock (&device->streamed);
  if (device->most_streamed < bytes)
    device->most_streamed = bytes;
  pthread_mutex_unlock (&device->streamed);
  return CK_OK;
}

/* Streams copy weights before they are asked for, so one that nobody uses any more may be on its
 * way to a slot. Once weights_changed has grown, no stream begins such a copy. */
void
ck_cuda_weight_leave_host (CkCudaDevice *device, CkCudaWeight *weight)
{
  pthread_mutex_lock (&device->streamed);
  device->weights_changed++;
  device->driver.cuCtxSynchronize ();
  ck_cuda_host_free (&device->base, weight->pinned);
  pthread_mutex_unlock (&device->streamed);
}

/* ---- what comes next ------------------------------------------------------------------------- */

static const CkCudaWeight *
fetched (const CkCudaFetcher *fetcher, uint64_t i)
{
  return fetcher->fetched[i % CK_CUDA_FETCHES];
}

/* How many of the fetches up to i are those up to the last one, CONTEXT at most; `oldest` is the
 * first that is remembered. */
static uint64_t
agreement (const CkCudaFetcher *fetcher, uint64_t i, uint64_t oldest)
{
  const uint64_t last = fetcher->n_fetched - 1;
  uint64_t n = 0;

  while (n < CONTEXT && i >= oldest + n && fetched (fetcher, i - n) == fetched (fetcher, last - n))
    n++;
  return n;
}

/* The weight that came after this one when the same ones came before it: networks ask for their
 * weights in the same order again and again, forward and backward. NULL if it comes the first time.
 */
static const CkCudaWeight *
foresee (const CkCudaFetcher *fetcher)
{
  const uint64_t n = fetcher->n_fetched, oldest = n > CK_CUDA_FETCHES ? n - CK_CUDA_FETCHES : 0;
  const CkCudaWeight *next = NULL;
  uint64_t best = 0;

  for (uint64_t i = n - 1; i-- > oldest && best < CONTEXT;) {
    const uint64_t found = agreement (fetcher, i, oldest);

    if (found > best) {
      best = found;
      next = fetched (fetcher, i + 1);
    }
  }
  return next;
}

static void
remember (CkCudaFetcher *fetcher, const CkCudaWeight *weight)
{
  fetcher->fetched[fetcher->n_fetched++ % CK_CUDA_FETCHES] = weight;
}

/* ---- slots ----------------------------------------------------------------------------------- */

void
ck_cuda_fetcher_forget (CkCudaFetcher *fetcher)
{
  for (int i = 0; i < CK_CUDA_SLOTS; i++)
    fetcher->slots[i].weight = NULL;
  fetcher->n_fetched = 0;
}

static CkCuResult
make (const CkCuDriver *driver, CkCudaFetcher *fetcher)
{
  CkCuResult result = driver->cuStreamCreate (&fetcher->copies, CK_CU_STREAM_NON_BLOCKING);

  for (int i = 0; i < CK_CUDA_SLOTS && result == CK_CU_SUCCESS; i++) {
    result = driver->cuEventCreate (&fetcher->slots[i].arrived, CK_CU_EVENT_DISABLE_TIMING);
    if (result == CK_CU_SUCCESS)
      result = driver->cuEventCreate (&fetcher->slots[i].left, CK_CU_EVENT_DISABLE_TIMING);
  }
  return result;
}

void
ck_cuda_fetcher_clear (CkCudaStream *stream)
{
  const CkCuDriver *driver = &ck_cuda_device_of (stream)->driver;
  CkCudaFetcher *fetcher = &stream->fetcher;

  if (fetcher->copies != NULL) {
    driver->cuStreamSynchronize (fetcher->copies);
    driver->cuStreamDestroy (fetcher->copies);
  }
  for (int i = 0; i < CK_CUDA_SLOTS; i++) {
    if (fetcher->slots[i].arrived != NULL)
      driver->cuEventDestroy (fetcher->slots[i].arrived);
    if (fetcher->slots[i].left != NULL)
      driver->cuEventDestroy (fetcher->slots[i].left);
  }
  free (fetcher->fetched);
  *fetcher = (CkCudaFetcher){ 0 };
}

/* Bytes from a slot to the next. */
static size_t
slot_bytes (const CkCudaDevice *device)
{
  return (size_t)ck_round_up ((int64_t)device->most_streamed, ALIGNMENT);
}

/* Before the first fetch of a stream. */
static bool
begin (CkCudaStream *stream)
{
  CkCudaFetcher *fetcher = &stream->fetcher;

  if (fetcher->fetched != NULL)
    return true;
  fetcher->fetched = calloc (CK_CUDA_FETCHES, sizeof *fetcher->fetched);
  if (fetcher->fetched == NULL) {
    stream->failure = CK_NO_MEMORY;
    return false;
  }
  if (ck_cuda_stream_check (stream, make (&ck_cuda_device_of (stream)->driver, fetcher),
                            "streaming weights"))
    return true;
  ck_cuda_fetcher_clear (stream);
  return false;
}

/* Slots as large as the largest weight that is streamed. Their memory is this stream's, so that
 * copies wait for what is enqueued behind its allocation. */
static bool
reserve (CkCudaStream *stream)
{
  const CkCudaDevice *device = ck_cuda_device_of (stream);
  CkCudaFetcher *fetcher = &stream->fetcher;
  char *memory;

  if (fetcher->bytes >= device->most_streamed)
    return true;
  ck_cuda_fetcher_forget (fetcher);
  if (!ck_cuda_stream_check (stream, device->driver.cuStreamSynchronize (fetcher->copies),
                             "streaming weights"))
    return false;
  fetcher->bytes = 0;
  memory = ck_cuda_scratch (stream, CK_CUDA_SCRATCH_WEIGHTS, CK_CUDA_SLOTS * slot_bytes (device));
  if (memory == NULL)
    return false;
  fetcher->bytes = device->most_streamed;
  for (int i = 0; i < CK_CUDA_SLOTS; i++) {
    CkCudaSlot *slot = &fetcher->slots[i];

    slot->memory = memory + (size_t)i * slot_bytes (device);
    if (!ck_cuda_stream_check (stream, device->driver.cuEventRecord (slot->left, stream->handle),
                               "streaming weights"))
      return false;
  }
  return true;
}

/* ---- copies ---------------------------------------------------------------------------------- */

/* Enqueues the copy of a weight to a slot, when nobody reads what was there. */
static void
copy (CkCudaStream *stream, CkCudaSlot *slot, const CkCudaWeight *weight)
{
  const CkCuDriver *driver = &ck_cuda_device_of (stream)->driver;
  CkCuStream *copies = stream->fetcher.copies;
  CkCuResult result = driver->cuStreamWaitEvent (copies, slot->left, 0);

  if (result == CK_CU_SUCCESS)
    result = driver->cuMemcpyHtoDAsync ((uintptr_t)slot->memory, weight->pinned, weight->layout.all,
                                        copies);
  if (result == CK_CU_SUCCESS)
    result = driver->cuEventRecord (slot->arrived, copies);
  slot->weight = ck_cuda_stream_check (stream, result, "streaming weights") ? weight : NULL;
}

/* The other slot becomes the current one, with that weight. */
static void
turn (CkCudaStream *stream, const CkCudaWeight *weight)
{
  const CkCuDriver *driver = &ck_cuda_device_of (stream)->driver;
  CkCudaFetcher *fetcher = &stream->fetcher;
  CkCudaSlot *left = &fetcher->slots[fetcher->current];
  CkCudaSlot *taken;

  ck_cuda_stream_check (stream, driver->cuEventRecord (left->left, stream->handle),
                        "streaming weights");
  fetcher->current = (fetcher->current + 1) % CK_CUDA_SLOTS;
  taken = &fetcher->slots[fetcher->current];
  if (taken->weight != weight)
    copy (stream, taken, weight);
  ck_cuda_stream_check (stream, driver->cuStreamWaitEvent (stream->handle, taken->arrived, 0),
                        "streaming weights");
  remember (fetcher, weight);
}

/* Copies what will probably be asked for next to the slot that was left. */
static void
look_ahead (CkCudaStream *stream)
{
  CkCudaFetcher *fetcher = &stream->fetcher;
  CkCudaSlot *left = &fetcher->slots[(fetcher->current + 1) % CK_CUDA_SLOTS];
  const CkCudaWeight *next = foresee (fetcher);

  if (next != NULL && next != left->weight && next != fetcher->slots[fetcher->current].weight)
    copy (stream, left, next);
}

/* The lock of streamed weights is held. */
static void
fetch (CkCudaStream *stream, const CkCudaWeight *weight)
{
  CkCudaFetcher *fetcher = &stream->fetcher;
  const uint64_t generation = atomic_load (&ck_cuda_device_of (stream)->weights_changed);

  if (!begin (stream) || !reserve (stream))
    return;
  if (fetcher->generation != generation)
    ck_cuda_fetcher_forget (fetcher);
  fetcher->generation = generation;
  if (fetcher->slots[fetcher->current].weight == weight)
    return;
  turn (stream, weight);
  look_ahead (stream);
}

CkCudaWeightView
ck_cuda_fetch (CkCudaStream *stream, const CkCudaWeight *weight)
{
  CkCudaDevice *device = ck_cuda_device_of (stream);
  const CkCudaFetcher *fetcher = &stream->fetcher;

  ck_cuda_break_recording (stream);
  if (stream->failure != CK_OK || stream->replays.broken)
    return (CkCudaWeightView){ 0 };
  ck_cuda_enter (device);
  pthread_mutex_lock (&device->streamed);
  fetch (stream, weight);
  pthread_mutex_unlock (&device->streamed);
  ck_cuda_leave (device);
  return stream->failure == CK_OK
             ? ck_cuda_weight_at (weight, fetcher->slots[fetcher->current].memory)
             : (CkCudaWeightView){ 0 };
}
