/* SPDX-License-Identifier: MIT */
/*
 * Probabilities that mean what they say: temperature scaling and the expected calibration error (Guo et al., "On Calibration of Modern
 * Neural Networks", 2017), and for each class the probability from which on its answer is worth taking. Fitted on pictures that the
 * network was not trained on, and not on those that it is judged by.
 */
#ifndef COW_TRAINER_CALIBRATION_H
#define COW_TRAINER_CALIBRATION_H

#include <glib.h>

G_BEGIN_DECLS

/* The temperatures that a fit can give; one at an end says that the pictures are too few or too easy to tell. */
#define COW_TEMPERATURE_MIN 0.05
#define COW_TEMPERATURE_MAX 20.0

/* Softmax of logits / temperature. */
void cow_softmax (const float *logits, guint n_classes, double temperature, float *probabilities);
/* Mean of -log probability of the true class: logits [n, n_classes], truth [n], n at least 1. */
double cow_log_loss (const float *logits, const guint *truth, guint n, guint n_classes, double temperature);
/* The temperature with the least log loss. Dividing all logits by it changes no answer. */
double cow_temperature_fit (const float *logits, const guint *truth, guint n, guint n_classes);

#define COW_RELIABILITY_BINS 15

/* The pictures whose likeliest class has a probability in (i / 15, (i + 1) / 15]. */
typedef struct {
  guint64 n;
  double confidence, accuracy; /* means; 0 where n is 0 */
} CowReliabilityBin;

/*
 * Fills bins [COW_RELIABILITY_BINS] from probabilities [n, n_classes] and returns the expected calibration error: the mean distance of
 * confidence and accuracy, weighted by the pictures in each bin.
 */
double cow_reliability (const float *probabilities, const guint *truth, guint n, guint n_classes, CowReliabilityBin *bins);

/* A class' probability from which on a picture counts as showing it, and what that would give, each class against the rest. */
typedef struct {
  gboolean known;   /* FALSE: no picture shows the class, nothing can be said */
  gboolean reached; /* FALSE: no threshold gives the precision that was asked for; this one gives the highest */
  double value;     /* in [0, 1) */
  double precision, recall, f1;
} CowThreshold;

/*
 * thresholds [n_classes]. precision_target 0: those of the highest F1; else the lowest with at least that precision. The value lies half
 * way between the last probability taken and the first left out, so that rounding on another machine moves no picture.
 */
void cow_thresholds_fit (const float *probabilities, const guint *truth, guint n, guint n_classes, double precision_target,
                         CowThreshold *thresholds);

G_END_DECLS

#endif
