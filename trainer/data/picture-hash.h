/* SPDX-License-Identifier: MIT */
/*
 * A hash that pictures share which look alike: whether each part of a picture, shrunk to 9 x 9
 * greys, is brighter than its neighbour to the right (64 bits) and below (64 bits). Another size,
 * compression or a slightly other moment changes few of the 128 bits.
 */
#ifndef COW_TRAINER_PICTURE_HASH_H
#define COW_TRAINER_PICTURE_HASH_H

#include "trainer/data/pictures.h"

G_BEGIN_DECLS

typedef struct {
  guint64 bits[2];
  gboolean flat; /* hardly anything to tell apart: the bits are noise */
} PictureHash;

/* Of a region inside the picture, or of all of it where that is NULL. */
PictureHash picture_hash (const Picture *picture, const CowRegion *region);
/* Bits that differ. */
guint picture_hash_distance (const PictureHash *a, const PictureHash *b);

/*
 * Which of n hashes are alike, at most PICTURE_HASH_NEAR bits apart: set[i] becomes the smallest
 * index of the set that i belongs to by a chain of such pairs, i itself when it is alone. Flat ones
 * are alone.
 */
#define PICTURE_HASH_NEAR 7
void picture_hash_sets (const PictureHash *hashes, guint n, guint *set);

G_END_DECLS

#endif
