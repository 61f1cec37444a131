/* SPDX-License-Identifier: MIT */
/* The functions of the driver: what runs when, who may touch what, and failures. */
#include "tests/cuda-on-cpu/fixture.h"
#include "tests/cuda-on-cpu/wrong-kernels.h"

#include <stdint.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

extern "C" void cow_cuda_on_cpu_fail (const char *text);

namespace
{

CkCuMemory
address (const void *memory)
{
  return reinterpret_cast<CkCuMemory> (memory);
}

/* Of pinned memory an upload takes what is there when it runs, of other memory at the call. */
void
check_copies (void)
{
  Gpu gpu;
  int other = 1, first = 0, second = 0, *pinned;
  void *memory = gpu.memory (nullptr, sizeof other);

  cuMemHostAlloc (reinterpret_cast<void **> (&pinned), sizeof *pinned, 0);
  *pinned = 2;
  cuMemcpyHtoDAsync (address (memory), &other, sizeof other, gpu.stream);
  other = 10;
  gpu.read (&first, memory, sizeof first);
  cuMemcpyHtoDAsync (address (memory), pinned, sizeof *pinned, gpu.stream);
  *pinned = 20;
  gpu.read (&second, memory, sizeof second);
  check (first == 1 && second == 20, "uploads are late from pinned memory alone", "");

  cuMemcpyDtoHAsync (pinned, address (memory), sizeof *pinned, gpu.stream);
  cuMemsetD8Async (address (memory), 0, sizeof other, gpu.stream);
  *pinned = 3;
  gpu.wait ();
  check (*pinned == 20, "downloads are late to pinned memory", "");
  cuMemFreeHost (pinned);
}

/* A stream that waits for nothing runs first, whatever is enqueued in another one. */
void
check_streams (void)
{
  Gpu gpu;
  CkCuStream *other;
  CkCuEvent *event;
  int found[2] = { 0, 0 };
  void *memory = gpu.memory (nullptr, sizeof *found);

  cuStreamCreate (&other, CK_CU_STREAM_NON_BLOCKING);
  cuEventCreate (&event, CK_CU_EVENT_DISABLE_TIMING);
  cuMemsetD8Async (address (memory), 1, sizeof *found, gpu.stream);
  gpu.wait ();
  for (int i = 0; i < 2; i++) {
    cuMemsetD8Async (address (memory), (unsigned char)(2 + i), sizeof *found, gpu.stream);
    if (i == 1) {
      cuEventRecord (event, gpu.stream);
      cuStreamWaitEvent (other, event, 0);
    }
    cuMemcpyDtoHAsync (&found[i], address (memory), sizeof *found, other);
    gpu.wait ();
  }
  check (found[0] == 0x01010101 && found[1] == 0x03030303, "streams wait for events alone", "");

  cuMemsetD8Async (address (memory), 5, sizeof *found, nullptr);
  gpu.read (&found[0], memory, sizeof *found);
  cuEventRecord (event, nullptr);
  cuStreamWaitEvent (other, event, 0);
  cuMemcpyDtoHAsync (&found[1], address (memory), sizeof *found, other);
  check (found[0] == 0x03030303 && found[1] == 0x05050505, "the default stream is one of its own",
         "");
  cuMemsetD8Async (address (memory), 6, sizeof *found, nullptr);
  check (cuStreamSynchronize (nullptr) == 0, "the default stream can be waited for", "");
  gpu.read (&found[0], memory, sizeof *found);
  check (found[0] == 0x06060606, "its work has run then", "");
  cuEventDestroy (event);
  cuStreamDestroy (other);
}

/* What is captured runs as often as the graph is launched, and not before. */
void
check_graphs (void)
{
  Gpu gpu;
  static const int zeros[256] = { 0 };
  const WrongArguments arguments = { nullptr, nullptr,
                                     static_cast<int *> (gpu.memory (zeros, sizeof zeros)), nullptr,
                                     256 };
  CkCuGraph *graph;
  CkCuGraphExec *exec;
  int before[2], after[2];

  cuStreamBeginCapture (gpu.stream, CK_CU_CAPTURE_THREAD_LOCAL);
  gpu.launch ("right_blocks_count", 2, WRONG_THREADS, 0, &arguments);
  check (gpu.read (before, arguments.counts, sizeof before) == CK_CU_STREAM_CAPTURE_UNSUPPORTED &&
             gpu.wait () == CK_CU_STREAM_CAPTURE_UNSUPPORTED,
         "nothing waits for a stream that is captured", "");
  cuStreamEndCapture (gpu.stream, &graph);
  cuGraphInstantiate (&exec, graph, 0);
  gpu.read (before, arguments.counts, sizeof before);
  for (int i = 0; i < 3; i++)
    cuGraphLaunch (exec, gpu.stream);
  gpu.read (after, arguments.counts, sizeof after);
  check (before[0] == 0 && after[0] == 3 * WRONG_THREADS && after[1] == after[0],
         "a graph's work runs as often as it is launched", "");
  cuGraphExecDestroy (exec);
  cuGraphDestroy (graph);
}

/* In a child, because it ends by that. */
void
check_host (void)
{
  Gpu gpu;
  int one = 1, status = 0;
  volatile int *memory = static_cast<int *> (gpu.memory (&one, sizeof one));

  gpu.wait ();
  const pid_t child = fork ();

  if (child == 0) {
    const struct rlimit none = { 0, 0 };

    setrlimit (RLIMIT_CORE, &none);
    _exit (*memory == 1);
  }
  waitpid (child, &status, 0);
  check (WIFSIGNALED (status) && WTERMSIG (status) == SIGSEGV,
         "the host cannot touch the memory of the GPU", "");
}

void
check_freed (void)
{
  Gpu gpu;
  int one = 1;
  CkCuMemory memory;

  cuMemAlloc (&memory, sizeof one);
  cuMemFree (memory);
  check (cuMemFree (memory) == CK_CU_INVALID_VALUE, "memory goes back once", "");
  cuMemcpyHtoDAsync (memory, &one, sizeof one, gpu.stream);
  check (gpu.wait () == CK_CU_ILLEGAL_ADDRESS && gpu.wait () == CK_CU_ILLEGAL_ADDRESS,
         "memory that went back is used", "");
}

/* A pool keeps what it has until it is trimmed. */
void
check_pools (void)
{
  Gpu gpu;
  const CkCuPoolProperties properties = { 1, 0, 1, 0, nullptr, 0, { 0 } };
  CkCuPool *pool;
  CkCuMemory memory;
  size_t before, held, after, total;

  cuMemGetInfo (&before, &total);
  cuMemPoolCreate (&pool, &properties);
  check (cuMemAllocFromPoolAsync (&memory, total + 1, pool, gpu.stream) == CK_CU_OUT_OF_MEMORY &&
             cuMemAlloc (&memory, before + 1) == CK_CU_OUT_OF_MEMORY,
         "more memory than there is", "");
  cuMemAllocFromPoolAsync (&memory, 1 << 20, pool, gpu.stream);
  cuMemFreeAsync (memory, gpu.stream);
  gpu.wait ();
  cuMemGetInfo (&held, &total);
  cuMemPoolTrimTo (pool, 0);
  cuMemGetInfo (&after, &total);
  check (held == before - (1 << 20) && after == before, "a pool keeps memory until it is trimmed",
         "");
  cuMemPoolDestroy (pool);
}

/* Failures that are asked for, and those that stay. */
void
check_failures (void)
{
  Gpu gpu;
  CkCuMemory memory;
  size_t free_bytes, total;

  cow_cuda_on_cpu_fail ("cuMemAlloc=2:2,cuStreamSynchronize=1:719");
  check (cuMemAlloc (&memory, 16) == 0 && cuMemFree (memory) == 0 &&
             cuMemAlloc (&memory, 16) == CK_CU_OUT_OF_MEMORY &&
             cuMemGetInfo (&free_bytes, &total) == 0,
         "memory may be refused", "");
  check (gpu.wait () == CK_CU_LAUNCH_FAILED &&
             cuMemGetInfo (&free_bytes, &total) == CK_CU_LAUNCH_FAILED &&
             cuMemAlloc (&memory, 16) == CK_CU_LAUNCH_FAILED,
         "a lost context answers nothing else", "");
  cow_cuda_on_cpu_fail (nullptr);
  cuDevicePrimaryCtxReset (0);
  check (cuMemGetInfo (&free_bytes, &total) == 0, "until it is made anew", "");
}

} // namespace

void
check_driver (void)
{
  check_copies ();
  check_streams ();
  check_graphs ();
  check_host ();
  check_freed ();
  check_pools ();
  check_failures ();
}
