/* SPDX-License-Identifier: MIT */
/* Topics of MQTT, and the discovery message for Home Assistant. All are functions of their
 * arguments alone. */
#ifndef GST_COW_PUBLISH_TOPICS_H
#define GST_COW_PUBLISH_TOPICS_H

#include <gst/gst.h>

G_BEGIN_DECLS

/* A name as one level of a topic: "/", "+", "#", "%", control characters and a "$" at the beginning
 * become %XX, an empty name becomes "unnamed". About 200 bytes at most. Free with g_free (). */
char *gst_cow_publish_topic_level (const char *name);
/* The name of an object of the custom meta: "frame", "zone/NAME" or "track/NUMBER", where NAME is a
 * level of a topic. NULL where the object has no name. Free with g_free (). */
char *gst_cow_publish_topic_of (const GstStructure *object);
/* The name of the number of cows with a label, "count/LABEL", and whether a name is one. Free with
 * g_free (). */
char *gst_cow_publish_topic_of_count (const char *label);
gboolean gst_cow_publish_topic_is_count (const char *name);
/* Whether a name is of something permanent: the frame, a zone or a number, but not a track. */
gboolean gst_cow_publish_topic_stays (const char *name);

/* All borrowed. */
typedef struct {
  const char *prefix, *source; /* as set: "cowbehavior", "barn 1" */
  const char *base;            /* topic below which the names are: "cowbehavior/barn 1" */
  const char *model;           /* what answers, for people; NULL: not known */
  GList *names;                /* from gst_cow_publish_topic_of () or _of_count () */
  GList *removed;              /* likewise; what Home Assistant is to forget */
  const char *const *labels;   /* that a state may have, NULL-terminated; NULL: not known */
} GstCowPublishDevice;

/* The device's id in topics and for Home Assistant: letters, digits, "_" and "-". Free with
 * g_free (). */
char *gst_cow_publish_device_id (const char *prefix, const char *source);
/* The discovery message: a sensor for each permanent name, with the label or the number of cows as
 * its state; a label of "unknown" is what Home Assistant calls that, too. Free with g_free (). */
char *gst_cow_publish_device_text (const GstCowPublishDevice *device);

G_END_DECLS

#endif
