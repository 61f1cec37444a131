/* SPDX-License-Identifier: MIT */
/* `eval` of an adapter that finds cows in whole frames. */
#ifndef COW_TRAINER_EVAL_BOXES_H
#define COW_TRAINER_EVAL_BOXES_H

#include "trainer/cli/model-options.h"
#include "trainer/data/frames.h"

typedef struct {
  const ModelOptions *model; /* found */
  const CowFramesOptions *frames;
  const char *split; /* as --split has it, or NULL */
  const char
      *out; /* folder: report.html, figures, results.json, report.txt, frames.csv, found.json */
  int workers;
  gboolean save; /* keep the figures and the threshold in the adapter's card */
} EvalBoxes;

/* A frame that cannot be read is an error: what it shows would count as missed. */
gboolean eval_boxes (const EvalBoxes *self, GError **error);

#endif
