/* SPDX-License-Identifier: MIT */
/* What the host (embed.c) tells the kernels of pixels to tokens (embed.cu). */
#ifndef CK_CUDA_EMBED_H
#define CK_CUDA_EMBED_H

#include "kernels/cuda/divisor.h"
#include "kernels/cuda/tiles.h"
#include "kernels/cuda/weight-values.h"

/* Pointers as in CkEmbed and CkEmbedBackward. */
typedef struct {
  int32_t height, width, patch, dim, n_prefix;
  int32_t patches, across; /* of a picture, and of a row of them */
  int32_t rows;            /* patches of all pictures */
  int32_t cols;            /* pixels of a patch, in all channels */
  int64_t batch, channels;
  CkCudaDivisor by_patches, by_across, by_patch, by_area; /* area: patch * patch */
  CkCudaValues weight;                                    /* [dim, cols] */
  const float *bias, *prefix, *position, *pixels;
  float *tokens;
  const float *dtokens;
  float *dprefix, *dposition;
  int32_t tiles_across;  /* the grid's x is tiles, this many next to each other in a row */
  int32_t share, shares; /* rows of each share of dweight, and how many shares; the grid's y */
  float *sums;           /* [shares, dim, cols], or of dbias [chunks, dim] */
} CkCudaEmbed;

#define CK_CUDA_EMBED_SHARED(bytes_of_tiles) ((bytes_of_tiles) + 16 * sizeof (float))

/* Prefix tokens, and the sums over pictures of what belongs to a place: a thread an element. */
#define CK_CUDA_EMBED_THREADS 256

/* Sums of dbias: a block has a chunk of rows and a strip of columns. */
#define CK_CUDA_EMBED_COLS   32
#define CK_CUDA_EMBED_LANES  8
#define CK_CUDA_EMBED_ROWS   128
#define CK_CUDA_EMBED_SUMMED (CK_CUDA_EMBED_COLS * CK_CUDA_EMBED_LANES * sizeof (float))

#endif /* CK_CUDA_EMBED_H */
