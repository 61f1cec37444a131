/* SPDX-License-Identifier: MIT */
/* `predict` with an adapter that finds cows in whole frames. */
#ifndef COW_TRAINER_PREDICT_BOXES_H
#define COW_TRAINER_PREDICT_BOXES_H

#include "trainer/cli/model-options.h"
#include "trainer/cli/video-arguments.h"
#include "trainer/eval/found-boxes.h"

typedef struct {
  const ModelOptions *model; /* found */
  char *const *arguments;    /* pictures, folders and recordings; NULL-terminated */
  VideoCutting *cutting;     /* of recordings: how often; opened here */
  double usual_every;        /* its default, for messages */
  const char *format, *out;  /* or NULL */
  const char *drawn;         /* a folder for drawn pictures, or NULL */
  double score;              /* the least that is told; NAN: as the card says, else .3 */
} PredictBoxes;

/* A picture that cannot be read is named and left out, a recording that breaks off ends there; the
 * error at the end says so. */
gboolean predict_boxes (const PredictBoxes *self, GError **error);

#endif
