/* SPDX-License-Identifier: MIT */
/*
 * Sets of instructions as bits of one word. A bit stands for features that come together in real
 * processors, and code is written for bits, never for a single feature. They form no chain:
 * AVX-VNNI exists without AVX-512. A level is a name for some of them, for tests and
 * COWBEHAVIOR_CPU.
 */
#ifndef CK_CPU_FEATURES_H
#define CK_CPU_FEATURES_H

#include <stdbool.h>

typedef enum {
  CK_CPU_AVX2 = 1 << 0,        /* AVX2, FMA, F16C: Haswell (2013), Zen (2017) */
  CK_CPU_AVX512 = 1 << 1,      /* AVX-512 F, CD, BW, DQ, VL: Skylake-SP (2017), Zen 4 (2022) */
  CK_CPU_AVX_VNNI = 1 << 2,    /* 8-bit products over 256 bits: Alder Lake (2021), Zen 5 (2024) */
  CK_CPU_AVX512_VNNI = 1 << 3, /* over 512 bits: Cascade Lake (2019), Zen 4 (2022) */
  CK_CPU_AVX512_BF16 = 1 << 4, /* products of bf16: Cooper Lake (2020), Zen 4 (2022) */

  CK_CPU_NEON = 1 << 5,         /* Advanced SIMD: every aarch64 that Linux runs on */
  CK_CPU_NEON_DOTPROD = 1 << 6, /* 8-bit products: Cortex-A55, A76 (2018), Neoverse N1 (2019) */
  CK_CPU_NEON_I8MM = 1 << 7     /* of matrices: Cortex-A710, Neoverse V1 (2021) */
} CkCpuFeatures;

/* What this processor has and whose registers the operating system saves. */
CkCpuFeatures ck_cpu_features (void);

/*
 * The features of a level by its name, and the name as static storage; "auto" is the last level
 * that this machine has, but for untried ones. False when no level has this name or the machine
 * lacks some of it.
 */
bool ck_cpu_level_find (const char *name, CkCpuFeatures *features, const char **level);
/* The same on a machine that has such features, and its ck_cpu_untried_level (). */
bool ck_cpu_level_of (CkCpuFeatures machine, const char *name, CkCpuFeatures *features,
                      const char **level);
const char *ck_cpu_untried_of (CkCpuFeatures machine);

#endif /* CK_CPU_FEATURES_H */
