/* SPDX-License-Identifier: MIT */
/* A class a picture: cross entropy, and the share of right answers. */
#include "model/network/argmax.h"
#include "trainer/train/task.h"

typedef struct {
  CowTask parent;
  guint n_classes;
  const float *class_weights;
  gsize n; /* of the validation that runs */
  gint64 correct;
} Classes;

static gboolean
loss (CowTask *task, const CowFeedBatch *batch, gboolean training, double factor, GError **error)
{
  const Classes *self = (const Classes *)task;

  return cow_network_loss (task->network, batch->labels, training ? self->class_weights : NULL,
                           (float)task->recipe->label_smoothing, training, (float)factor, error);
}

static gint64
count (const CowTask *task, const CowPass *pass, const gint32 *labels)
{
  const guint n = ((const Classes *)task)->n_classes;
  gint64 correct = 0;

  for (int i = 0; i < pass->batch; i++)
    correct += cow_argmax (pass->logits + (gsize)i * n, n) == (guint)labels[i];
  return correct;
}

static gboolean
begin (CowTask *task, gsize n, GError **error)
{
  Classes *self = (Classes *)task;

  self->n = n;
  self->correct = 0;
  return TRUE;
}

static void
add (CowTask *task, const CowPass *pass, const CowFeedBatch *batch)
{
  ((Classes *)task)->correct += count (task, pass, batch->labels);
}

static double
judge (CowTask *task, double *beside)
{
  const Classes *self = (const Classes *)task;

  return (double)self->correct / (double)self->n;
}

static void
free_task (CowTask *task)
{
  g_free (task);
}

static const CowTaskClass klass = { .unit = "pictures",
                                    .loss = loss,
                                    .count = count,
                                    .begin = begin,
                                    .add = add,
                                    .judge = judge,
                                    .free = free_task };

CowTask *
cow_task_classes_new (const CowRecipe *recipe, CowNetwork *network, guint n_classes,
                      const float *class_weights)
{
  Classes *self = g_new0 (Classes, 1);

  self->parent = (CowTask){ &klass, recipe, network };
  self->n_classes = n_classes;
  self->class_weights = class_weights;
  return &self->parent;
}
