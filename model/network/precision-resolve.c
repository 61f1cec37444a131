/* SPDX-License-Identifier: MIT */
#include "model/network/precision-resolve.h"

#include <gio/gio.h>
#include <pthread.h>

#include "model/adapter/kept-pictures.h"
#include "model/network/precision-trial.h"

/* With more pictures nothing is learned that is worth the time; with fewer a label says little. */
#define MOST_PICTURES  32
#define LEAST_PICTURES 8
/* What the slowest processor with products of whole numbers does in a thread, a second, and the
 * slowest GPU in fp32: so that no single pass, which nothing ends, takes much longer than the
 * budget. */
#define LEAST_OPERATIONS     1e10
#define LEAST_OPERATIONS_GPU 2e11
/* The share of what is left of the budget that the whole networks may take: the rest is for loading
 * them and for a mix. */
#define SHARE_OF_BUDGET .7
/* Passes of fp32 that a precision takes a picture: fp32 beside it, and its own, which is faster. */
#define PASSES_A_PATH 1.7

/* What was found out in this process, or that nothing was. */
typedef struct {
  gboolean measured;
  CowPrecision precision, finer;
  char **raised;
  char *why, *warning; /* as in a choice; the warning goes to the first who asks */
} Outcome;

static GMutex measuring;     /* held while somebody measures, and for what is below */
static GHashTable *outcomes; /* CowPrecisionChoice.unmeasured -> Outcome */

/* In a child of fork () nobody measures, even if a thread of its parent does. */
static void
in_child (void)
{
  g_mutex_init (&measuring);
  outcomes = NULL;
}

static void
follow_forks (void)
{
  pthread_atfork (NULL, NULL, in_child);
}

static void
outcome_free (Outcome *self)
{
  g_strfreev (self->raised);
  g_free (self->why);
  g_free (self->warning);
  g_free (self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Outcome, outcome_free)

/* ---- measuring ------------------------------------------------------------------------------- */

typedef struct {
  gint64 start_us, end_us;
  CowClassifier *fp32;
  CowKeptPictures pictures;
  float *pixels;
  CowPrecisionFigures figures;
} Measurement;

static void
measurement_clear (Measurement *self)
{
  g_clear_pointer (&self->fp32, cow_classifier_free);
  cow_kept_pictures_clear (&self->pictures);
  cow_precision_figures_clear (&self->figures);
  g_free (self->pixels);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Measurement, measurement_clear)

static double
seconds_since (gint64 start_us)
{
  return (double)(g_get_monotonic_time () - start_us) / G_USEC_PER_SEC;
}

static gboolean
go_on (guint done, guint all, gpointer user_data)
{
  const Measurement *self = user_data;
  return g_get_monotonic_time () < self->end_us;
}

static gboolean
out_of_time (GError **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "it takes too long");
  return FALSE;
}

static gboolean
read_pictures (Measurement *self, GError **error)
{
  const char *adapter = cow_classifier_adapter_path (self->fp32);
  if (!cow_kept_pictures_read (&self->pictures, adapter, MOST_PICTURES, error))
    return FALSE;
  self->pixels = cow_kept_pictures_prepare (&self->pictures, cow_classifier_preprocess (self->fp32),
                                            cow_classifier_device (self->fp32), error);
  return self->pixels != NULL;
}

static gboolean
run_first (const Measurement *self, GError **error)
{
  const CowPreprocess *preprocess = cow_classifier_preprocess (self->fp32);
  CowOutput ignored;
  return cow_classifier_run (self->fp32, self->pixels, 1, preprocess->height, preprocess->width,
                             &ignored, error);
}

/* How many pictures there is time for; fewer than are worth it where time is short. */
static gboolean
count_pictures (const Measurement *self, guint *n, GError **error)
{
  guint n_paths = 0;
  for (guint p = COW_PRECISION_FP32 + 1; cow_precision_names ()[p]; p++)
    n_paths += cow_classifier_offers (self->fp32, (CowPrecision)p);
  /* The first pass touches all weights for the first time. */
  if (!run_first (self, error))
    return FALSE;
  const gint64 from = g_get_monotonic_time ();
  if (!run_first (self, error))
    return FALSE;
  const double pass_s = MAX (seconds_since (from), 1e-6),
               left_s = -seconds_since (self->end_us) * SHARE_OF_BUDGET,
               most = left_s / (PASSES_A_PATH * MAX (n_paths, 1) * pass_s);
  *n = (guint)CLAMP (most, 0, self->pictures.n);
  return TRUE;
}

/* Whether a pass may take longer than all of the budget. */
static gboolean
is_too_large (const CowClassifierOptions *options, const CowPrecisionChoice *choice, double seconds)
{
  const guint threads = options->threads > 0 ? (guint)options->threads : g_get_num_processors ();
  const double rate = choice->on_gpu ? LEAST_OPERATIONS_GPU : threads * LEAST_OPERATIONS;
  return choice->operations / rate >= seconds;
}

static gboolean
open_network (Measurement *self, const CowClassifierOptions *options)
{
  CowClassifierOptions exact = *options;
  exact.precision = COW_PRECISION_FP32;
  exact.raised = NULL;
  self->fp32 = cow_classifier_new (&exact, NULL);
  return self->fp32 != NULL;
}

static gboolean
measure (Measurement *self, GError **error)
{
  guint n;
  if (!read_pictures (self, error) || !count_pictures (self, &n, error))
    return FALSE;
  if (n < MIN (LEAST_PICTURES, self->pictures.n))
    return out_of_time (error);
  return cow_precision_trial (self->fp32, self->pixels, n, go_on, self, &self->figures, error);
}

/* ---- what comes of it ------------------------------------------------------------------------ */

static void
take_figures (const CowPrecisionFigures *figures, Outcome *outcome)
{
  const CowPrecisionPath *mix = cow_precision_decide_mix (figures);
  outcome->measured = TRUE;
  outcome->precision = mix ? mix->precision : cow_precision_decide (figures);
  outcome->finer = cow_precision_figures_finer (figures, outcome->precision);
  outcome->raised = mix ? g_strdupv (mix->raised) : NULL;
}

/* Keeps the figures beside the weights, and says where; a warning where that fails. */
static void
keep (const Measurement *self, Outcome *outcome)
{
  const char *model = cow_classifier_model_path (self->fp32),
             *adapter = cow_classifier_adapter_path (self->fp32);
  const guint n = self->figures.n_pictures;
  g_autoptr (GError) error = NULL;
  g_autofree char *path = cow_precision_choice_path (model, adapter);
  const gboolean kept = cow_precision_choice_write (
      model, adapter, cow_classifier_device (self->fp32), &self->figures, &error);
  outcome->why = g_strdup_printf (
      "as measured at load on %u picture%s that the adapter keeps, in %.1f s (%s)", n,
      n == 1 ? "" : "s", seconds_since (self->start_us), kept ? path : "not kept");
  if (!kept)
    outcome->warning = g_strdup_printf (
        "what precision auto was measured to be cannot be kept, so that each start measures again: "
        "%s",
        error->message);
}

static void
explain (const GError *error, const CowPrecisionChoice *choice, double seconds, Outcome *outcome)
{
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
    outcome->why =
        g_strdup_printf ("%s; at load it would take more than %g s here", choice->why, seconds);
    return;
  }
  outcome->why = g_strdup (choice->why);
  outcome->warning = g_strdup_printf ("%s; precision auto is fp32", error->message);
}

/* NULL where the network does not open, which is for the loading to say. */
static Outcome *
find_out (const CowClassifierOptions *options, const CowPrecisionChoice *choice, double seconds)
{
  const gint64 now = g_get_monotonic_time ();
  g_auto (Measurement)
      self = { .start_us = now, .end_us = now + (gint64)(seconds * G_USEC_PER_SEC) };
  g_autoptr (Outcome) outcome = g_new0 (Outcome, 1);
  g_autoptr (GError) error = NULL;
  outcome->precision = COW_PRECISION_FP32;
  const gboolean too_large = is_too_large (options, choice, seconds);
  if (!too_large && !open_network (&self, options))
    return NULL;
  if (too_large ? out_of_time (&error) : measure (&self, &error)) {
    take_figures (&self.figures, outcome);
    keep (&self, outcome);
  } else
    explain (error, choice, seconds, outcome);
  return g_steal_pointer (&outcome);
}

static void
take_outcome (Outcome *outcome, gboolean now, CowPrecisionChoice *choice)
{
  choice->precision = outcome->precision;
  choice->finer = outcome->finer;
  choice->raised = g_strdupv (outcome->raised);
  choice->measured = outcome->measured;
  choice->tried_now = now && (outcome->measured || !outcome->warning);
  g_free (choice->why);
  choice->why = g_strdup (outcome->why);
  g_free (choice->warning);
  choice->warning = g_steal_pointer (&outcome->warning);
}

/* With the lock, under which somebody may have found it out meanwhile. */
static void
resolve_locked (const CowClassifierOptions *given, double seconds, CowPrecisionChoice *choice)
{
  Outcome *outcome;
  if (!outcomes)
    outcomes =
        g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify)outcome_free);
  outcome = g_hash_table_lookup (outcomes, choice->unmeasured);
  const gboolean now = outcome == NULL;
  if (now) {
    outcome = find_out (given, choice, seconds);
    if (outcome)
      g_hash_table_insert (outcomes, g_strdup (choice->unmeasured), outcome);
  }
  if (outcome)
    take_outcome (outcome, now, choice);
}

void
cow_precision_resolve_within (CowClassifierOptions *options, double seconds,
                              CowPrecisionChoice *choice)
{
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  const CowClassifierOptions given = *options;
  pthread_once (&once, follow_forks);
  cow_classifier_options_resolve (options, choice);
  if (!choice->unmeasured)
    return;
  g_mutex_lock (&measuring);
  resolve_locked (&given, seconds, choice);
  g_mutex_unlock (&measuring);
  options->precision = choice->precision;
  options->raised = (const char *const *)choice->raised;
}

void
cow_precision_resolve (CowClassifierOptions *options, CowPrecisionChoice *choice)
{
  cow_precision_resolve_within (options, COW_PRECISION_BUDGET_S, choice);
}
