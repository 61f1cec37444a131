/* SPDX-License-Identifier: MIT */
/*
 * Linear layers. An adapter's first product is a kernel before; its second is of the same kernel as
 * the layer's, which so makes y in one piece.
 */
#include "kernels/cuda/linear-parts.h"

#include "kernels/cuda/coded-rows.h"
#include "kernels/cuda/linear-codes.h"
#include "kernels/cuda/operations.h"
#include "kernels/shapes.h"

/* Of floats; where y is to be codes it is made of floats in scratch memory. */
static void
multiply (CkCudaStream *stream, const CkLinear *op)
{
  const CkAdapter *adapter = &op->adapter;
  const CkCudaFactors factors = ck_cuda_linear_factors (op->weight);
  const int64_t rows = op->rows, in = op->weight->source.in, out = op->weight->source.out;
  CkCudaProduct product = {
    .m = rows,
    .n = out,
    .first = { .a = op->x.data,
               .a_stride = in,
               .b = ck_cuda_weight_values (stream, op->weight),
               .k = in },
    .second_factor = 1,
    .epilogue = ck_cuda_linear_epilogue (op),
    .y = op->y.data,
  };

  if (op->y.type != CK_F32) {
    product.y =
        ck_cuda_scratch (stream, CK_CUDA_SCRATCH_LINEAR, (size_t)(rows * out) * sizeof (float));
    if (product.y == NULL)
      return;
  }
  if (adapter->rank > 0) {
    float *low = ck_cuda_scratch (stream, CK_CUDA_SCRATCH_ADAPTER,
                                  (size_t)(rows * adapter->rank) * sizeof (float));

    if (low == NULL)
      return;
    ck_cuda_adapter_low (stream, factors, adapter, rows, in, op->x.data, adapter->scale, low);
    product.second = (CkCudaTerms){
      .a = low,
      .a_stride = adapter->rank,
      .b = ck_cuda_floats (adapter->up, out, adapter->rank),
      .k = adapter->rank,
    };
  }
  ck_cuda_product (stream, CK_CUDA_FORWARD, factors, &product);
  if (op->y.type != CK_F32) {
    const CkCudaValues values = ck_cuda_floats (product.y, rows, out);
    const CkCudaCodes codes = ck_cuda_codes_at (rows, out, true, op->y.data);

    ck_cuda_quantise (stream, &values, 1, &codes);
  }
}

CkStatus
ck_cuda_linear (CkStream *self, const CkLinear *op)
{
  CkCudaStream *stream = (CkCudaStream *)self;
  CkStatus status = ck_check_linear (op);
  size_t bytes;

  if (status == CK_OK)
    status =
        ck_activations_bytes (self->device, op->y.type, op->rows, op->weight->source.out, &bytes);
  if (status != CK_OK || op->rows == 0)
    return status;
  if (ck_weight_product (op->weight) == CK_I8)
    ck_cuda_linear_codes (stream, op);
  else
    multiply (stream, op);
  return ck_cuda_status (stream);
}
