/* SPDX-License-Identifier: MIT */
/* Cross entropy, the sum of squares, and AdamW. */
#include "tests/kernels/gradients.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- cross entropy --------------------------------------------------------------------------- */

typedef struct {
  int64_t batch, classes;
  float *logits, *weights; /* weights or NULL */
  int32_t *labels;
  float smoothing, factor;
} Entropy;

/* The batch's loss: each picture's against a smoothed target, in which a class counts by its
 * weight; over the labels' weights. */
static double
entropy (const Entropy *e)
{
  double sum = 0, total = 0;

  for (int64_t b = 0; b < e->batch; b++) {
    const float *logits = e->logits + b * e->classes;
    double max = -INFINITY, exponentials = 0;

    for (int64_t c = 0; c < e->classes; c++)
      max = fmax (max, logits[c]);
    for (int64_t c = 0; c < e->classes; c++)
      exponentials += exp (logits[c] - max);
    for (int64_t c = 0; c < e->classes; c++) {
      const double target =
          (c == e->labels[b] ? 1 - (double)e->smoothing : 0) + e->smoothing / (double)e->classes;
      sum -= target * (e->weights != NULL ? e->weights[c] : 1) *
             (logits[c] - max - log (exponentials));
    }
    total += e->weights != NULL ? e->weights[e->labels[b]] : 1;
  }
  return total > 0 ? sum / total : 0;
}

static double
entropy_loss (const void *data)
{
  const Entropy *e = data;
  return e->factor * entropy (e);
}

static CkStatus
run_entropy (CkBackend *backend, const void *data, float *const *outputs)
{
  const Entropy *e = data;
  double loss = NAN, alone = NAN;
  const CkStatus status =
      backend->training->cross_entropy (backend, e->batch, e->classes, e->logits, e->labels,
                                        e->weights, e->smoothing, e->factor, &loss, outputs[0]);

  CHECK (fabs (loss - entropy (e)) <= 1e-12 * fmax (1, fabs (loss)));
  CHECK (backend->training->cross_entropy (backend, e->batch, e->classes, e->logits, e->labels,
                                           e->weights, e->smoothing, e->factor, &alone,
                                           NULL) == status);
  CHECK (loss == alone);
  return status;
}

static void
check_entropy_one (int64_t batch, int64_t classes, float smoothing, bool weighted, float scale)
{
  Arena a = { 0 };
  Entropy e = { .batch = batch,
                .classes = classes,
                .logits = arena_floats (&a, batch * classes, FILL_RANDOM),
                .weights = weighted ? arena_floats (&a, classes, FILL_RANDOM) : NULL,
                .labels = malloc ((size_t)batch * sizeof (int32_t)),
                .smoothing = smoothing,
                .factor = 0.25f };
  Test test = {
    .data = &e, .run = run_entropy, .loss = entropy_loss, .each = true, .n_outputs = 1
  };

  for (int64_t i = 0; i < batch * classes; i++)
    e.logits[i] *= scale;
  for (int64_t b = 0; b < batch; b++)
    e.labels[b] = (int32_t)(random_bits () % (uint32_t)classes);
  for (int64_t c = 0; c < classes && weighted; c++)
    e.weights[c] += 1.25f;
  test.outputs[0] = (Output){ "dlogits", batch * classes, NULL, e.logits, NULL, 3e-7, 1 };
  snprintf (test.what, sizeof test.what,
            "batch %lld classes %lld smoothing %g weighted %d scale %g", (long long)batch,
            (long long)classes, smoothing, weighted, scale);
  check (&test);
  free (e.labels);
  arena_clear (&a);
}

/* What torch.nn.functional.cross_entropy (weight, label_smoothing=.1) gives for logits .5 -1 2 |
 * 1 1.5 -.5, labels 2 0, weights 1 2 .5. */
static void
check_entropy_known (void)
{
  const float logits[] = { 0.5f, -1, 2, 1, 1.5f, -0.5f }, weights[] = { 1, 2, 0.5f };
  const int32_t labels[] = { 2, 0 };

  for (int t = 0; team (t) != NULL; t++) {
    double loss = 0;

    CHECK (team (t)->training->cross_entropy (team (t), 2, 3, logits, labels, weights, 0.1f, 1,
                                              &loss, NULL) == CK_OK);
    CHECK (fabs (loss - 0.9672995131611641) < 1e-6);
  }
}

/* Logits whose exponentials are infinite and 0. */
static void
check_entropy_extremes (void)
{
  const float logits[] = { EXTREME, -EXTREME };
  const int32_t label = 1;

  for (int t = 0; team (t) != NULL; t++) {
    float gradient[2];
    double loss;

    CHECK (team (t)->training->cross_entropy (team (t), 1, 2, logits, &label, NULL, 0, 0.5f, &loss,
                                              gradient) == CK_OK);
    CHECK (loss == 2 * (double)EXTREME && gradient[0] == 0.5f && gradient[1] == -0.5f);
  }
}

void
check_cross_entropy (void)
{
  static const int64_t shapes[][2] = { { 1, 1 }, { 1, 9 }, { 5, 9 }, { 3, 2 }, { 7, 40 } };
  static const float nothing[9] = { 0 };

  case_begin ();
  check_entropy_known ();
  check_entropy_extremes ();
  for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
    for (int weighted = 0; weighted < 2; weighted++) {
      check_entropy_one (shapes[s][0], shapes[s][1], 0, weighted, 3);
      check_entropy_one (shapes[s][0], shapes[s][1], 0.1f, weighted, 100);
      check_entropy_one (shapes[s][0], shapes[s][1], 1, weighted, 3);
    }
  }
  for (int t = 0; team (t) != NULL; t++) {
    const int32_t label = 4;
    float gradient[9] = { 1 };
    double loss = 1;

    /* a batch whose labels weigh nothing teaches nothing */
    CHECK (team (t)->training->cross_entropy (team (t), 1, 9, nothing, &label, nothing, 0, 1, &loss,
                                              gradient) == CK_OK);
    CHECK (loss == 0 && memcmp (gradient, nothing, sizeof gradient) == 0);
  }
  case_end ("cross-entropy", "all");
}

/* ---- optimiser ------------------------------------------------------------------------------- */

typedef struct {
  int64_t n, steps;
  CkAdamW settings;
  float factor;
  float *gradients, *first, *second, *parameters;
} Adam;

/* The gradient of a step: it changes, so that the moments matter. */
static double
gradient_at (const Adam *t, int64_t step, int64_t i)
{
  return t->gradients[i] * (float)(step % 3 - 1);
}

/* Outputs: first, second, parameters. */
static CkStatus
run_adamw (CkBackend *backend, const void *data, float *const *outputs)
{
  const Adam *t = data;
  float *gradients = malloc ((size_t)t->n * sizeof *gradients);
  CkAdamW settings = t->settings;
  CkStatus status = CK_OK;

  for (int64_t step = 0; step < t->steps && status == CK_OK; step++, settings.step++) {
    for (int64_t i = 0; i < t->n; i++)
      gradients[i] = (float)gradient_at (t, step, i);
    status = backend->training->adamw (backend, &settings, t->factor, t->n, gradients, outputs[0],
                                       outputs[1], outputs[2]);
  }
  free (gradients);
  return status;
}

/* torch.optim.AdamW's documentation, in double precision. */
static void
reference_adamw (const Adam *t, int64_t i, double *first, double *second, double *parameter)
{
  const CkAdamW *s = &t->settings;

  *first = t->first[i];
  *second = t->second[i];
  *parameter = t->parameters[i];
  for (int64_t step = 0; step < t->steps; step++) {
    const double g = gradient_at (t, step, i) * t->factor, now = (double)(s->step + step);

    *parameter -= s->learning_rate * s->weight_decay * *parameter;
    *first = s->beta1 * *first + (1 - s->beta1) * g;
    *second = s->beta2 * *second + (1 - s->beta2) * g * g;
    *parameter -= s->learning_rate * (*first / (1 - pow (s->beta1, now))) /
                  (sqrt (*second / (1 - pow (s->beta2, now))) + s->epsilon);
  }
}

static void
check_adamw_one (int64_t n, int64_t step, int64_t steps, double weight_decay, float scale)
{
  Arena a = { 0 };
  Adam t = { .n = n,
             .steps = steps,
             .settings = { 3e-3, 0.9, 0.999, 1e-8, weight_decay, step },
             .factor = 0.5f };
  double *want = malloc ((size_t)(3 * n) * sizeof *want);
  Test test = { .data = &t, .run = run_adamw, .n_outputs = 3 };

  t.gradients = arena_floats (&a, n, FILL_RANDOM);
  t.first = arena_floats (&a, n, step == 1 ? FILL_ZERO : FILL_RANDOM);
  t.second = arena_floats (&a, n, step == 1 ? FILL_ZERO : FILL_RANDOM);
  t.parameters = arena_floats (&a, n, FILL_RANDOM);
  for (int64_t i = 0; i < n; i++) {
    t.gradients[i] *= i % 10 == 3 ? 0 : scale;
    t.first[i] *= scale;
    t.second[i] = fabsf (t.second[i]) * scale * scale;
    reference_adamw (&t, i, want + i, want + n + i, want + 2 * n + i);
  }
  test.outputs[0] = (Output){ "first", n, t.first, NULL, want, 5e-7, scale };
  test.outputs[1] = (Output){ "second", n, t.second, NULL, want + n, 5e-7, scale * (double)scale };
  test.outputs[2] = (Output){ "parameters", n, t.parameters, NULL, want + 2 * n, 5e-7, 1 };
  snprintf (test.what, sizeof test.what, "n %lld step %lld steps %lld decay %g scale %g",
            (long long)n, (long long)step, (long long)steps, weight_decay, scale);
  check (&test);
  free (want);
  arena_clear (&a);
}

static void
check_sum_squares (int64_t n)
{
  Arena a = { 0 };
  float *x = arena_floats (&a, n, FILL_RANDOM);
  double want = 0, first = 0;

  for (int64_t i = 0; i < n; i++)
    want += (double)x[i] * x[i];
  for (int t = 0; team (t) != NULL; t++) {
    double got = NAN;

    CHECK (team (t)->training->sum_squares (team (t), x, n, &got) == CK_OK);
    first = t == 0 ? got : first;
    if (!(fabs (got - want) <= 1e-12 * want) || got != first)
      fail ("sum of %lld squares: %.17g, not %.17g or %.17g", (long long)n, got, want, first);
  }
  arena_clear (&a);
}

/* What three steps of torch.optim.AdamW (lr 3e-3, weight decay .01) make of two parameters. */
static void
check_adamw_known (void)
{
  static const float gradients[3][2] = { { 0.2f, -0.4f }, { 0.1f, 0.3f }, { -0.7f, 0.05f } };
  static const double want[2] = { 0.49532718358682265, -0.9966269479626105 };

  for (int t = 0; team (t) != NULL; t++) {
    CkAdamW settings = { 3e-3, 0.9, 0.999, 1e-8, 0.01, 1 };
    float first[2] = { 0 }, second[2] = { 0 }, parameters[2] = { 0.5f, -1 };

    for (; settings.step <= 3; settings.step++)
      CHECK (team (t)->training->adamw (team (t), &settings, 1, 2, gradients[settings.step - 1],
                                        first, second, parameters) == CK_OK);
    compare ("AdamW as torch has it", parameters, want, 2, 3e-7, 1);
  }
}

void
check_adamw (void)
{
  static const int64_t lengths[] = { 1, 8, 17, 4099, 200001 };

  case_begin ();
  check_adamw_known ();
  for (int i = 0; i < 5; i++) {
    check_adamw_one (lengths[i], 1, 4, 0.01, 1);
    check_adamw_one (lengths[i], 1, 1, 0, 1e-3f);
    check_adamw_one (lengths[i], 20000, 2, 0.1, 30);
    check_sum_squares (lengths[i]);
  }
  check_sum_squares (0);
  case_end ("adamw", "all");
}
