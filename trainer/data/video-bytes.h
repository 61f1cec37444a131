/* SPDX-License-Identifier: MIT */
/* Videos that are given where something else is expected, so that an error can say so. */
#ifndef COW_TRAINER_VIDEO_BYTES_H
#define COW_TRAINER_VIDEO_BYTES_H

#include <glib.h>

G_BEGIN_DECLS

/* Whether a file that begins with these bytes is MP4 or QuickTime, Matroska or WebM, AVI or FLV.
 * Some pictures (HEIC, AVIF) begin as MP4 does: whoever knows those looks for them first. */
gboolean video_bytes (const void *bytes, gsize n_bytes);

G_END_DECLS

#endif
