/* SPDX-License-Identifier: MIT */
/* `cow-trainer train`: an adapter, or a whole small network, from labelled pictures. */
#include <gio/gio.h>
#include <string.h>

#include "model/files/file-writer.h"
#include "trainer/cli/recipe-flags.h"
#include "trainer/train/run-folder.h"
#include "trainer/train/run.h"
#include "trainer/host/stop.h"
#include "trainer/host/words.h"
#include "trainer/cli/verb.h"

static const VerbHelp help = {
  "",
  "Trains a recipe on labelled pictures.",
  "Examples:\n"
  "  cow-trainer train --recipe qlora-all-r16 --model dinov3-vit7b16-nf4 --data cows/ \\\n"
  "    --out runs/barn-3\n"
  "  cow-trainer train --config runs/barn-3/recipe.ini --rank 64 --alpha 128 --out runs/barn-4\n"
  "  cow-trainer train --resume runs/barn-3 --epochs 100\n"
  "\n"
  "Settings come from the recipe, then from --config, then from flags. Size, fit, interpolation\n"
  "and\n"
  "normalisation of the pictures come from the --start adapter's card or the base's\n"
  "preprocessor_config.json where --config and flags do not give them. `cow-trainer check` finds\n"
  "what is wrong with the pictures beforehand; `cow-trainer estimate` says what a recipe takes.\n"
  "\n"
  "Of PEFT's recipes: --use-rslora scales adapters by alpha / sqrt (rank), for large ranks.\n"
  "--loraplus-lr-ratio 16 trains lora_B (and vectors: biases, DoRA's magnitudes) at 16 times the\n"
  "learning rate, and leaves biases without weight decay, as PEFT's create_loraplus_optimizer\n"
  "does. --init-lora-weights pissa starts from the weights' largest singular values, olora from\n"
  "their QR decomposition; the base stays as it is, and the adapter is saved as LoRA of twice the\n"
  "rank, which runs wherever LoRA does.\n"
  "\n"
  "--precision int16 makes a transformer's linear layers multiply whole numbers of 16 bits,\n"
  "forward and backward: some 1.4 times as fast on the whole with AVX-512 VNNI, 1.1 times with\n"
  "AVX2, with gradients 1e-4 of their norm off. What was trained so is used like anything else,\n"
  "in any precision. On a GPU bf16 does the same by tensor cores, and fp16 forward alone, since\n"
  "gradients leave its range. The default, fp32, repeats runs of before to the bit.\n"
  "\n"
  "The recipes detect-frozen, detect-qlora and detect-dora find cows in whole frames, of which "
  "--data\n"
  "has the boxes: COCO, YOLO, CVAT, Label Studio, MmCows' frames (docs/training.md). Where boxes "
  "say\n"
  "what the cows do, or who they are, that is learnt in the same pass.\n"
  "\n"
  "The folder --out gets recipe.ini (all settings), contact-sheet.png (the pictures as the\n"
  "network sees them), results.csv (a row an epoch), plots/, best/ (the adapter to use) and\n"
  "last/ (to resume from). Ctrl-C finishes the step, saves and stops; a second one stops at once.\n"
  "\n"
  "With the adapter stay 32 validation pictures as the network sees them, spread over the classes\n"
  "(pictures.safetensors): by these, `quantize --check` and whoever runs the adapter find out "
  "which\n"
  "precision keeps its answers on their processor. They go where the adapter goes, to a tracking\n"
  "server too, as contact-sheet.png does; --keep-pictures 0 keeps none.\n"
  "\n"
  "However a run ended, --resume FOLDER continues it to the same result as if it had never\n"
  "stopped, on a processor with the same instructions; others round differently, which is said.\n"
  "With --resume only those flags are accepted that do not change what is computed: --epochs,\n"
  "--patience, --min-delta, --max-hours, --save-every, --workers, --device, --threads,\n"
  "--cache, --keep-pictures and those of the tracking.\n"
  "\n"
  "Environment: MLFLOW_TRACKING_URI and the variables of `cow-trainer track`; COWBEHAVIOR_CPU.",
};

typedef struct {
  char *out, *resume;
  gboolean list, force;
  RecipeFlags flags;
} Options;

static void
options_clear (Options *self)
{
  g_free (self->out);
  g_free (self->resume);
  recipe_flags_clear (&self->flags);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Options, options_clear)

/* The recipe of the run that is to go on, with what the flags may change. */
static CowRecipe *
resumed_recipe (const Options *options, GError **error)
{
  g_autofree char *path = g_build_filename (options->resume, "recipe.ini", NULL);
  g_autoptr (CowRecipe) recipe = cow_recipe_new ();

  if (!cow_path_exists (path)) {
    g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND,
                 "%s: no run to resume: it has no recipe.ini (--out FOLDER starts one)",
                 options->resume);
    return NULL;
  }
  /* A run that an earlier version began was not told that pictures stay with its adapter. */
  recipe->keep_pictures = 0;
  if (!cow_recipe_apply_file (recipe, path, TRUE, error) ||
      !recipe_flags_change (&options->flags, recipe, error) || !cow_recipe_check (recipe, error))
    return NULL;
  return g_steal_pointer (&recipe);
}

static CowRecipe *
choose_recipe (const Options *options, GError **error)
{
  if (options->resume && options->out) {
    verb_usage (error, "--resume and --out: a resumed run stays in its folder");
    return NULL;
  }
  if (options->resume)
    return resumed_recipe (options, error);
  return recipe_flags_recipe (&options->flags, error);
}

/* "runs/RECIPE", or with a number behind it the first of these that is not there yet. */
static char *
free_folder (const CowRecipe *recipe)
{
  const char *name = *recipe->name ? recipe->name : cow_recipe_kind_name (recipe);
  char *folder = g_build_filename ("runs", name, NULL);
  for (guint i = 2; g_file_test (folder, G_FILE_TEST_EXISTS); i++) {
    g_free (folder);
    folder = g_strdup_printf ("runs/%s-%u", name, i);
  }
  return folder;
}

/* ---- what comes next ------------------------------------------------------------------------- */

/* As bash and zsh read it where the terminal has no letters for some of it. */
static char *
quoted_by_numbers (const char *text)
{
  GString *out = g_string_new ("$'");

  for (const char *c = text; *c; c++)
    if (g_ascii_isprint (*c) && *c != '\'' && *c != '\\')
      g_string_append_c (out, *c);
    else
      g_string_append_printf (out, "\\%03o", (guint)(guchar)*c);
  g_string_append_c (out, '\'');
  return g_string_free (out, FALSE);
}

static char *
quoted (const char *text)
{
  const char *charset;
  gboolean plain = TRUE, ascii = TRUE;

  /* Most paths need no quotes, and read better without. */
  for (const char *c = text; *c; c++) {
    plain &= g_ascii_isalnum (*c) || strchr ("/._-+=:@%,", *c) != NULL;
    ascii &= (guchar)*c < 0x80;
  }
  if (plain)
    return g_strdup (text);
  return ascii || g_get_charset (&charset) ? g_shell_quote (text) : quoted_by_numbers (text);
}

/* The share of the validation pictures that are of the class which most are of. */
static double
largest_share (const CowDataset *dataset)
{
  const GArray *chosen = dataset->splits[COW_VAL];
  g_autofree guint *counts = g_new0 (guint, dataset->n_classes);
  guint most = 0;

  for (guint i = 0; i < chosen->len; i++) {
    const guint sample = g_array_index (chosen, guint, i);
    const int label = g_array_index (dataset->samples, CowSample, sample).label;
    counts[label]++;
    most = MAX (most, counts[label]);
  }
  return chosen->len > 0 ? (double)most / chosen->len : 0;
}

/* The mean average precision of guessing on the validation pictures: how many of them show a class,
 * on average over the classes that some show. */
static double
guessed_precision (const CowDataset *dataset)
{
  const double n = dataset->splits[COW_VAL]->len;
  double sum = 0;
  guint n_shown = 0;

  for (guint c = 0; c < dataset->n_classes; c++) {
    const guint count = cow_dataset_count (dataset, COW_VAL, (int)c);
    sum += n > 0 ? count / n : 0;
    n_shown += count > 0;
  }
  return n_shown > 0 ? sum / n_shown : 0;
}

/* Below this boxes are found by chance. */
#define LEAST_PRECISION .1

/* What a result near guessing may come from. */
static void
say_what_to_look_at (const char *what, const CowRecipe *recipe, const char *folder)
{
  g_printerr ("cow-trainer: warning: that is little better than guessing: %s. Worth a look: "
              "%s/contact-sheet.png (boxes and classes), the preprocessing (%d x %d, %s, %s: is it "
              "the base's?), --learning-rate, --epochs\n",
              what, folder, recipe->preprocess.width, recipe->preprocess.height,
              cow_interpolation_name (recipe->preprocess.interpolation),
              cow_normalisation_name (recipe->preprocess.normalisation));
}

/* A result that hardly differs from guessing has a cause, and looks like any other result. Twice
 * chance is nothing to go by with two or three classes. */
static void
warn_of_guessing (const CowRun *run, const CowRecipe *recipe, const char *folder)
{
  const CowDataset *dataset = cow_run_dataset (run);
  const double result = cow_run_state (run)->at.best_accuracy,
               chance = dataset->sets ? guessed_precision (dataset) : 1.0 / dataset->n_classes,
               largest = dataset->sets ? 0 : largest_share (dataset);
  g_autofree char *what =
      dataset->sets
          ? g_strdup_printf ("random answers have a mean average precision of %.4f", chance)
          : g_strdup_printf ("one class for all would be right in %.1f %%", 100 * largest);

  if (result < MIN (2 * chance, (1 + chance) / 2) || result <= largest)
    say_what_to_look_at (what, recipe, folder);
}

/* Of a run that finds cows in whole frames. */
static void
say_next_of_frames (const CowRun *run, const CowRecipe *recipe, const char *best, const char *eval)
{
  const CowRunCounters *at = &cow_run_state (run)->at;
  g_autofree char *adapter = quoted (best), *out = quoted (eval),
                  *model = *recipe->model ? quoted (recipe->model) : NULL,
                  *folder = g_path_get_dirname (best);

  g_print ("Best: mAP50:95 %.4f on %u validation frames, in epoch %.0f: %s\n", at->best_accuracy,
           cow_run_dataset (run)->splits[COW_VAL]->len, at->best_epoch, best);
  if (at->best_accuracy < LEAST_PRECISION)
    g_printerr ("cow-trainer: warning: that is little. Worth a look: %s/contact-sheet.png (are the "
                "boxes where the cows are?), --size %dx%d (are they large enough to be seen?), "
                "--learning-rate, --epochs; --recipe detect-qlora learns more than a head can\n",
                folder, recipe->preprocess.width, recipe->preprocess.height);
  g_print ("How good is it?  cow-trainer eval --adapter %s --out %s --save\n", adapter, out);
  g_print ("On pictures:     cow-trainer predict FOLDER --adapter %s%s%s --pictures drawn\n",
           adapter, model ? " --model " : "", model ? model : "");
}

static void
say_next (const CowRun *run, const CowRecipe *recipe, const char *folder)
{
  const CowRunCounters *at = &cow_run_state (run)->at;
  const CowDataset *dataset = cow_run_dataset (run);
  g_autofree char *best = g_build_filename (folder, "best", NULL), *adapter = quoted (best);
  g_autofree char *eval = g_build_filename (folder, "eval", NULL), *out = quoted (eval);
  g_autofree char *model = *recipe->model ? quoted (recipe->model) : NULL;

  if (at->best_epoch == 0)
    return;
  if (recipe->detect) {
    say_next_of_frames (run, recipe, best, eval);
    return;
  }
  if (dataset->sets)
    g_print ("Best: mean average precision %.4f on %u validation pictures, in epoch %.0f: %s\n",
             at->best_accuracy, dataset->splits[COW_VAL]->len, at->best_epoch, best);
  else
    g_print ("Best: %.2f %% of %u validation pictures right, in epoch %.0f: %s\n",
             100 * at->best_accuracy, dataset->splits[COW_VAL]->len, at->best_epoch, best);
  warn_of_guessing (run, recipe, folder);
  g_print ("How good is it?  cow-trainer eval --adapter %s --out %s\n", adapter, out);
  if (dataset->sets) {
    g_print ("On pictures:     cow-trainer predict FOLDER --adapter %s%s%s\n", adapter,
             model ? " --model " : "", model ? model : "");
    return;
  }
  g_print ("On a video:      gst-launch-1.0 -q filesrc location=barn.mp4 ! decodebin ! "
           "videoconvert ! cowbehavior%s%s adapter=%s ! cowpublish file=- file-format=csv ! "
           "fakesink\n",
           model ? " model=" : "", model ? model : "", adapter);
}

static gboolean
say_end (const CowRun *run, const CowRecipe *recipe, const char *folder, CowLoopEnd end,
         GError **error)
{
  g_autofree char *word = quoted (folder);

  switch (end) {
  case COW_LOOP_INTERRUPTED:
    g_set_error (
        error, G_IO_ERROR, G_IO_ERROR_CANCELLED,
        "stopped; everything learned so far is saved; to resume: cow-trainer train --resume %s",
        word);
    return FALSE;
  case COW_LOOP_HOURS:
    g_print ("Stopped after --max-hours; to resume: cow-trainer train --resume %s\n", word);
    break;
  case COW_LOOP_PATIENCE:
    g_print ("Stopped: no better for %d epoch%s\n", recipe->patience,
             words_s ((guint64)recipe->patience));
    break;
  case COW_LOOP_EPOCHS:
    g_print ("%d epoch%s done\n", recipe->epochs, recipe->epochs == 1 ? " is" : "s are");
    break;
  }
  say_next (run, recipe, folder);
  return TRUE;
}

/* An error in the middle of a run: what was saved before it is not lost. */
static gboolean
say_failure (const char *folder, GError *why, GError **error)
{
  g_autofree char *word = quoted (folder);

  if (cow_run_folder_has_run (folder)) {
    g_set_error (
        error, why->domain, why->code,
        "%s; the last checkpoint in %s is whole: cow-trainer train --resume %s, or --start "
        "%s/last",
        why->message, folder, word, word);
    g_error_free (why);
  } else
    g_propagate_error (error, why);
  return FALSE;
}

static gboolean
train (const Options *options, CowRecipe *recipe, GError **error)
{
  g_autofree char *own = !options->resume && !options->out ? free_folder (recipe) : NULL;
  const char *folder = options->resume ? options->resume : own ? own : options->out;
  const CowRunOptions running = { .recipe = recipe,
                                  .folder = folder,
                                  .resume = options->resume != NULL,
                                  .force = options->force,
                                  .device = options->flags.device,
                                  .threads = options->flags.threads };
  GError *why = NULL;
  CowLoopEnd end;

  stop_install ();
  if (own)
    g_print ("The run fills the folder %s (--out is another)\n", own);
  g_autoptr (CowRun) run = cow_run_open (&running, &why);
  if (!run) {
    if (g_error_matches (why, G_IO_ERROR, G_IO_ERROR_CANCELLED))
      g_prefix_error (&why,
                      "before the training (cow-trainer train --resume %s resumes it): ", folder);
    g_propagate_error (error, why);
    return FALSE;
  }
  if (!cow_run_train (run, &end, &why))
    return say_failure (folder, why, error);
  return say_end (run, recipe, folder, end, error);
}

gboolean
verb_train (int argc, char **argv, GError **error)
{
  g_auto (Options) options = { 0 };
  const GOptionEntry own[] = {
    { "out", 'o', 0, G_OPTION_ARG_FILENAME, &options.out,
      "Folder that a new run fills (runs/RECIPE, runs/RECIPE-2, ...)", "FOLDER" },
    { "resume", 0, 0, G_OPTION_ARG_FILENAME, &options.resume, "Go on with the run in this folder",
      "FOLDER" },
    { "list-recipes", 0, 0, G_OPTION_ARG_NONE, &options.list, "Show the recipes and end", NULL },
    { "force", 0, 0, G_OPTION_ARG_NONE, &options.force, "Start even if memory seems not to suffice",
      NULL },
    G_OPTION_ENTRY_NULL,
  };

  if (!verb_parse (&help, recipe_flags_entries (&options.flags, own), argc, argv, error))
    return FALSE;
  if (options.list) {
    g_autofree char *list = recipe_flags_list ();
    g_print ("%s", list);
    return TRUE;
  }
  g_autoptr (CowRecipe) recipe = choose_recipe (&options, error);
  return recipe && train (&options, recipe, error);
}
