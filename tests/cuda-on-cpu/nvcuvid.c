/* SPDX-License-Identifier: MIT */
/*
 * A libnvcuvid whose GPU has decoders, which all refuse to be made: GStreamer has its CUDA elements
 * only where it finds that library, and lists what can be decoded as this says. It does not know
 * AV1, as a driver that is older than its decoders. With COW_NVCUVID_RESULT in the environment it
 * answers that (a CUresult) to questions for other codecs than H.265, with COW_NVCUVID_HEVC_RESULT
 * to those for it, and with COW_NVCUVID_NONE its GPU has no decoders.
 */
#include <ffnvcodec/dynlink_cuda.h>
#include <ffnvcodec/dynlink_cuviddec.h>

#include <stdlib.h>

#define PUBLIC __attribute__ ((visibility ("default"))) CUresult

enum { INVALID_VALUE = 1, NOT_SUPPORTED = 801 };

PUBLIC cuvidGetDecoderCaps (CUVIDDECODECAPS *caps);

/* H.264 with 8 bits up to 4096 x 4096, H.265 with 8 and 10 bits up to 8192 x 8192. */
PUBLIC
cuvidGetDecoderCaps (CUVIDDECODECAPS *caps)
{
  const int h264 = caps->eCodecType == cudaVideoCodec_H264 && caps->nBitDepthMinus8 == 0,
            h265 = caps->eCodecType == cudaVideoCodec_HEVC && caps->nBitDepthMinus8 % 2 == 0 &&
                   caps->nBitDepthMinus8 <= 2;

  const char *result = getenv (caps->eCodecType == cudaVideoCodec_HEVC ? "COW_NVCUVID_HEVC_RESULT"
                                                                       : "COW_NVCUVID_RESULT");

  if (result != NULL)
    return (CUresult)atoi (result);
  if (caps->eCodecType == cudaVideoCodec_AV1)
    return (CUresult)INVALID_VALUE;
  if (getenv ("COW_NVCUVID_NONE") != NULL)
    return CUDA_SUCCESS;
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
