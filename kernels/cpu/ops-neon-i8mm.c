/* SPDX-License-Identifier: MIT */
/*
 * The products of 8 bits that NEON has with the instructions for matrices. One of them multiplies
 * two rows of eight codes with those of two outputs, and adds the four results to a register. So a
 * group is eight codes here, and those of two neighbouring outputs fill a register.
 */
#define INIT(concept) ck_##concept##_init_neon_i8mm

#include "kernels/cpu/vectors-neon.h"
#include "kernels/cpu/vectors-tmpl.h"
#include "kernels/cpu/codes.h"
#include "kernels/cpu/peak.h"
#include "kernels/sizes.h"

#define Q(name)    name##_8
#define Q_BITS     8
#define Q_CODE_MAX CK_CODE_MAX_8
#define Q_OFFSET   0
#include "kernels/cpu/codes-tmpl.h"

#define GROUP 8

#define ROWS    3 /* pairs of rows of a tile */
#define OUTPUTS 8 /* pairs of outputs of a strip */

#define Q_TILE  (2 * ROWS)
#define Q_STRIP (2 * OUTPUTS)
#include "kernels/cpu/tail-tmpl.h"

/* ---- weights --------------------------------------------------------------------------------- */

/* Four words of eight 4-bit codes to the groups of those elements: two in each register. */
static inline void
unpack_words (uint8x16_t table, const uint8_t *words, uint64x2_t groups[2])
{
  const uint8x16_t bytes = vld1q_u8 (words);
  const uint32x4_t even = vreinterpretq_u32_u8 (vqtbl1q_u8 (table, vshrq_n_u8 (bytes, 4))),
                   odd =
                       vreinterpretq_u32_u8 (vqtbl1q_u8 (table, vandq_u8 (bytes, vdupq_n_u8 (15))));

  groups[0] = vreinterpretq_u64_u32 (vzip1q_u32 (even, odd));
  groups[1] = vreinterpretq_u64_u32 (vzip2q_u32 (even, odd));
}

static void
unpack (int64_t blocks, const uint8_t *pairs, int64_t stride, int64_t rows, const int16_t codes[16],
        void *strip)
{
  uint8_t bytes[16];
  uint8x16_t table;

  for (int i = 0; i < 16; i++)
    bytes[i] = (uint8_t)codes[i];
  table = vld1q_u8 (bytes);
  for (int64_t fours = 0; fours < 2 * blocks; fours++)
    for (int64_t out = 0; out < OUTPUTS; out++) {
      uint64_t *to = (uint64_t *)strip + (4 * fours * OUTPUTS + out) * 2;
      uint64x2_t even[2], odd[2];

      unpack_words (table, pairs + ck_min (2 * out, rows - 1) * stride + 16 * fours, even);
      unpack_words (table, pairs + ck_min (2 * out + 1, rows - 1) * stride + 16 * fours, odd);
      for (int i = 0; i < 2; i++, to += 2 * 2 * OUTPUTS) {
        vst1q_u64 (to, vzip1q_u64 (even[i], odd[i]));
        vst1q_u64 (to + 2 * OUTPUTS, vzip2q_u64 (even[i], odd[i]));
      }
    }
}

/* ---- the product ----------------------------------------------------------------------------- */

/* The first `n` codes of a block of a tile: sums of [two rows, two outputs]. */
static inline __attribute__ ((always_inline)) void
multiply_block (int64_t n, const int8_t *const codes[2 * ROWS], const int8_t *strip,
                int32x4_t sums[ROWS][OUTPUTS])
{
#pragma GCC unroll 4
  for (int i = 0; i < ROWS; i++)
#pragma GCC unroll 8
    for (int out = 0; out < OUTPUTS; out++)
      sums[i][out] = vdupq_n_s32 (0);
  for (int64_t at = 0; at < n; at += GROUP, strip += 2 * GROUP * OUTPUTS) {
    int8x16_t x[ROWS];

#pragma GCC unroll 4
    for (int i = 0; i < ROWS; i++)
      x[i] = vcombine_s8 (vld1_s8 (codes[2 * i] + at), vld1_s8 (codes[2 * i + 1] + at));
#pragma GCC unroll 8
    for (int out = 0; out < OUTPUTS; out++) {
      const int8x16_t weights = vld1q_s8 (strip + 2 * GROUP * out);

#pragma GCC unroll 4
      for (int i = 0; i < ROWS; i++)
        sums[i][out] = vmmlaq_s32 (sums[i][out], x[i], weights);
    }
  }
}

/* totals += the products of the rows from the target's on, of rows that there are not the last one
 * again, with a strip; n: codes of a block that are not all 0. */
static inline __attribute__ ((always_inline)) void
add_products (const CkCodes *x, int64_t n, const Target_8 *target, const int8_t *strip,
              const float *strip_scales, float32x4_t totals[ROWS][OUTPUTS])
{
  int64_t at[2 * ROWS];

  for (int i = 0; i < 2 * ROWS; i++)
    at[i] = ck_min (target->row + i, target->rows - 1) * x->blocks;
  for (int64_t block = 0; block < x->blocks; block++, strip_scales += 2 * OUTPUTS) {
    const int8_t *codes[2 * ROWS];
    int32x4_t sums[ROWS][OUTPUTS];

    for (int i = 0; i < 2 * ROWS; i++)
      codes[i] = (const int8_t *)x->codes + (at[i] + block) * CK_CODE_BLOCK;
    multiply_block (n, codes, strip + block * CK_CODE_BLOCK * 2 * OUTPUTS, sums);
#pragma GCC unroll 4
    for (int i = 0; i < ROWS; i++) {
      const float32x4_t scales = vcombine_f32 (vld1_dup_f32 (x->scales + at[2 * i] + block),
                                               vld1_dup_f32 (x->scales + at[2 * i + 1] + block));
#pragma GCC unroll 8
      for (int out = 0; out < OUTPUTS; out++) {
        const float32x2_t two = vld1_f32 (strip_scales + 2 * out);

        totals[i][out] = vfmaq_f32 (totals[i][out], vcvtq_f32_s32 (sums[i][out]),
                                    vmulq_f32 (scales, vcombine_f32 (two, two)));
      }
    }
  }
}

/* The rows of x from the target's on with a strip. */
static inline void
multiply_tile (const CkCodes *x, const int8_t *strip, const float *strip_scales,
               const Target_8 *target)
{
  const CkSecondProduct *second = target->tail != NULL ? target->tail->second : NULL;
  float32x4_t totals[ROWS][OUTPUTS];
  float tile[2 * ROWS][2 * OUTPUTS];

  fetch_8 (target);
#pragma GCC unroll 4
  for (int i = 0; i < ROWS; i++)
#pragma GCC unroll 8
    for (int out = 0; out < OUTPUTS; out++)
      totals[i][out] = vdupq_n_f32 (0);
  add_products (x, CK_CODE_BLOCK, target, strip, strip_scales, totals);
  if (second != NULL)
    add_products (&second->x, second->used, target, second->strip, second->scales, totals);
#pragma GCC unroll 4
  for (int i = 0; i < ROWS; i++)
#pragma GCC unroll 8
    for (int out = 0; out < OUTPUTS; out++) {
      vst1_f32 (tile[2 * i] + 2 * out, vget_low_f32 (totals[i][out]));
      vst1_f32 (tile[2 * i + 1] + 2 * out, vget_high_f32 (totals[i][out]));
    }
  if (target->tail != NULL) {
    for (int64_t col = 0; col < target->outs; col += W) {
      vf values[2 * ROWS];

#pragma GCC unroll 8
      for (int i = 0; i < 2 * ROWS; i++)
        values[i] = v_load (tile[i] + col, W, 0);
      finish_8 (target, col, values);
    }
    return;
  }
  for (int64_t i = 0; i < ck_min (2 * ROWS, target->rows - target->row); i++)
    memcpy (target->y + (target->row + i) * target->stride, tile[i],
            (size_t)target->outs * sizeof *tile[i]);
}

static void
multiply (int64_t rows, const CkCodes *x, const void *strip, const float *strip_scales,
          const CkTail *tail, int64_t outs, float *y, int64_t stride)
{
  for (int64_t row = 0; row < rows; row += 2 * ROWS)
    multiply_tile (x, strip, strip_scales, &(Target_8){ tail, row, rows, outs, y, stride });
}

/* Multiply-adds with operands in registers (peak.h); each adds to itself, so that none can be made
 * once for all rounds. */
static float
peak (int64_t rounds)
{
  const int8x16_t factor = vdupq_n_s8 (1);
  int32x4_t sums[ROWS * OUTPUTS], all = vdupq_n_s32 (0);

#pragma GCC unroll 24
  for (int i = 0; i < ROWS * OUTPUTS; i++)
    sums[i] = vdupq_n_s32 (i);
  for (int64_t round = 0; round < rounds; round++)
#pragma GCC unroll 24
    for (int i = 0; i < ROWS * OUTPUTS; i++)
      sums[i] = vmmlaq_s32 (sums[i], factor, vreinterpretq_s8_s32 (sums[i]));
#pragma GCC unroll 24
  for (int i = 0; i < ROWS * OUTPUTS; i++)
    all = vaddq_s32 (all, sums[i]);
  return (float)vaddvq_s32 (all);
}

void
INIT (quantised) (CkQuantisedOps *int8, CkPeakOps *ops)
{
  *int8 = (CkQuantisedOps){
    .type = CK_I8,
    .code_size = 1,
    .code_max = CK_CODE_MAX_8,
    .strip = 2 * OUTPUTS,
    .group = GROUP,
    .quantise = quantise_8,
    .unpack = unpack,
    .multiply = multiply,
  };
  /* 2 * 2 sums of eight multiply-adds in each register */
  ops->loops[CK_I8] = (CkPeakLoop){ peak, 2 * 2 * 2 * GROUP * ROWS * OUTPUTS };
}
