/* SPDX-License-Identifier: MIT */
/*
 * Weights. The CPU computes from the memory that the caller gave, usually a mapped file, and
 * decodes 16- and 4-bit weights again each time they are used: a decoded copy would cost more to
 * read from memory than the decoding.
 */
#include "kernels/cpu/cpu-ops.h"

#include <stdlib.h>
#include <string.h>

/* Whether the source's shape, type and pointers are sound, and the bytes of its data. */
static CkStatus
check_source (const CkWeightSource *source, size_t *bytes)
{
  size_t decoded;

  /* Decoded positions are counted in fp32 too, so that size must exist as well. */
  if (source->out < 1 || source->in < 1 ||
      !ck_size_product (source->out, source->in, sizeof (float), &decoded))
    return CK_BAD_SHAPE;
  switch (source->type) {
  case CK_F32:
    *bytes = decoded;
    break;
  case CK_F16:
  case CK_BF16:
    *bytes = decoded / 2;
    break;
  case CK_NF4:
    if (source->block < 2 || source->block % 2 != 0 || source->absmax == NULL)
      return CK_BAD_SHAPE;
    *bytes = (decoded / sizeof (float) + 1) / 2;
    break;
  default:
    return CK_UNSUPPORTED;
  }
  return source->data != NULL ? CK_OK : CK_BAD_SHAPE;
}

static bool
is_aligned (const CkWeightSource *source)
{
  const uintptr_t address = (uintptr_t)source->data;

  if (source->type == CK_F32)
    return address % _Alignof(float) == 0;
  return source->type == CK_NF4 || address % _Alignof(uint16_t) == 0;
}

CkStatus
ck_cpu_weight_new (CkBackend *self, const CkWeightSource *source, CkWeight **weight)
{
  size_t bytes = 0;
  CkStatus status = check_source (source, &bytes);
  CkWeight *new;

  *weight = NULL;
  if (status != CK_OK)
    return status;
  new = calloc (1, sizeof *new);
  if (new == NULL)
    return CK_NO_MEMORY;
  new->source = *source;
  /* A file's header may have any length, so its data may start anywhere. */
  if (!is_aligned (source)) {
    new->copy = self->alloc (self, bytes);
    if (new->copy == NULL) {
      free (new);
      return CK_NO_MEMORY;
    }
    memcpy (new->copy, source->data, bytes);
    new->source.data = new->copy;
  }
  *weight = new;
  return CK_OK;
}

void
ck_cpu_weight_free (CkBackend *self, CkWeight *weight)
{
  if (weight == NULL)
    return;
  self->free (self, weight->copy);
  free (weight);
}

void
ck_weight_decode_run (const CkCpuOps *ops, const CkWeight *weight, int64_t first, int64_t n,
                      float *out)
{
  const CkWeightSource *source = &weight->source;

  switch (source->type) {
  case CK_F32:
    memcpy (out, (const float *)source->data + first, (size_t)n * sizeof (float));
    break;
  case CK_F16:
    ops->decode_f16 (n, (const uint16_t *)source->data + first, out);
    break;
  case CK_BF16:
    ops->decode_bf16 (n, (const uint16_t *)source->data + first, out);
    break;
  case CK_NF4:
    ops->decode_nf4 (source, first, n, out);
    break;
  }
}

CkStatus
ck_cpu_weight_decode (CkBackend *self, const CkWeight *weight, int64_t first, int64_t rows,
                      float *out)
{
  const CkCpu *cpu = (const CkCpu *)self;
  const int64_t in = weight->source.in;

  if (first < 0 || rows < 0 || first > weight->source.out || rows > weight->source.out - first)
    return CK_BAD_SHAPE;
#pragma omp parallel for schedule(static) num_threads(cpu->base.threads)
  for (int64_t row = 0; row < rows; row++)
    ck_weight_decode_run (&cpu->ops, weight, (first + row) * in, in, out + row * in);
  return CK_OK;
}
