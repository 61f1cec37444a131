/* SPDX-License-Identifier: MIT */
/* In place of images in builds without nvcc, which have kernels for a processor alone. */
#include "kernels/cuda/images.h"

#include <stddef.h>

static const char none[] = "built without nvcc";

const CkCudaImage ck_cuda_images[] = { { "no image", none } };
const int ck_cuda_n_images = 1;
const int ck_cuda_images_version = 0;
