/* SPDX-License-Identifier: MIT */
/* The calls of kernels.h that go to a device's class, and what is the same for all devices. */
#include "kernels/device.h"

#include "kernels/sizes.h"

const char *
ck_status_text (CkStatus status)
{
  switch (status) {
  case CK_OK:
    return "success";
  case CK_NO_MEMORY:
    return "out of memory";
  case CK_BAD_SHAPE:
    return "shapes contradict one another or are too large";
  case CK_UNSUPPORTED:
    return "not supported by this device or processor";
  case CK_DEVICE_ERROR:
    return "the compute library or device reported a failure";
  }
  return "unknown status";
}

/* ---- devices --------------------------------------------------------------------------------- */

void
ck_device_close (CkDevice *device)
{
  if (device != NULL)
    device->klass->close (device);
}

bool
ck_device_state (CkDevice *device, CkDeviceState *state)
{
  *state = (CkDeviceState){ 0 };
  if (device->klass->state == NULL)
    return false;
  device->klass->state (device, state);
  return true;
}

size_t
ck_device_free_bytes (CkDevice *device)
{
  return device->klass->free_bytes (device);
}

void *
ck_host_alloc (CkDevice *device, size_t bytes)
{
  return bytes > 0 && bytes <= PTRDIFF_MAX ? device->klass->host_alloc (device, bytes) : NULL;
}

void
ck_host_free (CkDevice *device, void *memory)
{
  if (memory != NULL)
    device->klass->host_free (device, memory);
}

/* ---- streams --------------------------------------------------------------------------------- */

CkStatus
ck_stream_new (CkDevice *device, int threads, CkStream **stream)
{
  *stream = NULL;
  return device->klass->stream_new (device, threads, stream);
}

void
ck_stream_free (CkStream *stream)
{
  if (stream != NULL)
    stream->device->klass->stream_free (stream);
}

CkStatus
ck_synchronize (CkStream *stream)
{
  return stream->device->klass->synchronize (stream);
}

void
ck_stream_reset (CkStream *stream)
{
  stream->device->klass->stream_reset (stream);
}

void *
ck_alloc (CkStream *stream, size_t bytes)
{
  return bytes > 0 && bytes <= PTRDIFF_MAX ? stream->device->klass->alloc (stream, bytes) : NULL;
}

void
ck_free (CkStream *stream, void *memory)
{
  if (memory != NULL)
    stream->device->klass->free (stream, memory);
}

CkStatus
ck_upload (CkStream *stream, void *to, const void *host_from, size_t bytes)
{
  return bytes > 0 ? stream->device->klass->upload (stream, to, host_from, bytes) : CK_OK;
}

CkStatus
ck_download (CkStream *stream, void *host_to, const void *from, size_t bytes)
{
  return stream->device->klass->download (stream, host_to, from, bytes);
}

/* ---- events ---------------------------------------------------------------------------------- */

CkStatus
ck_event_new (CkDevice *device, CkEvent **event)
{
  *event = NULL;
  return device->klass->event_new (device, event);
}

void
ck_event_free (CkEvent *event)
{
  if (event != NULL)
    event->device->klass->event_free (event);
}

CkStatus
ck_event_record (CkEvent *event, CkStream *stream)
{
  return stream->device->klass->event_record (event, stream);
}

CkStatus
ck_stream_wait (CkStream *stream, CkEvent *event)
{
  return stream->device->klass->stream_wait (stream, event);
}

CkStatus
ck_event_synchronize (CkEvent *event)
{
  return event->device->klass->event_synchronize (event);
}

/* ---- replays --------------------------------------------------------------------------------- */

bool
ck_replay_begin (CkStream *stream, uint64_t key)
{
  const CkDeviceClass *klass = stream->device->klass;

  return klass->replay_begin != NULL && klass->replay_begin (stream, key);
}

bool
ck_replay_end (CkStream *stream)
{
  const CkDeviceClass *klass = stream->device->klass;

  return klass->replay_end == NULL || klass->replay_end (stream);
}

/* ---- activations ----------------------------------------------------------------------------- */

CkStatus
ck_activations_bytes (const CkDevice *device, CkType type, int64_t rows, int64_t cols,
                      size_t *bytes)
{
  *bytes = 0;
  if (rows < 0 || cols < 1)
    return CK_BAD_SHAPE;
  if (type == CK_F32)
    return ck_size_product (rows, cols, sizeof (float), bytes) ? CK_OK : CK_BAD_SHAPE;
  if (!(type == CK_I16 && device->products & CK_USE_INT16) &&
      !(type == CK_I8 && device->products & CK_USE_INT8))
    return CK_UNSUPPORTED;
  return device->klass->activations_bytes (device, type, rows, cols, bytes);
}

/* ---- plans of memory ------------------------------------------------------------------------- */

size_t
ck_scratch_bytes (CkDevice *device, const CkMemoryPlan *plan)
{
  return device->klass->scratch_bytes (device, plan);
}

/* ---- peak ------------------------------------------------------------------------------------ */

CkStatus
ck_peak (CkStream *stream, CkType type, int64_t rounds, double *operations)
{
  if (rounds < 0)
    return CK_BAD_SHAPE;
  return stream->device->klass->peak (stream, type, rounds, operations);
}

/* ---- weights --------------------------------------------------------------------------------- */

static bool
has_size (const CkWeightSource *source)
{
  size_t dequantised;

  /* Positions are counted in fp32 too, so that size must exist whatever the type. */
  return source->out >= 1 && source->in >= 1 &&
         ck_size_product (source->out, source->in, sizeof (float), &dequantised);
}

/* Whether the source's shape, type and pointers are sound. */
static CkStatus
check_source (const CkWeightSource *source)
{
  if (!has_size (source))
    return CK_BAD_SHAPE;
  if ((source->host_data != NULL) == (source->parameters != NULL))
    return CK_BAD_SHAPE;
  switch (source->type) {
  case CK_F32:
    return CK_OK;
  case CK_F16:
  case CK_BF16:
    return source->parameters == NULL ? CK_OK : CK_UNSUPPORTED;
  case CK_NF4:
    if (source->parameters != NULL)
      return CK_UNSUPPORTED;
    return source->block >= 2 && source->block % 2 == 0 && source->host_absmax != NULL
               ? CK_OK
               : CK_BAD_SHAPE;
  default:
    return CK_UNSUPPORTED;
  }
}

size_t
ck_weight_source_bytes (const CkWeightSource *source)
{
  const size_t n = (size_t)source->out * (size_t)source->in;

  return source->type == CK_NF4   ? (n + 1) / 2
         : source->type == CK_F32 ? n * sizeof (float)
                                  : n * sizeof (uint16_t);
}

size_t
ck_weight_absmax_bytes (const CkWeightSource *source)
{
  return source->type == CK_NF4
             ? (size_t)ck_ceil_div (source->out * source->in, source->block) * sizeof (float)
             : 0;
}

/* Whether the device can compute as the uses ask for, and parameters need not be repacked. */
static CkStatus
check_uses (const CkDevice *device, const CkWeightSource *source, CkWeightUses uses)
{
  const int products = uses & CK_USE_PRODUCTS;

  if (products == 0)
    return CK_OK;
  return (products & ~device->products) == 0 && (products & (products - 1)) == 0 &&
                 (uses & CK_USE_FORWARD) && (source->parameters == NULL || products != CK_USE_INT8)
             ? CK_OK
             : CK_UNSUPPORTED;
}

CkStatus
ck_weight_new (CkDevice *device, const CkWeightSource *source, CkWeightUses uses, CkWeight **weight)
{
  CkStatus status = check_source (source);

  *weight = NULL;
  if (status == CK_OK)
    status = check_uses (device, source, uses);
  return status == CK_OK ? device->klass->weight_new (device, source, uses, weight) : status;
}

CkStatus
ck_weight_bytes (CkDevice *device, const CkWeightSource *source, CkWeightUses uses, size_t *bytes)
{
  *bytes = 0;
  if (!has_size (source) || (source->type == CK_NF4 && source->block < 2))
    return CK_BAD_SHAPE;
  if (device->klass->weight_bytes != NULL)
    return device->klass->weight_bytes (device, source, uses, bytes);
  *bytes = ck_weight_source_bytes (source) + ck_weight_absmax_bytes (source);
  return CK_OK;
}

void
ck_weight_free (CkDevice *device, CkWeight *weight)
{
  if (weight != NULL)
    device->klass->weight_free (device, weight);
}

bool
ck_weight_reads_source (const CkWeight *weight)
{
  return weight->source.host_data != NULL && !weight->repacked;
}

CkType
ck_weight_product (const CkWeight *weight)
{
  return weight->uses & CK_USE_INT16 ? CK_I16 : weight->uses & CK_USE_INT8 ? CK_I8 : CK_F32;
}

CkType
ck_uses_factors (CkWeightUses uses)
{
  return uses & CK_USE_BF16    ? CK_BF16
         : uses & CK_USE_F16   ? CK_F16
         : uses & CK_USE_INT16 ? CK_I16
         : uses & CK_USE_INT8  ? CK_I8
                               : CK_F32;
}

CkType
ck_weight_factors (const CkWeight *weight)
{
  return ck_uses_factors (weight->uses);
}

void
ck_weight_shape (const CkWeight *weight, int64_t *out, int64_t *in)
{
  *out = weight->source.out;
  *in = weight->source.in;
}
