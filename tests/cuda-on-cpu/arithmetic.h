/* SPDX-License-Identifier: MIT */
/* CUDA's intrinsic functions of one thread, with the same bits: arithmetic and conversions with a
 * rounding of their own, bits, bytes. */
#ifndef COW_CUDA_ARITHMETIC_H
#define COW_CUDA_ARITHMETIC_H

#include <limits.h>
#include <math.h>
#include <stdint.h>

#define COW_ARITHMETIC static inline __attribute__ ((always_inline, unused))

#define COW_MIN_MAX(T)                                                                             \
  COW_ARITHMETIC T min (T a, T b)                                                                  \
  {                                                                                                \
    return b < a ? b : a;                                                                          \
  }                                                                                                \
  COW_ARITHMETIC T max (T a, T b)                                                                  \
  {                                                                                                \
    return a < b ? b : a;                                                                          \
  }
COW_MIN_MAX (int)
COW_MIN_MAX (unsigned)
COW_MIN_MAX (long)
COW_MIN_MAX (unsigned long)
COW_MIN_MAX (long long)
COW_MIN_MAX (unsigned long long)
#undef COW_MIN_MAX

/* Of a number and no number, the number. */
COW_ARITHMETIC float
min (float a, float b)
{
  return fminf (a, b);
}

COW_ARITHMETIC float
max (float a, float b)
{
  return fmaxf (a, b);
}

COW_ARITHMETIC double
min (double a, double b)
{
  return fmin (a, b);
}

COW_ARITHMETIC double
max (double a, double b)
{
  return fmax (a, b);
}

/* Rounded to nearest; the compiler is told not to contract products and sums. */
COW_ARITHMETIC float
__fadd_rn (float a, float b)
{
  return a + b;
}

COW_ARITHMETIC float
__fsub_rn (float a, float b)
{
  return a - b;
}

COW_ARITHMETIC float
__fmul_rn (float a, float b)
{
  return a * b;
}

COW_ARITHMETIC float
__fdiv_rn (float a, float b)
{
  return a / b;
}

COW_ARITHMETIC float
__frcp_rn (float a)
{
  return 1.0f / a;
}

COW_ARITHMETIC float
__fsqrt_rn (float a)
{
  return sqrtf (a);
}

COW_ARITHMETIC float
__fmaf_rn (float a, float b, float c)
{
  return fmaf (a, b, c);
}

COW_ARITHMETIC double
__dadd_rn (double a, double b)
{
  return a + b;
}

COW_ARITHMETIC double
__dsub_rn (double a, double b)
{
  return a - b;
}

COW_ARITHMETIC double
__dmul_rn (double a, double b)
{
  return a * b;
}

COW_ARITHMETIC double
__ddiv_rn (double a, double b)
{
  return a / b;
}

COW_ARITHMETIC double
__dsqrt_rn (double a)
{
  return sqrt (a);
}

COW_ARITHMETIC double
__fma_rn (double a, double b, double c)
{
  return fma (a, b, c);
}

COW_ARITHMETIC float
rsqrtf (float a)
{
  return (float)(1.0 / sqrt ((double)a));
}

COW_ARITHMETIC double
rsqrt (double a)
{
  return 1.0 / sqrt (a);
}

COW_ARITHMETIC float
__saturatef (float a)
{
  return fminf (fmaxf (a, 0.0f), 1.0f);
}

/* CUDA's conversions saturate, and make 0 of no number. */
COW_ARITHMETIC int
cow_to_int (float rounded)
{
  if (rounded != rounded)
    return 0;
  return rounded >= 2147483648.0f ? INT_MAX : rounded < -2147483648.0f ? INT_MIN : (int)rounded;
}

COW_ARITHMETIC unsigned
cow_to_unsigned (float rounded)
{
  if (!(rounded > 0.0f))
    return 0;
  return rounded >= 4294967296.0f ? UINT_MAX : (unsigned)rounded;
}

COW_ARITHMETIC int
__float2int_rn (float a)
{
  return cow_to_int (rintf (a));
}

COW_ARITHMETIC int
__float2int_rz (float a)
{
  return cow_to_int (truncf (a));
}

COW_ARITHMETIC int
__float2int_rd (float a)
{
  return cow_to_int (floorf (a));
}

COW_ARITHMETIC int
__float2int_ru (float a)
{
  return cow_to_int (ceilf (a));
}

COW_ARITHMETIC unsigned
__float2uint_rn (float a)
{
  return cow_to_unsigned (rintf (a));
}

COW_ARITHMETIC unsigned
__float2uint_rz (float a)
{
  return cow_to_unsigned (truncf (a));
}

COW_ARITHMETIC float
__int2float_rn (int a)
{
  return (float)a;
}

COW_ARITHMETIC float
__uint2float_rn (unsigned a)
{
  return (float)a;
}

COW_ARITHMETIC float
__ll2float_rn (long long a)
{
  return (float)a;
}

COW_ARITHMETIC float
__double2float_rn (double a)
{
  return (float)a;
}

COW_ARITHMETIC int
__float_as_int (float a)
{
  int bits;

  __builtin_memcpy (&bits, &a, sizeof bits);
  return bits;
}

COW_ARITHMETIC unsigned
__float_as_uint (float a)
{
  return (unsigned)__float_as_int (a);
}

COW_ARITHMETIC float
__int_as_float (int bits)
{
  float a;

  __builtin_memcpy (&a, &bits, sizeof a);
  return a;
}

COW_ARITHMETIC float
__uint_as_float (unsigned bits)
{
  return __int_as_float ((int)bits);
}

COW_ARITHMETIC int
__popc (unsigned a)
{
  return __builtin_popcount (a);
}

COW_ARITHMETIC int
__popcll (unsigned long long a)
{
  return __builtin_popcountll (a);
}

COW_ARITHMETIC int
__clz (int a)
{
  return a != 0 ? __builtin_clz ((unsigned)a) : 32;
}

COW_ARITHMETIC int
__clzll (long long a)
{
  return a != 0 ? __builtin_clzll ((unsigned long long)a) : 64;
}

COW_ARITHMETIC int
__ffs (int a)
{
  return __builtin_ffs (a);
}

COW_ARITHMETIC unsigned long long
__umul64hi (unsigned long long a, unsigned long long b)
{
  return (unsigned long long)((__extension__(unsigned __int128) a) * b >> 64);
}

COW_ARITHMETIC unsigned
__umulhi (unsigned a, unsigned b)
{
  return (unsigned)((uint64_t)a * b >> 32);
}

COW_ARITHMETIC int
__mulhi (int a, int b)
{
  return (int)((int64_t)a * b >> 32);
}

COW_ARITHMETIC unsigned
__funnelshift_l (unsigned low, unsigned high, unsigned shift)
{
  return (unsigned)((((uint64_t)high << 32 | low) << (shift & 31)) >> 32);
}

COW_ARITHMETIC unsigned
__funnelshift_r (unsigned low, unsigned high, unsigned shift)
{
  return (unsigned)(((uint64_t)high << 32 | low) >> (shift & 31));
}

/* Each byte of the result is one of the eight of (b, a), by 3 bits of the selector; its fourth bit
 * asks for the sign instead. */
COW_ARITHMETIC unsigned
__byte_perm (unsigned a, unsigned b, unsigned selector)
{
  const uint64_t bytes = (uint64_t)b << 32 | a;
  unsigned result = 0;

  for (int i = 0; i < 4; i++) {
    const unsigned nibble = selector >> (4 * i) & 15;
    unsigned byte = (unsigned)(bytes >> (8 * (nibble & 7))) & 255;

    if (nibble & 8)
      byte = byte & 128 ? 255 : 0;
    result |= byte << (8 * i);
  }
  return result;
}

/* The four products of bytes, and c. */
COW_ARITHMETIC int
__dp4a (int a, int b, int c)
{
  unsigned sum = (unsigned)c;

  for (int i = 0; i < 4; i++)
    sum += (unsigned)((int)(signed char)(a >> (8 * i)) * (int)(signed char)(b >> (8 * i)));
  return (int)sum;
}

COW_ARITHMETIC unsigned
__dp4a (unsigned a, unsigned b, unsigned c)
{
  for (int i = 0; i < 4; i++)
    c += (a >> (8 * i) & 255) * (b >> (8 * i) & 255);
  return c;
}

#undef COW_ARITHMETIC

#endif /* COW_CUDA_ARITHMETIC_H */
