/* SPDX-License-Identifier: MIT */
#include "tests/cuda-on-cpu/fixture.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static int n_tests, n_failed;

void
check (bool passed, const char *what, const char *found)
{
  n_tests++;
  n_failed += !passed;
  printf ("%sok %d %s\n", passed ? "" : "not ", n_tests, what);
  if (!passed)
    printf ("# %s\n", found);
}

bool
check_end (void)
{
  printf ("1..%d\n", n_tests);
  return n_failed == 0;
}

Gpu::Gpu (void) : n_pieces (0)
{
  cuDevicePrimaryCtxRetain (&context, 0);
  cuCtxPushCurrent (context);
  cuModuleLoadData (&module, "");
  cuStreamCreate (&stream, CK_CU_STREAM_NON_BLOCKING);
}

Gpu::~Gpu (void)
{
  cuDevicePrimaryCtxReset (0);
  for (int i = 0; i < n_pieces; i++)
    cuMemFree (pieces[i]);
  cuStreamDestroy (stream);
  cuModuleUnload (module);
  cuCtxPopCurrent (&context);
  cuDevicePrimaryCtxRelease (0);
}

void *
Gpu::memory (const void *host, size_t bytes)
{
  CkCuMemory made = 0;

  if (cuMemAlloc (&made, bytes) != 0)
    abort ();
  pieces[n_pieces++] = made;
  if (host != nullptr)
    cuMemcpyHtoDAsync (made, host, bytes, stream);
  return reinterpret_cast<void *> (made);
}

CkCuResult
Gpu::read (void *host, const void *memory, size_t bytes)
{
  return cuMemcpyDtoHAsync (host, reinterpret_cast<CkCuMemory> (memory), bytes, stream);
}

CkCuResult
Gpu::launch (const char *kernel, unsigned blocks, unsigned threads, size_t shared_bytes,
             const void *arguments, unsigned blocks_y)
{
  const int32_t *failure = nullptr;
  void *parameters[] = { const_cast<void *> (arguments), &failure };
  CkCuFunction *function;
  const CkCuResult result = cuModuleGetFunction (&function, module, kernel);

  if (result != 0)
    return result;
  return cuLaunchKernel (function, blocks, blocks_y, 1, threads, 1, 1, (unsigned)shared_bytes,
                         stream, parameters, nullptr);
}

CkCuResult
Gpu::wait (void)
{
  return cuStreamSynchronize (stream);
}
