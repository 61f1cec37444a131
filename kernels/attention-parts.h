/* SPDX-License-Identifier: MIT */
/* Attention in whole numbers on every device: its codes, and the parts that keys are cut into. What
 * the numbers mean is in kernels/cpu/attention-codes.h. */
#ifndef CK_ATTENTION_PARTS_H
#define CK_ATTENTION_PARTS_H

#include "kernels/kernels.h"
#include "kernels/sizes.h"

/* Keys of a part at most; as many products of two CK_PART_MAX_16 stay within 32 bits. */
#define CK_PART_KEYS   80
#define CK_PART_STEP   16 /* a part is a multiple of these, or ends the tokens */
#define CK_PART_MAX_16 5120
#define CK_EXP_MAX_16  CK_PART_MAX_16
#define CK_EXP_MAX_8   255
#define CK_PARTS       4  /* whose keys are computed at once */
#define CK_APART_MOST  16 /* tokens without a position that are a part of their own */
/* x below which 2^x is code 0 of either */
#define CK_EXP_LOWEST -40

/* 2^x / 2^floor (x) as polynomials of x - floor (x), minimax in the relative error: 7e-5 for codes
 * of 8 bits, 3e-6 for 16. */
#define CK_EXP_8                                                                                   \
  {                                                                                                \
    0.999925219f, 0.695833541f, 0.226067155f, 0.0780245227f                                        \
  }
#define CK_EXP_16                                                                                  \
  {                                                                                                \
    1.00000259f, 0.693003834f, 0.241442757f, 0.0520114606f, 0.0135341679f                          \
  }

/* How the tokens of a picture are cut into parts. Key i is token (i + shift) % tokens. */
typedef struct {
  int64_t tokens, shift;
  int64_t size, regular; /* of a part, and tokens that are cut into such */
  int64_t n;             /* parts */
} CkKeyParts;

static inline CkKeyParts
ck_key_parts (const CkAttention *op)
{
  const bool apart = op->prefix > 0 && op->prefix <= CK_APART_MOST && op->prefix < op->tokens;
  CkKeyParts parts;

  parts.tokens = op->tokens;
  parts.shift = apart ? op->prefix : 0;
  parts.regular = op->tokens - parts.shift;
  parts.size = ck_round_up (ck_ceil_div (parts.regular, ck_ceil_div (parts.regular, CK_PART_KEYS)),
                            CK_PART_STEP);
  parts.n = ck_ceil_div (parts.regular, parts.size) + (apart ? 1 : 0);
  return parts;
}

static inline int64_t
ck_key_token (const CkKeyParts *parts, int64_t key)
{
  const int64_t token = key + parts->shift;

  return token < parts->tokens ? token : token - parts->tokens;
}

/* The first key of a part; of the one behind the last: all keys. */
static inline int64_t
ck_part_first (const CkKeyParts *parts, int64_t part)
{
  return part >= parts->n ? parts->tokens : ck_min (part * parts->size, parts->regular);
}

/* Up to CK_PARTS parts, whose keys lie beside each other. */
typedef struct {
  int64_t first, n; /* keys */
  int64_t starts[CK_PARTS], sizes[CK_PARTS];
  int64_t places[CK_PARTS]; /* of a part's first code in a row of exponentials */
  bool is_first, is_last;
} CkKeyChunk;

#define CK_CHUNK_KEYS (CK_PARTS * CK_PART_KEYS)

static inline CkKeyChunk
ck_key_chunk (const CkKeyParts *parts, int64_t part)
{
  CkKeyChunk chunk;
  int64_t place = 0;

  chunk.first = ck_part_first (parts, part);
  chunk.is_first = part == 0;
  chunk.is_last = part + CK_PARTS >= parts->n;
  for (int64_t p = 0; p < CK_PARTS; p++) {
    chunk.starts[p] = ck_part_first (parts, part + p) - chunk.first;
    chunk.sizes[p] = ck_part_first (parts, part + p + 1) - chunk.first - chunk.starts[p];
    chunk.places[p] = place;
    place += ck_round_up (chunk.sizes[p], CK_PART_STEP);
  }
  chunk.n = chunk.starts[CK_PARTS - 1] + chunk.sizes[CK_PARTS - 1];
  return chunk;
}

#endif /* CK_ATTENTION_PARTS_H */
