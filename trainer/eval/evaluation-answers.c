/* SPDX-License-Identifier: MIT */
/* What was said of single pictures, of one label or several. */
#include "trainer/eval/evaluation.h"

#include <string.h>

gboolean
cow_evaluation_is_right (const CowEvaluation *self, guint i)
{
  const gsize at = (gsize)i * self->n_classes;
  return self->multiple ? memcmp (self->shown + at, self->said + at, self->n_classes) == 0
                        : self->truth[i] == self->predicted[i];
}

char *
cow_evaluation_truth_text (const CowEvaluation *self, guint i)
{
  return self->multiple ? cow_label_text ((const char *const *)self->classes,
                                          self->shown + (gsize)i * self->n_classes, self->n_classes)
                        : g_strdup (self->classes[self->truth[i]]);
}

char *
cow_evaluation_said_text (const CowEvaluation *self, guint i)
{
  return self->multiple ? cow_label_text ((const char *const *)self->classes,
                                          self->said + (gsize)i * self->n_classes, self->n_classes)
                        : g_strdup (self->classes[self->predicted[i]]);
}

double
cow_evaluation_sureness (const CowEvaluation *self, guint i)
{
  const gsize at = (gsize)i * self->n_classes;
  double least = 1, wrong = -1;

  if (!self->multiple)
    return (double)self->probabilities[at + self->predicted[i]];
  for (guint c = 0; c < self->n_classes; c++) {
    const double p = (double)self->probabilities[at + c], sure = self->said[at + c] ? p : 1 - p;
    least = MIN (least, sure);
    if (self->said[at + c] != self->shown[at + c])
      wrong = MAX (wrong, sure);
  }
  return wrong >= 0 ? wrong : least;
}

guint64
cow_evaluation_support (const CowEvaluation *self, guint class)
{
  return self->multiple ? cow_label_metrics_support (self->labels, class)
                        : self->metrics->support[class];
}
