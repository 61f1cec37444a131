/* SPDX-License-Identifier: MIT */
/* DINOv3's vision transformer with an optional adapter on its linear layers: weights on one
 * backend, and the forward pass. */
#ifndef COW_VIT_H
#define COW_VIT_H

#include "model/adapter/adapter.h"
#include "model/files/error.h"

G_BEGIN_DECLS

typedef struct _CowVit CowVit;

/*
 * Prepares every weight of the network on a backend. The checkpoint must stay open as long as the
 * network: weights are computed from where they lie. `adapter` may be NULL and is copied. DoRA's
 * gains are computed here, once.
 */
CowVit *cow_vit_new (CkBackend *backend, const CowVitConfig *config,
                     const CowCheckpoint *checkpoint, const CowAdapter *adapter, GError **error);
void cow_vit_free (CowVit *self);
const CowVitConfig *cow_vit_config (const CowVit *self);
/* Tokens of one picture: 1 + registers + (height / patch) (width / patch). */
gint64 cow_vit_n_tokens (const CowVit *self, int height, int width);

/*
 * pixels [batch, 3, height, width], sides multiples of the patch -> the last hidden state after the
 * final norm [batch, tokens, hidden], in device memory that belongs to the network and holds until
 * its next call; token 0 of each picture is pooler_output. NULL on error.
 */
const float *cow_vit_forward (CowVit *self, const float *pixels, int batch, int height, int width,
                              GError **error);

/* gain * (W + scale B A) of a module, or W where it has no adapter, to out [out, in] in host
 * memory. */
gboolean cow_vit_merged_weight (CowVit *self, int layer, CowModule module, float *out,
                                GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowVit, cow_vit_free)

G_END_DECLS

#endif
