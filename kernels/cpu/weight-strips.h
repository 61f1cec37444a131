/* SPDX-License-Identifier: MIT */
/* Weights as strips of whole numbers (quantised.h). */
#ifndef CK_CPU_WEIGHT_STRIPS_H
#define CK_CPU_WEIGHT_STRIPS_H

#include "kernels/device.h"
#include "kernels/cpu/cpu-ops.h"

/*
 * Weights for products of whole numbers. 4-bit codes in blocks of 64 stay where they are and are
 * unpacked strip by strip whenever they are used; parameters, which change, become strips for each
 * product; everything else does once.
 */
typedef struct {
  CkWeight base;
  void *copy; /* of the source's data where that was not aligned for its type; else NULL */

  const CkQuantisedOps *products; /* NULL: fp32 */
  void *strips;                   /* [strips, blocks, strip groups], or NULL: */
  float *scales;                  /* [strips, blocks, strip]; NULL with the former */
  int16_t table[16];              /* the code of each 4-bit code */
  float unit;                     /* and the value of code 1 in a block whose absmax is 1 */
} CkCpuWeight;

/* Bytes of all strips, and floats of all their scales. */
size_t ck_weight_strips_size (const CkCpuWeight *weight, int64_t *scales);
/* Floats of a buffer for packing. */
int64_t ck_weight_strips_buffer (const CkCpuWeight *weight);
/* Makes a strip of a weight whose strips and scales have memory. */
void ck_weight_strips_pack (const CkCpuOps *ops, const CkCpuWeight *weight, int64_t strip,
                            float *buffer);

/* Neighbouring strips with their scales, and bytes and floats from one to the next. */
typedef struct {
  const char *codes;
  int64_t code_stride;
  const float *scales;
  int64_t scale_stride;
} CkStrips;

/* Where a word of 32 bits of a lane's row of codes lies in its strip, in words. */
static inline int64_t
ck_strip_place (const CkQuantisedOps *products, int64_t lane, int64_t word)
{
  const int64_t size = products->group / (int64_t)sizeof (uint32_t), /* 1 or 2 */
      in_group = word & (size - 1);

  return (word - in_group) * products->strip + lane * size + in_group;
}

/* A word of codes as it lies there: those without a sign four at once + 128, and less what is too
 * much. */
static inline uint32_t
ck_strip_word (const CkQuantisedOps *products, uint32_t codes)
{
  return products->offset != 0
             ? (codes ^ 0x80808080) - (uint32_t)(128 - products->offset) * 0x01010101
             : codes;
}

/*
 * A row [in] of a matrix, as activations are quantised, into a lane of a strip and of its scales.
 * codes [blocks, 64] and row_scales [blocks] are scratch memory.
 */
void ck_strip_pack_row (const CkQuantisedOps *products, int64_t in, const float *row, int64_t lane,
                        void *strip, float *scales, void *codes, float *row_scales);

/* Prepares what the weight's uses name; clear it whatever this returns. */
CkStatus ck_weight_strips_init (const CkCpuOps *ops, CkCpuWeight *weight);
void ck_weight_strips_clear (CkCpuWeight *weight);

/*
 * The strips of `outs` outputs from `first` on, which is the first of a strip: packed long ago, or
 * unpacked into buffers of [outs rounded up to strips, blocks, 64] codes and [likewise, blocks]
 * scales. The scales of outputs that there are not are 0.
 */
CkStrips ck_weight_strips_get (const CkCpuWeight *weight, int64_t first, int64_t outs,
                               void *strip_buffer, float *scale_buffer);

#endif /* CK_CPU_WEIGHT_STRIPS_H */
