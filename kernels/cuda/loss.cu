/* SPDX-License-Identifier: MIT */
/*
 * Softmax cross entropy as plain C defines it (kernels/cpu/train-loss.c), in double precision, in
 * three steps: the sum of the labels' weights; each picture's loss and gradient by a warp; the sum
 * of the losses. Binary cross entropy needs the last two alone.
 */
#include "kernels/cuda/loss.h"

#include "kernels/cuda/reduce-device.h"

namespace
{

struct Shared {
  double slots[2][CK_CUDA_LOSS_THREADS / 32];
  double slot[1][CK_CUDA_LOSS_THREADS / 32];
};

__device__ __forceinline__ bool
is_class (const CkCrossEntropy &op, int32_t label)
{
  return label >= 0 && label < op.classes;
}

__device__ __forceinline__ double
class_weight (const CkCrossEntropy &op, int64_t c)
{
  return op.class_weights != nullptr ? (double)op.class_weights[c] : 1;
}

__device__ __forceinline__ double
target_at (const CkCrossEntropy &op, int32_t label, int64_t c)
{
  const double smoothing = op.smoothing;

  return class_weight (op, c) * (smoothing / (double)op.classes + (c == label ? 1 - smoothing : 0));
}

__device__ __forceinline__ double
warp_max (double value)
{
#pragma unroll
  for (int mask = 16; mask > 0; mask /= 2)
    value = fmax (value, __shfl_xor_sync (0xffffffffu, value, mask));
  return value;
}

} /* namespace */

CK_KERNEL (ck_cuda_loss_weights, CkCudaLoss, CK_CUDA_LOSS_THREADS)
{
  CK_SHARED (Shared, shared);
  double sums[2] = { 0, 0 }; /* of weights, and how many are no class */

  for (int64_t b = threadIdx.x; b < a.op.batch; b += CK_CUDA_LOSS_THREADS) {
    const int32_t label = a.op.labels[b];

    if (is_class (a.op, label))
      sums[0] += class_weight (a.op, label);
    else
      sums[1]++;
  }
  ck_block_sums<CK_CUDA_LOSS_THREADS / 32> (sums, shared.slots);
  if (threadIdx.x != 0)
    return;
  *a.failure = sums[1] > 0 ? CK_BAD_SHAPE : CK_OK;
  /* A batch whose labels weigh nothing teaches nothing. */
  *a.share = sums[0] > 0 ? 1 / sums[0] : 0;
}

CK_KERNEL (ck_cuda_loss_pictures, CkCudaLoss, 32 * CK_CUDA_LOSS_WARPS)
{
  const CkCrossEntropy &op = a.op;
  const int64_t b = (int64_t)blockIdx.x * CK_CUDA_LOSS_WARPS + threadIdx.x / 32;
  const int lane = threadIdx.x % 32;
  const float *logits = op.logits + b * op.classes;
  double max = -INFINITY, sum = 0, loss = 0, total = 0, factor;
  int32_t label;

  if (b >= op.batch)
    return;
  label = op.labels[b];
  for (int64_t c = lane; c < op.classes; c += 32)
    max = fmax (max, (double)logits[c]);
  max = warp_max (max);
  for (int64_t c = lane; c < op.classes; c += 32)
    sum += exp (logits[c] - max);
  sum = ck_warp_sum (sum);
  for (int64_t c = lane; c < op.classes; c += 32) {
    const double t = target_at (op, label, c);

    total += t;
    loss -= t != 0 ? t * (logits[c] - max - log (sum)) : 0;
  }
  total = ck_warp_sum (total);
  loss = ck_warp_sum (loss);
  if (lane == 0)
    a.losses[b] = loss;
  factor = (double)op.factor * *a.share;
  for (int64_t c = lane; c < op.classes && op.dlogits != nullptr; c += 32)
    op.dlogits[b * op.classes + c] =
        (float)(factor * (total * exp (logits[c] - max) / sum - target_at (op, label, c)));
}

/* The sum over the batch, by a block. */
__device__ __forceinline__ double
sum_of_losses (const double *losses, int64_t batch, Shared &shared)
{
  double sum = 0;

  for (int64_t b = threadIdx.x; b < batch; b += CK_CUDA_LOSS_THREADS)
    sum += losses[b];
  return ck_block_sum (sum, shared.slot);
}

CK_KERNEL (ck_cuda_loss_sum, CkCudaLoss, CK_CUDA_LOSS_THREADS)
{
  CK_SHARED (Shared, shared);
  const double sum = sum_of_losses (a.losses, a.op.batch, shared);

  if (threadIdx.x == 0)
    *a.op.loss = sum * *a.share;
}

CK_KERNEL (ck_cuda_binary_loss_pictures, CkCudaBinaryLoss, 32 * CK_CUDA_LOSS_WARPS)
{
  const CkBinaryCrossEntropy &op = a.op;
  const int64_t b = (int64_t)blockIdx.x * CK_CUDA_LOSS_WARPS + threadIdx.x / 32;
  const int lane = threadIdx.x % 32;
  const double n = (double)(op.batch * op.classes);
  double loss = 0;

  if (b >= op.batch)
    return;
  for (int64_t c = lane; c < op.classes; c += 32) {
    const int64_t i = b * op.classes + c;
    const double logit = op.logits[i], target = op.targets[i],
                 weight = op.positive_weights != nullptr ? (double)op.positive_weights[c] : 1,
                 scale = 1 + (weight - 1) * target, small = exp (-fabs (logit)),
                 p = (logit >= 0 ? 1 : small) / (1 + small);

    loss += (1 - target) * logit - scale * (fmin (logit, 0.0) - log1p (small));
    if (op.dlogits != nullptr)
      op.dlogits[i] = (float)((double)op.factor * (1 - target - scale * (1 - p)) / n);
  }
  loss = ck_warp_sum (loss);
  if (lane == 0)
    a.losses[b] = loss;
}

CK_KERNEL (ck_cuda_binary_loss_sum, CkCudaBinaryLoss, CK_CUDA_LOSS_THREADS)
{
  CK_SHARED (Shared, shared);
  const double sum = sum_of_losses (a.losses, a.op.batch, shared);

  if (threadIdx.x == 0)
    *a.op.loss = sum / (double)(a.op.batch * a.op.classes);
}
