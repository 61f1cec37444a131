/* SPDX-License-Identifier: MIT */
#include "model/network/precision-answers.h"

#include <math.h>
#include <string.h>

#include "model/adapter/label-text.h"
#include "model/files/floats.h"
#include "model/network/argmax.h"

gboolean
cow_answers_init (CowAnswers *self, const CowClassifier *classifier, const float *pixels, guint n,
                  GError **error)
{
  *self = (CowAnswers){ .pixels = pixels,
                        .n = n,
                        .n_features = (gsize)cow_classifier_n_features (classifier),
                        .n_classes = cow_classifier_n_classes (classifier) };
  const CowCard *card = cow_classifier_card (classifier);
  if (card->multiple && self->n_classes > 0) {
    self->thresholds = g_memdup2 (card->thresholds, self->n_classes * sizeof (float));
    self->shown = g_new0 (guint8, (gsize)n * self->n_classes);
  }
  self->features = cow_floats_new (n * self->n_features, "features", error);
  self->logits = self->features ? cow_floats_new (n * self->n_classes, "logits", error) : NULL;
  return self->logits != NULL;
}

void
cow_answers_clear (CowAnswers *self)
{
  g_clear_pointer (&self->features, g_free);
  g_clear_pointer (&self->logits, g_free);
  g_clear_pointer (&self->thresholds, g_free);
  g_clear_pointer (&self->shown, g_free);
}

gboolean
cow_answers_run (const CowAnswers *self, CowClassifier *classifier, guint i, CowOutput *output,
                 GError **error)
{
  const CowPreprocess *preprocess = cow_classifier_preprocess (classifier);
  return cow_classifier_run (classifier, self->pixels + i * cow_preprocess_size (preprocess), 1,
                             preprocess->height, preprocess->width, output, error);
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
is_finite (const CowAnswers *self, const CowOutput *output)
{
  return all_finite (output->pooler_output, self->n_features) &&
         all_finite (output->logits, self->n_classes);
}

gboolean
cow_answers_take (CowAnswers *self, guint i, const CowOutput *output)
{
  memcpy (self->features + i * self->n_features, output->pooler_output,
          self->n_features * sizeof (float));
  if (self->n_classes > 0)
    memcpy (self->logits + (gsize)i * self->n_classes, output->logits,
            self->n_classes * sizeof (float));
  if (self->shown)
    cow_label_decide (output->probabilities, self->thresholds, self->n_classes,
                      self->shown + (gsize)i * self->n_classes);
  return is_finite (self, output);
}

/* Whether an output has the label of picture i, or all of its labels and no other. */
static gboolean
is_same (const CowAnswers *self, guint i, const CowOutput *output)
{
  const guint n = self->n_classes;
  if (n == 0)
    return TRUE;
  if (!self->shown)
    return cow_argmax (self->logits + (gsize)i * n, n) == cow_argmax (output->logits, n);
  g_autofree guint8 *shown = g_new (guint8, n);
  cow_label_decide (output->probabilities, self->thresholds, n, shown);
  return memcmp (shown, self->shown + (gsize)i * n, n) == 0;
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

static double
error_of (const float *a, const float *b, gsize n)
{
  double distance = 0, length = 0;
  for (gsize i = 0; i < n; i++) {
    const double difference = (double)a[i] - (double)b[i];
    distance += difference * difference;
    length += (double)a[i] * (double)a[i];
  }
  return distance / length;
}

CowDifference
cow_answers_compare (const CowAnswers *self, guint i, const CowOutput *output)
{
  const float *features = self->features + i * self->n_features,
              *logits = self->logits + (gsize)i * self->n_classes;
  const gboolean has_head = self->n_classes > 0;
  if (!is_finite (self, output))
    return (CowDifference){ NAN, INFINITY, FALSE };
  return (CowDifference){
    .cosine = cosine_of (features, output->pooler_output, self->n_features),
    .error = has_head ? error_of (logits, output->logits, self->n_classes)
                      : error_of (features, output->pooler_output, self->n_features),
    .same_label = is_same (self, i, output),
  };
}
