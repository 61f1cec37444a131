/* SPDX-License-Identifier: MIT */
/*
 * What the video decoders of an NVIDIA GPU (NVDEC) can decode, by NVIDIA's Video Codec headers; the
 * driver's libraries are loaded when somebody asks. That needs none of our kernels: a GPU may
 * decode that is too old to compute.
 */
#ifndef COW_TRAINER_DECODERS_H
#define COW_TRAINER_DECODERS_H

#include <glib.h>

typedef struct {
  const char *codec;   /* "h264" */
  const char *chroma;  /* "4:2:0" */
  guint bits;          /* of a sample */
  guint width, height; /* the largest, px */
  guint engines;       /* that can do it at the same time; 0 where an old driver does not tell */
} Decoder;

/*
 * Of the GPU that the driver counts as `index`: an array of Decoder, which is empty where it has
 * none. NULL: that is not known; COW_ERROR_UNSUPPORTED where this build has no headers or this
 * machine no driver that could tell, else COW_ERROR_DEVICE.
 */
GArray *decoders_of_gpu (int index, GError **error);

#endif
