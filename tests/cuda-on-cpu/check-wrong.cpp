/* SPDX-License-Identifier: MIT */
/* Wrong kernels must be found, and right ones must not; launches that no GPU takes are refused. */
#include "tests/cuda-on-cpu/calls.h"
#include "tests/cuda-on-cpu/fixture.h"
#include "tests/cuda-on-cpu/machine.h"
#include "tests/cuda-on-cpu/wrong-kernels.h"

#include <string.h>

namespace
{

enum { N = 256, BLOCKS = N / WRONG_THREADS };

WrongArguments
arguments_new (Gpu &gpu)
{
  static const int zeros[N] = { 0 };
  float x[N];

  for (int i = 0; i < N; i++)
    x[i] = (float)(i * i % 37);
  return { static_cast<const float *> (gpu.memory (x, sizeof x)),
           static_cast<float *> (gpu.memory (nullptr, N * sizeof (float))),
           static_cast<int *> (gpu.memory (zeros, sizeof zeros)),
           static_cast<uint8_t *> (gpu.memory (nullptr, N)), N };
}

CkCuResult
run (Gpu &gpu, const char *name, const WrongArguments &arguments)
{
  const CkCuResult result =
      gpu.launch (name, BLOCKS, WRONG_THREADS, sizeof (WrongShared), &arguments);

  return result == 0 ? gpu.wait () : result;
}

/* `report` is a part of what has to be said, or NULL. */
void
check_kernel (const char *name, const char *report)
{
  Gpu gpu;
  const WrongArguments arguments = arguments_new (gpu);
  CkCuResult result;

  clear_report ();
  result = run (gpu, name, arguments);
  if (report == nullptr)
    check (result == 0, name, last_report ());
  else
    check (result != 0 && strstr (last_report (), report) != nullptr && gpu.wait () == result, name,
           last_report ());
}

/* A race is found by whichever of the two comes second, which depends on the schedule. */
void
check_both_orders (void)
{
  int reads_first = 0, writes_first = 0;

  for (uint64_t seed = 1; seed <= 16; seed++) {
    Gpu gpu;
    const WrongArguments arguments = arguments_new (gpu);

    set_seed (seed);
    clear_report ();
    run (gpu, "wrong_no_second_barrier", arguments);
    reads_first += strstr (last_report (), ": read by thread") != nullptr;
    writes_first += strstr (last_report (), ": written by thread") != nullptr;
  }
  check (reads_first > 0 && writes_first > 0 && reads_first + writes_first == 16,
         "a race in either order", last_report ());
}

} // namespace

void
check_wrong_kernels (void)
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
    { "wrong_copy", "writes 16 bytes" },
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
    { "wrong_end_without_wait", "has not waited for" },
    { "wrong_wait_without_barrier", "" },
    { "right_vector", nullptr },
    { "wrong_alignment", "not aligned to 16 bytes" },
    { "wrong_local_index", "outside of its array" },
    { "wrong_division", "division by 0" },
  };

  for (const auto &kernel : kernels)
    check_kernel (kernel.kernel, kernel.report);
  check_both_orders ();
}

/* CUDA C++ Programming Guide, "Technical Specifications per Compute Capability". */
static size_t
shared_limit (void)
{
  const int of = architecture ();

  return (size_t)(of == 75                ? 64
                  : of == 80 || of == 87  ? 163
                  : of == 90 || of == 100 ? 227
                                          : 99)
         << 10;
}

void
check_limits (void)
{
  const size_t most = shared_limit ();
  Gpu gpu;
  const WrongArguments arguments = arguments_new (gpu);
  CkCuFunction *function;

  check (gpu.launch ("right_barrier", 1, WRONG_THREADS + 1, 1024, &arguments) ==
             CK_CU_INVALID_VALUE,
         "more threads than the kernel was made for", "");
  check (gpu.launch ("right_barrier", 1, WRONG_THREADS, (48 << 10) + 1, &arguments) ==
             CK_CU_INVALID_VALUE,
         "too much shared memory", "");
  cuModuleGetFunction (&function, gpu.module, "right_barrier");
  check (cuFuncSetAttribute (function, CK_CU_FUNCTION_MAX_DYNAMIC_SHARED, (int)most) == 0 &&
             cuFuncSetAttribute (function, CK_CU_FUNCTION_MAX_DYNAMIC_SHARED, (int)most + 1) ==
                 CK_CU_INVALID_VALUE,
         "shared memory that is asked for has the limit of the architecture", "");
  check (gpu.launch ("right_barrier", BLOCKS, WRONG_THREADS, most, &arguments) == 0 &&
             gpu.wait () == 0,
         "and may be used", last_report ());
  check (gpu.launch ("right_barrier", 1, WRONG_THREADS, sizeof (WrongShared), &arguments, 65536) ==
             CK_CU_INVALID_VALUE,
         "more blocks in the second dimension than there may be", "");
  check (gpu.launch ("no_such_kernel", 1, 1, 0, &arguments) == CK_CU_NOT_FOUND, "no such kernel",
         "");
}
