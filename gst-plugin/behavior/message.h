/* SPDX-License-Identifier: MIT */
/* Results as element messages on the bus, for applications that want labels and no buffers. */
#ifndef GST_COW_MESSAGE_H
#define GST_COW_MESSAGE_H

#include <gst/gst.h>

#include "gst-plugin/common/moment.h"

G_BEGIN_DECLS

/* The property post-messages. */
typedef enum {
  GST_COW_POST_MESSAGES_NONE,
  GST_COW_POST_MESSAGES_ON_CHANGE,
  GST_COW_POST_MESSAGES_ALL
} GstCowPostMessages;

GType gst_cow_post_messages_get_type (void);
#define GST_TYPE_COW_POST_MESSAGES (gst_cow_post_messages_get_type ())

/*
 * A message named "cowbehavior". The documentation of the element lists its fields; among them are
 * arrays with one entry for each object, in the same order: `ids`, `labels` and `confidences`.
 * `objects` is what gst_cow_meta_attach () takes.
 */
GstMessage *gst_cow_message_new (GstObject *source, const char *model_name,
                                 const GstCowMoment *moment, const GValue *objects);

G_END_DECLS

#endif
