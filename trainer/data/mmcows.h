/* SPDX-License-Identifier: MIT */
/*
 * MmCows' frames (visual_data.zip): images/<MMDD>/cam_<N>/<unix>_<HH-MM-SS>.jpg, beside them
 * labels/combined/<MMDD>/cam_<N>/<same>.txt with a line "cow x y w h" a cow (centre and size as
 * parts of the frame), and behavior_labels/individual/C<NN>_<MMDD>.csv with the behaviour of each
 * cow in each second. A sample is one cow's part of a frame.
 */
#ifndef COW_TRAINER_MMCOWS_H
#define COW_TRAINER_MMCOWS_H

#include "trainer/data/dataset-draft.h"

typedef struct {
  guint64 cow;
  double box[4];         /* left, top, width and height as parts of the frame */
  const char *behaviour; /* NULL: not known; static */
} MmcowsBox;

typedef struct {
  const char *picture, *labels; /* paths */
  const char *source;           /* "MmCows camera 2" */
  guint64 unix_s, camera;
  const GArray *boxes; /* of MmcowsBox */
} MmcowsFrame;

typedef gboolean (*MmcowsTake) (const MmcowsFrame *frame, gpointer data, GError **error);

/* The name of a behaviour by MmCows' number, as in the cow recipes; NULL: there is none. */
const char *mmcows_behaviour (guint64 number);
/* "<unix>_<HH-MM-SS>" at the beginning of a name; *end is behind it. */
gboolean mmcows_parse_time (const char *name, guint64 *unix_s, const char **end);
/* Gives all frames that have boxes to `take`, in order; the others are warned of, and so are days
 * without behaviours, with what that means for the caller. COW_ERROR_FORMAT, _IO; whatever `take`
 * fails with. */
gboolean mmcows_frames_read (DatasetDraft *draft, const char *folder, const char *without_tables,
                             MmcowsTake take, gpointer data, GError **error);

#endif
