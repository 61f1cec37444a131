/* SPDX-License-Identifier: MIT */
/* The options that say which network runs, the same for every verb that runs one. */
#ifndef COW_TRAINER_MODEL_OPTIONS_H
#define COW_TRAINER_MODEL_OPTIONS_H

#include "model/network/classifier.h"
#include "model/network/precision-choice.h"

#define MODEL_OPTIONS_MOST_BATCH 1024

typedef struct {
  char *model, *adapter, *device, *precision;
  int batch;                        /* pictures a forward pass */
  int threads;                      /* of an operation; 0: one a processor */
  const CowPrecisionChoice *choice; /* what `precision` stands for, where that is known; borrowed */
  const CowClassifier *like;        /* as in CowClassifierOptions, and so is */
  gboolean detects;
} ModelOptions;

#define MODEL_OPTIONS_DEFAULT                                                                      \
  {                                                                                                \
    .batch = 8                                                                                     \
  }

/* Adds entries that fill the options, but threads, to an array of GOptionEntry. A precision that is
 * there already is fp32, and the default. */
void model_options_add (ModelOptions *self, GArray *entries);
/* The same without the batch, for whoever leaves that to the element. */
void model_options_add_precision (ModelOptions *self, GArray *entries);
/* Adds those alone that say which network: model, adapter and device. */
void model_options_add_names (ModelOptions *self, GArray *entries);
/* Puts the model in its place that the adapter belongs to, where none is named; and without either,
 * the demonstration's, and says so. */
gboolean model_options_find (ModelOptions *self, GError **error);
/* Parses the value of --precision (NULL: auto). */
gboolean model_options_precision (const char *name, CowPrecision *precision, GError **error);
/* What a precision stands for with the model and adapter of model_options_find (), measured now by
 * the adapter's own pictures where nobody has (precision-resolve.h); clear *choice. Warns on
 * standard error of a file that is not believed, and of what cannot be kept. */
void model_options_choose (const ModelOptions *self, CowPrecision wanted,
                           CowPrecisionChoice *choice);
/* Whether the adapter that the options name, or model_options_find () finds, finds cows in whole
 * frames. FALSE too where its card cannot be read, which whoever opens it tells. */
gboolean model_options_detects (const ModelOptions *self);
/* Loads what the options name, and finds what they do not as model_options_find () does. Says on
 * standard error what auto stands for where that was measured, and what is to be known of the
 * files: another base, what was taken. */
CowClassifier *model_options_open (const ModelOptions *self, GError **error);
/* The fingerprint (model/adapter/fingerprint.h) of what model_options_find () found; g_free. */
char *model_options_fingerprint (const ModelOptions *self, GError **error);
void model_options_clear (ModelOptions *self);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (ModelOptions, model_options_clear)

#endif
