/* SPDX-License-Identifier: MIT */
#include "model/network/precision-trial.h"

#include <gio/gio.h>
#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "model/network/precision-mix.h"

/* Rounds at least: with fewer pictures they come again, for the time alone. */
#define LEAST_ROUNDS 5

typedef struct {
  CowClassifier *fp32, *fast;
  CowAnswers exact; /* fp32's */
  guint n_rounds;   /* times that a picture is computed */
  CowTrialProgress progress;
  gpointer user_data;
  guint done, all;           /* passes of both */
  double *fp32_ms, *fast_ms; /* [n_rounds] */
} Trial;

static void
trial_clear (Trial *self)
{
  g_clear_pointer (&self->fast, cow_classifier_free);
  cow_answers_clear (&self->exact);
  g_free (self->fp32_ms);
  g_free (self->fast_ms);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Trial, trial_clear)

/* ---- time ------------------------------------------------------------------------------------ */

/* A processor's own time does not count what else the machine does; a GPU has no such clock. */
static double
ms_of (const CowClassifier *classifier)
{
  const gboolean on_host = cow_classifier_device (classifier)->host_memory;
  struct timespec now;
  clock_gettime (on_host ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &now);
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

/* Counts a pass; FALSE where the caller ends the trial. */
static gboolean
tick (gpointer data)
{
  Trial *self = data;
  self->done++;
  return !self->progress ||
         self->progress (self->done, MAX (self->done, self->all), self->user_data);
}

/* ---- one path -------------------------------------------------------------------------------- */

static gboolean
run_picture (Trial *self, CowClassifier *classifier, guint i, CowOutput *output, double *ms,
             GError **error)
{
  const double from = ms_of (classifier);
  if (!cow_answers_run (&self->exact, classifier, i, output, error))
    return FALSE;
  *ms = ms_of (classifier) - from;
  if (tick (self))
    return TRUE;
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "the measurement was stopped");
  return FALSE;
}

/* Computes a picture in both; in the first round of each picture its answers are compared. */
static gboolean
take_round (Trial *self, guint round, CowPrecisionPath *path, GError **error)
{
  const guint picture = round % self->exact.n;
  CowOutput exact, fast;
  if (!run_picture (self, self->fp32, picture, &exact, &self->fp32_ms[round], error))
    return FALSE;
  if (!cow_answers_take (&self->exact, picture, &exact)) {
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                 "%s: fp32 gives a number that is not finite for picture %u",
                 cow_classifier_model_path (self->fp32), picture + 1);
    return FALSE;
  }
  if (!run_picture (self, self->fast, picture, &fast, &self->fast_ms[round], error))
    return FALSE;
  if (round >= self->exact.n)
    return TRUE;
  const CowDifference difference = cow_answers_compare (&self->exact, picture, &fast);
  /* A NaN stays. */
  if (!(difference.cosine >= path->cosine) && !isnan (path->cosine))
    path->cosine = difference.cosine;
  path->same_labels += self->exact.n_classes > 0 && difference.same_label;
  return TRUE;
}

static gboolean
try_path (Trial *self, CowPrecisionPath *path, GError **error)
{
  CowOutput ignored;
  double ms;
  path->cosine = 1;
  self->fast = cow_classifier_new_like (self->fp32, path->precision,
                                        (const char *const *)path->raised, error);
  /* The first pass of each touches weights and buffers for the first time, and does not count. */
  if (!self->fast || !run_picture (self, self->fp32, 0, &ignored, &ms, error) ||
      !run_picture (self, self->fast, 0, &ignored, &ms, error))
    return FALSE;
  for (guint round = 0; round < self->n_rounds; round++)
    if (!take_round (self, round, path, error))
      return FALSE;
  path->fp32_ms = median (self->fp32_ms, self->n_rounds);
  path->ms = median (self->fast_ms, self->n_rounds);
  g_clear_pointer (&self->fast, cow_classifier_free);
  return TRUE;
}

/* Passes of a path. */
static guint
count_passes (const Trial *self)
{
  return 2 * (self->n_rounds + 1);
}

/* ---- the trial ------------------------------------------------------------------------------- */

/* Tries the network with those layers raised that spoil a path, as one path more. */
static gboolean
add_mix (Trial *self, CowPrecisionFigures *figures, CowPrecision precision, GError **error)
{
  CowPrecisionPath mix = { .precision = precision };
  self->all += cow_precision_mix_passes (figures->n_linear, self->exact.n) + count_passes (self);
  mix.raised = cow_precision_mix_find (self->fp32, &self->exact, precision, tick, self, error);
  if (!mix.raised)
    return FALSE;
  if (!try_path (self, &mix, error)) {
    g_strfreev (mix.raised);
    return FALSE;
  }
  figures->paths[figures->n_paths++] = mix;
  return TRUE;
}

/* Whoever ends the trial here has the figures of the whole networks. */
static gboolean
add_mixes (Trial *self, CowPrecisionFigures *figures, GError **error)
{
  const guint n = figures->n_paths;
  for (guint i = 0; i < n; i++) {
    g_autoptr (GError) local = NULL;
    if (!cow_precision_wants_mix (figures, &figures->paths[i]) ||
        add_mix (self, figures, figures->paths[i].precision, &local))
      continue;
    figures->cut_short = g_error_matches (local, G_IO_ERROR, G_IO_ERROR_CANCELLED);
    if (figures->cut_short)
      break;
    g_propagate_error (error, g_steal_pointer (&local));
    return FALSE;
  }
  return TRUE;
}

gboolean
cow_precision_trial (CowClassifier *fp32, const float *pixels, guint n, CowTrialProgress progress,
                     gpointer user_data, CowPrecisionFigures *figures, GError **error)
{
  const guint n_rounds = MAX (n, LEAST_ROUNDS);
  g_return_val_if_fail (cow_classifier_precision (fp32) == COW_PRECISION_FP32 && n > 0, FALSE);
  g_auto (Trial) trial = { .fp32 = fp32,
                           .n_rounds = n_rounds,
                           .progress = progress,
                           .user_data = user_data,
                           .fp32_ms = g_new (double, n_rounds),
                           .fast_ms = g_new (double, n_rounds) };
  if (!cow_answers_init (&trial.exact, fp32, pixels, n, error))
    return FALSE;
  *figures = (CowPrecisionFigures){ .n_pictures = n,
                                    .has_head = cow_classifier_has_head (fp32),
                                    .n_linear = cow_classifier_n_linear (fp32) };
  for (guint p = COW_PRECISION_FP32 + 1; cow_precision_names ()[p]; p++)
    if (cow_classifier_offers (fp32, (CowPrecision)p))
      figures->paths[figures->n_paths++].precision = (CowPrecision)p;
  trial.all = figures->n_paths * count_passes (&trial);
  for (guint i = 0; i < figures->n_paths; i++)
    if (!try_path (&trial, &figures->paths[i], error))
      return FALSE;
  return add_mixes (&trial, figures, error);
}
