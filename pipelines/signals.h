/* SPDX-License-Identifier: MIT */
/* The signals that end a program. */
#ifndef COW_PIPELINES_SIGNALS_H
#define COW_PIPELINES_SIGNALS_H

#include <glib.h>

G_BEGIN_DECLS

/* Calls the function in the main loop at each INT, TERM and HUP, except for HUP where it was
 * ignored when the program was started, as by nohup. INT is not left out, which a script's shell
 * lets all ignore that it starts in the background. */
void signals_watch (GSourceFunc function, gpointer data);

G_END_DECLS

#endif
