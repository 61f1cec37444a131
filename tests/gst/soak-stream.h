/* SPDX-License-Identifier: MIT */
/* A camera of the soak and what it passes through: a source that is replaced when it fails,
 * `cowbehavior`, and `cowpublish` with three targets. All functions are for the thread of the main
 * loop. */
#ifndef TEST_SOAK_STREAM_H
#define TEST_SOAK_STREAM_H

#include "pipelines/source.h"
#include "tests/gst/frame-counter.h"

G_BEGIN_DECLS

#define SOAK_N_TARGETS 3
extern const char *const soak_targets[SOAK_N_TARGETS]; /* "file", "http", "mqtt" */

typedef struct {
  guint64 sent, dropped, queued, failures;
} SoakTarget;

/* Of all runs of the elements since the stream began. */
typedef struct {
  FrameCounts passed;                                   /* as seen from outside */
  guint64 frames, classified, reused, skipped, pending; /* as cowbehavior counts them */
  SoakTarget targets[SOAK_N_TARGETS];                   /* as cowpublish counts events */
  guint n_reconnections, n_restarts;
} SoakNumbers;

typedef struct _SoakStream SoakStream;

/* `camera`: its number and address; `rest`: the description of everything behind the source, in
 * which cowbehavior is called "cow" and cowpublish "publish". */
SoakStream *soak_stream_new (GstElement *pipeline, guint camera, const char *url, const char *rest);
/* Starts the source. The pipeline has to be playing. */
void soak_stream_start (SoakStream *self);
/* Takes what the pipeline's bus says of its source; FALSE: it is about something else. */
gboolean soak_stream_take_message (SoakStream *self, GstMessage *message);
/* Whether the source gives pictures, and the last labelled one is by this adapter. */
gboolean soak_stream_is_well (SoakStream *self, const char *adapter);
void soak_stream_set_adapter (SoakStream *self, const char *adapter);
/* Stops source and cowbehavior, and starts them again with another model. */
void soak_stream_restart (SoakStream *self, const char *model);
SoakNumbers soak_stream_numbers (SoakStream *self);
/* Stops the source, and sends the end of the stream to the rest. */
void soak_stream_end (SoakStream *self);
/* For when the pipeline is stopped. */
void soak_stream_free (SoakStream *self);

G_END_DECLS

#endif
