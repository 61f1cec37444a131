/* SPDX-License-Identifier: MIT */
/*
 * The files that `annotate` fills:
 *   events.csv, events.jsonl   a row for each classification, as they come
 *   bouts.csv                  a row for each bout: who did what from when to when
 *   budget.csv                 seconds by subject, hour and label
 *   budget.png, budget.svg     the same as shares, hours together
 *   SOURCE.eaf                 the bouts for ELAN, a tier for each subject
 *   bouts.boris                the bouts as a BORIS project, an observation for each recording
 * None has its name before it is whole.
 */
#ifndef COW_TRAINER_VIDEO_OUTPUTS_H
#define COW_TRAINER_VIDEO_OUTPUTS_H

#include "trainer/video/observation.h"
#include "trainer/video/source.h"

G_BEGIN_DECLS

typedef struct _CowVideoOutputs CowVideoOutputs;

/* The folder is made where it is not there. classes ends with NULL. COW_ERROR_IO. */
CowVideoOutputs *cow_video_outputs_new (const char *folder, const char *const *classes,
                                        GError **error);
/* A classification in a frame at `time`, in ns from the beginning. COW_ERROR_IO. */
gboolean cow_video_outputs_event (CowVideoOutputs *self, const CowVideoSource *source,
                                  const CowSubjectName *who, gint64 time, const char *label,
                                  double confidence, GError **error);
/* A recording is over: its bouts and budget, of a closed observation. COW_ERROR_IO. */
gboolean cow_video_outputs_recording (CowVideoOutputs *self, const CowVideoSource *source,
                                      const CowObservation *seen, GError **error);
/* All files get their names. COW_ERROR_IO. */
gboolean cow_video_outputs_finish (CowVideoOutputs *self, GError **error);
void cow_video_outputs_free (CowVideoOutputs *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowVideoOutputs, cow_video_outputs_free)

G_END_DECLS

#endif
