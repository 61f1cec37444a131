/* SPDX-License-Identifier: MIT */
/* Kernels by their names, launches, and what work leaves when it fails. */
#include "kernels/cuda/launch.h"

#include "kernels/cuda/cuda-stream.h"
#include "kernels/cuda/stream-kernels.h"

#include <stdlib.h>
#include <string.h>

#define MOST_ARGUMENTS 4000 /* bytes; a kernel's parameters may have 4096 */

struct CkCudaFunction {
  CkCudaFunction *next;
  CkCuFunction *function;
  char name[];
};

bool
ck_cuda_stream_check (CkCudaStream *stream, CkCuResult result, const char *where)
{
  const CkStatus status = ck_cuda_result (ck_cuda_device_of (stream), result, where);

  if (stream->failure == CK_OK)
    stream->failure = status;
  return status == CK_OK;
}

CkStatus
ck_cuda_status (const CkCudaStream *stream)
{
  return CK_OK;
}

const CkCudaLimits *
ck_cuda_limits (const CkCudaStream *stream)
{
  return &ck_cuda_device_of (stream)->limits;
}

bool
ck_cuda_multiplies (const CkCudaStream *stream, CkType type)
{
  const int products = ck_cuda_device_of (stream)->base.products;

  switch (type) {
  case CK_BF16:
    return (products & CK_USE_BF16) != 0;
  case CK_F16:
    return (products & CK_USE_F16) != 0;
  default:
    return type != CK_I16;
  }
}

/* ---- kernels --------------------------------------------------------------------------------- */

/* FNV-1a */
static uint32_t
hash (const char *name)
{
  uint32_t value = 2166136261u;

  for (; *name != '\0'; name++)
    value = (value ^ (uint8_t)*name) * 16777619u;
  return value;
}

/* Looks through the images for a kernel, and lets its blocks have all the shared memory there is.
 */
static CkCuResult
load (const CkCudaDevice *device, const char *name, CkCuFunction **function)
{
  CkCuResult result = CK_CU_NOT_FOUND;

  for (int i = 0; i < device->n_modules && result == CK_CU_NOT_FOUND; i++)
    result = device->driver.cuModuleGetFunction (function, device->modules[i], name);
  if (result == CK_CU_SUCCESS)
    result = device->driver.cuFuncSetAttribute (*function, CK_CU_FUNCTION_MAX_DYNAMIC_SHARED,
                                                (int)device->limits.shared);
  return result;
}

/* The kernel of a name, loaded when it is first launched; NULL: the stream has failed. */
static CkCuFunction *
find (CkCudaStream *stream, const char *name)
{
  CkCudaFunction **list = &stream->functions[hash (name) % CK_CUDA_FUNCTION_LISTS], *made;
  const size_t bytes = strlen (name) + 1;
  CkCuFunction *function = NULL;

  for (const CkCudaFunction *known = *list; known != NULL; known = known->next)
    if (strcmp (known->name, name) == 0)
      return known->function;
  if (!ck_cuda_stream_check (stream, load (ck_cuda_device_of (stream), name, &function), name))
    return NULL;
  made = malloc (sizeof *made + bytes);
  if (made == NULL) {
    stream->failure = CK_NO_MEMORY;
    return NULL;
  }
  made->next = *list;
  made->function = function;
  memcpy (made->name, name, bytes);
  *list = made;
  return function;
}

void
ck_cuda_functions_clear (CkCudaStream *stream)
{
  for (int i = 0; i < CK_CUDA_FUNCTION_LISTS; i++)
    for (CkCudaFunction *function = stream->functions[i], *next; function != NULL;
         function = next) {
      next = function->next;
      free (function);
    }
}

/* `failure`: where blocks look whether to end at once, or NULL. */
static void
launch (CkCudaStream *stream, const char *kernel, CkCudaGrid grid, uint32_t threads, size_t shared,
        const void *arguments, const int32_t *failure)
{
  const CkCudaDevice *device = ck_cuda_device_of (stream);
  void *parameters[] = { (void *)arguments, &failure };
  CkCuFunction *function;

  if (stream->failure != CK_OK || stream->replays.broken || stream->measures)
    return;
  ck_cuda_enter (device);
  function = find (stream, kernel);
  if (function != NULL)
    ck_cuda_stream_check (stream,
                          device->driver.cuLaunchKernel (function, grid.x, grid.y, grid.z, threads,
                                                         1, 1, (unsigned)shared, stream->handle,
                                                         parameters, NULL),
                          kernel);
  ck_cuda_leave (device);
}

void
ck_cuda_launch (CkCudaStream *stream, const char *kernel, CkCudaGrid grid, uint32_t threads,
                size_t shared, const void *arguments, size_t arguments_bytes)
{
  if (arguments_bytes > MOST_ARGUMENTS)
    ck_cuda_stream_check (stream, CK_CU_INVALID_VALUE, kernel);
  if (grid.x == 0 || grid.y == 0 || grid.z == 0)
    return;
  launch (stream, kernel, grid, threads, shared, arguments,
          stream->may_fail ? stream->words : NULL);
}

/* ---- failures of the work -------------------------------------------------------------------- */

int32_t *
ck_cuda_failure (CkCudaStream *stream)
{
  stream->may_fail = true;
  return &stream->words[1];
}

void
ck_cuda_take_failure_of (CkCudaStream *stream, int32_t *word, bool clear)
{
  const CkCudaTakeFailure take = { .failure = stream->words, .word = word, .clear = clear };

  stream->may_fail = true;
  launch (stream, "ck_cuda_take_failure", (CkCudaGrid){ 1, 1, 1 }, 1, 0, &take, NULL);
}

void
ck_cuda_take_failure (CkCudaStream *stream)
{
  ck_cuda_take_failure_of (stream, &stream->words[1], true);
}
