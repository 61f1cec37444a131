/* SPDX-License-Identifier: MIT */
/*
 * check-training           every operation of kernels/training.h at every level that this machine
 *                          has; TAP
 * check-training LEVEL     at level "c" and at that one
 */
#include "tests/kernels/gradients.h"

int
main (int argc, char **argv)
{
  teams_open (argc > 1 ? argv[1] : NULL);
  check_linear_backward ();
  check_norm_backward ();
  check_attention_backward ();
  check_embed_backward ();
  check_activate ();
  check_gate ();
  check_add_scaled ();
  check_dropout ();
  check_rows ();
  check_convolution ();
  check_batch_norm ();
  check_pooling ();
  check_cross_entropy ();
  check_adamw ();
  check_refused_shapes ();
  check_linear_backward_whole ();
  check_convolution_3x3 ();
  check_convolution_memory ();
  check_linear_backward_bf16 ();
  teams_close ();
  return cases_end ();
}
