/* SPDX-License-Identifier: MIT */
/* Pictures through the network: reading runs ahead in the loader's threads, as in training. */
#include <math.h>
#include <string.h>

#include "trainer/eval/evaluation.h"
#include "trainer/host/progress.h"

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
    for (guint c = 0; c < self->n_classes; c++)
      if (!isfinite (logits[c])) {
        g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                     "%s gives a logit that is not a number for %s",
                     cow_classifier_adapter_path (run->classifier), sample->path);
        return FALSE;
      }
    memcpy (self->logits + (gsize)self->n * self->n_classes, logits,
            self->n_classes * sizeof (float));
    self->samples[self->n] = sample;
    self->truth[self->n++] = (guint)sample->label;
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
