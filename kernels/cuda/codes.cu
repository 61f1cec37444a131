/* SPDX-License-Identifier: MIT */
#include "kernels/cuda/codes-device.h"
#include "kernels/cuda/values-device.h"

enum { LANES = CK_CUDA_QUANTISE_LANES, GROUPS = CK_CUDA_QUANTISE_THREADS / LANES };

struct QuantiseShared {
  float code[16];
  float rest[GROUPS][CK_CUDA_BLOCK];
};

/* 16 threads a block of elements; blocks of all rows one after the other. */
CK_KERNEL (ck_cuda_quantise_rows, CkCudaQuantise, CK_CUDA_QUANTISE_THREADS)
{
  CK_SHARED (QuantiseShared, shared);
  const int group = threadIdx.x / LANES, lane = threadIdx.x % LANES;
  const int64_t number = (int64_t)blockIdx.x * GROUPS + group, row = number / a.to.blocks,
                block = number % a.to.blocks;
  const bool there = row < a.x.rows;
  float x[CK_CUDA_EACH];

  ck_load_code (a.x, shared.code);
  __syncthreads ();
#pragma unroll
  for (int i = 0; i < CK_CUDA_EACH; i++) {
    const int64_t col = block * CK_CUDA_BLOCK + lane + LANES * i;

    x[i] = there && col < a.x.cols ? ck_value (a.x, shared.code, row * a.x.cols + col) : 0;
  }
  ck_write_block (a.to, there, row, block, lane, a.factor, x, shared.rest[group]);
}
