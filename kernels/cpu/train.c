/* SPDX-License-Identifier: MIT */
/* The table of the CPU's training operations. */
#include "kernels/cpu/train.h"

const CkTraining ck_cpu_training = {
  .linear_backward = ck_cpu_linear_backward,
  .norm_backward = ck_cpu_norm_backward,
  .attention_backward = ck_cpu_attention_backward,
  .embed_backward = ck_cpu_embed_backward,
  .activate = ck_cpu_activate,
  .activate_backward = ck_cpu_activate_backward,
  .gate = ck_cpu_gate,
  .gate_backward = ck_cpu_gate_backward,
  .add_scaled = ck_cpu_add_scaled,
  .add_scaled_backward = ck_cpu_add_scaled_backward,
  .dropout = ck_cpu_dropout,
  .channels_last = ck_cpu_channels_last,
  .convolution = ck_cpu_convolution,
  .convolution_backward = ck_cpu_convolution_backward,
  .batch_norm = ck_cpu_batch_norm,
  .batch_norm_backward = ck_cpu_batch_norm_backward,
  .max_pool = ck_cpu_max_pool,
  .max_pool_backward = ck_cpu_max_pool_backward,
  .mean_pool = ck_cpu_mean_pool,
  .mean_pool_backward = ck_cpu_mean_pool_backward,
  .cross_entropy = ck_cpu_cross_entropy,
  .copy_rows = ck_cpu_copy_rows,
  .fill = ck_cpu_fill,
  .sum_squares = ck_cpu_sum_squares,
  .multiply = ck_cpu_multiply,
  .adamw = ck_cpu_adamw,
};
