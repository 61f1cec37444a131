/* SPDX-License-Identifier: MIT */
/* A source in a playing pipeline that may go away: when it fails, ends, or gives nothing for a
 * while, it is replaced by a new one until that works, while the rest of the pipeline plays on. All
 * functions belong to the thread of the main loop, which has to run. */
#ifndef COW_PIPELINES_SOURCE_H
#define COW_PIPELINES_SOURCE_H

#include "pipelines/camera.h"

G_BEGIN_DECLS

typedef struct {
  const char *name;        /* stands before what is said of it on the standard error */
  gboolean say_host;       /* behind the name, too */
  const char *description; /* as for gst-launch-1.0, with one open end */
  const CameraAccess *access;
  GstElement *pipeline;
  GstPad *sink;     /* where its frames go */
  guint patience_s; /* without a frame, after which it is replaced */
} SourceSettings;

typedef struct _Source Source;

/* What the settings point to has to outlive the source. */
Source *source_new (const SourceSettings *settings);
/* Starts it for the first time. A description that cannot be parsed is an error; whatever happens
 * later is not. */
gboolean source_start (Source *source, GError **error);
/* Takes what the pipeline's bus says of this source; FALSE: it is about something else. */
gboolean source_take_message (Source *source, GstMessage *message);
/* Whether it gives nothing, and that has been said. */
gboolean source_is_away (const Source *source);
/* Seconds since it last gave anything. */
guint source_quiet_s (const Source *source);
gboolean source_has_given (const Source *source);
guint source_n_reconnections (const Source *source);
/* Stops it for good. With `end_stream`, the rest of the pipeline sees the end of the stream. */
void source_stop (Source *source, gboolean end_stream);
void source_free (Source *source);

G_END_DECLS

#endif
