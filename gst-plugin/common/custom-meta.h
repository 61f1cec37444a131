/* SPDX-License-Identifier: MIT */
/*
 * The custom meta that `cowbehavior` writes and `cowoverlay` and `cowpublish` read: its
 * registration, and the words and limits that all three have to agree on. gstcowbehaviormeta.h
 * documents its fields.
 */
#ifndef GST_COW_CUSTOM_META_H
#define GST_COW_CUSTOM_META_H

#include <gst/gst.h>

G_BEGIN_DECLS

/* The field `label` where no class is likely enough. */
#define GST_COW_LABEL_UNKNOWN "unknown"

/* Tracks that `cowbehavior` keeps at most, and the frames after which it forgets one that was not
 * seen and has nothing to be recognised by. `cowpublish` forgets what it knows of any as late. */
#define GST_COW_TRACKER_MAX      512
#define GST_COW_TRACKER_PATIENCE 150

/* What an object is; the field `region` has its name: "frame", "zone", "roi". */
typedef enum { GST_COW_PLACE_FRAME, GST_COW_PLACE_ZONE, GST_COW_PLACE_ROI } GstCowPlace;

const char *gst_cow_place_name (GstCowPlace place);

/* What a user has to know of results of the demonstration model, wherever they are shown, and
 * whether results are of it: they name one of its adapters. */
#define GST_COW_DEMONSTRATION_TEXT "demonstration model, knows drawn cows only"
gboolean gst_cow_meta_is_demonstration (const GstStructure *results);

/* Registers the custom meta unless that has been done, perhaps by another of the three plugins:
 * each has this code. GStreamer initialises one plugin at a time, so that each plugin calls this
 * when it is initialised. */
void gst_cow_meta_register (void);

G_END_DECLS

#endif
