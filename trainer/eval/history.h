/* SPDX-License-Identifier: MIT */
/* The results of each epoch: a row of results.csv. */
#ifndef COW_TRAINER_HISTORY_H
#define COW_TRAINER_HISTORY_H

#include <glib.h>

G_BEGIN_DECLS

/* What was trained, which says what the two accuracies are. */
typedef enum {
  COW_HISTORY_CLASSES, /* shares of right answers, in training and validation */
  COW_HISTORY_LABELS,  /* the share of training pictures of which every label is right, and the mean
                          average precision of validation */
  COW_HISTORY_BOXES    /* both of validation: average precision at an overlap of .50, and over those
                          of .50 to .95 */
} CowHistoryOf;

/* All doubles: checkpoints keep a history as a matrix [epochs, COW_EPOCH_COLUMNS]. */
typedef struct {
  double epoch; /* from 1 */
  double train_loss, train_acc, val_loss, val_acc;
  double learning_rate;       /* of its last step */
  double grad_norm;           /* mean of its steps, before clipping */
  double pictures_per_second; /* trained */
  double seconds;             /* validation included */
  double memory;              /* most that the process has held, bytes */
} CowEpoch;

#define COW_EPOCH_COLUMNS (sizeof (CowEpoch) / sizeof (double))

/* The names of the columns; static. */
const char *cow_epoch_column (guint i, CowHistoryOf of);
/* results.csv; free with g_free. */
char *cow_history_to_csv (const GArray *history, CowHistoryOf of);
/*
 * Reads a results.csv again, columns by their names, those that are not there as NAN. Values that
 * are no numbers, or epochs that do not rise, are COW_ERROR_FORMAT. Free with g_array_unref.
 */
GArray *cow_history_read (const char *path, GError **error);
/* The head of the table that people read, and a row of it. */
const char *cow_epoch_head (CowHistoryOf of);
char *cow_epoch_line (const CowEpoch *epoch, gboolean best);

G_END_DECLS

#endif
