/* SPDX-License-Identifier: MIT */
/*
 * A head turns the features of a backbone into named results: a class that head-classifier.h
 * implements. Features stay on the device, results are the host's. Used by one thread at a time.
 */
#ifndef COW_HEAD_H
#define COW_HEAD_H

#include "model/adapter/card.h"
#include "model/files/error.h"

G_BEGIN_DECLS

/* A named result of a pass: n numbers for each picture. */
typedef struct {
  const char *name; /* static: COW_RESULT_PROBABILITIES, ... */
  gsize n;
  const float *data; /* [batch, n], host memory; NULL before the first pass */
} CowResult;

#define COW_RESULT_FEATURES      "features"
#define COW_RESULT_LOGITS        "logits"
#define COW_RESULT_PROBABILITIES "probabilities"
#define COW_MAX_RESULTS          4 /* of one head */

typedef struct _CowHead CowHead;

typedef struct {
  /*
   * Loads the head of an adapter folder, made for n_features, with what the card says it tells
   * (cow_card_told (), not NULL), onto a device. COW_ERROR_NOT_FOUND where the folder has none.
   */
  CowHead *(*open) (CkStream *stream, const char *folder, gint64 n_features, const CowCard *card,
                    GError **error);
  /* features [batch, n_features], device memory -> self->results, whose data hold until the next
   * call. */
  gboolean (*run) (CowHead *self, const float *features, int batch, GError **error);
  void (*free) (CowHead *self);
} CowHeadClass;

/* What every head begins with. */
struct _CowHead {
  const CowHeadClass *klass;
  CkStream *stream; /* borrowed */
  guint n_results;
  CowResult results[COW_MAX_RESULTS];
};

G_END_DECLS

#endif
