/* SPDX-License-Identifier: MIT */
/*
 * A feature counts only if the operating system saves the registers that it uses (XCR0): otherwise
 * the instructions fault, or a task switch destroys their values. Bits: Intel SDM volume 2, CPUID
 * and XGETBV.
 */
#include "kernels/cpu/cpu-features.h"

#include "kernels/kernels.h"

#include <pthread.h>
#include <string.h>

#if defined(__x86_64__)
#  include <cpuid.h>
#endif

/* Slowest first. What a level does not name, it does not use, even where the machine has it. */
static const struct {
  const char *name;
  CkCpuFeatures features;
  bool untried; /* no machine that has it has run the tests yet, so it must be asked for */
} levels[] = {
  { "c", (CkCpuFeatures)0, false },
  { "avx2", CK_CPU_AVX2, false },
  { "avx2-vnni", (CkCpuFeatures)(CK_CPU_AVX2 | CK_CPU_AVX_VNNI), true },
  { "avx512", (CkCpuFeatures)(CK_CPU_AVX2 | CK_CPU_AVX512), false },
  { "avx512-vnni", (CkCpuFeatures)(CK_CPU_AVX2 | CK_CPU_AVX512 | CK_CPU_AVX512_VNNI), false },
};

enum { N_LEVELS = sizeof levels / sizeof *levels };

#if defined(__x86_64__)

#  define BIT(n) (1u << (n))

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

#else

CkCpuFeatures
ck_cpu_features (void)
{
  return (CkCpuFeatures)0;
}

#endif

static bool
offers (CkCpuFeatures machine, int level)
{
  return (machine & levels[level].features) == levels[level].features;
}

bool
ck_cpu_level_of (CkCpuFeatures machine, const char *name, CkCpuFeatures *features,
                 const char **level)
{
  const bool any = strcmp (name, "auto") == 0;

  for (int i = N_LEVELS - 1; i >= 0; i--) {
    if (!offers (machine, i) || (any ? levels[i].untried : strcmp (name, levels[i].name) != 0))
      continue;
    *features = levels[i].features;
    *level = levels[i].name;
    return true;
  }
  return false;
}

bool
ck_cpu_level_find (const char *name, CkCpuFeatures *features, const char **level)
{
  return ck_cpu_level_of (ck_cpu_features (), name, features, level);
}

const char *
ck_cpu_untried_of (CkCpuFeatures machine)
{
  int last = N_LEVELS - 1;

  while (!offers (machine, last))
    last--;
  return levels[last].untried ? levels[last].name : NULL;
}

const char *
ck_cpu_untried_level (void)
{
  return ck_cpu_untried_of (ck_cpu_features ());
}

static const char *offered[N_LEVELS + 1];

static void
list_levels (void)
{
  const CkCpuFeatures machine = ck_cpu_features ();
  int n = 0;

  for (int i = 0; i < N_LEVELS; i++)
    if (offers (machine, i))
      offered[n++] = levels[i].name;
}

const char *const *
ck_cpu_levels (void)
{
  static pthread_once_t once = PTHREAD_ONCE_INIT;

  pthread_once (&once, list_levels);
  return offered;
}
