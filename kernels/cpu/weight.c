/* SPDX-License-Identifier: MIT */
/*
 * Weights. For fp32 the CPU computes from the memory that the caller gave, and dequantises 16- and
 * 4-bit weights again each time they are used: a copy in fp32 would cost more to read from memory
 * than that.
 */
#include "kernels/cpu/weight.h"
#include "kernels/cpu/operations.h"
#include "kernels/cpu/weight-strips.h"
#include "kernels/cpu/weight-values.h"
#include "kernels/shapes.h"

#include <stdlib.h>
#include <string.h>

#define ROWS 8 /* dequantised in a task */

static bool
is_aligned (const CkWeight *weight)
{
  const uintptr_t address = (uintptr_t)ck_weight_data (weight);

  if (weight->source.type == CK_F32)
    return address % _Alignof(float) == 0;
  return weight->source.type == CK_NF4 || address % _Alignof(uint16_t) == 0;
}

/* A file's header may have any length, so its data may start anywhere. */
static CkStatus
align (CkCpuWeight *weight)
{
  CkWeightSource *source = &weight->base.source;
  const size_t bytes = ck_weight_source_bytes (source);

  if (source->host_data == NULL || is_aligned (&weight->base))
    return CK_OK;
  weight->copy = ck_aligned_memory (bytes);
  if (weight->copy == NULL)
    return CK_NO_MEMORY;
  memcpy (weight->copy, source->host_data, bytes);
  source->host_data = weight->copy;
  return CK_OK;
}

CkStatus
ck_cpu_weight_new (CkDevice *device, const CkWeightSource *source, CkWeightUses uses,
                   CkWeight **weight)
{
  CkCpuWeight *new = calloc (1, sizeof *new);
  CkStatus status;

  if (new == NULL)
    return CK_NO_MEMORY;
  new->base = (CkWeight){ .source = *source, .uses = uses };
  status = align (new);
  if (status == CK_OK)
    status = ck_weight_strips_init (&((CkCpuDevice *)device)->ops, new);
  if (status != CK_OK) {
    ck_cpu_weight_free (device, &new->base);
    return status;
  }
  new->base.repacked = new->copy != NULL;
  *weight = &new->base;
  return CK_OK;
}

void
ck_cpu_weight_free (CkDevice *device, CkWeight *self)
{
  CkCpuWeight *weight = (CkCpuWeight *)self;

  ck_weight_strips_clear (weight);
  free (weight->copy);
  free (weight);
}

typedef struct {
  const CkCpuOps *ops;
  const CkWeight *weight;
  int64_t first; /* row of the weight that is row 0 of out */
  float *out;
} Rows;

static CkStatus
dequantise_rows (const void *data, int64_t first, int64_t end, int member)
{
  const Rows *r = data;
  const int64_t in = r->weight->source.in;

  for (int64_t row = first; row < end; row++)
    ck_weight_dequantise_run (r->ops, r->weight, (r->first + row) * in, in, r->out + row * in);
  return CK_OK;
}

CkStatus
ck_cpu_weight_dequantise (CkStream *self, const CkWeight *weight, int64_t first, int64_t rows,
                          float *out)
{
  const CkCpuStream *cpu = (const CkCpuStream *)self;
  const CkStatus status = ck_check_dequantise (weight, first, rows);
  const Rows r = { cpu->ops, weight, first, out };

  if (status != CK_OK || cpu->failure != CK_OK)
    return status;
  return ck_team_run_chunks (cpu->threads, rows, ROWS, dequantise_rows, &r);
}
