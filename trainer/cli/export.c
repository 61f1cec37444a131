/* SPDX-License-Identifier: MIT */
/* `cow-trainer export`: model/network/export.h with a progress line. */
#include "model/network/export.h"
#include "trainer/cli/model-options.h"
#include "trainer/cli/verb.h"
#include "trainer/host/progress.h"

static const VerbHelp help = {
  NULL,
  "Writes base, adapter and head as one ONNX file, for other programs.",
  "Examples:\n"
  "  cow-trainer export --adapter runs/first --out cows.onnx\n"
  "  cow-trainer export --model dinov3-vits16-nf4 --adapter cows --out cows.onnx\n"
  "\n"
  "The file takes pixel_values [batch, 3, height, width], any number of pictures at a time, and\n"
  "gives logits and probabilities [batch, classes] and features [batch, width of the network];\n"
  "features alone without --adapter. It is ONNX of opset 17 in fp32: NF4 is dequantised, LoRA and\n"
  "DoRA are merged. Its metadata say how a picture is prepared (width, height, channels, fit,\n"
  "interpolation, divided_by, mean, std) and what the numbers mean (classes, temperature,\n"
  "thresholds). Beyond 2 GiB, or with --external-data, its values lie in OUT.data, which goes\n"
  "where the file goes.",
};

typedef struct {
  ModelOptions model;
  char *out;
  gboolean apart;
} Options;

static void
options_clear (Options *self)
{
  model_options_clear (&self->model);
  g_free (self->out);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Options, options_clear)

static gboolean
check_options (const Options *options, GError **error)
{
  if (!options->out)
    return verb_usage (error, "--out is missing: the new file");
  return options->model.model || options->model.adapter ||
         verb_usage (error, "--model or --adapter is missing: the network to export");
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

static void
print_result (const char *path, const CowClassifier *classifier, const CowOnnxSizes *sizes)
{
  const CowPreprocess *preprocess = cow_classifier_preprocess (classifier);
  const guint n_classes = cow_classifier_n_classes (classifier);
  float mean[3], std[3];
  g_autofree char *shown = g_filename_display_name (path), *size = g_format_size (sizes->bytes);
  cow_normalisation_values (preprocess->normalisation, mean, std);
  g_print ("%s: %s in fp32%s%s%s, opset %d\n", shown, size, sizes->apart ? ", values in " : "",
           sizes->apart ? shown : "", sizes->apart ? ".data" : "", COW_ONNX_OPSET);
  g_print ("takes pixel_values [batch, 3, %d, %d]: RGB, %s%s, divided by 255, mean %g %g %g, "
           "std %g %g %g\n",
           preprocess->height, preprocess->width,
           preprocess->fit == COW_LETTERBOX ? "letterboxed in grey (114), " : "",
           cow_interpolation_name (preprocess->interpolation), mean[0], mean[1], mean[2], std[0],
           std[1], std[2]);
  if (n_classes)
    g_print ("gives logits and probabilities [batch, %u], ", n_classes);
  else
    g_print ("gives ");
  g_print ("features [batch, %" G_GINT64_FORMAT "]\n", cow_classifier_n_features (classifier));
}

gboolean
verb_export (int argc, char **argv, GError **error)
{
  g_auto (Options) options = { .model = MODEL_OPTIONS_DEFAULT };
  /* What the file computes in; so nothing is measured for it. */
  options.model.precision = g_strdup (cow_precision_name (COW_PRECISION_FP32));
  g_autoptr (GArray) entries = verb_entries_new ();
  const GOptionEntry own[] = {
    { "out", 'o', 0, G_OPTION_ARG_FILENAME, &options.out, "The new file", "FILE" },
    { "external-data", 0, 0, G_OPTION_ARG_NONE, &options.apart,
      "Values in FILE.data, which programs can map", NULL },
  };

  model_options_add_names (&options.model, entries);
  g_array_append_vals (entries, own, G_N_ELEMENTS (own));
  if (!verb_parse (&help, (const GOptionEntry *)entries->data, argc, argv, error) ||
      !check_options (&options, error))
    return FALSE;
  g_autoptr (CowClassifier) classifier = model_options_open (&options.model, error);
  g_autoptr (Progress) progress = NULL;
  CowOnnxSizes sizes;
  const CowExportOptions what = {
    .path = options.out, .apart = options.apart, .progress = show_progress, .user_data = &progress
  };
  if (!classifier || !cow_export (classifier, &what, &sizes, error))
    return FALSE;
  g_clear_pointer (&progress, progress_free);
  print_result (options.out, classifier, &sizes);
  return TRUE;
}
