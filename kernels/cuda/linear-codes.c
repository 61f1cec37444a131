/* SPDX-License-Identifier: MIT */
/*
 * Linear layers in whole numbers of 8 bits. Their input becomes codes unless it has them already.
 * An adapter is of whole numbers too, but with dropout, which chooses among floats: its second
 * product is then made in fp32 before and added.
 */
#include "kernels/cuda/linear-codes.h"

#include "kernels/cuda/code-products.h"
#include "kernels/cuda/linear-parts.h"
#include "kernels/cuda/weight-view.h"
#include "kernels/sizes.h"

/* One call, and the scratch memory of its parts; NULL where nothing needs it. */
typedef struct {
  CkCudaStream *stream;
  const CkLinear *op;
  const CkAdapter *adapter; /* NULL if its rank is 0 */
  int64_t rows, in, out, rank;
  CkCudaCodes x;
  CkCudaCodes down, up, low; /* of the adapter in whole numbers */
  float *low_floats, *addend;
} Job;

/* Bytes of scratch memory, handed out piece by piece. */
typedef struct {
  char *at; /* NULL: they are counted */
  size_t bytes;
} Pieces;

static void *
take (Pieces *pieces, size_t bytes)
{
  void *piece = pieces->at;

  bytes = (bytes + 63) / 64 * 64;
  pieces->bytes += bytes;
  if (pieces->at != NULL)
    pieces->at += bytes;
  return piece;
}

static CkCudaCodes
take_codes (Pieces *pieces, int64_t rows, int64_t cols, bool outliers)
{
  CkCudaCodes none = { 0 };
  size_t bytes;
  void *memory;

  if (!ck_cuda_codes_bytes (rows, cols, outliers, &bytes))
    return none; /* larger than floats that there are: shapes were checked */
  memory = take (pieces, bytes);
  return memory != NULL ? ck_cuda_codes_at (rows, cols, outliers, memory) : none;
}

static bool
drops (const CkAdapter *adapter)
{
  return adapter->dropout > 0;
}

static void
take_all (Job *job, Pieces *pieces)
{
  if (job->op->x.type == CK_F32)
    job->x = take_codes (pieces, job->rows, job->in, true);
  if (job->adapter == NULL)
    return;
  job->low_floats = take (pieces, (size_t)(job->rows * job->rank) * sizeof (float));
  if (drops (job->adapter)) {
    job->addend = take (pieces, (size_t)(job->rows * job->out) * sizeof (float));
    return;
  }
  job->down = take_codes (pieces, job->rank, job->in, false);
  job->up = take_codes (pieces, job->out, job->rank, false);
  job->low = take_codes (pieces, job->rows, job->rank, false);
}

static bool
reserve (Job *job)
{
  Pieces pieces = { NULL, 0 };

  take_all (job, &pieces);
  if (pieces.bytes == 0)
    return true;
  pieces.at = ck_cuda_scratch (job->stream, CK_CUDA_SCRATCH_LINEAR, pieces.bytes);
  if (pieces.at == NULL)
    return false;
  take_all (job, &pieces);
  return true;
}

static void
quantise (const Job *job, const float *x, int64_t rows, int64_t cols, float factor,
          const CkCudaCodes *to)
{
  const CkCudaValues values = ck_cuda_floats (x, rows, cols);

  ck_cuda_quantise (job->stream, &values, factor, to);
}

static CkCudaCodedWeight
packed (const CkCudaCodes *codes)
{
  return (CkCudaCodedWeight){
    .packed = codes->codes, .scales = codes->scales, .unit = 1, .blocks = codes->blocks
  };
}

/* low = x down^T with the outliers of x, and both factors of the second product as codes. */
static CkCudaCodeTerms
make_second (const Job *job)
{
  const CkAdapter *adapter = job->adapter;
  CkCudaCodeProduct product = {
    .m = job->rows,
    .n = job->rank,
    .values = ck_cuda_floats (adapter->down, job->rank, job->in),
    .one_by_one = true,
    .epilogue = { .alpha = 1 },
    .y = job->low_floats,
  };

  quantise (job, adapter->down, job->rank, job->in, 1, &job->down);
  quantise (job, adapter->up, job->out, job->rank, adapter->scale, &job->up);
  product.first = (CkCudaCodeTerms){ job->x, packed (&job->down) };
  ck_cuda_code_product (job->stream, &product);
  quantise (job, job->low_floats, job->rows, job->rank, 1, &job->low);
  return (CkCudaCodeTerms){ job->low, packed (&job->up) };
}

/* addend = scale * dropout (x) down^T up^T, in fp32. */
static void
make_addend (const Job *job)
{
  const CkAdapter *adapter = job->adapter;
  const CkCudaProduct product = {
    .m = job->rows,
    .n = job->out,
    .first = { .a = job->low_floats,
               .a_stride = job->rank,
               .b = ck_cuda_floats (adapter->up, job->out, job->rank),
               .k = job->rank },
    .epilogue = { .alpha = 1 },
    .y = job->addend,
  };

  ck_cuda_adapter_low (job->stream, CK_CUDA_OF_F32, adapter, job->rows, job->in, job->op->x.data,
                       adapter->scale, job->low_floats);
  ck_cuda_product (job->stream, CK_CUDA_FORWARD, CK_CUDA_OF_F32, &product);
}

static void
run (Job *job)
{
  const CkLinear *op = job->op;
  CkCudaCodeProduct product = {
    .m = job->rows,
    .n = job->out,
    .values = ck_cuda_weight_values (job->stream, op->weight),
    .addend = job->addend,
    .epilogue = ck_cuda_linear_epilogue (op),
    .y = op->y.type == CK_F32 ? op->y.data : NULL,
  };

  if (op->y.type != CK_F32)
    product.codes = ck_cuda_codes_at (job->rows, job->out, true, op->y.data);
  if (op->x.type == CK_F32)
    quantise (job, op->x.data, job->rows, job->in, 1, &job->x);
  else
    job->x = ck_cuda_codes_at (job->rows, job->in, true, op->x.data);
  product.first = (CkCudaCodeTerms){ job->x, ck_cuda_weight_view (job->stream, op->weight).coded };
  if (job->addend != NULL)
    make_addend (job);
  else if (job->adapter != NULL)
    product.second = make_second (job);
  ck_cuda_code_product (job->stream, &product);
}

void
ck_cuda_linear_codes (CkCudaStream *stream, const CkLinear *op)
{
  Job job = {
    .stream = stream,
    .op = op,
    .adapter = op->adapter.rank > 0 ? &op->adapter : NULL,
    .rows = op->rows,
    .in = op->weight->source.in,
    .out = op->weight->source.out,
    .rank = op->adapter.rank,
  };

  if (reserve (&job))
    run (&job);
}
