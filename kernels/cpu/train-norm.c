/* SPDX-License-Identifier: MIT */
/*
 * Layer norm, backward. A task is a chunk of rows, which sums its share of dweight and dbias; the
 * shares are then added up in the order of the chunks, whichever thread made them.
 */
#include "kernels/cpu/cpu-stream.h"
#include "kernels/cpu/operations.h"
#include "kernels/shapes.h"

#include <string.h>

#define CHUNK 32 /* rows a task */

/* Rows of one chunk; sums [2, cols]: dweight, then dbias. */
static void
make_chunk (const CkCpuStream *cpu, const CkNormBackward *op, int64_t first, float *sums)
{
  const CkNorm norm = { .weight = op->weight, .epsilon = op->epsilon };
  const int64_t end = first + ck_min (CHUNK, op->rows - first);
  float *dweight = op->dweight != NULL ? sums : NULL,
        *dbias = op->dbias != NULL ? sums + op->cols : NULL;

  memset (sums, 0, (size_t)(2 * op->cols) * sizeof (float));
  for (int64_t row = first; row < end; row++) {
    const int64_t at = row * op->cols;
    cpu->ops->training.norm_backward (&norm, op->cols, op->x + at, op->dy + at, op->add_dx,
                                      op->dx + at, dweight, dbias);
  }
}

static void
add_column (float *gradient, const float *sums, int64_t chunks, int64_t stride, int64_t col)
{
  double sum = 0;

  for (int64_t chunk = 0; chunk < chunks; chunk++)
    sum += sums[chunk * stride + col];
  gradient[col] += (float)sum;
}

CkStatus
ck_cpu_norm_backward (CkStream *self, const CkNormBackward *op)
{
  CkCpuStream *cpu = (CkCpuStream *)self;
  const int64_t chunks = op->rows / CHUNK + (op->rows % CHUNK != 0);
  const CkStatus status = ck_check_norm_backward (op);
  size_t bytes;
  float *sums = NULL;

  if (status != CK_OK || cpu->failure != CK_OK || op->rows == 0)
    return status;
  if (ck_size_product (chunks, op->cols, 2 * sizeof (float), &bytes))
    sums = ck_scratch_get (&cpu->tiles, bytes);
  if (sums == NULL)
    return ck_cpu_finish (cpu, CK_NO_MEMORY);

#pragma omp parallel num_threads(cpu->threads)
  {
#pragma omp for schedule(static)
    for (int64_t chunk = 0; chunk < chunks; chunk++)
      make_chunk (cpu, op, chunk * CHUNK, sums + chunk * 2 * op->cols);
#pragma omp for schedule(static)
    for (int64_t col = 0; col < op->cols; col++) {
      if (op->dweight != NULL)
        add_column (op->dweight, sums, chunks, 2 * op->cols, col);
      if (op->dbias != NULL)
        add_column (op->dbias, sums + op->cols, chunks, 2 * op->cols, col);
    }
  }
  return CK_OK;
}
