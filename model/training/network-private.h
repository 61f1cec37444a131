/* SPDX-License-Identifier: MIT */
/* A network in training as its parts see it: what all of them do (network.c), and what those do
 * that look for boxes (network-boxes.c). */
#ifndef COW_NETWORK_PRIVATE_H
#define COW_NETWORK_PRIVATE_H

#include "model/network/buffer.h"
#include "model/training/detector-train.h"
#include "model/training/head-train.h"
#include "model/training/network.h"
#include "model/training/region-train.h"

G_BEGIN_DECLS

/* What a pass leaves to be read. */
typedef struct {
  int batch, room;
  gboolean has_loss;
  float *logits; /* device [room, n_classes] */
  double *loss;  /* device [1] */
  float *host_logits;
  double host_loss; /* of boxes, whose loss the host computes */
} CowKeptPass;

/* Of networks that look for boxes. */
typedef struct {
  CowDetectorConfig config;
  CowDetectorTrain *head;                    /* NULL: the network is a classifier */
  CowRegionTrain *regions;                   /* NULL: it has no classes of what is in a box */
  CowRegionTrain *identities;                /* NULL: nor of who is in it */
  CowHeadWeights *like;                      /* that the regions' head starts from, or NULL */
  CowBackbone *base;                         /* where the head alone trains, else NULL */
  CowBuffer tokens[COW_DETECTOR_MAX_LEVELS], /* [batch, n_tokens, n_features] each */
      dtokens[COW_DETECTOR_MAX_LEVELS];      /* likewise; where a backbone trains */
  int batch, height, width;                  /* of the last pass */
  gboolean training;                         /* it was of */
  guint64 key;                               /* that it had */
  const float *cells, *map;                  /* of it; the head's. map NULL: not asked for yet */
  float *dcells, *dmap;                      /* host */
  gsize n_dcells, n_dmap;
  GArray *labelled; /* of CowRegionLabel: those of the last loss */
} CowNetworkBoxes;

struct _CowNetwork {
  CkStream *stream;
  const CowKind *kind;
  guint n_classes;
  gint64 features; /* width of what the head reads */
  CowParameters *parameters;
  CowCheckpoint *checkpoint;    /* the base, open as long as weights are computed from it */
  CowAdapter *adapter;          /* the one that trains, or NULL */
  CowTrainedBackbone *backbone; /* NULL where only the head does */
  CowHeadTrain *head;           /* of a classifier */
  CowNetworkBoxes boxes;

  /* The last pass, device memory */
  int batch;
  float *input;
  gsize input_bytes;
  const float *logits;  /* the head's */
  float *dlogits;       /* [batch, n_classes] */
  gint32 *labels;       /* [batch] */
  float *targets;       /* [batch, n_classes] */
  float *class_weights; /* [n_classes] */

  /* The passes since the last cow_network_read () */
  GArray *kept;   /* of CowKeptPass */
  guint n_kept;   /* of which so many are used */
  GArray *passes; /* of CowPass */
  gboolean stepped;
  CowAdamW settings; /* of the last step */
};

/* ---- network-boxes.c ------------------------------------------------------------------------- */

/* Registers the head's tensors; `config` describes the backbone. COW_ERROR_UNSUPPORTED where it has
 * no tokens. */
gboolean cow_network_boxes_new (CowNetwork *self, const CowNetworkOptions *options,
                                const CowBackboneConfig *config, GError **error);
/* Registers the head of what is in a box, where there are classes. */
gboolean cow_network_boxes_regions (CowNetwork *self, const CowNetworkOptions *options,
                                    GError **error);
/* After the parameters are allocated. */
gboolean cow_network_boxes_start (CowNetwork *self, const CowNetworkOptions *options,
                                  GError **error);
void cow_network_boxes_clear (CowNetwork *self);
/* Writes the heads' files. */
gboolean cow_network_boxes_save (const CowNetwork *self, const char *folder, GError **error);
/* Of the pictures in self->input. Waits: the loss of boxes is computed on the host. */
gboolean cow_network_boxes_forward (CowNetwork *self, int batch, int height, int width,
                                    gboolean training, guint64 key, GError **error);

G_END_DECLS

#endif
