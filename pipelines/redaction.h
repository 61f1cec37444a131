/* SPDX-License-Identifier: MIT */
/*
 * GStreamer's debug log without secrets. At its higher levels GStreamer and its elements log the
 * lines that they parse, addresses with their queries and requests with their headers. What must
 * not be shown is named here; each line is searched for it, and *** takes its place.
 *
 * A registry of the process, as GStreamer's log is. Any thread, but for redaction_start ().
 */
#ifndef COW_PIPELINES_REDACTION_H
#define COW_PIPELINES_REDACTION_H

#include <glib.h>

G_BEGIN_DECLS

/* Takes the log over, and names what the environment holds: logins of cameras, passwords, tokens
 * and addresses. To be called before gst_init (). GST_DEBUG_FILE means what it means to GStreamer.
 */
void redaction_start (void);
/* Names what a description as for gst-launch-1.0 (or one of its words) holds: values of properties
 * that are passwords or tokens; of addresses the login, the query, and parts of the path that name
 * a value, as some cameras have it. */
void redaction_add_description (const char *description);

G_END_DECLS

#endif
