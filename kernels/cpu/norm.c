/* SPDX-License-Identifier: MIT */
/* Layer norm: rows are shared among the team. */
#include "kernels/cpu/cpu-stream.h"
#include "kernels/cpu/operations.h"
#include "kernels/shapes.h"

CkStatus
ck_cpu_norm (CkStream *self, const CkNorm *op)
{
  const CkCpuStream *cpu = (const CkCpuStream *)self;
  const CkStatus status = ck_check_norm (op);
  float *y = op->y.data;

  if (status != CK_OK || cpu->failure != CK_OK)
    return status;
#pragma omp parallel for schedule(static) num_threads(cpu->threads)
  for (int64_t row = 0; row < op->rows; row++)
    cpu->ops->rows.norm (op, op->cols, op->x + row * op->cols, y + row * op->cols);
  return CK_OK;
}
