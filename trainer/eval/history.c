/* SPDX-License-Identifier: MIT */
#include "trainer/eval/history.h"

static const char *const columns[COW_EPOCH_COLUMNS] = {
  "epoch",         "train_loss", "train_acc",           "val_loss", "val_acc",
  "learning_rate", "grad_norm",  "pictures_per_second", "seconds",  "memory"
};

const char *
cow_epoch_column (guint i)
{
  return columns[i];
}

char *
cow_history_to_csv (const GArray *history)
{
  GString *text = g_string_new (NULL);
  for (guint i = 0; i < COW_EPOCH_COLUMNS; i++)
    g_string_append_printf (text, "%s%s", i > 0 ? "," : "", columns[i]);
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
cow_epoch_head (void)
{
  return "epoch  train loss  accuracy  val loss  accuracy       rate  gradient  pictures/s   "
         "memory";
}

char *
cow_epoch_line (const CowEpoch *epoch, gboolean best)
{
  return g_strdup_printf ("%5.0f  %10.4f  %8.4f  %8.4f  %8.4f  %9.3g  %8.3g  %10.3g  %4.0f MB%s",
                          epoch->epoch, epoch->train_loss, epoch->train_acc, epoch->val_loss,
                          epoch->val_acc, epoch->learning_rate, epoch->grad_norm,
                          epoch->pictures_per_second, epoch->memory / 1e6, best ? "  best" : "");
}
