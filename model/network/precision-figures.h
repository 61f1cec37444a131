/* SPDX-License-Identifier: MIT */
/* What precision-trial.h measures of a network's precisions, and the rules by which one is
 * chosen. */
#ifndef COW_PRECISION_FIGURES_H
#define COW_PRECISION_FIGURES_H

#include "model/network/precision.h"

G_BEGIN_DECLS

/* From LABELS on it fails by its answers. */
typedef enum {
  COW_VERDICT_PASSED,
  COW_VERDICT_SLOW,      /* not really faster than fp32 */
  COW_VERDICT_SLOW_MIX,  /* not really faster than all layers in the finer precision */
  COW_VERDICT_LABELS,    /* a picture's label is another */
  COW_VERDICT_INEXACT,   /* the cosine misses its gate */
  COW_VERDICT_NOT_FINITE /* a feature or logit is no finite number */
} CowVerdict;

/* One faster precision beside fp32. */
typedef struct {
  CowPrecision precision;
  /* A picture, in the same rounds: processor time of all threads together, or on a device with
   * memory of its own, which lets the processor wait, time of the clock. */
  double ms, fp32_ms;
  double cosine;     /* of the worst picture's features with fp32's; NAN where not finite */
  guint same_labels; /* pictures with fp32's label; 0 without a head */
  char **raised;     /* linear layers in the next finer precision; NULL: none, ended by NULL */
} CowPrecisionPath;

/* A precision has a path, and perhaps one with raised layers. */
#define COW_PRECISION_MOST_PATHS (2 * COW_PRECISION_LAST)

typedef struct {
  guint n_pictures;
  gboolean has_head;
  guint n_linear; /* layers that can be raised */
  guint n_paths;  /* that device and network offer, and mixed ones behind them */
  CowPrecisionPath paths[COW_PRECISION_MOST_PATHS];
  gboolean cut_short; /* a mix was looked for, and not to the end */
} CowPrecisionFigures;

void cow_precision_figures_clear (CowPrecisionFigures *figures);

/* The next finer precision of those that were measured; fp32 where there is none. */
CowPrecision cow_precision_figures_finer (const CowPrecisionFigures *figures,
                                          CowPrecision precision);
/* The least cosine that a precision must reach with fp32 for every picture, raised layers or not:
 * fp32's is 1. */
double cow_precision_gate (CowPrecision precision);
CowVerdict cow_precision_judge (const CowPrecisionFigures *figures, const CowPrecisionPath *path);
/* The fastest precision that passes for the whole network; fp32 where none does. */
CowPrecision cow_precision_decide (const CowPrecisionFigures *figures);
/* The fastest path with raised layers that passes and is faster than that; NULL: there is none. */
const CowPrecisionPath *cow_precision_decide_mix (const CowPrecisionFigures *figures);
/* Whether a path fails by its answers, and is fast enough that it may be worth to raise some of its
 * layers. */
gboolean cow_precision_wants_mix (const CowPrecisionFigures *figures, const CowPrecisionPath *path);
/* "passes", "no faster than fp32", ...; static. */
const char *cow_verdict_text (CowVerdict verdict);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (CowPrecisionFigures, cow_precision_figures_clear)

G_END_DECLS

#endif
