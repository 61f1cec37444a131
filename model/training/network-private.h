/* SPDX-License-Identifier: MIT */
/* Shared by network.c (passes and steps) and network-new.c (loading and first values). */
#ifndef COW_NETWORK_PRIVATE_H
#define COW_NETWORK_PRIVATE_H

#include "model/training/head-train.h"
#include "model/training/network.h"
#include "model/training/resnet-train.h"
#include "model/training/vit-train.h"

G_BEGIN_DECLS

struct _CowNetwork {
  CkBackend *backend;
  CowNetworkKind kind;
  guint n_classes;
  gint64 features; /* width of what the head reads */
  CowParameters *parameters;
  CowCheckpoint *checkpoint; /* the base, open as long as weights are computed from it */
  CowVitConfig config;       /* of the backbone, where it is a vision transformer */
  CowAdapter *adapter;       /* ranks and names of what trains; its values are written on save */
  CowVitTrain *vit;          /* this or resnet, or neither (frozen) */
  CowResnetTrain *resnet;
  CowHeadTrain *head;

  /* The last pass */
  int batch;
  float *input; /* device */
  gsize input_bytes;
  const float *logits; /* device, the head's */
  float *dlogits;      /* device [batch, n_classes] */
  float *host_logits;  /* [batch, n_classes] */
};

/* Whether activations of this network without checkpointing fit the limit. */
gboolean cow_network_wants_checkpointing (const CowNetworkOptions *options,
                                          const CowVitConfig *config);

G_END_DECLS

#endif
