/* SPDX-License-Identifier: MIT */
/* `predict` with an adapter that finds cows in whole frames. */
#ifndef COW_TRAINER_PREDICT_BOXES_H
#define COW_TRAINER_PREDICT_BOXES_H

#include "trainer/cli/model-options.h"
#include "trainer/eval/found-boxes.h"

typedef struct {
  const ModelOptions *model; /* found */
  char *const *pictures;     /* pictures and folders; NULL-terminated */
  const char *format, *out;  /* or NULL */
  const char *drawn;         /* a folder for drawn pictures, or NULL */
  double score;              /* the least that is told; NAN: as the card says, else .3 */
} PredictBoxes;

/* A picture that cannot be read is named and left out, which the error at the end says. */
gboolean predict_boxes (const PredictBoxes *self, GError **error);

#endif
