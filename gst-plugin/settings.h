/* SPDX-License-Identifier: MIT */
/* The properties of `cowbehavior`: their names, defaults and values. */
#ifndef GST_COW_SETTINGS_H
#define GST_COW_SETTINGS_H

#include <gst/gst.h>

#include "gst-plugin/regions.h"
#include "model/classifier.h"

G_BEGIN_DECLS

/* What may change while playing; each frame takes a copy. */
typedef struct {
  GstCowInferenceRegion region;
  guint interval;
  float threshold;
  guint top_k;
  gboolean post_messages;
} GstCowFrameSettings;

typedef struct {
  gchar *model, *adapter, *device; /* as the user set them; NULL: not set */
  CowPrecision precision;
  GstCowFrameSettings frame;
} GstCowSettings;

GType gst_cow_precision_get_type (void);
#define GST_TYPE_COW_PRECISION (gst_cow_precision_get_type ())

/* Declares the properties to the class of the element. */
void gst_cow_settings_install (GObjectClass *klass);
void gst_cow_settings_init (GstCowSettings *self);
void gst_cow_settings_clear (GstCowSettings *self);
/* FALSE: no property has this id. The caller holds the lock. */
gboolean gst_cow_settings_set (GstCowSettings *self, guint id, const GValue *value);
gboolean gst_cow_settings_get (const GstCowSettings *self, guint id, GValue *value);

G_END_DECLS

#endif
