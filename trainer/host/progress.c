/* SPDX-License-Identifier: MIT */
#include "trainer/host/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "trainer/host/terminal.h"
#include "trainer/host/words.h"

#define TERMINAL_INTERVAL_US (G_USEC_PER_SEC / 10)
#define LOG_INTERVAL_US      (10 * G_USEC_PER_SEC)

struct _Progress {
  char *unit, *before, *after;
  double scale; /* of a count to the unit */
  guint64 total, skipped, rest;
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

/* "1:05 left", and behind it how long all takes that this job is a part of. */
static char *
left_text (const Progress *self, guint64 done, double rate)
{
  const double units = (double)(self->total - MIN (done, self->total));
  g_autofree char *left = words_clock (units / rate),
                  *all = words_clock ((units + (double)self->rest) / rate);

  return self->rest > 0 ? g_strdup_printf ("  %s left, %s in all", left, all)
                        : g_strdup_printf ("  %s left", left);
}

/*
 * A terminal has room for so many columns, and a line that takes more cannot be written over. What
 * tells least goes first: the words behind, the rate, the words before.
 */
static char *
line_that_fits (const Progress *self, guint64 done, double seconds)
{
  const double rate =
      seconds > 0 && done > self->skipped ? (double)(done - self->skipped) / seconds : 0;
  const double percent = self->total > 0 ? 100.0 * (double)done / (double)self->total : 100;
  g_autofree char *number = words_number (rate * self->scale),
                  *speed = g_strdup_printf ("  %s %s/s", number, self->unit),
                  *left = rate > 0 ? left_text (self, done, rate) : g_strdup (""),
                  *before = self->before ? g_strconcat (self->before, "  ", NULL) : g_strdup (""),
                  *after = self->after ? g_strconcat ("  ", self->after, NULL) : g_strdup (""),
                  *count = g_strdup_printf ("%.0f of %.0f %s  %.0f %%", (double)done * self->scale,
                                            (double)self->total * self->scale, self->unit, percent);
  const guint room = self->terminal ? terminal_columns (STDERR_FILENO) : G_MAXUINT;
  const char *const parts[][5] = {
    { before, count, speed, left, after },
    { before, count, speed, left, "" },
    { before, count, "", left, "" },
    { "", count, "", left, "" },
  };
  char *line = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (parts) && (!line || words_columns (line) > room); i++) {
    g_free (line);
    line = g_strconcat (parts[i][0], parts[i][1], parts[i][2], parts[i][3], parts[i][4], NULL);
  }
  g_autofree char *whole = line;
  return words_fit (whole, room);
}

static void
show (Progress *self, guint64 done, double seconds)
{
  g_autofree char *line = line_that_fits (self, done, seconds);

  fprintf (stderr, "%s%s%s", self->terminal ? "\r\033[K" : "", line, self->terminal ? "" : "\n");
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
progress_rest (Progress *self, guint64 rest)
{
  self->rest = rest;
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
