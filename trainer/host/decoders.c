/* SPDX-License-Identifier: MIT */
#include "trainer/host/decoders.h"

#include "cow-build.h"
#include "model/files/error.h"

#ifdef COW_HAVE_FFNVCODEC
#  include <dlfcn.h>
#  include <ffnvcodec/dynlink_cuda.h>
#  include <ffnvcodec/dynlink_nvcuvid.h>
#  include <string.h>

#  define DRIVER  "libcuda.so.1"
#  define DECODER "libnvcuvid.so.1"

/* The functions of both libraries that we call, by their symbols. */
typedef struct {
  tcuInit *cuInit;
  tcuGetErrorName *cuGetErrorName;
  tcuDeviceGet *cuDeviceGet;
  tcuDevicePrimaryCtxRetain *cuDevicePrimaryCtxRetain;
  tcuDevicePrimaryCtxRelease *cuDevicePrimaryCtxRelease;
  tcuCtxPushCurrent_v2 *cuCtxPushCurrent;
  tcuCtxPopCurrent_v2 *cuCtxPopCurrent;
  tcuvidGetDecoderCaps *cuvidGetDecoderCaps;
} Functions;

static const struct {
  const char *file, *symbol;
  gsize offset;
} symbols[] = {
#  define SYMBOL(library, name, symbol)                                                            \
    {                                                                                              \
      library, symbol, G_STRUCT_OFFSET (Functions, name)                                           \
    }
  SYMBOL (DRIVER, cuInit, "cuInit"),
  SYMBOL (DRIVER, cuGetErrorName, "cuGetErrorName"),
  SYMBOL (DRIVER, cuDeviceGet, "cuDeviceGet"),
  SYMBOL (DRIVER, cuDevicePrimaryCtxRetain, "cuDevicePrimaryCtxRetain"),
  SYMBOL (DRIVER, cuDevicePrimaryCtxRelease, "cuDevicePrimaryCtxRelease_v2"),
  SYMBOL (DRIVER, cuCtxPushCurrent, "cuCtxPushCurrent_v2"),
  SYMBOL (DRIVER, cuCtxPopCurrent, "cuCtxPopCurrent_v2"),
  SYMBOL (DECODER, cuvidGetDecoderCaps, "cuvidGetDecoderCaps"),
#  undef SYMBOL
};

/* The libraries stay open, as their threads do. */
static gboolean
load (Functions *functions, GError **error)
{
  for (gsize i = 0; i < G_N_ELEMENTS (symbols); i++) {
    void *library = dlopen (symbols[i].file, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
      g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED, "%s; it comes with the NVIDIA driver",
                   dlerror ());
      return FALSE;
    }
    void *function = dlsym (library, symbols[i].symbol);
    if (!function) {
      g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
                   "%s has no %s: the NVIDIA driver is too old", symbols[i].file,
                   symbols[i].symbol);
      return FALSE;
    }
    memcpy ((char *)functions + symbols[i].offset, &function, sizeof function);
  }
  return TRUE;
}

static gboolean
check (const Functions *functions, CUresult result, const char *call, GError **error)
{
  const char *name = NULL;
  if (result == CUDA_SUCCESS)
    return TRUE;
  functions->cuGetErrorName (result, &name);
  g_set_error (error, COW_ERROR, COW_ERROR_DEVICE, "%s: %s", call,
               name ? name : "an unknown CUDA error");
  return FALSE;
}

/* Results of cuvidGetDecoderCaps () for kinds of video that are younger than the driver. */
static gboolean
is_unknown_kind (CUresult result)
{
  enum { INVALID_VALUE = 1, NOT_SUPPORTED = 801 };
  return (int)result == INVALID_VALUE || (int)result == NOT_SUPPORTED;
}

/* Asks for one kind of video, and adds it if it is decoded. */
static CUresult
ask (const Functions *functions, CUVIDDECODECAPS caps, Decoder decoder, GArray *all)
{
  const CUresult result = functions->cuvidGetDecoderCaps (&caps);
  if (result != CUDA_SUCCESS || !caps.bIsSupported)
    return result;
  decoder.width = caps.nMaxWidth;
  decoder.height = caps.nMaxHeight;
  decoder.engines = caps.nNumNVDECs;
  g_array_append_val (all, decoder);
  return CUDA_SUCCESS;
}

static const struct {
  cudaVideoCodec codec;
  const char *name;
} codecs[] = { { cudaVideoCodec_H264, "h264" },   { cudaVideoCodec_HEVC, "h265" },
               { cudaVideoCodec_AV1, "av1" },     { cudaVideoCodec_VP9, "vp9" },
               { cudaVideoCodec_VP8, "vp8" },     { cudaVideoCodec_JPEG, "mjpeg" },
               { cudaVideoCodec_MPEG4, "mpeg4" }, { cudaVideoCodec_MPEG2, "mpeg2" },
               { cudaVideoCodec_MPEG1, "mpeg1" }, { cudaVideoCodec_VC1, "vc1" } };

static const struct {
  cudaVideoChromaFormat chroma;
  const char *name;
} chromas[] = { { cudaVideoChromaFormat_420, "4:2:0" },
                { cudaVideoChromaFormat_422, "4:2:2" },
                { cudaVideoChromaFormat_444, "4:4:4" },
                { cudaVideoChromaFormat_Monochrome, "4:0:0" } };

enum { LEAST_BITS = 8, MOST_BITS = 12 };

/* In the current context. A driver that knows no kind of video at all has failed. */
static GArray *
ask_all (const Functions *functions, GError **error)
{
  g_autoptr (GArray) all = g_array_new (FALSE, FALSE, sizeof (Decoder));
  CUresult unknown = CUDA_SUCCESS;
  gboolean answered = FALSE;
  for (gsize i = 0; i < G_N_ELEMENTS (codecs); i++)
    for (gsize j = 0; j < G_N_ELEMENTS (chromas); j++)
      for (guint bits = LEAST_BITS; bits <= MOST_BITS; bits += 2) {
        const CUVIDDECODECAPS caps = { .eCodecType = codecs[i].codec,
                                       .eChromaFormat = chromas[j].chroma,
                                       .nBitDepthMinus8 = bits - 8 };
        const Decoder decoder = { .codec = codecs[i].name,
                                  .chroma = chromas[j].name,
                                  .bits = bits };
        const CUresult result = ask (functions, caps, decoder, all);
        if (is_unknown_kind (result))
          unknown = result;
        else if (!check (functions, result, "cuvidGetDecoderCaps", error))
          return NULL;
        else
          answered = TRUE;
      }
  if (!answered && !check (functions, unknown, "cuvidGetDecoderCaps", error))
    return NULL;
  return g_steal_pointer (&all);
}

GArray *
decoders_of_gpu (int index, GError **error)
{
  Functions functions;
  CUdevice device;
  CUcontext context;
  GArray *all = NULL;
  if (!load (&functions, error) || !check (&functions, functions.cuInit (0), "cuInit", error) ||
      !check (&functions, functions.cuDeviceGet (&device, index), "cuDeviceGet", error) ||
      !check (&functions, functions.cuDevicePrimaryCtxRetain (&context, device),
              "cuDevicePrimaryCtxRetain", error))
    return NULL;
  if (check (&functions, functions.cuCtxPushCurrent (context), "cuCtxPushCurrent", error)) {
    all = ask_all (&functions, error);
    functions.cuCtxPopCurrent (&context);
  }
  functions.cuDevicePrimaryCtxRelease (device);
  return all;
}

#else

GArray *
decoders_of_gpu (int index, GError **error)
{
  g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
               "this build was made without NVIDIA's Video Codec headers (Debian's package "
               "libffmpeg-nvenc-dev)");
  return NULL;
}

#endif
