/* SPDX-License-Identifier: MIT */
/* The categories of the COCO data set (Lin et al., 2014) that are not cattle, as detectors and
 * collections of pictures list them: a box of one of them is of no cow. */
#ifndef COW_TRAINER_COCO_NAMES_H
#define COW_TRAINER_COCO_NAMES_H

#include <glib.h>

/* Whether a label is one of the 79 in any case. Any thread. */
gboolean coco_names_is_other (const char *label);

#endif
