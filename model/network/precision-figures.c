/* SPDX-License-Identifier: MIT */
#include "model/network/precision-figures.h"

#include <math.h>

/* The share of another path's time that a path may take at most: less is not worth other numbers,
 * and may be chance. */
#define MOST_TIME .95

void
cow_precision_figures_clear (CowPrecisionFigures *figures)
{
  for (guint i = 0; i < figures->n_paths; i++)
    g_strfreev (figures->paths[i].raised);
  *figures = (CowPrecisionFigures){ 0 };
}

double
cow_precision_gate (CowPrecision precision)
{
  switch (precision) {
  case COW_PRECISION_INT16:
  case COW_PRECISION_FP16:
  case COW_PRECISION_BF16:
    return .9999;
  case COW_PRECISION_INT8:
    return .999;
  case COW_PRECISION_AUTO:
  case COW_PRECISION_FP32:
    break;
  }
  return 1;
}

CowPrecision
cow_precision_figures_finer (const CowPrecisionFigures *figures, CowPrecision precision)
{
  CowPrecision finer = COW_PRECISION_FP32;
  for (guint i = 0; i < figures->n_paths; i++)
    if (figures->paths[i].precision < precision)
      finer = MAX (finer, figures->paths[i].precision);
  return finer;
}

/* The share of fp32's time in the same rounds, which can be compared with that of other rounds. */
static double
share_of (const CowPrecisionPath *path)
{
  return path->ms / path->fp32_ms;
}

/* The whole network in a precision; NULL where it was not measured, as fp32. */
static const CowPrecisionPath *
find_whole (const CowPrecisionFigures *figures, CowPrecision precision)
{
  for (guint i = 0; i < figures->n_paths; i++)
    if (figures->paths[i].precision == precision && !figures->paths[i].raised)
      return &figures->paths[i];
  return NULL;
}

static double
share_of_whole (const CowPrecisionFigures *figures, CowPrecision precision)
{
  const CowPrecisionPath *path = find_whole (figures, precision);
  return path ? share_of (path) : 1;
}

static gboolean
keeps_labels (const CowPrecisionFigures *figures, const CowPrecisionPath *path)
{
  return !figures->has_head || path->same_labels == figures->n_pictures;
}

CowVerdict
cow_precision_judge (const CowPrecisionFigures *figures, const CowPrecisionPath *path)
{
  const CowPrecision finer = cow_precision_figures_finer (figures, path->precision);
  if (!isfinite (path->cosine))
    return COW_VERDICT_NOT_FINITE;
  if (path->cosine < cow_precision_gate (path->precision))
    return COW_VERDICT_INEXACT;
  if (!keeps_labels (figures, path))
    return COW_VERDICT_LABELS;
  if (path->ms > MOST_TIME * path->fp32_ms)
    return COW_VERDICT_SLOW;
  return path->raised && share_of (path) > MOST_TIME * share_of_whole (figures, finer)
             ? COW_VERDICT_SLOW_MIX
             : COW_VERDICT_PASSED;
}

/* The fastest path that passes, with raised layers or without; NULL: none does. */
static const CowPrecisionPath *
fastest (const CowPrecisionFigures *figures, gboolean mixed)
{
  const CowPrecisionPath *best = NULL;
  for (guint i = 0; i < figures->n_paths; i++) {
    const CowPrecisionPath *path = &figures->paths[i];
    if (!path->raised == !mixed && cow_precision_judge (figures, path) == COW_VERDICT_PASSED &&
        (!best || share_of (path) < share_of (best)))
      best = path;
  }
  return best;
}

CowPrecision
cow_precision_decide (const CowPrecisionFigures *figures)
{
  const CowPrecisionPath *best = fastest (figures, FALSE);
  return best ? best->precision : COW_PRECISION_FP32;
}

const CowPrecisionPath *
cow_precision_decide_mix (const CowPrecisionFigures *figures)
{
  const CowPrecisionPath *whole = fastest (figures, FALSE), *mix = fastest (figures, TRUE);
  return mix && (!whole || share_of (mix) < share_of (whole)) ? mix : NULL;
}

/* Whether all layers in the next finer precision would have the answers that a path has to have. */
static gboolean
can_be_mended (const CowPrecisionFigures *figures, const CowPrecisionPath *path)
{
  const CowPrecision finer = cow_precision_figures_finer (figures, path->precision);
  const CowPrecisionPath *whole = find_whole (figures, finer);
  return whole ? whole->cosine >= cow_precision_gate (path->precision) &&
                     keeps_labels (figures, whole)
               : finer == COW_PRECISION_FP32;
}

gboolean
cow_precision_wants_mix (const CowPrecisionFigures *figures, const CowPrecisionPath *path)
{
  const CowPrecision finer = cow_precision_figures_finer (figures, path->precision);
  const CowPrecisionPath *best = fastest (figures, FALSE);
  const gboolean fails = cow_precision_judge (figures, path) >= COW_VERDICT_LABELS;
  return figures->n_linear > 1 && !path->raised && fails && can_be_mended (figures, path) &&
         share_of (path) <= MOST_TIME * MIN (share_of_whole (figures, finer), 1) &&
         (!best || share_of (path) < share_of (best));
}

const char *
cow_verdict_text (CowVerdict verdict)
{
  static const char *const texts[] = {
    [COW_VERDICT_PASSED] = "passes",
    [COW_VERDICT_SLOW] = "no faster than fp32",
    [COW_VERDICT_SLOW_MIX] = "no faster than all layers raised",
    [COW_VERDICT_LABELS] = "changes labels",
    [COW_VERDICT_INEXACT] = "not exact enough",
    [COW_VERDICT_NOT_FINITE] = "not finite",
  };
  return texts[verdict];
}
