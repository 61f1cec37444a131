/* SPDX-License-Identifier: MIT */
/*
 * Which level this processor offers. A feature counts only if the operating system saves the
 * registers that it uses (XCR0): otherwise the instructions fault, or a task switch destroys their
 * values. Bits: Intel SDM volume 2, CPUID and XGETBV.
 */
#include "kernels/cpu/cpu-level.h"

#include "kernels/kernels.h"

#include <string.h>

#if defined(__x86_64__)
#  include <cpuid.h>
#endif

static const char *const names[CK_CPU_N_LEVELS] = { "c", "avx2", "avx512" };

/* names up to each level: ck_cpu_levels () of a machine whose best it is. */
static const char *const lists[CK_CPU_N_LEVELS][CK_CPU_N_LEVELS + 1] = {
  [CK_CPU_C] = { "c", NULL },
  [CK_CPU_AVX2] = { "c", "avx2", NULL },
  [CK_CPU_AVX512] = { "c", "avx2", "avx512", NULL },
};

#if defined(__x86_64__)

#  define BIT(n) (1u << (n))

static const unsigned int leaf1_ecx =
    BIT (12) /* FMA */ | BIT (27) /* OSXSAVE */ | BIT (28) /* AVX */ | BIT (29) /* F16C */;
static const unsigned int leaf7_ebx_avx2 = BIT (5);
static const unsigned int leaf7_ebx_avx512 = BIT (16) /* F */ | BIT (17) /* DQ */ |
                                             BIT (28) /* CD */ | BIT (30) /* BW */ |
                                             BIT (31) /* VL */;
static const unsigned int xcr0_avx = BIT (1) /* xmm */ | BIT (2) /* upper halves of ymm */;
static const unsigned int xcr0_avx512 = BIT (1) | BIT (2) | BIT (5) /* masks */ |
                                        BIT (6) /* upper halves of zmm0-15 */ |
                                        BIT (7) /* zmm16-31 */;

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

CkCpuLevel
ck_cpu_level_best (void)
{
  unsigned int eax, ebx, ecx, edx, saved;

  if (!__get_cpuid (1, &eax, &ebx, &ecx, &edx) || !has (ecx, leaf1_ecx))
    return CK_CPU_C;
  saved = xcr0 ();
  if (!__get_cpuid_count (7, 0, &eax, &ebx, &ecx, &edx) || !has (ebx, leaf7_ebx_avx2) ||
      !has (saved, xcr0_avx))
    return CK_CPU_C;
  if (!has (ebx, leaf7_ebx_avx512) || !has (saved, xcr0_avx512))
    return CK_CPU_AVX2;
  return CK_CPU_AVX512;
}

#else

CkCpuLevel
ck_cpu_level_best (void)
{
  return CK_CPU_C;
}

#endif

const char *
ck_cpu_level_name (CkCpuLevel level)
{
  return names[level];
}

bool
ck_cpu_level_find (const char *name, CkCpuLevel *level)
{
  for (int i = 0; i < CK_CPU_N_LEVELS; i++) {
    if (strcmp (name, names[i]) == 0) {
      *level = (CkCpuLevel)i;
      return true;
    }
  }
  return false;
}

const char *const *
ck_cpu_levels (void)
{
  return lists[ck_cpu_level_best ()];
}
