/* SPDX-License-Identifier: MIT */
/* Finds the linear layers that spoil a precision, so that they alone are computed in a finer
 * one. */
#ifndef COW_PRECISION_MIX_H
#define COW_PRECISION_MIX_H

#include "model/network/precision-answers.h"

G_BEGIN_DECLS

/* Called after each pass; FALSE ends the search. */
typedef gboolean (*CowMixTick) (gpointer user_data);

/*
 * The names of layers, as few as were found, that have to be in the next finer precision of the
 * device so that each picture passes the gate of `precision` and keeps its label; the first half of
 * all layers where fewer do not suffice. `exact` are fp32's answers. Layers are ordered by the
 * error that each adds when it alone is in `precision`, on the pictures that fail most; then they
 * are raised in this order. NULL on error: G_IO_ERROR_CANCELLED where `tick` ended it. Free with
 * g_strfreev.
 */
char **cow_precision_mix_find (const CowClassifier *fp32, const CowAnswers *exact,
                               CowPrecision precision, CowMixTick tick, gpointer user_data,
                               GError **error);
/* About how many passes that takes, for so many layers and pictures. */
guint cow_precision_mix_passes (guint n_linear, guint n_pictures);

G_END_DECLS

#endif
