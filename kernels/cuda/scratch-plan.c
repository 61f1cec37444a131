/* SPDX-License-Identifier: MIT */
/*
 * How much scratch memory a network will need: its operations themselves are asked, on a stream
 * that launches nothing and takes note of what they ask for.
 */
#include "kernels/cuda/cuda-stream.h"
#include "kernels/cuda/operations.h"
#include "kernels/cuda/weight-layout.h"

#define SOME ((float *)CK_CUDA_NOWHERE)

static CkAdapter
adapter_of (const CkLinearShape *shape)
{
  if (shape->rank == 0)
    return (CkAdapter){ .rank = 0 };
  return (CkAdapter){ .rank = shape->rank,
                      .scale = 1,
                      .down = SOME,
                      .up = SOME,
                      .gain = SOME,
                      .dropout = shape->dropout ? .5f : 0,
                      .key = CK_CUDA_NOWHERE };
}

static void
measure_backward (CkCudaStream *stream, const CkLinearShape *shape, const CkWeight *weight)
{
  const CkLinearBackward op = {
    .weight = weight,
    .adapter = shape->trains ? (CkAdapter){ .rank = 0 } : adapter_of (shape),
    .rows = shape->rows,
    .x = SOME,
    .y = SOME,
    .dy = SOME,
    .dx = SOME,
    .gradients = { .weight = shape->trains ? SOME : NULL,
                   .bias = SOME,
                   .down = shape->rank > 0 ? SOME : NULL,
                   .up = shape->rank > 0 ? SOME : NULL },
  };

  ck_cuda_linear_backward (&stream->base, &op);
}

static void
measure_linear (CkCudaStream *stream, const CkLinearShape *shape, bool training)
{
  CkCudaWeight weight = { .base = { .source = shape->source,
                                    .uses = shape->uses | CK_USE_FORWARD | CK_USE_BACKWARD } };
  CkLinear op = { .weight = &weight.base,
                  .adapter = adapter_of (shape),
                  .rows = shape->rows,
                  .x = { CK_F32, SOME },
                  .y = { CK_F32, SOME } };

  if (shape->trains)
    weight.base.source.parameters = SOME;
  ck_cuda_linear (&stream->base, &op);
  if (training)
    measure_backward (stream, shape, &weight.base);
}

static void
measure_attention (CkCudaStream *stream, const CkAttention *shape, bool training)
{
  CkAttention op = *shape;

  op.q = op.k = op.v = SOME;
  op.out = ck_f32 (SOME);
  ck_cuda_attention (&stream->base, &op);
  if (training)
    ck_cuda_attention_backward (
        &stream->base,
        &(CkAttentionBackward){ .forward = op, .dout = SOME, .dq = SOME, .dk = SOME, .dv = SOME });
}

static void
measure_convolution (CkCudaStream *stream, const CkConvolution *shape, bool training)
{
  ck_cuda_convolution (&stream->base, shape, SOME, SOME, SOME);
  if (training)
    ck_cuda_convolution_backward (&stream->base, shape, SOME, SOME, SOME, SOME, SOME);
}

static void
measure_norm (CkCudaStream *stream, int64_t rows, int64_t cols)
{
  const CkNormBackward op = { .weight = SOME,
                              .rows = rows,
                              .cols = cols,
                              .x = SOME,
                              .dy = SOME,
                              .dx = SOME,
                              .dweight = SOME,
                              .dbias = SOME };

  ck_cuda_norm_backward (&stream->base, &op);
  ck_cuda_add_scaled_backward (&stream->base, rows, cols, SOME, SOME, SOME, SOME, SOME);
}

size_t
ck_cuda_scratch_bytes (CkDevice *self, const CkMemoryPlan *plan)
{
  CkCudaDevice *device = (CkCudaDevice *)self;
  CkCudaStream stream = { .base = { self, device->operations, device->training },
                          .measures = true };
  size_t bytes = 0;

  for (int i = 0; i < plan->n_linear; i++)
    measure_linear (&stream, &plan->linear[i], plan->training);
  for (int i = 0; i < plan->n_convolutions; i++)
    measure_convolution (&stream, &plan->convolutions[i], plan->training);
  if (plan->attention != NULL)
    measure_attention (&stream, plan->attention, plan->training);
  if (plan->training && plan->rows > 0)
    measure_norm (&stream, plan->rows, plan->cols);
  for (int i = 0; i < CK_CUDA_N_SCRATCH; i++)
    bytes += ck_cuda_allocation_bytes (stream.scratch[i].bytes);
  return bytes;
}
