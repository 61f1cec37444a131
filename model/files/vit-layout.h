/* SPDX-License-Identifier: MIT */
/*
 * The one description of a vision transformer's memory: its tensors by part, name and shape, and
 * buffers of activations by their width. Loading, freezing, training, naming, writing and estimates
 * read it, so that they cannot disagree.
 */
#ifndef COW_VIT_LAYOUT_H
#define COW_VIT_LAYOUT_H

#include "kernels/kernels.h"
#include "model/files/vit-config.h"

G_BEGIN_DECLS

typedef enum {
  COW_VIT_CLASS_TOKEN,  /* [1, 1, hidden] */
  COW_VIT_REGISTERS,    /* [1, registers, hidden] */
  COW_VIT_MASK_TOKEN,   /* [1, 1, hidden]; only pre-training uses it, but readers expect it */
  COW_VIT_PREFIX,       /* [1, 1 + registers, hidden] */
  COW_VIT_POSITIONS,    /* [1, 1 + patches, hidden] */
  COW_VIT_PATCH_WEIGHT, /* [hidden, channels, patch, patch] */
  COW_VIT_PATCH_BIAS,   /* [hidden] */
  COW_VIT_VECTOR,       /* [hidden], in a layer */
  COW_VIT_WEIGHT,       /* [out, in] of a module in a layer */
  COW_VIT_BIAS,         /* [out] */
  COW_VIT_QKV_WEIGHT,   /* [3 hidden, hidden]: q, k and v one after the other */
  COW_VIT_QKV_BIAS,     /* [3 hidden] */
  COW_VIT_NORM_WEIGHT,  /* [hidden] */
  COW_VIT_NORM_BIAS
} CowVitPart;

typedef struct {
  CowVitPart part;
  int layer; /* -1 outside of the layers */
  int index; /* the CowVitVector or CowModule of a part in a layer, else 0 */
  char *name;
  guint n_dims;
  gint64 dims[4];
} CowVitTensor;

typedef enum {
  COW_VIT_LOADED,  /* as an open checkpoint has them: tokens apart, q, k and v apart */
  COW_VIT_TRAINED, /* as training from scratch registers them: one prefix, the family's names and
                      its fused qkv; no mask token */
  COW_VIT_WRITTEN  /* as training from scratch writes them: TRAINED, but tokens apart */
} CowVitView;

/* All tensors (CowVitTensor) of a network in a fixed order, which first values and gradients depend
 * on; free with g_array_unref. */
GArray *cow_vit_layout_new (const CowVitConfig *config, CowVitView view);
/* Parameters of the whole network, biases, tokens and mask token included. */
gint64 cow_vit_config_n_parameters (const CowVitConfig *config);
/* Those of its layers and norms that training from scratch trains: all but the mask token. */
gint64 cow_vit_config_n_trained (const CowVitConfig *config);
/* Tokens of one picture: 1 + registers + (height / patch) (width / patch). */
gint64 cow_vit_config_n_tokens (const CowVitConfig *config, int height, int width);
/* Whether the network takes pictures of these sides; COW_ERROR_ARGUMENT, which says what it takes,
 * where not. */
gboolean cow_vit_config_check_size (const CowVitConfig *config, int width, int height,
                                    GError **error);

/* A buffer of activations: a float pointer in some struct, and how wide its rows (one a token) are.
 */
typedef struct {
  gsize offset; /* of the pointer in its struct */
  enum { COW_VIT_HIDDEN, COW_VIT_INTERMEDIATE } width;
  gboolean gated; /* only networks with a gated MLP have it */
} CowVitBuffer;

/* Bytes of n buffers with so many rows. */
gsize cow_vit_buffers_bytes (const CowVitConfig *config, const CowVitBuffer *buffers, guint n,
                             gsize rows);
/* Allocates the n buffers of `in`, whose pointers are NULL; FALSE when memory is short (clear them
 * then). */
gboolean cow_vit_buffers_reserve (CkStream *stream, const CowVitConfig *config,
                                  const CowVitBuffer *buffers, guint n, gsize rows, void *in);
/* Frees them and sets the pointers to NULL. */
void cow_vit_buffers_clear (CkStream *stream, const CowVitBuffer *buffers, guint n, void *in);

G_END_DECLS

#endif
