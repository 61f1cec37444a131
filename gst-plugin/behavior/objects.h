/* SPDX-License-Identifier: MIT */
/* What is known of the cows and places of a frame, as the objects of the custom meta and of
 * messages, and which of them are news. */
#ifndef GST_COW_OBJECTS_H
#define GST_COW_OBJECTS_H

#include "gst-plugin/behavior/message.h"
#include "gst-plugin/behavior/meta.h"

G_BEGIN_DECLS

/*
 * `objects` becomes a GST_TYPE_ARRAY of those of the targets (of GstCowTarget) of which something
 * is known, to be unset by the caller. news NULL: of all; else, of guint, indices in `targets`:
 * only of these, and only of those whose label is not the one of the last call with news, which is
 * remembered with their tracks.
 */
void gst_cow_objects_collect (const GstCowPresentation *how, const GArray *targets,
                              const GArray *news, const GstCowMoment *moment, GValue *objects);
/* Puts what is known of targets onto a frame's buffer: each classification, and the custom meta
 * with `objects` where there are any. */
void gst_cow_objects_attach (GstBuffer *buffer, const GstCowPresentation *how,
                             const GArray *targets, const GstCowMoment *moment,
                             const GValue *objects);
/* Posts objects, where there are any, as a message of the element. */
void gst_cow_objects_post (GstElement *element, const char *model_name, const GstCowMoment *moment,
                           const GValue *objects);

G_END_DECLS

#endif
