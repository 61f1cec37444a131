/* SPDX-License-Identifier: MIT */
/* The options that say which network runs, the same for every verb that runs one. */
#ifndef COW_TRAINER_MODEL_OPTIONS_H
#define COW_TRAINER_MODEL_OPTIONS_H

#include "model/network/classifier.h"

#define MODEL_OPTIONS_MOST_BATCH 1024

typedef struct {
  char *model, *adapter, *device, *precision;
  int batch; /* pictures a forward pass */
} ModelOptions;

#define MODEL_OPTIONS_DEFAULT                                                                      \
  {                                                                                                \
    .batch = 8                                                                                     \
  }

/* Adds entries that fill the options to an array of GOptionEntry. */
void model_options_add (ModelOptions *self, GArray *entries);
/* Loads what the options name; without any, the demonstration's, and says so. */
CowClassifier *model_options_open (const ModelOptions *self, GError **error);
void model_options_clear (ModelOptions *self);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (ModelOptions, model_options_clear)

#endif
