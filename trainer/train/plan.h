/* SPDX-License-Identifier: MIT */
/*
 * An estimate of what a run takes, before anything large is loaded: parameters, memory and disk
 * from the recipe and the network's shape (plan.c), time from operation counts and a short
 * measurement of this machine (plan-time.c).
 */
#ifndef COW_TRAINER_PLAN_H
#define COW_TRAINER_PLAN_H

#include "model/network/memory.h"
#include "trainer/train/recipe.h"

G_BEGIN_DECLS

/* The base of a recipe and the size of its data. */
typedef struct {
  CowBackboneConfig backbone;
  CkType storage;     /* of a base's linear layers */
  guint64 base_bytes; /* a base's weights in memory; 0 from scratch */
  guint n_classes;    /* of pictures; of a recipe that detects of what is in a box, 0: not told */
  guint n_identities; /* of such a recipe: who may be in a box; 0: not told */
  const CowDetectorConfig *detector; /* the head of a recipe that detects, borrowed; else NULL */
  guint64 n_train, n_val;            /* pictures, without copies */
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
  /* Bytes: the base's weights; parameters with gradients and moments; activations; kernels' scratch
   * memory; pictures on their way. */
  guint64 base, parameters, activations, scratch, loading;
  guint64 memory; /* of the host: all of these and the program, but for what is on a device */
  /* Of a device with memory of its own: what lies there, and what of the base is streamed from
   * pinned memory of the host, as a share of its linear layers and in bytes; else all 0. */
  CowMemory device;
  double streamed;
  guint64 pinned; /* of the host's memory: what is streamed, and what copies pass through */
  /* Bytes on disk: of the run's folder at its fullest, and of a frozen recipe's features. */
  guint64 folder, features;
} CowPlan;

/*
 * `available` bytes of the memory that activations lie in, a device's or the host's, decide on
 * checkpointing where the recipe says auto. On a device it takes no more than it has to: all layers
 * are kept if they fit, and weights are streamed only where checkpointing does not do.
 */
void cow_plan_sizes (CowPlan *self, const CowRecipe *recipe, const CowPlanInput *input,
                     CkDevice *device, guint64 available);
/* Bytes that there are of that memory, G_MAXUINT64 where nothing tells. COW_ERROR_ARGUMENT of
 * cow_memory_available (). */
gboolean cow_plan_available (CkDevice *device, guint64 *bytes, GError **error);
/* Whether the device has what the plan says, and the host what is streamed; *why is what is missing
 * (free with g_free) where not. */
gboolean cow_plan_fits (const CowPlan *self, CkDevice *device, guint64 available, char **why);

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

G_END_DECLS

#endif
