/* SPDX-License-Identifier: MIT */
/* What the kernels of resampling and the code that launches them share. */
#ifndef CK_CUDA_RESAMPLE_H
#define CK_CUDA_RESAMPLE_H

#include <stdint.h>

enum { CK_RESAMPLE_THREADS = 128 };

/* Where one of the three samples of a pixel is, R, G, B or Y, U, V. */
typedef struct {
  const uint8_t *data;      /* of the first row and column that are there; NULL: always 128 */
  int64_t stride;           /* bytes from a row to the next */
  int32_t step;             /* and from a sample to the next */
  int32_t top, left;        /* of the sample at `data`, in samples of the picture */
  int32_t shift_x, shift_y; /* 1: a sample serves two columns, or rows */
} CkCudaSamples;

typedef enum { CK_CUDA_RGB, CK_CUDA_YUV, CK_CUDA_YUV_DEEP } CkCudaColour;

/* A region of a picture. */
typedef struct {
  CkCudaColour colour; /* CK_CUDA_YUV_DEEP: 10 of 16 bits */
  CkCudaSamples sample[3];
  /* Rows of the region lie two by two behind each other, those of each output row, chroma ones
   * too; else all of them. */
  int32_t paired;
  int32_t x, y, w, h;
  float y_offset, y_gain, r_v, g_u, g_v, b_u;
} CkCudaRegion;

typedef struct {
  CkCudaRegion region;
  int32_t width, height; /* of the result */
  double step_x, step_y;
  float mean[3], std[3];
  float *out;         /* [3, height, width], */
  int64_t row, plane; /* whose rows and planes are so many floats apart */
} CkCudaLinearResample;

/* The inputs of each output row or column. */
typedef struct {
  int32_t *first, *n; /* [out] */
  int32_t *weight;    /* [size, out] */
} CkCudaTriangles;

typedef struct {
  CkCudaRegion region;
  int32_t width, height;
  double scale_x, scale_y;
  CkCudaTriangles x, y;
  uint8_t *columns; /* [region.h, 3, width]: rows of the region, their columns done */
  float mean[3], std[3];
  float *out; /* likewise */
  int64_t row, plane;
} CkCudaAntialiasedResample;

#endif /* CK_CUDA_RESAMPLE_H */
