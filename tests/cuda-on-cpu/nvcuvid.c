/* SPDX-License-Identifier: MIT */
/*
 * A libnvcuvid whose GPU has decoders, which all refuse to be made: GStreamer has its CUDA elements
 * only where it finds that library, and lists what can be decoded as this says.
 */
#include <ffnvcodec/dynlink_cuda.h>
#include <ffnvcodec/dynlink_cuviddec.h>

#include <string.h>

#define PUBLIC __attribute__ ((visibility ("default"))) CUresult

enum { NOT_SUPPORTED = 801 };

PUBLIC cuvidGetDecoderCaps (CUVIDDECODECAPS *caps);

/* H.264 with 8 bits up to 4096 x 4096, H.265 with 8 and 10 bits up to 8192 x 8192. */
PUBLIC
cuvidGetDecoderCaps (CUVIDDECODECAPS *caps)
{
  const int h264 = caps->eCodecType == cudaVideoCodec_H264 && caps->nBitDepthMinus8 == 0,
            h265 = caps->eCodecType == cudaVideoCodec_HEVC && caps->nBitDepthMinus8 % 2 == 0 &&
                   caps->nBitDepthMinus8 <= 2;

  if (caps->eChromaFormat != cudaVideoChromaFormat_420 || (!h264 && !h265))
    return CUDA_SUCCESS;
  caps->bIsSupported = 1;
  caps->nNumNVDECs = 2;
  caps->nOutputFormatMask = caps->nBitDepthMinus8 == 0 ? 1 << cudaVideoSurfaceFormat_NV12
                                                       : 1 << cudaVideoSurfaceFormat_P016;
  caps->nMinWidth = 48;
  caps->nMinHeight = 16;
  caps->nMaxWidth = caps->nMaxHeight = h264 ? 4096 : 8192;
  caps->nMaxMBCount = caps->nMaxWidth / 16 * (caps->nMaxHeight / 16);
  return CUDA_SUCCESS;
}

#define REFUSED(name)                                                                              \
  PUBLIC name (void);                                                                              \
  PUBLIC name (void)                                                                               \
  {                                                                                                \
    return (CUresult)NOT_SUPPORTED;                                                                \
  }

REFUSED (cuvidCtxLockCreate)
REFUSED (cuvidCtxLockDestroy)
REFUSED (cuvidCtxLock)
REFUSED (cuvidCtxUnlock)
REFUSED (cuvidCreateDecoder)
REFUSED (cuvidDestroyDecoder)
REFUSED (cuvidDecodePicture)
REFUSED (cuvidCreateVideoParser)
REFUSED (cuvidParseVideoData)
REFUSED (cuvidDestroyVideoParser)
REFUSED (cuvidMapVideoFrame64)
REFUSED (cuvidUnmapVideoFrame64)
