/* SPDX-License-Identifier: MIT */
#include "kernels/cuda/images.h"

#include "kernels/cuda/images-digest.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VARIABLE "COWBEHAVIOR_CUDA_KERNELS"

const CkCudaImages *
ck_cuda_images_open (char *reason, size_t reason_bytes)
{
  const char *named = getenv (VARIABLE), *path = named != NULL ? named : CK_CUDA_KERNELS;
  void *module = dlopen (path, RTLD_NOW | RTLD_LOCAL);
  const CkCudaImages *images;

  if (module == NULL) {
    snprintf (reason, reason_bytes,
              "%s; the kernels for NVIDIA GPUs are a part of their own: install cowbehavior-cuda, "
              "or build with nvcc",
              dlerror ());
    return NULL;
  }
  images = dlsym (module, CK_CUDA_IMAGES_SYMBOL);
  if (images != NULL && strcmp (images->digest, CK_CUDA_IMAGES_DIGEST) == 0)
    return images;
  snprintf (reason, reason_bytes, "%s has kernels of another version: build or install both alike",
            path);
  dlclose (module);
  return NULL;
}
