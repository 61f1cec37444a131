/* SPDX-License-Identifier: MIT */
/* The properties of `cowpublish`: its own, and those of all targets. */
#ifndef GST_COW_PUBLISH_SETTINGS_H
#define GST_COW_PUBLISH_SETTINGS_H

#include <gst/gst.h>

G_BEGIN_DECLS

/* The property post-events. */
typedef enum {
  GST_COW_PUBLISH_ALL,
  GST_COW_PUBLISH_CLASSIFIED,
  GST_COW_PUBLISH_ON_CHANGE
} GstCowPublishEvents;

/* The property leaky; as of GStreamer's queue. */
typedef enum {
  GST_COW_PUBLISH_LEAKY_AUTO,
  GST_COW_PUBLISH_LEAKY_NO,
  GST_COW_PUBLISH_LEAKY_DOWNSTREAM
} GstCowPublishLeaky;

GType gst_cow_publish_leaky_get_type (void);
#define GST_TYPE_COW_PUBLISH_LEAKY (gst_cow_publish_leaky_get_type ())

GType gst_cow_publish_events_get_type (void);
#define GST_TYPE_COW_PUBLISH_EVENTS (gst_cow_publish_events_get_type ())

/* The element's own, as the user set them. */
typedef struct {
  gchar *source;    /* NULL: not set */
  gint post_events; /* GstCowPublishEvents */
  guint queue_size; /* events */
  gint leaky;       /* GstCowPublishLeaky */
  guint drain_timeout_ms;
} GstCowPublishOwn;

typedef struct {
  GstCowPublishOwn *own;
  gpointer *targets; /* the values of each target's properties, in the order of targets.h */
} GstCowPublishSettings;

/* Declares the properties to the class of the element; the id of `stats`, which is behind them all
 * and which the element answers itself. */
guint gst_cow_publish_settings_install (GObjectClass *klass);

void gst_cow_publish_settings_init (GstCowPublishSettings *self);
void gst_cow_publish_settings_copy (const GstCowPublishSettings *self, GstCowPublishSettings *to);
void gst_cow_publish_settings_clear (GstCowPublishSettings *self);
/* FALSE: no property has this id. The caller holds the lock. */
gboolean gst_cow_publish_settings_set (GstCowPublishSettings *self, guint id, const GValue *value);
gboolean gst_cow_publish_settings_get (GstCowPublishSettings *self, guint id, GValue *value);

G_END_DECLS

#endif
