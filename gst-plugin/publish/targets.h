/* SPDX-License-Identifier: MIT */
/* All targets that there are. */
#ifndef GST_COW_PUBLISH_TARGETS_H
#define GST_COW_PUBLISH_TARGETS_H

#include "gst-plugin/publish/target.h"

G_BEGIN_DECLS

/* A row is a target: NAME.c of this folder, which defines gst_cow_publish_NAME. Their order is that
 * of their properties. */
#define GST_COW_PUBLISH_TARGETS(ROW)                                                               \
  ROW (file)                                                                                       \
  ROW (http)                                                                                       \
  ROW (mqtt)

#define GST_COW_PUBLISH_DECLARE(NAME) extern const GstCowPublishTargetClass gst_cow_publish_##NAME;
GST_COW_PUBLISH_TARGETS (GST_COW_PUBLISH_DECLARE)
#undef GST_COW_PUBLISH_DECLARE

extern const GstCowPublishTargetClass *const gst_cow_publish_targets[];
extern const guint gst_cow_publish_n_targets;

/* Whether the user asks for this target: whether its first property is set in its settings. */
gboolean gst_cow_publish_target_is_wanted (const GstCowPublishTargetClass *class,
                                           gconstpointer settings);
/* The properties that ask for one, as "a, b or c"; free with g_free (). */
char *gst_cow_publish_targets_list (void);

G_END_DECLS

#endif
