/* SPDX-License-Identifier: MIT */
/*
 * Features of aarch64, which the operating system tells: a program may not read the processor's own
 * registers for them. All of these use the registers of NEON, which are always saved.
 */
#include "kernels/cpu/cpu-features.h"

#include <stddef.h>
#include <sys/auxv.h>

/* The bits that a feature needs of AT_HWCAP and AT_HWCAP2. */
static const struct {
  CkCpuFeatures feature;
  unsigned long hwcap, hwcap2;
} needs[] = {
  { CK_CPU_NEON, .hwcap = HWCAP_ASIMD },
  { CK_CPU_NEON_DOTPROD, .hwcap = HWCAP_ASIMDDP },
  { CK_CPU_NEON_I8MM, .hwcap2 = HWCAP2_I8MM },
};

CkCpuFeatures
ck_cpu_features (void)
{
  const unsigned long hwcap = getauxval (AT_HWCAP), hwcap2 = getauxval (AT_HWCAP2);
  unsigned int features = 0;

  for (size_t i = 0; i < sizeof needs / sizeof *needs; i++)
    if ((hwcap & needs[i].hwcap) == needs[i].hwcap && (hwcap2 & needs[i].hwcap2) == needs[i].hwcap2)
      features |= needs[i].feature;
  return (CkCpuFeatures)features;
}
