/* SPDX-License-Identifier: MIT */
/* Ctrl-C and SIGTERM ask a long job to end at its next safe place; a second one ends it at once. */
#ifndef COW_TRAINER_STOP_H
#define COW_TRAINER_STOP_H

#include <glib.h>

void stop_install (void);
gboolean stop_requested (void);

#endif
