/* SPDX-License-Identifier: MIT */
#include "trainer/cli/eval-boxes.h"

#include <math.h>

#include "model/files/file-writer.h"
#include "model/files/json.h"
#include "trainer/cli/verb.h"
#include "trainer/data/frames-dataset.h"
#include "trainer/data/frames-open.h"
#include "trainer/data/loader.h"
#include "trainer/eval/box-tally.h"
#include "trainer/eval/box-threshold.h"
#include "trainer/eval/found-boxes.h"
#include "trainer/host/progress.h"
#include "trainer/host/words.h"

#define ALL_SPLITS COW_N_SPLITS

typedef struct {
  const EvalBoxes *options;
  CowFrames *frames;
  CowDataset *dataset;
  GArray *items; /* of CowLoadItem */
  const char *split;
  CowClassifier *classifier;
  CowBoxTally tally;
  CowBoxScores scores;
  CowBoxThreshold threshold;
} Job;

static void
job_clear (Job *self)
{
  g_clear_pointer (&self->classifier, cow_classifier_free);
  g_clear_pointer (&self->dataset, cow_dataset_free);
  g_clear_pointer (&self->frames, cow_frames_free);
  g_clear_pointer (&self->items, g_array_unref);
  cow_box_tally_clear (&self->tally);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Job, job_clear)

/* ---- which frames ---------------------------------------------------------------------------- */

static void
add_split (Job *self, CowSplit split)
{
  g_autoptr (GArray) own = cow_load_split (self->dataset, split, 1, 0);

  g_array_append_vals (self->items, own->data, own->len);
}

/* auto: the test's, or else those for validation, or all where nothing is divided. */
static gboolean
choose_frames (Job *self, GError **error)
{
  static const char *const names[] = { "train", "val", "test", "all", NULL };
  const char *name = self->options->split ? self->options->split : "auto";

  if (g_str_equal (name, "auto"))
    name = self->frames->splits[COW_TEST]->len > 0  ? "test"
           : self->frames->splits[COW_VAL]->len > 0 ? "val"
                                                    : "all";
  if (!g_strv_contains (names, name))
    return verb_usage (error, "--split %s: auto, train, val, test or all is expected", name);
  self->split = name;
  self->items = g_array_new (FALSE, FALSE, sizeof (CowLoadItem));
  for (CowSplit split = COW_TRAIN; split < COW_N_SPLITS; split++)
    if (g_str_equal (name, "all") || g_str_equal (name, cow_split_name (split)))
      add_split (self, split);
  if (self->items->len > 0)
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT,
               "--split %s has no frames: there are %u in train, %u in val and %u in test", name,
               self->frames->splits[COW_TRAIN]->len, self->frames->splits[COW_VAL]->len,
               self->frames->splits[COW_TEST]->len);
  return FALSE;
}

static gboolean
job_open (Job *self, const EvalBoxes *options, GError **error)
{
  self->options = options;
  self->frames = cow_frames_open (options->frames, error);
  if (!self->frames)
    return FALSE;
  cow_frames_say_warnings (self->frames);
  self->dataset = cow_dataset_of_frames (self->frames);
  if (!choose_frames (self, error) ||
      !(self->classifier = model_options_open (options->model, error)))
    return FALSE;
  cow_box_tally_init (&self->tally);
  return cow_folder_make (options->out, error);
}

/* ---- the frames ------------------------------------------------------------------------------ */

static gboolean
run_batch (Job *self, const CowBatch *batch, GArray *detections, FoundBoxes *rows, GError **error)
{
  const CowPreprocess *preprocess = cow_classifier_preprocess (self->classifier);
  const CowFindLimits limits = { .least = COW_BOX_TALLY_LEAST,
                                 .overlap = COW_BOX_TALLY_OVERLAP,
                                 .most = COW_BOX_TALLY_MOST };

  for (int i = 0; i < batch->n; i++) {
    const CowFrame *frame = cow_frames_get (self->frames, batch->items[i].sample);
    if (!cow_classifier_find (self->classifier,
                              batch->pixels + (gsize)i * cow_preprocess_size (preprocess),
                              preprocess->height, preprocess->width, &limits, detections, error))
      return FALSE;
    cow_box_tally_add (&self->tally, self->frames, frame, preprocess->width, preprocess->height,
                       detections);
    if (!found_boxes_add (rows, frame->path, frame->width, frame->height, detections, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
run_frames (Job *self, GError **error)
{
  const CowLoaderOptions loading = { .dataset = self->dataset,
                                     .items = (const CowLoadItem *)(void *)self->items->data,
                                     .n_items = self->items->len,
                                     .device = cow_classifier_device (self->classifier),
                                     .preprocess = *cow_classifier_preprocess (self->classifier),
                                     .batch = 1,
                                     .n_threads = self->options->workers };
  g_autofree char *path = g_build_filename (self->options->out, "found.json", NULL);
  g_autoptr (FoundBoxes) rows = found_boxes_new (FOUND_BOXES_COCO, path, error);
  g_autoptr (CowLoader) loader = rows ? cow_loader_new (&loading, error) : NULL;
  g_autoptr (GArray) detections = g_array_new (FALSE, FALSE, sizeof (CowDetection));
  g_autoptr (Progress) progress = progress_new ("frames", self->items->len);
  CowBatch batch = { .n = 1 };

  while (loader && batch.n > 0) {
    if (!cow_loader_next (loader, &batch, error) ||
        !run_batch (self, &batch, detections, rows, error))
      return FALSE;
    progress_set (progress, batch.first + (gsize)batch.n);
  }
  return loader && found_boxes_finish (rows, error);
}

/* ---- what comes out -------------------------------------------------------------------------- */

static void
judge (Job *self)
{
  const GArray *truth = self->tally.truth, *found = self->tally.found;

  cow_box_tally_scores (&self->tally, &self->scores);
  self->threshold = cow_box_threshold ((const CowTrueBox *)(void *)truth->data, truth->len,
                                       (const CowFoundBox *)(void *)found->data, found->len);
}

/* Without cows of a size there is nothing to say of them. */
static char *
number_text (double value)
{
  return isnan (value) ? g_strdup ("-") : g_strdup_printf ("%.4f", value);
}

static char *
report_text (const Job *self)
{
  static const char *const sizes[] = { "all", "small (< 32 x 32 px)", "medium (to 96 x 96 px)",
                                       "large" };
  const CowBoxScores *scores = &self->scores;
  const CowBoxThreshold *at = &self->threshold;
  GString *text = g_string_new (NULL);
  g_autofree char *half = number_text (scores->precision50),
                  *strict = number_text (scores->precision75);

  g_string_append_printf (text, "%u frame%s (%s), %u cow%s\n\n", self->items->len,
                          words_s (self->items->len), self->split, self->tally.truth->len,
                          words_s (self->tally.truth->len));
  g_string_append_printf (text, "mAP50  %s\nmAP75  %s\n\n%-24s mAP50:95   recall\n", half, strict,
                          "cows");
  for (guint i = 0; i < COW_BOX_SIZES; i++) {
    g_autofree char *precision = number_text (scores->precision[i]),
                    *recall = number_text (scores->recall[i]);
    g_string_append_printf (text, "%-24s %8s %8s\n", sizes[i], precision, recall);
  }
  g_string_append_printf (
      text,
      "\nFrom a score of %.3f on F1 is best, %.4f (precision %.4f, recall %.4f):\n"
      "%" G_GUINT64_FORMAT " found, %" G_GUINT64_FORMAT " missed, %" G_GUINT64_FORMAT " ghosts\n",
      at->score, at->f1, at->precision, at->recall, at->hits, at->missed, at->ghosts);
  return g_string_free (text, FALSE);
}

static void
set_number (JsonObject *object, const char *name, double value)
{
  if (isnan (value))
    json_object_set_null_member (object, name);
  else
    json_object_set_double_member (object, name, value);
}

static JsonObject *
results_object (const Job *self)
{
  static const char *const sizes[] = { "all", "small", "medium", "large" };
  const CowBoxScores *scores = &self->scores;
  const CowBoxThreshold *at = &self->threshold;
  JsonObject *object = json_object_new (), *threshold = json_object_new ();

  json_object_set_string_member (object, "split", self->split);
  json_object_set_int_member (object, "frames", self->items->len);
  json_object_set_int_member (object, "cows", self->tally.truth->len);
  set_number (object, "map50", scores->precision50);
  set_number (object, "map75", scores->precision75);
  for (guint i = 0; i < COW_BOX_SIZES; i++) {
    g_autofree char *precision = g_strconcat ("map50_95_", sizes[i], NULL),
                    *recall = g_strconcat ("recall_", sizes[i], NULL);
    set_number (object, i == 0 ? "map50_95" : precision, scores->precision[i]);
    set_number (object, i == 0 ? "recall" : recall, scores->recall[i]);
  }
  set_number (threshold, "score", at->score);
  set_number (threshold, "f1", at->f1);
  set_number (threshold, "precision", at->precision);
  set_number (threshold, "recall", at->recall);
  json_object_set_int_member (threshold, "found", (gint64)at->hits);
  json_object_set_int_member (threshold, "missed", (gint64)at->missed);
  json_object_set_int_member (threshold, "ghosts", (gint64)at->ghosts);
  json_object_set_object_member (object, "threshold", threshold);
  return object;
}

/* The card keeps what was measured, and from which score on cows are told. */
static gboolean
save (const Job *self, JsonObject *results, GError **error)
{
  const char *folder = cow_classifier_adapter_path (self->classifier);
  g_autoptr (CowCard) card = cow_card_read (folder, NULL, error);
  JsonNode *node = json_node_new (JSON_NODE_OBJECT);

  json_node_set_object (node, results);
  if (!card) {
    json_node_unref (node);
    return FALSE;
  }
  cow_card_set_member (card, "evaluation", node);
  return cow_card_write (card, folder, error);
}

static gboolean
write_results (const Job *self, GError **error)
{
  g_autofree char *text = report_text (self),
                  *report = g_build_filename (self->options->out, "report.txt", NULL),
                  *results = g_build_filename (self->options->out, "results.json", NULL);
  g_autoptr (JsonObject) object = results_object (self);
  g_autoptr (JsonNode) node = json_node_new (JSON_NODE_OBJECT);

  json_node_set_object (node, object);
  g_autofree char *json = cow_json_text (node, TRUE);
  if (!cow_text_write (text, report, error) || !cow_text_write (json, results, error) ||
      (self->options->save && !save (self, object, error)))
    return FALSE;
  g_print ("%s\nWritten to %s\n", text, self->options->out);
  return TRUE;
}

gboolean
eval_boxes (const EvalBoxes *options, GError **error)
{
  g_auto (Job) self = { 0 };

  if (!job_open (&self, options, error) || !run_frames (&self, error))
    return FALSE;
  judge (&self);
  return write_results (&self, error);
}
