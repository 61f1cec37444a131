/* SPDX-License-Identifier: MIT */
/* The output of `predict`: a row a picture or part of a frame, as a table for people, CSV or JSON
 * lines for programs, to a file or standard output. */
#ifndef COW_TRAINER_PREDICTIONS_H
#define COW_TRAINER_PREDICTIONS_H

#include <glib.h>

typedef enum { FORMAT_TABLE, FORMAT_CSV, FORMAT_JSONL } PredictionFormat;

gboolean prediction_format_parse (const char *name, PredictionFormat *format);

/* What a row is about. */
typedef struct {
  const char *path;         /* of the picture or the recording */
  gint64 time;              /* ns in the recording; PREDICTION_NO_TIME: a picture */
  const char *zone, *track; /* of the frame; "" or NULL: none */
} PredictionSubject;

#define PREDICTION_NO_TIME G_GINT64_CONSTANT (-1)

typedef struct _Predictions Predictions;

/*
 * `path` NULL: standard output. A file is written beside its name and takes it in finish ().
 * `classes` is NULL-terminated and borrowed; the best `top_k` are listed; `paths` are those of
 * pictures and recordings to come, for the width of the table's first column. `recordings`: whether
 * there are some, whose rows have the columns time, zone and track.
 */
Predictions *predictions_new (PredictionFormat format, const char *path, const char *const *classes,
                              int top_k, const GPtrArray *paths, gboolean recordings,
                              GError **error);
/* One row; probabilities are finite, one a class. It waits for predictions_flush (). */
void predictions_add (Predictions *self, const PredictionSubject *subject,
                      const float *probabilities);
/* Whether there are rows that wait. */
gboolean predictions_wait (const Predictions *self);
gboolean predictions_flush (Predictions *self, GError **error);
gboolean predictions_finish (Predictions *self, GError **error);
/* Leaves no file when finish () was not reached. */
void predictions_free (Predictions *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Predictions, predictions_free)

#endif
