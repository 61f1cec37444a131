/* SPDX-License-Identifier: MIT */
/* Attention: a task is some queries of one head of one picture, from rotation to result in one
 * thread, so that neither scores nor rotated keys leave its cache. */
#include "kernels/cpu/cpu-stream.h"
#include "kernels/cpu/operations.h"
#include "kernels/cpu/team.h"
#include "kernels/shapes.h"

#define ROWS_MIN 48 /* queries a task, fewer of which are not worth packing the keys for */
#define EVEN     8  /* so many tasks a thread are even enough */

/* Queries a task: a head's, or a share of them where whole heads would leave threads idle. */
static int64_t
choose_rows (const CkAttention *a, int threads)
{
  const int64_t heads = a->batch * a->heads, queries = ck_attention_queries (a);
  int64_t parts = 1;

  while (heads * parts % threads != 0 && heads * parts < EVEN * (int64_t)threads &&
         queries >= ROWS_MIN * (parts + 1))
    parts++;
  return ck_ceil_div (queries, parts);
}

typedef struct {
  const CkAttentionOps *ops;
  const CkAttention *a;
  int64_t rows, parts; /* queries a task, and tasks a head */
  float *scratch;      /* [floats] a member */
  int64_t floats;
} Job;

static CkStatus
attend (const void *data, int64_t task, int member)
{
  const Job *job = data;
  const CkAttention *a = job->a;
  const int64_t head = task / job->parts, first = task % job->parts * job->rows;
  const CkQueries queries = { head / a->heads, head % a->heads, first,
                              ck_min (job->rows, ck_attention_queries (a) - first) };

  return job->ops->attend (a, &queries, job->scratch + member * job->floats);
}

/* NULL where these features have none. */
static const CkAttentionOps *
find_ops (const CkCpuOps *ops, CkType products)
{
  const CkAttentionOps *found = products == CK_F32   ? &ops->attention
                                : products == CK_I16 ? &ops->attention_int16
                                : products == CK_I8  ? &ops->attention_int8
                                                     : NULL;

  return found != NULL && found->attend != NULL ? found : NULL;
}

CkStatus
ck_cpu_attention (CkStream *self, const CkAttention *a)
{
  CkCpuStream *cpu = (CkCpuStream *)self;
  Job job = { .ops = find_ops (cpu->ops, a->products), .a = a };
  CkStatus status = ck_check_attention (a);
  size_t needed, bytes;

  if (status == CK_OK && job.ops == NULL)
    status = CK_UNSUPPORTED;
  if (status != CK_OK || cpu->failure != CK_OK)
    return status;
  job.rows = choose_rows (a, cpu->threads);
  job.parts = ck_ceil_div (ck_attention_queries (a), job.rows);
  if (!job.ops->scratch (a, job.rows, &needed))
    return ck_cpu_finish (cpu, CK_NO_MEMORY);
  job.floats = ck_round_up ((int64_t)needed, 16); /* so that each member's is aligned */
  if (!ck_size_product (job.floats, cpu->threads, sizeof (float), &bytes))
    return ck_cpu_finish (cpu, CK_NO_MEMORY);
  job.scratch = ck_scratch_get (&cpu->tiles, bytes);
  if (job.scratch == NULL)
    return ck_cpu_finish (cpu, CK_NO_MEMORY);
  return ck_cpu_finish (cpu,
                        ck_team_run (cpu->threads, a->batch * a->heads * job.parts, attend, &job));
}
