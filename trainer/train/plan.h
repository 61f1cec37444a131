/* SPDX-License-Identifier: MIT */
/*
 * An estimate of what a run takes, before anything large is loaded: parameters, memory and disk
 * from the recipe and the network's shape (plan.c), time from operation counts and a short
 * measurement of this machine (plan-time.c).
 */
#ifndef COW_TRAINER_PLAN_H
#define COW_TRAINER_PLAN_H

#include "trainer/train/recipe.h"

G_BEGIN_DECLS

/* The base of a recipe and the size of its data. */
typedef struct {
  CowBackboneConfig backbone;
  CkType storage;     /* of a base's linear layers */
  guint64 base_bytes; /* a base's weights in memory; 0 from scratch */
  guint n_classes;
  guint64 n_train, n_val; /* pictures, without copies */
} CowPlanInput;

/* Fills backbone, storage and base_bytes from a model on disk (located), or for a size by name as
 * it would be in that storage. */
gboolean cow_plan_input_from_model (CowPlanInput *self, const char *path, GError **error);
gboolean cow_plan_input_from_size (CowPlanInput *self, const char *size, CkType storage,
                                   GError **error);
/* The backbone of a recipe that has no base; COW_ERROR_* when --network names none, or one of
 * another kind. */
gboolean cow_plan_input_from_scratch (CowPlanInput *self, const CowRecipe *recipe, GError **error);
/* Whether the last batch of an epoch has enough pictures for the backbone's batch norm; `n_train`
 * is set. */
gboolean cow_plan_input_check_batches (const CowPlanInput *self, const CowRecipe *recipe,
                                       GError **error);
/* Whether the backbone takes the recipe's pictures. */
gboolean cow_plan_input_check_size (const CowPlanInput *self, const CowRecipe *recipe,
                                    GError **error);

typedef struct {
  gint64 trained, head; /* parameters that train, and how many of them are the head's */
  gboolean checkpointing;
  /* Bytes in memory: the base's weights; parameters with gradients and moments; activations;
   * pictures on their way; their sum with the program itself. */
  guint64 base, parameters, activations, loading, memory;
  /* Bytes on disk: of the run's folder at its fullest, and of a frozen recipe's features. */
  guint64 folder, features;
} CowPlan;

/* `available` bytes of memory decide on checkpointing where the recipe says auto. */
void cow_plan_sizes (CowPlan *self, const CowRecipe *recipe, const CowPlanInput *input,
                     guint64 available);

/* Multiply-add rates of this machine at the sizes of one network, in operations a second (a
 * multiply-add is two), and what else takes time.
 */
typedef struct {
  double linear, linear_input,
      linear_weight; /* forward; backward with respect to the input; to the weight */
  double attention, attention_back;
  double optimiser; /* parameters a second */
  /* Of networks without tokens, which are measured whole: seconds of a picture, forward and
   * backward, and forward alone */
  double picture, picture_forward;
} CowSpeed;

typedef struct {
  double features;                         /* seconds until a frozen recipe's features are there */
  double train_picture, val_picture, step; /* seconds */
  double epoch;                            /* with validation */
  double run; /* all epochs and features: when nothing stops it early */
} CowPlanTime;

/* Measures for about a second. COW_ERROR_MEMORY, _DEVICE. */
gboolean cow_speed_measure (CowSpeed *self, CkStream *stream, const CowRecipe *recipe,
                            const CowPlanInput *input, GError **error);
void cow_plan_time (CowPlanTime *self, const CowRecipe *recipe, const CowPlanInput *input,
                    const CowPlan *plan, const CowSpeed *speed);

/* "1.2 GB"; "3.4 s", "12 min", "5.1 h", "2.3 days"; free with g_free. */
char *cow_plan_bytes_text (guint64 bytes);
char *cow_plan_time_text (double seconds);

G_END_DECLS

#endif
