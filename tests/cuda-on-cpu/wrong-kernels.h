/* SPDX-License-Identifier: MIT */
/* Kernels that are wrong in one way each, and right ones beside them. */
#ifndef COW_CUDA_WRONG_KERNELS_H
#define COW_CUDA_WRONG_KERNELS_H

#include <stdint.h>

enum { WRONG_THREADS = 128 };

struct WrongArguments {
  const float *x; /* [n], written by the host */
  float *y;       /* [n], not written */
  int *counts;    /* [n], zeros */
  uint8_t *bytes; /* [n], not written */
  int n;
};

struct WrongShared {
  alignas (16) float values[WRONG_THREADS];
  float others[WRONG_THREADS];
};

#endif /* COW_CUDA_WRONG_KERNELS_H */
