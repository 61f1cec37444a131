/* SPDX-License-Identifier: MIT */
/* Turns probabilities into a label: the likeliest class, or "unknown" when it is not likely enough.
 */
#ifndef GST_COW_LABEL_H
#define GST_COW_LABEL_H

#include <gst/gst.h>

#include "gst-plugin/common/custom-meta.h"

G_BEGIN_DECLS

typedef struct {
  const char *label;
  gint id;           /* index of the class, -1 for "unknown" */
  float probability; /* of the class that was decided on, also when the label is "unknown" */
} GstCowLabel;

/* The rule by which a label is decided. Borrowed. */
typedef struct {
  const char *const *classes; /* [n_classes], at least one */
  guint n_classes;
  const gboolean *mask; /* [n_classes] those that may be a label, at least one; NULL: all */
  const float *
      thresholds; /* [n_classes] the probability that each class needs; NULL: `threshold` for all */
  float threshold;
} GstCowLabelRule;

/* The likeliest class among those that `mask` allows; of two equals it is the smaller index. */
guint gst_cow_label_best (const float *probabilities, guint n_classes, const gboolean *mask);
/* Writes the indices of the n classes to order [n]: those in `mask` by falling probability (of
 * equals the smaller index first), then the others likewise. */
void gst_cow_label_rank (const float *probabilities, guint n_classes, const gboolean *mask,
                         guint *order);
/* The label of `class` if it is likely enough, else "unknown", as always for -1, no class. The text
 * is one of rule->classes, or static. */
GstCowLabel gst_cow_label_decide (const float *probabilities, gint class,
                                  const GstCowLabelRule *rule);

G_END_DECLS

#endif
