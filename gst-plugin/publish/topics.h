/* SPDX-License-Identifier: MIT */
/* Names of things in MQTT, and how Home Assistant is told of them. Pure: of the arguments only. */
#ifndef GST_COW_PUBLISH_TOPICS_H
#define GST_COW_PUBLISH_TOPICS_H

#include <gst/gst.h>

G_BEGIN_DECLS

/* A name as one level of a topic: "/", "+", "#", "%" and control characters are %XX, a "$" at the
 * beginning too; "unnamed" where nothing is left of it. At most some 200 bytes. Free with g_free
 * (). */
char *gst_cow_publish_topic_level (const char *name);
/* What an object of the custom meta is about: "frame", "zone/NAME" or "track/NUMBER", where NAME is
 * a level of a topic. NULL where it does not say. Free with g_free (). */
char *gst_cow_publish_topic_of (const GstStructure *object);
/* Whether a name of the above is of something that stays, as zones do and tracks do not. */
gboolean gst_cow_publish_topic_stays (const char *name);

/* All borrowed. */
typedef struct {
  const char *prefix, *source; /* as set: "cowbehavior", "barn 1" */
  const char *base;            /* topic below which the names are: "cowbehavior/barn 1" */
  GList *names;                /* of gst_cow_publish_topic_of () */
  const char *const *labels;   /* that a state may have, NULL-terminated; NULL: not known */
} GstCowPublishDevice;

/* The device's identity in topics and at Home Assistant: letters, digits, "_" and "-". Free with
 * g_free (). */
char *gst_cow_publish_device_id (const char *prefix, const char *source);
/* The discovery message: a sensor for each name that stays. Free with g_free (). */
char *gst_cow_publish_device_text (const GstCowPublishDevice *device);

G_END_DECLS

#endif
