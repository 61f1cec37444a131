/* SPDX-License-Identifier: MIT */
/*
 * check-kernels            devices, streams, and every operation of inference on every device and
 * at every level that this machine has, against double precision and against level "c"; TAP
 * check-kernels LEVEL      at that level of the CPU alone
 * check-kernels GPU [CASE...]  on that GPU alone, "cuda:0", "cuda-emulated": all cases, or those
 *                          whose names match: "linear-*"
 * check-kernels --bench    times the CPU's operations instead
 */
#include "kernels/cpu/cpu-stream.h"
#include "tests/kernels/devices.h"
#include "tests/kernels/harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a network asks for is one thread or a few; 16 cuts small layers as large machines do. */
static const int team_sizes[] = { 1, 2, 16 };

/* Level c multiplies codes of 8 bits as VNNI does; for a level with another kind of them it gets
 * those, and attention in 16 bits where the level has no other. */
static void
match_codes (CkStream *oracle, const char *level)
{
  CkCpuOps *of_oracle = &((CkCpuDevice *)oracle->device)->ops, ops;
  CkCpuFeatures features;

  CHECK (ck_cpu_level_find (level, &features, &level));
  ck_cpu_ops_init (&ops, features);
  ck_quantised_init_same_c (&ops.int8, &of_oracle->int8);
  ck_attention_codes_init_c (&of_oracle->attention_int16, &of_oracle->attention_int8);
  if (ops.attention_int8.attend == ops.attention_int16.attend)
    of_oracle->attention_int8 = of_oracle->attention_int16;
}

static void
check_operations (const char *device, const char *level, int threads, CkStream *oracle)
{
  CkStream *stream = stream_open (device, level, threads);

  printf ("# %s, threads %d\n", stream_name (stream), threads);
  match_codes (oracle, is_gpu (device) ? "c" : level);
  if (is_chosen ("dequantise"))
    check_weights (stream);
  check_linear (stream, oracle);
  check_coded (stream);
  if (is_chosen ("activations"))
    check_activations (stream);
  if (is_chosen ("norm"))
    check_norm (stream, oracle);
  check_attention (stream, oracle);
  if (is_chosen ("embed"))
    check_embed (stream, oracle);
  if (is_chosen ("resample"))
    check_resample (stream, oracle);
  if (is_chosen ("bad-shapes"))
    check_bad_shapes (stream);
  if (is_chosen ("peak"))
    check_peak (stream);
  stream_close (stream);
}

int
main (int argc, char **argv)
{
  const char *const *levels = ck_cpu_levels ();
  CkStream *oracle;

  /* Each device is opened here by its own name. */
  unsetenv ("COWBEHAVIOR_TEST_DEVICE");
  if (argc == 2 && strcmp (argv[1], "--bench") == 0) {
    for (int i = 0; levels[i] != NULL; i++) {
      CkStream *stream = stream_open ("cpu", levels[i], 0);
      bench (stream);
      if (i > 0) /* plain C takes minutes */
        bench_training (stream);
      stream_close (stream);
    }
    return EXIT_SUCCESS;
  }
  if (argc > 2 && !is_gpu (argv[1])) {
    fprintf (stderr, "usage: %s [--bench | LEVEL | GPU [CASE...]]\n", argv[0]);
    return EXIT_FAILURE;
  }
  if (argc >= 2 && is_gpu (argv[1])) {
    cases_choose (argc - 2, argv + 2);
    oracle = stream_open ("cpu", "c", 1);
    check_streams (argv[1]);
    check_operations (argv[1], "auto", 0, oracle);
    stream_close (oracle);
    return cases_end ();
  }
  if (argc == 2) /* a level that there is not ends the program */
    stream_close (stream_open ("cpu", argv[1], 1));
  check_devices ();
  check_colours ();
  check_streams ("cpu");
  check_streams ("test");
  check_test_device ();
  oracle = stream_open ("cpu", "c", 1);
  for (int i = 0; levels[i] != NULL; i++) {
    if (argc == 2 && strcmp (argv[1], levels[i]) != 0)
      continue;
    for (size_t t = 0; t < sizeof team_sizes / sizeof *team_sizes; t++)
      check_operations ("cpu", levels[i], team_sizes[t], oracle);
  }
  check_operations ("test", "auto", 2, oracle);
  stream_close (oracle);
  return cases_end ();
}
