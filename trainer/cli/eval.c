/* SPDX-License-Identifier: MIT */
/*
 * `cow-trainer eval`: how good an adapter is on labelled pictures, and how far its probabilities
 * can be trusted. This file is the command line and the order of things; evaluation.h has the rest.
 */
#include <errno.h>
#include <glib/gstdio.h>
#include <unistd.h>

#include "model/files/error.h"
#include "model/files/file-writer.h"
#include "model/files/locate.h"
#include "trainer/train/adapter-run.h"
#include "trainer/eval/evaluation.h"
#include "trainer/cli/eval-boxes.h"
#include "trainer/cli/model-options.h"
#include "trainer/data/pictures.h"
#include "trainer/eval/plots.h"
#include "trainer/eval/report.h"
#include "trainer/cli/cut-videos.h"
#include "trainer/cli/dataset-flags.h"
#include "trainer/cli/eval-tracks.h"
#include "trainer/cli/verb.h"
#include "trainer/data/crop-table.h"
#include "trainer/data/dataset-open.h"
#include "trainer/host/stop.h"
#include "trainer/host/words.h"

#define ALL_SPLITS COW_N_SPLITS

#define RECORDINGS "recordings" /* folder of the pictures that were cut out of recordings */

static const VerbHelp help = {
  "[VIDEO...]",
  "Tells how good an adapter is on labelled pictures.",
  "Examples:\n"
  "  cow-trainer eval --adapter runs/barn/best --out runs/barn/eval   on the run's own data\n"
  "  cow-trainer eval --adapter cows --model dinov3-vits16 --data test.csv --out eval\n"
  "  cow-trainer eval --adapter runs/barn/best --calibrate --out runs/barn/eval\n"
  "  cow-trainer eval --adapter runs/barn-2 --against runs/barn --out eval   which is better\n"
  "  cow-trainer eval barn.mp4 --bouts scored.csv --zones \"bed=0,0,0.4,1\" --adapter runs/barn "
  "\\\n"
  "    --out eval   on a recording that somebody scored\n"
  "  cow-trainer eval --tracks truth.txt found.txt   how well cows were followed\n"
  "\n"
  "Prints accuracy and a report by class, and writes to the folder --out: report.html (all of\n"
  "it on one page), report.txt, results.json, per_class.csv, predictions.csv, and each figure\n"
  "as PNG and SVG. Classes are matched by name; those without pictures are left out of averages.\n"
  "Without --data, the pictures are those of the run that the adapter lies in. Undivided\n"
  "pictures are all evaluated.\n"
  "\n"
  "Of recordings, --bouts names a table of what cows did: label, start and end in seconds (or "
  "time\n"
  "alone), and where there are several, video (or source), zone and track. Pictures are cut out "
  "of\n"
  "them as `crop --bouts` does, with the same numbers, and lie in OUT/recordings, which is made "
  "anew.\n"
  "\n"
  "An adapter that finds cows in whole frames is judged by its boxes: average precision as COCO\n"
  "counts it, the score from which on F1 is best, and there which cows are found, missed and made\n"
  "up (ghosts); where it tells what cows do, also how often that is right of those found.\n"
  "frames.csv has that of each frame, found.json all boxes.\n"
  "\n"
  "--calibrate fits, on validation pictures, a temperature that makes probabilities mean what\n"
  "they say, and for each class the probability from which on it is worth believing. Both are\n"
  "kept in the adapter's cowbehavior.json; `predict` and the GStreamer element use the\n"
  "temperature. Where a picture may have several labels (train --multi-label), results are "
  "average\n"
  "precision by class and its mean, F1, pictures with every label right and Hamming loss, and\n"
  "--calibrate fits the thresholds from which on a picture has a label. --against asks another "
  "adapter of the same classes, on a base of its own or the\n"
  "same, about the same pictures; the page has both side by side and the pictures on which they\n"
  "differ (against.json, too). --save keeps the metrics and the confusion matrix there too. "
  "Pictures that\n"
  "cannot be read are named and left out; the exit status is then 1.\n"
  "\n"
  "--tracks needs no adapter: it compares files of MOT or COCO with the tracks of cows with the "
  "true\n"
  "ones, and prints HOTA, IDF1 and MOTA and what they are made of, as TrackEval counts them.",
};

typedef struct {
  ModelOptions model;
  DatasetFlags dataset;
  VideoCutting cutting;
  char *out, *split;
  char *images;  /* of frames */
  char *against; /* another adapter */
  char *tracks;  /* file of where cows were */
  gboolean calibrate, save;
  double precision_target;
  int workers;
  char **arguments;
} Options;

typedef struct {
  Options *options;
  char *adapter; /* located */
  gboolean has_card;
  CowDataset *dataset;
  CowClassifier *classifier;
  CowSplit split; /* or ALL_SPLITS */
  CowCalibration *calibration;
  CowEvaluation
      *validation; /* what the calibration was fitted on, where that is not what is judged */
  CowEvaluation *evaluation;
  char *other_adapter; /* of --against, located */
  CowEvaluation *other;
  CowAgainst *against;
} Job;

/* ---- what to evaluate ------------------------------------------------------------------------ */

/* Recordings and what belongs to them come together. */
static gboolean
check_arguments (const Options *options, GError **error)
{
  const CowDatasetOptions *data = &options->dataset.data;
  const VideoCutting *cutting = &options->cutting;

  for (char **word = options->arguments; word && *word; word++)
    if (!video_arguments_is_video (*word))
      return verb_usage (error,
                         "\"%s\": only options and recordings are expected; pictures come with "
                         "--data",
                         *word);
  if (!options->arguments && video_cutting_needs (cutting, CUT_VIDEOS_EVERY))
    return verb_usage (error, "%s is of recordings, and none is given",
                       video_cutting_needs (cutting, CUT_VIDEOS_EVERY));
  if (options->arguments && !cutting->bouts_path)
    return verb_usage (error, "--bouts is missing: the table of what cows did in the recordings");
  if (options->arguments && (data->data || data->train || data->val || data->test))
    return verb_usage (error, "recordings and --data: one of them is expected");
  return TRUE;
}

/* The first option of a command line that is not --tracks, as it was typed; NULL: none. */
static const char *
other_option (char **words)
{
  for (; *words && !g_str_equal (*words, "--"); words++)
    if (**words == '-' && !g_str_has_prefix (*words, "--tracks"))
      return *words;
  return NULL;
}

/* Files are compared with a file, and nothing else is asked. */
static gboolean
run_tracks (const Options *options, const char *other, GError **error)
{
  if (other)
    return verb_usage (error, "--tracks compares files of tracks: %s has no meaning there", other);
  if (!options->arguments)
    return verb_usage (error, "--tracks: the files that are to be compared with %s are missing",
                       options->tracks);
  return eval_tracks (options->tracks, options->arguments, error);
}

static gboolean
check_options (const Options *options, GError **error)
{
  if (!check_arguments (options, error))
    return FALSE;
  if (!options->model.adapter)
    return verb_usage (error, "--adapter is missing");
  if (!options->out)
    return verb_usage (error, "--out is missing: the folder for the results");
  if (options->precision_target < 0 || options->precision_target >= 1)
    return verb_usage (error, "--min-precision %g: 0 to less than 1 is expected",
                       options->precision_target);
  if (options->precision_target > 0 && !options->calibrate)
    return verb_usage (
        error, "--min-precision chooses the thresholds that --calibrate fits, which is missing");
  if (options->workers < 0 || options->workers > 256)
    return verb_usage (error, "--workers %d: 0 to 256 is expected", options->workers);
  return TRUE;
}

/* The folder is made, and tried, before an hour is spent on what is to go there. */
static gboolean
prepare_out (const char *folder, GError **error)
{
  if (!cow_folder_make (folder, error))
    return FALSE;
  if (access (folder, W_OK | X_OK) == 0)
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_IO, "%s: nothing can be written there: %s", folder,
               g_strerror (errno));
  return FALSE;
}

/* A label that the adapter does not know is said before an hour is cut. */
static gboolean
check_labels (const VideoCutting *cutting, const CowCard *card, GError **error)
{
  for (guint i = 0; i < cutting->bouts->len; i++) {
    const CowScoredBouts *bouts = cutting->bouts->pdata[i];

    for (guint k = 0; k < bouts->bouts->len; k++) {
      const CowScoredBout *bout = bouts->bouts->pdata[k];
      g_autofree char *classes = NULL;

      if (g_strv_contains ((const char *const *)card->classes, bout->label))
        continue;
      classes = g_strjoinv (", ", card->classes);
      g_set_error (error, COW_ERROR, COW_ERROR_MISMATCH,
                   "%s:%u: \"%s\" is no class of the adapter: %s", cutting->bouts_path, bout->line,
                   bout->label, classes);
      return FALSE;
    }
  }
  return TRUE;
}

/* Cuts the recordings into pictures, which are the data then. */
static gboolean
cut_recordings (Job *self, const CowCard *card, GError **error)
{
  Options *options = self->options;
  g_autofree char *folder = g_build_filename (options->out, RECORDINGS, NULL),
                  *table = g_build_filename (folder, COW_CROP_TABLE, NULL);

  if (!video_cutting_open (&options->cutting, options->arguments, error) ||
      !check_labels (&options->cutting, card, error) || !prepare_out (options->out, error))
    return FALSE;
  /* What an earlier run judged is not judged again. */
  if (g_unlink (table) != 0 && errno != ENOENT) {
    g_set_error (error, COW_ERROR, COW_ERROR_IO, "%s: %s", table, g_strerror (errno));
    return FALSE;
  }
  stop_install ();
  if (!cut_videos (&options->cutting, folder, CUT_VIDEOS_MOST, TRUE, error))
    return FALSE;
  options->dataset.data.data = g_steal_pointer (&folder);
  return TRUE;
}

static gboolean
names_data (const CowDatasetOptions *data)
{
  return data->data || data->train || data->val || data->test;
}

/* The settings of the adapter's run, which name its data. */
static CowRecipe *
run_recipe (const Job *self, GError **error)
{
  g_autoptr (GError) local = NULL;
  CowRecipe *recipe = adapter_run_recipe (self->adapter, &local);
  if (local)
    g_propagate_error (error, g_steal_pointer (&local));
  else if (!recipe)
    verb_usage (error, "--data is missing, and %s lies in no run that names its own (recipe.ini)",
                self->adapter);
  return recipe;
}

/* Without pictures on the command line, those of the adapter's run, divided as there. */
static gboolean
choose_data (Job *self, const CowCard *card, GError **error)
{
  CowDatasetOptions *data = &self->options->dataset.data;
  if (self->options->arguments)
    return cut_recordings (self, card, error);
  if (names_data (data))
    return TRUE;
  g_autoptr (CowRecipe) recipe = run_recipe (self, error);
  if (!recipe)
    return FALSE;
  cow_dataset_options_clear (data);
  cow_recipe_dataset_options (recipe, data);
  return TRUE;
}

static gboolean
open_data (Job *self, GError **error)
{
  CowDatasetOptions *data = &self->options->dataset.data;
  g_autoptr (CowCard) card = cow_card_read (self->adapter, &self->has_card, error);
  /* The options of the adapter's run may take the place of the flags. */
  const gboolean asked = data->multiple;
  if (!card || !choose_data (self, card, error))
    return FALSE;
  if (data->classes_text)
    return verb_usage (error, "--classes: the adapter has its own");
  g_clear_pointer (&data->classes, g_strfreev);
  data->classes = g_strdupv (card->classes);
  data->any_classes = TRUE;
  if (asked && !card->multiple)
    return verb_usage (error, "--multi-label: %s was trained with one label a picture",
                       self->adapter);
  data->multiple = card->multiple;
  self->dataset = cow_dataset_open (data, error);
  return self->dataset != NULL;
}

static guint
count_pictures (const Job *self, CowSplit split)
{
  return split == ALL_SPLITS ? self->dataset->samples->len : self->dataset->splits[split]->len;
}

static gboolean
choose_split (Job *self, GError **error)
{
  static const char *const names[] = { "train", "val", "test", "all", "auto" };
  const char *name = self->options->split ? self->options->split : "auto";
  guint i = 0;

  while (i < G_N_ELEMENTS (names) && !g_str_equal (name, names[i]))
    i++;
  if (i == G_N_ELEMENTS (names))
    return verb_usage (error, "--split %s: auto, train, val, test or all is expected", name);
  if (i <= ALL_SPLITS)
    self->split = (CowSplit)i;
  else
    self->split = count_pictures (self, COW_TEST) > 0  ? COW_TEST
                  : count_pictures (self, COW_VAL) > 0 ? COW_VAL
                                                       : ALL_SPLITS;
  if (count_pictures (self, self->split) == 0) {
    g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT,
                 "--split %s has no pictures: there are %u in train, %u in val and %u in test",
                 name, count_pictures (self, COW_TRAIN), count_pictures (self, COW_VAL),
                 count_pictures (self, COW_TEST));
    return FALSE;
  }
  if (!self->options->calibrate || count_pictures (self, COW_VAL) > 0)
    return TRUE;
  g_set_error_literal (error, COW_ERROR, COW_ERROR_ARGUMENT,
                       "--calibrate needs validation pictures, of which there are none: --val "
                       "PATH, or --val-fraction for a part of --data");
  return FALSE;
}

static gboolean
check_head (const CowClassifier *classifier, const char *adapter, GError **error)
{
  if (cow_classifier_has_head (classifier))
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND,
               "%s has no head (classifier.safetensors or best_classifier.pth), so no classes",
               adapter);
  return FALSE;
}

static gboolean
open_classifier (Job *self, GError **error)
{
  self->classifier = model_options_open (&self->options->model, error);
  return self->classifier && check_head (self->classifier, self->adapter, error);
}

/* ---- evaluating ------------------------------------------------------------------------------ */

static const char *
split_name (CowSplit split)
{
  return split == ALL_SPLITS ? "all" : cow_split_name (split);
}

/* The network's answers for the pictures of a split. */
static CowEvaluation *
run_split (const Job *self, CowClassifier *classifier, CowSplit split, GError **error)
{
  const Options *options = self->options;
  g_autoptr (GArray) items = g_array_new (FALSE, FALSE, sizeof (CowLoadItem));
  g_autoptr (CowEvaluation) evaluation = NULL;

  for (CowSplit s = COW_TRAIN; s < COW_N_SPLITS; s++)
    if (split == ALL_SPLITS || split == s) {
      g_autoptr (GArray) part = cow_load_split (self->dataset, s, 1, 0);
      g_array_append_vals (items, part->data, part->len);
    }
  evaluation = cow_evaluation_new (cow_classifier_classes (classifier),
                                   cow_classifier_card (classifier)->multiple, items->len, error);
  if (!evaluation || !cow_evaluation_run (evaluation, classifier, self->dataset,
                                          (const CowLoadItem *)(void *)items->data, items->len,
                                          options->model.batch, options->workers, error))
    return NULL;
  evaluation->split = g_strdup (split_name (split));
  return g_steal_pointer (&evaluation);
}

static gboolean
calibrate (Job *self, GError **error)
{
  const CowEvaluation *on;
  if (self->split == COW_VAL) {
    on = self->evaluation;
  } else {
    self->validation = run_split (self, self->classifier, COW_VAL, error);
    on = self->validation;
  }
  if (!on)
    return FALSE;
  const CowCard *card = cow_classifier_card (self->classifier);
  const double target = self->options->precision_target;
  self->calibration =
      on->multiple ? cow_calibration_fit_labels (on->logits, on->shown, on->n, on->n_classes,
                                                 card->temperature, target)
                   : cow_calibration_fit (on->logits, on->truth, on->n, on->n_classes, target);
  return TRUE;
}

static void warn (Job *self, const char *format, ...) G_GNUC_PRINTF (2, 3);

/* A warning to standard error and into the report. */
static void
warn (Job *self, const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  char *text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_printerr ("cow-trainer: warning: %s\n", text);
  g_ptr_array_add (self->evaluation->warnings, text);
}

static void
warn_of_missing (Job *self)
{
  const CowEvaluation *e = self->evaluation;
  g_autoptr (GString) names = g_string_new (NULL);
  for (guint c = 0; c < e->n_classes; c++)
    if (cow_evaluation_support (e, c) == 0)
      g_string_append_printf (names, "%s\"%s\"", names->len ? ", " : "", e->classes[c]);
  if (names->len)
    warn (self, "no picture shows %s: nothing is measured of that", names->str);
}

static void
warn_of_all (Job *self)
{
  const CowCalibration *calibration = self->calibration;
  for (guint i = 0; i < self->dataset->warnings->len; i++)
    warn (self, "%s", (const char *)self->dataset->warnings->pdata[i]);
  warn_of_missing (self);
  if (self->split == COW_TRAIN && self->options->split)
    warn (self, "these are training pictures: results look better than they are");
  if (!calibration)
    return;
  if (!calibration->told)
    warn (self,
          "%u validation pictures do not tell a temperature (they are too few, all right, or "
          "guessed): it stays 1",
          calibration->n);
  if (self->split == COW_VAL)
    warn (self, calibration->multiple
                    ? "thresholds are fitted on the pictures that are judged here: answers look "
                      "better than they are"
                    : "temperature and thresholds are fitted on the pictures that are judged here: "
                      "probabilities look better than they are");
}

/* Thresholds that were fitted now, as the card will hold them; NULL where none were. Free with
 * g_free. */
static float *
fitted_thresholds (const CowCalibration *calibration, const CowCard *card)
{
  float *values = calibration ? g_new0 (float, calibration->n_classes) : NULL;
  for (guint c = 0; calibration && c < calibration->n_classes; c++) {
    const CowThreshold *threshold = &calibration->thresholds[c];
    values[c] = threshold->known ? (float)threshold->value
                : card->multiple ? card->thresholds[c]
                                 : 0;
  }
  return values;
}

static void
describe (Job *self)
{
  const CowDatasetOptions *data = &self->options->dataset.data;
  CowEvaluation *e = self->evaluation;
  g_autoptr (GDateTime) now = g_date_time_new_now_local ();
  const char *given[] = { self->split == COW_TEST  ? data->test
                          : self->split == COW_VAL ? data->val
                                                   : NULL,
                          data->data, data->train, data->val, data->test };
  for (guint i = 0; i < G_N_ELEMENTS (given) && !e->data; i++)
    e->data = given[i] ? g_filename_display_name (given[i]) : NULL;
  /* A whole network is its own model. */
  if (g_strcmp0 (cow_classifier_model_path (self->classifier),
                 cow_classifier_adapter_path (self->classifier)) != 0)
    e->model = g_filename_display_name (cow_classifier_model_path (self->classifier));
  e->adapter = g_filename_display_name (self->adapter);
  const gboolean exact = cow_classifier_precision (self->classifier) == COW_PRECISION_FP32;
  e->device =
      g_strdup_printf ("%s%s%s", cow_classifier_device_text (self->classifier), exact ? "" : " in ",
                       exact ? "" : cow_classifier_precision_text (self->classifier));
  e->made_at = g_date_time_format (now, "%Y-%m-%d %H:%M:%S %:z");
  const CowPreprocess *preprocess = cow_classifier_preprocess (self->classifier);
  g_autofree char *prepared = cow_preprocess_text (preprocess);
  e->prepared = g_strdup_printf (
      "%s, from %s", prepared,
      self->has_card ? "the adapter's cowbehavior.json"
                     : "what the model says, and else the default: the adapter has no card");
  if (self->calibration)
    e->fitted_on = g_strdup (cow_split_name (COW_VAL));
}

static void
warn_of_pictures (Job *self)
{
  g_autoptr (GPtrArray) remarks = cow_picture_remarks_take (self->dataset->remarks);

  for (guint i = 0; i < remarks->len; i++)
    warn (self, "%s", (const char *)remarks->pdata[i]);
}

static gboolean
evaluate (Job *self, GError **error)
{
  const CowCard *card = cow_classifier_card (self->classifier);
  self->evaluation = run_split (self, self->classifier, self->split, error);
  if (!self->evaluation || (self->options->calibrate && !calibrate (self, error)))
    return FALSE;
  g_autofree float *fitted = fitted_thresholds (self->calibration, card);
  cow_evaluation_compute (self->evaluation,
                          self->calibration ? self->calibration->temperature : card->temperature,
                          self->calibration ? fitted : card->thresholds);
  describe (self);
  warn_of_all (self);
  warn_of_pictures (self);
  return TRUE;
}

/* ---- another adapter ------------------------------------------------------------------------- */

/* Whether both adapters know the same classes, in any order; before the first is evaluated. */
static gboolean
find_other (Job *self, GError **error)
{
  if (!self->options->against)
    return TRUE;
  self->other_adapter = cow_locate (self->options->against, error);
  if (!self->other_adapter)
    return FALSE;
  g_autoptr (CowCard) card = cow_card_read (self->other_adapter, NULL, error);
  if (!card)
    return FALSE;
  const char *const *here = (const char *const *)self->dataset->classes;
  const char *const *there = (const char *const *)card->classes;
  const char *strange = NULL;
  if (card->multiple != (self->dataset->sets != NULL)) {
    g_set_error (
        error, COW_ERROR, COW_ERROR_MISMATCH,
        "--against %s: it has %s a picture and %s has %s: their numbers cannot be compared",
        self->other_adapter, card->multiple ? "several labels" : "one label", self->adapter,
        card->multiple ? "one" : "several");
    return FALSE;
  }
  for (guint i = 0; there[i] && !strange; i++)
    strange = g_strv_contains (here, there[i]) ? NULL : there[i];
  for (guint i = 0; here[i] && !strange; i++)
    strange = g_strv_contains (there, here[i]) ? NULL : here[i];
  if (!strange)
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_MISMATCH,
               "--against %s: \"%s\" is a class of only one of both adapters; those of the same "
               "classes can be compared",
               self->other_adapter, strange);
  return FALSE;
}

/* The card's thresholds in the order of an evaluation's classes; g_free. */
static float *
reorder_thresholds (const CowCard *card, const CowEvaluation *evaluation)
{
  float *thresholds = g_new (float, evaluation->n_classes);
  for (guint c = 0; c < evaluation->n_classes; c++)
    for (guint k = 0; card->classes[k]; k++)
      if (g_str_equal (card->classes[k], evaluation->classes[c]))
        thresholds[c] = card->thresholds[k];
  return thresholds;
}

/* Each at its own base, and at the temperature of its card. */
static gboolean
evaluate_other (Job *self, GError **error)
{
  const Options *options = self->options;
  const char *path = self->other_adapter;
  g_auto (ModelOptions) model = options->model;
  model.model = NULL;
  model.choice = NULL;
  model.adapter = g_strdup (path);
  model.device = g_strdup (options->model.device);
  model.precision = g_strdup (options->model.precision);
  /* Where its own base is not found it may be the same. */
  if (!model_options_find (&model, NULL))
    model.model = g_strdup (cow_classifier_model_path (self->classifier));
  g_autoptr (CowClassifier) classifier = model_options_open (&model, error);
  if (!classifier || !check_head (classifier, path, error))
    return FALSE;
  self->other = run_split (self, classifier, self->split, error);
  if (!self->other)
    return FALSE;
  cow_evaluation_reorder (self->other, cow_classifier_classes (self->classifier));
  const CowCard *card = cow_classifier_card (classifier);
  g_autofree float *thresholds = card->multiple ? reorder_thresholds (card, self->other) : NULL;
  cow_evaluation_compute (self->other, card->temperature, thresholds);
  self->other->adapter = g_filename_display_name (path);
  self->against = cow_against_new (self->evaluation, self->other, error);
  return self->against != NULL;
}

/* ---- results --------------------------------------------------------------------------------- */

static gboolean
write_results (const Job *self, GError **error)
{
  const char *out = self->options->out;
  g_autofree char *page = g_build_filename (out, "report.html", NULL);
  g_autoptr (GPtrArray) figures = plots_of_evaluation (self->evaluation), panels = NULL;
  g_autoptr (GArray) history = adapter_run_history (self->adapter);

  if (!cow_evaluation_write (self->evaluation, out, error) ||
      !plot_figures_write (figures, out, error))
    return FALSE;
  panels = history ? plots_of_history (history, self->evaluation->multiple ? COW_HISTORY_LABELS
                                                                           : COW_HISTORY_CLASSES)
                   : NULL;
  if ((panels && !plot_figures_write (panels, out, error)) ||
      (self->against && !cow_against_write (self->against, out, error)))
    return FALSE;
  g_autoptr (Thumbnails) thumbnails =
      thumbnails_new (self->dataset, cow_classifier_preprocess (self->classifier),
                      cow_classifier_device (self->classifier), THUMBNAIL_MOST_PX, error);
  if (!thumbnails)
    return FALSE;
  g_autofree char *html =
      cow_report_html (self->evaluation, self->against, history, thumbnails, error);
  return html && cow_text_write (html, page, error);
}

static gboolean
keep (const Job *self, GError **error)
{
  if (!self->calibration && !self->options->save)
    return TRUE;
  return cow_evaluation_keep (self->adapter, cow_classifier_model_path (self->classifier),
                              self->calibration, cow_split_name (COW_VAL),
                              self->options->save ? self->evaluation : NULL, error);
}

static void
print_results (const Job *self)
{
  g_autofree char *text = cow_evaluation_report_text (self->evaluation);
  g_autofree char *page = g_build_filename (self->options->out, "report.html", NULL),
                  *shown = g_filename_display_name (page);
  g_autofree char *against = self->against ? cow_against_text (self->against) : NULL;
  g_print ("%s\n%s%s%s\n", text, against ? against : "", against ? "\n" : "", shown);
}

/* The exit status says that the results are not about all pictures. */
static gboolean
check_all_read (const Job *self, GError **error)
{
  const CowEvaluation *const parts[] = { self->evaluation, self->validation };
  guint unreadable = 0, all = 0;
  for (guint i = 0; i < G_N_ELEMENTS (parts); i++) {
    unreadable += parts[i] ? parts[i]->unreadable->len : 0;
    all += parts[i] ? parts[i]->n + parts[i]->unreadable->len : 0;
  }
  if (unreadable == 0)
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
               "%u of %u picture%s could not be read; the results are about the others", unreadable,
               all, words_s (all));
  return FALSE;
}

/* ---- adapters that find cows ----------------------------------------------------------------- */

/* What has no meaning for boxes is an error, not left out. */
static gboolean
check_detecting (const Options *options, GError **error)
{
  const char *of_classes = options->arguments               ? "recordings and --bouts"
                           : options->against               ? "--against"
                           : options->calibrate             ? "--calibrate"
                           : options->dataset.data.multiple ? "--multi-label"
                                                            : NULL;

  return !of_classes ||
         verb_usage (error, "%s: of classes alone, and the adapter finds cows in whole frames",
                     of_classes);
}

/* The frames of the command line, or else those of the adapter's run, divided as there. */
static gboolean
choose_frames (const Job *self, CowFramesOptions *frames, GError **error)
{
  CowDatasetOptions *data = &self->options->dataset.data;

  if (names_data (data)) {
    frames->set = *data;
    *data = (CowDatasetOptions)COW_DATASET_OPTIONS_DEFAULT;
    frames->images = g_strdup (self->options->images);
    return TRUE;
  }
  g_autoptr (CowRecipe) recipe = run_recipe (self, error);
  if (!recipe)
    return FALSE;
  cow_recipe_frames_options (recipe, frames);
  return TRUE;
}

static gboolean
run_boxes (const Job *self, GError **error)
{
  const Options *options = self->options;
  g_auto (CowFramesOptions) frames = COW_FRAMES_OPTIONS_DEFAULT;
  ModelOptions model = options->model;

  model.detects = TRUE;
  const EvalBoxes boxes = { .model = &model,
                            .frames = &frames,
                            .split = options->split,
                            .out = options->out,
                            .workers = options->workers,
                            .save = options->save };
  return check_detecting (options, error) && choose_frames (self, &frames, error) &&
         prepare_out (options->out, error) && eval_boxes (&boxes, error);
}

static gboolean
job_run (Job *self, GError **error)
{
  Options *options = self->options;
  self->adapter = cow_locate (options->model.adapter, error);
  if (self->adapter && model_options_detects (&options->model))
    return run_boxes (self, error);
  if (options->images)
    return verb_usage (error, "--images is of frames, for adapters that find cows in them");
  if (!self->adapter || !open_data (self, error) || !find_other (self, error) ||
      !choose_split (self, error) || !prepare_out (options->out, error) ||
      !open_classifier (self, error) || !pictures_start (error) || !evaluate (self, error) ||
      (options->against && !evaluate_other (self, error)) || !write_results (self, error))
    return FALSE;
  print_results (self);
  if (!keep (self, error))
    return FALSE;
  return check_all_read (self, error);
}

static void
job_clear (Job *self)
{
  g_clear_pointer (&self->against, cow_against_free);
  g_clear_pointer (&self->other, cow_evaluation_free);
  g_clear_pointer (&self->evaluation, cow_evaluation_free);
  g_clear_pointer (&self->validation, cow_evaluation_free);
  g_clear_pointer (&self->calibration, cow_calibration_free);
  g_clear_pointer (&self->classifier, cow_classifier_free);
  g_clear_pointer (&self->dataset, cow_dataset_free);
  g_free (self->adapter);
  g_free (self->other_adapter);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Job, job_clear)

static void
options_clear (Options *self)
{
  model_options_clear (&self->model);
  dataset_flags_clear (&self->dataset);
  video_cutting_clear (&self->cutting);
  g_free (self->out);
  g_free (self->split);
  g_free (self->images);
  g_free (self->against);
  g_free (self->tracks);
  g_strfreev (self->arguments);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Options, options_clear)

gboolean
verb_eval (int argc, char **argv, GError **error)
{
  g_auto (Options) options = { .model = MODEL_OPTIONS_DEFAULT,
                               .dataset = DATASET_FLAGS_DEFAULT,
                               .cutting = { .every = CUT_VIDEOS_EVERY } };
  g_autofree char *other = g_strdup (argc > 1 ? other_option (argv + 1) : NULL);
  g_auto (Job) job = { .options = &options };
  g_autoptr (GArray) entries = verb_entries_new ();
  const GOptionEntry own[] = {
    { "seed", 0, 0, G_OPTION_ARG_INT64, &options.dataset.data.seed,
      "Of the division of undivided pictures (42)", "N" },
    { "split", 's', 0, G_OPTION_ARG_STRING, &options.split,
      "auto, train, val, test or all (auto: test, else val, else all)", "SPLIT" },
    { "out", 'o', 0, G_OPTION_ARG_FILENAME, &options.out, "Folder for the results", "FOLDER" },
    { "images", 0, 0, G_OPTION_ARG_FILENAME, &options.images,
      "Frames: where their files are, unless beside what names them", "FOLDER" },
    { "against", 0, 0, G_OPTION_ARG_FILENAME, &options.against,
      "Another adapter, to be compared on the same pictures", "FOLDER" },
    { "tracks", 0, 0, G_OPTION_ARG_FILENAME, &options.tracks,
      "Compare files of tracks with this one", "FILE" },
    { "calibrate", 0, 0, G_OPTION_ARG_NONE, &options.calibrate,
      "Fit temperature and thresholds on val, and keep them", NULL },
    { "min-precision", 0, 0, G_OPTION_ARG_DOUBLE, &options.precision_target,
      "Thresholds for this precision (0: the best F1)", "P" },
    { "save", 0, 0, G_OPTION_ARG_NONE, &options.save,
      "Keep metrics and confusion matrix with the adapter", NULL },
    { "workers", 0, 0, G_OPTION_ARG_INT, &options.workers,
      "Threads that read pictures (one a processor)", "N" },
    VIDEO_ARGUMENTS_BOUTS (options.cutting.bouts_path),
    VIDEO_ARGUMENTS_ZONES (options.cutting.zones_text),
    VIDEO_ARGUMENTS_BOXES (options.cutting.boxes_paths, 0),
    VIDEO_ARGUMENTS_EVERY (options.cutting.every, "10"),
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options.arguments, NULL, NULL },
  };

  model_options_add (&options.model, entries);
  dataset_flags_add (&options.dataset, entries);
  g_array_append_vals (entries, own, G_N_ELEMENTS (own));
  /* Undivided pictures are all evaluated. */
  options.dataset.data.val_fraction = 0;
  if (!verb_parse (&help, (const GOptionEntry *)entries->data, argc, argv, error))
    return FALSE;
  if (options.tracks)
    return run_tracks (&options, other, error);
  return dataset_flags_finish (&options.dataset, error) && check_options (&options, error) &&
         job_run (&job, error);
}
