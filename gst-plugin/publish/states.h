/* SPDX-License-Identifier: MIT */
/* What each cow and place does at the moment, so that changes are seen. Of one thread; never more
 * than a fixed number of entries. */
#ifndef GST_COW_PUBLISH_STATES_H
#define GST_COW_PUBLISH_STATES_H

#include <gst/gst.h>

G_BEGIN_DECLS

typedef struct _GstCowPublishStates GstCowPublishStates;

GstCowPublishStates *gst_cow_publish_states_new (void);
void gst_cow_publish_states_free (GstCowPublishStates *self);

/* Notes the label of what has this name (publish-topics.h) and is in this frame. Whether it is
 * another than before, or the first. */
gboolean gst_cow_publish_states_update (GstCowPublishStates *self, const char *name,
                                        const char *label, guint64 frame);
/* Forgets those who were not in the last GST_COW_TRACKER_PATIENCE frames, and calls `gone` with the
 * name of each. */
void gst_cow_publish_states_expire (GstCowPublishStates *self, guint64 frame,
                                    void (*gone) (const char *name, gpointer data), gpointer data);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GstCowPublishStates, gst_cow_publish_states_free)

G_END_DECLS

#endif
