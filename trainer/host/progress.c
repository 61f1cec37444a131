/* SPDX-License-Identifier: MIT */
#include "trainer/host/progress.h"

#include <stdio.h>
#include <unistd.h>

#define TERMINAL_INTERVAL_US (G_USEC_PER_SEC / 10)
#define LOG_INTERVAL_US      (10 * G_USEC_PER_SEC)

struct _Progress {
  char *unit, *before, *after;
  double scale; /* of a count to the unit */
  guint64 total, skipped;
  gint64 start_us, shown_us; /* monotonic */
  gboolean terminal, visible;
};

Progress *
progress_new (const char *unit, guint64 total)
{
  Progress *self = g_new0 (Progress, 1);
  self->unit = g_strdup (unit);
  self->scale = g_str_equal (unit, "MB") ? 1e-6 : 1;
  self->total = total;
  self->start_us = self->shown_us = g_get_monotonic_time ();
  self->terminal = isatty (STDERR_FILENO);
  return self;
}

static void
show (Progress *self, guint64 done, double seconds)
{
  const double rate =
      seconds > 0 && done > self->skipped ? (double)(done - self->skipped) / seconds : 0;
  const double left = rate > 0 ? (double)(self->total - MIN (done, self->total)) / rate : 0;
  const guint64 minutes = (guint64)(left / 60);
  const double percent = self->total > 0 ? 100.0 * (double)done / (double)self->total : 100;

  fprintf (
      stderr, "%s%s%s%.0f of %.0f %s  %.0f %%  %.3g %s/s  %" G_GUINT64_FORMAT ":%02d left%s%s%s",
      self->terminal ? "\r\033[K" : "", self->before ? self->before : "", self->before ? "  " : "",
      (double)done * self->scale, (double)self->total * self->scale, self->unit, percent,
      rate * self->scale, self->unit, minutes, (int)(left - (double)minutes * 60),
      self->after ? "  " : "", self->after ? self->after : "", self->terminal ? "" : "\n");
  fflush (stderr);
  self->visible = self->terminal;
}

void
progress_set (Progress *self, guint64 done)
{
  const gint64 now_us = g_get_monotonic_time ();

  if (now_us - self->shown_us < (self->terminal ? TERMINAL_INTERVAL_US : LOG_INTERVAL_US))
    return;
  self->shown_us = now_us;
  show (self, done, (double)(now_us - self->start_us) / G_USEC_PER_SEC);
}

void
progress_skip (Progress *self, guint64 done)
{
  self->skipped = done;
}

void
progress_note (Progress *self, const char *before, const char *after)
{
  g_free (self->before);
  g_free (self->after);
  self->before = g_strdup (before);
  self->after = g_strdup (after);
}

void
progress_clear (Progress *self)
{
  if (!self->visible)
    return;
  fputs ("\r\033[K", stderr);
  fflush (stderr);
  self->visible = FALSE;
}

void
progress_free (Progress *self)
{
  if (!self)
    return;
  progress_clear (self);
  g_free (self->unit);
  g_free (self->before);
  g_free (self->after);
  g_free (self);
}
