/* SPDX-License-Identifier: MIT */
/* What the kernels of attention and the code that launches them share. */
#ifndef CK_CUDA_ATTENTION_ARGUMENTS_H
#define CK_CUDA_ATTENTION_ARGUMENTS_H

#include <stdint.h>

/*
 * A block has CK_ATTENTION_GROUPS groups of CK_ATTENTION_LANES threads. A group computes a few rows
 * of a head, each thread some columns of them. Elements of a head go through shared memory in
 * chunks: CK_ATTENTION_PAIRS of the low half of head_dim, and the same ones of the high half, with
 * which the rotation mixes them.
 */
enum {
  CK_ATTENTION_LANES = 8,
  CK_ATTENTION_GROUPS = 16,
  CK_ATTENTION_THREADS = CK_ATTENTION_LANES * CK_ATTENTION_GROUPS,
  CK_ATTENTION_COLUMNS = 32, /* keys (or queries) that a tile of rows meets at once */
  CK_ATTENTION_PAIRS = 32,
  CK_ATTENTION_CHUNK = 2 * CK_ATTENTION_PAIRS,
  /* floats from a row to the next in shared memory, so that eight rows, or four groups' rows, lie
   * in different banks */
  CK_ATTENTION_STRIDE = CK_ATTENTION_CHUNK + 4,
  CK_ATTENTION_WEIGHTS = CK_ATTENTION_COLUMNS + 8,
  CK_ATTENTION_BACKWARD_ROWS = 2 /* of a group */
};

/* Heads that both directions read. */
typedef struct {
  int32_t tokens, queries, prefix, heads;
  int32_t half;           /* of head_dim */
  int32_t chunks;         /* of a head */
  int32_t tiles;          /* of rows, that a head is cut into */
  int32_t vectors;        /* whether four floats of a row can be loaded at once */
  const float *cos, *sin; /* [tokens - prefix, 2 half], NULL: nothing is rotated */
  const float *q, *k, *v;
} CkCudaHeads;

typedef struct {
  CkCudaHeads heads;
  float scale; /* of scores, that are exponents of 2 */
  float *out;
} CkCudaAttention;

/* What the softmax of a query was: p = 2^(score - most) inverse; and the sum of dout out. */
typedef struct {
  float most, inverse, product, unused;
} CkCudaQuery;

typedef struct {
  CkCudaHeads heads;
  float scale;        /* as above */
  float query_factor; /* what dq is multiplied by behind its sums, */
  float key_factor;   /* and dk */
  const float *out, *dout;
  CkCudaQuery *softmax; /* [batch, heads, queries], which the kernel of dq writes */
  float *dq, *dk, *dv;
} CkCudaAttentionBackward;

#endif /* CK_CUDA_ATTENTION_ARGUMENTS_H */
