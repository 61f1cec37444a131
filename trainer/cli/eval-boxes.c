/* SPDX-License-Identifier: MIT */
#include "trainer/cli/eval-boxes.h"

#include "model/files/file-writer.h"
#include "trainer/cli/verb.h"
#include "trainer/data/frames-dataset.h"
#include "trainer/data/frames-open.h"
#include "trainer/data/loader.h"
#include "trainer/eval/box-report.h"
#include "trainer/eval/found-boxes.h"
#include "trainer/eval/plots-boxes.h"
#include "trainer/eval/plots.h"
#include "trainer/host/progress.h"
#include "trainer/train/adapter-run.h"

typedef struct {
  const EvalBoxes *options;
  CowFrames *frames;
  CowDataset *dataset;
  GArray *items; /* of CowLoadItem */
  const char *split;
  CowClassifier *classifier;
  CowBoxEvaluation *evaluation;
} Job;

static void
job_clear (Job *self)
{
  g_clear_pointer (&self->evaluation, cow_box_evaluation_free);
  g_clear_pointer (&self->classifier, cow_classifier_free);
  g_clear_pointer (&self->dataset, cow_dataset_free);
  g_clear_pointer (&self->frames, cow_frames_free);
  g_clear_pointer (&self->items, g_array_unref);
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
  self->dataset = cow_dataset_of_frames (self->frames);
  if (!choose_frames (self, error) ||
      !(self->classifier = model_options_open (options->model, error)))
    return FALSE;
  self->evaluation =
      cow_box_evaluation_new (self->frames, cow_classifier_behaviours (self->classifier));
  return cow_folder_make (options->out, error);
}

/* ---- what is said of them -------------------------------------------------------------------- */

/* A warning to standard error and into the report. */
static void
warn (Job *self, const char *text)
{
  g_printerr ("cow-trainer: warning: %s\n", text);
  g_ptr_array_add (self->evaluation->warnings, g_strdup (text));
}

/* What the network tells and what the frames say may differ. */
static void
warn_of_behaviours (Job *self)
{
  const CowBoxBehaviours *behaviours = self->evaluation->behaviours;
  g_autoptr (GString) others = g_string_new (NULL);

  if (!behaviours)
    return;
  if (self->frames->n_classes == 0)
    warn (self, "the adapter tells what cows do, and these frames do not say it: how right it is "
                "is not measured");
  for (guint i = behaviours->n_told; i < behaviours->n; i++)
    g_string_append_printf (others, "%s%s", others->len > 0 ? ", " : "", behaviours->names[i]);
  if (others->len == 0)
    return;
  g_autofree char *text = g_strdup_printf (
      "the frames have behaviours that the adapter does not tell: %s; what it says of these cows "
      "is counted as wrong",
      others->str);
  warn (self, text);
}

static void
warn_of_frames (Job *self)
{
  for (guint i = 0; i < self->frames->warnings->len; i++)
    warn (self, self->frames->warnings->pdata[i]);
  warn_of_behaviours (self);
  if (g_strcmp0 (self->options->split, cow_split_name (COW_TRAIN)) == 0)
    warn (self, "these are training frames: results look better than they are");
}

/* What is only known when they have been read. */
static void
warn_of_pictures (Job *self)
{
  g_autoptr (GPtrArray) remarks = cow_picture_remarks_take (self->dataset->remarks);

  for (guint i = 0; i < remarks->len; i++)
    warn (self, remarks->pdata[i]);
}

static void
describe (Job *self)
{
  const CowDatasetOptions *set = &self->options->frames->set;
  const char *given[] = { set->data, set->test, set->val, set->train };
  const CowPreprocess *preprocess = cow_classifier_preprocess (self->classifier);
  CowBoxEvaluation *e = self->evaluation;
  g_autoptr (GDateTime) now = g_date_time_new_now_local ();

  for (guint i = 0; i < G_N_ELEMENTS (given) && !e->data; i++)
    e->data = given[i] ? g_filename_display_name (given[i]) : NULL;
  e->model = g_filename_display_name (cow_classifier_model_path (self->classifier));
  e->adapter = g_filename_display_name (cow_classifier_adapter_path (self->classifier));
  e->split = g_strdup (self->split);
  e->device = g_strdup_printf ("%s in %s", cow_classifier_device_text (self->classifier),
                               cow_classifier_precision_text (self->classifier));
  e->made_at = g_date_time_format (now, "%Y-%m-%d %H:%M:%S %:z");
  e->prepared = cow_preprocess_text (preprocess);
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
    cow_box_evaluation_add (self->evaluation, batch->items[i].sample, preprocess, detections,
                            cow_classifier_told (self->classifier));
    const FoundFrame found = { frame->path, FOUND_BOXES_NO_TIME, frame->width, frame->height };
    found_boxes_add (rows, &found, detections, cow_classifier_told (self->classifier));
    if (!found_boxes_flush (rows, error))
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
  g_autoptr (FoundBoxes) rows = found_boxes_new (
      FOUND_BOXES_COCO, path, FALSE, cow_classifier_behaviours (self->classifier), error);
  g_autoptr (CowLoader) loader = rows ? cow_loader_new (&loading, error) : NULL;
  g_autoptr (GArray) detections = g_array_new (FALSE, FALSE, sizeof (CowDetection));
  g_autoptr (Progress) progress = progress_new ("frames", self->items->len);
  const gint64 start = g_get_monotonic_time ();
  CowBatch batch = { .n = 1 };

  while (loader && batch.n > 0) {
    if (!cow_loader_next (loader, &batch, error) ||
        !run_batch (self, &batch, detections, rows, error))
      return FALSE;
    progress_set (progress, batch.first + (gsize)batch.n);
  }
  self->evaluation->seconds = (double)(g_get_monotonic_time () - start) / G_USEC_PER_SEC;
  return loader && found_boxes_finish (rows, error);
}

/* ---- what comes out -------------------------------------------------------------------------- */

/* The card keeps what was measured, and from which score on cows are told. */
static gboolean
save (const Job *self, GError **error)
{
  const char *folder = cow_classifier_adapter_path (self->classifier);
  g_autoptr (CowCard) card = cow_card_read (folder, NULL, error);
  JsonNode *node;

  if (!card)
    return FALSE;
  node = json_node_new (JSON_NODE_OBJECT);
  json_node_take_object (node, cow_box_evaluation_gist (self->evaluation));
  cow_card_set_member (card, "evaluation", node);
  return cow_card_write (card, folder, error);
}

static gboolean
write_results (const Job *self, GError **error)
{
  const char *out = self->options->out;
  const CowBoxEvaluation *e = self->evaluation;
  g_autofree char *page = g_build_filename (out, "report.html", NULL),
                  *shown = g_filename_display_name (page);
  g_autoptr (GPtrArray) figures = plots_of_boxes (e), panels = NULL;
  g_autoptr (GArray) history = adapter_run_history (cow_classifier_adapter_path (self->classifier));

  panels = history ? plots_of_history (history, COW_HISTORY_BOXES) : NULL;
  if (!cow_box_evaluation_write (e, out, error) || !plot_figures_write (figures, out, error) ||
      (panels && !plot_figures_write (panels, out, error)))
    return FALSE;
  g_autoptr (Thumbnails) thumbnails =
      thumbnails_new (self->dataset, cow_classifier_preprocess (self->classifier),
                      cow_classifier_device (self->classifier), COW_BOX_REPORT_FRAME_PX, error);
  g_autofree char *html =
      thumbnails ? cow_box_report_html (e, self->dataset, history, thumbnails, error) : NULL;
  if (!html || !cow_text_write (html, page, error) || (self->options->save && !save (self, error)))
    return FALSE;
  g_autofree char *text = cow_box_evaluation_text (e);
  g_print ("%s\n%s\n", text, shown);
  return TRUE;
}

gboolean
eval_boxes (const EvalBoxes *options, GError **error)
{
  g_auto (Job) self = { 0 };

  if (!job_open (&self, options, error))
    return FALSE;
  describe (&self);
  warn_of_frames (&self);
  if (!run_frames (&self, error))
    return FALSE;
  warn_of_pictures (&self);
  cow_box_evaluation_compute (self.evaluation);
  return write_results (&self, error);
}
