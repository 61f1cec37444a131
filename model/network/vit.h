/* SPDX-License-Identifier: MIT */
/* Vision transformers with an optional adapter on their linear layers: the backbone that all
 * families of files/vit-family.h share. */
#ifndef COW_VIT_H
#define COW_VIT_H

#include "model/network/backbone.h"

G_BEGIN_DECLS

extern const CowBackboneClass cow_vit_class;

/* gain * (W + scale B A) of a module, or W where it has no adapter, to out [out, in] in host
 * memory; `self` is of cow_vit_class. */
gboolean cow_vit_merged_weight (CowBackbone *self, int layer, CowModule module, float *out,
                                GError **error);

G_END_DECLS

#endif
