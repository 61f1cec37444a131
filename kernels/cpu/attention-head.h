/* SPDX-License-Identifier: MIT */
/* Attention of some queries of one head of one picture to all of its keys. */
#ifndef CK_CPU_ATTENTION_HEAD_H
#define CK_CPU_ATTENTION_HEAD_H

#include "kernels/kernels.h"

/* Queries [first, first + rows) of a head. */
typedef struct {
  int64_t picture, head, first, rows;
} CkQueries;

typedef struct {
  /* *floats that `attend` needs as scratch memory for so many queries; false when that is too much
   * to be counted. */
  bool (*scratch) (const CkAttention *op, int64_t rows, size_t *floats);
  /* The queries' rows of op->out, each of which depends neither on the others nor on how many there
   * are. `scratch` is aligned to 64 bytes. */
  CkStatus (*attend) (const CkAttention *op, const CkQueries *queries, float *scratch);
} CkAttentionOps;

void ck_attention_init_c (CkAttentionOps *ops);
void ck_attention_init_avx2 (CkAttentionOps *ops);
void ck_attention_init_avx512 (CkAttentionOps *ops);
void ck_attention_init_neon (CkAttentionOps *ops);

/* Elements of q or out from the first of all to that of the first query. */
static inline int64_t
ck_query_offset (const CkAttention *op, const CkQueries *queries)
{
  const int64_t row = queries->picture * ck_attention_queries (op) + queries->first;

  return (row * op->heads + queries->head) * op->head_dim;
}

/* Elements of k or v from the first of all to that of the head's first token. */
static inline int64_t
ck_key_offset (const CkAttention *op, const CkQueries *queries)
{
  return (queries->picture * op->tokens * op->heads + queries->head) * op->head_dim;
}

#endif /* CK_CPU_ATTENTION_HEAD_H */
