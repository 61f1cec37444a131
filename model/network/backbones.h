/* SPDX-License-Identifier: MIT */
/* The table of backbones, and which of them a path or a kind means. */
#ifndef COW_BACKBONES_H
#define COW_BACKBONES_H

#include "model/network/backbone.h"

G_BEGIN_DECLS

/*
 * The backbone that a checkpoint holds: the one that `model_type` (of a kind) names, or where that
 * is NULL, that its config.json names, or its tensors tell.
 */
gboolean cow_backbone_config_read (const char *path, const CowCheckpoint *checkpoint,
                                   const char *model_type, CowBackboneConfig *config,
                                   GError **error);
/* The backbone of a model_type that is in the table; `vit` is copied, and NULL where the network
 * needs none. */
void cow_backbone_config_init (CowBackboneConfig *config, const char *model_type,
                               const CowVitConfig *vit);

G_END_DECLS

#endif
