/* SPDX-License-Identifier: MIT */
/* Pipelines in other processes, started by gst-launch-1.0 or by the scripts in pipelines/. */
#ifndef TEST_LAUNCHED_H
#define TEST_LAUNCHED_H

#include <glib.h>

G_BEGIN_DECLS

/* Runs a command, which must end in time with this exit status, and returns its output of both
 * kinds as text. Free with g_free (). */
char *launched_output (const char *const *argv, int expected_status);
/* Counts the messages of cowbehavior that gst-launch-1.0 -m printed; each must have one label,
 * which is a class. */
guint launched_n_messages (const char *output);

G_END_DECLS

#endif
