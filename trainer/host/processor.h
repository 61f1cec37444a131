/* SPDX-License-Identifier: MIT */
/* The processor's name, for reports: a speed means little without it. */
#ifndef COW_TRAINER_PROCESSOR_H
#define COW_TRAINER_PROCESSOR_H

#include <glib.h>

/* As the system tells it ("AMD EPYC 9R14 96-Core Processor"), or the name of the board; NULL where
 * it tells neither. Free with g_free. */
char *processor_name (void);

#endif
