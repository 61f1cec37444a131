/* SPDX-License-Identifier: MIT */
/*
 * The formats that frames come in: frames-coco.c, frames-yolo.c, frames-cvat.c,
 * frames-label-studio.c, frames-mmcows.c. What a reader finds belongs to `split`, unless the draft
 * may be divided and the format says how.
 */
#ifndef COW_TRAINER_FRAMES_READERS_H
#define COW_TRAINER_FRAMES_READERS_H

#include "trainer/data/frames-draft.h"

/* Each is given the file that frames_find_file () found for its format, or a folder. */
gboolean frames_read_coco (FramesDraft *self, const char *path, CowSplit split, GError **error);
gboolean frames_read_yolo (FramesDraft *self, const char *path, CowSplit split, GError **error);
gboolean frames_read_cvat (FramesDraft *self, const char *path, CowSplit split, GError **error);
gboolean frames_read_label_studio (FramesDraft *self, const char *path, CowSplit split,
                                   GError **error);
gboolean frames_read_mmcows (FramesDraft *self, const char *path, CowSplit split, GError **error);

#endif
