/* SPDX-License-Identifier: MIT */
/*
 * Adapters whose pictures may have any number of labels: which of them a picture has, and how they
 * are written, "Lying|Ruminating" or "none" (pandas' Series.str.get_dummies reads the former).
 */
#ifndef COW_LABEL_TEXT_H
#define COW_LABEL_TEXT_H

#include <glib.h>

G_BEGIN_DECLS

#define COW_LABEL_SEPARATOR "|"
/* What stands where a picture has none of the labels. */
#define COW_LABEL_NONE "none"

/* Whether a class may be called so: the text of several labels has to be read again. */
gboolean cow_label_is_plain (const char *name);
/* shown [n]: whether a class's probability reaches its threshold (NaN does not). Both [n]. */
void cow_label_decide (const float *probabilities, const float *thresholds, guint n, guint8 *shown);
/* The classes that are shown [n], by index; g_free. */
char *cow_label_text (const char *const *classes, const guint8 *shown, guint n);

G_END_DECLS

#endif
