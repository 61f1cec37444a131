/* SPDX-License-Identifier: MIT */
/* A warp that multiplies two matrices with each instruction. */
#ifndef COW_CUDA_INSTRUCTION_KERNELS_H
#define COW_CUDA_INSTRUCTION_KERNELS_H

#include <stdint.h>

/* d [16, 8] += a [16, 32 bytes] b [32 bytes, 8], b by columns; d of 4 bytes. */
struct ProductArguments {
  const uint8_t *a, *b; /* [16][32], [8][32] */
  void *d;              /* [16][8] */
};

/* Both matrices as ck_load_matrices () needs them. */
struct ProductShared {
  alignas (16) uint8_t a[16][32], b[8][32];
  uint16_t across[16][8]; /* b of 16 bits by rows */
};

#endif /* COW_CUDA_INSTRUCTION_KERNELS_H */
