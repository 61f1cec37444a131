/* SPDX-License-Identifier: MIT */
/*
 * The CUDA context that an element shares with its neighbours. Decoders and other elements around
 * ours are told to use the one in which the engine computes, so that frames can be read where they
 * are. A failure of the GPU may be the end of a context. Where nobody else has it, the engine makes
 * another one; but decoders keep theirs, so that a shared one is the end of the pipeline.
 *
 * All functions are safe from any thread. In a build without gstreamer-cuda-1.0 nothing is shared.
 */
#ifndef GST_COW_CONTEXT_H
#define GST_COW_CONTEXT_H

#include <gst/gst.h>

G_BEGIN_DECLS

typedef struct _GstCowContext GstCowContext;

/* The element is borrowed. */
GstCowContext *gst_cow_context_new (GstElement *element);
void gst_cow_context_free (GstCowContext *self);
/* A new start of the element, for which nothing has been lost. */
void gst_cow_context_start (GstCowContext *self);

/*
 * Answers a query of a neighbour for the CUDA context that it should use, if that is what the query
 * asks, with that of the device of this name. FALSE: it asks something else, or the name stands for
 * no GPU. The device stays open as long as somebody has the context, and so long all that ask an
 * element get the same one.
 */
gboolean gst_cow_context_answer (GstCowContext *self, GstQuery *query, const char *device_name);

/*
 * Something has failed, `why` by name: whether a context that neighbours share is lost. An error
 * that says so is on the bus when this returns, once a start.
 */
gboolean gst_cow_context_is_lost (GstCowContext *self, const char *why);
/* Whether that error is there: nothing can flow any more. */
gboolean gst_cow_context_is_over (GstCowContext *self);

G_END_DECLS

#endif
