/* SPDX-License-Identifier: MIT */
/*
 * Operations on each element or row by itself: chunks are shared among the team, and inner
 * operations do them. Each is a function for a chunk, and above it what it needs to know.
 */
#include "kernels/cpu/cpu-stream.h"
#include "kernels/cpu/operations.h"
#include "kernels/shapes.h"

#include <string.h>

#define CHUNK 4096 /* elements a task, and about as many where a task is of rows */
#define PART  256  /* elements at once where an operation needs a place for what is in between */
#define STRIP 64   /* columns a task of sums over rows */

/* Rows a task. */
static int64_t
rows_of_chunk (int64_t cols)
{
  return ck_max (CHUNK / ck_max (cols, 1), 1);
}

/* ---- activations ----------------------------------------------------------------------------- */

typedef struct {
  const CkCpuOps *ops;
  CkActivation activation;
  const float *x, *up, *dy; /* of each operation those that it has */
  float *y;                 /* or dx or dgate */
  float *dup;
} Elements;

static CkStatus
activate (const void *data, int64_t first, int64_t end, int member)
{
  const Elements *e = data;
  const CkEpilogue epilogue = { .activation = e->activation };

  e->ops->rows.epilogue (&epilogue, end - first, e->x + first, e->up != NULL ? e->up + first : NULL,
                         NULL, e->y + first);
  return CK_OK;
}

CkStatus
ck_cpu_activate (CkStream *self, CkActivation activation, int64_t n, const float *x, float *y)
{
  const CkCpuStream *cpu = (const CkCpuStream *)self;
  const CkStatus status = ck_check_elements (n);
  const Elements e = { .ops = cpu->ops, .activation = activation, .x = x, .y = y };

  if (status != CK_OK || cpu->failure != CK_OK)
    return status;
  return ck_team_run_chunks (cpu->threads, n, CHUNK, activate, &e);
}

static CkStatus
activate_backward (const void *data, int64_t first, int64_t end, int member)
{
  const Elements *e = data;

  e->ops->training.activate_backward (e->activation, end - first, e->x + first, e->dy + first,
                                      e->y + first);
  return CK_OK;
}

CkStatus
ck_cpu_activate_backward (CkStream *self, CkActivation activation, int64_t n, const float *x,
                          const float *dy, float *dx)
{
  const CkCpuStream *cpu = (const CkCpuStream *)self;
  const CkStatus status = ck_check_elements (n);
  const Elements e = { .ops = cpu->ops, .activation = activation, .x = x, .dy = dy, .y = dx };

  if (status != CK_OK || cpu->failure != CK_OK)
    return status;
  return ck_team_run_chunks (cpu->threads, n, CHUNK, activate_backward, &e);
}

CkStatus
ck_cpu_gate (CkStream *self, int64_t n, const float *gate, const float *up, float *y)
{
  const CkCpuStream *cpu = (const CkCpuStream *)self;
  const CkStatus status = ck_check_elements (n);
  const Elements e = { .ops = cpu->ops, .activation = CK_SILU, .x = gate, .up = up, .y = y };

  if (status != CK_OK || cpu->failure != CK_OK)
    return status;
  return ck_team_run_chunks (cpu->threads, n, CHUNK, activate, &e);
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

static CkStatus
gate_backward (const void *data, int64_t first, int64_t end, int member)
{
  const Elements *e = data;

  for (int64_t i = first; i < end; i += PART)
    gate_part (e->ops, ck_min (PART, end - i), e->x + i, e->up + i, e->dy + i, e->y + i,
               e->dup + i);
  return CK_OK;
}

CkStatus
ck_cpu_gate_backward (CkStream *self, int64_t n, const float *gate, const float *up,
                      const float *dy, float *dgate, float *dup)
{
  const CkCpuStream *cpu = (const CkCpuStream *)self;
  const CkStatus status = ck_check_elements (n);
  const Elements e = { .ops = cpu->ops, .x = gate, .up = up, .dy = dy, .y = dgate, .dup = dup };

  if (status != CK_OK || cpu->failure != CK_OK)
    return status;
  return ck_team_run_chunks (cpu->threads, n, CHUNK, gate_backward, &e);
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* A matrix [rows, cols] and what is added to it or summed from it. */
typedef struct {
  const CkCpuOps *ops;
  int64_t rows, cols;
  const float *y, *scale, *residual; /* residual may be NULL */
  float *x;
  const float *dx; /* with y what dscale is summed from */
  float *dscale;
} Rows;

/* x = scale y + residual */
static CkStatus
scale_rows (const void *data, int64_t first, int64_t end, int member)
{
  const Rows *r = data;
  const CkEpilogue epilogue = { .scale = r->scale };

  for (int64_t at = first * r->cols; at < end * r->cols; at += r->cols)
    r->ops->rows.epilogue (&epilogue, r->cols, r->y + at, NULL,
                           r->residual != NULL ? r->residual + at : NULL, r->x + at);
  return CK_OK;
}

CkStatus
ck_cpu_add_scaled (CkStream *self, int64_t rows, int64_t cols, const float *y, const float *scale,
                   float *x)
{
  const CkCpuStream *cpu = (const CkCpuStream *)self;
  const CkStatus status = ck_check_matrix (rows, cols);
  const Rows r = { .ops = cpu->ops, .cols = cols, .y = y, .scale = scale, .residual = x, .x = x };

  if (status != CK_OK || cpu->failure != CK_OK)
    return status;
  return ck_team_run_chunks (cpu->threads, cols > 0 ? rows : 0, rows_of_chunk (cols), scale_rows,
                             &r);
}

/* Columns [first, end) of dscale, at most STRIP. */
static CkStatus
sum_products (const void *data, int64_t first, int64_t end, int member)
{
  const Rows *r = data;
  const int64_t n = end - first;
  double sum[STRIP] = { 0 };

  r->ops->training.sum_columns (r->rows, n, r->cols, r->dx + first, r->y + first, NULL, sum);
  for (int64_t i = 0; i < n; i++)
    r->dscale[first + i] += (float)sum[i];
  return CK_OK;
}

CkStatus
ck_cpu_add_scaled_backward (CkStream *self, int64_t rows, int64_t cols, const float *dx,
                            const float *y, const float *scale, float *dy, float *dscale)
{
  const CkCpuStream *cpu = (const CkCpuStream *)self;
  const CkStatus status = ck_check_matrix (rows, cols);
  const Rows sums = {
    .ops = cpu->ops, .rows = rows, .cols = cols, .dx = dx, .y = y, .dscale = dscale
  };
  const Rows scaled = { .ops = cpu->ops, .cols = cols, .y = dx, .scale = scale, .x = dy };

  if (status != CK_OK || cpu->failure != CK_OK)
    return status;
  /* The sums come first, because dy may be y. */
  if (dscale != NULL)
    ck_team_run_chunks (cpu->threads, cols, STRIP, sum_products, &sums);
  return ck_team_run_chunks (cpu->threads, cols > 0 ? rows : 0, rows_of_chunk (cols), scale_rows,
                             &scaled);
}

/* ---- dropout --------------------------------------------------------------------------------- */

typedef struct {
  const CkCpuOps *ops;
  uint64_t key;
  float p;
  const float *x;
  float *y;
} Dropout;

static CkStatus
drop_out (const void *data, int64_t first, int64_t end, int member)
{
  const Dropout *d = data;
  uint8_t mask[CHUNK / 8];

  d->ops->training.choose (d->key, d->p, first, end - first, mask);
  d->ops->training.drop (d->p, end - first, mask, d->x + first, d->y + first);
  return CK_OK;
}

CkStatus
ck_cpu_dropout (CkStream *self, const uint64_t *key, float p, int64_t n, const float *x, float *y)
{
  const CkCpuStream *cpu = (const CkCpuStream *)self;
  const CkStatus status = ck_check_dropout (p, n);

  Dropout d = { .ops = cpu->ops, .p = p, .x = x, .y = y };

  if (status != CK_OK || cpu->failure != CK_OK)
    return status;
  d.key = *key;
  return ck_team_run_chunks (cpu->threads, n, CHUNK, drop_out, &d);
}

/* ---- moving and simple sums ------------------------------------------------------------------ */

typedef struct {
  int64_t cols;
  const float *src;
  int64_t src_stride;
  float *dst;
  int64_t dst_stride;
} Copy;

static CkStatus
copy_rows (const void *data, int64_t first, int64_t end, int member)
{
  const Copy *c = data;

  for (int64_t row = first; row < end; row++)
    memcpy (c->dst + row * c->dst_stride, c->src + row * c->src_stride,
            (size_t)c->cols * sizeof (float));
  return CK_OK;
}

CkStatus
ck_cpu_copy_rows (CkStream *self, int64_t rows, int64_t cols, const float *src, int64_t src_stride,
                  float *dst, int64_t dst_stride)
{
  const CkCpuStream *cpu = (const CkCpuStream *)self;
  const CkStatus status = ck_check_copy_rows (rows, cols, src_stride, dst_stride);
  const Copy c = { cols, src, src_stride, dst, dst_stride };

  if (status != CK_OK || cpu->failure != CK_OK)
    return status;
  return ck_team_run_chunks (cpu->threads, cols > 0 ? rows : 0, rows_of_chunk (cols), copy_rows,
                             &c);
}

typedef struct {
  const CkCpuOps *ops;
  float value;
  const float *x;
  float *y;
} Simple;

static CkStatus
fill (const void *data, int64_t first, int64_t end, int member)
{
  const Simple *s = data;
  float *y = s->y;

#pragma omp simd
  for (int64_t i = first; i < end; i++)
    y[i] = s->value;
  return CK_OK;
}

CkStatus
ck_cpu_fill (CkStream *self, float *x, int64_t n, float value)
{
  const CkCpuStream *cpu = (const CkCpuStream *)self;
  const CkStatus status = ck_check_elements (n);
  const Simple s = { .value = value, .y = x };

  if (status != CK_OK || cpu->failure != CK_OK)
    return status;
  return ck_team_run_chunks (cpu->threads, n, CHUNK, fill, &s);
}

static CkStatus
multiply (const void *data, int64_t first, int64_t end, int member)
{
  const Simple *s = data;

  s->ops->training.multiply (end - first, s->value, s->y + first);
  return CK_OK;
}

CkStatus
ck_cpu_multiply (CkStream *self, float *x, int64_t n, float factor)
{
  const CkCpuStream *cpu = (const CkCpuStream *)self;
  const CkStatus status = ck_check_elements (n);
  const Simple s = { .ops = cpu->ops, .value = factor, .y = x };

  if (status != CK_OK || cpu->failure != CK_OK)
    return status;
  return ck_team_run_chunks (cpu->threads, n, CHUNK, multiply, &s);
}

static CkStatus
add (const void *data, int64_t first, int64_t end, int member)
{
  const Simple *s = data;
  const float *x = s->x;
  float *y = s->y;

#pragma omp simd
  for (int64_t i = first; i < end; i++)
    y[i] += x[i];
  return CK_OK;
}

CkStatus
ck_cpu_add (CkStream *self, int64_t n, const float *x, float *y)
{
  const CkCpuStream *cpu = (const CkCpuStream *)self;
  const CkStatus status = ck_check_elements (n);
  const Simple s = { .x = x, .y = y };

  if (status != CK_OK || cpu->failure != CK_OK)
    return status;
  return ck_team_run_chunks (cpu->threads, n, CHUNK, add, &s);
}
