/* SPDX-License-Identifier: MIT */
/* Opening a GPU, step by step, each with the reason why it may not go on. */
#include "kernels/cuda/device-cuda.h"

#include "kernels/cuda/coded-rows.h"
#include "kernels/cuda/cuda-stream.h"
#include "kernels/cuda/operations.h"
#include "kernels/cuda/peak.h"
#include "kernels/cuda/weight.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEAST_MAJOR      7 /* of the compute capability: sm_70 */
#define LEAST_MINOR_F16  5
#define LEAST_MAJOR_BF16 8

/* ---- the class ------------------------------------------------------------------------------- */

static CkStatus
cuda_activations_bytes (const CkDevice *device, CkType type, int64_t rows, int64_t cols,
                        size_t *bytes)
{
  return ck_cuda_codes_bytes (rows, cols, true, bytes) ? CK_OK : CK_BAD_SHAPE;
}

static void
cuda_state (CkDevice *self, CkDeviceState *state)
{
  CkCudaDevice *device = (CkCudaDevice *)self;

  snprintf (state->model, sizeof state->model, "%s", device->model);
  snprintf (state->driver, sizeof state->driver, "CUDA %d.%d", device->driver_version / 1000,
            device->driver_version % 1000 / 10);
  device->driver.cuDeviceTotalMem (&state->total_bytes, device->gpu);
  pthread_mutex_lock (&device->lock);
  snprintf (state->failure, sizeof state->failure, "%s", device->failure);
  pthread_mutex_unlock (&device->lock);
  state->is_lost = ck_cuda_context_is_lost (device);
}

static void
cuda_close (CkDevice *self)
{
  CkCudaDevice *device = (CkCudaDevice *)self;
  const CkCuDriver *driver = &device->driver;

  if (device->context != NULL) {
    ck_cuda_enter (device);
    if (device->copies != NULL)
      driver->cuStreamDestroy (device->copies);
    for (int i = 0; i < device->n_modules; i++)
      driver->cuModuleUnload (device->modules[i]);
    if (device->pool != NULL)
      driver->cuMemPoolDestroy (device->pool);
    ck_cuda_leave (device);
    ck_cuda_context_release (device);
  }
  pthread_mutex_destroy (&device->lock);
  pthread_mutex_destroy (&device->streamed);
  free (device);
}

static const CkDeviceClass cuda_class = {
  .close = cuda_close,
  .free_bytes = ck_cuda_free_bytes,
  .state = cuda_state,
  .host_alloc = ck_cuda_host_alloc,
  .host_free = ck_cuda_host_free,
  .stream_new = ck_cuda_stream_new,
  .stream_free = ck_cuda_stream_free,
  .synchronize = ck_cuda_synchronize,
  .stream_reset = ck_cuda_stream_reset,
  .alloc = ck_cuda_alloc,
  .free = ck_cuda_free,
  .upload = ck_cuda_upload,
  .download = ck_cuda_download,
  .event_new = ck_cuda_event_new,
  .event_free = ck_cuda_event_free,
  .event_record = ck_cuda_event_record,
  .stream_wait = ck_cuda_stream_wait,
  .event_synchronize = ck_cuda_event_synchronize,
  .replay_begin = ck_cuda_replay_begin,
  .replay_end = ck_cuda_replay_end,
  .weight_new = ck_cuda_weight_new,
  .weight_free = ck_cuda_weight_free,
  .weight_bytes = ck_cuda_weight_bytes,
  .scratch_bytes = ck_cuda_scratch_bytes,
  .activations_bytes = cuda_activations_bytes,
  .peak = ck_cuda_peak,
};

/* ---- opening --------------------------------------------------------------------------------- */

/* What the steps of opening share. */
typedef struct {
  CkCudaDevice *device;
  int index; /* of the GPU */
  const CkDeviceOptions *options;
  const CkCudaImages *images; /* NULL: not opened yet */
  CkStatus status;            /* if it goes no further: CK_UNSUPPORTED until there is a GPU */
} Opening;

/* Says why the device cannot be had; false. */
static bool refuse (const Opening *opening, const char *format, ...)
    __attribute__ ((format (printf, 2, 3)));

static bool
refuse (const Opening *opening, const char *format, ...)
{
  va_list args;

  if (opening->options->reason == NULL)
    return false;
  va_start (args, format);
  vsnprintf (opening->options->reason, CK_DEVICE_REASON, format, args);
  va_end (args);
  return false;
}

/* Whether the driver did what was asked. */
static bool
check (const Opening *opening, CkCuResult result, const char *what)
{
  return ck_cuda_result (opening->device, result, what) == CK_OK ||
         refuse (opening, "%s: %s", what, ck_cu_error_name (&opening->device->driver, result));
}

/* "NAME" or "NAME:N". */
static bool
parse_name (Opening *opening, const char *name)
{
  const char *colon = strchr (name, ':');
  char *end = NULL;
  long index = 0;

  if (colon != NULL) {
    index = strtol (colon + 1, &end, 10);
    if (end == colon + 1 || *end != '\0' || index < 0 || index >= CK_CUDA_MOST_GPUS)
      return refuse (opening, "behind the colon stands the index of a GPU");
  }
  opening->index = (int)index;
  return true;
}

static bool
start_driver (Opening *opening, const char *library)
{
  CkCudaDevice *device = opening->device;
  char why[CK_DEVICE_REASON];
  CkCuResult result;

  if (!ck_cu_driver_open (&device->driver, library, why, sizeof why)) {
    opening->status = device->driver.library != NULL ? CK_DEVICE_ERROR : CK_UNSUPPORTED;
    return refuse (opening, "%s", why);
  }
  result = device->driver.cuInit (0);
  if (result == CK_CU_NO_DEVICE)
    return refuse (opening, "the NVIDIA driver finds no GPU");
  opening->status = CK_DEVICE_ERROR;
  return check (opening, result, "the NVIDIA driver does not start") &&
         check (opening, device->driver.cuDriverGetVersion (&device->driver_version),
                "the driver's version");
}

static bool
find_gpu (Opening *opening)
{
  CkCudaDevice *device = opening->device;
  int count = 0;

  opening->status = CK_UNSUPPORTED;
  if (!check (opening, device->driver.cuDeviceGetCount (&count), "counting GPUs"))
    return false;
  if (opening->index >= count)
    return refuse (opening, "there is no GPU %d; the NVIDIA driver finds %d", opening->index,
                   count);
  opening->status = CK_DEVICE_ERROR;
  return check (opening, device->driver.cuDeviceGet (&device->gpu, opening->index), "the GPU") &&
         check (opening,
                device->driver.cuDeviceGetName (device->model, sizeof device->model, device->gpu),
                "the GPU's name");
}

static bool
read_limits (const Opening *opening)
{
  CkCudaDevice *device = opening->device;
  CkCudaLimits *limits = &device->limits;
  int shared = 0;
  const struct {
    int attribute, *value;
  } attributes[] = { { CK_CU_CAPABILITY_MAJOR, &limits->major },
                     { CK_CU_CAPABILITY_MINOR, &limits->minor },
                     { CK_CU_PROCESSORS, &limits->processors },
                     { CK_CU_SHARED_OPTIN, &shared } };

  for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++)
    if (!check (opening,
                device->driver.cuDeviceGetAttribute (attributes[i].value, attributes[i].attribute,
                                                     device->gpu),
                "the GPU's limits"))
      return false;
  limits->shared = (size_t)shared;
  if (limits->major < LEAST_MAJOR)
    return refuse (opening, "%s has compute capability %d.%d, and at least %d.0 is needed",
                   device->model, limits->major, limits->minor, LEAST_MAJOR);
  return true;
}

/* With numbers where it is memory that is missing. */
static bool
refuse_context (const Opening *opening, CkCuResult result)
{
  CkCudaDevice *device = opening->device;
  size_t total = 0;

  if (result == CK_CU_CONTEXT_IS_DESTROYED)
    return refuse (opening, "%s has failed, and is not closed everywhere yet", device->model);
  if (result != CK_CU_OUT_OF_MEMORY)
    return check (opening, result, "the GPU's context");
  device->driver.cuDeviceTotalMem (&total, device->gpu);
  return refuse (opening, "%s has no memory left of its %.1f GiB", device->model,
                 (double)total / (1 << 30));
}

/* Has the kernels, which a driver of their major version of CUDA can load. */
static bool
open_images (Opening *opening)
{
  char why[CK_DEVICE_REASON];
  int version = opening->device->driver_version, wanted;

  if (opening->images == NULL)
    opening->images = ck_cuda_images_open (why, sizeof why);
  if (opening->images == NULL)
    return refuse (opening, "%s", why);
  wanted = opening->images->version / 1000 * 1000;
  return version >= wanted ||
         refuse (opening, "the NVIDIA driver is for CUDA %d.%d, and this build needs one for %d.%d",
                 version / 1000, version % 1000 / 10, wanted / 1000, wanted % 1000 / 10);
}

static bool
load_images (const Opening *opening)
{
  CkCudaDevice *device = opening->device;

  for (int i = 0; i < opening->images->n && i < CK_CUDA_MOST_IMAGES; i++) {
    const CkCudaImage *image = &opening->images->images[i];
    const CkCuResult result = device->driver.cuModuleLoadData (&device->modules[i], image->data);

    if (result == CK_CU_NO_BINARY_FOR_GPU || result == CK_CU_UNSUPPORTED_PTX_VERSION)
      return refuse (opening, "this build has no kernels for the compute capability %d.%d of %s",
                     device->limits.major, device->limits.minor, device->model);
    if (!check (opening, result, image->name))
      return false;
    device->n_modules++;
  }
  return true;
}

/* Memory that goes back stays with the process: a network asks for the same again. */
static bool
make_pool (const Opening *opening)
{
  CkCudaDevice *device = opening->device;
  const CkCuPoolProperties properties = { .allocation_type = 1,
                                          .location_type = 1,
                                          .location = device->gpu };
  uint64_t all = UINT64_MAX;
  int pools = 0;

  device->driver.cuDeviceGetAttribute (&pools, CK_CU_MEMORY_POOLS, device->gpu);
  if (pools == 0)
    return true;
  return check (opening, device->driver.cuMemPoolCreate (&device->pool, &properties),
                "a pool of memory") &&
         check (opening,
                device->driver.cuMemPoolSetAttribute (device->pool, CK_CU_POOL_RELEASE_THRESHOLD,
                                                      &all),
                "a pool of memory");
}

static bool
enter_context (const Opening *opening)
{
  CkCudaDevice *device = opening->device;
  const CkCuResult result = ck_cuda_context_retain (device);
  bool made;

  if (result != CK_CU_SUCCESS)
    return refuse_context (opening, result);
  ck_cuda_enter (device);
  made = load_images (opening) && make_pool (opening) &&
         check (opening, device->driver.cuStreamCreate (&device->copies, CK_CU_STREAM_NON_BLOCKING),
                "a stream");
  ck_cuda_leave (device);
  return made;
}

/* Finds a GPU; the device so far, whose context is not there. */
static bool
find (Opening *opening, const char *name, const char *library)
{
  opening->device = calloc (1, sizeof *opening->device);
  if (opening->device == NULL) {
    opening->status = CK_NO_MEMORY;
    return false;
  }
  pthread_mutex_init (&opening->device->lock, NULL);
  pthread_mutex_init (&opening->device->streamed, NULL);
  return parse_name (opening, name) && start_driver (opening, library) && find_gpu (opening) &&
         read_limits (opening);
}

/* Of what instructions.h multiplies. */
static CkWeightUses
products_of (const CkCudaLimits *limits)
{
  CkWeightUses products = CK_USE_INT8;

  if (limits->major > LEAST_MAJOR || limits->minor >= LEAST_MINOR_F16)
    products |= CK_USE_F16;
  if (limits->major >= LEAST_MAJOR_BF16)
    products |= CK_USE_BF16;
  return products;
}

static CkStatus
open_gpu (const char *name, const char *library, const CkCudaImages *images,
          const CkDeviceOptions *options, CkDevice **made)
{
  CkCudaDevice *device;
  Opening opening = { .options = options, .images = images, .status = CK_UNSUPPORTED };

  /* Sets of instructions are the CPU's. */
  if (options->features != NULL && strcmp (options->features, "auto") != 0)
    return CK_UNSUPPORTED;
  if (!find (&opening, name, library) || !open_images (&opening) || !enter_context (&opening)) {
    if (opening.device != NULL)
      cuda_close (&opening.device->base);
    return opening.status;
  }
  device = opening.device;
  snprintf (device->name, sizeof device->name, "%.*s:%d", (int)strcspn (name, ":"), name,
            opening.index);
  snprintf (device->features, sizeof device->features, "sm_%d%d", device->limits.major,
            device->limits.minor);
  device->base = (CkDevice){ .klass = &cuda_class,
                             .name = device->name,
                             .features = device->features,
                             .threads = 1,
                             .products = products_of (&device->limits),
                             .native = device->context,
                             .ordinal = device->gpu };
  device->operations = &ck_cuda_operations;
  device->training = &ck_cuda_training;
  *made = &device->base;
  return CK_OK;
}

CkStatus
ck_cuda_device_open (const char *name, const CkDeviceOptions *options, CkDevice **device)
{
  return open_gpu (name, NULL, NULL, options, device);
}

CkStatus
ck_cuda_automatic_open (const char *name, const CkDeviceOptions *options, CkDevice **device)
{
  Opening opening = { .options = options, .status = CK_UNSUPPORTED };

  if (find (&opening, name, NULL))
    refuse (&opening, "our tests have run on no GPU yet; device=%s uses the %s of this machine",
            name, opening.device->model);
  if (opening.device != NULL)
    cuda_close (&opening.device->base);
  return opening.status;
}

CkStatus
ck_cuda_emulated_open (const char *name, const CkDeviceOptions *options, CkDevice **device)
{
  /* The library has the kernels, and looks at no image. */
  static const CkCudaImage any = { "kernels of a processor", "" };
  static const CkCudaImages images = { .version = 12000, .n = 1, .images = &any };
  const char *library = getenv ("COWBEHAVIOR_CUDA_ON_CPU");

  if (library != NULL)
    return open_gpu (name, library, &images, options, device);
  if (options->reason != NULL)
    snprintf (options->reason, CK_DEVICE_REASON, "COWBEHAVIOR_CUDA_ON_CPU names no library");
  return CK_UNSUPPORTED;
}

/* ---- counting -------------------------------------------------------------------------------- */

/* Of a library (NULL: the driver's own); 0 where it does not start. */
static int
count_gpus (const char *library)
{
  CkCuDriver driver = { 0 };
  char why[CK_DEVICE_REASON];
  int count = 0;

  if (!ck_cu_driver_open (&driver, library, why, sizeof why) ||
      driver.cuInit (0) != CK_CU_SUCCESS || driver.cuDeviceGetCount (&count) != CK_CU_SUCCESS)
    return 0;
  return count < CK_CUDA_MOST_GPUS ? count : CK_CUDA_MOST_GPUS;
}

int
ck_cuda_device_count (void)
{
  return count_gpus (NULL);
}

int
ck_cuda_emulated_count (void)
{
  const char *library = getenv ("COWBEHAVIOR_CUDA_ON_CPU");

  return library != NULL ? count_gpus (library) : 0;
}
