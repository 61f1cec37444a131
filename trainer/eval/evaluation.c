/* SPDX-License-Identifier: MIT */
#include "trainer/eval/evaluation.h"

#include <math.h>
#include <string.h>

#include "model/adapter/adapter.h"
#include "model/adapter/card.h"
#include "model/network/argmax.h"
#include "trainer/eval/describe.h"
#include "trainer/host/progress.h"

#define MOST_PAIRS 10

CowEvaluation *
cow_evaluation_new (const char *const *classes, gboolean multiple, guint most, GError **error)
{
  g_autoptr (CowEvaluation) self = g_new0 (CowEvaluation, 1);
  gsize values;

  self->classes = g_strdupv ((char **)classes);
  self->n_classes = g_strv_length (self->classes);
  self->warnings = g_ptr_array_new_with_free_func (g_free);
  self->unreadable = g_ptr_array_new_with_free_func (g_free);
  self->samples = g_try_new0 (const CowSample *, MAX (most, 1));
  self->truth = g_try_new0 (guint, MAX (most, 1));
  self->predicted = g_try_new0 (guint, MAX (most, 1));
  if (g_size_checked_mul (&values, MAX (most, 1), self->n_classes)) {
    self->logits = g_try_new0 (float, values);
    self->probabilities = g_try_new0 (float, values);
    self->shown = multiple ? g_try_new0 (guint8, values) : NULL;
    self->said = multiple ? g_try_new0 (guint8, values) : NULL;
  }
  self->multiple = multiple;
  if (self->samples && self->truth && self->predicted && self->logits && self->probabilities &&
      (!multiple || (self->shown && self->said)))
    return g_steal_pointer (&self);
  cow_check (CK_NO_MEMORY, error, "the answers for %u pictures of %u classes", most,
             self->n_classes);
  return NULL;
}

void
cow_evaluation_free (CowEvaluation *self)
{
  if (!self)
    return;
  char *texts[] = { self->model,   self->adapter, self->data,      self->device,
                    self->made_at, self->split,   self->fitted_on, self->prepared };
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    g_free (texts[i]);
  g_strfreev (self->classes);
  g_free (self->samples);
  g_free (self->truth);
  g_free (self->predicted);
  g_free (self->logits);
  g_free (self->probabilities);
  g_free (self->thresholds);
  g_free (self->shown);
  g_free (self->said);
  g_free (self->decisions);
  g_clear_pointer (&self->labels, cow_label_metrics_free);
  g_clear_pointer (&self->label_sources, g_ptr_array_unref);
  g_clear_pointer (&self->warnings, g_ptr_array_unref);
  g_clear_pointer (&self->unreadable, g_ptr_array_unref);
  g_clear_pointer (&self->confusion, cow_confusion_free);
  g_clear_pointer (&self->metrics, cow_metrics_free);
  g_clear_pointer (&self->pairs, g_array_unref);
  g_clear_pointer (&self->by_source, g_ptr_array_unref);
  g_free (self);
}

static guint
class_index (const CowEvaluation *self, const char *name)
{
  guint c = 0;

  while (!g_str_equal (self->classes[c], name))
    c++;
  return c;
}

void
cow_evaluation_reorder (CowEvaluation *self, const char *const *classes)
{
  g_autofree guint *from = g_new (guint, self->n_classes);
  g_autofree float *row = g_new (float, self->n_classes);

  for (guint c = 0; c < self->n_classes; c++)
    from[c] = class_index (self, classes[c]);
  for (guint i = 0; i < self->n; i++) {
    float *logits = self->logits + (gsize)i * self->n_classes;
    memcpy (row, logits, self->n_classes * sizeof (float));
    for (guint c = 0; c < self->n_classes; c++)
      logits[c] = row[from[c]];
  }
  g_strfreev (self->classes);
  self->classes = g_strdupv ((char **)classes);
}

/* ---- several labels a picture ---------------------------------------------------------------- */

static void
source_free (gpointer data)
{
  CowLabelSource *self = data;
  g_free (self->name);
  cow_label_metrics_free (self->metrics);
  g_free (self);
}

static int
compare_sources (gconstpointer a, gconstpointer b)
{
  const CowLabelSource *const *x = a, *const *y = b;
  return strcmp ((*x)->name, (*y)->name);
}

static const char *
source_of (const CowEvaluation *self, guint i)
{
  return self->samples[i]->source ? self->samples[i]->source : "";
}

/* The numbers of the pictures of a source; `room` has the room of `shown`, `said` and `logits`. */
static CowLabelMetrics *
measure_source (const CowEvaluation *self, const char *name, guint8 *room[2], float *logits)
{
  const gsize width = self->n_classes;
  guint n = 0;

  for (guint i = 0; i < self->n; i++) {
    if (!g_str_equal (source_of (self, i), name))
      continue;
    memcpy (room[0] + n * width, self->shown + i * width, width);
    memcpy (room[1] + n * width, self->said + i * width, width);
    memcpy (logits + n * width, self->logits + i * width, width * sizeof (float));
    n++;
  }
  return cow_label_metrics_new (room[0], room[1], logits, n, self->n_classes);
}

static void
measure_sources (CowEvaluation *self)
{
  const gsize n = (gsize)self->n * self->n_classes;
  g_autoptr (GHashTable) known = g_hash_table_new (g_str_hash, g_str_equal);
  g_autofree guint8 *shown = g_new (guint8, n), *said = g_new (guint8, n);
  g_autofree float *logits = g_new (float, n);

  self->label_sources = g_ptr_array_new_with_free_func (source_free);
  for (guint i = 0; i < self->n; i++) {
    const char *name = source_of (self, i);
    self->has_sources |= *name != '\0';
    if (!g_hash_table_add (known, (gpointer)name))
      continue;
    CowLabelSource *source = g_new0 (CowLabelSource, 1);
    source->name = g_strdup (name);
    source->metrics = measure_source (self, name, (guint8 *[]){ shown, said }, logits);
    g_ptr_array_add (self->label_sources, source);
  }
  g_ptr_array_sort (self->label_sources, compare_sources);
}

static void
compute_labels (CowEvaluation *self, double temperature, const float *thresholds)
{
  self->temperature = temperature;
  self->decisions = g_memdup2 (thresholds, self->n_classes * sizeof *thresholds);
  for (guint i = 0; i < self->n; i++) {
    const gsize at = (gsize)i * self->n_classes;
    cow_sigmoid (self->logits + at, self->n_classes, temperature, self->probabilities + at);
    cow_label_decide (self->probabilities + at, thresholds, self->n_classes, self->said + at);
  }
  self->labels =
      cow_label_metrics_new (self->shown, self->said, self->logits, self->n, self->n_classes);
  measure_sources (self);
}

/* ---- numbers --------------------------------------------------------------------------------- */

void
cow_evaluation_compute (CowEvaluation *self, double temperature, const float *thresholds)
{
  if (self->multiple) {
    compute_labels (self, temperature, thresholds);
    return;
  }
  g_autofree const char **sources = g_new (const char *, self->n);

  self->confusion = cow_confusion_new (self->n_classes);
  for (guint i = 0; i < self->n; i++) {
    self->predicted[i] = cow_argmax (self->logits + (gsize)i * self->n_classes, self->n_classes);
    cow_confusion_add (self->confusion, self->truth[i], self->predicted[i]);
    sources[i] = self->samples[i]->source;
    self->has_sources |= sources[i] && *sources[i];
  }
  self->metrics = cow_metrics_new (self->confusion);
  self->pairs = cow_confusion_pairs (self->confusion, MOST_PAIRS);
  self->by_source =
      cow_metrics_by_source (self->n_classes, self->n, self->truth, self->predicted, sources);
  self->temperature = temperature;
  cow_trust_measure (self->logits, self->truth, self->n, self->n_classes, temperature,
                     self->probabilities, &self->trust);
  if (!thresholds)
    return;
  self->thresholds = g_new0 (CowThreshold, self->n_classes);
  cow_thresholds_apply (self->probabilities, self->truth, self->n, self->n_classes, thresholds,
                        self->thresholds);
}

/* ---- pictures through the network ------------------------------------------------------------ */

/* Pictures through the network: reading runs ahead in the loader's threads, as in training. */

typedef struct {
  CowEvaluation *evaluation;
  CowClassifier *classifier;
  CowLoaderOptions options;
  Progress *progress;
  guint done; /* items of the list that were given to the network or left out */
} Run;

/* Keeps what the network says of n pictures. */
static gboolean
answer (Run *run, const float *pixels, const CowLoadItem *items, int n, GError **error)
{
  CowEvaluation *self = run->evaluation;
  const CowPreprocess *preprocess = &run->options.preprocess;
  const gint64 start = g_get_monotonic_time ();
  CowOutput output;

  if (!cow_classifier_run (run->classifier, pixels, n, preprocess->height, preprocess->width,
                           &output, error))
    return FALSE;
  self->network_seconds += (double)(g_get_monotonic_time () - start) / G_USEC_PER_SEC;
  for (int i = 0; i < n; i++) {
    const CowSample *sample = cow_dataset_sample (run->options.dataset, items[i].sample);
    const float *logits = output.logits + (gsize)i * self->n_classes;
    if (!cow_classifier_check_output (run->classifier, &output, i, sample->path, error))
      return FALSE;
    memcpy (self->logits + (gsize)self->n * self->n_classes, logits,
            self->n_classes * sizeof (float));
    self->samples[self->n] = sample;
    if (self->multiple)
      memcpy (self->shown + (gsize)self->n * self->n_classes,
              cow_label_sets_get (run->options.dataset->sets, (guint)sample->label),
              self->n_classes);
    else
      self->truth[self->n] = (guint)sample->label;
    self->n++;
  }
  return TRUE;
}

/* The batch that the loader failed at, picture by picture, without those that cannot be read. */
static gboolean
answer_without_unreadable (Run *run, guint n, GError **error)
{
  const gsize size = cow_preprocess_size (&run->options.preprocess);
  g_autofree float *pixels = g_try_new (float, size *n);
  g_autofree CowLoadItem *items = g_new (CowLoadItem, n);
  g_autoptr (CowPreparer) preparer = cow_preparer_new (run->options.device, error);
  int n_read = 0;

  if (!preparer)
    return FALSE;
  if (!pixels)
    return cow_check (CK_NO_MEMORY, error, "a batch of %u pictures", n);
  for (guint i = 0; i < n; i++) {
    g_autoptr (GError) unreadable = NULL;
    items[n_read] = run->options.items[run->done + i];
    if (cow_load_one (&run->options, preparer, &items[n_read], pixels + size * (gsize)n_read,
                      &unreadable)) {
      n_read++;
      continue;
    }
    progress_clear (run->progress);
    g_printerr ("cow-trainer: %s\n", unreadable->message);
    g_ptr_array_add (run->evaluation->unreadable,
                     g_filename_display_name (
                         cow_dataset_sample (run->options.dataset, items[n_read].sample)->path));
  }
  run->done += n;
  progress_set (run->progress, run->done);
  return n_read == 0 || answer (run, pixels, items, n_read, error);
}

/* Batches from the list's item run->done on, until its end or one that cannot be read (*failed). */
static gboolean
answer_batches (Run *run, guint n_items, gboolean *failed, GError **error)
{
  CowLoaderOptions options = run->options;
  g_autoptr (GError) unreadable = NULL;
  CowBatch batch;

  *failed = FALSE;
  options.items = run->options.items + run->done;
  options.n_items = n_items - run->done;
  g_autoptr (CowLoader) loader = cow_loader_new (&options, error);
  if (!loader)
    return FALSE;
  while (run->done < n_items) {
    if (!cow_loader_next (loader, &batch, &unreadable)) {
      *failed = TRUE;
      return TRUE;
    }
    if (!answer (run, batch.pixels, batch.items, batch.n, error))
      return FALSE;
    run->done += (guint)batch.n;
    progress_set (run->progress, run->done);
  }
  return TRUE;
}

gboolean
cow_evaluation_run (CowEvaluation *self, CowClassifier *classifier, const CowDataset *dataset,
                    const CowLoadItem *items, guint n_items, int batch, int n_threads,
                    GError **error)
{
  g_autoptr (Progress) progress = progress_new ("pictures", n_items);
  Run run = { .evaluation = self, .classifier = classifier, .progress = progress };
  const gint64 start = g_get_monotonic_time ();

  run.options.dataset = dataset;
  run.options.items = items;
  run.options.n_items = n_items;
  run.options.device = cow_classifier_device (classifier);
  run.options.preprocess = *cow_classifier_preprocess (classifier);
  run.options.batch = batch;
  run.options.n_threads = n_threads;
  self->batch = batch;
  while (run.done < n_items) {
    gboolean failed;
    if (!answer_batches (&run, n_items, &failed, error))
      return FALSE;
    if (failed && !answer_without_unreadable (&run, MIN ((guint)batch, n_items - run.done), error))
      return FALSE;
  }
  self->seconds = (double)(g_get_monotonic_time () - start) / G_USEC_PER_SEC;
  if (self->n > 0)
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "none of the %u pictures could be read",
               n_items);
  return FALSE;
}

/* ---- what the adapter keeps ------------------------------------------------------------------ */

/* The adapter's cowbehavior.json keeps the gist of its evaluation. */

/* The defaults that a folder without a card has been used with, now written down: its kind is what
 * PEFT's files say. */
static gboolean
complete (CowCard *card, const char *adapter, const char *model, GError **error)
{
  g_autoptr (JsonObject) described = json_object_new ();
  if (!describe_adapter (described, adapter, error))
    return FALSE;
  g_free (card->kind);
  card->kind = g_strdup (json_object_get_string_member (described, "method"));
  g_free (card->base_name);
  card->base_name = g_strdup (model);
  return TRUE;
}

gboolean
cow_evaluation_keep (const char *adapter, const char *model, const CowCalibration *calibration,
                     const char *calibration_split, const CowEvaluation *metrics, GError **error)
{
  gboolean found = FALSE;
  g_autoptr (CowCard) card = cow_card_read (adapter, &found, error);
  if (!card || (!found && !complete (card, adapter, model, error)))
    return FALSE;
  if (calibration) {
    JsonObject *object = cow_calibration_to_json (calibration, (const char *const *)card->classes,
                                                  calibration_split);
    cow_card_set_member (card, "calibration", json_node_init_object (json_node_alloc (), object));
    json_object_unref (object);
    for (guint c = 0; card->multiple && c < calibration->n_classes; c++)
      if (calibration->thresholds[c].known)
        card->thresholds[c] = (float)calibration->thresholds[c].value;
  }
  if (metrics) {
    JsonNode *node = json_node_new (JSON_NODE_ARRAY);
    if (!metrics->multiple)
      json_node_take_array (node, cow_evaluation_confusion_json (metrics));
    cow_card_set_member (card, "confusion", metrics->multiple ? NULL : node);
    if (metrics->multiple)
      json_node_unref (node);
    JsonObject *object = cow_evaluation_metrics_json (metrics);
    cow_card_set_member (card, "metrics", json_node_init_object (json_node_alloc (), object));
    json_object_unref (object);
  }
  return cow_card_write (card, adapter, error);
}
