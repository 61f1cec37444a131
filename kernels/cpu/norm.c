/* SPDX-License-Identifier: MIT */
/* Layer norm: rows are shared among the team. */
#include "kernels/cpu/cpu-stream.h"
#include "kernels/cpu/operations.h"
#include "kernels/shapes.h"

#define ROWS 8 /* a task */

typedef struct {
  const CkCpuOps *ops;
  const CkNorm *op;
} Job;

static CkStatus
make_rows (const void *data, int64_t first, int64_t end, int member)
{
  const Job *job = data;
  const CkNorm *op = job->op;
  float *y = op->y.data;

  for (int64_t row = first; row < end; row++)
    job->ops->rows.norm (op, op->cols, op->x + row * op->cols, y + row * op->cols);
  return CK_OK;
}

CkStatus
ck_cpu_norm (CkStream *self, const CkNorm *op)
{
  const CkCpuStream *cpu = (const CkCpuStream *)self;
  const CkStatus status = ck_check_norm (op);
  const Job job = { cpu->ops, op };

  if (status != CK_OK || cpu->failure != CK_OK)
    return status;
  return ck_team_run_chunks (cpu->threads, op->rows, ROWS, make_rows, &job);
}
