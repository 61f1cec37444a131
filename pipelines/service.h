/* SPDX-License-Identifier: MIT */
/* What the programs say to whoever runs them: a person at a terminal, or systemd. Any thread may
 * call these functions. */
#ifndef COW_PIPELINES_SERVICE_H
#define COW_PIPELINES_SERVICE_H

#include <glib.h>

G_BEGIN_DECLS

/* The levels of sd-daemon(3). */
typedef enum { SAY_ERROR = 3, SAY_WARNING = 4, SAY_INFO = 6 } SayLevel;

/* Prints lines on the standard error. Where that is systemd's journal, each line begins with its
 * level, as "<3>". */
void service_say (SayLevel level, const char *format, ...) G_GNUC_PRINTF (2, 3);
/* Tells systemd the state of the service, as "READY=1" or "STATUS=TEXT" of sd_notify(3); nothing
 * happens where nobody asked for it by NOTIFY_SOCKET. */
void service_notify (const char *state);

G_END_DECLS

#endif
