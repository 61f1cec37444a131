/* SPDX-License-Identifier: MIT */
/* The kernels as nvcc made them, one image a .cu file, for all architectures of the build. */
#ifndef CK_CUDA_IMAGES_H
#define CK_CUDA_IMAGES_H

#define CK_CUDA_MOST_IMAGES 64

typedef struct {
  const char *name; /* of the file, for messages */
  const void *data; /* what cuModuleLoadData () takes */
} CkCudaImage;

extern const CkCudaImage ck_cuda_images[];
extern const int ck_cuda_n_images;
/* The CUDA version that made them, as cuDriverGetVersion () counts (13000 is 13.0); 0 where the
 * build had no nvcc. */
extern const int ck_cuda_images_version;

#endif /* CK_CUDA_IMAGES_H */
