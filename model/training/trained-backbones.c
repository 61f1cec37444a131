/* SPDX-License-Identifier: MIT */
#include "model/training/trained-backbones.h"

#include "model/network/resnet.h"
#include "model/network/vit.h"
#include "model/training/resnet-train.h"
#include "model/training/vit-train.h"

static const struct {
  const CowBackboneClass *backbone;
  const CowTrainedClass *trained;
} classes[] = {
  { &cow_vit_class, &cow_vit_train_class },
  { &cow_resnet_class, &cow_resnet_train_class },
};

const CowTrainedClass *
cow_trained_class_of (const CowBackboneConfig *config)
{
  for (guint i = 0; i < G_N_ELEMENTS (classes); i++)
    if (classes[i].backbone == config->klass)
      return classes[i].trained;
  g_return_val_if_reached (NULL);
}
