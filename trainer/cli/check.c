/* SPDX-License-Identifier: MIT */
/* `cow-trainer check`: what is wrong with labelled pictures, before anything trains on them. */
#include "model/files/json-object.h"
#include "trainer/data/check-frames.h"
#include "trainer/data/check-report.h"
#include "trainer/host/stop.h"
#include "trainer/cli/dataset-flags.h"
#include "trainer/cli/verb.h"
#include "trainer/data/dataset-open.h"
#include "trainer/data/frames-dataset.h"
#include "trainer/data/frames-open.h"
#include "trainer/train/recipe.h"

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
  "divided as `train` would. The exit status is 1 when there are problems.\n"
  "\n"
  "Frames with boxes, as recipes that find cows take them (COCO, YOLO, CVAT, Label Studio; MmCows\n"
  "with --detect): problems are also boxes outside, pictures of another size than the annotations\n"
  "say, and categories that are none of cows; warnings are frames that are absent, named twice or\n"
  "without boxes, boxes that are cut, there twice, or very small at the training's --size, and\n"
  "classes with few boxes.",
};

typedef struct {
  DatasetFlags dataset;
  gint64 seed;
  char *images, *size; /* of frames */
  int workers, least_side, least_box;
  gboolean json, all, detect;
} Options;

#define LEAST_BOX_PX   8
#define LEAST_BOX_NONE G_MININT /* no flag gave it */

static void
options_clear (Options *self)
{
  dataset_flags_clear (&self->dataset);
  g_free (self->images);
  g_free (self->size);
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

/* Reports what there is; FALSE with an error where there are problems, or no check. */
static gboolean
judge (const Check *check, const Options *options, GError **error)
{
  if (!check)
    return FALSE;
  report (check, options);
  const guint n = check_n_problems (check);
  if (n > 0)
    g_set_error (error, COW_ERROR, COW_ERROR_MISMATCH,
                 "%u problem%s would spoil a training on these %s", n, n > 1 ? "s" : "",
                 check->frames ? "frames" : "pictures");
  return n == 0;
}

static gboolean
run_pictures (const Options *options, GError **error)
{
  const char *of_frames = options->images ? "--images" : options->size ? "--size" : NULL;

  if (of_frames || options->least_box != LEAST_BOX_NONE)
    return verb_usage (error, "%s is of frames with boxes, and these are pictures with classes",
                       of_frames ? of_frames : "--least-box");
  g_autoptr (CowDataset) dataset = cow_dataset_open (&options->dataset.data, error);
  if (!dataset)
    return FALSE;
  stop_install ();
  g_autoptr (Check) check =
      check_run (dataset, (guint)options->least_side, options->workers, error);
  return judge (check, options, error);
}

/* What the network sees of a frame, as a training would make it. */
static gboolean
choose_size (const Options *options, CheckFramesOptions *check, GError **error)
{
  g_autoptr (CowRecipe) recipe = cow_recipe_new ();
  const guint size = (guint)cow_recipe_find ("size");
  g_autoptr (GError) wrong = NULL;

  if (!cow_recipe_apply_preset (recipe, "detect-frozen", error))
    return FALSE;
  if (options->size && !cow_recipe_set (recipe, size, options->size, "--size", &wrong))
    return verb_usage (error, "%s", wrong->message);
  check->preprocess = recipe->preprocess;
  return TRUE;
}

static gboolean
run_frames (Options *options, GError **error)
{
  g_auto (CowFramesOptions)
      frames_options = { .set = options->dataset.data, .images = g_strdup (options->images) };
  const guint least_box =
      options->least_box == LEAST_BOX_NONE ? LEAST_BOX_PX : (guint)options->least_box;
  CheckFramesOptions check_options = { .least_box = least_box,
                                       .least_side = (guint)options->least_side,
                                       .n_threads = options->workers };

  options->dataset.data = (CowDatasetOptions)COW_DATASET_OPTIONS_DEFAULT;
  if (!choose_size (options, &check_options, error))
    return FALSE;
  g_autoptr (CowFrames) frames = cow_frames_open (&frames_options, error);
  if (!frames)
    return FALSE;
  g_autoptr (CowDataset) dataset = cow_dataset_of_frames (frames);
  stop_install ();
  g_autoptr (Check) check = check_frames_run (frames, dataset, &check_options, error);
  return judge (check, options, error);
}

static gboolean
run (Options *options, GError **error)
{
  options->dataset.data.seed = options->seed;
  options->dataset.data.keep_absent = options->dataset.data.any_classes = TRUE;
  return options->detect || cow_frames_are_meant (&options->dataset.data)
             ? run_frames (options, error)
             : run_pictures (options, error);
}

gboolean
verb_check (int argc, char **argv, GError **error)
{
  g_auto (Options) options = {
    .dataset = DATASET_FLAGS_DEFAULT, .seed = 42, .least_side = 32, .least_box = LEAST_BOX_NONE
  };
  g_autoptr (GArray) entries = verb_entries_new ();
  const GOptionEntry own[] = {
    { "seed", 0, 0, G_OPTION_ARG_INT64, &options.seed, "Of the division of undivided pictures (42)",
      "N" },
    { "least-side", 0, 0, G_OPTION_ARG_INT, &options.least_side, "Smaller pictures are named (32)",
      "PX" },
    { "detect", 0, 0, G_OPTION_ARG_NONE, &options.detect,
      "These are frames with boxes, where that is not plain", NULL },
    { "images", 0, 0, G_OPTION_ARG_FILENAME, &options.images,
      "Frames: where their files are, unless beside what names them", "FOLDER" },
    { "size", 0, 0, G_OPTION_ARG_STRING, &options.size,
      "Frames: what a training resizes them to (640x368)", "PX|WxH" },
    { "least-box", 0, 0, G_OPTION_ARG_INT, &options.least_box,
      "Frames: boxes that are smaller at that size are named (8)", "PX" },
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
  if (options.least_box != LEAST_BOX_NONE && options.least_box < 0)
    return verb_usage (error, "--least-box %d: 0 or more pixels are expected", options.least_box);
  return run (&options, error);
}
