/* SPDX-License-Identifier: MIT */
/* Attention: a task is some queries of one head of one picture, from rotation to result in one
 * thread, so that neither scores nor rotated keys leave its cache. */
#include "kernels/cpu/cpu-stream.h"
#include "kernels/cpu/operations.h"
#include "kernels/shapes.h"

#include <omp.h>

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

CkStatus
ck_cpu_attention (CkStream *self, const CkAttention *a)
{
  CkCpuStream *cpu = (CkCpuStream *)self;
  const CkAttentionOps *ops = &cpu->ops->attention;
  CkStatus result = ck_check_attention (a);
  int64_t rows, parts, floats;
  size_t needed, bytes;
  float *scratch;

  if (result != CK_OK || cpu->failure != CK_OK)
    return result;
  rows = choose_rows (a, cpu->threads);
  parts = ck_ceil_div (ck_attention_queries (a), rows);
  if (!ops->scratch (a, rows, &needed))
    return ck_cpu_finish (cpu, CK_NO_MEMORY);
  floats = ck_round_up ((int64_t)needed, 16); /* so that each thread's is aligned */
  if (!ck_size_product (floats, cpu->threads, sizeof (float), &bytes))
    return ck_cpu_finish (cpu, CK_NO_MEMORY);
  scratch = ck_scratch_get (&cpu->tiles, bytes);
  if (scratch == NULL)
    return ck_cpu_finish (cpu, CK_NO_MEMORY);

#pragma omp parallel for schedule(dynamic) num_threads(cpu->threads)
  for (int64_t task = 0; task < a->batch * a->heads * parts; task++) {
    const int64_t first = task % parts * rows;
    const CkQueries queries = { task / parts / a->heads, task / parts % a->heads, first,
                                ck_min (rows, ck_attention_queries (a) - first) };
    const CkStatus status = ops->attend (a, &queries, scratch + omp_get_thread_num () * floats);

    if (status != CK_OK) {
#pragma omp atomic write
      result = status;
    }
  }
  return ck_cpu_finish (cpu, result);
}
