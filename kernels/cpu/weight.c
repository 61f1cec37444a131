/* SPDX-License-Identifier: MIT */
/*
 * Weights. The CPU computes from the memory that the caller gave, usually a mapped file, and
 * dequantises 16- and 4-bit weights again each time they are used: a copy in fp32 would cost more
 * to read from memory than that.
 */
#include "kernels/cpu/weight.h"
#include "kernels/cpu/operations.h"
#include "kernels/shapes.h"

#include <stdlib.h>
#include <string.h>

#define ROWS 8 /* dequantised in a task */

typedef struct {
  CkWeight base;
  void *copy; /* of the source's data where that was not aligned for its type; else NULL */
} Weight;

static bool
is_aligned (const CkWeight *weight)
{
  const uintptr_t address = (uintptr_t)ck_weight_data (weight);

  if (weight->source.type == CK_F32)
    return address % _Alignof(float) == 0;
  return weight->source.type == CK_NF4 || address % _Alignof(uint16_t) == 0;
}

CkStatus
ck_cpu_weight_new (CkDevice *device, const CkWeightSource *source, CkWeightUses uses,
                   CkWeight **weight)
{
  Weight *new = calloc (1, sizeof *new);

  if (new == NULL)
    return CK_NO_MEMORY;
  new->base = (CkWeight){ *source, uses };
  /* A file's header may have any length, so its data may start anywhere. */
  if (source->host_data != NULL && !is_aligned (&new->base)) {
    const size_t bytes = ck_weight_source_bytes (source);

    new->copy = ck_aligned_memory (bytes);
    if (new->copy == NULL) {
      free (new);
      return CK_NO_MEMORY;
    }
    memcpy (new->copy, source->host_data, bytes);
    new->base.source.host_data = new->copy;
  }
  *weight = &new->base;
  return CK_OK;
}

void
ck_cpu_weight_free (CkDevice *device, CkWeight *weight)
{
  free (((Weight *)weight)->copy);
  free (weight);
}

void
ck_weight_dequantise_run (const CkCpuOps *ops, const CkWeight *weight, int64_t first, int64_t n,
                          float *out)
{
  const CkWeightSource *source = &weight->source;
  const void *data = ck_weight_data (weight);

  switch (source->type) {
  case CK_F32:
    memcpy (out, (const float *)data + first, (size_t)n * sizeof (float));
    break;
  case CK_F16:
    ops->dequantise.f16 (n, (const uint16_t *)data + first, out);
    break;
  case CK_BF16:
    ops->dequantise.bf16 (n, (const uint16_t *)data + first, out);
    break;
  case CK_NF4:
    ops->dequantise.nf4 (source, first, n, out);
    break;
  case CK_I16:
  case CK_I8:
    break; /* no weight has these: ck_weight_new () */
  }
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
