/* SPDX-License-Identifier: MIT */
/*
 * The first time the work of a key runs as it is enqueued: scratch memory grows and kernels are
 * loaded. The second time it is recorded, and from then on replayed, until the generation of the
 * memory changes.
 */
#include "kernels/cuda/cuda-stream.h"

/* Grows whenever what was recorded may point to memory that is gone. */
static uint64_t
generation_of (const CkCudaStream *stream)
{
  return stream->replays.generation + atomic_load (&ck_cuda_device_of (stream)->weights_changed);
}

static void
forget (const CkCudaStream *stream, CkCudaReplay *replay)
{
  if (replay->exec != NULL)
    ck_cuda_device_of (stream)->driver.cuGraphExecDestroy (replay->exec);
  *replay = (CkCudaReplay){ .key = replay->key };
}

void
ck_cuda_replays_clear (CkCudaStream *stream)
{
  for (int i = 0; i < CK_CUDA_REPLAYS; i++)
    forget (stream, &stream->replays.all[i]);
}

/* What is known of a key, of this generation; or a place for it. */
static CkCudaReplay *
find (CkCudaStream *stream, uint64_t key)
{
  CkCudaReplays *replays = &stream->replays;
  CkCudaReplay *replay = NULL;

  for (int i = 0; i < CK_CUDA_REPLAYS && replay == NULL; i++)
    if (replays->all[i].known && replays->all[i].key == key)
      replay = &replays->all[i];
  if (replay != NULL && replay->generation == generation_of (stream))
    return replay;
  if (replay == NULL) {
    replay = &replays->all[replays->next];
    replays->next = (replays->next + 1) % CK_CUDA_REPLAYS;
  }
  forget (stream, replay);
  replay->key = key;
  return replay;
}

static void
launch (CkCudaStream *stream, const CkCudaReplay *replay)
{
  const CkCuDriver *driver = &ck_cuda_device_of (stream)->driver;

  ck_cuda_stream_check (stream, driver->cuGraphLaunch (replay->exec, stream->handle),
                        "cuGraphLaunch");
  stream->may_fail = stream->may_fail || replay->may_fail;
}

/* Replays, begins to record or does neither. */
static bool
begin (CkCudaStream *stream, CkCudaReplay *replay)
{
  const CkCuDriver *driver = &ck_cuda_device_of (stream)->driver;

  /* Kernels that look for no failure are of no use while there may be one. */
  if (replay->exec != NULL && (replay->may_fail || !stream->may_fail)) {
    launch (stream, replay);
    return true;
  }
  stream->replays.current = replay;
  if (replay->known && !replay->refused && replay->exec == NULL)
    stream->replays.records = ck_cuda_stream_check (
        stream, driver->cuStreamBeginCapture (stream->handle, CK_CU_CAPTURE_THREAD_LOCAL),
        "cuStreamBeginCapture");
  return false;
}

bool
ck_cuda_replay_begin (CkStream *self, uint64_t key)
{
  CkCudaStream *stream = (CkCudaStream *)self;
  bool enqueued;

  if (stream->failure != CK_OK)
    return false;
  ck_cuda_enter (ck_cuda_device_of (stream));
  enqueued = begin (stream, find (stream, key));
  ck_cuda_leave (ck_cuda_device_of (stream));
  return enqueued;
}

/* Ends the recording; NULL if there is nothing to keep. */
static CkCuGraph *
end_capture (CkCudaStream *stream)
{
  CkCuGraph *graph = NULL;

  stream->replays.records = false;
  return ck_cuda_device_of (stream)->driver.cuStreamEndCapture (stream->handle, &graph) ==
                 CK_CU_SUCCESS
             ? graph
             : NULL;
}

void
ck_cuda_break_recording (CkCudaStream *stream)
{
  const CkCudaDevice *device = ck_cuda_device_of (stream);
  CkCuGraph *graph;

  if (!stream->replays.records)
    return;
  ck_cuda_enter (device);
  graph = end_capture (stream);
  if (graph != NULL)
    device->driver.cuGraphDestroy (graph);
  ck_cuda_leave (device);
  stream->replays.broken = true;
}

/* Makes work that can be launched of the recording. */
static void
keep (CkCudaStream *stream, CkCudaReplay *replay)
{
  const CkCuDriver *driver = &ck_cuda_device_of (stream)->driver;
  CkCuGraph *graph = end_capture (stream);

  if (graph == NULL)
    return;
  if (driver->cuGraphInstantiate (&replay->exec, graph, 0) != CK_CU_SUCCESS)
    replay->exec = NULL;
  driver->cuGraphDestroy (graph);
  replay->may_fail = stream->may_fail;
}

bool
ck_cuda_replay_end (CkStream *self)
{
  CkCudaStream *stream = (CkCudaStream *)self;
  CkCudaReplays *replays = &stream->replays;
  CkCudaReplay *replay = replays->current;
  const bool recorded = replays->records || replays->broken;

  if (replay == NULL)
    return true;
  if (replays->records) {
    ck_cuda_enter (ck_cuda_device_of (stream));
    keep (stream, replay);
    if (replay->exec != NULL)
      launch (stream, replay);
    ck_cuda_leave (ck_cuda_device_of (stream));
  }
  replay->refused = recorded && replay->exec == NULL;
  replay->known = true;
  replay->generation = generation_of (stream);
  replays->broken = false;
  replays->current = NULL;
  /* A stream that has failed would skip it. */
  return !replay->refused || !recorded || stream->failure != CK_OK;
}
