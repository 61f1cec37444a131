/* SPDX-License-Identifier: MIT */
/* The properties of `cowbehavior`: their names, defaults and values. */
#ifndef GST_COW_SETTINGS_H
#define GST_COW_SETTINGS_H

#include <gst/gst.h>

#include "gst-plugin/behavior/message.h"
#include "gst-plugin/behavior/pace.h"
#include "gst-plugin/behavior/regions.h"
#include "gst-plugin/behavior/smoother.h"
#include "model/network/classifier.h"

G_BEGIN_DECLS

/* The threshold that stands for those of the adapter. */
#define GST_COW_THRESHOLD_OF_ADAPTER (-1.0f)

/* What may change while playing. Never changed once it is here: a change makes a new one, and each
 * frame holds the one that it began with.
 */
typedef struct {
  GstCowInferenceRegion region;
  GArray *zones;              /* of GstCowZone; NULL: none */
  gchar **object_class;       /* NULL: all */
  guint min_size;             /* px */
  gdouble padding;            /* fraction of the box */
  guint interval, reclassify; /* frames */
  GstCowMode mode;
  guint batch_size, batch_timeout_ms;
  GstCowSmoothing smoothing;
  guint smoothing_window; /* results */
  gfloat threshold;
  guint top_k;
  gchar **classes; /* that may be a label; NULL: all */
  GstCowPostMessages post_messages;
} GstCowFrameSettings;

GstCowFrameSettings *gst_cow_frame_settings_ref (GstCowFrameSettings *self);
void gst_cow_frame_settings_unref (GstCowFrameSettings *self);
/* How many frames a stream that waits for its results holds at most: two batches, so that one fills
 * while the other is computed; else one.
 */
guint gst_cow_frame_settings_depth (const GstCowFrameSettings *self);

typedef struct {
  gchar *model, *adapter, *device; /* as the user set them; NULL: not set */
  CowPrecision precision;
  gchar *zones, *object_class, *classes; /* the texts of which `frame` has the parts */
  GstCowFrameSettings *frame;
} GstCowSettings;

GType gst_cow_precision_get_type (void);
#define GST_TYPE_COW_PRECISION (gst_cow_precision_get_type ())

enum {
  GST_COW_PROP_0,
  GST_COW_PROP_MODEL,
  GST_COW_PROP_ADAPTER,
  GST_COW_PROP_DEVICE,
  GST_COW_PROP_PRECISION,
  GST_COW_PROP_INFERENCE_REGION,
  GST_COW_PROP_ZONES,
  GST_COW_PROP_OBJECT_CLASS,
  GST_COW_PROP_MIN_SIZE,
  GST_COW_PROP_PADDING,
  GST_COW_PROP_INFERENCE_INTERVAL,
  GST_COW_PROP_RECLASSIFY_INTERVAL,
  GST_COW_PROP_MODE,
  GST_COW_PROP_BATCH_SIZE,
  GST_COW_PROP_BATCH_TIMEOUT,
  GST_COW_PROP_SMOOTHING,
  GST_COW_PROP_SMOOTHING_WINDOW,
  GST_COW_PROP_THRESHOLD,
  GST_COW_PROP_TOP_K,
  GST_COW_PROP_CLASSES,
  GST_COW_PROP_POST_MESSAGES,
  GST_COW_PROP_STATS /* which the element answers itself */
};

/* Declares the properties to the class of the element. */
void gst_cow_settings_install (GObjectClass *klass);
void gst_cow_settings_init (GstCowSettings *self);
void gst_cow_settings_clear (GstCowSettings *self);
/* FALSE: no property has this id. A value that means nothing sets *error and changes nothing. The
 * caller holds the lock. */
gboolean gst_cow_settings_set (GstCowSettings *self, guint id, const GValue *value, GError **error);
gboolean gst_cow_settings_get (const GstCowSettings *self, guint id, GValue *value);

G_END_DECLS

#endif
