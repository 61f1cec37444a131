/* SPDX-License-Identifier: MIT */
/* A step of the optimiser, and the norm of the gradients for clipping. */
#include "kernels/cpu/train.h"

#include <math.h>

#define CHUNK 65536 /* elements a partial sum */
#define PART  4096  /* parameters a task of the step */
#define LANES 8     /* sums side by side, which a compiler may put in vectors */

static double
sum_chunk (const float *x, int64_t n)
{
  double part[LANES] = { 0 }, sum = 0;
  int64_t i = 0;

  for (; i + LANES <= n; i += LANES)
    for (int j = 0; j < LANES; j++)
      part[j] += (double)x[i + j] * x[i + j];
  for (; i < n; i++)
    part[0] += (double)x[i] * x[i];
  for (int j = 0; j < LANES; j++)
    sum += part[j];
  return sum;
}

CkStatus
ck_cpu_sum_squares (CkBackend *self, const float *x, int64_t n, double *sum)
{
  CkCpu *cpu = (CkCpu *)self;
  const int64_t chunks = n / CHUNK + (n % CHUNK != 0);
  size_t bytes;
  double *parts;

  *sum = 0;
  if (!ck_size_product (n, sizeof (float), 1, &bytes))
    return CK_BAD_SHAPE;
  if (n == 0)
    return CK_OK;
  parts = ck_scratch_get (&cpu->tiles, (size_t)chunks * sizeof (double));
  if (parts == NULL)
    return CK_NO_MEMORY;
#pragma omp parallel for schedule(static) num_threads(cpu->base.threads) if (chunks > 1)
  for (int64_t chunk = 0; chunk < chunks; chunk++)
    parts[chunk] = sum_chunk (x + chunk * CHUNK, ck_min (CHUNK, n - chunk * CHUNK));
  for (int64_t chunk = 0; chunk < chunks; chunk++)
    *sum += parts[chunk];
  return CK_OK;
}

/* torch.optim.AdamW's operations in its order; what is one number for all parameters is computed in
 * double precision, as Python does. */
CkStatus
ck_cpu_adamw (CkBackend *self, const CkAdamW *settings, float factor, int64_t n,
              const float *gradients, float *first, float *second, float *parameters)
{
  const CkCpu *cpu = (const CkCpu *)self;
  const CkAdamWStep step = {
    .factor = factor,
    .rest1 = (float)(1 - settings->beta1),
    .beta2 = (float)settings->beta2,
    .rest2 = (float)(1 - settings->beta2),
    .root = (float)sqrt (1 - pow (settings->beta2, (double)settings->step)),
    .epsilon = (float)settings->epsilon,
    .decay = (float)(1 - settings->learning_rate * settings->weight_decay),
    .step = (float)(settings->learning_rate / (1 - pow (settings->beta1, (double)settings->step))),
  };
  size_t bytes;

  if (settings->step < 1 || !ck_size_product (n, sizeof (float), 1, &bytes))
    return CK_BAD_SHAPE;
#pragma omp parallel for schedule(static) num_threads(cpu->base.threads) if (n > PART)
  for (int64_t i = 0; i < n; i += PART)
    cpu->ops.adamw (&step, ck_min (PART, n - i), gradients + i, first + i, second + i,
                    parameters + i);
  return CK_OK;
}
