/* SPDX-License-Identifier: MIT */
/*
 * Where cows are in the frames of a recording, as detectors and trackers write it to files: MOT
 * (rows of frame, id, left, top, width, height, confidence) or COCO (a JSON object with images and
 * annotations).
 */
#ifndef COW_TRAINER_BOXES_H
#define COW_TRAINER_BOXES_H

#include <glib.h>

G_BEGIN_DECLS

typedef struct {
  guint64 frame;     /* of the recording, from 0 */
  gint64 track;      /* the tracker's number for the cow; -1: none */
  double x, y, w, h; /* pixels; may lie outside of the frame */
} CowBox;

typedef struct {
  GArray *boxes;      /* of CowBox, by frame, and within one as in the file */
  gboolean tracked;   /* whether all have a track; else none counts */
  int width, height;  /* of the pictures, where the file tells; else 0 */
  guint first_number; /* of the file's first frame: 0 or 1 */
  char *text;         /* what was understood, for people: "cows.txt: MOT, ..." */
  guint64 last_frame;
} CowBoxes;

/* COW_ERROR_NOT_FOUND, _IO, or _FORMAT for what is neither, naming the line or the member. */
CowBoxes *cow_boxes_read (const char *path, GError **error);
void cow_boxes_free (CowBoxes *self);
/* The n boxes of a frame; NULL where there are none. */
const CowBox *cow_boxes_at (const CowBoxes *self, guint64 frame, guint *n);
/* A box in a frame of width x height, from which the file's pictures may differ in size; cut to
 * whole pixels of the frame. FALSE where nothing of it is left. */
gboolean cow_boxes_place (const CowBoxes *self, const CowBox *box, int width, int height,
                          int place[4]);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowBoxes, cow_boxes_free)

G_END_DECLS

#endif
