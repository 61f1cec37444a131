/* SPDX-License-Identifier: MIT */
#include "trainer/video/observation.h"

#include <string.h>

#define HOUR    (3600 * G_GINT64_CONSTANT (1000000000))
#define UNKNOWN "unknown"

static void
free_subject (gpointer data)
{
  CowSubject *subject = data;

  g_free (subject->zone);
  g_free (subject->track);
  g_free (subject->name);
  g_free (subject);
}

static void
free_row (gpointer data)
{
  CowBudgetRow *row = data;

  g_free (row->label_ns);
  g_free (row);
}

CowObservation *
cow_observation_new (const char *const *classes, gint64 offset)
{
  CowObservation *self = g_new0 (CowObservation, 1);

  self->subjects = g_ptr_array_new_with_free_func (free_subject);
  self->labels = g_ptr_array_new_with_free_func (g_free);
  for (; *classes; classes++)
    g_ptr_array_add (self->labels, g_strdup (*classes));
  g_ptr_array_add (self->labels, g_strdup (UNKNOWN));
  self->bouts = g_array_new (FALSE, FALSE, sizeof (CowBout));
  self->budget = g_ptr_array_new_with_free_func (free_row);
  self->offset = offset;
  self->by_name = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->rows = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  self->open = g_array_new (FALSE, TRUE, sizeof (CowBout));
  return self;
}

void
cow_observation_free (CowObservation *self)
{
  g_ptr_array_unref (self->subjects);
  g_ptr_array_unref (self->labels);
  g_array_unref (self->bouts);
  g_ptr_array_unref (self->budget);
  g_hash_table_unref (self->by_name);
  g_hash_table_unref (self->rows);
  g_array_unref (self->open);
  g_free (self);
}

/* ---- who, and what --------------------------------------------------------------------------- */

/* A zone and a track may have the same text. */
static guint
find_subject (CowObservation *self, const CowSubjectName *who)
{
  const CowBout none = { .subject = self->subjects->len };
  g_autofree char *key = who->track  ? g_strconcat ("t", who->track, NULL)
                         : who->zone ? g_strconcat ("z", who->zone, NULL)
                                     : g_strdup ("f");
  gpointer found;

  if (g_hash_table_lookup_extended (self->by_name, key, NULL, &found))
    return GPOINTER_TO_UINT (found);
  CowSubject *subject = g_new0 (CowSubject, 1);
  subject->zone = g_strdup (who->zone);
  subject->track = g_strdup (who->track);
  subject->name = who->track  ? g_strconcat ("cow ", who->track, NULL)
                  : who->zone ? g_strdup (who->zone)
                              : g_strdup ("frame");
  g_hash_table_insert (self->by_name, g_steal_pointer (&key),
                       GUINT_TO_POINTER (self->subjects->len));
  g_ptr_array_add (self->subjects, subject);
  g_array_append_val (self->open, none);
  return self->subjects->len - 1;
}

static guint
find_label (const CowObservation *self, const char *label)
{
  guint i = 0;

  while (i + 1 < self->labels->len && g_strcmp0 (self->labels->pdata[i], label) != 0)
    i++;
  return i;
}

static CowBudgetRow *
find_row (CowObservation *self, guint subject, gint64 hour)
{
  gint64 key = hour * G_MAXUINT32 + subject;
  CowBudgetRow *row = g_hash_table_lookup (self->rows, &key);

  if (row)
    return row;
  row = g_new (CowBudgetRow, 1);
  *row = (CowBudgetRow){ subject, hour, g_new0 (gint64, self->labels->len) };
  g_ptr_array_add (self->budget, row);
  g_hash_table_insert (self->rows, g_memdup2 (&key, sizeof key), row);
  return row;
}

/* ---- adding ---------------------------------------------------------------------------------- */

/* The time goes into the hours that it lies in. */
static void
add_to_budget (CowObservation *self, guint subject, guint label, gint64 time, gint64 duration)
{
  gint64 from = time + self->offset;
  const gint64 end = from + duration;

  while (from < end) {
    const gint64 hour = from / HOUR, until = MIN (end, (hour + 1) * HOUR);

    find_row (self, subject, hour)->label_ns[label] += until - from;
    from = until;
  }
}

static void
end_bout (CowObservation *self, CowBout *bout)
{
  if (bout->end > bout->start)
    g_array_append_val (self->bouts, *bout);
  bout->start = bout->end = 0;
}

void
cow_observation_add (CowObservation *self, const CowSubjectName *who, gint64 time, gint64 duration,
                     const char *label, double confidence)
{
  const guint subject = find_subject (self, who), index = find_label (self, label);
  CowBout *bout = &g_array_index (self->open, CowBout, subject);

  if (duration <= 0)
    return;
  add_to_budget (self, subject, index, time, duration);
  if (bout->end <= bout->start || bout->label != index || bout->end != time) {
    end_bout (self, bout);
    *bout = (CowBout){ subject, index, time, time, 0 };
  }
  const double before = (double)(bout->end - bout->start);
  bout->confidence =
      (bout->confidence * before + confidence * (double)duration) / (before + (double)duration);
  bout->end = time + duration;
}

/* ---- the end --------------------------------------------------------------------------------- */

static int
compare_bouts (gconstpointer a, gconstpointer b)
{
  const CowBout *x = a, *y = b;

  return x->start != y->start ? (x->start < y->start ? -1 : 1)
                              : (x->subject > y->subject) - (x->subject < y->subject);
}

static int
compare_rows (gconstpointer a, gconstpointer b)
{
  const CowBudgetRow *x = *(CowBudgetRow *const *)a, *y = *(CowBudgetRow *const *)b;

  return x->subject != y->subject ? (x->subject < y->subject ? -1 : 1)
                                  : (x->hour > y->hour) - (x->hour < y->hour);
}

void
cow_observation_close (CowObservation *self)
{
  for (guint i = 0; i < self->open->len; i++)
    end_bout (self, &g_array_index (self->open, CowBout, i));
  g_array_sort (self->bouts, compare_bouts);
  g_ptr_array_sort (self->budget, compare_rows);
}

gint64
cow_observation_total (const CowObservation *self, guint subject, guint label)
{
  gint64 sum = 0;

  for (guint i = 0; i < self->budget->len; i++) {
    const CowBudgetRow *row = self->budget->pdata[i];

    for (guint j = 0; j < self->labels->len; j++)
      if ((subject == G_MAXUINT || row->subject == subject) && (label == G_MAXUINT || label == j))
        sum += row->label_ns[j];
  }
  return sum;
}

gint64
cow_observation_ms (gint64 ns)
{
  return (ns + 500000) / 1000000;
}
