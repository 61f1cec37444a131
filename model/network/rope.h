/* SPDX-License-Identifier: MIT */
/* Rotary position embedding: the turning angles of a grid of patches (RoFormer, Su et al., 2021;
 * axial form of DINOv3). */
#ifndef COW_ROPE_H
#define COW_ROPE_H

#include "model/files/vit-config.h"
#include "model/files/error.h"

G_BEGIN_DECLS

/* Cosines and sines for one grid, device memory, kept as long as the grid stays the same. Start
 * from zeroes. */
typedef struct {
  int rows, cols;
  float factor;
  float *cos, *sin; /* [rows * cols, head_dim] */
} CowRope;

/*
 * Makes the table that of a rows x cols grid. Both coordinates are multiplied by `factor`: 1, but
 * in training a random number (DINOv3's pos_embed_rescale).
 */
gboolean cow_rope_ensure (CowRope *self, CkStream *stream, const CowVitConfig *config, int rows,
                          int cols, float factor, GError **error);
void cow_rope_clear (CowRope *self, CkStream *stream);

G_END_DECLS

#endif
