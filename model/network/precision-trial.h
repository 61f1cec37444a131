/* SPDX-License-Identifier: MIT */
/* Measures the faster precisions of a network beside fp32, on pictures like those that it will
 * see. */
#ifndef COW_PRECISION_TRIAL_H
#define COW_PRECISION_TRIAL_H

#include "model/network/classifier.h"
#include "model/network/precision-choice.h"

G_BEGIN_DECLS

/* Called after each pass; `all` grows where a mix is looked for. FALSE ends the trial. */
typedef gboolean (*CowTrialProgress) (guint done, guint all, gpointer user_data);

/*
 * Computes n pictures, pixels [n, 3, height, width] prepared as cow_classifier_preprocess () says,
 * in fp32 and in each faster precision that the device and the network offer, and fills *figures.
 * Where one of these fails by its answers and cow_precision_wants_mix (), the layers that spoil it
 * are looked for (precision-mix.h), and the network with these raised is one path more.
 *
 * `fp32` is a classifier that computes in fp32; one other at a time is open beside it. Pictures are
 * computed one by one in turns, so that what else the machine does disturbs both alike.
 * COW_ERROR_FORMAT where fp32 gives a number that is not finite; G_IO_ERROR_CANCELLED where
 * `progress` ended it before all whole networks were measured, which is no error afterwards
 * (cut_short); what loading and computing say. Clear *figures, also after an error.
 */
gboolean cow_precision_trial (CowClassifier *fp32, const float *pixels, guint n,
                              CowTrialProgress progress, gpointer user_data,
                              CowPrecisionFigures *figures, GError **error);

G_END_DECLS

#endif
