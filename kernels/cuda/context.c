/* SPDX-License-Identifier: MIT */
/* The context of the calling thread, and the driver's answers. */
#include "kernels/cuda/cuda-device.h"

#include <stdio.h>

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
  device->lost = device->lost || is_final (result);
  pthread_mutex_unlock (&device->lock);
  return result == CK_CU_OUT_OF_MEMORY ? CK_NO_MEMORY : CK_DEVICE_ERROR;
}
