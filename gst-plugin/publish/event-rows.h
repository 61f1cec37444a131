/* SPDX-License-Identifier: MIT */
/* A frame's results as rows of comma-separated values (RFC 4180): a function of its arguments
 * alone. */
#ifndef GST_COW_PUBLISH_EVENT_ROWS_H
#define GST_COW_PUBLISH_EVENT_ROWS_H

#include "gst-plugin/publish/event.h"
#include "model/files/event-row.h"

G_BEGIN_DECLS

/* The first line of a table of these rows. The columns behind the common ones are those of the JSON
 * of the same name, and
 *   camera_clock   the camera's time, by ISO 8601
 *   region         "frame", "zone" or "roi" (a detection)
 *   type           the detector's word for what it found
 *   x, y, w, h     the region, px of the frame
 *   frames_ago     0: classified in this very frame; n: in the n-th frame before
 *   model          the adapter that answered
 */
#define GST_COW_PUBLISH_COLUMNS                                                                    \
  COW_EVENT_COLUMNS ",camera_clock,region,type,x,y,w,h,frames_ago,model"

/*
 * A row for each object, with newlines between them and none at the end. now_us, microseconds since
 * 1970, is when the frame was taken by the clock of this machine; -1: nobody knows, because it is
 * of a recording. Free with g_ref_string_release ().
 */
char *gst_cow_publish_event_rows_new (const GstCowMoment *moment, const char *source, gint64 now_us,
                                      const GArray *objects);

G_END_DECLS

#endif
