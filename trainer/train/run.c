/* SPDX-License-Identifier: MIT */
/* Training and saving. */
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "model/files/file-writer.h"
#include "trainer/eval/plots.h"
#include "trainer/train/run-private.h"

#define INTERRUPTED_WAIT_S 5.0 /* for the tracking server, when a user wants to stop */

const CowRunState *
cow_run_state (const CowRun *self)
{
  return self->state;
}

const CowDataset *
cow_run_dataset (const CowRun *self)
{
  return self->dataset;
}

/* ---- saving ---------------------------------------------------------------------------------- */

static gboolean
write_adapter (CowRun *self, const char *name, gboolean with_state, GError **error)
{
  g_autofree char *path = cow_run_folder_begin (self->folder, name, error);

  if (path && cow_network_save (self->network, path, error) &&
      cow_card_write (self->card, path, error) &&
      cow_kept_pictures_write (&self->kept, path, error) &&
      (!with_state || cow_run_state_save (self->state, self->network, path, error)) &&
      cow_run_folder_publish (self->folder, name, error))
    return TRUE;
  cow_run_folder_abandon (self->folder, name);
  return FALSE;
}

static CowHistoryOf
history_of (const CowRun *self)
{
  return self->frames                ? COW_HISTORY_BOXES
         : self->recipe->multi_label ? COW_HISTORY_LABELS
                                     : COW_HISTORY_CLASSES;
}

static gboolean
write_table (const CowRun *self, GError **error)
{
  g_autofree char *table = cow_history_to_csv (self->state->history, history_of (self));

  return cow_run_folder_write (self->folder, "results.csv", table, error);
}

/* What was judged: the mean of the parameters, where it is kept. */
static gboolean
write_best (CowRun *self, GError **error)
{
  return cow_network_show_mean (self->network, (gint64)self->state->at.step, error) &&
         write_adapter (self, "best", FALSE, error);
}

/*
 * The best goes first: a kill between the two leaves a `last` from before this epoch, and the
 * resumed run makes the same best again. The other way round, `last` would speak of a best that was
 * never written.
 */
static gboolean
save (gboolean best, gpointer data, GError **error)
{
  CowRun *self = data;

  run_card_update (self->card, self->state, self->dataset, self->thresholds);
  return (!best || write_best (self, error)) && cow_network_show_values (self->network, error) &&
         write_adapter (self, "last", TRUE, error) && write_table (self, error);
}

/* ---- telling --------------------------------------------------------------------------------- */

static void
log_epoch (CowRun *self, const CowEpoch *epoch)
{
  const double *values = (const double *)epoch;
  CowRunMetric metrics[COW_EPOCH_COLUMNS];

  /* The first column is the epoch, which is the step here; the best so far takes its place. */
  metrics[0] =
      (CowRunMetric){ history_of (self) == COW_HISTORY_CLASSES ? "best_val_acc" : "best_val_map",
                      self->state->at.best_accuracy };
  for (guint i = 1; i < COW_EPOCH_COLUMNS; i++)
    metrics[i] = (CowRunMetric){ cow_epoch_column (i, history_of (self)), values[i] };
  cow_run_tracking_log_metrics (self->tracking, COW_EPOCH_COLUMNS, metrics, (gint64)epoch->epoch);
}

static void
epoch_done (const CowEpoch *epoch, gboolean best, gpointer data)
{
  CowRun *self = data;
  g_autofree char *line = cow_epoch_line (epoch, best);

  cow_dataset_say_remarks (self->dataset);
  g_print ("%s\n", line);
  fflush (stdout);
  log_epoch (self, epoch);
}

/* Run tracking speaks from its own thread, perhaps in the middle of a line of progress. */
static void
tracking_says (const char *text, gpointer data)
{
  if (isatty (STDERR_FILENO))
    fputs ("\r\033[K", stderr);
  g_printerr ("cow-trainer: %s\n", text);
}

/* "loss", "accuracy" and "learning-rate" as PNG and SVG. A run that trained well does not fail for
 * a figure. */
static void
write_plots (const CowRun *self)
{
  g_autoptr (GPtrArray) figures = plots_of_history (self->state->history, history_of (self));
  g_autofree char *folder = g_build_filename (cow_run_folder_path (self->folder), "plots", NULL);
  g_autoptr (GError) error = NULL;

  if (figures->len > 0 &&
      (!cow_folder_make (folder, &error) || !plot_figures_write (figures, folder, &error)))
    g_printerr ("cow-trainer: warning: no figures: %s\n", error->message);
}

static void
log_files (CowRun *self)
{
  static const char *const names[] = { "recipe.ini", "results.csv", "contact-sheet.png" };
  g_autofree char *best = g_build_filename (cow_run_folder_path (self->folder), "best", NULL);
  g_autofree char *plots = g_build_filename (cow_run_folder_path (self->folder), "plots", NULL);

  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autofree char *path = g_build_filename (cow_run_folder_path (self->folder), names[i], NULL);
    if (cow_path_exists (path))
      cow_run_tracking_log_artifact (self->tracking, path, NULL);
  }
  if (cow_path_is_folder (best))
    cow_run_tracking_log_artifact (self->tracking, best, NULL);
  if (cow_path_is_folder (plots))
    cow_run_tracking_log_artifact (self->tracking, plots, NULL);
}

static void
finish (CowRun *self, gboolean ok, CowLoopEnd end)
{
  const gboolean done = ok && (end == COW_LOOP_EPOCHS || end == COW_LOOP_PATIENCE);

  cow_dataset_say_remarks (self->dataset);
  if (ok)
    write_plots (self);
  if (done)
    log_files (self);
  cow_run_tracking_finish (self->tracking,
                           done ? COW_RUN_TRACKING_FINISHED
                           : ok ? COW_RUN_TRACKING_KILLED
                                : COW_RUN_TRACKING_FAILED,
                           done ? COW_RUN_TRACKING_WAIT_S : INTERRUPTED_WAIT_S);
}

/* ---- training -------------------------------------------------------------------------------- */

gboolean
cow_run_train (CowRun *self, CowLoopEnd *end, GError **error)
{
  const CowRunCounters *at = &self->state->at;
  const CowLoop loop = { .recipe = self->recipe,
                         .network = self->network,
                         .feed = self->feed,
                         .state = self->state,
                         .task = self->task,
                         .save = save,
                         .epoch_done = epoch_done,
                         .data = self };

  cow_run_tracking_set_message (self->tracking, tracking_says, NULL);
  if (at->step > 0)
    g_print ("Going on in epoch %.0f of %d, after %.0f steps\n",
             fmin (at->epoch + 1, self->recipe->epochs), self->recipe->epochs, at->step);
  g_print ("%s\n", cow_epoch_head (history_of (self)));
  fflush (stdout);
  /* A kill between `last` and results.csv leaves a table without the newest epoch; where that was
   * the last one, no other epoch would write it. */
  const gboolean ok = (self->state->history->len == 0 || write_table (self, error)) &&
                      cow_loop_run (&loop, end, error);
  finish (self, ok, ok ? *end : COW_LOOP_INTERRUPTED);
  return ok;
}
