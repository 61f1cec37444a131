/* SPDX-License-Identifier: MIT */
#include "trainer/video/outputs.h"

#include <string.h>

#include "model/files/csv-field.h"
#include "model/files/error.h"
#include "model/files/event-row.h"
#include "model/files/file-writer.h"
#include "model/files/json.h"
#include "trainer/data/file-names.h"
#include "trainer/video/boris.h"
#include "trainer/video/budget-figure.h"
#include "trainer/video/elan.h"

#define FLUSH_BYTES 65536

/* A file that rows are added to. */
typedef struct {
  CowFileWriter *file;
  GString *text; /* not yet written */
} Rows;

struct _CowVideoOutputs {
  char *folder;
  Rows events_csv, events_json, bouts, budget;
  CowBoris *boris;
  CowBudgetFigure *figure;
};

/* ---- files of rows --------------------------------------------------------------------------- */

static gboolean
rows_open (Rows *self, const char *folder, const char *name, GError **error)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);

  self->text = g_string_new (NULL);
  self->file = cow_file_writer_new (path, error);
  return self->file != NULL;
}

static gboolean
rows_flush (Rows *self, gsize above, GError **error)
{
  if (self->text->len <= above)
    return TRUE;
  if (!cow_file_writer_write (self->file, self->text->str, self->text->len, error))
    return FALSE;
  g_string_truncate (self->text, 0);
  return TRUE;
}

static gboolean
rows_finish (Rows *self, GError **error)
{
  return rows_flush (self, 0, error) && cow_file_writer_finish (self->file, error);
}

static void
rows_clear (Rows *self)
{
  g_clear_pointer (&self->file, cow_file_writer_free);
  if (self->text)
    g_string_free (g_steal_pointer (&self->text), TRUE);
}

/* ---- pieces of text -------------------------------------------------------------------------- */

/* By ISO 8601 with the offset of its zone; nothing where nobody knows the time of day. */
static char *
wall_clock (const CowVideoSource *source, gint64 time)
{
  if (!source->start)
    return g_strdup ("");
  g_autoptr (GDateTime) at = g_date_time_add (source->start, cow_observation_ms (time) * 1000);
  g_autofree char *day = g_date_time_format (at, "%Y-%m-%dT%H:%M:%S"),
                  *zone = g_date_time_format (at, "%:z");
  return g_strdup_printf ("%s.%03d%s", day, g_date_time_get_microsecond (at) / 1000, zone);
}

/* "source,zone,track" */
static void
append_who (GString *text, const CowVideoSource *source, const char *zone, const char *track)
{
  cow_csv_append_name (text, source->source);
  g_string_append_c (text, ',');
  cow_csv_append_name (text, zone);
  g_string_append_c (text, ',');
  cow_csv_append_name (text, track);
}

static void
append_member (GString *text, const char *key, const char *value)
{
  g_string_append_printf (text, ",\"%s\":", key);
  cow_json_append_string (text, value);
}

/* ---- the files ------------------------------------------------------------------------------- */

static void
add_heads (CowVideoOutputs *self, const char *const *classes)
{
  g_string_append (self->events_csv.text, COW_EVENT_COLUMNS "\n");
  g_string_append (self->bouts.text,
                   "source,zone,track,label,start,end,seconds,wall_clock,confidence\n");
  g_string_append (self->budget.text, "source,zone,track,hour");
  for (; *classes; classes++) {
    g_string_append_c (self->budget.text, ',');
    cow_csv_append_name (self->budget.text, *classes);
  }
  g_string_append (self->budget.text, ",unknown,observed\n");
}

CowVideoOutputs *
cow_video_outputs_new (const char *folder, const char *const *classes, GError **error)
{
  g_autoptr (CowVideoOutputs) self = g_new0 (CowVideoOutputs, 1);

  self->folder = g_strdup (folder);
  if (!cow_folder_make (folder, error))
    return NULL;
  if (!rows_open (&self->events_csv, folder, "events.csv", error) ||
      !rows_open (&self->events_json, folder, "events.jsonl", error) ||
      !rows_open (&self->bouts, folder, "bouts.csv", error) ||
      !rows_open (&self->budget, folder, "budget.csv", error))
    return NULL;
  self->boris = cow_boris_new (classes);
  self->figure = cow_budget_figure_new ();
  add_heads (self, classes);
  return g_steal_pointer (&self);
}

gboolean
cow_video_outputs_event (CowVideoOutputs *self, const CowVideoSource *source,
                         const CowSubjectName *who, gint64 time, const char *label,
                         double confidence, GError **error)
{
  GString *csv = self->events_csv.text, *json = self->events_json.text;
  g_autofree char *clock = wall_clock (source, time);

  cow_event_row_append (csv, &(CowEventRow){ .source = source->source,
                                             .zone = who->zone,
                                             .track = who->track,
                                             .time = time,
                                             .wall_clock = clock,
                                             .label = label,
                                             .confidence = confidence });
  g_string_append_c (csv, '\n');

  g_string_append (json, "{\"time\":");
  cow_event_row_append_seconds (json, time);
  append_member (json, "source", source->source);
  if (*clock)
    append_member (json, "wall_clock", clock);
  if (who->zone)
    append_member (json, "zone", who->zone);
  if (who->track)
    append_member (json, "track", who->track);
  append_member (json, "label", label);
  g_string_append_printf (json, ",\"confidence\":%.6g}\n", confidence);
  return rows_flush (&self->events_csv, FLUSH_BYTES, error) &&
         rows_flush (&self->events_json, FLUSH_BYTES, error);
}

static void
add_bouts (CowVideoOutputs *self, const CowVideoSource *source, const CowObservation *seen)
{
  GString *text = self->bouts.text;

  for (guint i = 0; i < seen->bouts->len; i++) {
    const CowBout *bout = &g_array_index (seen->bouts, CowBout, i);
    const CowSubject *subject = seen->subjects->pdata[bout->subject];
    g_autofree char *clock = wall_clock (source, bout->start);

    append_who (text, source, subject->zone, subject->track);
    g_string_append_c (text, ',');
    cow_csv_append_name (text, seen->labels->pdata[bout->label]);
    g_string_append_c (text, ',');
    cow_event_row_append_seconds (text, bout->start);
    g_string_append_c (text, ',');
    cow_event_row_append_seconds (text, bout->end);
    g_string_append_c (text, ',');
    cow_event_row_append_seconds (text, bout->end - bout->start);
    g_string_append_printf (text, ",%s,%.6g\n", clock, bout->confidence);
  }
}

/* The hour of the day and its date, or of the recording where nobody knows them. */
static char *
hour_text (const CowVideoSource *source, gint64 hour)
{
  if (!source->start)
    return g_strdup_printf ("%" G_GINT64_FORMAT, hour);
  g_autoptr (GDateTime) at = g_date_time_add_hours (source->start, (int)hour);
  return g_date_time_format (at, "%Y-%m-%dT%H:00");
}

static void
add_budget (CowVideoOutputs *self, const CowVideoSource *source, const CowObservation *seen)
{
  GString *text = self->budget.text;

  for (guint i = 0; i < seen->budget->len; i++) {
    const CowBudgetRow *row = seen->budget->pdata[i];
    const CowSubject *subject = seen->subjects->pdata[row->subject];
    g_autofree char *hour = hour_text (source, row->hour);
    gint64 observed = 0;

    append_who (text, source, subject->zone, subject->track);
    g_string_append_printf (text, ",%s", hour);
    for (guint label = 0; label < seen->labels->len; label++) {
      g_string_append_c (text, ',');
      cow_event_row_append_seconds (text, row->label_ns[label]);
      observed += row->label_ns[label];
    }
    g_string_append_c (text, ',');
    cow_event_row_append_seconds (text, observed);
    g_string_append_c (text, '\n');
  }
}

gboolean
cow_video_outputs_recording (CowVideoOutputs *self, const CowVideoSource *source,
                             const CowObservation *seen, GError **error)
{
  g_autofree char *name = g_strconcat (source->source, ".eaf", NULL),
                  *path = g_build_filename (self->folder, name, NULL),
                  *elan = cow_elan_text (source, seen);

  add_bouts (self, source, seen);
  add_budget (self, source, seen);
  cow_boris_add (self->boris, source, seen);
  cow_budget_figure_add (self->figure, source->source, seen);
  return cow_text_write (elan, path, error) && rows_flush (&self->bouts, FLUSH_BYTES, error) &&
         rows_flush (&self->budget, FLUSH_BYTES, error);
}

gboolean
cow_video_outputs_finish (CowVideoOutputs *self, GError **error)
{
  g_autofree char *path = g_build_filename (self->folder, "bouts.boris", NULL),
                  *boris = cow_boris_text (self->boris);

  return rows_finish (&self->events_csv, error) && rows_finish (&self->events_json, error) &&
         rows_finish (&self->bouts, error) && rows_finish (&self->budget, error) &&
         cow_text_write (boris, path, error) &&
         cow_budget_figure_write (self->figure, self->folder, error);
}

void
cow_video_outputs_free (CowVideoOutputs *self)
{
  rows_clear (&self->events_csv);
  rows_clear (&self->events_json);
  rows_clear (&self->bouts);
  rows_clear (&self->budget);
  g_clear_pointer (&self->boris, cow_boris_free);
  g_clear_pointer (&self->figure, cow_budget_figure_free);
  g_free (self->folder);
  g_free (self);
}
