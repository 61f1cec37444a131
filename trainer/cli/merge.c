/* SPDX-License-Identifier: MIT */
/* `cow-trainer merge`: model/network/merge.h with a progress line, and the question whether the
 * merged network still says the same. */
#include "model/files/locate.h"
#include "model/network/merge.h"
#include "trainer/train/adapter-run.h"
#include "trainer/eval/compare.h"
#include "trainer/cli/model-options.h"
#include "trainer/data/pictures.h"
#include "trainer/host/progress.h"
#include "trainer/cli/picture-arguments.h"
#include "trainer/cli/verb.h"

static const VerbHelp help = {
  "[PICTURE|FOLDER...]",
  "Makes an adapter part of its model.",
  "Examples:\n"
  "  cow-trainer merge --model dinov3-vits16-nf4 --adapter cows --out cows-merged barn/\n"
  "  cow-trainer predict barn/ --model cows-merged --adapter cows-merged\n"
  "\n"
  "Writes a plain Hugging Face folder: the linear layers with the adapter added to their\n"
  "dequantised weights, all else as it was. The adapter's head and card go along, so that the\n"
  "folder is a model and its own adapter. One tensor is in memory at a time. Then the network\n"
  "before and the one after are asked about the pictures given, or about made-up ones, and what\n"
  "changed is printed. --nf4 quantises again, which rounds part of the adapter away: a 4-bit\n"
  "base with its adapter beside it is both small and exact.",
};

typedef struct {
  ModelOptions model;
  char *out, *dtype;
  gboolean nf4;
  int n_made;
  char **arguments;
} Options;

static gboolean
check_options (const Options *options, CowMergeStorage *storage, GError **error)
{
  if (!options->model.adapter)
    return verb_usage (error, "--adapter is missing");
  if (!options->out)
    return verb_usage (error, "--out is missing: the new folder");
  if (options->nf4 && options->dtype)
    return verb_usage (error, "--nf4 and --dtype exclude one another");
  if (options->n_made < 1 || options->n_made > 10000)
    return verb_usage (error, "--made-up %d: 1 to 10000 is expected", options->n_made);
  *storage = options->nf4 ? COW_MERGE_NF4 : COW_MERGE_F32;
  if (!options->dtype || g_str_equal (options->dtype, "fp32"))
    return TRUE;
  *storage = COW_MERGE_BF16;
  return g_str_equal (options->dtype, "bf16") ||
         verb_usage (error, "--dtype %s: fp32 or bf16 is expected", options->dtype);
}

static gboolean
show_progress (const char *tensor, guint64 done_bytes, guint64 total_bytes, gpointer user_data)
{
  Progress **progress = user_data;

  if (!*progress)
    *progress = progress_new ("MB", total_bytes);
  progress_set (*progress, done_bytes);
  return TRUE;
}

/* ---- the network before ---------------------------------------------------------------------- */

static gboolean
get_pictures (const Options *options, CowClassifier *classifier, ComparePictures *pictures,
              GError **error)
{
  const CowPreprocess *preprocess = cow_classifier_preprocess (classifier);
  CkDevice *device = cow_classifier_device (classifier);
  if (!options->arguments)
    return compare_pictures_make (pictures, (guint)options->n_made, preprocess, device, error);
  g_autoptr (GPtrArray) paths = picture_arguments (options->arguments, error);
  return paths && pictures_start (error) &&
         compare_pictures_read (pictures, paths, preprocess, device, error);
}

/* Runs first, so that a model that does not load, or a picture that cannot be read, is found before
 * the long job and not after it. */
static gboolean
ask_before (const Options *options, ComparePictures *pictures, CompareAnswers *answers,
            GError **error)
{
  g_autoptr (CowClassifier) classifier = model_options_open (&options->model, error);
  return classifier && get_pictures (options, classifier, pictures, error) &&
         compare_answers_get (answers, classifier, pictures, options->model.batch, error);
}

/* ---- the network after ----------------------------------------------------------------------- */

static gboolean
ask_after (const Options *options, gboolean with_head, const ComparePictures *pictures,
           CompareAnswers *answers, GError **error)
{
  const CowClassifierOptions merged = { .model = options->out,
                                        .adapter = with_head ? options->out : NULL,
                                        .device = options->model.device,
                                        .precision = COW_PRECISION_FP32 };
  g_autoptr (CowClassifier) classifier = cow_classifier_new (&merged, error);
  return classifier &&
         compare_answers_get (answers, classifier, pictures, options->model.batch, error);
}

static void
print_result (const Options *options, const CowMergeResult *merged, CowMergeStorage storage)
{
  g_autofree char *size = g_format_size (merged->bytes),
                  *shown = g_filename_display_name (options->out);
  g_print ("%s: %s; %u linear layers merged in %s, %u without an adapter, %u other tensors kept\n",
           shown, size, merged->n_merged, cow_merge_storage_name (storage), merged->n_plain,
           merged->n_kept);
}

static void
print_differences (const Options *options, const CompareAnswers *before,
                   const CompareResult *result)
{
  const char *kind = options->arguments ? "pictures" : "made-up pictures";
  g_print ("on %u %s: %s differ by at most %.3g (their standard deviation is %.3g)", before->n,
           kind, before->is_head ? "logits" : "features", result->most, result->spread);
  if (before->is_head)
    g_print (", %u labels changed (%.2f %%)", result->changed, 100.0 * result->changed / before->n);
  g_print ("\n");
}

/* ---- the verb -------------------------------------------------------------------------------- */

static gboolean
write_merged (const char *device_name, const CowMergeOptions *what, CowMergeResult *merged,
              GError **error)
{
  g_autoptr (CkDevice) device = cow_device_open (device_name, 0, error);
  g_autoptr (CkStream) stream = device ? cow_stream_new (device, 0, error) : NULL;
  return stream && cow_merge (stream, what, merged, error);
}

static gboolean
merge (Options *options, CowMergeStorage storage, GError **error)
{
  g_autofree char *adapter = cow_locate (options->model.adapter, error), *model = NULL;
  g_auto (ComparePictures) pictures = { 0 };
  g_auto (CompareAnswers) before = { 0 }, after = { 0 };
  g_autoptr (Progress) progress = NULL;
  CowMergeResult merged;
  CompareResult result;

  if (!adapter ||
      (!options->model.model && !adapter_run_model (adapter, &options->model.model, error)))
    return FALSE;
  if (!options->model.model) {
    g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT,
                 "%s is a whole network: there is nothing to merge it into", adapter);
    return FALSE;
  }
  model = cow_locate (options->model.model, error);
  if (!model || !ask_before (options, &pictures, &before, error))
    return FALSE;
  if (storage == COW_MERGE_NF4)
    g_printerr ("cow-trainer: warning: quantising the merged weights again rounds part of the "
                "adapter away\n");
  const CowMergeOptions what = { .model = model,
                                 .adapter = adapter,
                                 .folder = options->out,
                                 .storage = storage,
                                 .progress = show_progress,
                                 .user_data = &progress };
  if (!write_merged (options->model.device, &what, &merged, error))
    return FALSE;
  g_clear_pointer (&progress, progress_free);
  print_result (options, &merged, storage);
  if (!ask_after (options, before.is_head, &pictures, &after, error) ||
      !compare_answers (&before, &after, &result, error))
    return FALSE;
  print_differences (options, &before, &result);
  return TRUE;
}

static void
options_clear (Options *self)
{
  model_options_clear (&self->model);
  g_free (self->out);
  g_free (self->dtype);
  g_strfreev (self->arguments);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Options, options_clear)

gboolean
verb_merge (int argc, char **argv, GError **error)
{
  g_auto (Options) options = { .model = MODEL_OPTIONS_DEFAULT, .n_made = 32 };
  /* Both networks are compared in the same arithmetic, whatever was measured of the one before. */
  options.model.precision = g_strdup (cow_precision_name (COW_PRECISION_FP32));
  CowMergeStorage storage = COW_MERGE_F32;
  g_autoptr (GArray) entries = verb_entries_new ();
  const GOptionEntry own[] = {
    { "out", 'o', 0, G_OPTION_ARG_FILENAME, &options.out, "The new folder", "FOLDER" },
    { "dtype", 0, 0, G_OPTION_ARG_STRING, &options.dtype,
      "Type of the merged weights: fp32 or bf16 (fp32)", "TYPE" },
    { "nf4", 0, 0, G_OPTION_ARG_NONE, &options.nf4,
      "Quantise the merged weights again; answers change", NULL },
    { "made-up", 0, 0, G_OPTION_ARG_INT, &options.n_made,
      "How many pictures to make up where none are given (32)", "N" },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options.arguments, NULL, NULL },
  };

  model_options_add (&options.model, entries);
  g_array_append_vals (entries, own, G_N_ELEMENTS (own));
  return verb_parse (&help, (const GOptionEntry *)entries->data, argc, argv, error) &&
         check_options (&options, &storage, error) && merge (&options, storage, error);
}
