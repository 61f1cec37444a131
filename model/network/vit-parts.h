/* SPDX-License-Identifier: MIT */
/*
 * What inference (vit.h) and training (training/vit-train.h) of a vision transformer share: its
 * vectors in device memory, and the operations that a pass consists of.
 */
#ifndef COW_VIT_PARTS_H
#define COW_VIT_PARTS_H

#include "model/files/vit-layout.h"
#include "model/network/linear.h"
#include "model/network/rope.h"

G_BEGIN_DECLS

/* Every tensor but those of linear layers, device memory. */
typedef struct {
  float *prefix;    /* [1 + registers, hidden]: class token and registers */
  float *positions; /* [tokens, hidden], or NULL */
  float *learned;   /* host: those of the file, where positions are made of them for
                                      pictures of `rows` x `columns` patches; else NULL */
  int rows, columns;
  float *norm_weight, *norm_bias;  /* [hidden], of the last norm */
  float *(*layers)[COW_N_VECTORS]; /* [n_layers], each [hidden]; NULL where the family has none */
} CowVitVectors;

/* Allocates the array of layers, all else NULL. */
void cow_vit_vectors_init (CowVitVectors *self, const CowVitConfig *config);
/* Loads all of them; what was loaded before a failure is still to be freed. Refuses a checkpoint
 * that does not fit the config: with more layers, or with positions that the family has not. */
gboolean cow_vit_vectors_load (CowVitVectors *self, CkStream *stream, const CowVitConfig *config,
                               const CowCheckpoint *checkpoint, GError **error);
/* Frees the device memory. Not for vectors that lie in a training's parameters. */
void cow_vit_vectors_free (CowVitVectors *self, CkStream *stream, const CowVitConfig *config);
/* Frees the array of layers. */
void cow_vit_vectors_clear (CowVitVectors *self);

/* Makes the positions fit pictures of these sides, where the family interpolates them. */
gboolean cow_vit_positions_ensure (CowVitVectors *self, CkStream *stream,
                                   const CowVitConfig *config, int height, int width,
                                   GError **error);
/* Makes `rope` fit pictures of these sides; see rope.h for the factor. Families without rotary
 * positions keep it empty. */
gboolean cow_vit_rope_ensure (CowRope *rope, CkStream *stream, const CowVitConfig *config,
                              int height, int width, float factor, GError **error);
/* pixels [batch, channels, height, width] to tokens [batch, tokens, hidden]. */
CkEmbed cow_vit_embed (const CowVitConfig *config, const CowVitVectors *vectors,
                       const CowLinear *patches, gint64 batch, int height, int width,
                       const float *pixels, float *tokens);
/* q, k, v [batch, tokens, hidden] to out. */
CkAttention cow_vit_attention (const CowVitConfig *config, const CowRope *rope, gint64 batch,
                               gint64 tokens, const float *q, const float *k, const float *v,
                               float *out);
/* What attention multiplies where linear layers have `factors`: the same, but for int8 on a device
 * that has fp16, where that takes about as long (kernels/cuda/README.md), and adds no error that
 * could be seen beside that of the linear layers. */
CkType cow_vit_attention_products (const CkDevice *device, CkType factors);

G_END_DECLS

#endif
