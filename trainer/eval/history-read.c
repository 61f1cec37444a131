/* SPDX-License-Identifier: MIT */
/* A run's results.csv, read for its figures. */
#include <math.h>

#include "trainer/data/csv.h"
#include "trainer/eval/history.h"

static gboolean
read_value (const Csv *csv, guint column, double *value, GError **error)
{
  const char *text = csv->fields[column];
  char *end = NULL;
  *value = g_ascii_strtod (text, &end);
  if (*text && *end == '\0')
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s, line %u: \"%s\" in column %s is no number",
               csv->path, csv->line, text, csv->columns[column]);
  return FALSE;
}

static gboolean
read_row (const Csv *csv, const int *columns, GArray *history, GError **error)
{
  CowEpoch epoch;
  double *values = (double *)&epoch;
  for (guint i = 0; i < COW_EPOCH_COLUMNS; i++) {
    values[i] = NAN;
    if (columns[i] >= 0 && !read_value (csv, (guint)columns[i], &values[i], error))
      return FALSE;
  }
  const double before =
      history->len > 0 ? g_array_index (history, CowEpoch, history->len - 1).epoch : 0;
  if (!(epoch.epoch > before && epoch.epoch <= 1e9)) {
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s, line %u: epoch %g after epoch %g",
                 csv->path, csv->line, epoch.epoch, before);
    return FALSE;
  }
  g_array_append_val (history, epoch);
  return TRUE;
}

GArray *
cow_history_read (const char *path, GError **error)
{
  g_autoptr (Csv) csv = csv_open (path, error);
  g_autoptr (GArray) history = g_array_new (FALSE, FALSE, sizeof (CowEpoch));
  int columns[COW_EPOCH_COLUMNS];
  gboolean more = TRUE;
  guint epoch;

  if (!csv || !csv_require (csv, cow_epoch_column (0), "the epoch", &epoch, error))
    return NULL;
  for (guint i = 0; i < COW_EPOCH_COLUMNS; i++)
    columns[i] = csv_column (csv, cow_epoch_column (i));
  for (;;) {
    if (!csv_next (csv, &more, error))
      return NULL;
    if (!more)
      return g_steal_pointer (&history);
    if (!read_row (csv, columns, history, error))
      return NULL;
  }
}
