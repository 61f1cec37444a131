/* SPDX-License-Identifier: MIT */
/* The boxes of whole frames: a detector's loss, and average precision as COCO counts it. */
#include "trainer/eval/box-tally.h"
#include "trainer/train/task.h"

typedef struct {
  CowTask parent;
  const CowFrames *frames;
  CowBoxTally tally;  /* of the validation that runs */
  GArray *detections; /* of CowDetection: a frame's */
} Boxes;

static gboolean
loss (CowTask *task, const CowFeedBatch *batch, gboolean training, double factor, GError **error)
{
  const float smoothing = training ? (float)task->recipe->label_smoothing : 0;

  return cow_network_loss_boxes (task->network, batch->frames, smoothing, training, (float)factor,
                                 error);
}

/* No frame is right or wrong. */
static gint64
count (const CowTask *task, const CowPass *pass, const gint32 *labels)
{
  return 0;
}

/* ---- validation ------------------------------------------------------------------------------ */

static gboolean
begin (CowTask *task, gsize n, GError **error)
{
  cow_box_tally_reset (&((Boxes *)task)->tally);
  return TRUE;
}

static void
add (CowTask *task, const CowPass *pass, const CowFeedBatch *batch)
{
  Boxes *self = (Boxes *)task;

  for (int i = 0; i < batch->n; i++) {
    cow_network_find_boxes (task->network, i, COW_BOX_TALLY_LEAST, COW_BOX_TALLY_OVERLAP,
                            COW_BOX_TALLY_MOST, self->detections);
    cow_box_tally_add (&self->tally, self->frames,
                       cow_frames_get (self->frames, batch->items[i].sample),
                       &task->recipe->preprocess, self->detections);
  }
}

static double
judge (CowTask *task, double *beside)
{
  CowBoxScores scores;

  cow_box_tally_scores (&((Boxes *)task)->tally, &scores);
  *beside = scores.precision50;
  return scores.precision[COW_BOX_ALL];
}

/* ---- the task -------------------------------------------------------------------------------- */

static void
free_task (CowTask *task)
{
  Boxes *self = (Boxes *)task;

  cow_box_tally_clear (&self->tally);
  g_array_unref (self->detections);
  g_free (self);
}

static const CowTaskClass klass = { .unit = "frames",
                                    .loss = loss,
                                    .count = count,
                                    .begin = begin,
                                    .add = add,
                                    .judge = judge,
                                    .free = free_task };

CowTask *
cow_task_boxes_new (const CowRecipe *recipe, CowNetwork *network, const CowFrames *frames)
{
  Boxes *self = g_new0 (Boxes, 1);

  self->parent = (CowTask){ &klass, recipe, network };
  self->frames = frames;
  cow_box_tally_init (&self->tally);
  self->detections = g_array_new (FALSE, FALSE, sizeof (CowDetection));
  return &self->parent;
}
