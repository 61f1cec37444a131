/* SPDX-License-Identifier: MIT */
/* The table of trained backbones. */
#ifndef COW_TRAINED_BACKBONES_H
#define COW_TRAINED_BACKBONES_H

#include "model/training/trained-backbone.h"

G_BEGIN_DECLS

/* The class that trains this backbone. */
const CowTrainedClass *cow_trained_class_of (const CowBackboneConfig *config);

G_END_DECLS

#endif
