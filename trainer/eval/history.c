/* SPDX-License-Identifier: MIT */
#include "trainer/eval/history.h"

#include <math.h>

#include "trainer/data/csv.h"
#include "trainer/host/words.h"

static const char *const column_names[COW_EPOCH_COLUMNS] = {
  "epoch",         "train_loss", "train_acc",           "val_loss", "val_acc",
  "learning_rate", "grad_norm",  "pictures_per_second", "seconds",  "memory"
};

const char *
cow_epoch_column (guint i, CowHistoryOf of)
{
  static const char *const train[] = { "train_acc", "train_exact_match", "val_map50" },
                           *const val[] = { "val_acc", "val_map", "val_map" };
  const char *name = column_names[i];

  return g_str_equal (name, "train_acc") ? train[of]
         : g_str_equal (name, "val_acc") ? val[of]
                                         : name;
}

char *
cow_history_to_csv (const GArray *history, CowHistoryOf of)
{
  GString *text = g_string_new (NULL);
  for (guint i = 0; i < COW_EPOCH_COLUMNS; i++)
    g_string_append_printf (text, "%s%s", i > 0 ? "," : "", cow_epoch_column (i, of));
  g_string_append_c (text, '\n');
  for (guint row = 0; row < history->len; row++) {
    const double *values = (const double *)&g_array_index (history, CowEpoch, row);
    for (guint i = 0; i < COW_EPOCH_COLUMNS; i++)
      g_string_append_printf (text, "%s%.10g", i > 0 ? "," : "", values[i]);
    g_string_append_c (text, '\n');
  }
  return g_string_free (text, FALSE);
}

const char *
cow_epoch_head (CowHistoryOf of)
{
  static const char *const heads[] = {
    "epoch  train loss  accuracy  val loss  accuracy       rate  gradient  pictures/s   memory",
    "epoch  train loss     exact  val loss       mAP       rate  gradient  pictures/s   memory",
    "epoch  train loss     mAP50  val loss  mAP50:95       rate  gradient    frames/s   memory",
  };

  return heads[of];
}

char *
cow_epoch_line (const CowEpoch *epoch, gboolean best)
{
  g_autofree char *norm = words_number (epoch->grad_norm),
                  *rate = words_number (epoch->pictures_per_second);
  return g_strdup_printf ("%5.0f  %10.4f  %8.4f  %8.4f  %8.4f  %9.3g  %8s  %10s  %4.0f MB%s",
                          epoch->epoch, epoch->train_loss, epoch->train_acc, epoch->val_loss,
                          epoch->val_acc, epoch->learning_rate, norm, rate, epoch->memory / 1e6,
                          best ? "  best" : "");
}

/* ---- reading --------------------------------------------------------------------------------- */

/* A run's results.csv, read for its figures. */

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
  g_autoptr (Csv) csv = csv_open (path, NULL, error);
  g_autoptr (GArray) history = g_array_new (FALSE, FALSE, sizeof (CowEpoch));
  int columns[COW_EPOCH_COLUMNS];
  gboolean more = TRUE;
  guint epoch;

  if (!csv || !csv_require (csv, column_names[0], "the epoch", &epoch, error))
    return NULL;
  for (guint i = 0; i < COW_EPOCH_COLUMNS; i++) {
    columns[i] = csv_column (csv, column_names[i]);
    for (int of = COW_HISTORY_LABELS; of <= COW_HISTORY_BOXES && columns[i] < 0; of++)
      columns[i] = csv_column (csv, cow_epoch_column (i, (CowHistoryOf)of));
  }
  for (;;) {
    if (!csv_next (csv, &more, error))
      return NULL;
    if (!more)
      return g_steal_pointer (&history);
    if (!read_row (csv, columns, history, error))
      return NULL;
  }
}
