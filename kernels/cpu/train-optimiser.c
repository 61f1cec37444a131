/* SPDX-License-Identifier: MIT */
/* A step of the optimiser, and the norm of the gradients for clipping. */
#include "kernels/cpu/cpu-stream.h"
#include "kernels/cpu/operations.h"
#include "kernels/shapes.h"

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

typedef struct {
  const float *x;
  int64_t n;
  double *parts; /* a sum a chunk */
} Squares;

static CkStatus
add_chunk (const void *data, int64_t chunk, int member)
{
  const Squares *s = data;

  s->parts[chunk] = sum_chunk (s->x + chunk * CHUNK, ck_min (CHUNK, s->n - chunk * CHUNK));
  return CK_OK;
}

CkStatus
ck_cpu_add_squares (CkStream *self, const float *x, int64_t n, double *sum)
{
  CkCpuStream *cpu = (CkCpuStream *)self;
  const CkStatus status = ck_check_elements (n);
  const int64_t chunks = n / CHUNK + (n % CHUNK != 0);
  Squares s = { .x = x, .n = n };
  double total = 0;

  if (status != CK_OK || cpu->failure != CK_OK || n == 0)
    return status;
  s.parts = ck_scratch_get (&cpu->tiles, (size_t)chunks * sizeof (double));
  if (s.parts == NULL)
    return ck_cpu_finish (cpu, CK_NO_MEMORY);
  ck_team_run (cpu->threads, chunks, add_chunk, &s);
  for (int64_t chunk = 0; chunk < chunks; chunk++)
    total += s.parts[chunk];
  *sum += total;
  return CK_OK;
}

CkStatus
ck_cpu_clip_factor (CkStream *self, const double *squares, double max_norm, float *factor)
{
  const CkCpuStream *cpu = (const CkCpuStream *)self;
  double norm;

  if (cpu->failure != CK_OK)
    return CK_OK;
  norm = sqrt (*squares);
  *factor = !isfinite (norm) ? NAN : max_norm > 0 ? (float)fmin (max_norm / (norm + 1e-6), 1) : 1;
  return CK_OK;
}

typedef struct {
  const CkCpuOps *ops;
  const CkAdamW *op;
} Step;

static CkStatus
step_part (const void *data, int64_t first, int64_t end, int member)
{
  const Step *s = data;
  const CkAdamW *op = s->op;

  s->ops->training.adamw (op->step, *op->factor, end - first, op->gradients + first,
                          op->first + first, op->second + first, op->parameters + first);
  return CK_OK;
}

CkStatus
ck_cpu_adamw (CkStream *self, const CkAdamW *op)
{
  const CkCpuStream *cpu = (const CkCpuStream *)self;
  const CkStatus status = ck_check_elements (op->n);
  const Step step = { cpu->ops, op };

  if (status != CK_OK || cpu->failure != CK_OK || op->n == 0 || isnan (*op->factor))
    return status;
  return ck_team_run_chunks (cpu->threads, op->n, PART, step_part, &step);
}
