/* SPDX-License-Identifier: MIT */
#include "trainer/cli/model-options.h"

#include "model/files/locate.h"
#include "trainer/train/adapter-run.h"
#include "trainer/cli/verb.h"

void
model_options_add (ModelOptions *self, GArray *entries)
{
  const GOptionEntry own[] = {
    { "model", 'm', 0, G_OPTION_ARG_FILENAME, &self->model, "Model: a folder, .safetensors or .pth",
      "MODEL" },
    { "adapter", 'a', 0, G_OPTION_ARG_FILENAME, &self->adapter, "Adapter folder", "ADAPTER" },
    { "device", 0, 0, G_OPTION_ARG_STRING, &self->device, "auto or cpu (auto)", "DEVICE" },
    { "precision", 0, 0, G_OPTION_ARG_STRING, &self->precision, "auto, fp32, int16 or int8 (auto)",
      "PRECISION" },
    { "batch", 'b', 0, G_OPTION_ARG_INT, &self->batch, "Pictures at a time (8)", "N" },
  };

  g_array_append_vals (entries, own, G_N_ELEMENTS (own));
}

/* Without --model, the one that the adapter belongs to; NULL where it needs none. */
static gboolean
find_model (const char *adapter, char **model, GError **error)
{
  g_autofree char *path = cow_locate (adapter, error);
  return path && adapter_run_model (path, model, error);
}

CowClassifier *
model_options_open (const ModelOptions *self, GError **error)
{
  CowClassifierOptions options = { .model = self->model,
                                   .adapter = self->adapter,
                                   .device = self->device };
  g_autofree char *found = NULL;
  g_autoptr (GError) local = NULL;

  if (!cow_precision_parse (self->precision, &options.precision, &local)) {
    verb_usage (error, "--%s", local->message);
    return NULL;
  }
  if (self->batch < 1 || self->batch > MODEL_OPTIONS_MOST_BATCH) {
    verb_usage (error, "--batch %d: 1 to %d is expected", self->batch, MODEL_OPTIONS_MOST_BATCH);
    return NULL;
  }
  if (!self->model && self->adapter) {
    if (!find_model (self->adapter, &found, error))
      return NULL;
    options.model = found;
  }
  if (!self->model && !self->adapter) {
    g_printerr ("cow-trainer: %s\n", COW_DEMONSTRATION_WARNING);
    options.model = COW_DEMONSTRATION_MODEL;
    options.adapter = COW_DEMONSTRATION_ADAPTER;
  }
  return cow_classifier_new (&options, error);
}

void
model_options_clear (ModelOptions *self)
{
  g_free (self->model);
  g_free (self->adapter);
  g_free (self->device);
  g_free (self->precision);
}
