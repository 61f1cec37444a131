/* SPDX-License-Identifier: MIT */
/* The present label of each cow, zone and frame, to find changes. One thread uses it; the number of
 * entries is bounded. */
#ifndef GST_COW_PUBLISH_STATES_H
#define GST_COW_PUBLISH_STATES_H

#include <gst/gst.h>

G_BEGIN_DECLS

typedef struct _GstCowPublishStates GstCowPublishStates;

GstCowPublishStates *gst_cow_publish_states_new (void);
void gst_cow_publish_states_free (GstCowPublishStates *self);

/* Notes the label that goes with a name (topics.h) in this frame. Returns whether it is the first,
 * or not the one before. */
gboolean gst_cow_publish_states_update (GstCowPublishStates *self, const char *name,
                                        const char *label, guint64 frame);
/* Notes the running time of the picture that the result of a name is of, and returns whether it is
 * another one than before. FALSE for a name that is not remembered. */
gboolean gst_cow_publish_states_renew (GstCowPublishStates *self, const char *name,
                                       GstClockTime when);
/* Forgets the names that were not in the last GST_COW_TRACKER_PATIENCE frames, and calls `gone` for
 * each. */
void gst_cow_publish_states_expire (GstCowPublishStates *self, guint64 frame,
                                    void (*gone) (const char *name, gpointer data), gpointer data);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GstCowPublishStates, gst_cow_publish_states_free)

G_END_DECLS

#endif
