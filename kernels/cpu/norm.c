/* SPDX-License-Identifier: MIT */
/* Layer norm: rows are shared among the team. One that is to be whole numbers is made in a buffer
 * of the thread's own. */
#include "kernels/cpu/coded-rows.h"
#include "kernels/cpu/cpu-stream.h"
#include "kernels/cpu/operations.h"
#include "kernels/shapes.h"

#define ROWS 8  /* a task */
#define LINE 16 /* floats of a cache line */

typedef struct {
  const CkCpuOps *ops;
  const CkNorm *op;
  float *y;            /* NULL where y is whole numbers: */
  CkCodedRows y_codes; /* these */
  float *buffers;      /* [stride] a thread, then */
  int64_t stride;
} Job;

static CkStatus
make_rows (const void *data, int64_t first, int64_t end, int member)
{
  const Job *job = data;
  const CkNorm *op = job->op;

  for (int64_t row = first; row < end; row++) {
    float *y = job->y != NULL ? job->y + row * op->cols : job->buffers + member * job->stride;

    job->ops->rows.norm (op, op->cols, op->x + row * op->cols, y);
    if (job->y == NULL)
      ck_coded_rows_write (&job->y_codes, row, 0, op->cols, y);
  }
  return CK_OK;
}

static CkStatus
reserve (Job *job, CkCpuStream *cpu)
{
  const CkNorm *op = job->op;
  size_t bytes;

  job->stride = ck_round_up (op->cols, LINE);
  if (!ck_size_product (job->stride, cpu->threads, sizeof (float), &bytes))
    return CK_NO_MEMORY;
  job->buffers = ck_scratch_get (&cpu->tiles, bytes);
  job->y_codes =
      ck_coded_rows_at (ck_cpu_products (cpu->ops, op->y.type), op->rows, op->cols, op->y.data);
  return job->buffers != NULL ? CK_OK : CK_NO_MEMORY;
}

CkStatus
ck_cpu_norm (CkStream *self, const CkNorm *op)
{
  CkCpuStream *cpu = (CkCpuStream *)self;
  Job job = { .ops = cpu->ops, .op = op, .y = op->y.type == CK_F32 ? op->y.data : NULL };
  CkStatus status = ck_check_norm (op);
  size_t bytes;

  if (status == CK_OK)
    status = ck_activations_bytes (self->device, op->y.type, op->rows, op->cols, &bytes);
  if (status != CK_OK || cpu->failure != CK_OK || op->rows == 0)
    return status;
  if (job.y == NULL)
    status = reserve (&job, cpu);
  if (status == CK_OK)
    status = ck_team_run_chunks (cpu->threads, op->rows, ROWS, make_rows, &job);
  return ck_cpu_finish (cpu, status);
}
