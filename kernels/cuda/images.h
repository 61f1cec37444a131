/* SPDX-License-Identifier: MIT */
/*
 * The kernels as nvcc made them, one image a .cu file, for all architectures of the build. They lie
 * in a module of their own beside the library, which is opened with the first GPU: most machines
 * have none, and the module needs nvcc to be built.
 */
#ifndef CK_CUDA_IMAGES_H
#define CK_CUDA_IMAGES_H

#include <stddef.h>

#define CK_CUDA_MOST_IMAGES 64

typedef struct {
  const char *name; /* of the file, for messages */
  const void *data; /* what cuModuleLoadData () takes */
} CkCudaImage;

/* The module's only symbol, ck_cuda_images, is one of these. */
typedef struct {
  /* Of the sources: kernels of others than what launches them would read wrong arguments. It comes
   * first in every version. */
  char digest[32];
  int version; /* of CUDA that made them, as cuDriverGetVersion () counts (13000 is 13.0) */
  int n;
  const CkCudaImage *images; /* [n] */
} CkCudaImages;

#define CK_CUDA_IMAGES_SYMBOL "ck_cuda_images"

/* Opens the module that COWBEHAVIOR_CUDA_KERNELS names, else the one that is installed, for good.
 * NULL: there is none that fits, and `reason` says so. */
const CkCudaImages *ck_cuda_images_open (char *reason, size_t reason_bytes);

#endif /* CK_CUDA_IMAGES_H */
