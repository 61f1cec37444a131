/* SPDX-License-Identifier: MIT */
/* Operations on each element or row by itself. */
#include "kernels/cuda/elementwise.h"

#include "kernels/cuda/launch.h"
#include "kernels/cuda/operations.h"
#include "kernels/shapes.h"
#include "kernels/sizes.h"

static CkCudaGrid
grid_of (int64_t n, int64_t each)
{
  return (CkCudaGrid){ (uint32_t)ck_ceil_div (n, each), 1, 1 };
}

/* ---- elements -------------------------------------------------------------------------------- */

/* Checks the number of elements, and launches a kernel for them. */
static CkStatus
launch_elements (CkStream *self, const char *kernel, const CkCudaElements *elements)
{
  CkCudaStream *stream = (CkCudaStream *)self;
  const CkStatus status = ck_check_elements (elements->n);

  if (status != CK_OK)
    return status;
  ck_cuda_launch (stream, kernel, grid_of (elements->n, CK_ELEMENTS_BLOCK), CK_ELEMENTS_THREADS, 0,
                  elements, sizeof *elements);
  return ck_cuda_status (stream);
}

CkStatus
ck_cuda_activate (CkStream *self, CkActivation activation, int64_t n, const float *x, float *y)
{
  return launch_elements (self, "ck_cuda_activate_elements",
                          &(CkCudaElements){ .activation = activation, .n = n, .x = x, .y = y });
}

CkStatus
ck_cuda_activate_backward (CkStream *self, CkActivation activation, int64_t n, const float *x,
                           const float *dy, float *dx)
{
  return launch_elements (
      self, "ck_cuda_activate_elements_backward",
      &(CkCudaElements){ .activation = activation, .n = n, .x = x, .dy = dy, .y = dx });
}

CkStatus
ck_cuda_gate (CkStream *self, int64_t n, const float *gate, const float *up, float *y)
{
  return launch_elements (self, "ck_cuda_gate_elements",
                          &(CkCudaElements){ .n = n, .x = gate, .up = up, .y = y });
}

CkStatus
ck_cuda_gate_backward (CkStream *self, int64_t n, const float *gate, const float *up,
                       const float *dy, float *dgate, float *dup)
{
  return launch_elements (
      self, "ck_cuda_gate_elements_backward",
      &(CkCudaElements){ .n = n, .x = gate, .up = up, .dy = dy, .y = dgate, .dup = dup });
}

CkStatus
ck_cuda_fill (CkStream *self, float *x, int64_t n, float value)
{
  return launch_elements (self, "ck_cuda_fill_elements",
                          &(CkCudaElements){ .n = n, .y = x, .value = value });
}

CkStatus
ck_cuda_multiply (CkStream *self, float *x, int64_t n, float factor)
{
  return launch_elements (self, "ck_cuda_multiply_elements",
                          &(CkCudaElements){ .n = n, .y = x, .value = factor });
}

CkStatus
ck_cuda_add (CkStream *self, int64_t n, const float *x, float *y)
{
  return launch_elements (self, "ck_cuda_add_elements",
                          &(CkCudaElements){ .n = n, .x = x, .y = y });
}

CkStatus
ck_cuda_dropout (CkStream *self, const uint64_t *key, float p, int64_t n, const float *x, float *y)
{
  CkCudaStream *stream = (CkCudaStream *)self;
  const CkStatus status = ck_check_dropout (p, n);
  const CkCudaDropout dropout = {
    .n = n, .key = key, .p = p, .factor = 1 / (1 - p), .x = x, .y = y
  };

  if (status != CK_OK)
    return status;
  ck_cuda_launch (stream, "ck_cuda_drop_out", grid_of (n, 4 * CK_ELEMENTS_THREADS),
                  CK_ELEMENTS_THREADS, 0, &dropout, sizeof dropout);
  return ck_cuda_status (stream);
}

/* ---- rows ------------------------------------------------------------------------------------ */

CkStatus
ck_cuda_copy_rows (CkStream *self, int64_t rows, int64_t cols, const float *src, int64_t src_stride,
                   float *dst, int64_t dst_stride)
{
  CkCudaStream *stream = (CkCudaStream *)self;
  const CkStatus status = ck_check_copy_rows (rows, cols, src_stride, dst_stride);
  const CkCudaCopyRows copy = { rows, cols, src_stride, dst_stride, src, dst };

  if (status != CK_OK)
    return status;
  ck_cuda_launch (stream, "ck_cuda_copy_rows", grid_of (rows * cols, CK_ELEMENTS_BLOCK),
                  CK_ELEMENTS_THREADS, 0, &copy, sizeof copy);
  return ck_cuda_status (stream);
}

static void
scale_rows (CkCudaStream *stream, const CkCudaScaleRows *rows)
{
  ck_cuda_launch (stream, "ck_cuda_scale_rows",
                  grid_of (rows->rows * rows->cols, CK_ELEMENTS_BLOCK), CK_ELEMENTS_THREADS, 0,
                  rows, sizeof *rows);
}

CkStatus
ck_cuda_add_scaled (CkStream *self, int64_t rows, int64_t cols, const float *y, const float *scale,
                    float *x)
{
  CkCudaStream *stream = (CkCudaStream *)self;
  const CkStatus status = ck_check_matrix (rows, cols);

  if (status != CK_OK)
    return status;
  scale_rows (stream,
              &(CkCudaScaleRows){
                  .rows = rows, .cols = cols, .x = y, .scale = scale, .residual = x, .y = x });
  return ck_cuda_status (stream);
}

/* total += the sums over rows of a b. */
static void
sum_products (CkCudaStream *stream, int64_t rows, int64_t cols, const float *a, const float *b,
              float *total)
{
  const int64_t parts = ck_ceil_div (rows, CK_SUM_ROWS);
  CkCudaSumProducts sum = {
    .rows = rows, .cols = cols, .parts = parts, .a = a, .b = b, .total = total
  };

  if (rows == 0 || cols == 0)
    return;
  /* less than the inputs have */
  sum.sums =
      ck_cuda_scratch (stream, CK_CUDA_SCRATCH_SUMS, (size_t)(parts * cols) * sizeof (double));
  ck_cuda_launch (stream, "ck_cuda_sum_products",
                  grid_of (parts * ck_ceil_div (cols, CK_SUM_COLUMNS), 1),
                  CK_SUM_WARPS * CK_SUM_COLUMNS, sizeof (double) * CK_SUM_WARPS * CK_SUM_COLUMNS,
                  &sum, sizeof sum);
  ck_cuda_launch (stream, "ck_cuda_add_sums", grid_of (cols, CK_ELEMENTS_THREADS),
                  CK_ELEMENTS_THREADS, 0, &sum, sizeof sum);
}

CkStatus
ck_cuda_add_scaled_backward (CkStream *self, int64_t rows, int64_t cols, const float *dx,
                             const float *y, const float *scale, float *dy, float *dscale)
{
  CkCudaStream *stream = (CkCudaStream *)self;
  const CkStatus status = ck_check_matrix (rows, cols);

  if (status != CK_OK)
    return status;
  /* The sums come first, because dy may be y. */
  if (dscale != NULL)
    sum_products (stream, rows, cols, dx, y, dscale);
  scale_rows (stream,
              &(CkCudaScaleRows){ .rows = rows, .cols = cols, .x = dx, .scale = scale, .y = dy });
  return ck_cuda_status (stream);
}
