/* SPDX-License-Identifier: MIT */
/* Bouts as a project of BORIS: JSON in the project format 7.0, with the network's classes as state
 * events. */
#ifndef COW_TRAINER_BORIS_H
#define COW_TRAINER_BORIS_H

#include "trainer/video/observation.h"
#include "trainer/video/source.h"

G_BEGIN_DECLS

typedef struct _CowBoris CowBoris;

/* classes ends with NULL; "unknown" is added. */
CowBoris *cow_boris_new (const char *const *classes);
/* Adds a recording as an observation of its name. */
void cow_boris_add (CowBoris *self, const CowVideoSource *source, const CowObservation *seen);
/* The text of a .boris file; free with g_free. */
char *cow_boris_text (const CowBoris *self);
void cow_boris_free (CowBoris *self);

G_END_DECLS

#endif
