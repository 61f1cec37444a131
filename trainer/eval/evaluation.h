/* SPDX-License-Identifier: MIT */
/*
 * The results of `eval`: answers of a network for labelled pictures, and all numbers that follow
 * from them. evaluation.c asks the network, computes them and keeps the gist with the adapter;
 * evaluation-files.c writes them down; plots.h draws them; report.h makes the page that people
 * read.
 */
#ifndef COW_TRAINER_EVALUATION_H
#define COW_TRAINER_EVALUATION_H

#include <json-glib/json-glib.h>

#include "model/network/classifier.h"
#include "trainer/eval/calibration.h"
#include "trainer/data/dataset.h"
#include "trainer/data/loader.h"
#include "trainer/eval/label-metrics.h"

G_BEGIN_DECLS

/* The pictures of one source, where they may have several labels. */
typedef struct {
  char *name;
  CowLabelMetrics *metrics;
} CowLabelSource;

typedef struct {
  /* Names of what was evaluated, for people; the caller sets them. */
  char *model, *adapter, *data, *device, *made_at;
  char *prepared; /* how pictures were, and who says so */
  char *split;    /* "test", ..., "all" */
  GStrv classes;
  guint n_classes;
  GPtrArray *warnings; /* of char *: what a reader should know before believing the numbers */

  guint n;                   /* pictures that could be read */
  const CowSample **samples; /* [n], of the data set */
  guint *truth, *predicted;  /* [n]; not where pictures may have several labels */
  float *logits;             /* [n, n_classes] */
  float *probabilities;      /* [n, n_classes], at the temperature below */
  GPtrArray *unreadable;     /* paths that could not be read, of char * */
  double seconds;            /* all of it, reading included */
  double network_seconds;    /* of which in the network */
  int batch;
  gboolean has_sources; /* whether any picture says where it comes from */

  /* Where pictures may have several labels: `multiple`. What follows below up to `temperature`, and
   * trust and thresholds, are of one label alone, and NULL or 0 else. */
  gboolean multiple;
  guint8 *shown, *said;     /* [n, n_classes], 0 or 1 */
  float *decisions;         /* [n_classes] from which probability on a picture has a label */
  CowLabelMetrics *labels;  /* all of it */
  GPtrArray *label_sources; /* of CowLabelSource, sorted by name */

  CowConfusion *confusion;
  CowMetrics *metrics;
  GArray *pairs;        /* of CowConfusedPair, ten at most */
  GPtrArray *by_source; /* of CowSourceMetrics */

  double temperature; /* 1: none */
  CowTrust trust;
  CowThreshold
      *thresholds; /* [n_classes] what the adapter's thresholds give here; NULL where it has none */
  char *fitted_on; /* the split that temperature and thresholds were fitted on now; NULL: they came
                      with the adapter */
} CowEvaluation;

/* Room for `most` pictures; names are copied. */
CowEvaluation *cow_evaluation_new (const char *const *classes, gboolean multiple, guint most,
                                   GError **error);
void cow_evaluation_free (CowEvaluation *self);

/*
 * Puts the items through the network. A picture that cannot be read is named on
 * standard error, kept in `unreadable` and left out; an error when none is left or the network
 * gives a number that is none.
 */
gboolean cow_evaluation_run (CowEvaluation *self, CowClassifier *classifier,
                             const CowDataset *dataset, const CowLoadItem *items, guint n_items,
                             int batch, int n_threads, GError **error);

/* Puts the classes, and the columns of logits, in another order: `classes` has the same names. To
 * be called before cow_evaluation_compute (); labels of pictures are taken to be in that order. */
void cow_evaluation_reorder (CowEvaluation *self, const char *const *classes);

/* Computes all numbers; thresholds [n_classes] or NULL, which they are not where pictures may have
 * several labels. */
void cow_evaluation_compute (CowEvaluation *self, double temperature, const float *thresholds);

/* ---- evaluation-answers.c -------------------------------------------------------------------- */

/* Of picture i, after computing: whether its label, or each of its labels, is right; what it shows
 * and what was said of it ("Lying|Ruminating"), to be freed with g_free; and how sure that was, of
 * several labels the surest wrong answer, or the least sure where all are right. */
gboolean cow_evaluation_is_right (const CowEvaluation *self, guint i);
char *cow_evaluation_truth_text (const CowEvaluation *self, guint i);
char *cow_evaluation_said_text (const CowEvaluation *self, guint i);
double cow_evaluation_sureness (const CowEvaluation *self, guint i);
/* Pictures that show a class. */
guint64 cow_evaluation_support (const CowEvaluation *self, guint class);

/* ---- evaluation-files.c ---------------------------------------------------------------------- */

/* The content of results.json. */
JsonObject *cow_evaluation_to_json (const CowEvaluation *self);
/* The card's members "metrics" and "confusion". */
JsonObject *cow_evaluation_metrics_json (const CowEvaluation *self);
JsonArray *cow_evaluation_confusion_json (const CowEvaluation *self);

/* report.txt, as scikit-learn's classification_report lays it out, with what else is worth a line.
 */
char *cow_evaluation_report_text (const CowEvaluation *self);
/* Writes results.json, report.txt, per_class.csv and predictions.csv to a folder. */
gboolean cow_evaluation_write (const CowEvaluation *self, const char *folder, GError **error);

/* ---- evaluation.c ---------------------------------------------------------------------------- */

/*
 * Keeps in the adapter's cowbehavior.json what is not NULL: a calibration with the name of its
 * split (where pictures may have several labels its thresholds are the card's, too), and how good
 * the adapter was. The file is replaced whole or not at all; a folder without
 * one (the published adapters) gets it, with the defaults that held before.
 */
gboolean cow_evaluation_keep (const char *adapter, const char *model,
                              const CowCalibration *calibration, const char *calibration_split,
                              const CowEvaluation *metrics, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowEvaluation, cow_evaluation_free)

G_END_DECLS

#endif
