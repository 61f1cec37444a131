/* SPDX-License-Identifier: MIT */
/*
 * Products of whole numbers, in the calling thread: activations and weights as codes of 8 or 16
 * bits, with a scale for each row and block of 64.
 *
 *   y[row, out] = sum over blocks of scale[row, block] * scale[out, block] * (sum of 64 products)
 *
 * The inner sum is exact, and the outer one is made in one order by fused multiply-adds. So all
 * sets of instructions give the same bits, and plain C is the oracle to the last of them.
 *
 * Groups. An instruction adds the products of a few neighbouring codes into one sum of 32 bits: two
 * of 16 bits or four of 8 bits, a group of 32 bits; instructions for matrices add eight of 8 bits.
 * A row of activations is a row of groups. Which elements share a group is free, as long as
 * activations and weights agree; in each eight elements it is the order in which 4-bit codes come
 * out of a word of eight, so that they need not be moved:
 *   16 bits: 0 4 | 2 6 | 1 5 | 3 7        8 bits: 0 2 4 6 | 1 3 5 7
 *
 * Strips. The weights of `strip` outputs lie together, block after block: for each group of a block
 * a group of every output. Beside them lie their scales, [blocks, strip].
 *
 * Signs. Instructions of x86 for 8 bits want one operand without a sign, so weights of 8 bits are
 * kept there as code + 128, their `offset`, and what that adds is in each row's `sums`. Those of
 * aarch64 want both with one, so there is neither.
 *
 * Narrow codes. Without VNNI an instruction adds but two products of 8 bits, in 16 bits, where they
 * saturate, and a second one has to widen what comes of it. Codes of at most 90 make that pay: two
 * products of a code and a code + 90 fit into 16 bits, and so do four products of codes alone.
 * Four of the former are added modulo 2^16; less what the 90 add, which is in `sums`, they are the
 * four of the latter, which are then widened at once.
 */
#ifndef CK_CPU_QUANTISED_H
#define CK_CPU_QUANTISED_H

#include "kernels/code-rules.h"
#include "kernels/kernels.h"
#include "kernels/cpu/peak.h"
#include "kernels/cpu/rows.h"

/* Columns of a row that are so much larger than their block's others that the block's scale would
 * leave nothing of those: they are 0 in the codes, and are multiplied in fp32. */
typedef struct {
  int32_t column;
  float value;
} CkOutlier;

/* Rows of activations as codes. */
typedef struct {
  void *codes;   /* [rows, blocks, 64] */
  float *scales; /* [rows, blocks] */
  /* [rows, blocks, sums]: minus the offset of weights times the sum of a block's codes; of narrow
   * codes, for each eight, two numbers of 16 bits: -90 times the sum of codes 0, 1, 4, 5, and of 2,
   * 3, 6, 7. */
  int32_t *sums;
  int64_t blocks; /* a row */
} CkCodes;

/* A short product that is added to the first: an adapter's second one. */
typedef struct {
  CkCodes x;
  const void *strip;
  const float *scales;
  int64_t used; /* elements of a block, the others are 0; a multiple of 8 */
} CkSecondProduct;

/* What becomes of products before they are written; pointers are to the strip's first output, and
 * where there are rows to the first one. */
typedef struct {
  const CkSecondProduct *second; /* or NULL */
  const float *addend;           /* [rows, addend_stride], added to the product, or NULL */
  int64_t addend_stride;
  CkEpilogue epilogue;
  const float *multiplier, *residual; /* [rows, stride] or NULL; may be y itself */
  int64_t stride;
} CkTail;

typedef struct {
  CkType type;       /* CK_I16 or CK_I8 */
  int64_t code_size; /* bytes */
  int64_t code_max;
  int64_t offset; /* what weights are kept as code + */
  int64_t sums;   /* numbers a block; 0 where there is no offset */
  int64_t strip;  /* outputs */
  int64_t group;  /* bytes of a group of an output: 4 or 8 */

  /*
   * One row x [n] as codes: `codes` [blocks, 64], scales [blocks], and sums unless NULL or there is
   * no offset. What lies beyond n is 0. A block with a value that is not finite gets the scale NaN.
   * Outliers go to `outliers`, in the order of their columns, at most CK_OUTLIERS_MAX a block;
   * returns how many. Nothing is one if `outliers` is NULL.
   */
  int64_t (*quantise) (int64_t n, const float *x, void *codes, float *scales, int32_t *sums,
                       CkOutlier *outliers);
  /*
   * 4-bit codes of `strip` rows of a weight to a strip: row i lies at pairs + i * stride bytes,
   * whole blocks of 32 bytes, the even element in the upper half of a byte; rows from `rows` on are
   * as the last one. table: the code for each of the 16.
   */
  void (*unpack) (int64_t blocks, const uint8_t *pairs, int64_t stride, int64_t rows,
                  const int16_t table[16], void *strip);
  /*
   * A block of a strip from a weight whose outputs lie side by side: element i of output j is
   * w[i * stride + j], i < n <= 64, j < outs <= strip; what there is not is 0. Nothing is an
   * outlier. An output with a value that is not finite gets the scale NaN. scales: [strip].
   * 16 bits only, else NULL.
   */
  void (*pack_block) (int64_t n, int64_t outs, const float *w, int64_t stride, void *groups,
                      float *scales);
  /* y [strip, strip] += a^T b of two strips: their outputs' products over all elements; stride:
   * floats from a row of y to the next. 16 bits only, else NULL. */
  void (*multiply_strips) (int64_t blocks, const void *a, const float *a_scales, const void *b,
                           const float *b_scales, float *y, int64_t stride);
  /* y [rows, outs] = the first outputs of codes times one strip, with its tail unless NULL; stride:
   * floats from a row of y to the next. */
  void (*multiply) (int64_t rows, const CkCodes *x, const void *strip, const float *strip_scales,
                    const CkTail *tail, int64_t outs, float *y, int64_t stride);
} CkQuantisedOps;

/* Rows of codes from `row` on. */
static inline CkCodes
ck_codes_from (const CkQuantisedOps *products, const CkCodes *codes, int64_t row)
{
  const int64_t at = row * codes->blocks;

  return (CkCodes){ (char *)codes->codes + at * CK_CODE_BLOCK * products->code_size,
                    codes->scales + at, codes->sums + at * products->sums, codes->blocks };
}

/* Those with instructions of their own fill in the loops that measure them, too. */
void ck_quantised_init_c (CkQuantisedOps *int16, CkQuantisedOps *int8);
/* Plain C for the kind of 8-bit codes that a table has, for those who compare: level c has those of
 * VNNI. */
void ck_quantised_init_same_c (const CkQuantisedOps *as, CkQuantisedOps *int8);
void ck_quantised_init_avx2 (CkQuantisedOps *int16, CkQuantisedOps *int8, CkPeakOps *peak);
void ck_quantised_init_avx2_vnni (CkQuantisedOps *int16, CkQuantisedOps *int8, CkPeakOps *peak);
void ck_quantised_init_avx512 (CkQuantisedOps *int16, CkQuantisedOps *int8, CkPeakOps *peak);
void ck_quantised_init_avx512_vnni (CkQuantisedOps *int16, CkQuantisedOps *int8, CkPeakOps *peak);
void ck_quantised_init_neon (CkQuantisedOps *int16, CkQuantisedOps *int8, CkPeakOps *peak);
void ck_quantised_init_neon_dotprod (CkQuantisedOps *int8, CkPeakOps *peak);
void ck_quantised_init_neon_i8mm (CkQuantisedOps *int8, CkPeakOps *peak);

#endif /* CK_CPU_QUANTISED_H */
