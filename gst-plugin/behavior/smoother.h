/* SPDX-License-Identifier: MIT */
/* Combines the results of one cow or one zone, so that a single odd frame does not change its
 * label. */
#ifndef GST_COW_SMOOTHER_H
#define GST_COW_SMOOTHER_H

#include <glib-object.h>

G_BEGIN_DECLS

/* The property smoothing. */
typedef enum {
  GST_COW_SMOOTHING_OFF,
  GST_COW_SMOOTHING_MEAN,
  GST_COW_SMOOTHING_MAJORITY,
  GST_COW_SMOOTHING_HMM
} GstCowSmoothing;

GType gst_cow_smoothing_get_type (void);
#define GST_TYPE_COW_SMOOTHING (gst_cow_smoothing_get_type ())

/* Results that are kept at most; the property smoothing-window. */
#define GST_COW_SMOOTHING_MAX_WINDOW 64

/* All zero is one that has seen nothing. */
typedef struct {
  GstCowSmoothing method;
  guint window, n_classes;
  float *kept; /* [window, n_classes] the last results, in a ring; NULL for off and hmm */
  guint n_kept, next;
  float *state; /* [n_classes] what the results say together */
  gint held;    /* majority: the class that won last, -1 before the first */
} GstCowSmoother;

void gst_cow_smoother_clear (GstCowSmoother *self);
/*
 * Takes the next result, probabilities [n_classes], and makes of `state`
 *   off       the result
 *   mean      the mean of the last `window` results
 *   majority  the same; `held` becomes a class once at least three of the last `window` results,
 *             and 60 % of them, had it as their likeliest among those that `mask` allows
 *             ([n_classes], NULL: all), and it stays until another class does
 *   hmm       the forward probabilities of a hidden Markov model whose states last for `window`
 *             results on average
 * Starts anew when method, window or the number of classes differs from that of the last call.
 */
void gst_cow_smoother_add (GstCowSmoother *self, GstCowSmoothing method, guint window,
                           const float *probabilities, guint n_classes, const gboolean *mask);

G_END_DECLS

#endif
