/* SPDX-License-Identifier: MIT */
/* A frame's results as one line of JSON: a function of its arguments alone. */
#ifndef GST_COW_PUBLISH_EVENT_H
#define GST_COW_PUBLISH_EVENT_H

#include <gst/video/video.h>

#include "gst-plugin/common/moment.h"

G_BEGIN_DECLS

/* An object of the custom meta and the results that contain it; both borrowed from a buffer. */
typedef struct {
  const GstStructure *results, *object;
} GstCowPublishObject;

/* Appends the objects of every `cowbehavior` that saw this buffer to an array of
 * GstCowPublishObject. */
void gst_cow_publish_event_collect (GstBuffer *buffer, GArray *objects);

/*
 * The event of these objects as a line without its newline, whatever their fields hold: text that
 * is not UTF-8 is made so, numbers that JSON does not have become null, absent fields are left out.
 * `source` names the stream. now_us, microseconds since 1970, is the time of this machine. Free
 * with g_ref_string_release ().
 */
char *gst_cow_publish_event_new (GstBuffer *buffer, const GstCowMoment *moment, const char *source,
                                 gint64 now_us, const GArray *objects);

/* Where the results of an object belong; all borrowed from it. */
typedef struct {
  const char *region; /* "frame", "zone" or "roi"; "frame" where the object does not say */
  const char *zone;   /* the zone's name; NULL: it is in none */
  const char *type;   /* the detector's word for it; NULL: it was not detected */
  gboolean has_track;
  guint64 track; /* of a detection */
} GstCowPublishPlace;

GstCowPublishPlace gst_cow_publish_place_of (const GstStructure *object);

/* Microseconds since 1970 by ISO 8601 (RFC 3339) in UTC, with microseconds; NULL for a time whose
 * year has not four digits. Free with g_free (). */
char *gst_cow_publish_time_text (gint64 us);

/* Appends a text as a JSON string, quotes included; NULL as null. */
void gst_cow_publish_append_string (GString *json, const char *text);

G_END_DECLS

#endif
