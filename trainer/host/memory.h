/* SPDX-License-Identifier: MIT */
/* How much memory this process holds. Bytes. */
#ifndef COW_TRAINER_MEMORY_H
#define COW_TRAINER_MEMORY_H

#include <glib.h>

/* The most that this process has held at once. */
guint64 memory_peak (void);
guint64 memory_now (void);

#endif
