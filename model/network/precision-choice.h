/* SPDX-License-Identifier: MIT */
/*
 * What precision=auto stands for: the fastest precision that was measured (precision-trial.h) to
 * keep the answers of fp32, or fp32 where nobody has measured. What was found lies beside the
 * weights, for each set of instructions that it was found on: in an adapter's folder if it was
 * measured with that adapter, else in the model's. All functions are safe from any thread.
 *
 * precision.json (of a model that is a file: FILE.precision.json)
 *   {format: 1, arithmetic: CK_ARITHMETIC, weights: cow_fingerprint (),
 *    choices: {"cpu (avx512-vnni)": {precision, pictures, paths: [{precision, ms_per_picture,
 *      fp32_ms_per_picture, worst_cosine, same_labels, verdict}]}}}
 */
#ifndef COW_PRECISION_CHOICE_H
#define COW_PRECISION_CHOICE_H

#include "model/network/device.h"

G_BEGIN_DECLS

/* ---- figures --------------------------------------------------------------------------------- */

typedef enum {
  COW_VERDICT_PASSED,
  COW_VERDICT_SLOW,      /* not really faster than fp32 */
  COW_VERDICT_LABELS,    /* a picture's label is another */
  COW_VERDICT_INEXACT,   /* the cosine misses its gate */
  COW_VERDICT_NOT_FINITE /* a feature or logit is no finite number */
} CowVerdict;

/* One faster precision beside fp32. */
typedef struct {
  CowPrecision precision;
  double ms, fp32_ms; /* processor time a picture of all threads together, in the same rounds */
  double cosine;      /* of the worst picture's features with fp32's; NAN where not finite */
  guint same_labels;  /* pictures with fp32's label; 0 without a head */
} CowPrecisionPath;

typedef struct {
  guint n_pictures;
  gboolean has_head;
  guint n_paths; /* that device and network offer */
  CowPrecisionPath paths[COW_PRECISION_LAST];
} CowPrecisionFigures;

/* The least cosine that a precision must reach with fp32 for every picture: fp32's is 1. */
double cow_precision_gate (CowPrecision precision);
CowVerdict cow_precision_judge (const CowPrecisionFigures *figures, const CowPrecisionPath *path);
/* The fastest path that passes; fp32 where none does. */
CowPrecision cow_precision_decide (const CowPrecisionFigures *figures);
/* "passes", "no faster than fp32", ...; static. */
const char *cow_verdict_text (CowVerdict verdict);

/* ---- what is kept ---------------------------------------------------------------------------- */

/* Where the choice of a model, or with an adapter of that adapter's folder, lies; located paths.
 * Free with g_free. */
char *cow_precision_choice_path (const char *model, const char *adapter);

/*
 * Keeps what was found with a model and an adapter (or NULL), both located paths (one path twice
 * for a whole network), on a device. What the file has of other sets of instructions stays, if it
 * is of these weights and this arithmetic. Replaces the file at once: COW_ERROR_*.
 */
gboolean cow_precision_choice_write (const char *model, const char *adapter, const CkDevice *device,
                                     const CowPrecisionFigures *figures, GError **error);

/* ---- what auto stands for -------------------------------------------------------------------- */

typedef struct {
  CowPrecision precision; /* never auto */
  gboolean measured;      /* a file says so */
  char *why;              /* for a log; NULL where auto was not asked for */
  char *warning; /* of a file that is not believed, for the user; NULL where there is none */
} CowPrecisionChoice;

/*
 * Resolves a precision for a model, an adapter and a device as CowClassifierOptions name them. It
 * reads a small file and some KB of each tensor where that file exists; it neither measures nor
 * fails: what is wrong with the names is for the loading to say. Clear *choice.
 */
void cow_precision_choose (CowPrecision wanted, const char *model, const char *adapter,
                           const char *device, CowPrecisionChoice *choice);
void cow_precision_choice_clear (CowPrecisionChoice *choice);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (CowPrecisionChoice, cow_precision_choice_clear)

G_END_DECLS

#endif
