/* SPDX-License-Identifier: MIT */
/*
 * check-training           every operation of kernels/training.h at every level that this machine
 *                          has; TAP
 * check-training LEVEL     at level "c" and at that one, or that GPU
 * check-training LEVEL CASE...  those cases alone whose names match: "linear-*"
 */
#include "tests/kernels/gradients.h"

static const struct {
  const char *name;
  void (*check) (void);
} cases[] = { { "norm-backward", check_norm_backward },
              { "attention-backward", check_attention_backward },
              { "embed-backward", check_embed_backward },
              { "activate", check_activate },
              { "gate", check_gate },
              { "add-scaled", check_add_scaled },
              { "dropout", check_dropout },
              { "rows", check_rows },
              { "convolution", check_convolution },
              { "batch-norm", check_batch_norm },
              { "pooling", check_pooling },
              { "cross-entropy", check_cross_entropy },
              { "binary-cross-entropy", check_binary_cross_entropy },
              { "adamw", check_adamw },
              { "refused-shapes", check_refused_shapes },
              { "convolution-3x3", check_convolution_3x3 },
              { "convolution-memory", check_convolution_memory } };

int
main (int argc, char **argv)
{
  teams_open (argc > 1 ? argv[1] : NULL);
  cases_choose (argc > 2 ? argc - 2 : 0, argv + 2);
  check_linear_backward ();
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    if (is_chosen (cases[i].name))
      cases[i].check ();
  check_linear_backward_whole ();
  check_linear_backward_bf16 ();
  teams_close ();
  return cases_end ();
}
