/* SPDX-License-Identifier: MIT */
/* Operations on each element or row by itself: chunks are shared among the team, and inner
 * operations do them. */
#include "kernels/cpu/cpu-stream.h"
#include "kernels/cpu/operations.h"
#include "kernels/shapes.h"

#include <string.h>

#define CHUNK 4096 /* elements a task */
#define PART  256  /* elements at once where an operation needs a place for what is in between */
#define STRIP 64   /* columns a task of sums over rows */

CkStatus
ck_cpu_activate (CkStream *self, CkActivation activation, int64_t n, const float *x, float *y)
{
  const CkCpuStream *cpu = (const CkCpuStream *)self;
  const CkStatus status = ck_check_elements (n);
  const CkEpilogue epilogue = { .activation = activation };

  if (status != CK_OK || cpu->failure != CK_OK)
    return status;
#pragma omp parallel for schedule(static) num_threads(cpu->threads)
  for (int64_t i = 0; i < n; i += CHUNK)
    cpu->ops->rows.epilogue (&epilogue, ck_min (CHUNK, n - i), x + i, NULL, NULL, y + i);
  return CK_OK;
}

CkStatus
ck_cpu_activate_backward (CkStream *self, CkActivation activation, int64_t n, const float *x,
                          const float *dy, float *dx)
{
  const CkCpuStream *cpu = (const CkCpuStream *)self;
  const CkStatus status = ck_check_elements (n);

  if (status != CK_OK || cpu->failure != CK_OK)
    return status;
#pragma omp parallel for schedule(static) num_threads(cpu->threads)
  for (int64_t i = 0; i < n; i += CHUNK)
    cpu->ops->training.activate_backward (activation, ck_min (CHUNK, n - i), x + i, dy + i, dx + i);
  return CK_OK;
}

CkStatus
ck_cpu_gate (CkStream *self, int64_t n, const float *gate, const float *up, float *y)
{
  const CkCpuStream *cpu = (const CkCpuStream *)self;
  const CkStatus status = ck_check_elements (n);
  const CkEpilogue epilogue = { .activation = CK_SILU };

  if (status != CK_OK || cpu->failure != CK_OK)
    return status;
#pragma omp parallel for schedule(static) num_threads(cpu->threads)
  for (int64_t i = 0; i < n; i += CHUNK)
    cpu->ops->rows.epilogue (&epilogue, ck_min (CHUNK, n - i), gate + i, up + i, NULL, y + i);
  return CK_OK;
}

/* At most PART elements. Outputs are written when all inputs have been read, so they may be the
 * inputs. */
static void
gate_part (const CkCpuOps *ops, int64_t n, const float *gate, const float *up, const float *dy,
           float *dgate, float *dup)
{
  const CkEpilogue silu = { .activation = CK_SILU };
  float d[PART], activated[PART];

  for (int64_t i = 0; i < n; i++)
    d[i] = dy[i] * up[i];
  ops->rows.epilogue (&silu, n, gate, dy, NULL, activated);
  ops->training.activate_backward (CK_SILU, n, gate, d, dgate);
  memcpy (dup, activated, (size_t)n * sizeof (float));
}

CkStatus
ck_cpu_gate_backward (CkStream *self, int64_t n, const float *gate, const float *up,
                      const float *dy, float *dgate, float *dup)
{
  const CkCpuStream *cpu = (const CkCpuStream *)self;
  const CkStatus status = ck_check_elements (n);

  if (status != CK_OK || cpu->failure != CK_OK)
    return status;
#pragma omp parallel for schedule(static) num_threads(cpu->threads)
  for (int64_t i = 0; i < n; i += PART)
    gate_part (cpu->ops, ck_min (PART, n - i), gate + i, up + i, dy + i, dgate + i, dup + i);
  return CK_OK;
}

CkStatus
ck_cpu_add_scaled (CkStream *self, int64_t rows, int64_t cols, const float *y, const float *scale,
                   float *x)
{
  const CkCpuStream *cpu = (const CkCpuStream *)self;
  const CkStatus status = ck_check_matrix (rows, cols);
  const CkEpilogue epilogue = { .scale = scale };

  if (status != CK_OK || cpu->failure != CK_OK)
    return status;
#pragma omp parallel for schedule(static) num_threads(cpu->threads)
  for (int64_t row = 0; row < rows; row++)
    cpu->ops->rows.epilogue (&epilogue, cols, y + row * cols, NULL, x + row * cols, x + row * cols);
  return CK_OK;
}

/* Columns [first, first + STRIP) of dscale. */
static void
sum_products (int64_t rows, int64_t cols, int64_t first, const float *dx, const float *y,
              float *dscale)
{
  const int64_t n = ck_min (STRIP, cols - first);
  double sum[STRIP] = { 0 };

  for (int64_t row = 0; row < rows; row++)
    for (int64_t i = 0; i < n; i++)
      sum[i] += (double)dx[row * cols + first + i] * y[row * cols + first + i];
  for (int64_t i = 0; i < n; i++)
    dscale[first + i] += (float)sum[i];
}

CkStatus
ck_cpu_add_scaled_backward (CkStream *self, int64_t rows, int64_t cols, const float *dx,
                            const float *y, const float *scale, float *dy, float *dscale)
{
  const CkCpuStream *cpu = (const CkCpuStream *)self;
  const CkStatus status = ck_check_matrix (rows, cols);
  const CkEpilogue epilogue = { .scale = scale };

  if (status != CK_OK || cpu->failure != CK_OK)
    return status;
#pragma omp parallel num_threads(cpu->threads)
  {
    /* first, and with a barrier after it, because dy may be y */
#pragma omp for schedule(static)
    for (int64_t first = 0; first < (dscale != NULL ? cols : 0); first += STRIP)
      sum_products (rows, cols, first, dx, y, dscale);
#pragma omp for schedule(static)
    for (int64_t row = 0; row < rows; row++)
      cpu->ops->rows.epilogue (&epilogue, cols, dx + row * cols, NULL, NULL, dy + row * cols);
  }
  return CK_OK;
}

CkStatus
ck_cpu_dropout (CkStream *self, const uint64_t *key, float p, int64_t n, const float *x, float *y)
{
  const CkCpuStream *cpu = (const CkCpuStream *)self;
  const CkStatus status = ck_check_dropout (p, n);

  if (status != CK_OK || cpu->failure != CK_OK)
    return status;
#pragma omp parallel for schedule(static) num_threads(cpu->threads)
  for (int64_t i = 0; i < n; i += CHUNK)
    cpu->ops->training.dropout (*key, p, i, ck_min (CHUNK, n - i), x + i, y + i);
  return CK_OK;
}

CkStatus
ck_cpu_copy_rows (CkStream *self, int64_t rows, int64_t cols, const float *src, int64_t src_stride,
                  float *dst, int64_t dst_stride)
{
  const CkCpuStream *cpu = (const CkCpuStream *)self;
  const CkStatus status = ck_check_copy_rows (rows, cols, src_stride, dst_stride);

  if (status != CK_OK || cpu->failure != CK_OK)
    return status;
#pragma omp parallel for schedule(static) num_threads(cpu->threads) if (rows * cols >= CHUNK)
  for (int64_t row = 0; row < (cols > 0 ? rows : 0); row++)
    memcpy (dst + row * dst_stride, src + row * src_stride, (size_t)cols * sizeof (float));
  return CK_OK;
}

CkStatus
ck_cpu_fill (CkStream *self, float *x, int64_t n, float value)
{
  const CkCpuStream *cpu = (const CkCpuStream *)self;
  const CkStatus status = ck_check_elements (n);

  if (status != CK_OK || cpu->failure != CK_OK)
    return status;
#pragma omp parallel for simd schedule(static) num_threads(cpu->threads) if (n >= CHUNK)
  for (int64_t i = 0; i < n; i++)
    x[i] = value;
  return CK_OK;
}

CkStatus
ck_cpu_multiply (CkStream *self, float *x, int64_t n, float factor)
{
  const CkCpuStream *cpu = (const CkCpuStream *)self;
  const CkStatus status = ck_check_elements (n);

  if (status != CK_OK || cpu->failure != CK_OK)
    return status;
#pragma omp parallel for simd schedule(static) num_threads(cpu->threads) if (n >= CHUNK)
  for (int64_t i = 0; i < n; i++)
    x[i] *= factor;
  return CK_OK;
}

CkStatus
ck_cpu_add (CkStream *self, int64_t n, const float *x, float *y)
{
  const CkCpuStream *cpu = (const CkCpuStream *)self;
  const CkStatus status = ck_check_elements (n);

  if (status != CK_OK || cpu->failure != CK_OK)
    return status;
#pragma omp parallel for simd schedule(static) num_threads(cpu->threads) if (n >= CHUNK)
  for (int64_t i = 0; i < n; i++)
    y[i] += x[i];
  return CK_OK;
}
