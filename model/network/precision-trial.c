/* SPDX-License-Identifier: MIT */
#include "model/network/precision-trial.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Rounds at least: with fewer pictures they come again, for the time alone. */
#define LEAST_ROUNDS 5

typedef struct {
  CowClassifier *fp32, *fast;
  const float *pixels;
  guint n, n_rounds; /* pictures, and times that one is computed */
  CowTrialProgress progress;
  gpointer user_data;
  guint done, all;           /* rounds of all paths */
  double *fp32_ms, *fast_ms; /* [n_rounds] */
} Trial;

static void
trial_clear (Trial *self)
{
  g_clear_pointer (&self->fast, cow_classifier_free);
  g_free (self->fp32_ms);
  g_free (self->fast_ms);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Trial, trial_clear)

static double
cpu_ms (void)
{
  struct timespec now;
  clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &now);
  return 1e3 * (double)now.tv_sec + 1e-6 * (double)now.tv_nsec;
}

static int
compare_doubles (const void *a, const void *b)
{
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Sorts the values. */
static double
median (double *values, guint n)
{
  qsort (values, n, sizeof *values, compare_doubles);
  return (values[(n - 1) / 2] + values[n / 2]) / 2;
}

static gboolean
all_finite (const float *values, gsize n)
{
  for (gsize i = 0; i < n; i++)
    if (!isfinite (values[i]))
      return FALSE;
  return TRUE;
}

static gboolean
is_finite (const CowClassifier *classifier, const CowOutput *output)
{
  return all_finite (output->pooler_output, (gsize)cow_classifier_n_features (classifier)) &&
         (!output->logits || all_finite (output->logits, cow_classifier_n_classes (classifier)));
}

static guint
label_of (const CowClassifier *classifier, const CowOutput *output)
{
  guint best = 0;
  for (guint c = 1; c < cow_classifier_n_classes (classifier); c++)
    if (output->logits[c] > output->logits[best])
      best = c;
  return best;
}

static double
cosine_of (const float *a, const float *b, gsize n)
{
  double product = 0, aa = 0, bb = 0;
  for (gsize i = 0; i < n; i++) {
    product += (double)a[i] * (double)b[i];
    aa += (double)a[i] * (double)a[i];
    bb += (double)b[i] * (double)b[i];
  }
  return product / sqrt (aa * bb);
}

static gboolean
run_picture (const Trial *self, CowClassifier *classifier, guint i, CowOutput *output, double *ms,
             GError **error)
{
  const CowPreprocess *preprocess = cow_classifier_preprocess (classifier);
  const double from = cpu_ms ();
  const gboolean ok =
      cow_classifier_run (classifier, self->pixels + i * cow_preprocess_size (preprocess), 1,
                          preprocess->height, preprocess->width, output, error);
  *ms = cpu_ms () - from;
  return ok;
}

/* Computes a picture in both; in the first round of each picture its answers are compared. */
static gboolean
take_round (Trial *self, guint round, CowPrecisionPath *path, GError **error)
{
  const guint picture = round % self->n;
  const gsize n_features = (gsize)cow_classifier_n_features (self->fp32);
  CowOutput exact, fast;
  if (!run_picture (self, self->fp32, picture, &exact, &self->fp32_ms[round], error))
    return FALSE;
  if (!is_finite (self->fp32, &exact)) {
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                 "%s: fp32 gives a number that is not finite for picture %u",
                 cow_classifier_model_path (self->fp32), picture + 1);
    return FALSE;
  }
  if (!run_picture (self, self->fast, picture, &fast, &self->fast_ms[round], error))
    return FALSE;
  if (round >= self->n)
    return TRUE;
  if (!is_finite (self->fast, &fast)) {
    path->cosine = NAN;
    return TRUE;
  }
  const double cosine = cosine_of (exact.pooler_output, fast.pooler_output, n_features);
  /* A NaN stays. */
  path->cosine = cosine >= path->cosine ? path->cosine : isnan (path->cosine) ? NAN : cosine;
  path->same_labels +=
      exact.logits && label_of (self->fp32, &exact) == label_of (self->fast, &fast);
  return TRUE;
}

static CowClassifier *
open_fast (const CowClassifier *fp32, CowPrecision precision, GError **error)
{
  const char *adapter = cow_classifier_adapter_path (fp32);
  const CkDevice *device = cow_classifier_device (fp32);
  const CowClassifierOptions options = {
    .model =
        !adapter || cow_classifier_needs_model (adapter) ? cow_classifier_model_path (fp32) : NULL,
    .adapter = adapter,
    .device = device->name,
    .precision = precision,
    .threads = device->threads,
  };
  return cow_classifier_new (&options, error);
}

static gboolean
try_path (Trial *self, CowPrecisionPath *path, GError **error)
{
  CowOutput ignored;
  double ms;
  path->cosine = 1;
  self->fast = open_fast (self->fp32, path->precision, error);
  /* The first pass of each touches weights and buffers for the first time, and does not count. */
  if (!self->fast || !run_picture (self, self->fp32, 0, &ignored, &ms, error) ||
      !run_picture (self, self->fast, 0, &ignored, &ms, error))
    return FALSE;
  for (guint round = 0; round < self->n_rounds; round++) {
    if (!take_round (self, round, path, error))
      return FALSE;
    if (self->progress)
      self->progress (++self->done, self->all, self->user_data);
  }
  path->fp32_ms = median (self->fp32_ms, self->n_rounds);
  path->ms = median (self->fast_ms, self->n_rounds);
  g_clear_pointer (&self->fast, cow_classifier_free);
  return TRUE;
}

gboolean
cow_precision_trial (CowClassifier *fp32, const float *pixels, guint n, CowTrialProgress progress,
                     gpointer user_data, CowPrecisionFigures *figures, GError **error)
{
  const guint n_rounds = MAX (n, LEAST_ROUNDS);
  g_return_val_if_fail (cow_classifier_precision (fp32) == COW_PRECISION_FP32 && n > 0, FALSE);
  g_auto (Trial) trial = { .fp32 = fp32,
                           .pixels = pixels,
                           .n = n,
                           .n_rounds = n_rounds,
                           .progress = progress,
                           .user_data = user_data,
                           .fp32_ms = g_new (double, n_rounds),
                           .fast_ms = g_new (double, n_rounds) };
  *figures = (CowPrecisionFigures){ .n_pictures = n, .has_head = cow_classifier_has_head (fp32) };
  for (guint p = COW_PRECISION_FP32 + 1; cow_precision_names ()[p]; p++)
    if (cow_classifier_offers (fp32, (CowPrecision)p))
      figures->paths[figures->n_paths++].precision = (CowPrecision)p;
  trial.all = figures->n_paths * n_rounds;
  for (guint i = 0; i < figures->n_paths; i++)
    if (!try_path (&trial, &figures->paths[i], error))
      return FALSE;
  return TRUE;
}
