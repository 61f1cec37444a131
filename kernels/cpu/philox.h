/* SPDX-License-Identifier: MIT */
/*
 * Philox 4x32-10, a random number generator without state: a key and a counter give four words
 * (Salmon, Moraes, Dror & Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011).
 * ops-train-tmpl.h has it over vectors.
 */
#ifndef CK_PHILOX_H
#define CK_PHILOX_H

#include <stdint.h>

typedef struct {
  uint32_t word[4];
} CkPhilox;

static inline CkPhilox
ck_philox_round (CkPhilox c, uint32_t key0, uint32_t key1)
{
  const uint64_t a = (uint64_t)0xd2511f53u * c.word[0], b = (uint64_t)0xcd9e8d57u * c.word[2];
  return (CkPhilox){ { (uint32_t)(b >> 32) ^ c.word[1] ^ key0, (uint32_t)b,
                       (uint32_t)(a >> 32) ^ c.word[3] ^ key1, (uint32_t)a } };
}

/* The four words of one counter; the counter's upper 64 bits are 0. */
static inline CkPhilox
ck_philox (uint64_t key, uint64_t counter)
{
  const uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32), w0 = 0x9e3779b9u, w1 = 0xbb67ae85u;
  CkPhilox c = { { (uint32_t)counter, (uint32_t)(counter >> 32), 0, 0 } };

  for (uint32_t round = 0; round < 10; round++)
    c = ck_philox_round (c, k0 + round * w0, k1 + round * w1);
  return c;
}

/* A word as a number in [0, 1): its upper 24 bits, which a float holds exactly. */
static inline float
ck_philox_unit (uint32_t word)
{
  return (float)(int32_t)(word >> 8) * 0x1p-24f;
}

#endif /* CK_PHILOX_H */
