/* SPDX-License-Identifier: MIT */
/* The CPU backend: choosing a level, the table of operations, and memory. */
#include "kernels/cpu/cpu-ops.h"
#include "kernels/cpu/team.h"
#include "kernels/cpu/train.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#define ALIGNMENT 64 /* bytes: a cache line, and the widest vector */
#define MAX_THREADS                                                                                \
  1024 /* more is a mistake, and OpenMP ends the process when it cannot start a thread */

static void *
aligned_memory (size_t bytes)
{
  if (bytes == 0 || bytes > PTRDIFF_MAX - (ALIGNMENT - 1))
    return NULL;
  return aligned_alloc (ALIGNMENT, (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
}

bool
ck_size_product (int64_t a, int64_t b, int64_t c, size_t *bytes)
{
  int64_t product;

  if (a < 0 || b < 0 || c < 0)
    return false;
  if (__builtin_mul_overflow (a, b, &product) || __builtin_mul_overflow (product, c, &product) ||
      product > PTRDIFF_MAX)
    return false;
  *bytes = (size_t)product;
  return true;
}

void *
ck_scratch_get (CkScratch *scratch, size_t bytes)
{
  if (bytes > scratch->bytes || scratch->data == NULL) {
    free (scratch->data);
    scratch->data = aligned_memory (bytes);
    scratch->bytes = scratch->data != NULL ? bytes : 0;
  }
  return scratch->data;
}

static void *
cpu_alloc (CkBackend *self, size_t bytes)
{
  return aligned_memory (bytes);
}

static void
cpu_free (CkBackend *self, void *memory)
{
  free (memory);
}

static CkStatus
cpu_copy (CkBackend *self, void *to, const void *from, size_t bytes)
{
  if (bytes > 0)
    memcpy (to, from, bytes);
  return CK_OK;
}

static void
cpu_destroy (CkBackend *self)
{
  CkCpu *cpu = (CkCpu *)self;

  free (cpu->tiles.data);
  free (cpu->patches.data);
  free (cpu->planes.data);
  ck_convolutions_free (cpu->convolutions);
  free (cpu);
}

/* The level that a name asks for, as documented at ck_cpu_open (). */
static CkStatus
choose_level (const char *name, CkCpuLevel *level)
{
  CkCpuLevel best = ck_cpu_level_best ();

  if (name == NULL || strcmp (name, "auto") == 0) {
    name = getenv ("COWBEHAVIOR_CPU");
    if (name == NULL || name[0] == '\0')
      name = "auto";
  }
  if (strcmp (name, "auto") == 0) {
    *level = best;
    return CK_OK;
  }
  if (!ck_cpu_level_find (name, level) || *level > best)
    return CK_UNSUPPORTED;
  return CK_OK;
}

static void
fill_ops (CkCpuOps *ops, CkCpuLevel level)
{
  ck_cpu_ops_init_c (ops);
#if defined(__x86_64__)
  if (level < CK_CPU_AVX2)
    return;
  ck_cpu_ops_init_avx2 (ops);
  ops->convolution = ck_convolution_dnnl;
  ops->convolution_backward = ck_convolution_backward_dnnl;
  if (level < CK_CPU_AVX512)
    return;
  ck_cpu_ops_init_avx512 (ops);
#endif
}

CkStatus
ck_cpu_open (const char *level_name, int threads, CkBackend **backend)
{
  CkCpuLevel level;
  CkStatus status = choose_level (level_name, &level);
  CkCpu *cpu;

  *backend = NULL;
  if (status != CK_OK)
    return status;
  if (threads < 0 || threads > MAX_THREADS)
    return CK_UNSUPPORTED;
  cpu = calloc (1, sizeof *cpu);
  if (cpu == NULL)
    return CK_NO_MEMORY;
  ck_team_wait_briefly ();

  cpu->base = (CkBackend){
    .name = "cpu",
    .level = ck_cpu_level_name (level),
    .destroy = cpu_destroy,
    .alloc = cpu_alloc,
    .free = cpu_free,
    .upload = cpu_copy,
    .download = cpu_copy,
    .weight_new = ck_cpu_weight_new,
    .weight_free = ck_cpu_weight_free,
    .weight_decode = ck_cpu_weight_decode,
    .linear = ck_cpu_linear,
    .norm = ck_cpu_norm,
    .attention = ck_cpu_attention,
    .embed = ck_cpu_embed,
    .resample = ck_resample,
    .training = &ck_cpu_training,
  };
  fill_ops (&cpu->ops, level);
  /* OpenMP's own count heeds OMP_NUM_THREADS and the processors that this process may use. */
  cpu->base.threads = threads > 0 ? threads : omp_get_max_threads ();
  *backend = &cpu->base;
  return CK_OK;
}
