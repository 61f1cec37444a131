/* SPDX-License-Identifier: MIT */
#include "model/network/backbones.h"

#include "model/network/resnet.h"
#include "model/network/vit.h"

/* The first takes what none of the others recognises, and says what is wrong with it. */
static const CowBackboneClass *const classes[] = { &cow_vit_class, &cow_resnet_class };

static const CowBackboneClass *
find_type (const char *model_type)
{
  for (guint i = 0; i < G_N_ELEMENTS (classes); i++)
    if (classes[i]->has_type (model_type))
      return classes[i];
  return NULL;
}

static const CowBackboneClass *
find_tensors (const CowCheckpoint *checkpoint)
{
  for (guint i = 0; i < G_N_ELEMENTS (classes); i++)
    if (classes[i]->has_tensors (checkpoint))
      return classes[i];
  return NULL;
}

gboolean
cow_backbone_config_read (const char *path, const CowCheckpoint *checkpoint, const char *model_type,
                          CowBackboneConfig *config, GError **error)
{
  g_autofree char *found = NULL;
  *config = (CowBackboneConfig){ 0 };
  if (!model_type && !cow_config_model_type (path, &found, error))
    return FALSE;
  const char *type = model_type ? model_type : found;
  const CowBackboneClass *klass = type ? find_type (type) : find_tensors (checkpoint);
  config->klass = klass ? klass : classes[0];
  return config->klass->read_config (path, checkpoint, config, error);
}

void
cow_backbone_config_init (CowBackboneConfig *config, const char *model_type,
                          const CowVitConfig *vit)
{
  *config = (CowBackboneConfig){ .klass = find_type (model_type) };
  g_return_if_fail (config->klass != NULL);
  if (vit)
    config->vit = *vit;
  config->klass->complete_config (config);
}
