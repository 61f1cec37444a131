/* SPDX-License-Identifier: MIT */
/*
 * The classifier head's weights: Linear, ReLU, ..., Linear, as torch.nn.Sequential numbers them
 * ("0.weight", "0.bias", "3.weight", ...). Dropout has no weights and does nothing at inference.
 * The recipes' ViT-Small has another: LayerNorm, Linear, GELU, Linear, told by its one-dimensional
 * "0.weight".
 */
#ifndef COW_HEAD_H
#define COW_HEAD_H

#include "kernels/kernels.h"
#include "model/files/tensor.h"

G_BEGIN_DECLS

typedef struct {
  gint64 in, out;
  float *weight; /* [out, in] */
  float *bias;   /* [out] */
} CowHeadLayer;

typedef struct {
  char *path; /* the file that it was read from */
  float *norm_weight,
      *norm_bias;          /* [in of the first layer]; NULL where no layer norm comes first */
  CkActivation activation; /* between the layers: CK_GELU after a norm, else CK_RELU */
  guint n_layers;
  CowHeadLayer *layers; /* layers[i].in == layers[i - 1].out */
} CowHead;

/*
 * Reads classifier.safetensors or best_classifier.pth from `folder` or `folder`/classifier. A head
 * whose input is not `features` wide or that gives other than `n_classes` outputs is
 * COW_ERROR_MISMATCH (0: any width, any number).
 */
CowHead *cow_head_read (const char *folder, gint64 features, gint64 n_classes, GError **error);
/* Writes classifier.safetensors. */
gboolean cow_head_write (const CowHead *self, const char *folder, GError **error);
void cow_head_free (CowHead *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowHead, cow_head_free)

G_END_DECLS

#endif
