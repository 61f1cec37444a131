/* SPDX-License-Identifier: MIT */
/* From probabilities to a word: the likeliest class, or "unknown" when it is not likely enough. */
#ifndef GST_COW_LABEL_H
#define GST_COW_LABEL_H

#include <glib.h>

G_BEGIN_DECLS

#define GST_COW_LABEL_UNKNOWN "unknown"

typedef struct {
  const char *label;
  gint id;           /* index of the class, -1 for "unknown" */
  float probability; /* of the likeliest class, also when the label is "unknown" */
} GstCowLabel;

/* Writes the n class indices by falling probability to order [n]; of equals the smaller index comes first. */
void gst_cow_label_rank (const float *probabilities, guint n, guint *order);
/* `label` is one of `classes`, or static. n is at least 1. */
GstCowLabel gst_cow_label_decide (const float *probabilities, const char *const *classes, guint n, float threshold);

G_END_DECLS

#endif
