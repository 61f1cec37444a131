/* SPDX-License-Identifier: MIT */
#include "trainer/eval/evaluation.h"

#define MOST_PAIRS 10

CowEvaluation *
cow_evaluation_new (const char *const *classes, guint most, GError **error)
{
  g_autoptr (CowEvaluation) self = g_new0 (CowEvaluation, 1);
  gsize values;

  self->classes = g_strdupv ((char **)classes);
  self->n_classes = g_strv_length (self->classes);
  self->warnings = g_ptr_array_new_with_free_func (g_free);
  self->unreadable = g_ptr_array_new_with_free_func (g_free);
  self->samples = g_try_new0 (const CowSample *, MAX (most, 1));
  self->truth = g_try_new0 (guint, MAX (most, 1));
  self->predicted = g_try_new0 (guint, MAX (most, 1));
  if (g_size_checked_mul (&values, MAX (most, 1), self->n_classes)) {
    self->logits = g_try_new0 (float, values);
    self->probabilities = g_try_new0 (float, values);
  }
  if (self->samples && self->truth && self->predicted && self->logits && self->probabilities)
    return g_steal_pointer (&self);
  cow_check (CK_NO_MEMORY, error, "the answers for %u pictures of %u classes", most,
             self->n_classes);
  return NULL;
}

void
cow_evaluation_free (CowEvaluation *self)
{
  if (!self)
    return;
  char *texts[] = { self->model,   self->adapter, self->data,     self->device,
                    self->made_at, self->split,   self->fitted_on };
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    g_free (texts[i]);
  g_strfreev (self->classes);
  g_free (self->samples);
  g_free (self->truth);
  g_free (self->predicted);
  g_free (self->logits);
  g_free (self->probabilities);
  g_free (self->thresholds);
  g_clear_pointer (&self->warnings, g_ptr_array_unref);
  g_clear_pointer (&self->unreadable, g_ptr_array_unref);
  g_clear_pointer (&self->confusion, cow_confusion_free);
  g_clear_pointer (&self->metrics, cow_metrics_free);
  g_clear_pointer (&self->pairs, g_array_unref);
  g_clear_pointer (&self->by_source, g_ptr_array_unref);
  g_free (self);
}

void
cow_evaluation_compute (CowEvaluation *self, double temperature, const float *thresholds)
{
  g_autofree const char **sources = g_new (const char *, self->n);

  self->confusion = cow_confusion_new (self->n_classes);
  for (guint i = 0; i < self->n; i++) {
    self->predicted[i] = cow_argmax (self->logits + (gsize)i * self->n_classes, self->n_classes);
    cow_confusion_add (self->confusion, self->truth[i], self->predicted[i]);
    sources[i] = self->samples[i]->source;
    self->has_sources |= sources[i] && *sources[i];
  }
  self->metrics = cow_metrics_new (self->confusion);
  self->pairs = cow_confusion_pairs (self->confusion, MOST_PAIRS);
  self->by_source =
      cow_metrics_by_source (self->n_classes, self->n, self->truth, self->predicted, sources);
  self->temperature = temperature;
  cow_trust_measure (self->logits, self->truth, self->n, self->n_classes, temperature,
                     self->probabilities, &self->trust);
  if (!thresholds)
    return;
  self->thresholds = g_new0 (CowThreshold, self->n_classes);
  cow_thresholds_apply (self->probabilities, self->truth, self->n, self->n_classes, thresholds,
                        self->thresholds);
}
