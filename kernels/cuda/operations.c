/* SPDX-License-Identifier: MIT */
#include "kernels/cuda/operations.h"

const CkOperations ck_cuda_operations = {
  .linear = ck_cuda_linear,
  .norm = ck_cuda_norm,
  .attention = ck_cuda_attention,
  .embed = ck_cuda_embed,
  .resample = ck_cuda_resample,
  .activate = ck_cuda_activate,
  .channels_last = ck_cuda_channels_last,
  .convolution = ck_cuda_convolution,
  .batch_norm = ck_cuda_batch_norm,
  .max_pool = ck_cuda_max_pool,
  .mean_pool = ck_cuda_mean_pool,
  .copy_rows = ck_cuda_copy_rows,
  .fill = ck_cuda_fill,
  .weight_dequantise = ck_cuda_weight_dequantise,
};

const CkTraining ck_cuda_training = {
  .linear_backward = ck_cuda_linear_backward,
  .norm_backward = ck_cuda_norm_backward,
  .attention_backward = ck_cuda_attention_backward,
  .embed_backward = ck_cuda_embed_backward,
  .activate_backward = ck_cuda_activate_backward,
  .gate = ck_cuda_gate,
  .gate_backward = ck_cuda_gate_backward,
  .add_scaled = ck_cuda_add_scaled,
  .add_scaled_backward = ck_cuda_add_scaled_backward,
  .dropout = ck_cuda_dropout,
  .convolution_backward = ck_cuda_convolution_backward,
  .batch_norm_backward = ck_cuda_batch_norm_backward,
  .max_pool_backward = ck_cuda_max_pool_backward,
  .mean_pool_backward = ck_cuda_mean_pool_backward,
  .cross_entropy = ck_cuda_cross_entropy,
  .binary_cross_entropy = ck_cuda_binary_cross_entropy,
  .add_squares = ck_cuda_add_squares,
  .clip_factor = ck_cuda_clip_factor,
  .multiply = ck_cuda_multiply,
  .add = ck_cuda_add,
  .adamw = ck_cuda_adamw,
};
