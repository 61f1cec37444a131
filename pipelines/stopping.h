/* SPDX-License-Identifier: MIT */
/*
 * Stops pipelines whose sources may hang: a camera that falls silent in the middle of an answer
 * keeps rtspsrc waiting for as long as its own timeouts are. So sources stop in threads of their
 * own, beside the main loop, which goes on hearing signals, and beside each other.
 *
 * All functions are for the thread of the main loop.
 */
#ifndef COW_PIPELINES_STOPPING_H
#define COW_PIPELINES_STOPPING_H

#include <gst/gst.h>

G_BEGIN_DECLS

/* Takes an element, which may be playing, out of its bin and stops it without waiting for that. */
void stopping_take_out (GstElement *element);
/* Begins to stop the sources of cameras. From now on a further signal INT, TERM or HUP ends the
 * process at once; those within half a second count as the same, because a terminal that is closed
 * and `timeout` signal a process and its group. */
void stopping_begin (GstElement *pipeline);
/* Brings everything else of the pipeline to `state`. Then waits for the sources until 2 s have
 * passed since stopping_begin (), and says so if one hangs even then. */
void stopping_finish (GstElement *pipeline, GstState state);
/* Frees the pipeline and returns the status; where a source hangs, ends the process with it. */
int stopping_end (GstElement *pipeline, int status);

G_END_DECLS

#endif
