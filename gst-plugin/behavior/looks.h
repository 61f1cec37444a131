/* SPDX-License-Identifier: MIT */
/*
 * How a cow looks: the running mean of vectors that a network makes of her pictures. Those of one
 * cow have a cosine near 1, those of two cows a small one. Plain arithmetic.
 */
#ifndef GST_COW_LOOKS_H
#define GST_COW_LOOKS_H

#include <glib.h>

G_BEGIN_DECLS

/* The longest vector that is kept. */
#define GST_COW_LOOKS_MAX 1024

/* All zero is a cow that was never looked at. */
typedef struct {
  float *mean; /* [n] of unit length, or NULL */
  guint n;
} GstCowLooks;

void gst_cow_looks_clear (GstCowLooks *self);
/* Takes the next vector, [n], at most GST_COW_LOOKS_MAX, of any length but 0; one that is not
 * finite or 0 is not taken. Starts anew when n differs from that of the last call. */
void gst_cow_looks_add (GstCowLooks *self, const float *embedding, guint n);
/* The cosine of the mean and a vector, -1..1; NAN where one of them is not known, or not finite, or
 * they cannot be compared. */
gdouble gst_cow_looks_compare (const GstCowLooks *self, const float *embedding, guint n);

G_END_DECLS

#endif
