/* SPDX-License-Identifier: MIT */
/*
 * What a process was started with stays visible to others as long as it runs, in ps and in
 * /proc/PID/cmdline and environ. These functions take secrets out of there, and are to be called
 * before there are other threads and processes.
 */
#ifndef COW_TRAINER_SECRETS_H
#define COW_TRAINER_SECRETS_H

#include <glib.h>

G_BEGIN_DECLS

/* Moves environment variables whose names end in PASSWORD or TOKEN, or whose values are addresses
 * with a login, to memory that only this process sees. g_getenv () gives them as before. */
void secrets_hide_environment (void);
/* Returns copies of the arguments [argc], NULL-terminated; free with g_strfreev (). In the
 * originals, the logins of addresses are masked. */
char **secrets_hide_arguments (int argc, char **argv);

G_END_DECLS

#endif
