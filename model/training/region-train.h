/* SPDX-License-Identifier: MIT */
/*
 * What each box of a frame shows, or who is in it, in training: what a detector's map says of the
 * box (RoI align), and the head of a classifier behind it. Used by one thread.
 */
#ifndef COW_REGION_TRAIN_H
#define COW_REGION_TRAIN_H

#include "model/network/roi-align.h"
#include "model/training/head-train.h"

G_BEGIN_DECLS

/* By how much the cross entropies of what boxes show, and of who is in them, count beside a
 * detector's loss. */
#define COW_REGIONS_WEIGHT    1.
#define COW_IDENTITIES_WEIGHT .25

/* A box, px of its picture; picture is its number in the batch, label its class. */
typedef struct {
  int picture;
  CowBounds box;
  gint32 label;
} CowRegionLabel;

typedef struct _CowRegionTrain CowRegionTrain;

/* Registers the head's tensors with the parameters, which must outlive it; `like` as in
 * cow_head_train_new (). channels: the map's. */
CowRegionTrain *cow_region_train_new (CowParameters *parameters, gint64 channels, guint n_classes,
                                      CowHeadStyle style, float dropout,
                                      const CowHeadWeights *like);
void cow_region_train_free (CowRegionTrain *self);
/* After cow_parameters_allocate (), as cow_head_train_start (). */
gboolean cow_region_train_start (CowRegionTrain *self, const CowHeadWeights *head, guint64 seed,
                                 GError **error);
/* Its head, which is written by its own functions. */
const CowHeadTrain *cow_region_train_head (const CowRegionTrain *self);

/* How a pass goes. */
typedef struct {
  gboolean training; /* with dropout, whose randomness is a function of `key` */
  guint64 key;
  float smoothing; /* of labels */
  double factor;   /* of gradients */
  int batch;       /* pictures */
} CowRegionPass;

/*
 * *loss: the mean over the batch of each picture's mean cross entropy, 0 of one without boxes; the
 * n boxes are in the order of their pictures. `values` are the maps of the batch, one after the
 * other, host memory. With dvalues, which are like `values`, the parameters' gradients are added,
 * and those of the maps to dvalues. Waits.
 */
gboolean cow_region_train_loss (CowRegionTrain *self, const CowRoiMap *map, const float *values,
                                const CowRegionLabel *regions, guint n, const CowRegionPass *pass,
                                double *loss, float *dvalues, GError **error);
/* Logits [n, n_classes] of n boxes of one map, host memory of its own until the next call; NULL on
 * error. */
const float *cow_region_train_logits (CowRegionTrain *self, const CowRoiMap *map,
                                      const float *values, const CowBounds *boxes, guint n,
                                      GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowRegionTrain, cow_region_train_free)

G_END_DECLS

#endif
