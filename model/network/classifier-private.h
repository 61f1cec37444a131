/* SPDX-License-Identifier: MIT */
/* Shared by classifier-load.c (what it is made of) and classifier.c (what it computes). */
#ifndef COW_CLASSIFIER_PRIVATE_H
#define COW_CLASSIFIER_PRIVATE_H

#include "model/files/checkpoint.h"
#include "model/network/classifier.h"
#include "model/network/head.h"
#include "model/network/resnet.h"
#include "model/network/vit.h"

G_BEGIN_DECLS

struct _CowClassifier {
  char *model_path, *adapter_path;
  char *device_text;
  CowPrecision precision; /* resolved */
  CkBackend *backend;
  CowCheckpoint *checkpoint; /* open as long as vit computes from it */
  CowCard *card;
  gboolean is_resnet;
  CowResnet *resnet;   /* this, or */
  CowVitConfig config; /* this */
  CowVit *vit;

  CowHead *head;          /* NULL without one */
  CkWeight **head_weight; /* [head->n_layers] */
  float **head_bias;      /* [head->n_layers], device memory */
  CowResult results[2];   /* of the head: logits, probabilities */
  float *head_norm[2];    /* weight and bias of the head's layer norm, device memory, or NULL */

  /* What the last run gave, and the device memory that it needed; grown as batches come. */
  int batch;
  gint64 n_tokens;
  float *pixels; /* device: [batch, 3, height, width] */
  gsize pixel_bytes;
  float *features;  /* device: [batch, hidden], class tokens gathered */
  float *hidden[2]; /* device: [batch, widest head layer], in turn */
  float *last_hidden_state, *pooler_output, *logits, *probabilities; /* host */
};

/* Opens the backend and loads what the options name. */
gboolean cow_classifier_load (CowClassifier *self, const CowClassifierOptions *options,
                              GError **error);

G_END_DECLS

#endif
