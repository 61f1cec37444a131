/* SPDX-License-Identifier: MIT */
/* What MmCows' two layouts, crops (dataset-mmcows.c) and frames with boxes
 * (dataset-mmcows-frames.c), have in common. */
#ifndef COW_TRAINER_DATASET_MMCOWS_H
#define COW_TRAINER_DATASET_MMCOWS_H

#include "trainer/data/dataset-private.h"

typedef enum { MMCOWS_BY_COW, MMCOWS_BY_CAMERA, MMCOWS_BY_SESSION, MMCOWS_ALONE } MmcowsGroup;

/* The class of a behaviour's number, 1 to 7; NULL for others (0 is unknown). */
const char *mmcows_behaviour (guint64 number);
gboolean mmcows_choose_group (DatasetDraft *draft, const char *folder, MmcowsGroup *group,
                              GError **error);
/* NULL for MMCOWS_ALONE; free with g_free. */
char *mmcows_group_name (MmcowsGroup group, guint64 unix_s, guint64 cow, guint64 camera);
/* "<unix>_<HH-MM-SS>" at the beginning of a name. */
gboolean mmcows_parse_time (const char *name, guint64 *unix_s, const char **end);

#endif
