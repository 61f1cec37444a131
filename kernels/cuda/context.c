/* SPDX-License-Identifier: MIT */
/* The GPUs' contexts, and the driver's answers. */
#include "kernels/cuda/cuda-device.h"

#include <stdio.h>

/*
 * The devices of a process share the primary context of their GPU, and with it the failure after
 * which it is lost. It begins anew when all of them have been closed.
 */
static struct {
  pthread_mutex_t lock;
  struct {
    int devices;
    bool lost;
  } gpus[CK_CUDA_MOST_GPUS];
} process = { .lock = PTHREAD_MUTEX_INITIALIZER };

CkCuResult
ck_cuda_context_retain (CkCudaDevice *device)
{
  CkCuResult result = CK_CU_CONTEXT_IS_DESTROYED;

  pthread_mutex_lock (&process.lock);
  if (process.gpus[device->gpu].lost && process.gpus[device->gpu].devices == 0) {
    device->driver.cuDevicePrimaryCtxReset (device->gpu);
    process.gpus[device->gpu].lost = false;
  }
  if (!process.gpus[device->gpu].lost)
    result = device->driver.cuDevicePrimaryCtxRetain (&device->context, device->gpu);
  if (result == CK_CU_SUCCESS)
    process.gpus[device->gpu].devices++;
  else
    device->context = NULL;
  pthread_mutex_unlock (&process.lock);
  return result;
}

void
ck_cuda_context_release (CkCudaDevice *device)
{
  pthread_mutex_lock (&process.lock);
  device->driver.cuDevicePrimaryCtxRelease (device->gpu);
  process.gpus[device->gpu].devices--;
  pthread_mutex_unlock (&process.lock);
}

bool
ck_cuda_context_is_lost (const CkCudaDevice *device)
{
  bool lost;

  pthread_mutex_lock (&process.lock);
  lost = process.gpus[device->gpu].lost;
  pthread_mutex_unlock (&process.lock);
  return lost;
}

CkStatus
ck_cuda_no_memory (const CkCudaDevice *device)
{
  return ck_cuda_context_is_lost (device) ? CK_DEVICE_ERROR : CK_NO_MEMORY;
}

void
ck_cuda_enter (const CkCudaDevice *device)
{
  device->driver.cuCtxPushCurrent (device->context);
}

void
ck_cuda_leave (const CkCudaDevice *device)
{
  CkCuContext *ours;

  device->driver.cuCtxPopCurrent (&ours);
}

/* Failures after which the driver answers nothing else in this context. */
static bool
is_final (CkCuResult result)
{
  return (result >= CK_CU_ILLEGAL_ADDRESS && result <= CK_CU_LAUNCH_FAILED &&
          result != CK_CU_LAUNCH_OUT_OF_RESOURCES) ||
         result == CK_CU_DEVICE_UNAVAILABLE || result == CK_CU_ECC_UNCORRECTABLE ||
         result == CK_CU_NVLINK_UNCORRECTABLE || result == CK_CU_CONTAINED ||
         result == CK_CU_UNKNOWN;
}

CkStatus
ck_cuda_result (CkCudaDevice *device, CkCuResult result, const char *where)
{
  if (result == CK_CU_SUCCESS)
    return CK_OK;
  pthread_mutex_lock (&device->lock);
  if (device->failure[0] == '\0')
    snprintf (device->failure, sizeof device->failure, "%s in %s",
              ck_cu_error_name (&device->driver, result), where);
  pthread_mutex_unlock (&device->lock);
  if (is_final (result)) {
    pthread_mutex_lock (&process.lock);
    process.gpus[device->gpu].lost = true;
    pthread_mutex_unlock (&process.lock);
  }
  return result == CK_CU_OUT_OF_MEMORY ? CK_NO_MEMORY : CK_DEVICE_ERROR;
}
