/* SPDX-License-Identifier: MIT */
/* The files that a pipeline writes: none of them is one that it reads, and a good one is not lost
 * when a run fails. */
#ifndef COW_PIPELINES_OUTPUTS_H
#define COW_PIPELINES_OUTPUTS_H

#include <gst/gst.h>

G_BEGIN_DECLS

/* Fails where a sink or publisher below `writes` would write to a file that a filesrc below `reads`
 * reads, by whatever name: relative, through a link, or as one of the numbered files of a pattern.
 * The two may be the same bin. */
gboolean outputs_check (GstBin *reads, GstBin *writes, GError **error);

/* The filesinks of a pipeline. Each writes to a new file beside its own (file-writer.h), which
 * takes the name when its first bytes are written; so a source that fails truncates nothing. Where
 * the pipeline reads a recording and the file exists, it takes the name when the run has ended
 * well. */
typedef struct _Outputs Outputs;
/* The bin must not be running. Returns NULL and sets the error where no file can be made. */
Outputs *outputs_new (GstBin *bin, GError **error);
/* To be called when the bin does not run any more. New files that have no name by then and are
 * empty, or whose run failed, are removed. FALSE: one could not get its name, which has been said.
 * NULL is ignored. */
gboolean outputs_free (Outputs *outputs, gboolean failed);

G_END_DECLS

#endif
