/* SPDX-License-Identifier: MIT */
/*
 * The results of `eval` of an adapter that finds cows: boxes that were found in frames, beside
 * those that there are, and all numbers that follow from them. box-evaluation-files.c writes them.
 * Used by one thread.
 */
#ifndef COW_TRAINER_BOX_EVALUATION_H
#define COW_TRAINER_BOX_EVALUATION_H

#include <json-glib/json-glib.h>

#include "trainer/eval/box-behaviours.h"
#include "trainer/eval/box-tally.h"
#include "trainer/eval/box-threshold.h"

G_BEGIN_DECLS

#define COW_BOX_CURVE_POINTS 101 /* scores of 0, .01, ... 1 */

/* The cows that show one behaviour, or come from one source, and how many of them are found. */
typedef struct {
  const char *name; /* the set's */
  guint64 n, found;
} CowBoxShare;

/* What became of a frame at the threshold. */
typedef struct {
  guint frame;                /* index in the set's frames */
  guint first_true;           /* of its boxes in the tally's */
  guint first_found, n_found; /* likewise */
  guint hits, missed, ghosts;
  guint right; /* hits of which the right behaviour is said */
  guint wrong; /* and another one than the data have */
} CowBoxFrame;

typedef struct {
  /* Texts of where and how; NULL where nothing is to be said. */
  char *model, *adapter, *data, *split, *device, *made_at, *prepared;
  double seconds;      /* that reading and network took */
  GPtrArray *warnings; /* of char * */

  const CowFrames *frames; /* borrowed */
  CowBoxTally tally;
  CowBoxBehaviours *behaviours; /* NULL where the network tells none */
  GArray *said;                 /* of guint, [tally.found]: behaviours, where it does */
  GArray *judged;               /* of CowBoxFrame, in the order they were added in */

  /* Of cow_box_evaluation_compute () */
  CowBoxScores scores;
  CowBoxThreshold threshold;                   /* where F1 is best */
  int *matched;                                /* [tally.found], of cow_box_match () */
  CowBoxThreshold curve[COW_BOX_CURVE_POINTS]; /* what is told from each score on */
  guint64 n_cows;                              /* without crowds */
  GArray *classes;                             /* of CowBoxShare: behaviours that cows show */
  GArray *sources; /* of CowBoxShare: where frames say where they come from; else none */
} CowBoxEvaluation;

/* `told`: the behaviours that the network tells (cow_classifier_behaviours ()), or NULL. */
CowBoxEvaluation *cow_box_evaluation_new (const CowFrames *frames, const char *const *told);
void cow_box_evaluation_free (CowBoxEvaluation *self);
/* One more frame and what was found in it, as cow_box_tally_add () has them; `probabilities` of
 * the behaviours by rows of detections, as cow_classifier_told () has them: NULL without `told`. */
void cow_box_evaluation_add (CowBoxEvaluation *self, guint frame, const CowPreprocess *preprocess,
                             GArray *detections, const float *probabilities);
/* All numbers, once all frames are there. */
void cow_box_evaluation_compute (CowBoxEvaluation *self);
/* Whether the network tells behaviours, and the data have some to compare them with. */
gboolean cow_box_evaluation_has_behaviours (const CowBoxEvaluation *self);
/* Whether a found box is told from the threshold on. */
gboolean cow_box_evaluation_is_told (const CowBoxEvaluation *self, const CowFoundBox *found);
/* Indices in `judged` of the frames with mistakes, those with most first; g_array_unref. */
GArray *cow_box_evaluation_mistakes (const CowBoxEvaluation *self);

/* ---- files ----------------------------------------------------------------------------------- */

/* The tables for people. Free with g_free. */
char *cow_box_evaluation_text (const CowBoxEvaluation *self);
JsonObject *cow_box_evaluation_to_json (const CowBoxEvaluation *self);
/* What the card keeps: without curve and frames. */
JsonObject *cow_box_evaluation_gist (const CowBoxEvaluation *self);
/* Writes results.json, report.txt and frames.csv (a row a frame) to a folder. */
gboolean cow_box_evaluation_write (const CowBoxEvaluation *self, const char *folder,
                                   GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowBoxEvaluation, cow_box_evaluation_free)

G_END_DECLS

#endif
