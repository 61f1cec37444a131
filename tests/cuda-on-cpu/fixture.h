/* SPDX-License-Identifier: MIT */
/* What the tests of check-emulator share: TAP, and a GPU that runs kernels of wrong-kernels.cu and
 * instruction-kernels.cu. */
#ifndef COW_CUDA_FIXTURE_H
#define COW_CUDA_FIXTURE_H

#include "tests/cuda-on-cpu/calls.h"

#include <stddef.h>

/* One test; `found` is said where it failed. */
void check (bool passed, const char *what, const char *found);
/* The plan; whether all passed. */
bool check_end (void);

class Gpu
{
public:
  Gpu (void);
  /* What failed is forgotten with the context. */
  ~Gpu (void);

  /* Memory of the GPU, given back with it; from the host, or not written where that is NULL. */
  void *memory (const void *host, size_t bytes);
  /* Waits; a CUresult. */
  CkCuResult read (void *host, const void *memory, size_t bytes);
  CkCuResult launch (const char *kernel, unsigned blocks, unsigned threads, size_t shared_bytes,
                     const void *arguments, unsigned blocks_y = 1);
  CkCuResult wait (void);

  CkCuContext *context;
  CkCuModule *module;
  CkCuStream *stream;

private:
  CkCuMemory pieces[16];
  int n_pieces;
};

/* The files of tests. */
void check_wrong_kernels (void);
void check_limits (void);
void check_fragments (void);
void check_instructions (void);
void check_driver (void);

#endif /* COW_CUDA_FIXTURE_H */
