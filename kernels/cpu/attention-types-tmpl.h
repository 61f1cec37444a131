/* SPDX-License-Identifier: MIT */
/* What the parts of attention in whole numbers (attention-codes-tmpl.h) tell one another. */
#ifndef CK_CPU_ATTENTION_TYPES_TMPL_H
#define CK_CPU_ATTENTION_TYPES_TMPL_H

#include "kernels/cpu/attention-codes.h"
#include "kernels/cpu/pack-tmpl.h"
#include "kernels/cpu/quantised.h"
#include "kernels/cpu/rotate-tmpl.h"
#include "kernels/cpu/scratch.h"

#define ROWS  12 /* of queries, a multiple of every Q_TILE */
#define BATCH 16 /* of rows that become codes at once: W or ROWS at most */

/* A head, and the parts of the scratch memory. Codes of the second product are of either size. */
typedef struct {
  const CkAttention *op;
  const CkQueries *queries;
  CkKeyParts parts;
  int64_t blocks;     /* of 64 in a row of q or k */
  const float *k, *v; /* of the head's first token */
  const float *q;     /* of the first query */
  float *out;         /* likewise */

  int16_t *keys;       /* [strips of keys, blocks, groups, STRIP] groups */
  float *key_scales;   /* [strips of keys, blocks, STRIP] */
  float largest;       /* of these */
  void *values;        /* [strips of columns, groups of the chunk, STRIP] groups */
  float *value_scales; /* [strips of columns, CK_PARTS, STRIP] */

  float *rotated;   /* [BATCH, head_dim] keys or queries, and what they become: */
  CkCodes rows;     /* [BATCH] */
  float *scores;    /* [ROWS, CK_CHUNK_KEYS] */
  void *exps;       /* [ROWS, CK_CHUNK_KEYS] without sign */
  float *part_most; /* [ROWS, CK_PARTS] the largest score, and then what a code is worth */
  float *part_sums; /* [ROWS, CK_PARTS] of codes */
  float *scale;     /* [ROWS, CK_PARTS] by which the result is multiplied, the same for each part */
  float *keep;      /* [ROWS, CK_PARTS] likewise what earlier chunks gave */
  float *most;      /* [queries, CK_PARTS] likewise the largest score of the chunks so far */
  float *sum;       /* [queries, CK_PARTS] likewise the sum of exponentials */
} CodedHead;

/* The second product, for codes of one size. */
typedef struct {
  int64_t code_size;
  /* Values of a chunk to head->values. */
  void (*pack) (CodedHead *head, const CkKeyChunk *chunk);
  /* Scores of so many rows to head->exps, part_most and part_sums. */
  void (*soften) (CodedHead *head, const CkKeyChunk *chunk, int64_t rows);
  /* The rows' part of the result. */
  void (*mix) (const CodedHead *head, const CkKeyChunk *chunk, int64_t rows, float *out);
} MixOps;

#endif /* CK_CPU_ATTENTION_TYPES_TMPL_H */
