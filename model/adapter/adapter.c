/* SPDX-License-Identifier: MIT */
/* The adapter in memory. adapter-config.c reads its adapter_config.json, adapter-options.c judges
 * that file's options, adapter-read.c reads the tensors, adapter-write.c writes both. */
#include "model/adapter/adapter.h"

static void
lora_free (CowLora *lora)
{
  if (lora == NULL)
    return;
  g_free (lora->a);
  g_free (lora->b);
  g_free (lora->magnitude);
  g_free (lora);
}

void
cow_adapter_free (CowAdapter *self)
{
  if (self == NULL)
    return;
  for (gsize i = 0; self->loras != NULL && i < (gsize)self->n_layers * COW_N_MODULES; i++)
    lora_free (self->loras[i]);
  g_free (self->loras);
  g_free (self->path);
  g_free (self->base);
  g_strfreev (self->target_modules);
  g_free (self);
}

const CowLora *
cow_adapter_get (const CowAdapter *self, int layer, CowModule module)
{
  g_return_val_if_fail (
      layer >= 0 && layer < self->n_layers && (int)module >= 0 && module < COW_N_MODULES, NULL);
  return self->loras[layer * COW_N_MODULES + module];
}

gint64
cow_adapter_n_parameters (const CowAdapter *self)
{
  gint64 n = 0;
  for (gsize i = 0; i < (gsize)self->n_layers * COW_N_MODULES; i++) {
    const CowLora *lora = self->loras[i];
    if (lora != NULL)
      n += lora->rank * (lora->in + lora->out) + (lora->magnitude != NULL ? lora->out : 0);
  }
  return n;
}
