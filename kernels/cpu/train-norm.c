/* SPDX-License-Identifier: MIT */
/*
 * Layer norm, backward. A task is a chunk of rows, which sums its share of dweight and dbias; the
 * shares are then added up in the order of the chunks, whichever thread made them.
 */
#include "kernels/cpu/cpu-stream.h"
#include "kernels/cpu/operations.h"
#include "kernels/shapes.h"

#include <string.h>

#define CHUNK   32 /* rows a task */
#define COLUMNS 64 /* a task of adding up */

typedef struct {
  const CkCpuOps *ops;
  const CkNormBackward *op;
  int64_t chunks;
  float *sums; /* [chunks, 2, cols]: dweight, then dbias */
} Job;

/* Rows of one chunk. */
static CkStatus
make_chunk (const void *data, int64_t chunk, int member)
{
  const Job *job = data;
  const CkNormBackward *op = job->op;
  const CkNorm norm = { .weight = op->weight, .epsilon = op->epsilon };
  const int64_t first = chunk * CHUNK, end = first + ck_min (CHUNK, op->rows - first);
  float *sums = job->sums + chunk * 2 * op->cols;
  float *dweight = op->dweight != NULL ? sums : NULL,
        *dbias = op->dbias != NULL ? sums + op->cols : NULL;

  memset (sums, 0, (size_t)(2 * op->cols) * sizeof (float));
  for (int64_t row = first; row < end; row++) {
    const int64_t at = row * op->cols;
    job->ops->training.norm_backward (&norm, op->cols, op->x + at, op->dy + at, op->add_dx,
                                      op->dx + at, dweight, dbias);
  }
  return CK_OK;
}

static void
add_column (float *gradient, const float *sums, int64_t chunks, int64_t stride, int64_t col)
{
  double sum = 0;

  for (int64_t chunk = 0; chunk < chunks; chunk++)
    sum += sums[chunk * stride + col];
  gradient[col] += (float)sum;
}

static CkStatus
add_columns (const void *data, int64_t first, int64_t end, int member)
{
  const Job *job = data;
  const CkNormBackward *op = job->op;

  for (int64_t col = first; col < end; col++) {
    if (op->dweight != NULL)
      add_column (op->dweight, job->sums, job->chunks, 2 * op->cols, col);
    if (op->dbias != NULL)
      add_column (op->dbias, job->sums + op->cols, job->chunks, 2 * op->cols, col);
  }
  return CK_OK;
}

CkStatus
ck_cpu_norm_backward (CkStream *self, const CkNormBackward *op)
{
  CkCpuStream *cpu = (CkCpuStream *)self;
  const CkStatus status = ck_check_norm_backward (op);
  Job job = { cpu->ops, op, op->rows / CHUNK + (op->rows % CHUNK != 0), NULL };
  size_t bytes;

  if (status != CK_OK || cpu->failure != CK_OK || op->rows == 0)
    return status;
  if (ck_size_product (job.chunks, op->cols, 2 * sizeof (float), &bytes))
    job.sums = ck_scratch_get (&cpu->tiles, bytes);
  if (job.sums == NULL)
    return ck_cpu_finish (cpu, CK_NO_MEMORY);
  ck_team_run (cpu->threads, job.chunks, make_chunk, &job);
  if (op->dweight == NULL && op->dbias == NULL)
    return CK_OK;
  return ck_team_run_chunks (cpu->threads, op->cols, COLUMNS, add_columns, &job);
}
