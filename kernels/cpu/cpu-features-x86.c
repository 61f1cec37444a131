/* SPDX-License-Identifier: MIT */
/*
 * Features of x86-64. One counts only if the operating system saves the registers that it uses
 * (XCR0): otherwise the instructions fault, or a task switch destroys their values. Bits: Intel SDM
 * volume 2, CPUID and XGETBV.
 */
#include "kernels/cpu/cpu-features.h"

#include <cpuid.h>
#include <stddef.h>

#define BIT(n) (1u << (n))

/* What CPUID and XGETBV say. */
typedef struct {
  unsigned int leaf1_ecx, leaf7_ebx, leaf7_ecx, leaf7_1_eax, xcr0;
} Words;

/* What a feature needs of each. */
static const struct {
  CkCpuFeatures feature;
  Words words;
} needs[] = {
  { CK_CPU_AVX2,
    { .leaf1_ecx = BIT (12) /* FMA */ | BIT (28) /* AVX */ | BIT (29) /* F16C */,
      .leaf7_ebx = BIT (5) /* AVX2 */,
      .xcr0 = BIT (1) /* xmm */ | BIT (2) /* upper halves of ymm */ } },
  { CK_CPU_AVX512,
    { .leaf7_ebx = BIT (16) /* F */ | BIT (17) /* DQ */ | BIT (28) /* CD */ | BIT (30) /* BW */ |
                   BIT (31) /* VL */,
      .xcr0 = BIT (1) | BIT (2) | BIT (5) /* masks */ | BIT (6) /* upper halves of zmm0-15 */ |
              BIT (7) /* zmm16-31 */ } },
  { CK_CPU_AVX_VNNI, { .leaf7_1_eax = BIT (4), .xcr0 = BIT (1) | BIT (2) } },
  { CK_CPU_AVX512_VNNI,
    { .leaf7_ebx = BIT (16) | BIT (31),
      .leaf7_ecx = BIT (11),
      .xcr0 = BIT (1) | BIT (2) | BIT (5) | BIT (6) | BIT (7) } },
  { CK_CPU_AVX512_BF16,
    { .leaf7_ebx = BIT (16) | BIT (31),
      .leaf7_1_eax = BIT (5),
      .xcr0 = BIT (1) | BIT (2) | BIT (5) | BIT (6) | BIT (7) } },
};

static bool
has (unsigned int word, unsigned int bits)
{
  return (word & bits) == bits;
}

/* The low half of XCR0. In assembly because the intrinsic wants -mxsave for the whole file; only
 * after OSXSAVE was seen. */
static unsigned int
xcr0 (void)
{
  unsigned int low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

static Words
read_words (void)
{
  unsigned int eax, ebx, ecx, edx;
  Words words = { 0 };

  if (!__get_cpuid (1, &eax, &ebx, &ecx, &edx) || !has (ecx, BIT (27) /* OSXSAVE */))
    return words;
  words.leaf1_ecx = ecx;
  words.xcr0 = xcr0 ();
  if (!__get_cpuid_count (7, 0, &eax, &ebx, &ecx, &edx))
    return words;
  words.leaf7_ebx = ebx;
  words.leaf7_ecx = ecx;
  if (eax >= 1 && __get_cpuid_count (7, 1, &eax, &ebx, &ecx, &edx))
    words.leaf7_1_eax = eax;
  return words;
}

CkCpuFeatures
ck_cpu_features (void)
{
  const Words words = read_words ();
  unsigned int features = 0;

  for (size_t i = 0; i < sizeof needs / sizeof *needs; i++) {
    const Words *need = &needs[i].words;

    if (has (words.leaf1_ecx, need->leaf1_ecx) && has (words.leaf7_ebx, need->leaf7_ebx) &&
        has (words.leaf7_ecx, need->leaf7_ecx) && has (words.leaf7_1_eax, need->leaf7_1_eax) &&
        has (words.xcr0, need->xcr0))
      features |= needs[i].feature;
  }
  return (CkCpuFeatures)features;
}
