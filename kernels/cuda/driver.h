/* SPDX-License-Identifier: MIT */
/*
 * The functions of the NVIDIA driver's library that we call, as its ABI has them. It is opened at
 * run time, so neither its headers nor the library are needed to build or to start.
 *
 * Handles are the driver's own types by their struct tags, so that this header may stand beside
 * another one that declares them.
 */
#ifndef CK_CUDA_DRIVER_H
#define CK_CUDA_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef int CkCuResult;      /* CUresult */
typedef int CkCuDevice;      /* CUdevice: a GPU's index among the driver's */
typedef uint64_t CkCuMemory; /* CUdeviceptr */
typedef struct CUctx_st CkCuContext;
typedef struct CUmod_st CkCuModule;
typedef struct CUfunc_st CkCuFunction;
typedef struct CUstream_st CkCuStream;
typedef struct CUevent_st CkCuEvent;
typedef struct CUmemPoolHandle_st CkCuPool;
typedef struct CUgraph_st CkCuGraph;
typedef struct CUgraphExec_st CkCuGraphExec;

/* CUresult: those that we tell apart. */
enum {
  CK_CU_SUCCESS = 0,
  CK_CU_INVALID_VALUE = 1,
  CK_CU_OUT_OF_MEMORY = 2,
  CK_CU_STUB_LIBRARY = 34,
  CK_CU_DEVICE_UNAVAILABLE = 46,
  CK_CU_NO_DEVICE = 100,
  CK_CU_INVALID_DEVICE = 101,
  CK_CU_INVALID_IMAGE = 200,
  CK_CU_NO_BINARY_FOR_GPU = 209,
  CK_CU_ECC_UNCORRECTABLE = 214,
  CK_CU_NVLINK_UNCORRECTABLE = 220,
  CK_CU_JIT_COMPILER_NOT_FOUND = 221,
  CK_CU_UNSUPPORTED_PTX_VERSION = 222,
  CK_CU_CONTAINED = 226,
  CK_CU_NOT_FOUND = 500,
  CK_CU_NOT_READY = 600,
  CK_CU_ILLEGAL_ADDRESS = 700, /* from here on to LAUNCH_FAILED a context may be lost */
  CK_CU_LAUNCH_OUT_OF_RESOURCES = 701,
  CK_CU_LAUNCH_TIMEOUT = 702,
  CK_CU_CONTEXT_IS_DESTROYED = 709,
  CK_CU_ASSERT = 710,
  CK_CU_HARDWARE_STACK_ERROR = 714,
  CK_CU_LAUNCH_FAILED = 719,
  CK_CU_SYSTEM_DRIVER_MISMATCH = 803,
  CK_CU_STREAM_CAPTURE_UNSUPPORTED = 900,
  CK_CU_STREAM_CAPTURE_INVALIDATED = 901,
  CK_CU_UNKNOWN = 999
};

/* CUdevice_attribute */
enum {
  CK_CU_CLOCK_KHZ = 13,
  CK_CU_PROCESSORS = 16,
  CK_CU_INTEGRATED = 18, /* shares the host's memory */
  CK_CU_PCI_BUS = 33,
  CK_CU_PCI_DEVICE = 34,
  CK_CU_PCI_DOMAIN = 50,
  CK_CU_CAPABILITY_MAJOR = 75,
  CK_CU_CAPABILITY_MINOR = 76,
  CK_CU_SHARED_OPTIN = 97, /* bytes of shared memory that a block may have if asked for */
  CK_CU_MEMORY_POOLS = 115
};

/* CUfunction_attribute */
enum { CK_CU_FUNCTION_MAX_DYNAMIC_SHARED = 8 };

/* CUmemPool_attribute; values are uint64_t */
enum { CK_CU_POOL_RELEASE_THRESHOLD = 4, CK_CU_POOL_RESERVED = 5, CK_CU_POOL_USED = 7 };

/* Flags of streams, events, graphs, and modes of capture. */
enum {
  CK_CU_STREAM_NON_BLOCKING = 1,
  CK_CU_EVENT_BLOCKING_SYNC = 1,
  CK_CU_EVENT_DISABLE_TIMING = 2,
  CK_CU_CAPTURE_THREAD_LOCAL = 1
};

/* CUmemPoolProps */
typedef struct {
  int allocation_type; /* 1: pinned */
  int handle_types;    /* 0: none */
  int location_type;   /* 1: a device */
  int location;        /* which */
  void *security_attributes;
  size_t max_size; /* 0: the system's default */
  unsigned char reserved[56];
} CkCuPoolProperties;

/* CUmemorytype */
enum { CK_CU_MEMORY_DEVICE = 2 };

/* CUDA_MEMCPY3D_PEER: rows from the memory of one context to that of another. */
typedef struct {
  size_t from_x, from_y, from_z, from_level; /* bytes, rows; 0, 0 */
  int from_type;                             /* CUmemorytype */
  const void *from_host;
  CkCuMemory from;
  void *from_array;
  CkCuContext *from_context;
  size_t from_pitch, from_height; /* bytes from a row to the next; rows of a slice */
  size_t to_x, to_y, to_z, to_level;
  int to_type;
  void *to_host;
  CkCuMemory to;
  void *to_array;
  CkCuContext *to_context;
  size_t to_pitch, to_height;
  size_t row_bytes, rows, depth; /* depth 1 */
} CkCuPeerCopy;

/*
 * FUNCTION (the name without its version, the symbol, the parameters). All return CkCuResult, and
 * a driver of CUDA 11.4 has them all.
 */
/* clang-format off */
#define CK_CU_FUNCTIONS(FUNCTION)                                                                  \
  FUNCTION (cuInit, "cuInit", (unsigned flags))                                                    \
  FUNCTION (cuDriverGetVersion, "cuDriverGetVersion", (int *version))                              \
  FUNCTION (cuGetErrorName, "cuGetErrorName", (CkCuResult result, const char **name))              \
  FUNCTION (cuDeviceGetCount, "cuDeviceGetCount", (int *count))                                    \
  FUNCTION (cuDeviceGet, "cuDeviceGet", (CkCuDevice *device, int index))                           \
  FUNCTION (cuDeviceGetName, "cuDeviceGetName", (char *name, int bytes, CkCuDevice device))        \
  FUNCTION (cuDeviceGetAttribute, "cuDeviceGetAttribute",                                          \
            (int *value, int attribute, CkCuDevice device))                                        \
  FUNCTION (cuDeviceTotalMem, "cuDeviceTotalMem_v2", (size_t *bytes, CkCuDevice device))           \
  FUNCTION (cuDevicePrimaryCtxRetain, "cuDevicePrimaryCtxRetain",                                  \
            (CkCuContext **context, CkCuDevice device))                                            \
  FUNCTION (cuDevicePrimaryCtxRelease, "cuDevicePrimaryCtxRelease_v2", (CkCuDevice device))        \
  FUNCTION (cuDevicePrimaryCtxReset, "cuDevicePrimaryCtxReset_v2", (CkCuDevice device))            \
  FUNCTION (cuCtxPushCurrent, "cuCtxPushCurrent_v2", (CkCuContext *context))                       \
  FUNCTION (cuCtxPopCurrent, "cuCtxPopCurrent_v2", (CkCuContext **context))                        \
  FUNCTION (cuCtxSynchronize, "cuCtxSynchronize", (void))                                          \
  FUNCTION (cuModuleLoadData, "cuModuleLoadData", (CkCuModule **module, const void *image))        \
  FUNCTION (cuModuleUnload, "cuModuleUnload", (CkCuModule *module))                                \
  FUNCTION (cuModuleGetFunction, "cuModuleGetFunction",                                            \
            (CkCuFunction **function, CkCuModule *module, const char *name))                       \
  FUNCTION (cuFuncSetAttribute, "cuFuncSetAttribute",                                              \
            (CkCuFunction *function, int attribute, int value))                                    \
  FUNCTION (cuLaunchKernel, "cuLaunchKernel",                                                      \
            (CkCuFunction *function, unsigned grid_x, unsigned grid_y, unsigned grid_z,            \
             unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared_bytes,          \
             CkCuStream *stream, void **parameters, void **extra))                                 \
  FUNCTION (cuMemGetInfo, "cuMemGetInfo_v2", (size_t *free_bytes, size_t *total_bytes))            \
  FUNCTION (cuMemAlloc, "cuMemAlloc_v2", (CkCuMemory *memory, size_t bytes))                       \
  FUNCTION (cuMemFree, "cuMemFree_v2", (CkCuMemory memory))                                        \
  FUNCTION (cuMemPoolCreate, "cuMemPoolCreate",                                                    \
            (CkCuPool **pool, const CkCuPoolProperties *properties))                               \
  FUNCTION (cuMemPoolDestroy, "cuMemPoolDestroy", (CkCuPool *pool))                                \
  FUNCTION (cuMemPoolSetAttribute, "cuMemPoolSetAttribute",                                        \
            (CkCuPool *pool, int attribute, void *value))                                          \
  FUNCTION (cuMemPoolGetAttribute, "cuMemPoolGetAttribute",                                        \
            (CkCuPool *pool, int attribute, void *value))                                          \
  FUNCTION (cuMemPoolTrimTo, "cuMemPoolTrimTo", (CkCuPool *pool, size_t bytes_to_keep))            \
  FUNCTION (cuMemAllocFromPoolAsync, "cuMemAllocFromPoolAsync",                                    \
            (CkCuMemory *memory, size_t bytes, CkCuPool *pool, CkCuStream *stream))                \
  FUNCTION (cuMemFreeAsync, "cuMemFreeAsync", (CkCuMemory memory, CkCuStream *stream))             \
  FUNCTION (cuMemHostAlloc, "cuMemHostAlloc", (void **memory, size_t bytes, unsigned flags))       \
  FUNCTION (cuMemFreeHost, "cuMemFreeHost", (void *memory))                                        \
  FUNCTION (cuMemcpyHtoDAsync, "cuMemcpyHtoDAsync_v2",                                             \
            (CkCuMemory to, const void *host_from, size_t bytes, CkCuStream *stream))              \
  FUNCTION (cuMemcpyDtoHAsync, "cuMemcpyDtoHAsync_v2",                                             \
            (void *host_to, CkCuMemory from, size_t bytes, CkCuStream *stream))                    \
  FUNCTION (cuMemcpyDtoDAsync, "cuMemcpyDtoDAsync_v2",                                             \
            (CkCuMemory to, CkCuMemory from, size_t bytes, CkCuStream *stream))                    \
  FUNCTION (cuMemcpy3DPeerAsync, "cuMemcpy3DPeerAsync",                                            \
            (const CkCuPeerCopy *copy, CkCuStream *stream))                                        \
  FUNCTION (cuMemsetD8Async, "cuMemsetD8Async",                                                    \
            (CkCuMemory to, unsigned char value, size_t bytes, CkCuStream *stream))                \
  FUNCTION (cuStreamCreate, "cuStreamCreate", (CkCuStream **stream, unsigned flags))               \
  FUNCTION (cuStreamDestroy, "cuStreamDestroy_v2", (CkCuStream *stream))                           \
  FUNCTION (cuStreamSynchronize, "cuStreamSynchronize", (CkCuStream *stream))                      \
  FUNCTION (cuStreamWaitEvent, "cuStreamWaitEvent",                                                \
            (CkCuStream *stream, CkCuEvent *event, unsigned flags))                                \
  FUNCTION (cuStreamBeginCapture, "cuStreamBeginCapture_v2", (CkCuStream *stream, int mode))       \
  FUNCTION (cuStreamEndCapture, "cuStreamEndCapture", (CkCuStream *stream, CkCuGraph **graph))     \
  FUNCTION (cuGraphInstantiate, "cuGraphInstantiateWithFlags",                                     \
            (CkCuGraphExec **exec, CkCuGraph *graph, unsigned long long flags))                    \
  FUNCTION (cuGraphLaunch, "cuGraphLaunch", (CkCuGraphExec *exec, CkCuStream *stream))             \
  FUNCTION (cuGraphExecDestroy, "cuGraphExecDestroy", (CkCuGraphExec *exec))                       \
  FUNCTION (cuGraphDestroy, "cuGraphDestroy", (CkCuGraph *graph))                                  \
  FUNCTION (cuEventCreate, "cuEventCreate", (CkCuEvent **event, unsigned flags))                   \
  FUNCTION (cuEventDestroy, "cuEventDestroy_v2", (CkCuEvent *event))                               \
  FUNCTION (cuEventRecord, "cuEventRecord", (CkCuEvent *event, CkCuStream *stream))                \
  FUNCTION (cuEventSynchronize, "cuEventSynchronize", (CkCuEvent *event))
/* clang-format on */

#define CK_CU_FIELD(name, symbol, parameters) CkCuResult (*name) parameters;

typedef struct {
  void *library;
  CK_CU_FUNCTIONS (CK_CU_FIELD)
} CkCuDriver;

#undef CK_CU_FIELD

/*
 * Opens a library (NULL: the driver's own name) and fills *driver; the library stays open for
 * good, as the driver's threads do. Where it is not there or lacks a function, false, and `reason`
 * says so.
 */
bool ck_cu_driver_open (CkCuDriver *driver, const char *library, char *reason, size_t reason_bytes);

/* "CUDA_ERROR_OUT_OF_MEMORY"; static storage. */
const char *ck_cu_error_name (const CkCuDriver *driver, CkCuResult result);

#endif /* CK_CUDA_DRIVER_H */
