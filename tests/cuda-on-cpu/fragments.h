/* SPDX-License-Identifier: MIT */
/*
 * Which element of a matrix a lane's register holds, from the PTX ISA, "Warp-level matrix
 * instructions": mma.m16n8k16 (16 bits), mma.m16n8k32 (8 bits) and ldmatrix. Registers have 32
 * bits; element e of a register is the e-th from its lowest bits.
 */
#ifndef COW_CUDA_FRAGMENTS_H
#define COW_CUDA_FRAGMENTS_H

struct Place {
  int row, column;
};

/* a [16, k], k = 16 for elements of 2 bytes and 32 for those of 1, four registers. */
static inline Place
place_in_a (int element_bytes, int lane, int index, int element)
{
  const int in_register = 4 / element_bytes, half = 16 / element_bytes;

  return { lane / 4 + 8 * (index % 2), lane % 4 * in_register + element + half * (index / 2) };
}

/* b [k, 8], two registers. */
static inline Place
place_in_b (int element_bytes, int lane, int index, int element)
{
  const int in_register = 4 / element_bytes, half = 16 / element_bytes;

  return { lane % 4 * in_register + element + half * index, lane / 4 };
}

/* c and d [16, 8] of 32 bits, four registers. */
static inline Place
place_in_d (int lane, int index)
{
  return { lane / 4 + 8 * (index / 2), lane % 4 * 2 + index % 2 };
}

/* A matrix of ldmatrix, [8, 8] of 2 bytes, one register. */
static inline Place
place_in_loaded (bool transposed, int lane, int element)
{
  const int g = lane / 4, k = lane % 4 * 2 + element;

  return transposed ? Place{ k, g } : Place{ g, k };
}

#endif /* COW_CUDA_FRAGMENTS_H */
