/* SPDX-License-Identifier: MIT */
/* The boxes of whole frames: a detector's loss, and average precision as COCO counts it. */
#include "trainer/data/frame-places.h"
#include "trainer/eval/box-scores.h"
#include "trainer/train/task.h"

/* What is asked of a frame: COCO counts a hundred boxes, and a sure answer's rivals matter little.
 */
#define LEAST   .01f
#define OVERLAP .6
#define MOST    100

typedef struct {
  CowTask parent;
  const CowFrames *frames;
  /* Of the validation that runs */
  GArray *truth;      /* of CowTrueBox */
  GArray *found;      /* of CowFoundBox */
  GArray *detections; /* of CowDetection: a frame's */
  guint n;
} Boxes;

static gboolean
loss (CowTask *task, const CowFeedBatch *batch, gboolean training, double factor, GError **error)
{
  return cow_network_loss_boxes (task->network, batch->frames, training, (float)factor, error);
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
  Boxes *self = (Boxes *)task;

  g_array_set_size (self->truth, 0);
  g_array_set_size (self->found, 0);
  self->n = 0;
  return TRUE;
}

static void
add_truth (Boxes *self, const CowFrame *frame)
{
  const CowFrameBox *boxes = cow_frames_boxes (self->frames, frame);

  for (guint i = 0; i < frame->n_boxes; i++) {
    const CowTrueBox box = {
      .image = self->n, .place = boxes[i].place, .area = boxes[i].area, .crowd = boxes[i].crowd
    };
    g_array_append_val (self->truth, box);
  }
}

static void
add_found (Boxes *self, const CowFrame *frame, int i, const CowFeedBatch *batch)
{
  cow_network_find_boxes (self->parent.network, i, LEAST, OVERLAP, MOST, self->detections);
  for (guint k = 0; k < self->detections->len; k++) {
    const CowDetection *detection = &g_array_index (self->detections, CowDetection, k);
    const CowFoundBox box = { .image = self->n,
                              .place = cow_frame_place_back (frame, batch->width, batch->height,
                                                             &detection->box),
                              .score = (double)detection->score };
    g_array_append_val (self->found, box);
  }
}

static void
add (CowTask *task, const CowPass *pass, const CowFeedBatch *batch)
{
  Boxes *self = (Boxes *)task;

  for (int i = 0; i < batch->n; i++, self->n++) {
    const CowFrame *frame = cow_frames_get (self->frames, batch->items[i].sample);
    add_truth (self, frame);
    add_found (self, frame, i, batch);
  }
}

static double
judge (CowTask *task, double *beside)
{
  Boxes *self = (Boxes *)task;
  CowBoxScores scores;

  cow_box_scores ((const CowTrueBox *)(void *)self->truth->data, self->truth->len,
                  (const CowFoundBox *)(void *)self->found->data, self->found->len, &scores);
  *beside = scores.precision50;
  return scores.precision[COW_BOX_ALL];
}

/* ---- the task -------------------------------------------------------------------------------- */

static void
free_task (CowTask *task)
{
  Boxes *self = (Boxes *)task;

  g_array_unref (self->truth);
  g_array_unref (self->found);
  g_array_unref (self->detections);
  g_free (self);
}

static const CowTaskClass klass = {
  .loss = loss, .count = count, .begin = begin, .add = add, .judge = judge, .free = free_task
};

CowTask *
cow_task_boxes_new (const CowRecipe *recipe, CowNetwork *network, const CowFrames *frames)
{
  Boxes *self = g_new0 (Boxes, 1);

  self->parent = (CowTask){ &klass, recipe, network };
  self->frames = frames;
  self->truth = g_array_new (FALSE, FALSE, sizeof (CowTrueBox));
  self->found = g_array_new (FALSE, FALSE, sizeof (CowFoundBox));
  self->detections = g_array_new (FALSE, FALSE, sizeof (CowDetection));
  return &self->parent;
}
