/* SPDX-License-Identifier: MIT */
#include "kernels/cpu/operations.h"

const CkOperations ck_cpu_operations = {
  .linear = ck_cpu_linear,
  .norm = ck_cpu_norm,
  .attention = ck_cpu_attention,
  .embed = ck_cpu_embed,
  .resample = ck_cpu_resample,
  .activate = ck_cpu_activate,
  .channels_last = ck_cpu_channels_last,
  .convolution = ck_cpu_convolution,
  .batch_norm = ck_cpu_batch_norm,
  .max_pool = ck_cpu_max_pool,
  .mean_pool = ck_cpu_mean_pool,
  .copy_rows = ck_cpu_copy_rows,
  .fill = ck_cpu_fill,
  .weight_dequantise = ck_cpu_weight_dequantise,
};

const CkTraining ck_cpu_training = {
  .linear_backward = ck_cpu_linear_backward,
  .norm_backward = ck_cpu_norm_backward,
  .attention_backward = ck_cpu_attention_backward,
  .embed_backward = ck_cpu_embed_backward,
  .activate_backward = ck_cpu_activate_backward,
  .gate = ck_cpu_gate,
  .gate_backward = ck_cpu_gate_backward,
  .add_scaled = ck_cpu_add_scaled,
  .add_scaled_backward = ck_cpu_add_scaled_backward,
  .dropout = ck_cpu_dropout,
  .convolution_backward = ck_cpu_convolution_backward,
  .batch_norm_backward = ck_cpu_batch_norm_backward,
  .max_pool_backward = ck_cpu_max_pool_backward,
  .mean_pool_backward = ck_cpu_mean_pool_backward,
  .cross_entropy = ck_cpu_cross_entropy,
  .binary_cross_entropy = ck_cpu_binary_cross_entropy,
  .add_squares = ck_cpu_add_squares,
  .clip_factor = ck_cpu_clip_factor,
  .multiply = ck_cpu_multiply,
  .add = ck_cpu_add,
  .adamw = ck_cpu_adamw,
};
