/* SPDX-License-Identifier: MIT */
/*
 * Probabilities that mean what they say: temperature scaling and the expected calibration error
 * (Guo et al., "On Calibration of Modern Neural Networks", 2017), and for each class the
 * probability from which on its answer is worth taking. Fitted on pictures that the network was not
 * trained on, and not on those that it is judged by.
 */
#ifndef COW_TRAINER_CALIBRATION_H
#define COW_TRAINER_CALIBRATION_H

#include "model/adapter/card.h"

G_BEGIN_DECLS

/* The temperatures that a fit can give; one at an end says that the pictures are too few or too
 * easy to tell. */
#define COW_TEMPERATURE_MIN 0.05
#define COW_TEMPERATURE_MAX 100.0

/* Mean of -log probability of the true class: logits [n, n_classes], truth [n], n at least 1. */
double cow_log_loss (const float *logits, const guint *truth, guint n, guint n_classes,
                     double temperature);
/* The temperature with the least log loss. Dividing all logits by it changes no answer. */
double cow_temperature_fit (const float *logits, const guint *truth, guint n, guint n_classes);

#define COW_RELIABILITY_BINS 15

/* The pictures whose likeliest class has a probability in (i / 15, (i + 1) / 15]. */
typedef struct {
  guint64 n;
  double confidence, accuracy; /* means; 0 where n is 0 */
} CowReliabilityBin;

/*
 * Fills bins [COW_RELIABILITY_BINS] from probabilities [n, n_classes] and returns the expected
 * calibration error: the mean distance of confidence and accuracy, weighted by the pictures in each
 * bin.
 */
double cow_reliability (const float *probabilities, const guint *truth, guint n, guint n_classes,
                        CowReliabilityBin *bins);

/* A class' probability from which on a picture counts as showing it, and what that would give, each
 * class against the rest. */
typedef struct {
  gboolean known;   /* FALSE: no picture shows the class, nothing can be said */
  gboolean reached; /* FALSE: no threshold gives the precision that was asked for; this one gives
                       the highest */
  double value;     /* in [0, 1) */
  double precision, recall, f1;
} CowThreshold;

/*
 * thresholds [n_classes]. precision_target 0: those of the highest F1; else the lowest with at
 * least that precision. The value lies half way between the last probability taken and the first
 * left out, so that rounding on another machine moves no picture.
 */
void cow_thresholds_fit (const float *probabilities, const guint *truth, guint n, guint n_classes,
                         double precision_target, CowThreshold *thresholds);

/* The same where a picture may have several labels: shown [n, n_classes], 0 or 1. */
void cow_thresholds_fit_labels (const float *probabilities, const guint8 *shown, guint n,
                                guint n_classes, double precision_target, CowThreshold *thresholds);

/* Measures given thresholds [n_classes] on other pictures: fills all but `reached`. A class is
 * known when pictures show it. */
void cow_thresholds_apply (const float *probabilities, const guint *truth, guint n, guint n_classes,
                           const float *values, CowThreshold *thresholds);

/* ---- all of it ------------------------------------------------------------------------------- */

/* How far probabilities can be trusted, at temperature 1 and at another. */
typedef struct {
  double log_loss_before, log_loss_after;
  double ece_before, ece_after; /* expected calibration errors */
  CowReliabilityBin before[COW_RELIABILITY_BINS], after[COW_RELIABILITY_BINS];
} CowTrust;

/* Fills all of it and leaves the probabilities [n, n_classes] at that temperature. */
void cow_trust_measure (const float *logits, const guint *truth, guint n, guint n_classes,
                        double temperature, float *probabilities, CowTrust *trust);

/* A calibration as validation pictures gave it. */
typedef struct {
  gboolean multiple;  /* thresholds alone: pictures may have several labels */
  guint n_classes, n; /* n: pictures */
  double temperature;
  gboolean told; /* FALSE: the fit ran to an end (pictures too few, or all right), and the
                    temperature is left at 1 */
  CowTrust trust;
  double precision_target;  /* of the thresholds; 0: the best F1 */
  CowThreshold *thresholds; /* [n_classes] */
} CowCalibration;

CowCalibration *cow_calibration_fit (const float *logits, const guint *truth, guint n,
                                     guint n_classes, double precision_target);
/* The same where pictures may have several labels, shown [n, n_classes]: thresholds at a
 * temperature that stays as it is. */
CowCalibration *cow_calibration_fit_labels (const float *logits, const guint8 *shown, guint n,
                                            guint n_classes, double temperature,
                                            double precision_target);
void cow_calibration_free (CowCalibration *self);
/* The card's member "calibration"; `split` is the name of what it was fitted on. */
JsonObject *cow_calibration_to_json (const CowCalibration *self, const char *const *classes,
                                     const char *split);
/* [{"from", "to", "pictures", "confidence", "accuracy"}, ...] */
JsonArray *cow_reliability_to_json (const CowReliabilityBin *bins);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowCalibration, cow_calibration_free)

G_END_DECLS

#endif
