/* SPDX-License-Identifier: MIT */
/*
 * `cow-trainer predict`: the behaviour in each of many pictures, through the same preprocessing and
 * classifier as the GStreamer element. A picture that cannot be read is named and left out; the
 * others are still predicted, and the exit status says that some failed.
 */
#include <unistd.h>

#include "model/network/classifier.h"
#include "trainer/cli/model-options.h"
#include "trainer/data/pictures.h"
#include "trainer/eval/predictions.h"
#include "trainer/host/progress.h"
#include "trainer/cli/picture-arguments.h"
#include "trainer/cli/verb.h"

static const VerbHelp help = {
  "PICTURE|FOLDER...",
  "Tells the behaviour in each picture.",
  "Example:\n"
  "  cow-trainer predict barn/ --model dinov3-vits16 --adapter cows --format csv --out "
  "predictions.csv\n"
  "\n"
  "A folder stands for all pictures below it. table: picture, label, confidence, then the next\n"
  "likely labels; csv: image_path, pred_label, confidence, then the probability of every class;\n"
  "jsonl: the same, an object a line. Where a picture may have several labels (train\n"
  "--multi-label), label is those whose probability reaches their threshold, \"Lying|Ruminating\"\n"
  "or \"none\", and confidence the least of theirs. Pictures are prepared as the adapter's "
  "cowbehavior.json\n"
  "says. Those that cannot be read are named on standard error and left out; the exit status is\n"
  "then 1.",
};

typedef struct {
  ModelOptions model;
  char *format, *out;
  int top_k;
  char **arguments;
} Options;

typedef struct {
  const Options *options;
  GPtrArray *pictures; /* of paths */
  CowClassifier *classifier;
  CowPreparer *preparer;
  float *pixels;      /* [batch, 3, height, width] */
  const char **batch; /* [batch] the paths of those in `pixels`, borrowed */
  int n;              /* how many are in the batch */
  guint n_unreadable, n_left_out, n_remarks;
  Predictions *predictions;
  Progress *progress;
} Job;

/* By --format, the name of --out, or who reads. */
static gboolean
choose_format (const Options *options, PredictionFormat *format, GError **error)
{
  if (options->format)
    return prediction_format_parse (options->format, format) ||
           verb_usage (error, "--format %s: table, csv or jsonl is expected", options->format);
  if (options->out)
    *format = g_str_has_suffix (options->out, ".jsonl") ? FORMAT_JSONL : FORMAT_CSV;
  else
    *format = isatty (STDOUT_FILENO) ? FORMAT_TABLE : FORMAT_CSV;
  return TRUE;
}

static gboolean
check_options (const Options *options, PredictionFormat *format, GError **error)
{
  if (!options->arguments)
    return verb_usage (error, "no pictures given");
  /* Without both, the demonstration's are taken. */
  if (!options->model.adapter && options->model.model)
    return verb_usage (error, "--adapter is missing: it holds the classes");
  if (options->top_k < 1)
    return verb_usage (error, "--top-k %d: at least 1 is expected", options->top_k);
  return choose_format (options, format, error);
}

static gboolean
job_open (Job *self, PredictionFormat format, GError **error)
{
  const Options *options = self->options;
  gsize bytes;

  self->pictures = picture_arguments (options->arguments, error);
  if (!self->pictures)
    return FALSE;
  self->classifier = model_options_open (&options->model, error);
  if (!self->classifier)
    return FALSE;
  if (!cow_classifier_has_head (self->classifier)) {
    g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND,
                 "%s has no head (classifier.safetensors or best_classifier.pth), so no classes",
                 cow_classifier_adapter_path (self->classifier));
    return FALSE;
  }
  self->preparer = cow_preparer_new (cow_classifier_device (self->classifier), error);
  if (!self->preparer)
    return FALSE;
  const gsize n = (gsize)options->model.batch;
  if (g_size_checked_mul (&bytes, n,
                          cow_preprocess_size (cow_classifier_preprocess (self->classifier)) *
                              sizeof (float)))
    self->pixels = g_try_malloc (bytes);
  if (!self->pixels)
    return cow_check (CK_NO_MEMORY, error, "a batch of %d pictures", options->model.batch);
  self->batch = g_new (const char *, n);
  const CowCard *card = cow_classifier_card (self->classifier);
  self->predictions = predictions_new (
      format, options->out, cow_classifier_classes (self->classifier),
      card->multiple ? card->thresholds : NULL, options->top_k, self->pictures, error);
  self->progress = progress_new ("pictures", self->pictures->len);
  return self->predictions != NULL;
}

/* Says why a picture has no row, which the verb's status tells at the end. */
static void
leave_out (Job *self, const GError *why)
{
  progress_clear (self->progress);
  g_printerr ("cow-trainer: %s\n", why->message);
  self->n_left_out++;
}

/* The pictures that were gathered, through the network and out. */
static gboolean
run_batch (Job *self, GError **error)
{
  const CowPreprocess *preprocess = cow_classifier_preprocess (self->classifier);
  const guint n_classes = cow_classifier_n_classes (self->classifier);
  CowOutput output;

  if (self->n == 0)
    return TRUE;
  if (!cow_classifier_run (self->classifier, self->pixels, self->n, preprocess->height,
                           preprocess->width, &output, error))
    return FALSE;
  for (int i = 0; i < self->n; i++) {
    const float *probabilities = output.probabilities + (gsize)i * n_classes;
    g_autoptr (GError) not_finite = NULL;
    if (!cow_classifier_check_output (self->classifier, &output, i, self->batch[i], &not_finite))
      leave_out (self, not_finite);
    else if (!predictions_add (self->predictions, self->batch[i], probabilities, error))
      return FALSE;
  }
  self->n = 0;
  progress_clear (self->progress);
  return predictions_flush (self->predictions, error);
}

static gboolean
job_run (Job *self, GError **error)
{
  const CowPreprocess *preprocess = cow_classifier_preprocess (self->classifier);

  for (guint i = 0; i < self->pictures->len; i++) {
    g_autoptr (GError) unreadable = NULL;
    const char *path = self->pictures->pdata[i];
    g_autofree char *remark = NULL;
    if (picture_prepare (path, preprocess, self->preparer,
                         self->pixels + (gsize)self->n * cow_preprocess_size (preprocess), &remark,
                         &unreadable)) {
      self->batch[self->n++] = path;
      if (remark)
        progress_clear (self->progress);
      picture_remark (&self->n_remarks, path, remark);
    } else {
      leave_out (self, unreadable);
      self->n_unreadable++;
    }
    if (self->n == self->options->model.batch && !run_batch (self, error))
      return FALSE;
    progress_set (self->progress, i + 1);
  }
  if (!run_batch (self, error) || !predictions_finish (self->predictions, error))
    return FALSE;
  picture_remarks_end (self->n_remarks);
  if (self->n_left_out == 0)
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%u of %u pictures could not be %s",
               self->n_left_out, self->pictures->len,
               self->n_unreadable == self->n_left_out ? "read" : "read or classified");
  return FALSE;
}

static void
job_clear (Job *self)
{
  g_clear_pointer (&self->progress, progress_free);
  g_clear_pointer (&self->predictions, predictions_free);
  g_clear_pointer (&self->preparer, cow_preparer_free);
  g_clear_pointer (&self->classifier, cow_classifier_free);
  g_clear_pointer (&self->pictures, g_ptr_array_unref);
  g_free (self->pixels);
  g_free (self->batch);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Job, job_clear)

static void
options_clear (Options *self)
{
  model_options_clear (&self->model);
  g_free (self->format);
  g_free (self->out);
  g_strfreev (self->arguments);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Options, options_clear)

gboolean
verb_predict (int argc, char **argv, GError **error)
{
  g_auto (Options) options = { .model = MODEL_OPTIONS_DEFAULT, .top_k = 3 };
  g_auto (Job) job = { .options = &options };
  PredictionFormat format;
  g_autoptr (GArray) entries = verb_entries_new ();
  const GOptionEntry own[] = {
    { "format", 'f', 0, G_OPTION_ARG_STRING, &options.format,
      "table, csv or jsonl (table on a terminal, else csv)", "FORMAT" },
    { "out", 'o', 0, G_OPTION_ARG_FILENAME, &options.out, "Write to a file, not to standard output",
      "FILE" },
    { "top-k", 'k', 0, G_OPTION_ARG_INT, &options.top_k,
      "How many of the likeliest labels to list (3)", "K" },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options.arguments, NULL, NULL },
  };

  model_options_add (&options.model, entries);
  g_array_append_vals (entries, own, G_N_ELEMENTS (own));
  return verb_parse (&help, (const GOptionEntry *)entries->data, argc, argv, error) &&
         check_options (&options, &format, error) && job_open (&job, format, error) &&
         job_run (&job, error);
}
