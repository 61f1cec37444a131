/* SPDX-License-Identifier: MIT */
/* Cross entropy (softmax and binary), the sum of squares, and AdamW. */
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

static CkCrossEntropy
entropy_on_device (CkStream *stream, const Entropy *e, const double *loss)
{
  return (CkCrossEntropy){ .batch = e->batch,
                           .classes = e->classes,
                           .logits = D (e->logits),
                           .labels = D_BYTES (e->labels, (size_t)e->batch * sizeof *e->labels),
                           .class_weights = D (e->weights),
                           .smoothing = e->smoothing,
                           .factor = e->factor,
                           .loss = D_BYTES (loss, sizeof *loss) };
}

/* Without dlogits, too. */
static CkStatus
run_entropy (CkStream *stream, const void *data, float *const *outputs)
{
  const Entropy *e = data;
  double loss = NAN, alone = NAN;
  CkCrossEntropy op = entropy_on_device (stream, e, &alone);
  CkStatus status = stream->training->cross_entropy (stream, &op);

  if (status != CK_OK)
    return status;
  op = entropy_on_device (stream, e, &loss);
  op.dlogits = D (outputs[0]);
  status = settled (stream, stream->training->cross_entropy (stream, &op));
  CHECK (fabs (loss - entropy (e)) <= 1e-12 * fmax (1, fabs (loss)));
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
  static const float logits[] = { 0.5f, -1, 2, 1, 1.5f, -0.5f }, weights[] = { 1, 2, 0.5f };
  int32_t labels[] = { 2, 0 };
  Entropy e = { .batch = 2,
                .classes = 3,
                .logits = floats_copy (logits, 6),
                .weights = floats_copy (weights, 3),
                .labels = labels,
                .smoothing = 0.1f,
                .factor = 1 };

  for (int t = 0; team (t) != NULL; t++) {
    double loss = 0;
    const CkCrossEntropy op = entropy_on_device (team (t), &e, &loss);

    CHECK (settled (team (t), team (t)->training->cross_entropy (team (t), &op)) == CK_OK);
    CHECK (fabs (loss - 0.9672995131611641) < 1e-6);
  }
  floats_free (e.logits, 6);
  floats_free (e.weights, 3);
}

/* What the loss and its gradient are for one picture; weights may be NULL. */
static void
check_entropy_exactly (int64_t classes, const float *logits, int32_t label, const float *weights,
                       float factor, double want, const float *want_gradient)
{
  Entropy e = { .batch = 1,
                .classes = classes,
                .logits = floats_copy (logits, classes),
                .weights = weights != NULL ? floats_copy (weights, classes) : NULL,
                .labels = &label,
                .factor = factor };

  for (int t = 0; team (t) != NULL; t++) {
    CkStream *stream = team (t);
    float *gradient = floats_filled (classes, FILL_MAX);
    double loss = 1;
    CkCrossEntropy op = entropy_on_device (stream, &e, &loss);

    op.dlogits = D (gradient);
    CHECK (settled (stream, stream->training->cross_entropy (stream, &op)) == CK_OK);
    CHECK (loss == want);
    for (int64_t c = 0; c < classes; c++)
      CHECK (gradient[c] == want_gradient[c]);
    floats_free (gradient, classes);
  }
  floats_free (e.logits, classes);
  floats_free (e.weights, classes);
}

/* A label is device memory: that it is no class shows when the work is waited for. */
static void
check_bad_labels (void)
{
  static const int32_t bad[] = { -1, 3, INT32_MAX, INT32_MIN };

  for (int i = 0; i < 4; i++) {
    for (int t = 0; team (t) != NULL; t++) {
      int32_t labels[] = { 2, bad[i] };
      Entropy e = {
        .batch = 2, .classes = 3, .logits = floats_filled (6, FILL_RANDOM), .labels = labels
      };
      double loss = 0;
      const CkCrossEntropy op = entropy_on_device (team (t), &e, &loss);

      CHECK (team (t)->training->cross_entropy (team (t), &op) == CK_OK);
      CHECK (settle (team (t)) == CK_BAD_SHAPE);
      ck_stream_reset (team (t));
      floats_free (e.logits, 6);
    }
  }
}

void
check_cross_entropy (void)
{
  static const int64_t shapes[][2] = { { 1, 1 }, { 1, 9 }, { 5, 9 }, { 3, 2 }, { 7, 40 } };
  static const float nothing[9] = { 0 }, extremes[] = { EXTREME, -EXTREME },
                     halves[] = { 0.5f, -0.5f };

  case_begin ();
  check_entropy_known ();
  /* logits whose exponentials are infinite and 0 */
  check_entropy_exactly (2, extremes, 1, NULL, 0.5f, 2 * (double)EXTREME, halves);
  /* a batch whose labels weigh nothing teaches nothing */
  check_entropy_exactly (9, nothing, 4, nothing, 1, 0, nothing);
  for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
    for (int weighted = 0; weighted < 2; weighted++) {
      check_entropy_one (shapes[s][0], shapes[s][1], 0, weighted, 3);
      check_entropy_one (shapes[s][0], shapes[s][1], 0.1f, weighted, 100);
      check_entropy_one (shapes[s][0], shapes[s][1], 1, weighted, 3);
    }
  }
  check_bad_labels ();
  case_end ("cross-entropy", "all");
}

/* ---- binary cross entropy -------------------------------------------------------------------- */

typedef struct {
  int64_t batch, classes;
  float *logits, *targets, *weights; /* weights or NULL */
  float factor;
} Binary;

/* -w t log p - (1 - t) log (1 - p), where log p is found as -log (1 + exp (-x)). */
static double
binary (const Binary *e)
{
  double sum = 0;

  for (int64_t i = 0; i < e->batch * e->classes; i++) {
    const double x = e->logits[i], t = e->targets[i],
                 w = e->weights != NULL ? e->weights[i % e->classes] : 1;
    const double log_p = -(fmax (-x, 0) + log1p (exp (-fabs (x)))),
                 log_not_p = -(fmax (x, 0) + log1p (exp (-fabs (x))));

    sum -= w * t * log_p + (1 - t) * log_not_p;
  }
  return sum / (double)(e->batch * e->classes);
}

static double
binary_loss (const void *data)
{
  const Binary *e = data;
  return e->factor * binary (e);
}

static CkBinaryCrossEntropy
binary_on_device (CkStream *stream, const Binary *e, const double *loss)
{
  return (CkBinaryCrossEntropy){ .batch = e->batch,
                                 .classes = e->classes,
                                 .logits = D (e->logits),
                                 .targets = D (e->targets),
                                 .positive_weights = D (e->weights),
                                 .factor = e->factor,
                                 .loss = D_BYTES (loss, sizeof *loss) };
}

/* Without dlogits, too. */
static CkStatus
run_binary (CkStream *stream, const void *data, float *const *outputs)
{
  const Binary *e = data;
  double loss = NAN, alone = NAN;
  CkBinaryCrossEntropy op = binary_on_device (stream, e, &alone);
  CkStatus status = stream->training->binary_cross_entropy (stream, &op);

  if (status != CK_OK)
    return status;
  op = binary_on_device (stream, e, &loss);
  op.dlogits = D (outputs[0]);
  status = settled (stream, stream->training->binary_cross_entropy (stream, &op));
  CHECK (fabs (loss - binary (e)) <= 1e-12 * fmax (1, fabs (loss)));
  CHECK (loss == alone);
  return status;
}

static void
check_binary_one (int64_t batch, int64_t classes, bool soft, bool weighted, float scale)
{
  Arena a = { 0 };
  Binary e = { .batch = batch,
               .classes = classes,
               .logits = arena_floats (&a, batch * classes, FILL_RANDOM),
               .targets = arena_floats (&a, batch * classes, FILL_RANDOM),
               .weights = weighted ? arena_floats (&a, classes, FILL_RANDOM) : NULL,
               .factor = 0.25f };
  Test test = { .data = &e, .run = run_binary, .loss = binary_loss, .each = true, .n_outputs = 1 };

  for (int64_t i = 0; i < batch * classes; i++) {
    e.logits[i] *= scale;
    e.targets[i] = soft ? 0.5f + 0.45f * e.targets[i] : e.targets[i] > 0;
  }
  for (int64_t c = 0; c < classes && weighted; c++)
    e.weights[c] = 3 * (e.weights[c] + 1.25f);
  test.outputs[0] = (Output){ "dlogits", batch * classes, NULL, e.logits, NULL, 3e-7, 1 };
  snprintf (test.what, sizeof test.what, "batch %lld classes %lld soft %d weighted %d scale %g",
            (long long)batch, (long long)classes, soft, weighted, scale);
  check (&test);
  arena_clear (&a);
}

/* What torch.nn.BCEWithLogitsLoss (pos_weight=1 2 .5) gives for logits .5 -1 2 | 1 1.5 -.5 and
 * targets 1 0 .95 | 0 1 1. */
static void
check_binary_known (void)
{
  static const float logits[] = { 0.5f, -1, 2, 1, 1.5f, -0.5f }, weights[] = { 1, 2, 0.5f },
                     targets[] = { 1, 0, 0.95f, 0, 1, 1 };
  Binary e = { .batch = 2,
               .classes = 3,
               .logits = floats_copy (logits, 6),
               .targets = floats_copy (targets, 6),
               .weights = floats_copy (weights, 3),
               .factor = 1 };

  for (int t = 0; team (t) != NULL; t++) {
    double loss = 0;
    const CkBinaryCrossEntropy op = binary_on_device (team (t), &e, &loss);

    CHECK (settled (team (t), team (t)->training->binary_cross_entropy (team (t), &op)) == CK_OK);
    CHECK (fabs (loss - 0.5261837688449452) < 1e-6);
  }
  floats_free (e.logits, 6);
  floats_free (e.targets, 6);
  floats_free (e.weights, 3);
}

/* Logits whose exponentials are infinite and 0: the loss is what they are wrong by. */
static void
check_binary_extremes (void)
{
  static const float logits[] = { EXTREME, -EXTREME, EXTREME, -EXTREME },
                     targets[] = { 0, 1, 1, 0 }, want[] = { 0.125f, -0.125f, 0, 0 };
  Binary e = { .batch = 2,
               .classes = 2,
               .logits = floats_copy (logits, 4),
               .targets = floats_copy (targets, 4),
               .factor = 0.5f };

  for (int t = 0; team (t) != NULL; t++) {
    CkStream *stream = team (t);
    float *gradient = floats_filled (4, FILL_MAX);
    double loss = 1;
    CkBinaryCrossEntropy op = binary_on_device (stream, &e, &loss);

    op.dlogits = D (gradient);
    CHECK (settled (stream, stream->training->binary_cross_entropy (stream, &op)) == CK_OK);
    CHECK (loss == (double)EXTREME / 2);
    for (int i = 0; i < 4; i++)
      CHECK (gradient[i] == want[i]);
    floats_free (gradient, 4);
  }
  floats_free (e.logits, 4);
  floats_free (e.targets, 4);
}

void
check_binary_cross_entropy (void)
{
  static const int64_t shapes[][2] = { { 1, 1 }, { 1, 9 }, { 5, 9 }, { 3, 2 }, { 7, 40 } };

  case_begin ();
  check_binary_known ();
  check_binary_extremes ();
  for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
    for (int weighted = 0; weighted < 2; weighted++) {
      check_binary_one (shapes[s][0], shapes[s][1], false, weighted, 3);
      check_binary_one (shapes[s][0], shapes[s][1], true, weighted, 3);
      check_binary_one (shapes[s][0], shapes[s][1], true, weighted, 30);
    }
  case_end ("binary-cross-entropy", "all");
}

/* ---- optimiser ------------------------------------------------------------------------------- */

/* The arguments of ck_adamw_step (). */
typedef struct {
  double learning_rate, beta1, beta2, epsilon, weight_decay;
  int64_t step;
} Settings;

static CkAdamWStep
step_of (const Settings *s)
{
  return ck_adamw_step (s->learning_rate, s->beta1, s->beta2, s->epsilon, s->weight_decay, s->step);
}

typedef struct {
  int64_t n, steps;
  Settings settings;
  float factor;
  float *gradients, *first, *second, *parameters;
} Adam;

#define MAX_STEPS 4

/* The gradient of a step: it changes, so that the moments matter. */
static double
gradient_at (const Adam *t, int64_t step, int64_t i)
{
  return t->gradients[i] * (float)(step % 3 - 1);
}

/* Enqueues one step; `step` and `factor` are on the host. */
static CkStatus
enqueue_step (CkStream *stream, const CkAdamWStep *step, const float *factor, int64_t n,
              const float *gradients, float *first, float *second, float *parameters)
{
  return stream->training->adamw (stream, &(CkAdamW){ .step = D_BYTES (step, sizeof *step),
                                                      .factor = D_BYTES (factor, sizeof *factor),
                                                      .n = n,
                                                      .gradients = D (gradients),
                                                      .first = D (first),
                                                      .second = D (second),
                                                      .parameters = D (parameters) });
}

/* Outputs: first, second, parameters. All steps are enqueued before one is waited for. */
static CkStatus
run_adamw (CkStream *stream, const void *data, float *const *outputs)
{
  const Adam *t = data;
  float *gradients[MAX_STEPS];
  CkAdamWStep steps[MAX_STEPS];
  Settings settings = t->settings;
  CkStatus status = CK_OK;

  for (int64_t step = 0; step < t->steps; step++, settings.step++) {
    gradients[step] = floats_new (t->n);
    steps[step] = step_of (&settings);
    for (int64_t i = 0; i < t->n; i++)
      gradients[step][i] = (float)gradient_at (t, step, i);
    status = enqueue_step (stream, &steps[step], &t->factor, t->n, gradients[step], outputs[0],
                           outputs[1], outputs[2]);
    CHECK (status == CK_OK);
  }
  status = settled (stream, status);
  for (int64_t step = 0; step < t->steps; step++)
    floats_free (gradients[step], t->n);
  return status;
}

/* torch.optim.AdamW's documentation, in double precision. */
static void
reference_adamw (const Adam *t, int64_t i, double *first, double *second, double *parameter)
{
  const Settings *s = &t->settings;

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

/* Sums of two arrays one after the other, and the factor for some largest norms. */
static void
check_squares (int64_t n)
{
  static const double max_norms[] = { 0, 1e-3, 1, 1e9 };
  Arena a = { 0 };
  float *x = arena_floats (&a, n, FILL_RANDOM);
  double want = 0, first = 0;

  for (int64_t i = 0; i < n; i++)
    want += 2 * (double)x[i] * x[i];
  for (int t = 0; team (t) != NULL; t++) {
    CkStream *stream = team (t);
    const CkTraining *training = stream->training;
    double got = 0;
    float factors[4] = { NAN, NAN, NAN, NAN };

    CHECK (training->add_squares (stream, D (x), n, D_BYTES (&got, sizeof got)) == CK_OK);
    CHECK (training->add_squares (stream, D (x), n, D_BYTES (&got, sizeof got)) == CK_OK);
    for (int i = 0; i < 4; i++)
      CHECK (training->clip_factor (stream, D_BYTES (&got, sizeof got), max_norms[i],
                                    D_BYTES (&factors[i], sizeof factors[i])) == CK_OK);
    CHECK (settle (stream) == CK_OK);
    /* a GPU adds in an order of its own */
    first = t == 0 || is_gpu (stream->device->name) ? got : first;
    if (!(fabs (got - want) <= 1e-12 * want) || got != first)
      fail ("sum of %lld squares: %.17g, not %.17g or %.17g", (long long)n, got, want, first);
    for (int i = 0; i < 4; i++) {
      const double ratio = max_norms[i] / (sqrt (got) + 1e-6);
      CHECK (factors[i] == (max_norms[i] > 0 && ratio < 1 ? (float)ratio : 1));
    }
  }
  arena_clear (&a);
}

/* What three steps of torch.optim.AdamW (lr 3e-3, weight decay .01) make of two parameters. */
static void
check_adamw_known (void)
{
  static const float gradients[3][2] = { { 0.2f, -0.4f }, { 0.1f, 0.3f }, { -0.7f, 0.05f } };
  static const double want[2] = { 0.49532718358682265, -0.9966269479626105 };
  static const float start[2] = { 0.5f, -1 }, one = 1;

  for (int t = 0; team (t) != NULL; t++) {
    Settings settings = { 3e-3, 0.9, 0.999, 1e-8, 0.01, 1 };
    float *first = floats_filled (2, FILL_ZERO), *second = floats_filled (2, FILL_ZERO),
          *parameters = floats_copy (start, 2);

    for (; settings.step <= 3; settings.step++) {
      const CkAdamWStep step = step_of (&settings);
      float *gradient = floats_copy (gradients[settings.step - 1], 2);

      CHECK (settled (team (t), enqueue_step (team (t), &step, &one, 2, gradient, first, second,
                                              parameters)) == CK_OK);
      floats_free (gradient, 2);
    }
    compare ("AdamW as torch has it", parameters, want, 2, 3e-7, 1);
    floats_free (first, 2);
    floats_free (second, 2);
    floats_free (parameters, 2);
  }
}

/* A gradient that is no finite number: its norm clips to NaN, and a step by it changes nothing. */
static void
check_no_step (void)
{
  static const float bad[] = { NAN, INFINITY };
  const Settings settings = { 3e-3, 0.9, 0.999, 1e-8, 0.01, 1 };
  const CkAdamWStep step = step_of (&settings);

  for (int i = 0; i < 2; i++) {
    for (int t = 0; team (t) != NULL; t++) {
      CkStream *stream = team (t);
      float *gradient = floats_filled (2, FILL_MAX), *first = floats_filled (2, FILL_ZERO),
            *second = floats_filled (2, FILL_ZERO), *parameters = floats_filled (2, FILL_MIN);
      double squares = 0;
      float factor = 1;

      gradient[1] = bad[i];
      CHECK (stream->training->add_squares (stream, D (gradient), 2,
                                            D_BYTES (&squares, sizeof squares)) == CK_OK);
      CHECK (stream->training->clip_factor (stream, D_BYTES (&squares, sizeof squares), 1,
                                            D_BYTES (&factor, sizeof factor)) == CK_OK);
      CHECK (settled (stream, enqueue_step (stream, &step, &factor, 2, gradient, first, second,
                                            parameters)) == CK_OK);
      CHECK (isnan (factor) && first[0] == 0 && second[0] == 0 && parameters[0] == -EXTREME &&
             parameters[1] == -EXTREME);
      floats_free (gradient, 2);
      floats_free (first, 2);
      floats_free (second, 2);
      floats_free (parameters, 2);
    }
  }
}

void
check_adamw (void)
{
  static const int64_t lengths[] = { 1, 8, 17, 4099, 200001 };

  case_begin ();
  check_adamw_known ();
  check_no_step ();
  for (int i = 0; i < 5; i++) {
    check_adamw_one (lengths[i], 1, 4, 0.01, 1);
    check_adamw_one (lengths[i], 1, 1, 0, 1e-3f);
    check_adamw_one (lengths[i], 20000, 2, 0.1, 30);
    check_squares (lengths[i]);
  }
  check_squares (0);
  case_end ("adamw", "all");
}
