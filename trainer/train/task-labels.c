/* SPDX-License-Identifier: MIT */
/* Any number of labels a picture: binary cross entropy, and the mean average precision. */
#include <string.h>

#include "trainer/eval/calibration.h"
#include "trainer/eval/label-metrics.h"
#include "trainer/train/task.h"

typedef struct {
  CowTask parent;
  guint n_classes;
  const CowLabelSets *sets;
  const float *positive_weights;
  float *thresholds; /* [n_classes] */
  float *targets;    /* [batch, n_classes] */
  /* The answers of a whole validation */
  gsize n;
  float *logits; /* [n, n_classes] */
  guint8 *shown; /* likewise */
} Labels;

static gboolean
loss (CowTask *task, const CowFeedBatch *batch, gboolean training, double factor, GError **error)
{
  const Labels *self = (const Labels *)task;
  const float smoothing = (float)task->recipe->label_smoothing;

  for (int i = 0; i < batch->n; i++) {
    const guint8 *shown = cow_label_sets_get (self->sets, (guint)batch->labels[i]);
    /* As Keras smooths binary labels: 0 and 1 come nearer to one half. */
    for (guint c = 0; c < self->n_classes; c++)
      self->targets[(gsize)i * self->n_classes + c] =
          (float)shown[c] * (1 - smoothing) + smoothing / 2;
  }
  return cow_network_loss_multiple (task->network, self->targets,
                                    training ? self->positive_weights : NULL, training,
                                    (float)factor, error);
}

/* Whether all labels are right, where a probability of one half or more is one. */
static gboolean
is_exact (const CowLabelSets *sets, const float *logits, gint32 label)
{
  const guint8 *shown = cow_label_sets_get (sets, (guint)label);

  for (guint c = 0; c < sets->n_classes; c++)
    if ((logits[c] >= 0) != shown[c])
      return FALSE;
  return TRUE;
}

static gint64
count (const CowTask *task, const CowPass *pass, const gint32 *labels)
{
  const Labels *self = (const Labels *)task;
  gint64 correct = 0;

  for (int i = 0; i < pass->batch; i++)
    correct += is_exact (self->sets, pass->logits + (gsize)i * self->n_classes, labels[i]);
  return correct;
}

/* ---- validation ------------------------------------------------------------------------------ */

static void
forget (Labels *self)
{
  g_clear_pointer (&self->logits, g_free);
  g_clear_pointer (&self->shown, g_free);
  self->n = 0;
}

static gboolean
begin (CowTask *task, gsize n, GError **error)
{
  Labels *self = (Labels *)task;
  gsize values;

  forget (self);
  if (g_size_checked_mul (&values, n, self->n_classes)) {
    self->logits = g_try_new (float, values);
    self->shown = g_try_new (guint8, values);
  }
  return (self->logits && self->shown) ||
         cow_check (CK_NO_MEMORY, error, "the answers for %" G_GSIZE_FORMAT " validation pictures",
                    n);
}

static void
add (CowTask *task, const CowPass *pass, const CowFeedBatch *batch)
{
  Labels *self = (Labels *)task;

  memcpy (self->logits + self->n * self->n_classes, pass->logits,
          (gsize)pass->batch * self->n_classes * sizeof (float));
  for (int i = 0; i < pass->batch; i++)
    memcpy (self->shown + (self->n + (gsize)i) * self->n_classes,
            cow_label_sets_get (self->sets, (guint)batch->labels[i]), self->n_classes);
  self->n += (gsize)pass->batch;
}

/* Fits the thresholds too. */
static double
judge (CowTask *task, double *beside)
{
  Labels *self = (Labels *)task;
  const guint n = (guint)self->n, n_classes = self->n_classes;
  g_autofree float *probabilities = g_new (float, self->n * self->n_classes);
  g_autofree CowThreshold *thresholds = g_new (CowThreshold, n_classes);

  for (guint i = 0; i < n; i++)
    cow_sigmoid (self->logits + (gsize)i * n_classes, n_classes, 1,
                 probabilities + (gsize)i * n_classes);
  cow_thresholds_fit_labels (probabilities, self->shown, n, n_classes, 0, thresholds);
  for (guint c = 0; c < n_classes; c++)
    if (thresholds[c].known)
      self->thresholds[c] = (float)thresholds[c].value;
  const double found = cow_mean_average_precision (self->shown, self->logits, n, n_classes);
  forget (self);
  return found;
}

/* ---- the task -------------------------------------------------------------------------------- */

static void
free_task (CowTask *task)
{
  Labels *self = (Labels *)task;

  forget (self);
  g_free (self->targets);
  g_free (self);
}

static const CowTaskClass klass = { .unit = "pictures",
                                    .loss = loss,
                                    .count = count,
                                    .begin = begin,
                                    .add = add,
                                    .judge = judge,
                                    .free = free_task };

CowTask *
cow_task_labels_new (const CowRecipe *recipe, CowNetwork *network, const CowLabelSets *sets,
                     const float *positive_weights, float *thresholds)
{
  Labels *self = g_new0 (Labels, 1);

  self->parent = (CowTask){ &klass, recipe, network };
  self->n_classes = sets->n_classes;
  self->sets = sets;
  self->positive_weights = positive_weights;
  self->thresholds = thresholds;
  self->targets = g_new (float, (gsize)recipe->batch * sets->n_classes);
  return &self->parent;
}

void
cow_task_free (CowTask *self)
{
  if (self)
    self->klass->free (self);
}
