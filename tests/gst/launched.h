/* SPDX-License-Identifier: MIT */
/* Pipelines in other processes: by gst-launch-1.0 and by the scripts in pipelines/. */
#ifndef TEST_LAUNCHED_H
#define TEST_LAUNCHED_H

#include <glib.h>

G_BEGIN_DECLS

/* Runs a command with its output, both kinds, as text; it has to end in time with this exit status.
 * Free with g_free (). */
char *launched_output (const char *const *argv, int expected_status);
/* How many messages of cowbehavior gst-launch-1.0 -m printed, each with one label, which is a
 * class. */
guint launched_n_messages (const char *output);

G_END_DECLS

#endif
