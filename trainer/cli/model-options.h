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

/* The entries of a GOptionEntry array that fill `options`. */
#define MODEL_OPTIONS_ENTRIES(options)                                                                \
  { "model",                                                                                          \
    'm',                                                                                              \
    0,                                                                                                \
    G_OPTION_ARG_FILENAME,                                                                            \
    &(options)->model,                                                                                \
    "Model: a folder, .safetensors or .pth",                                                          \
    "MODEL" },                                                                                        \
      { "adapter", 'a', 0, G_OPTION_ARG_FILENAME, &(options)->adapter, "Adapter folder", "ADAPTER" }, \
      { "device", 0, 0, G_OPTION_ARG_STRING, &(options)->device, "auto or cpu (auto)", "DEVICE" },    \
      { "precision",           0,          0, G_OPTION_ARG_STRING, &(options)->precision,             \
        "auto or fp32 (auto)", "PRECISION" },                                                         \
  {                                                                                                   \
    "batch", 'b', 0, G_OPTION_ARG_INT, &(options)->batch, "Pictures at a time (8)", "N"               \
  }

#define MODEL_OPTIONS_DEFAULT                                                                      \
  {                                                                                                \
    .batch = 8                                                                                     \
  }

/* Loads what the options name; without any, the demonstration's, and says so. */
CowClassifier *model_options_open (const ModelOptions *self, GError **error);
void model_options_clear (ModelOptions *self);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (ModelOptions, model_options_clear)

#endif
