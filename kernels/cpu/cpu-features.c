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
  bool untried; /* no machine that has it has run the tests yet, so it must be asked for */
} levels[] = {
  { "c", (CkCpuFeatures)0, false },
  { "avx2", CK_CPU_AVX2, false },
  { "avx2-vnni", (CkCpuFeatures)(CK_CPU_AVX2 | CK_CPU_AVX_VNNI), true },
  { "avx512", (CkCpuFeatures)(CK_CPU_AVX2 | CK_CPU_AVX512), false },
  { "avx512-vnni", (CkCpuFeatures)(CK_CPU_AVX2 | CK_CPU_AVX512 | CK_CPU_AVX512_VNNI), false },
  /* An emulator alone has run it, too, but without it nothing is left but plain C. */
  { "neon", CK_CPU_NEON, false },
  { "neon-dotprod", (CkCpuFeatures)(CK_CPU_NEON | CK_CPU_NEON_DOTPROD), true },
  { "neon-i8mm", (CkCpuFeatures)(CK_CPU_NEON | CK_CPU_NEON_DOTPROD | CK_CPU_NEON_I8MM), true },
};

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
