/* SPDX-License-Identifier: MIT */
#include "trainer/cli/model-options.h"

#include "model/adapter/fingerprint.h"
#include "model/files/locate.h"
#include "model/network/precision-resolve.h"
#include "trainer/train/adapter-run.h"
#include "trainer/cli/verb.h"

void
model_options_add_names (ModelOptions *self, GArray *entries)
{
  const GOptionEntry own[] = {
    { "model", 'm', 0, G_OPTION_ARG_FILENAME, &self->model, "Model: a folder, .safetensors or .pth",
      "MODEL" },
    { "adapter", 'a', 0, G_OPTION_ARG_FILENAME, &self->adapter, "Adapter folder", "ADAPTER" },
    { "device", 0, 0, G_OPTION_ARG_STRING, &self->device, "auto, cpu, cuda or cuda:N (auto)",
      "DEVICE" },
  };

  g_array_append_vals (entries, own, G_N_ELEMENTS (own));
}

void
model_options_add_precision (ModelOptions *self, GArray *entries)
{
  const GOptionEntry own[] = {
    { "precision", 0, 0, G_OPTION_ARG_STRING, &self->precision,
      self->precision ? "auto, fp32, int16, fp16, bf16 or int8 (fp32)"
                      : "auto, fp32, int16, fp16, bf16 or int8 (auto)",
      "PRECISION" },
  };

  model_options_add_names (self, entries);
  g_array_append_vals (entries, own, G_N_ELEMENTS (own));
}

void
model_options_add (ModelOptions *self, GArray *entries)
{
  const GOptionEntry own[] = {
    { "batch", 'b', 0, G_OPTION_ARG_INT, &self->batch, "Pictures at a time (8)", "N" },
  };

  model_options_add_precision (self, entries);
  g_array_append_vals (entries, own, G_N_ELEMENTS (own));
}

/* Without --model, the one that the adapter belongs to; NULL where it needs none. */
static gboolean
find_model (const char *adapter, char **model, GError **error)
{
  g_autofree char *path = cow_locate (adapter, error);
  return path && adapter_run_model (path, model, error);
}

gboolean
model_options_find (ModelOptions *self, GError **error)
{
  if (!self->model && self->adapter)
    return find_model (self->adapter, &self->model, error);
  if (!self->model) {
    g_printerr ("cow-trainer: %s\n", COW_DEMONSTRATION_WARNING);
    self->model = g_strdup (COW_DEMONSTRATION_MODEL);
    self->adapter = g_strdup (COW_DEMONSTRATION_ADAPTER);
  }
  return TRUE;
}

gboolean
model_options_precision (const char *name, CowPrecision *precision, GError **error)
{
  g_autoptr (GError) local = NULL;

  return cow_precision_parse (name, precision, &local) ||
         verb_usage (error, "--%s", local->message);
}

void
model_options_choose (const ModelOptions *self, CowPrecision wanted, CowPrecisionChoice *choice)
{
  CowClassifierOptions options = { .model = self->model,
                                   .adapter = self->adapter,
                                   .device = self->device,
                                   .precision = wanted,
                                   .threads = self->threads };

  cow_precision_resolve (&options, choice);
  if (choice->warning)
    g_printerr ("cow-trainer: warning: %s\n", choice->warning);
}

/* What auto was found to be, or why it was not; how to measure only for those who look closer, as
 * `bench` does. */
static void
say (const CowPrecisionChoice *choice)
{
  g_autofree char *text = cow_precision_choice_text (choice);

  if (choice->measured || choice->tried_now)
    g_printerr ("Computed in %s: %s\n", text, choice->why);
  else if (choice->why)
    g_info ("computed in %s: %s", text, choice->why);
}

/* What is to be known of a network's files: another base, what was taken. */
static void
say_files (const CowClassifier *classifier)
{
  if (cow_classifier_warning (classifier))
    g_printerr ("cow-trainer: warning: %s\n", cow_classifier_warning (classifier));
  if (cow_classifier_note (classifier))
    g_printerr ("cow-trainer: %s\n", cow_classifier_note (classifier));
  if (cow_classifier_memory_text (classifier))
    g_printerr ("cow-trainer: %s\n", cow_classifier_memory_text (classifier));
}

gboolean
model_options_detects (const ModelOptions *self)
{
  return cow_classifier_adapter_detects (self->adapter);
}

CowClassifier *
model_options_open (const ModelOptions *self, GError **error)
{
  g_auto (ModelOptions) found = { .model = g_strdup (self->model),
                                  .adapter = g_strdup (self->adapter),
                                  .device = g_strdup (self->device) };
  CowClassifierOptions options = { .device = self->device, .threads = self->threads };
  g_auto (CowPrecisionChoice) own = { 0 };
  const CowPrecisionChoice *choice = self->choice ? self->choice : &own;
  CowClassifier *classifier;

  if (!model_options_precision (self->precision, &options.precision, error))
    return NULL;
  if (self->batch < 1 || self->batch > MODEL_OPTIONS_MOST_BATCH) {
    verb_usage (error, "--batch %d: 1 to %d is expected", self->batch, MODEL_OPTIONS_MOST_BATCH);
    return NULL;
  }
  if (!model_options_find (&found, error))
    return NULL;
  if (!self->choice) {
    model_options_choose (&found, options.precision, &own);
    say (&own);
  }
  options.precision = choice->precision;
  options.raised = (const char *const *)choice->raised;
  options.model = found.model;
  options.adapter = found.adapter;
  options.batch = self->batch;
  options.like = self->like;
  options.detects = self->detects;
  classifier = cow_classifier_new (&options, error);
  if (classifier)
    say_files (classifier);
  return classifier;
}

char *
model_options_fingerprint (const ModelOptions *self, GError **error)
{
  const char *name = self->model ? self->model : self->adapter;
  g_autofree char *model = cow_locate (name, error),
                  *adapter = model && self->adapter ? cow_locate (self->adapter, error) : NULL;
  g_autoptr (CowCheckpoint) checkpoint = NULL;
  g_autoptr (CowCard) card = NULL;

  if (!model || (self->adapter && !adapter) ||
      (adapter && !(card = cow_card_read (adapter, NULL, error))) ||
      !(checkpoint = cow_checkpoint_open (model, error)))
    return NULL;
  return cow_fingerprint (checkpoint, adapter, card, error);
}

void
model_options_clear (ModelOptions *self)
{
  g_free (self->model);
  g_free (self->adapter);
  g_free (self->device);
  g_free (self->precision);
}
