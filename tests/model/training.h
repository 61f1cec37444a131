/* SPDX-License-Identifier: MIT */
/* Small networks of every kind in training, for the tests of model/. Everything aborts the test
 * when it fails. */
#ifndef COW_TEST_TRAINING_H
#define COW_TEST_TRAINING_H

#include "model/network/device.h"
#include "model/training/network.h"

#define TRAINING_CLASSES  9
#define TRAINING_SIDE     64  /* px of a picture, but a ResNet's */
#define TRAINING_FEATURES 128 /* of the golden networks, which a frozen one takes for pixels */

typedef struct {
  const char *name;
  CowNetworkKind kind;
  const char *base, *adapter; /* golden folders of LoRA, DoRA and frozen; the adapter's values are
                                 not at their start */
  int rank;                   /* of the adapter, */
  const char *target;         /* and what it is on; NULL: all */
  gboolean gated, timm;       /* of a network from scratch */
  int batch, side;            /* that the tests give it: px, 0 for features */
} TrainingCase;

/* Ends with a name of NULL: adapters on NF4 and fp32, on q alone and on all layers, with and
 * without a gate; networks from scratch. */
extern const TrainingCase training_cases[];
/* The one of that name, which there must be. */
const TrainingCase *training_case (const char *name);

typedef struct {
  const TrainingCase *sort;
  CkDevice *device;
  CkStream *stream;
  CowNetwork *network;
  float *pixels;  /* [batch, 3, side, side]; frozen: [batch, features] */
  gint32 *labels; /* [batch] */
} Training;

typedef struct {
  int threads; /* of the device, 0 for its choice */
  float adapter_dropout, head_dropout;
  gboolean checkpointing;
  gboolean fresh;   /* start from first values, not from the case's adapter */
  CowLoraInit init; /* of first values, and */
  gboolean rslora;  /* their scale */
  const char *start, *start_head;
  CowPrecision precision;
  const char *device; /* NULL: auto */
  double streamed;    /* the share of the base's weights that is */
} TrainingHow;

/* Free with training_free. */
Training *training_new (const TrainingCase *sort, const TrainingHow *how);
void training_free (Training *self);
/* One forward in training mode with that key, and the loss; with `backward` gradients are added. */
double training_pass (Training *self, guint64 key, gboolean backward);
/* A step of AdamW after one pass. */
void training_step (Training *self, int step);
/* Copies of all values and gradients; free with g_free. */
float *training_values (Training *self);
float *training_gradients (Training *self);
/* The root of the mean square of a - b as a share of that of b, each [n]. */
double training_distance (const float *a, const float *b, gsize n);
/* Logits [batch, classes] in evaluation mode; free with g_free. */
float *training_logits (Training *self);
/* Saves the network with a card, so that a classifier opens the folder. */
void training_save (Training *self, const char *folder);
/* What the adapter is on; NULL-terminated, static. */
const char *const *training_targets (const TrainingCase *sort);
/* The located base of the case, or NULL where it needs none; free with g_free. */
char *training_base (const TrainingCase *sort);

/* The small network of DINOv3's shape, or of timm's, of a case that trains from scratch. */
CowVitConfig training_config (const TrainingCase *sort);

#endif
