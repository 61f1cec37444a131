/* SPDX-License-Identifier: MIT */
#include "trainer/train/loop.h"

#include <math.h>
#include <string.h>

#include "model/training/random.h"
#include "trainer/host/memory.h"
#include "trainer/host/progress.h"
#include "trainer/train/schedule.h"
#include "trainer/host/stop.h"

#define NOTE_INTERVAL_US G_USEC_PER_SEC

/* One process's part of a run. */
typedef struct {
  const CowLoop *loop;
  const CowRecipe *recipe;
  CowRunState *state;
  CowRunCounters *at; /* the state's */
  CowSchedule schedule;
  gsize n_train;
  gint64 start_us, saved_us,
      epoch_us;          /* monotonic; epoch_us: when `at->seconds` was brought up to date */
  double first_position; /* of the epoch in this process, for the rate */
  gint64 first_us;
  Progress *progress;
  gint64 noted_us;
} Run;

typedef enum { PART_DONE, PART_INTERRUPTED, PART_HOURS, PART_FAILED } Part;

gint64
cow_loop_steps (const CowRecipe *recipe, const CowFeed *feed)
{
  const gint64 group = (gint64)recipe->batch * recipe->gradient_accumulation,
               n = (gint64)cow_feed_size (feed, COW_TRAIN);
  return (n + group - 1) / group;
}

/* ---- saving and stopping --------------------------------------------------------------------- */

/* Brings the time spent on this epoch up to date. */
static void
count_time (Run *self)
{
  const gint64 now = g_get_monotonic_time ();
  self->at->seconds += (double)(now - self->epoch_us) / G_USEC_PER_SEC;
  self->epoch_us = now;
}

static gboolean
save (Run *self, gboolean best, GError **error)
{
  count_time (self);
  if (!self->loop->save (best, self->loop->data, error))
    return FALSE;
  self->saved_us = g_get_monotonic_time ();
  return TRUE;
}

static gboolean
hours_are_over (const Run *self)
{
  return self->recipe->max_hours > 0 &&
         (double)(g_get_monotonic_time () - self->start_us) / G_USEC_PER_SEC >=
             self->recipe->max_hours * 3600;
}

static Part
wants_to_stop (const Run *self)
{
  return stop_requested () ? PART_INTERRUPTED : hours_are_over (self) ? PART_HOURS : PART_DONE;
}

static gboolean
is_time_to_save (const Run *self)
{
  return self->recipe->save_every > 0 &&
         (double)(g_get_monotonic_time () - self->saved_us) / G_USEC_PER_SEC >=
             self->recipe->save_every * 60;
}

static void
show (Run *self, const char *doing, guint64 done)
{
  const gint64 now = g_get_monotonic_time ();
  if (now - self->noted_us >= NOTE_INTERVAL_US || self->noted_us == 0) {
    g_autofree char *before =
        g_strdup_printf ("epoch %.0f of %d, %s", self->at->epoch + 1, self->recipe->epochs, doing);
    g_autofree char *after = g_strdup_printf ("%.0f MB", (double)memory_now () / 1e6);
    progress_note (self->progress, before, after);
    self->noted_us = now;
  }
  progress_set (self->progress, done);
}

/* ---- a step ---------------------------------------------------------------------------------- */

static gboolean
check_loss (const Run *self, double loss, GError **error)
{
  if (isfinite (loss))
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_DEVICE,
               "the loss of step %.0f (epoch %.0f) is not finite: a lower --learning-rate is "
               "needed; the last checkpoint stands",
               self->at->step + 1, self->at->epoch + 1);
  return FALSE;
}

/* Enqueues forward and backward of a batch that is `share` of its step. */
static gboolean
train_batch (Run *self, const CowFeedBatch *batch, gsize position, double share, GError **error)
{
  const CowLoop *loop = self->loop;
  const guint64 key = cow_random_key (
      cow_random_key ((guint64)self->recipe->seed, (guint64)self->at->epoch), position);

  return cow_network_forward (loop->network, batch->data, batch->n, batch->height, batch->width,
                              TRUE, key, error) &&
         loop->task->klass->loss (loop->task, batch, TRUE, share, error);
}

/* Enqueues the optimiser's step. */
static gboolean
optimise (Run *self, double rate, GError **error)
{
  const CowAdamW settings = { .learning_rate = rate,
                              .beta1 = .9,
                              .beta2 = .999,
                              .epsilon = 1e-8,
                              .weight_decay = self->recipe->weight_decay,
                              .step = (gint64)self->at->step + 1,
                              .ratio = self->recipe->lr_ratio };

  return cow_network_step (self->loop->network, &settings, self->recipe->clip, error);
}

/* Waits for a step, and enters it into the books. labels [n] of its pictures, in their order. */
static gboolean
finish_step (Run *self, const gint32 *labels, double rate, GError **error)
{
  CowRunCounters *at = self->at;
  const CowTask *task = self->loop->task;
  double norm, loss_sum = 0;
  gint64 correct = 0;
  guint n_passes;
  const CowPass *passes = cow_network_read (self->loop->network, &n_passes, &norm, error);

  if (!passes)
    return FALSE;
  for (guint i = 0; i < n_passes; labels += passes[i].batch, i++) {
    if (!check_loss (self, passes[i].loss, error))
      return FALSE;
    loss_sum += passes[i].loss * passes[i].batch;
    correct += task->klass->count (task, &passes[i], labels);
  }
  at->step++;
  at->learning_rate = rate;
  at->norm_sum += norm;
  at->norms++;
  at->loss_sum += loss_sum;
  at->correct += (double)correct;
  return TRUE;
}

/* A step: `accumulation` batches, or what is left of the epoch. The host waits once, at its end.
 * *unread tells a picture's fault from the network's. */
static gboolean
train_step (Run *self, gboolean *unread, GError **error)
{
  CowRunCounters *at = self->at;
  const double rate = cow_schedule_at (&self->schedule, (gint64)at->step);
  const gsize group = (gsize)self->recipe->batch * (gsize)self->recipe->gradient_accumulation;
  const gsize first = (gsize)at->position, n = MIN (group, self->n_train - first);
  g_autofree gint32 *labels = g_new (gint32, n);

  for (gsize done = 0; done < n;) {
    CowFeedBatch batch;
    *unread = !cow_feed_next (self->loop->feed, &batch, error);
    if (*unread)
      return FALSE;
    g_assert (batch.n > 0 && done + (gsize)batch.n <= n);
    memcpy (labels + done, batch.labels, (gsize)batch.n * sizeof *labels);
    if (!train_batch (self, &batch, first + done, (double)batch.n / (double)n, error))
      return FALSE;
    done += (gsize)batch.n;
  }
  if (!optimise (self, rate, error) || !finish_step (self, labels, rate, error))
    return FALSE;
  at->position += (double)n;
  return TRUE;
}

/* ---- an epoch -------------------------------------------------------------------------------- */

/* Keeps what was learned before a picture could not be read: the parameters are those of the last
 * whole step. */
static Part
unreadable (Run *self, GError **error)
{
  g_autoptr (GError) local = NULL;
  if (save (self, FALSE, &local) && error && *error) {
    g_autofree char *text = g_strdup ((*error)->message);
    g_free ((*error)->message);
    (*error)->message = g_strconcat (
        text,
        "; training stopped and was saved: put a good picture of the same name in its place and "
        "resume, or take it out and begin a new run that takes the adapter (--start)",
        NULL);
  }
  return PART_FAILED;
}

static Part
train_part (Run *self, GError **error)
{
  CowRunCounters *at = self->at;
  const char *unit = self->loop->task->klass->unit;
  g_autoptr (Progress) progress = self->progress = progress_new (unit, self->n_train);

  self->noted_us = 0;
  self->first_position = at->position;
  self->first_us = g_get_monotonic_time ();
  progress_skip (progress, (guint64)at->position);
  progress_rest (progress, (guint64)MAX (self->recipe->epochs - at->epoch - 1, 0) * self->n_train);
  if (!cow_feed_start (self->loop->feed, COW_TRAIN, (guint)at->epoch, (gsize)at->position, error))
    return PART_FAILED;
  while (at->position < (double)self->n_train) {
    gboolean unread = FALSE;
    Part stop = wants_to_stop (self);
    if (stop != PART_DONE)
      return stop;
    if (!train_step (self, &unread, error))
      return unread ? unreadable (self, error) : PART_FAILED;
    show (self, "training", (guint64)at->position);
    if (is_time_to_save (self) && !save (self, FALSE, error))
      return PART_FAILED;
  }
  cow_feed_stop (self->loop->feed);
  return PART_DONE;
}

static Part
validate (Run *self, CowEpoch *row, GError **error)
{
  const CowLoop *loop = self->loop;
  const gsize n = cow_feed_size (loop->feed, COW_VAL);
  CowTask *task = loop->task;
  g_autoptr (Progress) progress = progress_new (task->klass->unit, n);
  double loss_sum = 0;
  CowFeedBatch batch;

  self->progress = progress;
  self->noted_us = 0;
  if (!task->klass->begin (task, n, error) || !cow_feed_start (loop->feed, COW_VAL, 0, 0, error))
    return PART_FAILED;
  for (gsize done = 0;; done += (gsize)batch.n) {
    if (wants_to_stop (self) != PART_DONE)
      return wants_to_stop (self);
    if (!cow_feed_next (loop->feed, &batch, error))
      return unreadable (self, error);
    if (batch.n == 0)
      break;
    guint n_passes;
    if (!cow_network_forward (loop->network, batch.data, batch.n, batch.height, batch.width, FALSE,
                              0, error) ||
        !task->klass->loss (task, &batch, FALSE, 0, error))
      return PART_FAILED;
    const CowPass *pass = cow_network_read (loop->network, &n_passes, NULL, error);
    if (!pass)
      return PART_FAILED;
    loss_sum += pass->loss * batch.n;
    task->klass->add (task, pass, &batch);
    show (self, "validating", done + (gsize)batch.n);
  }
  cow_feed_stop (loop->feed);
  row->val_loss = loss_sum / (double)n;
  row->train_acc = self->at->correct / (double)self->n_train;
  row->val_acc = task->klass->judge (task, &row->train_acc);
  return PART_DONE;
}

/* What is judged is the mean of the parameters, where it is kept; training goes on without it. */
static Part
validate_mean (Run *self, CowEpoch *row, GError **error)
{
  CowNetwork *network = self->loop->network;
  if (!cow_network_show_mean (network, (gint64)self->at->step, error))
    return PART_FAILED;
  const Part part = validate (self, row, error);
  return part == PART_FAILED || cow_network_show_values (network, error) ? part : PART_FAILED;
}

/* Closes the books of an epoch; TRUE when it was the best. */
static gboolean
close_epoch (Run *self, CowEpoch *row)
{
  CowRunCounters *at = self->at;
  const gboolean best =
      at->best_epoch == 0 || row->val_acc > at->best_accuracy + self->recipe->min_delta;

  count_time (self);
  row->epoch = at->epoch + 1;
  row->train_loss = at->loss_sum / (double)self->n_train;
  row->learning_rate = at->learning_rate;
  row->grad_norm = at->norms > 0 ? at->norm_sum / at->norms : 0;
  row->seconds = at->seconds;
  row->memory = (double)memory_peak ();
  g_array_append_val (self->state->history, *row);

  at->waited = best ? 0 : at->waited + 1;
  if (best) {
    at->best_accuracy = row->val_acc;
    at->best_epoch = row->epoch;
  }
  at->epoch++;
  at->position = at->loss_sum = at->correct = at->norm_sum = at->norms = at->seconds = 0;
  return best;
}

static Part
run_epoch (Run *self, GError **error)
{
  CowEpoch row = { 0 };
  Part part = train_part (self, error);
  const double seconds = (double)(g_get_monotonic_time () - self->first_us) / G_USEC_PER_SEC;

  if (part == PART_DONE) {
    row.pictures_per_second =
        seconds > 0 ? (self->at->position - self->first_position) / seconds : 0;
    part = validate_mean (self, &row, error);
  }
  self->progress = NULL;
  cow_feed_stop (self->loop->feed);
  if (part == PART_FAILED)
    return part;
  if (part != PART_DONE)
    return save (self, FALSE, error) ? part : PART_FAILED;
  const gboolean best = close_epoch (self, &row);
  if (!save (self, best, error))
    return PART_FAILED;
  self->loop->epoch_done (&row, best, self->loop->data);
  return PART_DONE;
}

gboolean
cow_loop_run (const CowLoop *self, CowLoopEnd *end, GError **error)
{
  const CowRecipe *recipe = self->recipe;
  const gint64 now = g_get_monotonic_time ();
  Run run = { .loop = self,
              .recipe = recipe,
              .state = self->state,
              .at = &self->state->at,
              .start_us = now,
              .saved_us = now };

  run.n_train = cow_feed_size (self->feed, COW_TRAIN);
  run.schedule = cow_schedule_new (recipe->learning_rate, recipe->min_lr_ratio, recipe->warmup,
                                   (gint64)run.at->total_steps);
  run.epoch_us = now;
  while (run.at->epoch < recipe->epochs) {
    if (recipe->patience > 0 && run.at->waited >= recipe->patience) {
      *end = COW_LOOP_PATIENCE;
      return TRUE;
    }
    const Part part = run_epoch (&run, error);
    if (part == PART_FAILED)
      return FALSE;
    if (part != PART_DONE) {
      *end = part == PART_INTERRUPTED ? COW_LOOP_INTERRUPTED : COW_LOOP_HOURS;
      return TRUE;
    }
  }
  *end = COW_LOOP_EPOCHS;
  return TRUE;
}
