/* SPDX-License-Identifier: MIT */
/*
 * Levels of the x86 instruction set. A level is a set of features that come together in real
 * processors, each containing the one before; code is written for a level, never for a single
 * feature.
 */
#ifndef CK_CPU_LEVEL_H
#define CK_CPU_LEVEL_H

#include <stdbool.h>

typedef enum {
  CK_CPU_C,      /* what the compiler targets by itself */
  CK_CPU_AVX2,   /* AVX2, FMA, F16C: Haswell (2013), Zen (2017) */
  CK_CPU_AVX512, /* AVX-512 F, CD, BW, DQ, VL: Skylake-SP (2017), Zen 4 (2022) */
  CK_CPU_N_LEVELS
} CkCpuLevel;

/* The highest level that this processor has and whose registers the operating system saves. */
CkCpuLevel ck_cpu_level_best (void);
const char *ck_cpu_level_name (CkCpuLevel level);
/* False when no level has this name, whether or not this processor has it. */
bool ck_cpu_level_find (const char *name, CkCpuLevel *level);

#endif /* CK_CPU_LEVEL_H */
