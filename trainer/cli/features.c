/* SPDX-License-Identifier: MIT */
/*
 * `cow-trainer features`: the network's outputs for pictures, or for pixels that somebody else
 * prepared, in a safetensors file.
 *
 * The file is written in the order of its tensors, so the large one (last_hidden_state) goes out
 * batch by batch while the small ones stay in memory, and pixels are prepared a second time when
 * they are wanted: memory does not grow with the number of pictures times tokens.
 */
#include <json-glib/json-glib.h>
#include <stdio.h>
#include <string.h>

#include "model/adapter/preprocess-source.h"
#include "model/network/classifier.h"
#include "model/files/json.h"
#include "trainer/cli/input.h"
#include "trainer/cli/model-options.h"
#include "trainer/host/progress.h"
#include "trainer/cli/verb.h"

static const VerbHelp help = {
  "PICTURE|FOLDER...|FILE.safetensors:NAME",
  "Writes what the network computes of pictures to a safetensors file.",
  "Example:\n"
  "  cow-trainer features barn/ --model dinov3-vits16 --out barn.safetensors\n"
  "\n"
  "FILE.safetensors:NAME is a tensor [N, 3, height, width] of pixels that are fed as they are.\n"
  "\n"
  "The file holds last_hidden_state [N, tokens, hidden] (class token, registers, patches, after\n"
  "the last norm; not of a ResNet), pooler_output [N, hidden] (the class token), logits [N,\n"
  "classes] when the adapter has a head, and with --pixels also pixel_values [N, 3, height,\n"
  "width]. Its metadata name the pictures, in order, as a JSON list. Without options, pictures\n"
  "are prepared as the adapter's cowbehavior.json says, without an adapter as the model's card or\n"
  "preprocessor_config.json does, or resized to 224x224, bilinear, unit.",
};

typedef struct {
  ModelOptions model;
  char *out, *size, *interpolation, *normalisation;
  gboolean pixels;
  char **arguments;
} Options;

typedef struct {
  const Options *options;
  Input input;
  CowClassifier *classifier;
  CowPreparer *preparer;
  gint64 n_tokens, hidden, n_classes; /* n_classes 0: no head; n_tokens 0: the network has none */
  float *pixels;                      /* [batch, 3, height, width] */
  float *pooler_output, *logits;      /* [n, hidden], [n, n_classes] */
  CowSafetensorsWriter *writer;
} Job;

/* ---- command line ---------------------------------------------------------------------------- */

static gboolean
parse_size (const char *text, CowPreprocess *preprocess, GError **error)
{
  int width = 0, height = 0;
  char rest;

  if (sscanf (text, "%5dx%5d%c", &width, &height, &rest) != 2 || width < 1 || height < 1 ||
      width > 32768 || height > 32768)
    return verb_usage (error, "--size %s: WIDTHxHEIGHT in pixels is expected, such as 224x224",
                       text);
  preprocess->width = width;
  preprocess->height = height;
  return TRUE;
}

static gboolean
parse_preprocess (const Options *options, CowPreprocess *preprocess, GError **error)
{
  if (options->size && !parse_size (options->size, preprocess, error))
    return FALSE;
  if (options->interpolation &&
      !cow_interpolation_parse (options->interpolation, &preprocess->interpolation))
    return verb_usage (error, "--interpolation %s: bilinear or bilinear-antialiased is expected",
                       options->interpolation);
  if (options->normalisation &&
      !cow_normalisation_parse (options->normalisation, &preprocess->normalisation))
    return verb_usage (error, "--normalisation %s: unit, imagenet or satellite is expected",
                       options->normalisation);
  return TRUE;
}

/* Checks the command line before anything is loaded. */
static gboolean
check_options (const Options *options, GError **error)
{
  CowPreprocess ignored;

  if (!options->arguments)
    return verb_usage (error, "no pictures given");
  if (!options->out)
    return verb_usage (error, "--out is missing");
  if (input_is_tensor (options->arguments[0]) &&
      (options->size || options->interpolation || options->normalisation))
    return verb_usage (
        error, "%s is fed as it is: --size, --interpolation and --normalisation are for pictures",
        options->arguments[0]);
  return parse_preprocess (options, &ignored, error);
}

static void
options_clear (Options *self)
{
  model_options_clear (&self->model);
  g_free (self->out);
  g_free (self->size);
  g_free (self->interpolation);
  g_free (self->normalisation);
  g_strfreev (self->arguments);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Options, options_clear)

/* ---- work ------------------------------------------------------------------------------------ */

/* Memory for a shape of floats, or COW_ERROR_MEMORY that says what for. */
static float *
new_floats (const char *name, gint64 a, gint64 b, GError **error)
{
  const gint64 dims[] = { a, b };
  gsize count, bytes;
  float *memory = cow_shape_count (dims, 2, COW_F32, &count, &bytes) ? g_try_malloc (bytes) : NULL;
  if (!memory)
    cow_check (CK_NO_MEMORY, error, "%s of %" G_GINT64_FORMAT " x %" G_GINT64_FORMAT " values",
               name, a, b);
  return memory;
}

/* Says what the model asks for where no adapter goes before it. */
static gboolean
say_preprocess (const CowClassifier *classifier, GError **error)
{
  g_auto (CowPreprocessSource) source = { 0 };
  const CowPreprocess *p = &source.preprocess;

  if (cow_classifier_adapter_path (classifier))
    return TRUE;
  if (!cow_preprocess_source_read_model (&source, cow_classifier_model_path (classifier), error))
    return FALSE;
  g_autofree char *text = cow_preprocess_text (p);
  if (source.path)
    g_printerr ("cow-trainer: preprocessing: %s, from %s\n", text, source.path);
  for (guint i = 0; source.notes && i < source.notes->len; i++)
    g_printerr ("cow-trainer: warning: %s\n", (const char *)source.notes->pdata[i]);
  return TRUE;
}

static gboolean
job_open (Job *self, GError **error)
{
  const Options *options = self->options;

  if (!input_open (&self->input, options->arguments, error))
    return FALSE;
  self->classifier = model_options_open (&options->model, error);
  if (!self->classifier)
    return FALSE;
  CowPreprocess *preprocess = &self->input.preprocess;
  if (self->input.pictures && !say_preprocess (self->classifier, error))
    return FALSE;
  if (self->input.pictures)
    *preprocess = *cow_classifier_preprocess (self->classifier);
  self->preparer = cow_preparer_new (cow_classifier_device (self->classifier), error);
  if (!self->preparer || !parse_preprocess (options, preprocess, error) ||
      !input_check_size (&self->input, self->classifier, error))
    return FALSE;

  self->hidden = cow_classifier_n_features (self->classifier);
  self->n_classes = cow_classifier_n_classes (self->classifier);
  self->n_tokens =
      cow_classifier_n_tokens (self->classifier, preprocess->height, preprocess->width);
  self->pixels =
      new_floats ("pixels", options->model.batch, (gint64)cow_preprocess_size (preprocess), error);
  if (self->pixels)
    self->pooler_output = new_floats ("pooler_output", self->input.n, self->hidden, error);
  if (self->pooler_output && self->n_classes > 0)
    self->logits = new_floats ("logits", self->input.n, self->n_classes, error);
  return self->pooler_output && (self->logits || self->n_classes == 0);
}

static void
describe_pictures (Job *self)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  json_builder_begin_array (builder);
  for (guint i = 0; i < self->input.pictures->len; i++) {
    g_autofree char *name = g_filename_display_name (self->input.pictures->pdata[i]);
    json_builder_add_string_value (builder, name);
  }
  json_builder_end_array (builder);
  g_autoptr (JsonNode) root = json_builder_get_root (builder);
  g_autofree char *text = cow_json_text (root, FALSE);
  cow_safetensors_writer_metadata (self->writer, "pictures", text);
}

static void
declare (Job *self)
{
  const CowPreprocess *preprocess = &self->input.preprocess;
  const gint64 n = self->input.n, states[] = { n, self->n_tokens, self->hidden },
               features[] = { n, self->hidden }, logits[] = { n, self->n_classes },
               pixels[] = { n, 3, preprocess->height, preprocess->width };

  self->writer = cow_safetensors_writer_new (self->options->out);
  cow_safetensors_writer_metadata (self->writer, "format", "pt");
  if (self->input.pictures)
    describe_pictures (self);
  if (self->n_tokens > 0)
    cow_safetensors_writer_declare (self->writer, "last_hidden_state", COW_F32, states, 3);
  cow_safetensors_writer_declare (self->writer, "pooler_output", COW_F32, features, 2);
  if (self->n_classes > 0)
    cow_safetensors_writer_declare (self->writer, "logits", COW_F32, logits, 2);
  if (self->options->pixels)
    cow_safetensors_writer_declare (self->writer, "pixel_values", COW_F32, pixels, 4);
}

/* Pictures [first, first + n) through the network. */
static gboolean
run_batch (Job *self, gint64 first, int n, GError **error)
{
  const CowPreprocess *preprocess = &self->input.preprocess;
  CowOutput output;

  if (!input_read (&self->input, self->preparer, first, n, self->pixels, error) ||
      !cow_classifier_run_tokens (self->classifier, self->pixels, n, preprocess->height,
                                  preprocess->width, &output, error))
    return FALSE;
  for (int i = 0; i < n; i++) {
    g_autofree char *row = g_strdup_printf ("input %" G_GINT64_FORMAT, first + i);
    if (!cow_classifier_check_output (
            self->classifier, &output, i,
            self->input.pictures ? self->input.pictures->pdata[first + i] : row, error))
      return FALSE;
  }
  memcpy (self->pooler_output + first * self->hidden, output.pooler_output,
          (gsize)(n * self->hidden) * sizeof (float));
  if (self->logits)
    memcpy (self->logits + first * self->n_classes, output.logits,
            (gsize)(n * self->n_classes) * sizeof (float));
  return self->n_tokens == 0 ||
         cow_safetensors_writer_write (
             self->writer, output.last_hidden_state,
             (gsize)n * (gsize)(self->n_tokens * self->hidden) * sizeof (float), error);
}

static gboolean
write_pixels (Job *self, gint64 first, int n, GError **error)
{
  return input_read (&self->input, self->preparer, first, n, self->pixels, error) &&
         cow_safetensors_writer_write (
             self->writer, self->pixels,
             (gsize)n * cow_preprocess_size (&self->input.preprocess) * sizeof (float), error);
}

/* Goes over all pictures in batches. */
static gboolean
for_batches (Job *self, gboolean (*step) (Job *, gint64, int, GError **), GError **error)
{
  const gint64 n = self->input.n;
  g_autoptr (Progress) progress = progress_new ("pictures", (guint64)n);

  for (gint64 first = 0; first < n; first += self->options->model.batch) {
    const int count = (int)MIN (n - first, self->options->model.batch);
    if (!step (self, first, count, error))
      return FALSE;
    progress_set (progress, (guint64)(first + count));
  }
  return TRUE;
}

static gboolean
job_run (Job *self, GError **error)
{
  const gsize n = (gsize)self->input.n;

  declare (self);
  if (!for_batches (self, run_batch, error) ||
      !cow_safetensors_writer_write (self->writer, self->pooler_output,
                                     n * (gsize)self->hidden * sizeof (float), error))
    return FALSE;
  if (self->logits &&
      !cow_safetensors_writer_write (self->writer, self->logits,
                                     n * (gsize)self->n_classes * sizeof (float), error))
    return FALSE;
  if (self->options->pixels && !for_batches (self, write_pixels, error))
    return FALSE;
  return cow_safetensors_writer_finish (self->writer, error);
}

static void
job_clear (Job *self)
{
  g_clear_pointer (&self->writer, cow_safetensors_writer_free);
  g_clear_pointer (&self->preparer, cow_preparer_free);
  g_clear_pointer (&self->classifier, cow_classifier_free);
  input_clear (&self->input);
  g_free (self->pixels);
  g_free (self->pooler_output);
  g_free (self->logits);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Job, job_clear)

gboolean
verb_features (int argc, char **argv, GError **error)
{
  g_auto (Options) options = { .model = MODEL_OPTIONS_DEFAULT };
  g_auto (Job) job = { .options = &options };
  g_autoptr (GArray) entries = verb_entries_new ();
  const GOptionEntry own[] = {
    { "out", 'o', 0, G_OPTION_ARG_FILENAME, &options.out, "The file to write", "FILE" },
    { "pixels", 0, 0, G_OPTION_ARG_NONE, &options.pixels, "Keep the prepared pixels too", NULL },
    { "size", 0, 0, G_OPTION_ARG_STRING, &options.size, "Resize to this (the adapter's)", "WxH" },
    { "interpolation", 0, 0, G_OPTION_ARG_STRING, &options.interpolation,
      "bilinear or bilinear-antialiased", "NAME" },
    { "normalisation", 0, 0, G_OPTION_ARG_STRING, &options.normalisation,
      "unit, imagenet or satellite", "NAME" },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options.arguments, NULL, NULL },
  };

  model_options_add (&options.model, entries);
  g_array_append_vals (entries, own, G_N_ELEMENTS (own));
  return verb_parse (&help, (const GOptionEntry *)entries->data, argc, argv, error) &&
         check_options (&options, error) && job_open (&job, error) && job_run (&job, error);
}
