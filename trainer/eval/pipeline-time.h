/* SPDX-License-Identifier: MIT */
/*
 * How fast a video goes the whole way: decoded, prepared, through the network, into metadata. That
 * is GStreamer's work: gst-launch-1.0 does it in a process of its own, with the installed element,
 * as it does for a user.
 */
#ifndef COW_TRAINER_PIPELINE_TIME_H
#define COW_TRAINER_PIPELINE_TIME_H

#include "model/files/error.h"

G_BEGIN_DECLS

typedef struct {
  const char *video;              /* a file */
  const char *model;              /* located; NULL where the adapter is a whole network */
  const char *adapter;            /* located */
  const char *device, *precision; /* as the element takes them */
} CowPipelineOptions;

typedef struct {
  guint frames;
  double seconds; /* of the frames behind the first, which waits for everything to be loaded */
} CowPipelineTime;

/* Every frame is classified as a whole, and none is dropped. COW_ERROR_NOT_FOUND where there is no
 * gst-launch-1.0, COW_ERROR_UNSUPPORTED with what it says. */
gboolean cow_pipeline_time (const CowPipelineOptions *options, CowPipelineTime *time,
                            GError **error);

G_END_DECLS

#endif
