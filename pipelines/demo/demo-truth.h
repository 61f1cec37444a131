/* SPDX-License-Identifier: MIT */
/* The truth of the demonstration video, read from the JSON lines that cow-render-barn writes beside
 * it (render-video.h). */
#ifndef COW_DEMO_TRUTH_H
#define COW_DEMO_TRUTH_H

#include <gst/gst.h>

G_BEGIN_DECLS

/* One cow in one frame. */
typedef struct {
  int cow; /* 0, 1, ... in the order in which the cows are first named */
  guint x, y, w, h;
  char *behaviour;
  gboolean changing; /* between two behaviours */
} CowDemoSight;

typedef struct _CowDemoTruth CowDemoTruth;

/* Errors: COW_ERROR_NOT_FOUND, COW_ERROR_IO; COW_ERROR_FORMAT names file and line. */
CowDemoTruth *cow_demo_truth_read (const char *path, GError **error);
void cow_demo_truth_free (CowDemoTruth *self);
/* The *n cows in the frame nearest to this time of the video; *n is 0 when no frame is within a
 * second of it. */
const CowDemoSight *cow_demo_truth_at (const CowDemoTruth *self, GstClockTime time, guint *n);
guint cow_demo_truth_n_frames (const CowDemoTruth *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowDemoTruth, cow_demo_truth_free)

G_END_DECLS

#endif
