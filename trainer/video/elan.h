/* SPDX-License-Identifier: MIT */
/* Bouts as ELAN reads them: its annotation format (EAF) 3.0, of which this uses tiers with
 * annotations that are aligned in time. */
#ifndef COW_TRAINER_ELAN_H
#define COW_TRAINER_ELAN_H

#include "trainer/video/observation.h"
#include "trainer/video/source.h"

/* The text of a .eaf file: a tier for each subject, an annotation for each bout of a closed
 * observation. Free with g_free. */
char *cow_elan_text (const CowVideoSource *source, const CowObservation *seen);

#endif
