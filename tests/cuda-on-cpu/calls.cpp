/* SPDX-License-Identifier: MIT */
#include "tests/cuda-on-cpu/calls.h"

#include "tests/cuda-on-cpu/streams.h"

#include <map>
#include <set>
#include <stdlib.h>
#include <string.h>
#include <string>

/* CUctx_st: the primary context of a device, or one that a program made for itself on the first. */
struct CUctx_st {
  int retained;
  CkCuResult failure;
};

namespace
{

enum { DEINITIALIZED = 4, INVALID_CONTEXT = 201 }; /* CUresult */

std::recursive_mutex calls;
CkCuContext primaries[CONTEXT_DEVICES];
std::set<CkCuContext *> others;
thread_local CkCuContext *stack[16];
thread_local int depth;

/* COW_CUDA_FAIL="FUNCTION=N:RESULT,...": the Nth call of a function returns a result. */
struct Failure {
  unsigned long call;
  CkCuResult result;
};
std::multimap<std::string, Failure> failures;
std::map<std::string, unsigned long> counts;
bool have_failures;

void
read_failures (const char *text)
{
  failures.clear ();
  counts.clear ();
  while (text != nullptr && *text != '\0') {
    const char *equals = strchr (text, '='), *end = strchr (text, ',');
    char *colon;

    if (equals == nullptr)
      break;
    Failure failure;
    failure.call = strtoul (equals + 1, &colon, 10);
    failure.result = *colon == ':' ? atoi (colon + 1) : 0;
    failures.insert ({ std::string (text, equals), failure });
    text = end != nullptr ? end + 1 : nullptr;
  }
  have_failures = !failures.empty ();
}

/* Those after which a context answers nothing else. */
bool
is_kept (CkCuResult result)
{
  return (result >= CK_CU_ILLEGAL_ADDRESS && result <= CK_CU_LAUNCH_FAILED &&
          result != CK_CU_LAUNCH_OUT_OF_RESOURCES) ||
         result == CK_CU_ECC_UNCORRECTABLE || result == CK_CU_NVLINK_UNCORRECTABLE ||
         result == CK_CU_CONTAINED || result == CK_CU_DEVICE_UNAVAILABLE;
}

} // namespace

/* As the environment variable, for programs; NULL: none. */
extern "C" __attribute__ ((visibility ("default"))) void
cow_cuda_on_cpu_fail (const char *text)
{
  std::lock_guard<std::recursive_mutex> lock (calls);

  read_failures (text);
}

Call::Call (const char *name) : result (0), lock (calls)
{
  static bool environment_read;

  if (!environment_read) {
    environment_read = true;
    read_failures (getenv ("COW_CUDA_FAIL"));
  }
  if (!have_failures)
    return;
  const unsigned long n = ++counts[name];
  const auto range = failures.equal_range (name);

  for (auto failure = range.first; failure != range.second; ++failure)
    if (failure->second.call == n)
      result = context_fail (failure->second.result);
}

size_t
setting (const char *name, size_t otherwise)
{
  const char *text = getenv (name);

  return text != nullptr ? strtoull (text, nullptr, 10) : otherwise;
}

static int known_architecture = 86;

void
read_architecture (void)
{
  known_architecture = (int)setting ("COW_CUDA_ARCHITECTURE", 86);
}

int
architecture (void)
{
  return known_architecture;
}

CkCuResult
context_state (void)
{
  if (depth == 0)
    return INVALID_CONTEXT;
  return stack[depth - 1]->retained > 0 ? stack[depth - 1]->failure : INVALID_CONTEXT;
}

CkCuResult
context_fail (CkCuResult result)
{
  CkCuContext *context = &primaries[context_device ()];

  if (is_kept (result) && context->failure == 0) {
    context->failure = result;
    drop_all (context_device ());
  }
  return result;
}

CkCuResult
cuDevicePrimaryCtxRetain (CkCuContext **context, CkCuDevice device)
{
  CALL (cuDevicePrimaryCtxRetain);
  primaries[device].retained++;
  *context = &primaries[device];
  return 0;
}

CkCuResult
cuDevicePrimaryCtxRelease (CkCuDevice device)
{
  CALL (cuDevicePrimaryCtxRelease);
  if (primaries[device].retained == 0)
    return INVALID_CONTEXT;
  if (--primaries[device].retained == 0) {
    run_all ();
    primaries[device].failure = 0;
  }
  return 0;
}

CkCuResult
cuDevicePrimaryCtxReset (CkCuDevice device)
{
  CALL (cuDevicePrimaryCtxReset);
  drop_all (device);
  primaries[device].failure = 0;
  return 0;
}

CkCuContext *
context_new (void)
{
  CkCuContext *context = new CkCuContext{ 1, 0 };

  others.insert (context);
  return context;
}

void
context_free (CkCuContext *context)
{
  if (others.erase (context) > 0)
    delete context;
}

CkCuContext *
context_current (void)
{
  return depth > 0 ? stack[depth - 1] : nullptr;
}

bool
context_is_primary (const CkCuContext *context)
{
  return context >= primaries && context < primaries + CONTEXT_DEVICES;
}

int
context_device (void)
{
  return depth > 0 && context_is_primary (stack[depth - 1]) ? (int)(stack[depth - 1] - primaries)
                                                            : 0;
}

CkCuResult
cuCtxSynchronize (void)
{
  CALL_IN_CONTEXT (cuCtxSynchronize);
  run_all ();
  return context_state ();
}

CkCuResult
cuCtxPushCurrent (CkCuContext *context)
{
  CALL (cuCtxPushCurrent);
  if ((!context_is_primary (context) && others.count (context) == 0) ||
      depth == sizeof stack / sizeof *stack)
    return CK_CU_INVALID_VALUE;
  stack[depth++] = context;
  return 0;
}

CkCuResult
cuCtxPopCurrent (CkCuContext **context)
{
  CALL (cuCtxPopCurrent);
  if (depth == 0)
    return INVALID_CONTEXT;
  depth--;
  if (context != nullptr)
    *context = stack[depth];
  return 0;
}
