/* SPDX-License-Identifier: MIT */
/* From files to a set of frames with boxes. */
#ifndef COW_TRAINER_FRAMES_OPEN_H
#define COW_TRAINER_FRAMES_OPEN_H

#include "trainer/data/frames.h"

G_BEGIN_DECLS

/*
 * Errors, each naming the file and the place in it: COW_ERROR_NOT_FOUND (a path; no frame at all),
 * COW_ERROR_FORMAT (a file that breaks its format, or of none that is known), COW_ERROR_MISMATCH (a
 * label that is not among the classes that were asked for), COW_ERROR_ARGUMENT (options that do not
 * go with frames), COW_ERROR_UNSUPPORTED (too many of something), COW_ERROR_IO. What can be left
 * out without harm is, and is among the warnings.
 */
CowFrames *cow_frames_open (const CowFramesOptions *options, GError **error);
/* Whether such options mean frames with boxes, where pictures with classes could be meant, too: by
 * `format`, or as a file or folder of the first path that is given looks; MmCows' frames, which can
 * be both, are not. */
gboolean cow_frames_are_meant (const CowDatasetOptions *options);

G_END_DECLS

#endif
