/* SPDX-License-Identifier: MIT */
/*
 * How well boxes were found, as COCO counts it (Lin et al., 2014; the rules of its program
 * pycocotools): average precision over recalls of 0, .01, ... 1, for overlaps (IoU) of .50, .55,
 * ... .95, categories apart, at most 100 boxes of a category in a picture. Plain arithmetic; any
 * thread.
 */
#ifndef COW_BOX_SCORES_H
#define COW_BOX_SCORES_H

#include "model/network/detection.h"

G_BEGIN_DECLS

/* A box that there is. */
typedef struct {
  guint image, category; /* numbers of the caller's, from 0 */
  CowBounds place;
  double area;    /* px; COCO's is that of the outline where there is one */
  gboolean crowd; /* many in one: what is found in it counts neither way */
} CowTrueBox;

/* A box that was found. */
typedef struct {
  guint image, category;
  CowBounds place;
  double score;
} CowFoundBox;

#define COW_BOX_OVERLAPS 10  /* .50, .55, ... .95 */
#define COW_BOX_RECALLS  101 /* 0, .01, ... 1 */

typedef enum {
  COW_BOX_ALL,
  COW_BOX_SMALL,  /* less than 32 x 32 px */
  COW_BOX_MEDIUM, /* up to 96 x 96 px */
  COW_BOX_LARGE,
  COW_BOX_SIZES
} CowBoxSize;

/* Means over the categories that there are; NAN where there is none. */
typedef struct {
  double precision[COW_BOX_SIZES]; /* over all overlaps: "mAP50:95" */
  double precision50, precision75; /* of all sizes, at overlaps of .50 and .75: "mAP50" */
  double recall[COW_BOX_SIZES];    /* the most that is reached, over all overlaps */
  /* Precision at each recall, of all sizes, at an overlap of .50 */
  double curve[COW_BOX_RECALLS];
} CowBoxScores;

/* Of n_true boxes and n_found ones; of equal scores the first counts first. */
void cow_box_scores (const CowTrueBox *truth, guint n_true, const CowFoundBox *found, guint n_found,
                     CowBoxScores *scores);

G_END_DECLS

#endif
