/* SPDX-License-Identifier: MIT */
/* Wrong kernels must be found, and right ones must not; TAP. */
#include "tests/cuda-on-cpu/calls.h"
#include "tests/cuda-on-cpu/machine.h"
#include "tests/cuda-on-cpu/wrong-kernels.h"

#include <stdio.h>
#include <string.h>
#include <vector>

namespace
{

enum { N = 256, BLOCKS = N / WRONG_THREADS };

int n_tests, n_failed;

void
check (bool passed, const char *what, const char *found)
{
  n_tests++;
  n_failed += !passed;
  printf ("%sok %d %s\n", passed ? "" : "not ", n_tests, what);
  if (!passed)
    printf ("# %s\n", found);
}

struct Memory {
  CkCuMemory x, y, counts, bytes;
};

struct Fixture {
  CkCuContext *context;
  CkCuModule *module;
  CkCuStream *stream;
  Memory memory;
};

void
begin (Fixture &f)
{
  std::vector<float> x (N);

  for (int i = 0; i < N; i++)
    x[i] = (float)(i * i % 37);
  cuDevicePrimaryCtxRetain (&f.context, 0);
  cuCtxPushCurrent (f.context);
  cuModuleLoadData (&f.module, "");
  cuStreamCreate (&f.stream, CK_CU_STREAM_NON_BLOCKING);
  cuMemAlloc (&f.memory.x, N * sizeof (float));
  cuMemAlloc (&f.memory.y, N * sizeof (float));
  cuMemAlloc (&f.memory.counts, N * sizeof (int));
  cuMemAlloc (&f.memory.bytes, N);
  cuMemcpyHtoDAsync (f.memory.x, x.data (), N * sizeof (float), f.stream);
  cuMemsetD8Async (f.memory.counts, 0, N * sizeof (int), f.stream);
}

/* What failed is forgotten with the context. */
void
end (Fixture &f)
{
  CkCuContext *context;

  cuDevicePrimaryCtxReset (0);
  cuMemFree (f.memory.x);
  cuMemFree (f.memory.y);
  cuMemFree (f.memory.counts);
  cuMemFree (f.memory.bytes);
  cuStreamDestroy (f.stream);
  cuModuleUnload (f.module);
  cuCtxPopCurrent (&context);
  cuDevicePrimaryCtxRelease (0);
}

CkCuResult
launch (const Fixture &f, const char *name, unsigned blocks, unsigned threads, size_t shared)
{
  WrongArguments arguments = { reinterpret_cast<const float *> (f.memory.x),
                               reinterpret_cast<float *> (f.memory.y),
                               reinterpret_cast<int *> (f.memory.counts),
                               reinterpret_cast<uint8_t *> (f.memory.bytes), N };
  const int32_t *failure = nullptr;
  void *parameters[] = { &arguments, &failure };
  CkCuFunction *function;
  CkCuResult result = cuModuleGetFunction (&function, f.module, name);

  if (result == 0)
    result = cuLaunchKernel (function, blocks, 1, 1, threads, 1, 1, (unsigned)shared, f.stream,
                             parameters, nullptr);
  return result;
}

/* Runs a kernel of wrong-kernels.cu; `report` is a part of what has to be said, or NULL. */
void
check_kernel (const char *name, const char *report)
{
  Fixture f;
  CkCuResult result;

  begin (f);
  clear_report ();
  result = launch (f, name, BLOCKS, WRONG_THREADS, sizeof (WrongShared));
  if (result == 0)
    result = cuStreamSynchronize (f.stream);
  if (report == nullptr)
    check (result == 0, name, last_report ());
  else
    check (result != 0 && strstr (last_report (), report) != nullptr &&
               cuStreamSynchronize (f.stream) == result,
           name, last_report ());
  end (f);
}

void
check_kernels (void)
{
  static const struct {
    const char *kernel, *report;
  } kernels[] = {
    { "right_barrier", nullptr },
    { "wrong_no_barrier", "reads 4 bytes" },
    { "right_second_barrier", nullptr },
    { "wrong_no_second_barrier", "nothing that orders" },
    { "wrong_divergent_barrier", "has ended" },
    { "wrong_two_barriers", "another thread waits at that of" },
    { "right_votes", nullptr },
    { "wrong_behind_the_end", "0 bytes behind the end of an allocation of 1024 bytes): out of" },
    { "wrong_before_the_begin", "4 bytes before an allocation of 1024 bytes): out of bounds" },
    { "wrong_byte_behind_the_end", "0 bytes behind the end of an allocation of 256 bytes" },
    { "wrong_null", "no memory of the GPU" },
    { "wrong_behind_shared", "byte 1024 of 1024 bytes of shared memory): out of bounds" },
    { "wrong_index_in_shared", "outside of its array" },
    { "wrong_shared_not_written", "byte 308 of 1024 bytes of shared memory): never written" },
    { "wrong_shared_of_last_block", "never written" },
    { "wrong_global_not_written", "never written" },
    { "wrong_blocks_write", "written by block (" },
    { "wrong_block_reads", "by block (" },
    { "right_blocks_count", nullptr },
    { "wrong_blocks_count", "nothing that orders" },
    { "right_bytes", nullptr },
    { "wrong_bytes", "nothing that orders" },
    { "right_mask", nullptr },
    { "wrong_mask", "does not name it" },
    { "wrong_absent_lanes", "has ended" },
    { "wrong_lane", "takes no part" },
    { "right_warp", nullptr },
    { "wrong_warp", "reads 4 bytes" },
    { "wrong_second_warp", "nothing that orders" },
    { "wrong_lanes_read", "nothing that orders" },
    { "right_half_warp", nullptr },
    { "wrong_half_warp", "nothing that orders" },
    { "wrong_shuffle_for_barrier", "nothing that orders" },
    { "wrong_warp_for_block", "reads 4 bytes" },
    { "wrong_ended", "thread 100 (warp 3, lane 4) has ended" },
    { "right_copies", nullptr },
    { "wrong_no_wait", "has not been waited for" },
    { "wrong_wait_for_older", "has not been waited for" },
    { "wrong_wait_without_barrier", "" },
    { "right_vector", nullptr },
    { "wrong_alignment", "not aligned to 16 bytes" },
    { "wrong_local_index", "outside of its array" },
    { "wrong_division", "division by 0" },
  };

  for (const auto &kernel : kernels)
    check_kernel (kernel.kernel, kernel.report);
}

/* Launches that no GPU takes are refused, and do no harm. */
void
check_limits (void)
{
  Fixture f;
  CkCuFunction *function;

  begin (f);
  check (launch (f, "right_barrier", 1, WRONG_THREADS + 1, 1024) == CK_CU_INVALID_VALUE,
         "more threads than the kernel was made for", "");
  check (launch (f, "right_barrier", 1, WRONG_THREADS, (48 << 10) + 1) == CK_CU_INVALID_VALUE,
         "too much shared memory", "");
  cuModuleGetFunction (&function, f.module, "right_barrier");
  check (cuFuncSetAttribute (function, CK_CU_FUNCTION_MAX_DYNAMIC_SHARED, 99 << 10) == 0 &&
             cuFuncSetAttribute (function, CK_CU_FUNCTION_MAX_DYNAMIC_SHARED, (99 << 10) + 1) ==
                 CK_CU_INVALID_VALUE,
         "shared memory that is asked for has the limit of the architecture", "");
  check (launch (f, "right_barrier", BLOCKS, WRONG_THREADS, 99 << 10) == 0 &&
             cuStreamSynchronize (f.stream) == 0,
         "and may be used", last_report ());
  check (launch (f, "no_such_kernel", 1, 1, 0) == CK_CU_NOT_FOUND, "no such kernel", "");
  end (f);
}

} // namespace

int
main (void)
{
  if (cuInit (0) != 0) {
    printf ("Bail out! no addresses for the memory of a GPU\n");
    return 1;
  }
  check_kernels ();
  check_limits ();
  printf ("1..%d\n", n_tests);
  return n_failed != 0;
}
