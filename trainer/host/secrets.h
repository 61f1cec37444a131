/* SPDX-License-Identifier: MIT */
/*
 * What a process was started with stays visible to others as long as it runs, in ps and in
 * /proc/PID/cmdline and environ. This takes secrets out of there.
 */
#ifndef COW_TRAINER_SECRETS_H
#define COW_TRAINER_SECRETS_H

#include <glib.h>

G_BEGIN_DECLS

/* To be called before there are other threads and processes, and once.
 *
 * Environment variables whose names end in PASSWORD or TOKEN, or whose values are addresses with a
 * login, move to memory that only this process sees; g_getenv () gives them as before. *argv [argc]
 * becomes a copy that lives as long as the process, and arguments that hold an address with a
 * login, or set a password or a token, are masked in the original; with `all`, every one but the
 * program's name. */
void secrets_hide (int argc, char ***argv, gboolean all);

G_END_DECLS

#endif
