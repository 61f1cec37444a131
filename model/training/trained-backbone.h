/* SPDX-License-Identifier: MIT */
/*
 * A backbone in training: a class; trained-backbones.h has the table of all. Used by one thread.
 */
#ifndef COW_TRAINED_BACKBONE_H
#define COW_TRAINED_BACKBONE_H

#include "model/network/backbone.h"
#include "model/training/parameters.h"

G_BEGIN_DECLS

typedef struct _CowTrainedClass CowTrainedClass;

/* What every trained backbone begins with. */
typedef struct {
  const CowTrainedClass *klass;
  CkStream *stream;          /* borrowed, as the parameters */
  CowParameters *parameters; /* its tensors are among them */
  CowBackboneConfig config;
} CowTrainedBackbone;

typedef struct {
  /* An adapter on the weights of a checkpoint trains; it must outlive the backbone, which writes
   * its values. NULL: every weight trains. */
  CowAdapter *adapter;
  const CowCheckpoint *checkpoint; /* of the adapter's base; must stay open as long */
  gboolean
      fresh; /* the adapter is new: DoRA's magnitudes start as the norms of the weights' rows */
  gboolean checkpointing; /* recompute each layer in the backward pass: activations of one layer
                             instead of all */
  float adapter_dropout;  /* on the input of lora_A, in training only */
  /* Of products with the weights of linear layers, forward and backward, and from scratch for their
   * gradients too; the device offers it. */
  CowPrecision precision;
} CowTrainedOptions;

/* What trains of a backbone, as far as the memory of a pass depends on it. */
typedef struct {
  guint adapted; /* a bit for each CowModule whose layers have adapters; 0: every weight trains */
  gboolean dora; /* the adapters have magnitudes, */
  gint64 rank;   /* this rank, */
  gboolean dropout; /* and dropout of their inputs */
} CowTrainedParts;

struct _CowTrainedClass {
  gboolean checkpoints; /* whether options.checkpointing does anything */
  /* Registers its tensors with the parameters. */
  CowTrainedBackbone *(*create) (CowParameters *parameters, const CowBackboneConfig *config,
                                 const CowTrainedOptions *options, GError **error);
  /* First values, after cow_parameters_allocate (). */
  gboolean (*start) (CowTrainedBackbone *self, guint64 seed, GError **error);
  /*
   * pixels [batch, 3, height, width] -> features [batch, n_features], both device memory; the
   * result is the backbone's until its next forward. `key` seeds the random numbers of this pass,
   * which `training` turns on, with all else that is different in training.
   */
  const float *(*forward) (CowTrainedBackbone *self, const float *pixels, int batch, int height,
                           int width, gboolean training, guint64 key, GError **error);
  /* Adds the gradients of all parameters, given those of the features; once for the last forward
   * in training. */
  gboolean (*backward) (CowTrainedBackbone *self, const float *dfeatures, GError **error);
  /*
   * The same with tokens instead of features, for heads that look where something is; NULL where
   * the network has none. For each of the n layers (counted from 0, ascending), the tokens behind
   * that layer and the last norm go to out[i] [batch, n_tokens, n_features], device memory of the
   * caller's; gradients come likewise. The two are for each other.
   */
  gboolean (*tokens) (CowTrainedBackbone *self, const float *pixels, int batch, int height,
                      int width, gboolean training, guint64 key, const int *layers, guint n,
                      float *const *out, GError **error);
  gboolean (*tokens_backward) (CowTrainedBackbone *self, const int *layers, guint n,
                               const float *const *dtokens, GError **error);
  /* After the last backward of an optimiser step; NULL: nothing is to be done. */
  gboolean (*finish) (CowTrainedBackbone *self, GError **error);
  /* After each change of the parameters or the buffer. */
  gboolean (*refresh) (CowTrainedBackbone *self, GError **error);
  /* State that is no parameter but belongs to a checkpoint: its name (NULL: none), and a host copy
   * of *count floats that the caller may read and write. */
  const char *buffer_name;
  float *(*buffer) (CowTrainedBackbone *self, gsize *count, GError **error);
  /* Writes the adapter, or the whole network with its config.json, to a folder that exists. */
  gboolean (*write) (CowTrainedBackbone *self, const char *folder, GError **error);
  /* Bytes of the arrays that a pass of this batch allocates. */
  gsize (*activation_bytes) (const CowBackboneConfig *config, const CowTrainedParts *parts,
                             int batch, int height, int width, gboolean checkpointing);
  void (*free) (CowTrainedBackbone *self);
};

G_END_DECLS

#endif
