/* SPDX-License-Identifier: MIT */
/*
 * The words of vectors-tmpl.h, and those of the other templates, over 8 floats in two registers of
 * NEON: a tile of such vectors fills the 32 registers, and a factor that was loaded once serves
 * four multiply-adds. Each file that includes it says INIT (concept) first.
 */
#ifndef CK_CPU_VECTORS_NEON_H
#define CK_CPU_VECTORS_NEON_H

#include <arm_neon.h>
#include <stdint.h>

#define W        8
#define NF4_STEP 16

typedef struct {
  float32x4_t low, high;
} vf;

/* A word of one or two operands, from what does it in one register. */
#define DEFINE_1(name, to, from, f)                                                                \
  static inline to name (from a)                                                                   \
  {                                                                                                \
    return (to){ f (a.low), f (a.high) };                                                          \
  }
#define DEFINE_2(name, type, f)                                                                    \
  static inline type name (type a, type b)                                                         \
  {                                                                                                \
    return (type){ f (a.low, b.low), f (a.high, b.high) };                                         \
  }

/* The instructions give NaN where either operand is NaN, these the second operand. */
#define MIN_4(a, b) vbslq_f32 (vcltq_f32 (a, b), a, b)
#define MAX_4(a, b) vbslq_f32 (vcgtq_f32 (a, b), a, b)

DEFINE_2 (v_add, vf, vaddq_f32)
DEFINE_2 (v_sub, vf, vsubq_f32)
DEFINE_2 (v_mul, vf, vmulq_f32)
DEFINE_2 (v_div, vf, vdivq_f32)
DEFINE_2 (v_min, vf, MIN_4)
DEFINE_2 (v_max, vf, MAX_4)
DEFINE_1 (v_abs, vf, vf, vabsq_f32)
DEFINE_1 (v_sqrt, vf, vf, vsqrtq_f32)
DEFINE_1 (v_round, vf, vf, vrndnq_f32)
DEFINE_1 (v_floor, vf, vf, vrndmq_f32)
DEFINE_2 (v_max_sticky, vf, vmaxq_f32)

#define SWAP_PAIRS_4(a) vextq_f32 (a, a, 2)
DEFINE_1 (v_swap_pairs, vf, vf, SWAP_PAIRS_4)
DEFINE_1 (v_swap_neighbours, vf, vf, vrev64q_f32)

static inline vf
v_set (float x)
{
  return (vf){ vdupq_n_f32 (x), vdupq_n_f32 (x) };
}

static inline vf
v_fma (vf a, vf b, vf c)
{
  return (vf){ vfmaq_f32 (c.low, a.low, b.low), vfmaq_f32 (c.high, a.high, b.high) };
}

static inline vf
v_greater (vf a, vf b, vf yes, vf no)
{
  return (vf){ vbslq_f32 (vcgtq_f32 (a.low, b.low), yes.low, no.low),
               vbslq_f32 (vcgtq_f32 (a.high, b.high), yes.high, no.high) };
}

static inline uint32_t
v_not_less (vf a, vf b)
{
  const uint32x4_t low = { 1, 2, 4, 8 }, high = { 16, 32, 64, 128 };

  return vaddvq_u32 (vorrq_u32 (vandq_u32 (vcgeq_f32 (a.low, b.low), low),
                                vandq_u32 (vcgeq_f32 (a.high, b.high), high)));
}

static inline vf
v_where (uint32_t bits, vf v)
{
  const uint32x4_t low = { 1, 2, 4, 8 }, high = { 16, 32, 64, 128 }, all = vdupq_n_u32 (bits);

  return (vf){
    vreinterpretq_f32_u32 (vandq_u32 (vreinterpretq_u32_f32 (v.low), vtstq_u32 (all, low))),
    vreinterpretq_f32_u32 (vandq_u32 (vreinterpretq_u32_f32 (v.high), vtstq_u32 (all, high)))
  };
}

/* The lanes of one register from `left` on are not read. */
static inline float32x4_t
load_4 (const float *p, int64_t left, float fill)
{
  float32x4_t v = vdupq_n_f32 (fill);

  if (left >= 4)
    return vld1q_f32 (p);
  if (left > 0)
    v = vld1q_lane_f32 (p, v, 0);
  if (left > 1)
    v = vld1q_lane_f32 (p + 1, v, 1);
  if (left > 2)
    v = vld1q_lane_f32 (p + 2, v, 2);
  return v;
}

static inline void
store_4 (float *p, int64_t left, float32x4_t v)
{
  if (left >= 4) {
    vst1q_f32 (p, v);
    return;
  }
  if (left > 0)
    vst1q_lane_f32 (p, v, 0);
  if (left > 1)
    vst1q_lane_f32 (p + 1, v, 1);
  if (left > 2)
    vst1q_lane_f32 (p + 2, v, 2);
}

/* Ends of rows are functions of their own, because they would make every loop several times as
 * long. */
static __attribute__ ((noinline)) vf
load_end (const float *p, int64_t left, float fill)
{
  return (vf){ load_4 (p, left, fill),
               left > 4 ? load_4 (p + 4, left - 4, fill) : vdupq_n_f32 (fill) };
}

static __attribute__ ((noinline)) void
store_end (float *p, int64_t left, vf v)
{
  store_4 (p, left, v.low);
  if (left > 4)
    store_4 (p + 4, left - 4, v.high);
}

static inline vf
v_load (const float *p, int64_t left, float fill)
{
  return left >= W ? (vf){ vld1q_f32 (p), vld1q_f32 (p + 4) } : load_end (p, left, fill);
}

static inline void
v_store (float *p, int64_t left, vf v)
{
  if (left < W) {
    store_end (p, left, v);
    return;
  }
  vst1q_f32 (p, v.low);
  vst1q_f32 (p + 4, v.high);
}

static inline vf
v_copy_sign (vf x, vf s)
{
  const uint32x4_t sign = vdupq_n_u32 (0x80000000);

  return (vf){ vbslq_f32 (sign, s.low, x.low), vbslq_f32 (sign, s.high, x.high) };
}

static inline float
v_sum (vf a)
{
  return vaddvq_f32 (vaddq_f32 (a.low, a.high));
}

static inline float
v_max_of (vf a)
{
  return vmaxvq_f32 (vmaxq_f32 (a.low, a.high));
}

/* 2^n for the exponents of normal numbers. */
static inline float32x4_t
power_of_2 (int32x4_t n)
{
  return vreinterpretq_f32_s32 (vshlq_n_s32 (vaddq_s32 (n, vdupq_n_s32 (127)), 23));
}

/* In two factors, because one for all of n would itself overflow or underflow. */
static inline float32x4_t
pow2_4 (float32x4_t p, float32x4_t n)
{
  const int32x4_t whole = vcvtq_s32_f32 (n), half = vshrq_n_s32 (whole, 1);

  return vmulq_f32 (vmulq_f32 (p, power_of_2 (half)), power_of_2 (vsubq_s32 (whole, half)));
}

static inline float32x4_t
pow2_normal_4 (float32x4_t p, float32x4_t n)
{
  return vmulq_f32 (p, power_of_2 (vcvtq_s32_f32 (n)));
}

DEFINE_2 (v_pow2, vf, pow2_4)
DEFINE_2 (v_pow2_normal, vf, pow2_normal_4)

static inline vf
v_fraction (vf a)
{
  return v_sub (a, v_floor (a));
}

static inline vf
v_pow2_floor (vf p, vf a)
{
  return v_pow2_normal (p, v_floor (a));
}

static inline vf
v_from_f16 (const uint16_t *p)
{
  const float16x8_t v = vreinterpretq_f16_u16 (vld1q_u16 (p));

  return (vf){ vcvt_f32_f16 (vget_low_f16 (v)), vcvt_high_f32_f16 (v) };
}

static inline vf
v_from_bf16 (const uint16_t *p)
{
  const uint16x8_t v = vld1q_u16 (p);

  return (vf){ vreinterpretq_f32_u32 (vshll_n_u16 (vget_low_u16 (v), 16)),
               vreinterpretq_f32_u32 (vshll_high_n_u16 (v, 16)) };
}

/* ---- whole numbers of 64 bits ---------------------------------------------------------------- */

typedef struct {
  uint64x2_t low, high;
} vi;

#define MULTIPLY_2(a, b)    vmull_u32 (vmovn_u64 (a), vmovn_u64 (b))
#define HALVES_2(low, high) vsliq_n_u64 (low, high, 32)

DEFINE_2 (i_add, vi, vaddq_u64)
DEFINE_2 (i_xor, vi, veorq_u64)
DEFINE_2 (i_multiply, vi, MULTIPLY_2)
DEFINE_2 (i_halves, vi, HALVES_2)
DEFINE_2 (i_evens, vi, vtrn1q_u64)
DEFINE_2 (i_odds, vi, vtrn2q_u64)

#define U24_4(a) vcvtq_f32_u32 (vshrq_n_u32 (vreinterpretq_u32_u64 (a), 8))
DEFINE_1 (v_from_u24, vf, vi, U24_4)

static inline vi
i_set (uint64_t x)
{
  return (vi){ vdupq_n_u64 (x), vdupq_n_u64 (x) };
}

static inline vi
i_counters (void)
{
  return (vi){ { 0, 2 }, { 1, 3 } };
}

static inline vi
i_right (vi a, int n)
{
  const int64x2_t left = vdupq_n_s64 (-n);

  return (vi){ vshlq_u64 (a.low, left), vshlq_u64 (a.high, left) };
}

/* ---- tables of 16 ---------------------------------------------------------------------------- */

/* The first, second, third and fourth bytes of the 16 values fill a register each, which are looked
 * up and put together again. */
static inline void
nf4_step (const uint8_t *pairs, const float code[16], float absmax, float *out)
{
  const uint8x16x4_t table = vld4q_u8 ((const uint8_t *)code);
  const uint8x8_t bytes = vld1_u8 (pairs), even = vshr_n_u8 (bytes, 4),
                  odd = vand_u8 (bytes, vdup_n_u8 (15));
  const uint8x16_t indices = vcombine_u8 (vzip1_u8 (even, odd), vzip2_u8 (even, odd));
  uint8x16_t values[4];
  uint16x8_t halves[4];

#pragma GCC unroll 4
  for (int i = 0; i < 4; i++)
    values[i] = vqtbl1q_u8 (table.val[i], indices);
#pragma GCC unroll 2
  for (int i = 0; i < 2; i++) {
    halves[i] = vreinterpretq_u16_u8 (vzip1q_u8 (values[2 * i], values[2 * i + 1]));
    halves[2 + i] = vreinterpretq_u16_u8 (vzip2q_u8 (values[2 * i], values[2 * i + 1]));
  }
#pragma GCC unroll 2
  for (int i = 0; i < 2; i++) {
    const uint16x8_t low = halves[2 * i], high = halves[2 * i + 1];

    vst1q_f32 (out + 8 * i, vmulq_n_f32 (vreinterpretq_f32_u16 (vzip1q_u16 (low, high)), absmax));
    vst1q_f32 (out + 8 * i + 4,
               vmulq_n_f32 (vreinterpretq_f32_u16 (vzip2q_u16 (low, high)), absmax));
  }
}

#define TILE    6
#define VECTORS 2

static inline __attribute__ ((always_inline)) void
transpose_4 (float32x4_t rows[4])
{
  const float32x4_t a = vtrn1q_f32 (rows[0], rows[1]), b = vtrn2q_f32 (rows[0], rows[1]),
                    c = vtrn1q_f32 (rows[2], rows[3]), d = vtrn2q_f32 (rows[2], rows[3]);
#define JOIN(half, x, y)                                                                           \
  vreinterpretq_f32_f64 (vtrn##half##q_f64 (vreinterpretq_f64_f32 (x), vreinterpretq_f64_f32 (y)))

  rows[0] = JOIN (1, a, c);
  rows[1] = JOIN (1, b, d);
  rows[2] = JOIN (2, a, c);
  rows[3] = JOIN (2, b, d);
#undef JOIN
}

/* Four matrices of 4 x 4, of which two change places. */
static inline __attribute__ ((always_inline)) void
v_transpose (vf rows[W])
{
  float32x4_t parts[4][4]; /* upper left, upper right, lower left, lower right */

#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    parts[0][i] = rows[i].low;
    parts[1][i] = rows[i].high;
    parts[2][i] = rows[4 + i].low;
    parts[3][i] = rows[4 + i].high;
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++)
    transpose_4 (parts[i]);
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    rows[i] = (vf){ parts[0][i], parts[2][i] };
    rows[4 + i] = (vf){ parts[1][i], parts[3][i] };
  }
}

/* ---- whole numbers of 32 bits ---------------------------------------------------------------- */

typedef struct {
  int32x4_t low, high;
} vq;
typedef uint8x16_t q_table;
typedef float32x4_t v4;
typedef int32_t q4 __attribute__ ((vector_size (16)));

#define q4_any(mask)        (vminvq_s32 ((int32x4_t)(mask)) < 0)
#define q_table_load(bytes) vld1q_u8 (bytes)

DEFINE_2 (q_add, vq, vaddq_s32)
DEFINE_1 (q_to_float, vf, vq, vcvtq_f32_s32)
DEFINE_1 (q_from_float, vq, vf, vcvtnq_s32_f32)

/* A word of one or two operands that are bytes, or numbers of 16 bits. */
#define S32(a)          vreinterpretq_s32_u8 (a)
#define U8(a)           vreinterpretq_u8_s32 (a)
#define LOW_NIBBLES(a)  S32 (vandq_u8 (U8 (a), vdupq_n_u8 (15)))
#define HIGH_NIBBLES(a) S32 (vshrq_n_u8 (U8 (a), 4))
#define JOIN_EVEN(a, b) S32 (vtrn1q_u8 (U8 (a), U8 (b)))
#define JOIN_ODD(a, b)  S32 (vtrn2q_u8 (U8 (a), U8 (b)))

DEFINE_1 (q_low_nibbles, vq, vq, LOW_NIBBLES)
DEFINE_1 (q_high_nibbles, vq, vq, HIGH_NIBBLES)
DEFINE_2 (q_join_even, vq, JOIN_EVEN)
DEFINE_2 (q_join_odd, vq, JOIN_ODD)

static inline vq
q_set (int32_t x)
{
  return (vq){ vdupq_n_s32 (x), vdupq_n_s32 (x) };
}

/* In the first lane: instructions take a factor from there, and a load of one lane is cheaper than
 * one that fills a register. In assembly, because gcc 12 would clear the other lanes once more. */
static inline vq
q_factor (const int32_t *p)
{
  int32x4_t lane;

  __asm__("ldr %s0, %1" : "=w"(lane) : "m"(*p));
  return (vq){ lane, lane };
}

static inline vq
q_load (const void *p)
{
  return (vq){ vld1q_s32 (p), vld1q_s32 ((const int32_t *)p + 4) };
}

static inline void
q_put (void *p, vq v)
{
  vst1q_s32 (p, v.low);
  vst1q_s32 ((int32_t *)p + 4, v.high);
}

static inline int32_t
q_sum (vq a)
{
  return vaddvq_s32 (vaddq_s32 (a.low, a.high));
}

static inline vq
q_lookup (q_table table, vq a)
{
  return (vq){ S32 (vqtbl1q_u8 (table, U8 (a.low))), S32 (vqtbl1q_u8 (table, U8 (a.high))) };
}

static inline vq
q_load_words (const uint8_t *p, int64_t stride, int64_t rows, int64_t i)
{
  const uint8_t *row = p + (i < rows ? i : rows - 1) * stride;

  return (vq){ S32 (vld1q_u8 (row)), S32 (vld1q_u8 (row + 16)) };
}

static inline __attribute__ ((always_inline)) void
q_transpose_words (vq rows[8])
{
  vf floats[8];

#pragma GCC unroll 8
  for (int i = 0; i < 8; i++)
    floats[i] = (vf){ vreinterpretq_f32_s32 (rows[i].low), vreinterpretq_f32_s32 (rows[i].high) };
  v_transpose (floats);
#pragma GCC unroll 8
  for (int i = 0; i < 8; i++)
    rows[i] = (vq){ vreinterpretq_s32_f32 (floats[i].low), vreinterpretq_s32_f32 (floats[i].high) };
}

/* The lower halves of eight numbers. */
static inline int16x8_t
narrow (vq v)
{
  return vuzp1q_s16 (vreinterpretq_s16_s32 (v.low), vreinterpretq_s16_s32 (v.high));
}

static inline vq
q_join_two (const vq v[2])
{
  return (vq){ vsliq_n_s32 (v[0].low, v[1].low, 16), vsliq_n_s32 (v[0].high, v[1].high, 16) };
}

static inline void
q_put_16 (int16_t *p, vq v)
{
  vst1q_s16 (p, narrow (v));
}

/* Eight numbers of 16 bits in the order of their groups. */
static inline void
q_store_16 (int16_t *p, const vq v[2])
{
  static const uint8_t order[16] = { 0, 1, 8, 9, 4, 5, 12, 13, 2, 3, 10, 11, 6, 7, 14, 15 };
  const uint8x16_t places = vld1q_u8 (order);

#pragma GCC unroll 2
  for (int i = 0; i < 2; i++)
    vst1q_u8 ((uint8_t *)(p + 8 * i), vqtbl1q_u8 (vreinterpretq_u8_s16 (narrow (v[i])), places));
}

static inline void
q_store_8 (int8_t *p, const vq v[4])
{
  static const uint8_t order[16] = { 0, 2, 4, 6, 1, 3, 5, 7, 8, 10, 12, 14, 9, 11, 13, 15 };
  const uint8x16_t places = vld1q_u8 (order);

#pragma GCC unroll 2
  for (int i = 0; i < 2; i++)
    vst1q_u8 ((uint8_t *)(p + 16 * i),
              vqtbl1q_u8 (vuzp1q_u8 (vreinterpretq_u8_s16 (narrow (v[2 * i])),
                                     vreinterpretq_u8_s16 (narrow (v[2 * i + 1]))),
                          places));
}

/* The halves of two registers are put together, then the lanes of what is left. */
#define DEFINE_OF_FOUR(name, join)                                                                 \
  static inline v4 name (const vf v[4])                                                            \
  {                                                                                                \
    float32x4_t four[4];                                                                           \
                                                                                                   \
    for (int i = 0; i < 4; i++)                                                                    \
      four[i] = join (v[i].low, v[i].high);                                                        \
    for (int i = 0; i < 4; i += 2) {                                                               \
      const float64x2_t a = vreinterpretq_f64_f32 (four[i]),                                       \
                        b = vreinterpretq_f64_f32 (four[i + 1]);                                   \
                                                                                                   \
      four[i] = join (vreinterpretq_f32_f64 (vzip1q_f64 (a, b)),                                   \
                      vreinterpretq_f32_f64 (vzip2q_f64 (a, b)));                                  \
    }                                                                                              \
    return join (vuzp1q_f32 (four[0], four[2]), vuzp2q_f32 (four[0], four[2]));                    \
  }

DEFINE_OF_FOUR (v_max_of_four, MAX_4)
DEFINE_OF_FOUR (v_sum_of_four, vaddq_f32)

#endif /* CK_CPU_VECTORS_NEON_H */
