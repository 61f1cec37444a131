/* SPDX-License-Identifier: MIT */
/* `cow-trainer quantize`: model/files/quantise.h with a progress line. */
#include "model/adapter/preprocess-source.h"
#include "model/files/locate.h"
#include "model/files/quantise.h"
#include "trainer/host/progress.h"
#include "trainer/cli/verb.h"

static const VerbHelp help = {
  "MODEL OUT",
  "Writes a model in 4 bits: about an eighth of the size of fp32.",
  "Example:\n"
  "  cow-trainer quantize dinov3-vit7b16 dinov3-vit7b16-nf4\n"
  "\n"
  "MODEL is a Hugging Face folder, a .safetensors or Meta's .pth; OUT is a new folder. The\n"
  "linear layers become NF4 with double quantisation in bitsandbytes' format, so that\n"
  "transformers opens OUT as well; all else is copied. One tensor is in memory at a time. OUT\n"
  "gets MODEL's preprocessor_config.json, or one made from its card.",
};

static gboolean
show_progress (const char *tensor, guint64 done_bytes, guint64 total_bytes, gpointer user_data)
{
  Progress **progress = user_data;

  if (!*progress)
    *progress = progress_new ("MB", total_bytes);
  progress_set (*progress, done_bytes);
  return TRUE;
}

gboolean
verb_quantize (int argc, char **argv, GError **error)
{
  g_auto (GStrv) arguments = NULL;
  g_auto (CowPreprocessSource) prepared = { 0 };
  g_autoptr (Progress) progress = NULL;
  CowQuantiseResult result = { 0 };
  const GOptionEntry entries[] = {
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &arguments, NULL, NULL },
    G_OPTION_ENTRY_NULL,
  };

  if (!verb_parse (&help, entries, argc, argv, error))
    return FALSE;
  if (!arguments || g_strv_length (arguments) != 2)
    return verb_usage (error, "two arguments are expected: MODEL and OUT");
  g_autofree char *model = cow_locate (arguments[0], error);
  /* How its pictures are prepared is read first: a broken file must not show after an hour. */
  if (!model || !cow_preprocess_source_read_model (&prepared, model, error) ||
      !cow_quantise (model, arguments[1], show_progress, &progress, &result, error) ||
      !cow_preprocess_carry (model, arguments[1], error))
    return FALSE;

  g_clear_pointer (&progress, progress_free);
  g_autofree char *before = g_format_size (result.bytes_in),
                  *after = g_format_size (result.bytes_out);
  g_print ("%s: %s\n%s: %s (%.1f %%); %u tensors in NF4, %u kept\n", model, before, arguments[1],
           after, 100.0 * (double)result.bytes_out / (double)MAX (result.bytes_in, 1),
           result.n_quantised, result.n_kept);
  return TRUE;
}
