/* SPDX-License-Identifier: MIT */
/*
 * Philox 4x32-10, a random number generator without state: a key and a counter give four words
 * (Salmon, Moraes, Dror & Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011).
 * cpu/training-tmpl.h has it over vectors.
 */
#ifndef CK_PHILOX_H
#define CK_PHILOX_H

#include <stdint.h>

#include "kernels/host-device.h"

/* The four words of one counter, whose upper 64 bits are 0. */
CK_HOST_DEVICE void
ck_philox (uint64_t key, uint64_t counter, uint32_t word[4])
{
  uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);

  word[0] = (uint32_t)counter;
  word[1] = (uint32_t)(counter >> 32);
  word[2] = word[3] = 0;
  for (int round = 0; round < 10; round++) {
    const uint64_t a = (uint64_t)0xd2511f53u * word[0], b = (uint64_t)0xcd9e8d57u * word[2];

    word[0] = (uint32_t)(b >> 32) ^ word[1] ^ k0;
    word[1] = (uint32_t)b;
    word[2] = (uint32_t)(a >> 32) ^ word[3] ^ k1;
    word[3] = (uint32_t)a;
    k0 += 0x9e3779b9u;
    k1 += 0xbb67ae85u;
  }
}

/* A word as a number in [0, 1): its upper 24 bits, which a float holds exactly. */
CK_HOST_DEVICE float
ck_philox_unit (uint32_t word)
{
  return (float)(int32_t)(word >> 8) * 0x1p-24f;
}

#endif /* CK_PHILOX_H */
