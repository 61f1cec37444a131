/* SPDX-License-Identifier: MIT */
/* Programs and servers that a test starts, and that do not outlive it, however it ends. */
#ifndef TEST_GST_CHILD_H
#define TEST_GST_CHILD_H

#include <gio/gio.h>

G_BEGIN_DECLS

/* Starts a program; the test fails if that cannot be. When the thread that calls this is over,
 * which is to be the test's first, the program gets `at_death`: SIGKILL, or SIGTERM where it has to
 * pass that on to what it started itself, as `timeout` does. */
GSubprocess *child_new (const char *const *argv, GSubprocessFlags flags, int at_death);

G_END_DECLS

#endif
