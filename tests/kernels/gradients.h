/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the training kernels share. A test says what an operation reads and writes, and
 * which scalar in double precision its gradients are of; check () then runs it at every level with
 * several teams, and on test-device, and compares each gradient with differences of that scalar,
 * each level with plain C, and each team's bits with those of one thread.
 */
#ifndef CHECK_GRADIENTS_H
#define CHECK_GRADIENTS_H

#include "kernels/training.h"
#include "tests/kernels/harness.h"

/* ---- streams: every level with every size of team, the first level "c" with one thread ------- */

/* `only`: that level, or GPU, beside "c"; NULL: all levels, and test-device. */
void teams_open (const char *only);
void teams_close (void);
CkStream *team (int i); /* NULL after the last */

/* ---- one test -------------------------------------------------------------------------------- */

/* Something that an operation writes. */
typedef struct {
  const char *name;
  int64_t n;
  const float
      *before; /* its contents before the call; NULL: it holds NaN, so all of it must be written */
  float
      *input; /* it is, or with `before` grows by, the gradient with respect to this; NULL: none */
  const double *want; /* its contents afterwards, where it is no gradient; NULL: only levels and
                         teams are compared */
  double limit;       /* of errors, as a share of `magnitude`; 0: exact */
  double magnitude;   /* of what the result is made of; 0: its largest element */
} Output;

/* Enqueues the operation with `outputs`, in the host's memory, in the order of Test.outputs. */
typedef CkStatus (*Operation) (CkStream *stream, const void *data, float *const *outputs);
/* The sum over all that the forward operation gives of its element times its upstream gradient, in
 * double precision. */
typedef double (*Loss) (const void *data);

#define MAX_OUTPUTS 10
typedef struct {
  char what[160];
  const void *data;
  Operation run;
  Loss loss;
  /* Every element by differences; without, the gradient along a random direction, for shapes that
   * are large. */
  bool each;
  double multiply_adds; /* about how many it takes, for is_affordable () */
  int products;         /* that a device must have */
  int exact;            /* outputs, a bit each, that have the same bits at every level */
  int n_outputs;
  Output outputs[MAX_OUTPUTS];
} Test;

void check (Test *test);

/* ---- data: floats between sentinels that go all at once -------------------------------------- */

#define ARENA_MAX 24
typedef struct {
  int count;
  float *floats[ARENA_MAX];
  int64_t n[ARENA_MAX];
} Arena;

float *arena_floats (Arena *arena, int64_t n, Fill fill);
float *arena_rounded (Arena *arena, const double *values, int64_t n);
void arena_clear (Arena *arena);

/* Philox 4x32-10 as its paper has it, in loops, and the number in [0, 1) that CkTraining.dropout
 * takes for an element. */
void reference_philox (const uint32_t counter[4], const uint32_t key[2], uint32_t words[4]);
double reference_unit (uint64_t key, int64_t element);

/* ---- the tests, one a file or two ------------------------------------------------------------ */

void check_linear_backward (void);
void check_linear_backward_whole (void);
void check_linear_backward_bf16 (void);
void check_norm_backward (void);
void check_attention_backward (void);
void check_embed_backward (void);
void check_activate (void);
void check_gate (void);
void check_add_scaled (void);
void check_dropout (void);
void check_rows (void);
void check_convolution (void);
void check_convolution_3x3 (void);
void check_convolution_memory (void);
void check_batch_norm (void);
void check_pooling (void);
void check_cross_entropy (void);
void check_binary_cross_entropy (void);
void check_adamw (void);
void check_refused_shapes (void);

#endif /* CHECK_GRADIENTS_H */
