/* SPDX-License-Identifier: MIT */
/* How much memory there is, and how much this process holds. Bytes. */
#ifndef COW_TRAINER_MEMORY_H
#define COW_TRAINER_MEMORY_H

#include <glib.h>

/* The memory that could be had now: MemAvailable, or less where a control group limits this
 * process; 0 when nothing tells. */
guint64 memory_available (void);
/* The most that this process has held at once. */
guint64 memory_peak (void);
guint64 memory_now (void);

#endif
