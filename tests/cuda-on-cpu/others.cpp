/* SPDX-License-Identifier: MIT */
/* Contexts of others, their memory, and the functions that libgstcuda looks for when it is loaded.
 * What has to do with graphics is refused. */
#include "tests/cuda-on-cpu/others.h"

#include "tests/cuda-on-cpu/calls.h"
#include "tests/cuda-on-cpu/memory.h"
#include "tests/cuda-on-cpu/shadow.h"
#include "tests/cuda-on-cpu/streams.h"

#include <map>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define PUBLIC extern "C" __attribute__ ((visibility ("default"))) CkCuResult

namespace
{

enum { HOST = 1, DEVICE = CK_CU_MEMORY_DEVICE }; /* CUmemorytype */
enum { NOT_SUPPORTED = 801 };                    /* CUresult */

struct Piece {
  size_t bytes;
  const CkCuContext *context;
};
std::map<CkCuMemory, Piece> pieces; /* mapped without access while nobody copies */

/* CUDA_MEMCPY2D */
struct Copy2D {
  size_t from_x, from_y;
  int from_type;
  const void *from_host;
  CkCuMemory from;
  void *from_array;
  size_t from_pitch;
  size_t to_x, to_y;
  int to_type;
  void *to_host;
  CkCuMemory to;
  void *to_array;
  size_t to_pitch;
  size_t row_bytes, rows;
};

/* The piece of others in which bytes lie, or the end. */
std::map<CkCuMemory, Piece>::iterator
find_piece (CkCuMemory memory, size_t bytes)
{
  auto piece = pieces.upper_bound (memory);

  if (piece == pieces.begin ())
    return pieces.end ();
  --piece;
  return memory - piece->first <= piece->second.bytes &&
                 bytes <= piece->second.bytes - (memory - piece->first)
             ? piece
             : pieces.end ();
}

/* One side of a copy: rows that a thread of the host may touch as long as this is there. */
class Side
{
public:
  /* Memory of the host; or of the device, and of that context where it is not NULL. */
  Side (void *host, CkCuMemory memory, const CkCuContext *context, size_t bytes)
      : data (static_cast<uint8_t *> (host)), others (pieces.end ()), ours (false)
  {
    if (host != nullptr)
      return;
    data = reinterpret_cast<uint8_t *> (memory);
    others = find_piece (memory, bytes);
    if (others != pieces.end ()) {
      if (context != nullptr && context != others->second.context)
        data = nullptr;
      else
        mprotect (reinterpret_cast<void *> (others->first), others->second.bytes,
                  PROT_READ | PROT_WRITE);
      return;
    }
    ours = memory_is_live (data, bytes);
    if (!ours || (context != nullptr && !context_is_primary (context)))
      data = nullptr;
    else
      memory_open ();
  }

  ~Side ()
  {
    if (others != pieces.end ())
      mprotect (reinterpret_cast<void *> (others->first), others->second.bytes, PROT_NONE);
  }

  uint8_t *data; /* NULL: none that this context has */

  void written (size_t offset, size_t bytes)
  {
    if (ours)
      shadow_written (data + offset, bytes);
  }

private:
  std::map<CkCuMemory, Piece>::iterator others;
  bool ours;
};

CkCuResult
copy_rows (const Copy2D *copy, const CkCuContext *from_context, const CkCuContext *to_context)
{
  const size_t rows = copy->rows, row_bytes = copy->row_bytes;

  if (rows == 0 || row_bytes == 0)
    return 0;
  Side from (copy->from_type == HOST ? const_cast<void *> (copy->from_host) : nullptr, copy->from,
             from_context, (copy->from_y + rows - 1) * copy->from_pitch + copy->from_x + row_bytes);
  Side to (copy->to_type == HOST ? copy->to_host : nullptr, copy->to, to_context,
           (copy->to_y + rows - 1) * copy->to_pitch + copy->to_x + row_bytes);

  if (from.data == nullptr || to.data == nullptr) {
    fprintf (stderr,
             "cuda-on-cpu: a copy of %zu rows of %zu bytes %s memory that its context has "
             "not\n",
             rows, row_bytes, from.data == nullptr ? "from" : "to");
    return CK_CU_ILLEGAL_ADDRESS;
  }
  for (size_t i = 0; i < rows; i++) {
    const size_t at = (copy->to_y + i) * copy->to_pitch + copy->to_x;

    memcpy (to.data + at, from.data + (copy->from_y + i) * copy->from_pitch + copy->from_x,
            row_bytes);
    to.written (at, row_bytes);
  }
  return 0;
}

/* A copy that is done when the call returns, behind all that was enqueued. */
CkCuResult
copy_now (const Copy2D *copy)
{
  const CkCuResult before = run_all ();

  if (before != 0)
    return before;
  const CkCuResult result = copy_rows (copy, nullptr, nullptr);

  memory_close ();
  return result;
}

} // namespace

bool
others_free (CkCuMemory memory)
{
  auto piece = pieces.find (memory);

  if (piece == pieces.end ())
    return false;
  munmap (reinterpret_cast<void *> (memory), piece->second.bytes);
  pieces.erase (piece);
  return true;
}

CkCuResult
cuMemcpy3DPeerAsync (const CkCuPeerCopy *peer, CkCuStream *stream)
{
  CALL_IN_CONTEXT (cuMemcpy3DPeerAsync);
  const CkCuPeerCopy copy = *peer;

  if (copy.from_type != DEVICE || copy.to_type != DEVICE || copy.depth != 1 ||
      copy.from_pitch < copy.row_bytes || copy.to_pitch < copy.row_bytes)
    return CK_CU_INVALID_VALUE;
  return enqueue (stream, [copy] {
    const Copy2D rows = { copy.from_x, copy.from_y,   DEVICE,          nullptr,
                          copy.from,   nullptr,       copy.from_pitch, copy.to_x,
                          copy.to_y,   DEVICE,        nullptr,         copy.to,
                          nullptr,     copy.to_pitch, copy.row_bytes,  copy.rows };

    return copy_rows (&rows, copy.from_context, copy.to_context);
  });
}

/* ---- libgstcuda ------------------------------------------------------------------------------ */

PUBLIC
cuGetErrorString (CkCuResult result, const char **text)
{
  return cuGetErrorName (result, text);
}

/* Becomes the current context of the thread. */
PUBLIC
cuCtxCreate_v2 (CkCuContext **context, unsigned flags, CkCuDevice device)
{
  CALL (cuCtxCreate);
  if (device != 0)
    return CK_CU_INVALID_DEVICE;
  *context = context_new ();
  return cuCtxPushCurrent (*context);
}

PUBLIC
cuCtxDestroy_v2 (CkCuContext *context)
{
  CALL (cuCtxDestroy);
  for (auto piece = pieces.begin (); piece != pieces.end ();) {
    auto next = std::next (piece);

    if (piece->second.context == context)
      others_free (piece->first);
    piece = next;
  }
  context_free (context);
  return 0;
}

/* As cuMemAlloc () in the primary context. */
PUBLIC
cuMemAllocPitch_v2 (CkCuMemory *memory, size_t *pitch, size_t row_bytes, size_t rows,
                    unsigned element)
{
  CALL_IN_CONTEXT (cuMemAllocPitch);
  *pitch = (row_bytes + 511) / 512 * 512;
  if (context_is_primary (context_current ()))
    return cuMemAlloc (memory, *pitch * rows);
  const size_t bytes = (*pitch * rows + 4095) / 4096 * 4096;
  void *made = mmap (nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  if (bytes == 0 || made == MAP_FAILED)
    return CK_CU_OUT_OF_MEMORY;
  *memory = reinterpret_cast<CkCuMemory> (made);
  pieces[*memory] = { bytes, context_current () };
  return 0;
}

PUBLIC
cuMemAllocHost_v2 (void **memory, size_t bytes)
{
  return cuMemHostAlloc (memory, bytes, 0);
}

PUBLIC
cuMemcpy2D_v2 (const Copy2D *copy)
{
  CALL_IN_CONTEXT (cuMemcpy2D);
  return copy_now (copy);
}

PUBLIC
cuMemcpy2DAsync_v2 (const Copy2D *copy, CkCuStream *stream)
{
  CALL_IN_CONTEXT (cuMemcpy2DAsync);
  const Copy2D rows = *copy;

  return enqueue (stream, [rows] { return copy_rows (&rows, nullptr, nullptr); });
}

/* The symbol of the first version does the same. */
PUBLIC stream_destroy (CkCuStream *stream) __asm__("cuStreamDestroy");
PUBLIC
stream_destroy (CkCuStream *stream)
{
  return cuStreamDestroy (stream);
}

PUBLIC
cuDeviceCanAccessPeer (int *can, CkCuDevice device, CkCuDevice peer)
{
  *can = 0;
  return 0;
}

#define REFUSED(name)                                                                              \
  PUBLIC name (void)                                                                               \
  {                                                                                                \
    return NOT_SUPPORTED;                                                                          \
  }

REFUSED (cuCtxEnablePeerAccess)
REFUSED (cuCtxDisablePeerAccess)
REFUSED (cuGLGetDevices_v2)
REFUSED (cuGraphicsGLRegisterBuffer)
REFUSED (cuGraphicsGLRegisterImage)
REFUSED (cuGraphicsMapResources)
REFUSED (cuGraphicsResourceGetMappedPointer_v2)
REFUSED (cuGraphicsResourceSetMapFlags_v2)
REFUSED (cuGraphicsSubResourceGetMappedArray)
REFUSED (cuGraphicsUnmapResources)
REFUSED (cuGraphicsUnregisterResource)
REFUSED (cuTexObjectCreate)
REFUSED (cuTexObjectDestroy)

/* GStreamer 1.26 wants these to be there, too. */
REFUSED (cuCtxGetLimit)
REFUSED (cuCtxSetLimit)
REFUSED (cuDestroyExternalMemory)
REFUSED (cuDestroyExternalSemaphore)
REFUSED (cuExternalMemoryGetMappedBuffer)
REFUSED (cuExternalMemoryGetMappedMipmappedArray)
REFUSED (cuImportExternalMemory)
REFUSED (cuImportExternalSemaphore)
REFUSED (cuIpcCloseMemHandle)
REFUSED (cuIpcGetEventHandle)
REFUSED (cuIpcGetMemHandle)
REFUSED (cuIpcOpenEventHandle)
REFUSED (cuIpcOpenMemHandle)
REFUSED (cuMemAddressFree)
REFUSED (cuMemAddressReserve)
REFUSED (cuMemAllocAsync)
REFUSED (cuMemCreate)
REFUSED (cuMemExportToShareableHandle)
REFUSED (cuMemGetAccess)
REFUSED (cuMemGetAllocationGranularity)
REFUSED (cuMemGetAllocationPropertiesFromHandle)
REFUSED (cuMemImportFromShareableHandle)
REFUSED (cuMemMap)
REFUSED (cuMemRelease)
REFUSED (cuMemRetainAllocationHandle)
REFUSED (cuMemSetAccess)
REFUSED (cuMemUnmap)
REFUSED (cuMemcpyDtoD_v2)
REFUSED (cuMemcpyDtoH_v2)
REFUSED (cuMemcpyHtoD_v2)
REFUSED (cuMemsetD2D16Async)
REFUSED (cuMemsetD2D16_v2)
REFUSED (cuMemsetD2D32Async)
REFUSED (cuMemsetD2D32_v2)
REFUSED (cuMemsetD2D8Async)
REFUSED (cuMemsetD2D8_v2)
REFUSED (cuSignalExternalSemaphoresAsync)
REFUSED (cuWaitExternalSemaphoresAsync)
