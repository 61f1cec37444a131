/* SPDX-License-Identifier: MIT */
/* The properties of `cowbehavior`: their names, defaults and values. */
#ifndef GST_COW_SETTINGS_H
#define GST_COW_SETTINGS_H

#include <gst/gst.h>

#include "gst-plugin/behavior/message.h"
#include "gst-plugin/behavior/regions.h"
#include "gst-plugin/behavior/smoother.h"
#include "model/engine/engine.h"
#include "model/network/classifier.h"

G_BEGIN_DECLS

/* The value of threshold that stands for the adapter's own thresholds. */
#define GST_COW_THRESHOLD_OF_ADAPTER (-1.0f)

/* The property mode. */
typedef enum {
  GST_COW_MODE_AUTO,
  GST_COW_MODE_BLOCKING,    /* each frame waits for its own results */
  GST_COW_MODE_NON_BLOCKING /* no frame waits; each carries the newest results that there are */
} GstCowMode;

GType gst_cow_mode_get_type (void);
#define GST_TYPE_COW_MODE (gst_cow_mode_get_type ())

/* The settings that may change while playing. Such a structure is never changed: a new value makes
 * a new structure, and each frame holds the one that it began with. */
typedef struct {
  GstCowInferenceRegion region;
  GArray *zones;              /* of GstCowZone; NULL: none */
  gchar **object_class;       /* NULL: all */
  guint min_size;             /* px */
  gdouble padding;            /* fraction of the box */
  guint interval, reclassify; /* frames */
  gdouble motion_threshold;   /* levels of 255; 0: no gate */
  GstCowMode mode;
  guint batch_size, batch_timeout_ms;
  GstCowSmoothing smoothing;
  guint smoothing_window; /* results */
  gfloat threshold;
  guint top_k;
  gchar **classes; /* that may be a label; NULL: all */
  GstCowPostMessages post_messages;
  gboolean roi_meta;
} GstCowFrameSettings;

GstCowFrameSettings *gst_cow_frame_settings_ref (GstCowFrameSettings *self);
void gst_cow_frame_settings_unref (GstCowFrameSettings *self);
/* How many frames a stream that waits for its results holds at most: two batches, so that one fills
 * while the other is computed; one where batch-size asks for no batches. */
guint gst_cow_frame_settings_depth (const GstCowFrameSettings *self);
/*
 * Which classes of an engine may be a label, as an array of gboolean by class; NULL: all. Free with
 * g_array_unref (). COW_ERROR_ARGUMENT, and *error, names one that the engine does not have; the
 * others count.
 */
GArray *gst_cow_frame_settings_mask (const GstCowFrameSettings *self, CowEngine *engine,
                                     GError **error);

typedef struct {
  gchar *model, *adapter, *device; /* as the user set them; NULL: not set */
  CowPrecision precision;
  gchar *zones, *object_class, *classes; /* the texts that `frame` has in parts */
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
  GST_COW_PROP_MOTION_THRESHOLD,
  GST_COW_PROP_MODE,
  GST_COW_PROP_BATCH_SIZE,
  GST_COW_PROP_BATCH_TIMEOUT,
  GST_COW_PROP_SMOOTHING,
  GST_COW_PROP_SMOOTHING_WINDOW,
  GST_COW_PROP_THRESHOLD,
  GST_COW_PROP_TOP_K,
  GST_COW_PROP_CLASSES,
  GST_COW_PROP_POST_MESSAGES,
  GST_COW_PROP_ROI_META,
  GST_COW_PROP_STATS /* the element itself answers this one */
};

/* What elements that tell behaviours have unless it is set. */
#define GST_COW_DEFAULT_SMOOTHING        GST_COW_SMOOTHING_OFF
#define GST_COW_DEFAULT_SMOOTHING_WINDOW 8
#define GST_COW_DEFAULT_POST_MESSAGES    GST_COW_POST_MESSAGES_ALL

/* The properties device and precision, as each element with a network declares them. */
GParamSpec *gst_cow_settings_device_spec (void);
GParamSpec *gst_cow_settings_precision_spec (void);
/* Declares the properties to the class of the element. */
void gst_cow_settings_install (GObjectClass *klass);
void gst_cow_settings_init (GstCowSettings *self);
void gst_cow_settings_clear (GstCowSettings *self);
/* FALSE: no property has this id. An invalid value sets *error and changes nothing. The caller
 * holds the lock that protects the settings. */
gboolean gst_cow_settings_set (GstCowSettings *self, guint id, const GValue *value, GError **error);
gboolean gst_cow_settings_get (const GstCowSettings *self, guint id, GValue *value);

G_END_DECLS

#endif
