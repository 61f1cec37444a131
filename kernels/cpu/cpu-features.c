/* SPDX-License-Identifier: MIT */
/* Levels of all architectures: one whose features this machine lacks is not offered. */
#include "kernels/cpu/cpu-features.h"

#include "kernels/kernels.h"

#include <pthread.h>
#include <string.h>

/* Slowest first. What a level does not name, it does not use, even where the machine has it. */
static const struct {
  const char *name;
  CkCpuFeatures features;
} levels[] = {
  { "c", (CkCpuFeatures)0 },
  { "avx2", CK_CPU_AVX2 },
  { "avx512", (CkCpuFeatures)(CK_CPU_AVX2 | CK_CPU_AVX512) },
  { "avx512-vnni", (CkCpuFeatures)(CK_CPU_AVX2 | CK_CPU_AVX512 | CK_CPU_AVX512_VNNI) },
  { "neon", CK_CPU_NEON },
  { "neon-dotprod", (CkCpuFeatures)(CK_CPU_NEON | CK_CPU_NEON_DOTPROD) },
  { "neon-i8mm", (CkCpuFeatures)(CK_CPU_NEON | CK_CPU_NEON_DOTPROD | CK_CPU_NEON_I8MM) },
};

/* No machine of ours ever ran these, but an emulator alone. A level with one of them is used only
 * where it is named. */
static const CkCpuFeatures unproven = (CkCpuFeatures)(CK_CPU_NEON_DOTPROD | CK_CPU_NEON_I8MM);

enum { N_LEVELS = sizeof levels / sizeof *levels };

#if !defined(__x86_64__) && !defined(__aarch64__)

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
ck_cpu_level_find (const char *name, CkCpuFeatures *features, const char **level)
{
  const CkCpuFeatures machine = ck_cpu_features ();

  for (int i = N_LEVELS - 1; i >= 0; i--) {
    const bool chosen = strcmp (name, "auto") == 0 ? !(levels[i].features & unproven)
                                                   : strcmp (name, levels[i].name) == 0;

    if (!chosen || !offers (machine, i))
      continue;
    *features = levels[i].features;
    *level = levels[i].name;
    return true;
  }
  return false;
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
