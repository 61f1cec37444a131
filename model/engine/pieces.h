/* SPDX-License-Identifier: MIT */
/*
 * What is found in several regions of one picture, such as tiles that overlap and the whole of it,
 * as one list. An animal that the edge of a region cuts is a piece there, and whole in another:
 * pieces count where nothing whole is in their place. Plain arithmetic.
 */
#ifndef COW_PIECES_H
#define COW_PIECES_H

#include "model/adapter/preprocess.h"
#include "model/network/detection.h"

G_BEGIN_DECLS

typedef struct {
  CowDetection found; /* px of the picture */
  gboolean cut;       /* by an edge of its region that is none of the picture's */
} CowPiece;

/* Appends what was found in a region of a picture, [n] px of what this preprocessing makes of it,
 * to an array of CowPiece; their rows are counted from `first_row` on. What lies in the grey beside
 * a letterboxed region goes. `region` lies in the picture, which is `across` by `down` px. */
void cow_pieces_add (GArray *pieces, const CowDetection *found, guint n, guint first_row,
                     const CowPreprocess *preprocess, const CowRegion *region, int across,
                     int down);
/* Replaces what is in `detections`, of CowDetection, by one of each animal, at most so many, the
 * surest first, with their rows; the pieces are of n regions. Of a single one there is nothing to
 * merge. Sorts the pieces. */
void cow_pieces_merge (GArray *pieces, guint n, guint most, GArray *detections);

G_END_DECLS

#endif
