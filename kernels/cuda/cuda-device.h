/* SPDX-License-Identifier: MIT */
/* A GPU that was opened, as the device's own files see it. */
#ifndef CK_CUDA_DEVICE_H
#define CK_CUDA_DEVICE_H

#include "kernels/cuda/driver.h"
#include "kernels/cuda/images.h"
#include "kernels/cuda/launch.h"

#include <pthread.h>
#include <stdatomic.h>

#define CK_CUDA_MOST_GPUS 64 /* of a machine, that can be opened */

typedef struct {
  CkDevice base;
  const CkOperations *operations; /* of its streams */
  const CkTraining *training;
  char name[32], features[16]; /* base's */
  char model[128];             /* of the GPU, as the driver calls it */
  CkCuDriver driver;
  int driver_version; /* 13000 is CUDA 13.0 */
  CkCuDevice gpu;
  CkCuContext *context; /* the GPU's primary one, retained; NULL before that */
  CkCuPool *pool;       /* that keeps what it has; NULL where the driver has none */
  CkCudaLimits limits;
  CkCuModule *modules[CK_CUDA_MOST_IMAGES];
  int n_modules;
  CkCuStream *copies;                   /* of what belongs to no stream: weights, events' words */
  atomic_uint_fast64_t weights_changed; /* how often a weight was made or freed */
  pthread_mutex_t streamed;             /* held while weights of the host are copied or freed */
  size_t most_streamed;                 /* bytes of the largest of them that there was */

  pthread_mutex_t lock; /* of `failure` */
  char failure[160];    /* the first: the driver's name for it, and where; or "" */
} CkCudaDevice;

/* Takes the GPU's primary context; CK_CU_CONTEXT_IS_DESTROYED while others of the process have one
 * that is lost. Gives it back. */
CkCuResult ck_cuda_context_retain (CkCudaDevice *device);
void ck_cuda_context_release (CkCudaDevice *device);
/* Whether nothing in it will ever work again. */
bool ck_cuda_context_is_lost (const CkCudaDevice *device);

/* Makes the device's context that of the calling thread, and gives back the one before. */
void ck_cuda_enter (const CkCudaDevice *device);
void ck_cuda_leave (const CkCudaDevice *device);

/* What the driver's answer is as a status; keeps the first failure with `where`. */
CkStatus ck_cuda_result (CkCudaDevice *device, CkCuResult result, const char *where);

/* What it is that memory could not be had: that there is none, or that the context is lost. */
CkStatus ck_cuda_no_memory (const CkCudaDevice *device);
/* Device memory that is not bound to a stream; entered. 0 where there is none. */
CkCuMemory ck_cuda_memory_new (CkCudaDevice *device, size_t bytes);
/* What the driver takes of its memory for so many bytes: pages of 2 MiB where it is half of one. */
size_t ck_cuda_allocation_bytes (size_t bytes);
/* Copies that are done when the call returns; entered. */
CkStatus ck_cuda_write (CkCudaDevice *device, void *to, const void *host_from, size_t bytes);
CkStatus ck_cuda_read (CkCudaDevice *device, void *host_to, const void *from, size_t bytes);

#endif /* CK_CUDA_DEVICE_H */
