/* SPDX-License-Identifier: MIT */
/*
 * The classifier head's weights in an adapter folder: Linear, ReLU, ..., Linear, as
 * torch.nn.Sequential numbers them ("0.weight", "0.bias", "3.weight", ...). Dropout has no weights
 * and does nothing at inference. Heads of another style are LayerNorm, Linear, GELU, Linear, told
 * by their one-dimensional "0.weight".
 */
#ifndef COW_HEAD_WEIGHTS_H
#define COW_HEAD_WEIGHTS_H

#include "kernels/kernels.h"
#include "model/files/tensor.h"

G_BEGIN_DECLS

/* The styles of heads that recipes train, h being the width of the features. */
typedef enum {
  COW_HEAD_TAPERED, /* Linear (h, h/4) ReLU Dropout (p) Linear (h/4, h/8) ReLU Dropout (p/2) Linear
                       (h/8, classes) */
  COW_HEAD_NORMED,  /* LayerNorm (h) Dropout (p) Linear (h, h) GELU Dropout (p/2) Linear (h,
                       classes) */
  COW_HEAD_HALVED   /* Dropout (p) Linear (h, h/2) ReLU Dropout (p/2) Linear (h/2, classes) */
} CowHeadStyle;

#define COW_HEAD_MAX_STYLED 3 /* linear layers of a style */

/* The linear layers of a style: widths[0] features to widths[n] classes; returns n. */
guint cow_head_style_widths (CowHeadStyle style, gint64 features, gint64 n_classes,
                             gint64 widths[COW_HEAD_MAX_STYLED + 1]);
/* Parameters of such a head, its layer norm included. */
gint64 cow_head_style_n_parameters (CowHeadStyle style, gint64 features, gint64 n_classes);

/* Ours, in an adapter folder: what a picture or a cow shows; and who a cow is, which is a head
 * without its last layer. */
#define COW_HEAD_FILE     "classifier.safetensors"
#define COW_IDENTITY_FILE "identity.safetensors"

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
} CowHeadWeights;

/*
 * Reads classifier.safetensors or best_classifier.pth from `folder` or `folder`/classifier, or
 * where neither is there, PEFT's modules_to_save in the adapter's own file. What all names begin
 * with, and dictionaries around them, do not matter; of a whole network its head is taken. A head
 * whose input is not `features` wide or that gives other than `n_classes` outputs is
 * COW_ERROR_MISMATCH (0: any width, any number).
 */
CowHeadWeights *cow_head_weights_read (const char *folder, gint64 features, gint64 n_classes,
                                       GError **error);
/* The same from one file. */
CowHeadWeights *cow_head_weights_read_file (const char *path, gint64 features, gint64 n_classes,
                                            GError **error);
/* What the last layer gives. */
gint64 cow_head_weights_n_outputs (const CowHeadWeights *self);
/* Writes classifier.safetensors. */
gboolean cow_head_weights_write (const CowHeadWeights *self, const char *folder, GError **error);
void cow_head_weights_free (CowHeadWeights *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowHeadWeights, cow_head_weights_free)

G_END_DECLS

#endif
