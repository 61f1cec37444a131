/* SPDX-License-Identifier: MIT */
/*
 * What a run teaches: a class a picture, any number of labels a picture, or the boxes of a frame.
 * The loop (loop.c) asks a task for the loss of a batch and for the figure by which an epoch is the
 * best so far, and knows nothing else of it. Used by one thread.
 */
#ifndef COW_TRAINER_TASK_H
#define COW_TRAINER_TASK_H

#include "model/training/network.h"
#include "trainer/train/feed.h"

G_BEGIN_DECLS

typedef struct _CowTask CowTask;

typedef struct {
  const char *unit; /* what the feed's samples are called, of many: "pictures" */
  /* Enqueues the loss of the network's last forward. `training`: with weights of classes, and the
   * gradients of loss * factor; else the plain loss alone. */
  gboolean (*loss) (CowTask *self, const CowFeedBatch *batch, gboolean training, double factor,
                    GError **error);
  /* How many pictures of a training pass were answered rightly, given their labels [batch]. */
  gint64 (*count) (const CowTask *self, const CowPass *pass, const gint32 *labels);
  /* A validation: n pictures will come, batch by batch after each was read, and are judged then: 0
   * to 1, the larger the better. */
  gboolean (*begin) (CowTask *self, gsize n, GError **error);
  void (*add) (CowTask *self, const CowPass *pass, const CowFeedBatch *batch);
  /* *beside is a second figure, where the task has one that says more than the share of right
   * answers in training; else it stays as it is. */
  double (*judge) (CowTask *self, double *beside);
  void (*free) (CowTask *self);
} CowTaskClass;

/* What every task begins with; borrowed. */
struct _CowTask {
  const CowTaskClass *klass;
  const CowRecipe *recipe;
  CowNetwork *network;
};

/* A class a picture; judged by the share of right answers. class_weights [n_classes] or NULL,
 * borrowed. */
CowTask *cow_task_classes_new (const CowRecipe *recipe, CowNetwork *network, guint n_classes,
                               const float *class_weights);
/*
 * Any number of labels a picture, by the combinations that labels stand for; judged by the mean
 * average precision. positive_weights [n_classes] or NULL; thresholds [n_classes] are written after
 * each validation, those of the best F1, and left as they are of classes that no picture there
 * shows. All borrowed.
 */
CowTask *cow_task_labels_new (const CowRecipe *recipe, CowNetwork *network,
                              const CowLabelSets *sets, const float *positive_weights,
                              float *thresholds);
/* The boxes of whole frames, which the feed's samples are; judged by average precision over
 * overlaps of .50 to .95, beside it that at .50. `frames` is borrowed. */
CowTask *cow_task_boxes_new (const CowRecipe *recipe, CowNetwork *network, const CowFrames *frames);
void cow_task_free (CowTask *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowTask, cow_task_free)

G_END_DECLS

#endif
