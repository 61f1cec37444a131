/* SPDX-License-Identifier: MIT */
/*
 * Linear layers, backward; the formulas are those of kernels/cpu/train-linear.c: with the forward
 * y = gain (x W^T + scale low up^T) + bias, low = dropout (x) down^T and dz = gain dy,
 *   dlow = scale dz up        dx = dz W + dropout (dlow down)
 *   dW = dz^T x    dup = scale dz^T low    ddown = dlow^T dropout (x)
 *   dbias = sum of dy         dgain = sum of dy (y - bias) / gain
 * dz is never stored: the gain goes to the rows of W and of up.
 */
#include "kernels/cuda/linear-parts.h"

#include "kernels/cuda/operations.h"
#include "kernels/shapes.h"
#include "kernels/sizes.h"

/* One call, and what its parts share: low and dlow [rows, rank], NULL where nothing needs them. */
typedef struct {
  CkCudaStream *stream;
  const CkLinearBackward *op;
  const CkAdapter *adapter; /* NULL if its rank is 0 */
  CkCudaFactors factors;
  int64_t rows, in, out, rank;
  float *low, *dlow;
} Job;

static const uint64_t *
key_of (const CkAdapter *adapter)
{
  return adapter != NULL && adapter->dropout > 0 ? adapter->key : NULL;
}

static void
make_dlow (const Job *job)
{
  const CkCudaProduct product = {
    .m = job->rows,
    .n = job->rank,
    .first = { .a = job->op->dy,
               .a_stride = job->out,
               .b = ck_cuda_floats (job->adapter->up, job->out, job->rank),
               .factor = job->adapter->gain,
               .k = job->out },
    .epilogue = { .alpha = job->adapter->scale },
    .y = job->dlow,
  };

  ck_cuda_product (job->stream, CK_CUDA_BACKWARD, job->factors, &product);
}

/* dlow down */
static CkCudaTerms
adapter_terms (const Job *job)
{
  return (CkCudaTerms){ .a = job->dlow,
                        .a_stride = job->rank,
                        .b = ck_cuda_floats (job->adapter->down, job->rank, job->in),
                        .k = job->rank };
}

/* Tensor cores make the adapter's part no second product, which dropout chooses from: it is made in
 * fp32 before. */
static void
make_dx (const Job *job)
{
  const CkLinearBackward *op = job->op;
  const CkCudaTerms terms = { .a = op->dy,
                              .a_stride = job->out,
                              .b = ck_cuda_weight_values (job->stream, op->weight),
                              .factor = op->adapter.gain,
                              .k = job->out };
  CkCudaProduct product = {
    .m = job->rows,
    .n = job->in,
    .first = terms,
    .second_factor = 1,
    .epilogue = { .alpha = 1, .residual = op->add_dx ? op->dx : NULL },
    .y = op->dx,
  };

  if (job->adapter != NULL) {
    product.second = adapter_terms (job);
    product.key = key_of (job->adapter);
    product.dropout = job->adapter->dropout;
  }
  if (job->adapter != NULL && job->factors != CK_CUDA_OF_F32) {
    product.first.k = 0;
    ck_cuda_product (job->stream, CK_CUDA_BACKWARD, CK_CUDA_OF_F32, &product);
    product.first = terms;
    product.second.k = 0;
    product.epilogue.residual = op->dx;
  }
  ck_cuda_product (job->stream, CK_CUDA_BACKWARD, job->factors, &product);
}

/* y [m, n] += alpha row_factor a^T b, sums over rows of a [rows, m] and b [rows, n]; dropout takes
 * elements out of b. */
static void
add_gradient (const Job *job, const float *a, int64_t m, const float *b, int64_t n, float alpha,
              const float *row_factor, const CkAdapter *dropout, float *y)
{
  const CkCudaProduct product = {
    .m = m,
    .n = n,
    .first = { .a = a, .a_stride = m, .b = ck_cuda_floats (b, job->rows, n), .k = job->rows },
    .key = key_of (dropout),
    .dropout = dropout != NULL ? dropout->dropout : 0,
    .epilogue = { .alpha = alpha, .row_factor = row_factor },
    .y = y,
  };

  ck_cuda_product (job->stream, CK_CUDA_GRADIENT, job->factors, &product);
}

static void
sum_columns (const Job *job)
{
  const CkLinearBackward *op = job->op;
  const CkCudaColumnSums sums = {
    .rows = job->rows,
    .cols = job->out,
    .dy = op->dy,
    .y = op->y,
    .bias = op->bias,
    .gain = op->adapter.gain,
    .dbias = op->gradients.bias,
    .dgain = op->gradients.gain,
  };

  ck_cuda_launch (job->stream, "ck_cuda_column_sums",
                  (CkCudaGrid){ (uint32_t)ck_ceil_div (job->out, CK_CUDA_SUMS_COLUMNS), 1, 1 },
                  CK_CUDA_SUMS_COLUMNS * CK_CUDA_SUMS_SHARES,
                  2 * CK_CUDA_SUMS_COLUMNS * CK_CUDA_SUMS_SHARES * sizeof (double), &sums,
                  sizeof sums);
}

static bool
reserve (Job *job)
{
  const int64_t n = job->rows * job->rank;

  if (job->adapter == NULL)
    return true;
  job->low =
      ck_cuda_scratch (job->stream, CK_CUDA_SCRATCH_ADAPTER, (size_t)(2 * n) * sizeof (float));
  job->dlow = job->low + n;
  return job->low != NULL;
}

static void
run (const Job *job)
{
  const CkLinearBackward *op = job->op;
  const CkLinearGradients *g = &op->gradients;
  const CkAdapter *adapter = job->adapter;

  if (g->up != NULL)
    ck_cuda_adapter_low (job->stream, job->factors, adapter, job->rows, job->in, op->x, 1,
                         job->low);
  if (adapter != NULL && (op->dx != NULL || g->down != NULL))
    make_dlow (job);
  if (op->dx != NULL)
    make_dx (job);
  if (g->weight != NULL)
    add_gradient (job, op->dy, job->out, op->x, job->in, 1, NULL, NULL, g->weight);
  if (g->up != NULL)
    add_gradient (job, op->dy, job->out, job->low, job->rank, adapter->scale, adapter->gain, NULL,
                  g->up);
  if (g->down != NULL)
    add_gradient (job, job->dlow, job->rank, op->x, job->in, 1, NULL, adapter, g->down);
  if (g->bias != NULL || g->gain != NULL)
    sum_columns (job);
}

CkStatus
ck_cuda_linear_backward (CkStream *self, const CkLinearBackward *op)
{
  Job job = {
    .stream = (CkCudaStream *)self,
    .op = op,
    .adapter = op->adapter.rank > 0 ? &op->adapter : NULL,
    .factors = op->weight->uses & CK_USE_BF16 ? CK_CUDA_OF_BF16 : CK_CUDA_OF_F32,
    .rows = op->rows,
    .in = op->weight->source.in,
    .out = op->weight->source.out,
    .rank = op->adapter.rank,
  };
  const CkStatus status = ck_check_linear_backward (op);

  if (status != CK_OK || op->rows == 0)
    return status;
  if (reserve (&job))
    run (&job);
  return ck_cuda_status (job.stream);
}
