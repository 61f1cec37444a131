/* SPDX-License-Identifier: MIT */
/* What the kernels of attention in fp16 and bf16 and the code that launches them share. */
#ifndef CK_CUDA_ATTENTION_HALVES_H
#define CK_CUDA_ATTENTION_HALVES_H

#include <stdint.h>

enum {
  CK_HALVES_THREADS = 128,
  CK_HALVES_QUERIES = 64, /* of a block of threads: 16 a warp */
  CK_HALVES_KEYS = 64,    /* of a tile */
  CK_HALVES_CHUNK = 64,   /* a row is whole chunks, the last one filled up with zeros */
  CK_HALVES_CHUNKS_MOST = 2,
  CK_HALVES_EACH = 4 /* neighbours of a row that a thread rounds */
};

/* Rows of all heads, rounded: [heads of all pictures, queries or tokens, width]. */
typedef struct {
  int32_t tokens, queries, prefix, heads, half;
  int32_t width; /* chunks * CK_HALVES_CHUNK */
  int32_t tiles; /* of queries a head */
  float scale;   /* of scores, that are exponents of 2 */
  const float *cos, *sin, *q, *k, *v;
  uint16_t *q_halves, *k_halves, *v_halves;
  float *out;
} CkCudaHalfAttention;

/* Bytes of shared memory, by the chunks of a row: a tile of keys and one of values, whose rows are
 * 16 bytes longer so that eight lie in different banks. */
#define CK_HALVES_SHARED(chunks) (2 * CK_HALVES_KEYS * ((chunks)*CK_HALVES_CHUNK + 8) * 2)

#endif /* CK_CUDA_ATTENTION_HALVES_H */
