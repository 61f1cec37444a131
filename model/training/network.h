/* SPDX-License-Identifier: MIT */
/*
 * A network in training, whatever its kind: prepared pictures in, a loss and gradients out. The
 * loop in trainer/ knows nothing else of networks. Used by one thread.
 */
#ifndef COW_NETWORK_H
#define COW_NETWORK_H

#include "model/adapter/kind.h"
#include "model/network/detector.h"
#include "model/training/adapter-start.h"
#include "model/training/trained-backbone.h"

G_BEGIN_DECLS

typedef enum {
  COW_CHECKPOINTING_AUTO,
  COW_CHECKPOINTING_ON,
  COW_CHECKPOINTING_OFF
} CowCheckpointing;

typedef struct {
  CowNetworkKind kind;
  guint n_classes;    /* of a detector those of what is in a box; 0: it only finds boxes */
  guint n_identities; /* of a detector: who may be in a box; 0: nobody is told apart */
  guint64 seed;       /* of initial values */
  float head_dropout; /* p; the head's second dropout is p / 2 */
  /* Kinds with a base */
  const char *model; /* located path of the base; of cached kinds only its config is read */
  /* Adapted kinds */
  const char *start;      /* the adapter folder to start from, or NULL */
  const char *start_head; /* the folder of the head to start from where it is not `start` */
  int rank;
  float alpha, adapter_dropout;
  gboolean rslora; /* scale alpha / sqrt (rank) */
  CowLoraInit init;
  const char *const *targets; /* PEFT's suffixes, or {"all-linear", NULL} */
  CowCheckpointing checkpointing;
  CowPrecision precision; /* of linear layers: any but int8; AUTO is fp32 */
  double streamed;        /* the share of a frozen base's weights that is (CowBackboneConfig) */
  gsize memory_limit;     /* bytes that auto may use for activations; 0: half of what is free now */
  /* What looks for boxes in whole pictures instead of telling their class; NULL: a classifier. */
  const CowDetectorConfig *detector;
  /* Named kinds: the vision transformer that trains from scratch; its family counts, not the
   * kind's. */
  CowVitConfig config;
  /* The input side, which checkpointing auto reckons with and networks of one size of picture are
   * made for, and the batch */
  int image_size, batch;
} CowNetworkOptions;

typedef struct _CowNetwork CowNetwork;

/* Loads, allocates and initialises. `stream` is borrowed and must have a CkStream.training.
 * COW_ERROR_UNSUPPORTED: its device does not offer the precision. */
CowNetwork *cow_network_new (CkStream *stream, const CowNetworkOptions *options, GError **error);
void cow_network_free (CowNetwork *self);
CowParameters *cow_network_parameters (CowNetwork *self);
/* The backbone that trains, NULL where only the head does. */
CowTrainedBackbone *cow_network_backbone (CowNetwork *self);
/* Width of what the head reads. */
gint64 cow_network_n_features (const CowNetwork *self);
/* State that is no parameter but belongs to a checkpoint (running statistics of batch norms): its
 * name and a host copy, which holds until the next pass. What is written there counts after
 * cow_network_refresh (). NULL with an error when it can't be copied. */
guint cow_network_n_buffers (const CowNetwork *self);
const char *cow_network_buffer (CowNetwork *self, guint i, gsize *count, float **values,
                                GError **error);

/* What a picture shows, for a network that looks for boxes: px of the picture as the network sees
 * it. */
typedef struct {
  const CowBounds *boxes;   /* [n] */
  const gint32 *labels;     /* [n] the class of what is in each, -1: not known; NULL: of none */
  const gint32 *identities; /* likewise: who is in each */
  guint n;
} CowFrameBoxes;

/* A forward pass since the last cow_network_read (). Host memory, the network's, until its next
 * forward. */
typedef struct {
  int batch;
  const float *logits; /* [batch, n_classes]; NULL where boxes are looked for */
  double loss;         /* NAN where it was not asked for */
} CowPass;

/*
 * Enqueues a forward pass of pixels [batch, 3, height, width] (cached kinds: features [batch,
 * n_features], height and width 0), host memory, which is copied. `training` turns dropout, batch
 * statistics and random positions on; all randomness is a function of `key`.
 */
gboolean cow_network_forward (CowNetwork *self, const float *pixels, int batch, int height,
                              int width, gboolean training, guint64 key, GError **error);
/*
 * Enqueues the loss of the last forward (cross entropy with label smoothing; class_weights NULL or
 * [n_classes], host memory, as the labels) and, with `backward`, the gradients of loss * factor,
 * which are added to those of the step's passes before.
 */
gboolean cow_network_loss (CowNetwork *self, const gint32 *labels, const float *class_weights,
                           float smoothing, gboolean backward, float factor, GError **error);
/*
 * The same for pictures with any number of labels: binary cross entropy (torch's
 * BCEWithLogitsLoss). targets [batch, n_classes], 0 to 1; positive_weights (pos_weight) NULL or
 * [n_classes]; host memory.
 */
gboolean cow_network_loss_multiple (CowNetwork *self, const float *targets,
                                    const float *positive_weights, gboolean backward, float factor,
                                    GError **error);
/*
 * The same for a network that looks for boxes: the mean of detection-loss.h over the pictures,
 * frames [batch]; with classes, COW_REGIONS_WEIGHT times the mean over the pictures of the mean
 * cross entropy of the boxes whose label is known on top (label smoothing; in training these boxes
 * are a little off); with identities COW_IDENTITIES_WEIGHT times the same of these. Much of it is
 * computed on the host, so that forward passes wait.
 */
gboolean cow_network_loss_boxes (CowNetwork *self, const CowFrameBoxes *frames, float smoothing,
                                 gboolean backward, float factor, GError **error);
/* What it finds in picture i of the last forward, into `detections` of CowDetection; the arguments
 * are those of cow_cells_read (). */
void cow_network_find_boxes (const CowNetwork *self, int i, float least, double overlap, guint most,
                             GArray *detections);
/* Logits [n, n_classes] of what is in these boxes of picture i of the last forward, for a network
 * with classes: host memory of its own until the next call; NULL on error. Waits. */
const float *cow_network_tell_boxes (CowNetwork *self, int i, const CowBounds *boxes, guint n,
                                     GError **error);
/* Enqueues an optimiser step on the gradients summed so far, which begin anew after it. */
gboolean cow_network_step (CowNetwork *self, const CowAdamW *settings, double max_norm,
                           GError **error);
/*
 * Waits for all that was enqueued, and gives the *n passes since the last call. Where a step was
 * among it, *norm is that of its gradient before clipping, else 0; `norm` may be NULL. A norm that
 * is no finite number is COW_ERROR_DEVICE: that step has changed nothing. NULL on error.
 */
const CowPass *cow_network_read (CowNetwork *self, guint *n, double *norm, GError **error);
/* Puts the mean of the parameters, where it is kept, into the place of their values after n steps,
 * for passes and cow_network_save (), and takes it back (cow_parameters_show_mean ()). */
gboolean cow_network_show_mean (CowNetwork *self, gint64 n, GError **error);
gboolean cow_network_show_values (CowNetwork *self, GError **error);
/* After parameters and buffers were set from outside (a checkpoint). */
gboolean cow_network_refresh (CowNetwork *self, GError **error);

/* Writes the trained tensors to a folder: classifier.safetensors; adapter_config.json and
 * adapter_model.safetensors, or model.safetensors and config.json from scratch. The card is the
 * caller's. */
gboolean cow_network_save (CowNetwork *self, const char *folder, GError **error);
/*
 * Describes the backbone of a kind that trains from scratch: that of options->config where the kind
 * is named, else its own, for pictures of image_size.
 */
void cow_network_backbone_config (CowNetworkKind kind, const CowVitConfig *named, int image_size,
                                  CowBackboneConfig *config);
/* Whether a network of this kind can compute layers twice to save memory. */
gboolean cow_network_checkpoints (CowNetworkKind kind, const CowBackboneConfig *config);
/*
 * Bytes of activations and their gradients that a training pass of this batch needs; for estimates.
 * 0 for cached kinds. Of the options the kind and, of an adapted one, what describes its adapter
 * count; whoever estimates for a device that keeps nothing of dropout (CkDevice) says that there
 * is none. The bytes that kernels need on top for the time of a call, and the head's few rows, are
 * not included.
 */
gsize cow_network_activation_bytes (const CowNetworkOptions *options,
                                    const CowBackboneConfig *config, int batch, int height,
                                    int width, gboolean checkpointing);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowNetwork, cow_network_free)

G_END_DECLS

#endif
