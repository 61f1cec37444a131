/* SPDX-License-Identifier: MIT */
/* What the kernels of attention in whole numbers and the code that launches them share. */
#ifndef CK_CUDA_ATTENTION_CODES_H
#define CK_CUDA_ATTENTION_CODES_H

#include "kernels/attention-parts.h"

/* Of queries and keys: CK_CODE_MAX_16 of kernels/cpu/quantised.h. A code is 256 times a high one
 * plus a low one, both of 8 bits with a sign. */
#define CK_CUDA_CODE_MAX_16 5792

enum {
  CK_CODED_BLOCK = 64, /* elements of a row that share a scale */
  CK_CODED_LANES = 16, /* threads that make a block of codes */
  CK_CODED_THREADS = 128,
  CK_CODED_QUERIES = 64, /* of a block of threads: 16 a warp */
  /* bytes of a column of a part: keys in steps of 32, as products take them */
  CK_CODED_COLUMN = 96,
  CK_CODED_COLUMNS = 32, /* of values that are multiplied at once */
  /* bytes of shared memory: exponentials, and values with scales and sums, of which there are more
   * than of keys */
  CK_CODED_SHARED = CK_PARTS * (CK_PART_KEYS / 8) * CK_CODED_THREADS * 4 +
                    CK_PARTS * CK_CODED_COLUMNS * (CK_CODED_COLUMN + 16 + 4 + 4)
};

/*
 * Rows of all heads as codes. Key i of a head is token (i + shift) % tokens. Of values, each 16
 * keys of a part lie in the order in which lanes have their exponentials: key 8 j + 2 t + e at
 * place 4 t + 2 j + e.
 */
typedef struct {
  int32_t tokens, queries, prefix, heads, half;
  int32_t blocks;                           /* of CK_CODED_BLOCK in a row */
  int32_t shift, parts, part_size, regular; /* CkKeyParts */
  int32_t tiles;                            /* of queries a head */
  float scale;                              /* of scores, that are exponents of 2 */
  const float *cos, *sin, *q, *k, *v;
  int8_t *q_codes; /* [heads of all pictures, queries, high and low, blocks, 64] */
  float *q_scales; /* [..., queries, blocks] */
  int8_t *k_codes; /* [..., tokens, high and low, blocks, 64] */
  float *k_scales; /* [..., tokens, blocks] */
  int8_t *v_codes; /* [..., parts, blocks, 64, CK_CODED_COLUMN] */
  float *v_scales; /* [..., parts, blocks, 64] */
  int32_t *v_sums; /* likewise: of the codes */
  float *out;
} CkCudaCodedAttention;

#endif /* CK_CUDA_ATTENTION_CODES_H */
