/* SPDX-License-Identifier: MIT */
#ifndef COW_HOST_MEMORY_H
#define COW_HOST_MEMORY_H

#include <glib.h>

/* Bytes of the host's memory that could be had now: MemAvailable, or less where a control group
 * limits this process; 0 when nothing tells. */
guint64 cow_host_memory_available (void);

#endif
