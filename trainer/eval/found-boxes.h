/* SPDX-License-Identifier: MIT */
/* What `predict` writes where cows are found in whole frames: a row a box, for people or programs,
 * or a COCO file, to a file or standard output. */
#ifndef COW_TRAINER_FOUND_BOXES_H
#define COW_TRAINER_FOUND_BOXES_H

#include "model/network/detection.h"

G_BEGIN_DECLS

typedef enum {
  FOUND_BOXES_TABLE,
  FOUND_BOXES_CSV,
  FOUND_BOXES_JSONL,
  FOUND_BOXES_COCO
} FoundBoxesFormat;

/* "table" | "csv" | "jsonl" | "coco" */
gboolean found_boxes_format_parse (const char *name, FoundBoxesFormat *format);

typedef struct _FoundBoxes FoundBoxes;

/* A picture, or a frame of a recording. */
typedef struct {
  const char *path;
  gint64 time;       /* ns; FOUND_BOXES_NO_TIME: a picture */
  int width, height; /* px, which boxes are in */
} FoundFrame;

#define FOUND_BOXES_NO_TIME G_MININT64

/* `behaviours`: what is said of the cows, borrowed, or NULL; it makes the columns `pred_label` and
 * `confidence`, and one for each of them, as in tables of crops; a COCO file has them as
 * categories. `path` NULL: standard output. A file is written beside its name and takes it in
 * finish ().
 * `recordings`: whether there are any, whose rows have a time. */
FoundBoxes *found_boxes_new (FoundBoxesFormat format, const char *path, gboolean recordings,
                             const char *const *behaviours, GError **error);
/* The boxes of a frame, of CowDetection; they wait until flush (). `probabilities` of the
 * behaviours by their rows; NULL without behaviours. */
void found_boxes_add (FoundBoxes *self, const FoundFrame *frame, const GArray *boxes,
                      const float *probabilities);
/* Whether any wait; writes those. */
gboolean found_boxes_wait (const FoundBoxes *self);
gboolean found_boxes_flush (FoundBoxes *self, GError **error);
gboolean found_boxes_finish (FoundBoxes *self, GError **error);
/* Leaves no file when finish () was not reached. */
void found_boxes_free (FoundBoxes *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (FoundBoxes, found_boxes_free)

G_END_DECLS

#endif
