/* SPDX-License-Identifier: MIT */
#include "kernels/cuda/staging.h"

#include "kernels/sizes.h"

#define ALIGNMENT 64

static CkCuResult
make (const CkCuDriver *driver, CkCudaStaging *staging)
{
  CkCuResult result = CK_CU_SUCCESS;
  void *memory = NULL;

  for (int i = 0; i < CK_CUDA_STAGING_PARTS && result == CK_CU_SUCCESS; i++)
    if (staging->passed[i] == NULL)
      result = driver->cuEventCreate (&staging->passed[i],
                                      CK_CU_EVENT_BLOCKING_SYNC | CK_CU_EVENT_DISABLE_TIMING);
  if (result == CK_CU_SUCCESS)
    result = driver->cuMemHostAlloc (&memory, CK_CUDA_STAGING_PARTS * CK_CUDA_STAGING_PART, 0);
  staging->memory = memory;
  return result;
}

/* Goes on to the next part, whose copies must have been made. */
static CkCuResult
turn (const CkCuDriver *driver, CkCudaStaging *staging, CkCuStream *stream)
{
  const CkCuResult result = driver->cuEventRecord (staging->passed[staging->part], stream);

  if (result != CK_CU_SUCCESS)
    return result;
  staging->part = (staging->part + 1) % CK_CUDA_STAGING_PARTS;
  staging->filled = 0;
  return driver->cuEventSynchronize (staging->passed[staging->part]);
}

CkCuResult
ck_cuda_stage (const CkCuDriver *driver, CkCudaStaging *staging, CkCuStream *stream, size_t bytes,
               void **space)
{
  CkCuResult result = staging->memory == NULL ? make (driver, staging) : CK_CU_SUCCESS;

  if (result == CK_CU_SUCCESS && staging->filled + bytes > CK_CUDA_STAGING_PART)
    result = turn (driver, staging, stream);
  if (result != CK_CU_SUCCESS)
    return result;
  *space = staging->memory + (size_t)staging->part * CK_CUDA_STAGING_PART + staging->filled;
  staging->filled += (size_t)ck_round_up ((int64_t)bytes, ALIGNMENT);
  return CK_CU_SUCCESS;
}

void
ck_cuda_staging_clear (const CkCuDriver *driver, CkCudaStaging *staging)
{
  for (int i = 0; i < CK_CUDA_STAGING_PARTS; i++)
    if (staging->passed[i] != NULL)
      driver->cuEventDestroy (staging->passed[i]);
  if (staging->memory != NULL)
    driver->cuMemFreeHost (staging->memory);
  *staging = (CkCudaStaging){ 0 };
}
