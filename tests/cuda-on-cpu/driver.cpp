/* SPDX-License-Identifier: MIT */
/* The driver's functions but for contexts (calls.cpp) and streams (streams.cpp): the device, its
 * memory, copies, modules and launches. */
#include "tests/cuda-on-cpu/calls.h"
#include "tests/cuda-on-cpu/machine.h"
#include "tests/cuda-on-cpu/memory.h"
#include "tests/cuda-on-cpu/others.h"
#include "tests/cuda-on-cpu/shadow.h"
#include "tests/cuda-on-cpu/streams.h"

#include <map>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <string>
#include <vector>

/* CUfunc_st */
struct CUfunc_st {
  const Kernel *kernel;
  size_t shared; /* bytes that a launch may ask for */
};

struct CUmod_st {
  std::map<std::string, CkCuFunction> functions;
};

struct CUmemPoolHandle_st {
  uint64_t threshold, reserved, used;
  int device;
};

namespace
{

enum { TEXTURE_ALIGNMENT = 14 }; /* CUdevice_attribute, for GStreamer */

const size_t SHARED_PLAIN = 48 << 10; /* bytes of shared memory without asking for more */

/* Who gave a piece of memory: a pool, or cuMemAlloc () on a device. */
struct Owner {
  CkCuPool *pool;
  int device;
};
std::map<CkCuMemory, Owner> owners;
std::map<uintptr_t, size_t> pinned; /* bytes */
size_t reserved[CONTEXT_DEVICES];   /* bytes of each, by all pools, or used outside them */

/* Bytes of shared memory that a block may have if it asks; CUDA C++ Programming Guide, "Technical
 * Specifications per Compute Capability". */
size_t
shared_most (void)
{
  switch (architecture ()) {
  case 70:
    return 96 << 10;
  case 75:
    return 64 << 10;
  case 80:
  case 87:
    return 163 << 10;
  case 90:
  case 100:
    return 227 << 10;
  default:
    return 99 << 10;
  }
}

int
n_devices (void)
{
  const size_t n = setting ("COW_CUDA_GPUS", 1);

  return (int)(n < CONTEXT_DEVICES ? n : CONTEXT_DEVICES);
}

size_t
total_memory (void)
{
  return setting ("COW_CUDA_MEMORY", (size_t)4 << 30);
}

uint8_t *
pointer (CkCuMemory memory)
{
  return reinterpret_cast<uint8_t *> (memory);
}

bool
is_pinned (const void *host, size_t bytes)
{
  const uintptr_t address = reinterpret_cast<uintptr_t> (host);
  auto piece = pinned.upper_bound (address);

  if (piece == pinned.begin ())
    return false;
  --piece;
  return address - piece->first < piece->second &&
         bytes <= piece->second - (address - piece->first);
}

/* Whether work may use so many bytes; says so where not. */
bool
is_live (const char *function, CkCuMemory memory, size_t bytes)
{
  char place[128];

  if (bytes == 0 || memory_is_live (pointer (memory), bytes))
    return true;
  memory_describe (pointer (memory), place, sizeof place);
  fprintf (stderr, "cuda-on-cpu: %s of %zu bytes at %#llx: %s\n", function, bytes,
           (unsigned long long)memory, place);
  return false;
}

CkCuResult
allocate (CkCuMemory *memory, size_t bytes, CkCuPool *pool)
{
  const int device = pool != nullptr ? pool->device : context_device ();
  uint8_t *made;

  if (bytes == 0)
    return CK_CU_INVALID_VALUE;
  const uint64_t more = pool == nullptr                       ? bytes
                        : pool->used + bytes > pool->reserved ? pool->used + bytes - pool->reserved
                                                              : 0;
  if (bytes > total_memory () || more > total_memory () - reserved[device])
    return CK_CU_OUT_OF_MEMORY;
  made = static_cast<uint8_t *> (memory_alloc (bytes));
  if (made == nullptr)
    return CK_CU_OUT_OF_MEMORY;
  shadow_fresh (made, bytes);
  reserved[device] += more;
  if (pool != nullptr) {
    pool->used += bytes;
    pool->reserved += more;
  }
  *memory = reinterpret_cast<CkCuMemory> (made);
  owners[*memory] = { pool, device };
  return 0;
}

void
trim (CkCuPool *pool, uint64_t keep)
{
  const uint64_t least = pool->used > keep ? pool->used : keep;

  if (pool->reserved > least) {
    reserved[pool->device] -= pool->reserved - least;
    pool->reserved = least;
  }
}

CkCuResult
release (CkCuMemory memory)
{
  auto owner = owners.find (memory);

  if (owner == owners.end ())
    return CK_CU_INVALID_VALUE;
  const size_t before = memory_used ();
  const Owner by = owner->second;

  shadow_gone (pointer (memory), memory_bytes (pointer (memory)));
  memory_free (pointer (memory));
  owners.erase (owner);
  const size_t bytes = before - memory_used ();

  if (by.pool == nullptr)
    reserved[by.device] -= bytes;
  else
    by.pool->used -= bytes;
  return 0;
}

} // namespace

CkCuResult
cuInit (unsigned flags)
{
  CALL (cuInit);
  read_architecture ();
  return memory_begin () && shadow_begin () ? 0 : CK_CU_OUT_OF_MEMORY;
}

CkCuResult
cuDriverGetVersion (int *version)
{
  CALL (cuDriverGetVersion);
  *version = (int)setting ("COW_CUDA_VERSION", 13000);
  return 0;
}

CkCuResult
cuGetErrorName (CkCuResult result, const char **name)
{
  static const struct {
    CkCuResult result;
    const char *name;
  } names[] = {
    { 0, "CUDA_SUCCESS" },
    { CK_CU_INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE" },
    { CK_CU_OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY" },
    { 4, "CUDA_ERROR_DEINITIALIZED" },
    { CK_CU_STUB_LIBRARY, "CUDA_ERROR_STUB_LIBRARY" },
    { CK_CU_DEVICE_UNAVAILABLE, "CUDA_ERROR_DEVICE_UNAVAILABLE" },
    { CK_CU_NO_DEVICE, "CUDA_ERROR_NO_DEVICE" },
    { CK_CU_INVALID_DEVICE, "CUDA_ERROR_INVALID_DEVICE" },
    { CK_CU_INVALID_IMAGE, "CUDA_ERROR_INVALID_IMAGE" },
    { 201, "CUDA_ERROR_INVALID_CONTEXT" },
    { CK_CU_NO_BINARY_FOR_GPU, "CUDA_ERROR_NO_BINARY_FOR_GPU" },
    { CK_CU_ECC_UNCORRECTABLE, "CUDA_ERROR_ECC_UNCORRECTABLE" },
    { CK_CU_NVLINK_UNCORRECTABLE, "CUDA_ERROR_NVLINK_UNCORRECTABLE" },
    { CK_CU_JIT_COMPILER_NOT_FOUND, "CUDA_ERROR_JIT_COMPILER_NOT_FOUND" },
    { CK_CU_UNSUPPORTED_PTX_VERSION, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION" },
    { CK_CU_CONTAINED, "CUDA_ERROR_CONTAINED" },
    { CK_CU_NOT_FOUND, "CUDA_ERROR_NOT_FOUND" },
    { CK_CU_NOT_READY, "CUDA_ERROR_NOT_READY" },
    { CK_CU_ILLEGAL_ADDRESS, "CUDA_ERROR_ILLEGAL_ADDRESS" },
    { CK_CU_LAUNCH_OUT_OF_RESOURCES, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES" },
    { CK_CU_LAUNCH_TIMEOUT, "CUDA_ERROR_LAUNCH_TIMEOUT" },
    { CK_CU_CONTEXT_IS_DESTROYED, "CUDA_ERROR_CONTEXT_IS_DESTROYED" },
    { CK_CU_ASSERT, "CUDA_ERROR_ASSERT" },
    { CK_CU_HARDWARE_STACK_ERROR, "CUDA_ERROR_HARDWARE_STACK_ERROR" },
    { 715, "CUDA_ERROR_ILLEGAL_INSTRUCTION" },
    { 716, "CUDA_ERROR_MISALIGNED_ADDRESS" },
    { CK_CU_LAUNCH_FAILED, "CUDA_ERROR_LAUNCH_FAILED" },
    { CK_CU_SYSTEM_DRIVER_MISMATCH, "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH" },
    { CK_CU_STREAM_CAPTURE_UNSUPPORTED, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED" },
    { CK_CU_STREAM_CAPTURE_INVALIDATED, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED" },
    { CK_CU_UNKNOWN, "CUDA_ERROR_UNKNOWN" },
  };

  for (const auto &known : names)
    if (known.result == result) {
      *name = known.name;
      return 0;
    }
  *name = nullptr;
  return CK_CU_INVALID_VALUE;
}

/* ---- devices --------------------------------------------------------------------------------- */

CkCuResult
cuDeviceGetCount (int *count)
{
  CALL (cuDeviceGetCount);
  *count = n_devices ();
  return 0;
}

CkCuResult
cuDeviceGet (CkCuDevice *device, int index)
{
  CALL (cuDeviceGet);
  *device = index;
  return index >= 0 && index < n_devices () ? 0 : CK_CU_INVALID_DEVICE;
}

CkCuResult
cuDeviceGetName (char *name, int bytes, CkCuDevice device)
{
  CALL (cuDeviceGetName);
  snprintf (name, (size_t)bytes, "CUDA on a processor");
  return 0;
}

CkCuResult
cuDeviceGetAttribute (int *value, int attribute, CkCuDevice device)
{
  CALL (cuDeviceGetAttribute);
  switch (attribute) {
  case CK_CU_CLOCK_KHZ:
    *value = 1000000;
    return 0;
  case CK_CU_PROCESSORS:
    *value = (int)setting ("COW_CUDA_PROCESSORS", 3);
    return 0;
  case TEXTURE_ALIGNMENT:
    *value = 512;
    return 0;
  case CK_CU_INTEGRATED:
  case CK_CU_PCI_BUS:
  case CK_CU_PCI_DEVICE:
  case CK_CU_PCI_DOMAIN:
    *value = 0;
    return 0;
  case CK_CU_CAPABILITY_MAJOR:
    *value = architecture () / 10;
    return 0;
  case CK_CU_CAPABILITY_MINOR:
    *value = architecture () % 10;
    return 0;
  case CK_CU_SHARED_OPTIN:
    *value = (int)shared_most ();
    return 0;
  case CK_CU_MEMORY_POOLS:
    *value = (int)setting ("COW_CUDA_POOLS", 1);
    return 0;
  default:
    return CK_CU_INVALID_VALUE;
  }
}

CkCuResult
cuDeviceTotalMem (size_t *bytes, CkCuDevice device)
{
  CALL (cuDeviceTotalMem);
  *bytes = total_memory ();
  return 0;
}

/* ---- modules and launches -------------------------------------------------------------------- */

/* All modules have all kernels; images are not looked at. */
CkCuResult
cuModuleLoadData (CkCuModule **module, const void *image)
{
  CALL_IN_CONTEXT (cuModuleLoadData);
  *module = new CkCuModule ();
  return 0;
}

CkCuResult
cuModuleUnload (CkCuModule *module)
{
  CALL (cuModuleUnload);
  delete module;
  return context_state ();
}

CkCuResult
cuModuleGetFunction (CkCuFunction **function, CkCuModule *module, const char *name)
{
  CALL_IN_CONTEXT (cuModuleGetFunction);
  const Kernel *kernel = find_kernel (name);

  if (kernel == nullptr)
    return CK_CU_NOT_FOUND;
  *function = &module->functions.insert ({ name, { kernel, SHARED_PLAIN } }).first->second;
  return 0;
}

CkCuResult
cuFuncSetAttribute (CkCuFunction *function, int attribute, int value)
{
  CALL_IN_CONTEXT (cuFuncSetAttribute);
  if (attribute != CK_CU_FUNCTION_MAX_DYNAMIC_SHARED || value < 0 || (size_t)value > shared_most ())
    return CK_CU_INVALID_VALUE;
  function->shared = (size_t)value;
  return 0;
}

static CkCuResult
refuse (const Kernel *kernel, const char *why, size_t found, size_t most)
{
  fprintf (stderr, "cuda-on-cpu: %s: the launch has %zu %s, at most are %zu\n", kernel->name, found,
           why, most);
  return CK_CU_INVALID_VALUE;
}

static CkCuResult
check_launch (const CkCuFunction *function, const unsigned *grid, const unsigned *block,
              size_t shared)
{
  const Kernel *kernel = function->kernel;

  for (int i = 0; i < 3; i++) {
    const size_t most = i == 0 ? 2147483647 : 65535;

    if (grid[i] == 0 || grid[i] > most)
      return refuse (kernel, "blocks in one dimension", grid[i], most);
  }
  if (block[0] == 0 || block[0] > kernel->threads)
    return refuse (kernel, "threads", block[0], kernel->threads);
  if (block[1] != 1 || block[2] != 1)
    return refuse (kernel, "threads in another dimension", block[1] * block[2], 1);
  if (shared > function->shared)
    return refuse (kernel, "bytes of shared memory", shared, function->shared);
  return 0;
}

CkCuResult
cuLaunchKernel (CkCuFunction *function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared_bytes,
                CkCuStream *stream, void **parameters, void **extra)
{
  CALL_IN_CONTEXT (cuLaunchKernel);
  const Kernel *kernel = function->kernel;
  const unsigned grid[] = { grid_x, grid_y, grid_z }, block[] = { block_x, block_y, block_z };
  const CkCuResult refused = check_launch (function, grid, block, shared_bytes);

  if (refused != 0)
    return refused;
  const uint8_t *first = static_cast<const uint8_t *> (parameters[0]);
  const std::vector<uint8_t> arguments (first, first + kernel->arguments_bytes);
  const int32_t *failure = *static_cast<const int32_t **> (parameters[1]);

  return enqueue (stream, [=] {
    return run_launch (
        { kernel, arguments.data (), failure, grid_x, grid_y, grid_z, block_x, shared_bytes });
  });
}

/* ---- memory ---------------------------------------------------------------------------------- */

CkCuResult
cuMemGetInfo (size_t *free_bytes, size_t *total_bytes)
{
  CALL_IN_CONTEXT (cuMemGetInfo);
  *total_bytes = total_memory ();
  const size_t taken = reserved[context_device ()];
  *free_bytes = *total_bytes > taken ? *total_bytes - taken : 0;
  return 0;
}

CkCuResult
cuMemAlloc (CkCuMemory *memory, size_t bytes)
{
  CALL_IN_CONTEXT (cuMemAlloc);
  return allocate (memory, bytes, nullptr);
}

/* Waits for all work. */
CkCuResult
cuMemFree (CkCuMemory memory)
{
  CALL_IN_CONTEXT (cuMemFree);
  if (memory == 0 || others_free (memory))
    return 0;
  const CkCuResult result = run_all ();

  return result == 0 ? release (memory) : result;
}

CkCuResult
cuMemPoolCreate (CkCuPool **pool, const CkCuPoolProperties *properties)
{
  CALL (cuMemPoolCreate);
  if (properties->allocation_type != 1 || properties->location_type != 1 ||
      properties->location < 0 || properties->location >= n_devices ())
    return CK_CU_INVALID_VALUE;
  *pool = new CkCuPool ();
  (*pool)->device = properties->location;
  return 0;
}

CkCuResult
cuMemPoolDestroy (CkCuPool *pool)
{
  CALL (cuMemPoolDestroy);
  trim (pool, 0);
  if (pool->used == 0)
    delete pool;
  return 0;
}

CkCuResult
cuMemPoolSetAttribute (CkCuPool *pool, int attribute, void *value)
{
  CALL (cuMemPoolSetAttribute);
  if (attribute != CK_CU_POOL_RELEASE_THRESHOLD)
    return CK_CU_INVALID_VALUE;
  memcpy (&pool->threshold, value, sizeof pool->threshold);
  return 0;
}

CkCuResult
cuMemPoolGetAttribute (CkCuPool *pool, int attribute, void *value)
{
  CALL (cuMemPoolGetAttribute);
  const uint64_t answer = attribute == CK_CU_POOL_RELEASE_THRESHOLD ? pool->threshold
                          : attribute == CK_CU_POOL_RESERVED        ? pool->reserved
                                                                    : pool->used;

  memcpy (value, &answer, sizeof answer);
  return 0;
}

CkCuResult
cuMemPoolTrimTo (CkCuPool *pool, size_t bytes_to_keep)
{
  CALL (cuMemPoolTrimTo);
  trim (pool, bytes_to_keep);
  return 0;
}

/* The address is known at once, so work that does not wait for the stream is found by its freeing
 * alone. */
CkCuResult
cuMemAllocFromPoolAsync (CkCuMemory *memory, size_t bytes, CkCuPool *pool, CkCuStream *stream)
{
  CALL_IN_CONTEXT (cuMemAllocFromPoolAsync);
  return is_capturing (stream) ? CK_CU_STREAM_CAPTURE_UNSUPPORTED : allocate (memory, bytes, pool);
}

CkCuResult
cuMemFreeAsync (CkCuMemory memory, CkCuStream *stream)
{
  CALL_IN_CONTEXT (cuMemFreeAsync);
  if (is_capturing (stream))
    return CK_CU_STREAM_CAPTURE_UNSUPPORTED;
  if (owners.count (memory) == 0)
    return CK_CU_INVALID_VALUE;
  return enqueue (stream, [memory] { return release (memory); });
}

CkCuResult
cuMemHostAlloc (void **memory, size_t bytes, unsigned flags)
{
  CALL_IN_CONTEXT (cuMemHostAlloc);
  *memory = aligned_alloc (4096, (bytes + 4095) / 4096 * 4096);
  if (*memory == nullptr)
    return CK_CU_OUT_OF_MEMORY;
  pinned[reinterpret_cast<uintptr_t> (*memory)] = bytes;
  return 0;
}

/* Waits for all work. */
CkCuResult
cuMemFreeHost (void *memory)
{
  CALL (cuMemFreeHost);
  if (pinned.erase (reinterpret_cast<uintptr_t> (memory)) == 0)
    return CK_CU_INVALID_VALUE;
  const CkCuResult state = context_state (), result = state == 0 ? run_all () : state;

  free (memory);
  return result;
}

/* ---- copies ---------------------------------------------------------------------------------- */

/* Of memory that is not pinned, the bytes are taken at the call. */
CkCuResult
cuMemcpyHtoDAsync (CkCuMemory to, const void *host_from, size_t bytes, CkCuStream *stream)
{
  CALL_IN_CONTEXT (cuMemcpyHtoDAsync);
  const bool later = is_pinned (host_from, bytes);
  const uint8_t *first = static_cast<const uint8_t *> (host_from);
  const std::vector<uint8_t> taken (first, later ? first : first + bytes);

  if (!later && is_capturing (stream))
    return CK_CU_STREAM_CAPTURE_UNSUPPORTED;
  const CkCuResult result = enqueue (stream, [=] {
    if (!is_live ("cuMemcpyHtoDAsync", to, bytes))
      return (CkCuResult)CK_CU_ILLEGAL_ADDRESS;
    memcpy (pointer (to), later ? first : taken.data (), bytes);
    shadow_written (pointer (to), bytes);
    return (CkCuResult)0;
  });

  /* Late copies tell of waits for them that are missing, early ones of those that they need. */
  return result != 0 || is_capturing (stream) || setting ("COW_CUDA_EARLY", 0) == 0
             ? result
             : run_stream (stream);
}

/*
 * With COW_CUDA_DIGEST a program says at its end what it downloaded, as a number that does not
 * depend on the order: the same for all seeds, if results are.
 */
class Digest
{
public:
  Digest (void) : wanted (getenv ("COW_CUDA_DIGEST") != nullptr), sum (0), n (0)
  {
  }

  ~Digest (void)
  {
    if (wanted)
      fprintf (stderr, "cuda-on-cpu: %zu downloads, digest %016llx\n", n, (unsigned long long)sum);
  }

  /* FNV-1a */
  void add (const uint8_t *memory, size_t bytes)
  {
    uint64_t hash = 14695981039346656037u;

    if (!wanted)
      return;
    for (size_t i = 0; i < bytes; i++)
      hash = (hash ^ memory[i]) * 1099511628211u;
    sum += hash;
    n++;
  }

private:
  bool wanted;
  uint64_t sum;
  size_t n;
};

static Digest downloads;

/* To memory that is not pinned, it has come when the call returns. */
CkCuResult
cuMemcpyDtoHAsync (void *host_to, CkCuMemory from, size_t bytes, CkCuStream *stream)
{
  CALL_IN_CONTEXT (cuMemcpyDtoHAsync);
  const bool later = is_pinned (host_to, bytes);

  if (!later && is_capturing (stream))
    return CK_CU_STREAM_CAPTURE_UNSUPPORTED;
  const CkCuResult result = enqueue (stream, [=] {
    if (!is_live ("cuMemcpyDtoHAsync", from, bytes))
      return (CkCuResult)CK_CU_ILLEGAL_ADDRESS;
    memcpy (host_to, pointer (from), bytes);
    downloads.add (pointer (from), bytes);
    return (CkCuResult)0;
  });

  return result != 0 || later ? result : run_stream (stream);
}

CkCuResult
cuMemcpyDtoDAsync (CkCuMemory to, CkCuMemory from, size_t bytes, CkCuStream *stream)
{
  CALL_IN_CONTEXT (cuMemcpyDtoDAsync);
  return enqueue (stream, [=] {
    if (!is_live ("cuMemcpyDtoDAsync", from, bytes) || !is_live ("cuMemcpyDtoDAsync", to, bytes))
      return (CkCuResult)CK_CU_ILLEGAL_ADDRESS;
    memmove (pointer (to), pointer (from), bytes);
    shadow_copied (pointer (to), pointer (from), bytes);
    return (CkCuResult)0;
  });
}

CkCuResult
cuMemsetD8Async (CkCuMemory to, unsigned char value, size_t bytes, CkCuStream *stream)
{
  CALL_IN_CONTEXT (cuMemsetD8Async);
  return enqueue (stream, [=] {
    if (!is_live ("cuMemsetD8Async", to, bytes))
      return (CkCuResult)CK_CU_ILLEGAL_ADDRESS;
    memset (pointer (to), value, bytes);
    shadow_written (pointer (to), bytes);
    return (CkCuResult)0;
  });
}
