/* SPDX-License-Identifier: MIT */
/* Where boxes of a picture lie in what a network sees of it, and back. Plain arithmetic; any
 * thread. */
#ifndef COW_FRAME_FIT_H
#define COW_FRAME_FIT_H

#include "model/adapter/preprocess.h"
#include "model/network/detection.h"

G_BEGIN_DECLS

/* A box of a picture of width x height px as px of the network's input. */
CowBounds cow_frame_fit (const CowPreprocess *self, int width, int height, const CowBounds *box);
/* A box there as px of the picture, cut at its edges; FALSE where nothing of it is left, as of one
 * that lies in the grey beside a letterboxed picture. */
gboolean cow_frame_fit_back (const CowPreprocess *self, int width, int height, CowBounds *box);
/* The same for `detections` of CowDetection: those of which nothing is left go. */
void cow_frame_fit_all_back (const CowPreprocess *self, int width, int height, GArray *detections);

G_END_DECLS

#endif
