/* SPDX-License-Identifier: MIT */
/* What the two halves of augmentation, geometry and colour, share. */
#ifndef COW_TRAINER_AUGMENT_PRIVATE_H
#define COW_TRAINER_AUGMENT_PRIVATE_H

#include <vips/vips.h>

#include "trainer/data/augment.h"

/* How strong a level is. */
typedef struct {
  double degrees; /* of rotations, either way */
  double zoom;    /* scale 1 +- this */
  double light;   /* brightness and contrast, +- this; the other colours in proportion (.2 is the
                     recipe's medium) */
} AugmentStrength;

/* A picture's random numbers, one after the other. */
typedef struct {
  guint64 key, next;
} Draw;

double draw_between (Draw *self, double least, double most);
gboolean draw_chance (Draw *self, double probability);
/* least .. most, both included. */
int draw_int (Draw *self, int least, int most);

/* Each replaces *image, and gives 0, or -1 after an error of libvips. */
int augment_geometry (Draw *draw, const AugmentStrength *strength, VipsImage **image);
int augment_colour (Draw *draw, const AugmentStrength *strength, VipsImage **image);
int augment_noise (Draw *draw, VipsImage **image);

/* Puts what an operation gave in place of what it was given; passes its status on. */
int augment_step (VipsImage **image, VipsImage **next, int status);

#endif
