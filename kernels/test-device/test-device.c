/* SPDX-License-Identifier: MIT */
/* The device: memory, streams, events and weights in front of those of the CPU. */
#include "kernels/test-device/test-device.h"

#include "kernels/cpu/device-cpu.h"
#include "kernels/test-device/queue.h"

#include <stdlib.h>
#include <string.h>

static CkTestDevice *
device_of (const CkStream *stream)
{
  return (CkTestDevice *)stream->device;
}

/* ---- memory ---------------------------------------------------------------------------------- */

static size_t
test_free_bytes (CkDevice *device)
{
  return ck_device_free_bytes (((CkTestDevice *)device)->cpu);
}

static void *
test_host_alloc (CkDevice *device, size_t bytes)
{
  return ck_host_alloc (((CkTestDevice *)device)->cpu, bytes);
}

static void
test_host_free (CkDevice *device, void *memory)
{
  ck_host_free (((CkTestDevice *)device)->cpu, memory);
}

static void *
test_alloc (CkStream *stream, size_t bytes)
{
  return ck_test_memory_alloc (device_of (stream)->memory, bytes);
}

static void
run_free (CkTestStream *stream, CkTestWork *work)
{
  ck_test_memory_release (device_of (&stream->base)->memory, work->op.memory.memory);
}

static void
test_free (CkStream *stream, void *memory)
{
  CkTestWork *work = ck_test_work_new (run_free, 0);

  ck_test_memory_retire (device_of (stream)->memory, memory);
  work->op.memory.memory = memory;
  ck_test_enqueue ((CkTestStream *)stream, work);
}

static void
run_upload (CkTestStream *stream, CkTestWork *work)
{
  ck_upload (stream->cpu, work->op.memory.memory, work->bytes, work->op.memory.bytes);
}

static CkStatus
test_upload (CkStream *stream, void *to, const void *host_from, size_t bytes)
{
  CkTestWork *work = ck_test_work_new (run_upload, bytes);

  memcpy (work->bytes, host_from, bytes);
  work->op.memory.memory = ck_test_memory_place (device_of (stream)->memory, to, "an upload");
  work->op.memory.bytes = bytes;
  return ck_test_enqueue ((CkTestStream *)stream, work);
}

static CkStatus
test_download (CkStream *self, void *host_to, const void *from, size_t bytes)
{
  CkTestStream *stream = (CkTestStream *)self;
  const void *real = ck_test_memory_place (device_of (self)->memory, from, "a download");

  ck_test_run (stream);
  return ck_download (stream->cpu, host_to, real, bytes);
}

/* ---- streams --------------------------------------------------------------------------------- */

/* Makes a stream of the CPU fail: the label is no class. */
static void
make_fail (CkStream *cpu)
{
  const float logit = 0;
  const int32_t label = -1;
  double loss;

  cpu->training->cross_entropy (
      cpu, &(CkCrossEntropy){
               .batch = 1, .classes = 1, .logits = &logit, .labels = &label, .loss = &loss });
}

static CkStatus
test_stream_new (CkDevice *self, int threads, CkStream **made)
{
  CkTestDevice *device = (CkTestDevice *)self;
  CkTestStream *stream = calloc (1, sizeof *stream);
  CkStatus status;

  if (stream == NULL)
    return CK_NO_MEMORY;
  status = ck_stream_new (device->cpu, threads, &stream->cpu);
  if (status == CK_OK)
    status = ck_stream_new (device->cpu, 1, &stream->checker);
  if (status != CK_OK) {
    ck_stream_free (stream->cpu);
    free (stream);
    return status;
  }
  make_fail (stream->checker);
  stream->base = (CkStream){ self, &ck_test_operations, &ck_test_training };
  stream->last = &stream->first;
  pthread_mutex_lock (&device->lists);
  stream->next = device->streams;
  device->streams = stream;
  pthread_mutex_unlock (&device->lists);
  *made = &stream->base;
  return CK_OK;
}

static void
test_stream_free (CkStream *self)
{
  CkTestDevice *device = device_of (self);
  CkTestStream *stream = (CkTestStream *)self, **link = &device->streams;

  ck_test_run (stream);
  pthread_mutex_lock (&device->lists);
  while (*link != stream)
    link = &(*link)->next;
  *link = stream->next;
  pthread_mutex_unlock (&device->lists);
  ck_stream_free (stream->cpu);
  ck_stream_free (stream->checker);
  free (stream);
}

static CkStatus
test_synchronize (CkStream *self)
{
  CkTestStream *stream = (CkTestStream *)self;

  ck_test_run (stream);
  return ck_synchronize (stream->cpu);
}

static void
test_stream_reset (CkStream *self)
{
  CkTestStream *stream = (CkTestStream *)self;

  ck_test_run (stream);
  ck_stream_reset (stream->cpu);
}

/* ---- events ---------------------------------------------------------------------------------- */

static CkStatus
test_event_new (CkDevice *device, CkEvent **made)
{
  CkTestEvent *event = calloc (1, sizeof *event);
  CkStatus status;

  if (event == NULL)
    return CK_NO_MEMORY;
  status = ck_event_new (((CkTestDevice *)device)->cpu, &event->cpu);
  if (status != CK_OK) {
    free (event);
    return status;
  }
  event->base.device = device;
  event->refs = 1;
  *made = &event->base;
  return CK_OK;
}

static void
test_event_free (CkEvent *event)
{
  ck_test_event_unref ((CkTestEvent *)event);
}

static void
run_record (CkTestStream *stream, CkTestWork *work)
{
  CkTestDevice *device = device_of (&stream->base);
  CkTestEvent *event = work->op.event.event;

  ck_event_record (event->cpu, stream->cpu);
  pthread_mutex_lock (&device->lists);
  event->passed = work->op.event.recording;
  pthread_mutex_unlock (&device->lists);
  ck_test_event_unref (event);
}

static CkStatus
test_event_record (CkEvent *self, CkStream *stream)
{
  CkTestDevice *device = device_of (stream);
  CkTestEvent *event = ck_test_event_ref ((CkTestEvent *)self);
  CkTestWork *work = ck_test_work_new (run_record, 0);

  work->op.event.event = event;
  pthread_mutex_lock (&device->lists);
  work->op.event.recording = ++event->recorded;
  event->stream = (CkTestStream *)stream;
  pthread_mutex_unlock (&device->lists);
  return ck_test_enqueue ((CkTestStream *)stream, work);
}

static void
run_wait (CkTestStream *stream, CkTestWork *work)
{
  CkTestEvent *event = work->op.event.event;

  ck_test_run_until (work->op.event.stream, event, work->op.event.recording);
  ck_stream_wait (stream->cpu, event->cpu);
  ck_test_event_unref (event);
}

static CkStatus
test_stream_wait (CkStream *stream, CkEvent *self)
{
  CkTestDevice *device = device_of (stream);
  CkTestEvent *event = ck_test_event_ref ((CkTestEvent *)self);
  CkTestWork *work = ck_test_work_new (run_wait, 0);

  work->op.event.event = event;
  pthread_mutex_lock (&device->lists);
  work->op.event.recording = event->recorded;
  work->op.event.stream = event->stream;
  pthread_mutex_unlock (&device->lists);
  return ck_test_enqueue ((CkTestStream *)stream, work);
}

static CkStatus
test_event_synchronize (CkEvent *self)
{
  CkTestDevice *device = (CkTestDevice *)self->device;
  CkTestEvent *event = (CkTestEvent *)self;
  CkTestStream *stream;
  uint64_t recording;

  pthread_mutex_lock (&device->lists);
  recording = event->recorded;
  stream = event->stream;
  pthread_mutex_unlock (&device->lists);
  ck_test_run_until (stream, event, recording);
  return ck_event_synchronize (event->cpu);
}

/* ---- weights --------------------------------------------------------------------------------- */

/* The CPU's own, over the queue's mapping where it is parameters. */
static CkStatus
test_weight_new (CkDevice *self, const CkWeightSource *source, CkWeightUses uses, CkWeight **weight)
{
  CkTestDevice *device = (CkTestDevice *)self;
  CkWeightSource placed = *source;

  placed.parameters = ck_test_memory_place (device->memory, source->parameters, "a weight");
  return ck_weight_new (device->cpu, &placed, uses, weight);
}

static void
test_weight_free (CkDevice *self, CkWeight *weight)
{
  CkTestDevice *device = (CkTestDevice *)self;
  const int users = ck_test_count_users (device, weight);

  if (users > 0)
    ck_test_fatal ("a weight goes that %d enqueued operations use", users);
  ck_weight_free (device->cpu, weight);
}

static size_t
test_scratch_bytes (CkDevice *self, const CkMemoryPlan *plan)
{
  return ck_scratch_bytes (((CkTestDevice *)self)->cpu, plan);
}

static CkStatus
test_activations_bytes (const CkDevice *self, CkType type, int64_t rows, int64_t cols,
                        size_t *bytes)
{
  return ck_activations_bytes (((const CkTestDevice *)self)->cpu, type, rows, cols, bytes);
}

static CkStatus
test_peak (CkStream *self, CkType type, int64_t rounds, double *operations)
{
  CkTestStream *stream = (CkTestStream *)self;

  ck_test_run (stream);
  return ck_peak (stream->cpu, type, rounds, operations);
}

/* ---- the device ------------------------------------------------------------------------------ */

static void
test_close (CkDevice *self)
{
  CkTestDevice *device = (CkTestDevice *)self;

  if (device->memory != NULL)
    ck_test_memory_free (device->memory);
  ck_device_close (device->cpu);
  pthread_mutex_destroy (&device->running);
  pthread_mutex_destroy (&device->lists);
  free (device);
}

static const CkDeviceClass test_class = {
  .close = test_close,
  .free_bytes = test_free_bytes,
  .host_alloc = test_host_alloc,
  .host_free = test_host_free,
  .stream_new = test_stream_new,
  .stream_free = test_stream_free,
  .synchronize = test_synchronize,
  .stream_reset = test_stream_reset,
  .alloc = test_alloc,
  .free = test_free,
  .upload = test_upload,
  .download = test_download,
  .event_new = test_event_new,
  .event_free = test_event_free,
  .event_record = test_event_record,
  .stream_wait = test_stream_wait,
  .event_synchronize = test_event_synchronize,
  .weight_new = test_weight_new,
  .weight_free = test_weight_free,
  .scratch_bytes = test_scratch_bytes,
  .activations_bytes = test_activations_bytes,
  .peak = test_peak,
};

CkStatus
ck_test_device_open (const char *name, const CkDeviceOptions *options, CkDevice **made)
{
  const bool in_place_of_cpu = strcmp (name, "cpu") == 0;
  CkTestDevice *device;
  pthread_mutexattr_t recursive;
  CkStatus status;

  if (!in_place_of_cpu && strcmp (name, "test") != 0)
    return CK_UNSUPPORTED;
  device = calloc (1, sizeof *device);
  if (device == NULL)
    return CK_NO_MEMORY;
  pthread_mutexattr_init (&recursive);
  pthread_mutexattr_settype (&recursive, PTHREAD_MUTEX_RECURSIVE);
  pthread_mutex_init (&device->running, &recursive);
  pthread_mutexattr_destroy (&recursive);
  pthread_mutex_init (&device->lists, NULL);
  status = ck_cpu_device_open ("cpu", options, &device->cpu);
  if (status == CK_OK) {
    device->memory = ck_test_memory_new ();
    status = device->memory != NULL ? CK_OK : CK_NO_MEMORY;
  }
  if (status != CK_OK) {
    test_close (&device->base);
    return status;
  }
  device->base = (CkDevice){ .klass = &test_class,
                             .name = in_place_of_cpu ? "cpu" : "test",
                             .features = device->cpu->features,
                             .products = device->cpu->products,
                             .keeps_dropout = device->cpu->keeps_dropout,
                             .threads = device->cpu->threads };
  *made = &device->base;
  return CK_OK;
}
