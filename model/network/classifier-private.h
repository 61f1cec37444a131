/* SPDX-License-Identifier: MIT */
/* A classifier as its parts see it: what loads it (classifier.c), what runs batches through it
 * (classifier-run.c), and what finds cows in frames (classifier-find.c). */
#ifndef COW_CLASSIFIER_PRIVATE_H
#define COW_CLASSIFIER_PRIVATE_H

#include "model/network/backbone.h"
#include "model/network/buffer.h"
#include "model/network/classifier.h"
#include "model/network/detector-file.h"
#include "model/network/head.h"

G_BEGIN_DECLS

/* Of an adapter that finds cows. */
typedef struct {
  CowDetectorFile *file;                     /* NULL: it classifies */
  CowBuffer weights[COW_DETECTOR_TENSORS];   /* device, as the file's tensors */
  CowBuffer levels[COW_DETECTOR_MAX_LEVELS]; /* device: [n_tokens, n_features] of a frame */
  CowDetectorPass pass;
  float *cells; /* host: of the last frame */
  gsize n_cells;
  /* Where it tells what cows do, and how they look */
  CowHead *head;      /* NULL: it does not tell the first */
  CowHead *identity;  /* NULL: nor the second */
  float *map;         /* host: of the last frame, [rows, columns, width] */
  gsize n_map;        /* floats that there is room for */
  float *pooled;      /* host: [n_rooms, n_pooled] */
  CowBuffer features; /* device: likewise */
  guint n_rooms;      /* detections that there is room for */
  const float *told;  /* the head's: of the last frame; NULL where no cow was there */
  const float *looks; /* the identity's, likewise */
} CowFinder;

struct _CowClassifier {
  char *model_path, *adapter_path;
  char *device_text;
  char *warning, *note;
  CowPrecision precision; /* resolved */
  char **raised;          /* as in the options, or NULL */
  char *precision_text;
  char *memory_text; /* or NULL */
  char *device_name; /* as it was opened, and with how many threads */
  int threads;
  int batch; /* that memory was planned for */
  CkDevice *device;
  CkStream *stream;
  CowCheckpoint *checkpoint; /* open as long as the backbone computes from what was read of it */
  CowCard *card;
  gboolean card_found; /* it is the adapter's own */
  CowBackboneConfig config;
  CowBackbone *backbone;
  CowHead *head; /* NULL without one, and while the device is opened anew */
  gboolean has_head;
  CowFinder finder;

  /* Of the last run, with room for the largest */
  CowBuffer pixels;      /* device: [batch, 3, height, width] */
  const float *features; /* device, the backbone's: [batch, n_features] */
  CowBuffer tokens;      /* device: [batch, n_tokens, n_features] */
  /* Host, and for how many floats there is room */
  float *last_hidden_state, *pooler_output;
  gsize last_hidden_state_room, pooler_output_room;
};

/* Loads the head of an adapter that finds cows (classifier-find.c), and frees it. */
gboolean cow_classifier_open_finder (CowClassifier *self, GError **error);
void cow_classifier_close_finder (CowClassifier *self);
/* COW_ERROR_FORMAT where one of n values is not finite: it would otherwise become a label or a box
 * without a word. `name` says what they are, `what` of which picture. */
gboolean cow_classifier_check_finite (const CowClassifier *self, const char *what, const char *name,
                                      const float *values, gsize n, GError **error);
/* Frees what runs have reserved. */
void cow_classifier_clear_buffers (CowClassifier *self);

G_END_DECLS

#endif
