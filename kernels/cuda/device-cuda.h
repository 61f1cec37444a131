/* SPDX-License-Identifier: MIT */
/* GPUs by NVIDIA. */
#ifndef CK_DEVICE_CUDA_H
#define CK_DEVICE_CUDA_H

#include "kernels/device.h"

/* "cuda" is the first GPU, "cuda:N" the one of an index as the driver counts. */
CkStatus ck_cuda_device_open (const char *name, const CkDeviceOptions *options, CkDevice **device);

/* For "auto": says of a GPU that could be used that it must be named, because our tests have run on
 * none yet. */
CkStatus ck_cuda_automatic_open (const char *name, const CkDeviceOptions *options,
                                 CkDevice **device);

/* "cuda-emulated": the same code with the library that the environment variable
 * COWBEHAVIOR_CUDA_ON_CPU names in place of the driver's; for tests. */
CkStatus ck_cuda_emulated_open (const char *name, const CkDeviceOptions *options,
                                CkDevice **device);

/* How many GPUs there are for either. */
int ck_cuda_device_count (void);
int ck_cuda_emulated_count (void);

#endif /* CK_DEVICE_CUDA_H */
