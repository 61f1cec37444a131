/* SPDX-License-Identifier: MIT */
/* `cow-trainer check`: what is wrong with labelled pictures, before anything trains on them. */
#include "model/files/json-object.h"
#include "trainer/data/check-report.h"
#include "trainer/host/stop.h"
#include "trainer/cli/dataset-flags.h"
#include "trainer/cli/verb.h"
#include "trainer/data/dataset-open.h"

#define SHOWN 10 /* findings and paths of each kind, without --all */

static const VerbHelp help = {
  "",
  "Reads every picture and tells what would spoil a training.",
  "Example:\n"
  "  cow-trainer check --data cows.csv --prefix /old/place=/data/cows --group-by cow\n"
  "\n"
  "Problems: pictures that cannot be read, boxes outside their picture, classes without\n"
  "pictures in a split, groups on both sides of the split, the same picture under two classes\n"
  "or in two splits. Warnings: pictures that look alike (by a hash of their brightness) across\n"
  "classes or splits, pictures that are there twice, very small ones, those without contrast,\n"
  "classes that do not look like classes, folders that are called like another class. Then what\n"
  "was left out of folders and why, and how a table was understood. Data that are not divided are\n"
  "divided as `train` would. The exit status is 1 when there are problems.",
};

typedef struct {
  DatasetFlags dataset;
  gint64 seed;
  int workers, least_side;
  gboolean json, all;
} Options;

static void
options_clear (Options *self)
{
  dataset_flags_clear (&self->dataset);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Options, options_clear)

static void
report (const Check *check, const Options *options)
{
  g_autofree char *text = NULL;

  if (options->json) {
    g_autoptr (JsonObject) object = check_report_json (check);
    text = cow_json_object_text (object);
    verb_print_utf8 (text);
  } else {
    text = check_report_text (check, options->all ? G_MAXUINT : SHOWN);
    g_print ("%s", text);
  }
}

static gboolean
run (Options *options, GError **error)
{
  options->dataset.data.seed = options->seed;
  options->dataset.data.keep_absent = options->dataset.data.any_classes = TRUE;
  g_autoptr (CowDataset) dataset = cow_dataset_open (&options->dataset.data, error);
  if (!dataset)
    return FALSE;
  stop_install ();
  g_autoptr (Check) check =
      check_run (dataset, (guint)options->least_side, options->workers, error);
  if (!check)
    return FALSE;
  report (check, options);
  const guint n = check_n_problems (check);
  if (n > 0)
    g_set_error (error, COW_ERROR, COW_ERROR_MISMATCH,
                 "%u problem%s would spoil a training on these pictures", n, n > 1 ? "s" : "");
  return n == 0;
}

gboolean
verb_check (int argc, char **argv, GError **error)
{
  g_auto (Options) options = { .dataset = DATASET_FLAGS_DEFAULT, .seed = 42, .least_side = 32 };
  g_autoptr (GArray) entries = verb_entries_new ();
  const GOptionEntry own[] = {
    { "seed", 0, 0, G_OPTION_ARG_INT64, &options.seed, "Of the division of undivided pictures (42)",
      "N" },
    { "least-side", 0, 0, G_OPTION_ARG_INT, &options.least_side, "Smaller pictures are named (32)",
      "PX" },
    { "workers", 0, 0, G_OPTION_ARG_INT, &options.workers,
      "Threads that read pictures; 0: as many as processors", "N" },
    { "all", 0, 0, G_OPTION_ARG_NONE, &options.all, "List everything, however long", NULL },
    { "json", 0, 0, G_OPTION_ARG_NONE, &options.json, "The report as JSON", NULL },
  };

  dataset_flags_add (&options.dataset, entries);
  g_array_append_vals (entries, own, G_N_ELEMENTS (own));
  if (!verb_parse (&help, (const GOptionEntry *)entries->data, argc, argv, error) ||
      !dataset_flags_finish (&options.dataset, error))
    return FALSE;
  if (options.workers < 0 || options.workers > 64)
    return verb_usage (error, "--workers %d: 0 to 64 is expected", options.workers);
  if (options.least_side < 0)
    return verb_usage (error, "--least-side %d: 0 or more pixels are expected", options.least_side);
  return run (&options, error);
}
