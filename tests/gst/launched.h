/* SPDX-License-Identifier: MIT */
/* Pipelines in other processes, started by gst-launch-1.0 or by the scripts in pipelines/. */
#ifndef TEST_LAUNCHED_H
#define TEST_LAUNCHED_H

#include <gio/gio.h>

G_BEGIN_DECLS

/* Runs a command, which must end in time with this exit status, and returns its output of both
 * kinds as text. Free with g_free (). */
char *launched_output (const char *const *argv, int expected_status);
/* The same of a script of pipelines/ with these arguments, the golden model and an adapter;
 * NULL-terminated. */
char *launched_script (int expected_status, const char *adapter, const char *script,
                       ...) G_GNUC_NULL_TERMINATED;
/* Counts the messages of cowbehavior that gst-launch-1.0 -m printed; each must have one label,
 * which is a class. */
guint launched_n_messages (const char *output);
/* Counts the rows of events that a script printed below one header; each must have a source and a
 * label, which is a class. */
guint launched_n_rows (const char *output);

/* A command that a test watches and signals while it runs. It does not outlive the test. */
typedef struct _Launched Launched;
Launched *launched_start (const char *const *argv);
/* Waits until `n` new lines of its output, of both kinds, have the text. */
void launched_wait (Launched *launched, const char *text, guint n);
void launched_signal (Launched *launched, int signal);
/* Waits for its end with this exit status, or by the signal -expected_status, frees it, and returns
 * its whole output; free with g_free (). */
char *launched_end (Launched *launched, int expected_status);

G_END_DECLS

#endif
