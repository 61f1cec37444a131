/* SPDX-License-Identifier: MIT */
/*
 * `cow-trainer quantize`: model/files/quantise.h with a progress line; and with --check what
 * arithmetic the result can be computed in (model/network/precision-trial.h), which is kept beside
 * it for precision=auto.
 */
#include "model/adapter/kept-pictures.h"
#include "model/adapter/preprocess-source.h"
#include "model/files/locate.h"
#include "model/files/quantise.h"
#include "model/network/precision-trial.h"
#include "trainer/cli/model-options.h"
#include "trainer/cli/picture-arguments.h"
#include "trainer/cli/verb.h"
#include "trainer/data/pictures.h"
#include "trainer/eval/compare.h"
#include "trainer/host/progress.h"
#include "trainer/host/words.h"

#define MOST_PICTURES 32
/* With fewer, one label says little. */
#define FEW_PICTURES 8

static const VerbHelp help = {
  "MODEL [OUT]",
  "Writes a model in 4 bits: about an eighth of the size of fp32.",
  "Examples:\n"
  "  cow-trainer quantize dinov3-vit7b16 dinov3-vit7b16-nf4\n"
  "  cow-trainer quantize dinov3-vits16 dinov3-vits16-nf4 --check barn/\n"
  "  cow-trainer quantize dinov3-vits16-nf4 --adapter cows --check barn/\n"
  "  cow-trainer quantize --adapter runs/barn-3/best --check\n"
  "\n"
  "MODEL is a Hugging Face folder, a .safetensors or Meta's .pth; OUT is a new folder. The\n"
  "linear layers become NF4 with double quantisation in bitsandbytes' format, so that\n"
  "transformers opens OUT as well; all else is copied. One tensor is in memory at a time. OUT\n"
  "gets MODEL's preprocessor_config.json, or one made from its card.\n"
  "\n"
  "4 bits are how weights are kept; int16 and int8, and on a GPU fp16, bf16 and int8, are how\n"
  "they are multiplied. --check finds out which of these keeps the answers of fp32 on pictures of\n"
  "yours (a folder, or files: repeat the option), or without PICTURES (as the last option) on\n"
  "those that the adapter keeps (`train --keep-pictures`), of which it takes 32 at most. A\n"
  "precision passes when the features of every picture have a cosine of .9999 (int8: .999) with\n"
  "fp32's, every label is the same, and it takes less of the processor's time, or on a GPU less\n"
  "time. Where a few layers spoil a precision, it tries the network with these alone in the next\n"
  "finer one. The fastest that passes is kept in precision.json beside the weights, and\n"
  "`--precision auto` of the other verbs, `precision=auto` of the element and libcowbehavior take\n"
  "it from there on this kind of processor. What it finds belongs to these weights: check again\n"
  "after another training, and on another kind of processor.\n"
  "\n"
  "Without OUT nothing is quantised: MODEL is checked as it is. With --adapter it is checked with\n"
  "that adapter, whose labels count then, and its folder keeps the choice. MODEL may be left out\n"
  "where the adapter names it or is a whole network.",
};

typedef struct {
  ModelOptions model; /* that is checked */
  gboolean checks;
  GPtrArray *check; /* the pictures (char *) of --check; empty: those that the adapter keeps */
  char **arguments;
} Options;

static void
options_clear (Options *self)
{
  model_options_clear (&self->model);
  g_clear_pointer (&self->check, g_ptr_array_unref);
  g_strfreev (self->arguments);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Options, options_clear)

/* ---- quantising ------------------------------------------------------------------------------ */

static gboolean
show_progress (const char *tensor, guint64 done_bytes, guint64 total_bytes, gpointer user_data)
{
  Progress **progress = user_data;

  if (!*progress)
    *progress = progress_new ("MB", total_bytes);
  progress_set (*progress, done_bytes);
  return TRUE;
}

/* Writes the weights, and how the model prepares its pictures: both or nothing. */
static gboolean
write_folder (const char *model, const char *out, CowQuantiseResult *result, GError **error)
{
  g_autoptr (Progress) progress = NULL;
  g_autoptr (CowFolderWriter) writer = cow_model_folder_begin (out, NULL, error);
  const char *folder = writer ? cow_folder_writer_path (writer) : NULL;

  return writer && ((cow_quantise_into (model, folder, show_progress, &progress, result, error) &&
                     cow_preprocess_carry (model, folder, error) &&
                     cow_folder_writer_finish (writer, error)) ||
                    cow_folder_writer_fail (writer, error));
}

static gboolean
quantize (const char *name, const char *out, GError **error)
{
  g_auto (CowPreprocessSource) prepared = { 0 };
  CowQuantiseResult result = { 0 };

  g_autofree char *model = cow_locate (name, error);
  /* How its pictures are prepared is read first: a broken file must not show after an hour. */
  if (!model || !cow_preprocess_source_read_model (&prepared, model, error) ||
      !write_folder (model, out, &result, error))
    return FALSE;

  g_autofree char *before = g_format_size (result.bytes_in),
                  *after = g_format_size (result.bytes_out);
  g_print ("%s: %s\n%s: %s (%.1f %%); %u tensor%s in NF4, %u kept\n", model, before, out, after,
           100.0 * (double)result.bytes_out / (double)MAX (result.bytes_in, 1), result.n_quantised,
           words_s (result.n_quantised), result.n_kept);
  return TRUE;
}

/* ---- checking -------------------------------------------------------------------------------- */

/* A line of progress, and what it counts to. */
typedef struct {
  Progress *progress;
  guint all;
} Shown;

static gboolean
show_trial (guint done, guint all, gpointer user_data)
{
  Shown *shown = user_data;

  if (!shown->progress || all != shown->all) {
    g_clear_pointer (&shown->progress, progress_free);
    shown->progress = progress_new ("passes", all);
    progress_skip (shown->progress, done - 1);
    shown->all = all;
  }
  progress_set (shown->progress, done);
  return TRUE;
}

/* Reads at most MOST_PICTURES of those that were found, from all over them. */
static gboolean
read_found (const GPtrArray *found, CowClassifier *classifier, ComparePictures *pictures,
            GError **error)
{
  const guint n = MIN (found->len, MOST_PICTURES);
  g_autoptr (GPtrArray) chosen = g_ptr_array_new ();

  for (guint i = 0; i < n; i++)
    g_ptr_array_add (chosen, found->pdata[(guint64)i * found->len / n]);
  return pictures_start (error) &&
         compare_pictures_read (pictures, chosen, cow_classifier_preprocess (classifier),
                                cow_classifier_device (classifier), error);
}

/* Reads those that the adapter keeps; *n_found: all of them. */
static gboolean
read_kept (CowClassifier *classifier, ComparePictures *pictures, guint *n_found, GError **error)
{
  g_auto (CowKeptPictures) kept = { 0 };

  if (!cow_kept_pictures_read (&kept, cow_classifier_adapter_path (classifier),
                               COW_KEPT_PICTURES_MOST, error))
    return FALSE;
  *n_found = kept.n;
  kept.n = MIN (kept.n, MOST_PICTURES);
  pictures->n = kept.n;
  pictures->preprocess = *cow_classifier_preprocess (classifier);
  pictures->pixels = cow_kept_pictures_prepare (&kept, &pictures->preprocess,
                                                cow_classifier_device (classifier), error);
  return pictures->pixels != NULL;
}

static gboolean
read_pictures (const GPtrArray *found, CowClassifier *classifier, ComparePictures *pictures,
               guint *n_found, GError **error)
{
  *n_found = found ? found->len : 0;
  return found ? read_found (found, classifier, pictures, error)
               : read_kept (classifier, pictures, n_found, error);
}

static const char *
label_of (const CowPrecisionFigures *figures, const CowPrecisionPath *path)
{
  const CowPrecision finer = cow_precision_figures_finer (figures, path->precision);

  return cow_precision_label (path->precision, finer, path->raised != NULL);
}

static void
print_figures (const CowPrecisionFigures *figures, gboolean on_host)
{
  g_print ("PRECISION   %14s  OF FP32  WORST COSINE      LABELS  VERDICT\n",
           on_host ? "CPU MS/PICTURE" : "MS/PICTURE");
  g_print ("fp32        %14.4g\n", figures->paths[0].fp32_ms);
  for (guint i = 0; i < figures->n_paths; i++) {
    const CowPrecisionPath *path = &figures->paths[i];
    g_autofree char *labels =
        figures->has_head ? g_strdup_printf ("%u of %u", path->same_labels, figures->n_pictures)
                          : g_strdup ("-");
    g_print ("%-10s  %14.4g  %5.0f %%  %12.8f  %10s  %s\n", label_of (figures, path), path->ms,
             100 * path->ms / path->fp32_ms, path->cosine, labels,
             cow_verdict_text (cow_precision_judge (figures, path)));
  }
}

/* Which layers were raised: all of them, for there is no other place that tells, unless they are no
 * few, and do not help. */
static void
print_mixes (const CowPrecisionFigures *figures)
{
  for (guint i = 0; i < figures->n_paths; i++) {
    const CowPrecisionPath *path = &figures->paths[i];
    if (!path->raised)
      continue;
    const gboolean passes = cow_precision_judge (figures, path) == COW_VERDICT_PASSED;
    g_autofree char *names = g_strjoinv (", ", path->raised);
    g_print ("%s is %s with %u of %u layers in %s%s%s\n", label_of (figures, path),
             cow_precision_name (path->precision), g_strv_length (path->raised), figures->n_linear,
             cow_precision_name (cow_precision_figures_finer (figures, path->precision)),
             passes ? ": " : "", passes ? names : "");
  }
}

/* What auto stands for by these figures; free with g_free. */
static char *
text_of_choice (const CowPrecisionFigures *figures)
{
  const CowPrecisionPath *mix = cow_precision_decide_mix (figures);

  return mix ? cow_precision_text (mix->precision,
                                   cow_precision_figures_finer (figures, mix->precision),
                                   (const char *const *)mix->raised, figures->n_linear)
             : g_strdup (cow_precision_name (cow_precision_decide (figures)));
}

/* Keeps what was found, and prints it before: writing may fail. */
static gboolean
report (CowClassifier *classifier, const CowPrecisionFigures *figures, guint n_found,
        GError **error)
{
  const char *model = cow_classifier_model_path (classifier),
             *adapter = cow_classifier_adapter_path (classifier),
             *device = cow_classifier_device_text (classifier);

  g_print ("%s%s%s on %s: %u of %u picture%s, one at a time\n", model, adapter ? " with " : "",
           adapter ? adapter : "", device, figures->n_pictures, n_found, n_found == 1 ? "" : "s");
  if (figures->n_paths == 0) {
    g_print ("There is nothing to choose from: it computes in fp32 alone.\n");
    return TRUE;
  }
  print_figures (figures, cow_classifier_device (classifier)->host_memory);
  print_mixes (figures);
  if (figures->n_pictures < FEW_PICTURES)
    g_printerr ("cow-trainer: warning: %u picture%s little; %d or more are better\n",
                figures->n_pictures, figures->n_pictures == 1 ? " says" : "s say", FEW_PICTURES);
  if (!cow_precision_choice_write (model, adapter, cow_classifier_device (classifier), figures,
                                   error))
    return FALSE;
  g_autofree char *path = cow_precision_choice_path (model, adapter),
                  *text = text_of_choice (figures);
  g_print ("precision auto is %s (%s)\n", text, path);
  return TRUE;
}

/* `found` are the pictures, of which some are taken; NULL: those that the adapter keeps. */
static gboolean
check (const Options *options, const GPtrArray *found, GError **error)
{
  g_autoptr (CowClassifier) classifier = model_options_open (&options->model, error);
  g_auto (ComparePictures) pictures = { 0 };
  g_auto (CowPrecisionFigures) figures = { 0 };
  Shown shown = { 0 };
  guint n_found;

  if (!classifier ||
      !cow_precision_choice_check_writable (cow_classifier_model_path (classifier),
                                            cow_classifier_adapter_path (classifier), error) ||
      !read_pictures (found, classifier, &pictures, &n_found, error))
    return FALSE;
  const gboolean ok = cow_precision_trial (classifier, pictures.pixels, pictures.n, show_trial,
                                           &shown, &figures, error);
  g_clear_pointer (&shown.progress, progress_free);
  return ok && report (classifier, &figures, n_found, error);
}

/* ---- the verb -------------------------------------------------------------------------------- */

static gboolean
check_options (const Options *options, guint n, GError **error)
{
  if (!options->checks && n != 2)
    return verb_usage (error, "two arguments are expected: MODEL and OUT; or MODEL and --check "
                              "PICTURES");
  if (!options->checks && (options->model.adapter || options->model.device))
    return verb_usage (error, "--adapter and --device are for --check, which is missing");
  if (n > 2 || (n == 0 && !options->model.adapter))
    return verb_usage (error, "--check: MODEL is expected, or MODEL and OUT");
  return TRUE;
}

/* --check, with pictures or without. */
static gboolean
take_check (const char *name, const char *value, gpointer data, GError **error)
{
  Options *options = data;

  options->checks = TRUE;
  if (value)
    g_ptr_array_add (options->check, g_strdup (value));
  return TRUE;
}

static GPtrArray *
find_pictures (Options *options, GError **error)
{
  g_ptr_array_add (options->check, NULL);
  return picture_arguments ((char **)options->check->pdata, error);
}

/* Whether there are pictures to check on where none are named. */
static gboolean
check_kept (const Options *options, GError **error)
{
  const char *name = options->model.adapter;
  g_autofree char *adapter = name ? cow_locate (name, error) : NULL;

  if (name && !adapter)
    return FALSE;
  return (adapter && cow_kept_pictures_present (adapter)) ||
         verb_usage (error, "--check: PICTURES are missing, and %s keeps none",
                     adapter ? adapter : "a model without an adapter");
}

static gboolean
run (Options *options, GError **error)
{
  const guint n = options->arguments ? g_strv_length (options->arguments) : 0;
  const gboolean named = options->check->len > 0;
  g_autoptr (GPtrArray) found = NULL;

  if (!check_options (options, n, error))
    return FALSE;
  /* A wrong name must not show after an hour. */
  if (named ? !(found = find_pictures (options, error))
            : options->checks && !check_kept (options, error))
    return FALSE;
  if (n == 2 && !quantize (options->arguments[0], options->arguments[1], error))
    return FALSE;
  if (!options->checks)
    return TRUE;
  options->model.model = n > 0 ? g_strdup (options->arguments[n - 1]) : NULL;
  options->model.precision = g_strdup (cow_precision_name (COW_PRECISION_FP32));
  return check (options, found, error);
}

gboolean
verb_quantize (int argc, char **argv, GError **error)
{
  g_auto (Options) options = { .model = MODEL_OPTIONS_DEFAULT,
                               .check = g_ptr_array_new_with_free_func (g_free) };
  const GOptionEntry entries[] = {
    { "check", 0, G_OPTION_FLAG_OPTIONAL_ARG | G_OPTION_FLAG_FILENAME, G_OPTION_ARG_CALLBACK,
      (gpointer)take_check, "Find the fastest precision that keeps the answers on these",
      "PICTURES" },
    { "adapter", 'a', 0, G_OPTION_ARG_FILENAME, &options.model.adapter,
      "Check with this adapter, and keep the choice there", "ADAPTER" },
    { "device", 0, 0, G_OPTION_ARG_STRING, &options.model.device,
      "Check on auto, cpu, cuda or cuda:N (auto)", "DEVICE" },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options.arguments, NULL, NULL },
    G_OPTION_ENTRY_NULL,
  };

  return verb_parse_with (&help, entries, &options, argc, argv, error) && run (&options, error);
}
