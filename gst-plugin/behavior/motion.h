/* SPDX-License-Identifier: MIT */
/*
 * How a cow moves in the picture: where her box will be after some frames, and what the next
 * sighting says about that. A Kalman filter in which the middle of the box has a velocity that
 * changes by chance and its size has none, as in ByteTrack (Zhang et al., 2022), with noise that
 * grows with the box; the numbers are closed forms in the frames between two sightings, so that it
 * does not matter whether these are one or fifty. Plain arithmetic.
 */
#ifndef GST_COW_MOTION_H
#define GST_COW_MOTION_H

#include "model/adapter/preprocess.h"
#include "model/network/detection.h"

G_BEGIN_DECLS

/* px and px a frame, and their variances and covariance. */
typedef struct {
  gdouble at, rate;
  gdouble at_var, both_var, rate_var;
} GstCowAxis;

typedef struct {
  GstCowAxis x, y; /* of the middle */
  GstCowAxis w, h;
} GstCowMotion;

/* A box that was not seen before; it stands. */
void gst_cow_motion_start (GstCowMotion *self, const CowRegion *box);
/* Where the box will be, `frames` after it was seen last. */
CowBounds gst_cow_motion_predict (const GstCowMotion *self, guint64 frames);
/* It was seen there, `frames` after it was seen last. */
void gst_cow_motion_update (GstCowMotion *self, guint64 frames, const CowRegion *box);

/* A region of whole pixels as bounds. */
CowBounds gst_cow_bounds_of (const CowRegion *region);

G_END_DECLS

#endif
