/* SPDX-License-Identifier: MIT */
/*
 * What is wrong with pictures before they are looked at: a tag says that they are to be turned and
 * nobody does, they consist of two fields, they are damaged. Each is said once in a run. Functions
 * are for the streaming thread unless they say otherwise.
 */
#ifndef GST_COW_INTAKE_H
#define GST_COW_INTAKE_H

#include <gst/video/video.h>

G_BEGIN_DECLS

typedef struct _GstCowIntake GstCowIntake;

/* `element`, which has one pad "sink", is borrowed; messages come from it. */
GstCowIntake *gst_cow_intake_new (GstElement *element);
void gst_cow_intake_free (GstCowIntake *self);
/* A new start of the element: nothing was said. Not while buffers flow. */
void gst_cow_intake_start (GstCowIntake *self);

/* Notes an event of the sink pad. TRUE: pictures are to be turned in another way from here on, so
 * that what is known of the places in them is out of date. */
gboolean gst_cow_intake_note_event (GstCowIntake *self, GstEvent *event);
/* Whether frames of these caps can be read. If not, an error was posted: each buffer holds one
 * field. */
gboolean gst_cow_intake_note_info (GstCowIntake *self, const GstVideoInfo *info);
/* Says what is wrong with a frame. */
void gst_cow_intake_note_frame (GstCowIntake *self, GstBuffer *buffer);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GstCowIntake, gst_cow_intake_free)

G_END_DECLS

#endif
