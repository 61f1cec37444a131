/* SPDX-License-Identifier: MIT */
/* The CPU device: choosing a level, its inner operations, memory, streams and events. */
#include "kernels/cpu/device-cpu.h"

#include "kernels/cpu/coded-rows.h"
#include "kernels/cpu/convolution.h"
#include "kernels/cpu/cpu-features.h"
#include "kernels/cpu/cpu-stream.h"
#include "kernels/cpu/operations.h"
#include "kernels/cpu/processors.h"
#include "kernels/cpu/team.h"
#include "kernels/cpu/weight.h"

#include <stdlib.h>
#include <string.h>

/* ---- memory ---------------------------------------------------------------------------------- */

static size_t
cpu_free_bytes (CkDevice *device)
{
  return SIZE_MAX;
}

static void *
cpu_host_alloc (CkDevice *device, size_t bytes)
{
  return ck_aligned_memory (bytes);
}

static void
cpu_host_free (CkDevice *device, void *memory)
{
  free (memory);
}

static void *
cpu_alloc (CkStream *stream, size_t bytes)
{
  return ck_aligned_memory (bytes);
}

static void
cpu_free (CkStream *stream, void *memory)
{
  free (memory);
}

static CkStatus
cpu_upload (CkStream *self, void *to, const void *host_from, size_t bytes)
{
  if (((CkCpuStream *)self)->failure == CK_OK)
    memcpy (to, host_from, bytes);
  return CK_OK;
}

static CkStatus
cpu_download (CkStream *self, void *host_to, const void *from, size_t bytes)
{
  const CkStatus failure = ((CkCpuStream *)self)->failure;

  if (failure == CK_OK && bytes > 0)
    memcpy (host_to, from, bytes);
  return failure;
}

/* ---- streams --------------------------------------------------------------------------------- */

static CkStatus
cpu_stream_new (CkDevice *device, int threads, CkStream **stream)
{
  const int members = threads > 0 ? threads : device->threads;
  CkCpuStream *new;
  CkStatus status;

  if (threads < 0 || threads > CK_TEAM_MOST)
    return CK_UNSUPPORTED;
  status = ck_team_prepare (members);
  if (status != CK_OK)
    return status;
  new = calloc (1, sizeof *new);
  if (new == NULL)
    return CK_NO_MEMORY;
  new->base = (CkStream){ device, &ck_cpu_operations, &ck_cpu_training };
  new->ops = &((CkCpuDevice *)device)->ops;
  new->threads = members;
  *stream = &new->base;
  return CK_OK;
}

static void
cpu_stream_free (CkStream *self)
{
  CkCpuStream *stream = (CkCpuStream *)self;

  ck_scratch_clear (&stream->tiles);
  ck_scratch_clear (&stream->codes);
  ck_scratch_clear (&stream->strips);
  ck_scratch_clear (&stream->patches);
  ck_scratch_clear (&stream->planes);
  ck_scratch_clear (&stream->rows);
  ck_convolutions_free (stream->convolutions);
  free (stream);
}

static CkStatus
cpu_synchronize (CkStream *self)
{
  return ((CkCpuStream *)self)->failure;
}

static void
cpu_stream_reset (CkStream *self)
{
  ((CkCpuStream *)self)->failure = CK_OK;
}

/* ---- events ---------------------------------------------------------------------------------- */

/* The place in the stream has passed when it is recorded; what is left is whether all went well. */
typedef struct {
  CkEvent base;
  CkStatus failure;
} Event;

static CkStatus
cpu_event_new (CkDevice *device, CkEvent **event)
{
  Event *new = calloc (1, sizeof *new);

  if (new == NULL)
    return CK_NO_MEMORY;
  new->base.device = device;
  *event = &new->base;
  return CK_OK;
}

static void
cpu_event_free (CkEvent *event)
{
  free (event);
}

static CkStatus
cpu_event_record (CkEvent *event, CkStream *stream)
{
  ((Event *)event)->failure = ((CkCpuStream *)stream)->failure;
  return CK_OK;
}

static CkStatus
cpu_stream_wait (CkStream *stream, CkEvent *event)
{
  return ck_cpu_finish ((CkCpuStream *)stream, ((Event *)event)->failure);
}

static CkStatus
cpu_event_synchronize (CkEvent *event)
{
  return ((Event *)event)->failure;
}

/* ---- activations ----------------------------------------------------------------------------- */

static CkStatus
cpu_activations_bytes (const CkDevice *self, CkType type, int64_t rows, int64_t cols, size_t *bytes)
{
  const CkCpuDevice *device = (const CkCpuDevice *)self;

  return ck_coded_rows_bytes (ck_cpu_products (&device->ops, type), rows, cols, bytes)
             ? CK_OK
             : CK_BAD_SHAPE;
}

/* ---- the peak -------------------------------------------------------------------------------- */

typedef struct {
  const CkPeakLoop *loop;
  int64_t rounds;
} PeakJob;

static CkStatus
run_peak (const void *data, int64_t task, int member)
{
  const PeakJob *job = data;

  job->loop->run (job->rounds);
  return CK_OK;
}

/* The loop in every thread of the team at once: they share power, and so the clock. */
static CkStatus
cpu_peak (CkStream *self, CkType type, int64_t rounds, double *operations)
{
  CkCpuStream *stream = (CkCpuStream *)self;
  const PeakJob job = { &stream->ops->peak.loops[type], rounds };

  if (job.loop->run == NULL)
    return CK_UNSUPPORTED;
  *operations = (double)rounds * job.loop->operations * stream->threads;
  if (stream->failure != CK_OK)
    return CK_OK;
  return ck_cpu_finish (stream, ck_team_run (stream->threads, stream->threads, run_peak, &job));
}

/* ---- plans of memory ------------------------------------------------------------------------- */

/* oneDNN's convolutions need less than those by transforms, which share their memory. */
static size_t
cpu_scratch_bytes (CkDevice *device, const CkMemoryPlan *plan)
{
  const CkCpuStream stream = { .base = { .device = device },
                               .ops = &((CkCpuDevice *)device)->ops,
                               .threads = device->threads };
  size_t bytes = 0;

  for (int i = 0; i < plan->n_convolutions; i++)
    if (ck_winograd_takes (&stream, &plan->convolutions[i])) {
      const size_t needed = ck_winograd_scratch (&stream, &plan->convolutions[i], plan->training);

      bytes = needed > bytes ? needed : bytes;
    }
  return bytes;
}

/* ---- the device ------------------------------------------------------------------------------ */

static void
cpu_close (CkDevice *device)
{
  ck_team_close ();
  free (device);
}

static const CkDeviceClass cpu_class = {
  .close = cpu_close,
  .free_bytes = cpu_free_bytes,
  .host_alloc = cpu_host_alloc,
  .host_free = cpu_host_free,
  .stream_new = cpu_stream_new,
  .stream_free = cpu_stream_free,
  .synchronize = cpu_synchronize,
  .stream_reset = cpu_stream_reset,
  .alloc = cpu_alloc,
  .free = cpu_free,
  .upload = cpu_upload,
  .download = cpu_download,
  .event_new = cpu_event_new,
  .event_free = cpu_event_free,
  .event_record = cpu_event_record,
  .stream_wait = cpu_stream_wait,
  .event_synchronize = cpu_event_synchronize,
  .weight_new = ck_cpu_weight_new,
  .weight_free = ck_cpu_weight_free,
  .scratch_bytes = cpu_scratch_bytes,
  .activations_bytes = cpu_activations_bytes,
  .peak = cpu_peak,
};

/* The level that CkDeviceOptions.features asks for. */
static bool
choose_level (const char *name, CkCpuFeatures *features, const char **level)
{
  if (name == NULL || strcmp (name, "auto") == 0) {
    name = getenv ("COWBEHAVIOR_CPU");
    if (name == NULL || name[0] == '\0')
      name = "auto";
  }
  return ck_cpu_level_find (name, features, level);
}

CkStatus
ck_cpu_device_open (const char *name, const CkDeviceOptions *options, CkDevice **device)
{
  CkCpuFeatures features;
  const char *level;
  CkCpuDevice *cpu;

  if (strcmp (name, "cpu") != 0 || !choose_level (options->features, &features, &level) ||
      options->threads < 0 || options->threads > CK_TEAM_MOST)
    return CK_UNSUPPORTED;
  cpu = calloc (1, sizeof *cpu);
  if (cpu == NULL)
    return CK_NO_MEMORY;
  ck_team_open ();
  cpu->base = (CkDevice){
    .klass = &cpu_class,
    .name = "cpu",
    .features = level,
    .threads = options->threads > 0 ? options->threads : ck_processors (CK_TEAM_MOST),
    .host_memory = true,
    .keeps_dropout = true,
  };
  ck_cpu_ops_init (&cpu->ops, features);
  cpu->base.products = (cpu->ops.int16.multiply != NULL ? CK_USE_INT16 : 0) |
                       (cpu->ops.int8.multiply != NULL ? CK_USE_INT8 : 0);
  cpu->convolution = features != 0 ? ck_convolution_dnnl : ck_convolution_c;
  *device = &cpu->base;
  return CK_OK;
}
