/* SPDX-License-Identifier: MIT */
#include "model/network/backbone.h"

void
cow_backbone_free (CowBackbone *self)
{
  if (self)
    self->config.klass->free (self);
}

gint64
cow_backbone_n_tokens (const CowBackboneConfig *config, int height, int width)
{
  return config->klass->n_tokens ? config->klass->n_tokens (config, height, width) : 0;
}

gboolean
cow_backbone_takes_adapters (const CowBackboneConfig *config)
{
  return config->vit.family && config->vit.family->adapters;
}
