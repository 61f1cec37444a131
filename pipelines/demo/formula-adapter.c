/* SPDX-License-Identifier: MIT */
/* Writes adapter folders with values from the formula: PEFT's matrices, the head and the card, each
 * by the function that the trainer uses. */
#include "pipelines/demo/formula-folder.h"

#include "model/adapter/adapter.h"
#include "model/adapter/card.h"
#include "model/files/error.h"
#include "model/adapter/head-weights.h"
#include "model/files/file-writer.h"
#include "pipelines/demo/formula.h"

#define N_HEAD_LAYERS 3
#define MAX_RANK      1024

static float *
matrix (const char *name, gint64 rows, gint64 cols)
{
  float *values = g_new (float, rows *cols);

  cow_formula_fill (name, (const gint64[]){ rows, cols }, 2, values);
  return values;
}

static float *
vector (const char *name, gint64 n)
{
  float *values = g_new (float, n);

  cow_formula_fill (name, &n, 1, values);
  return values;
}

static CowLora *
make_lora (const char *key, gint64 out, gint64 in, const CowFormulaAdapter *how)
{
  CowLora *lora = g_new0 (CowLora, 1);
  g_autofree char *a = g_strconcat (key, ".lora_A.weight", NULL);
  g_autofree char *b = g_strconcat (key, ".lora_B.weight", NULL);
  g_autofree char *magnitude = g_strconcat (key, ".lora_magnitude_vector", NULL);

  lora->in = in;
  lora->out = out;
  lora->rank = how->rank;
  lora->alpha = 2.0f * (float)how->rank;
  lora->scale = 2.0f;
  lora->a = matrix (a, how->rank, in);
  lora->b = matrix (b, out, how->rank);
  lora->magnitude = how->dora ? vector (magnitude, out) : NULL;
  return lora;
}

static CowAdapter *
make_adapter (const char *folder, const CowVitConfig *config, const CowFormulaAdapter *how)
{
  CowAdapter *adapter = g_new0 (CowAdapter, 1);
  const char *targets[] = { how->all_linear ? "all-linear" : "q_proj", NULL };

  adapter->path = g_strdup (folder);
  adapter->dora = how->dora;
  adapter->rank = how->rank;
  adapter->alpha = 2.0f * (float)how->rank;
  adapter->dropout = 0.05f;
  adapter->base = g_strdup (how->base);
  adapter->target_modules = g_strdupv ((char **)targets);
  adapter->n_layers = config->n_layers;
  adapter->loras = g_new0 (CowLora *, (gsize)config->n_layers * COW_N_MODULES);
  for (int layer = 0; layer < config->n_layers; layer++)
    for (int module = 0; module < COW_N_MODULES; module++) {
      gint64 out, in;
      gboolean bias;
      g_autofree char *key = g_strdup_printf ("base_model.model.layer.%d.%s", layer,
                                              cow_module_name ((CowModule)module));

      if ((how->all_linear || module == COW_Q) &&
          cow_vit_config_module (config, (CowModule)module, &out, &in, &bias))
        adapter->loras[layer * COW_N_MODULES + module] = make_lora (key, out, in, how);
    }
  return adapter;
}

/* The recipes' head is twice Linear, ReLU, Dropout, then Linear; so torch numbers its linear layers
 * 0, 3 and 6. */
static CowHeadWeights *
make_head (const char *folder, const CowVitConfig *config, const char *base, guint n_classes)
{
  const gint64 widths[] = { config->hidden_size, config->hidden_size / 4, config->hidden_size / 8,
                            n_classes };
  CowHeadWeights *head = g_new0 (CowHeadWeights, 1);

  head->path = g_build_filename (folder, "classifier.safetensors", NULL);
  head->n_layers = N_HEAD_LAYERS;
  head->layers = g_new0 (CowHeadLayer, N_HEAD_LAYERS);
  for (int i = 0; i < N_HEAD_LAYERS; i++) {
    g_autofree char *weight = g_strdup_printf ("%s.head.%d.weight", base, 3 * i);
    g_autofree char *bias = g_strdup_printf ("%s.head.%d.bias", base, 3 * i);

    head->layers[i].in = widths[i];
    head->layers[i].out = widths[i + 1];
    head->layers[i].weight = matrix (weight, widths[i + 1], widths[i]);
    head->layers[i].bias = vector (bias, widths[i + 1]);
  }
  return head;
}

static gboolean
write_head_and_card (const char *folder, const CowVitConfig *config, const CowFormulaAdapter *how,
                     GError **error)
{
  g_autoptr (CowCard) card = cow_card_new_default ();
  g_autoptr (CowHeadWeights) head =
      make_head (folder, config, how->base, cow_card_n_classes (card));

  g_free (card->kind);
  card->kind = g_strdup (how->dora ? "dora" : "lora");
  g_free (card->base_name);
  card->base_name = g_strdup (how->base);
  card->preprocess.width = card->preprocess.height = how->picture_size;
  return cow_head_weights_write (head, folder, error) && cow_card_write (card, folder, error);
}

gboolean
cow_formula_write_adapter (const char *folder, const CowVitConfig *config,
                           const CowFormulaAdapter *how, GError **error)
{
  if (how->rank < 1 || how->rank > MAX_RANK) {
    g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT, "%s: rank %d, expected 1 to %d", folder,
                 how->rank, MAX_RANK);
    return FALSE;
  }
  if (how->picture_size < config->patch_size || how->picture_size % config->patch_size != 0) {
    g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT,
                 "%s: pictures of %d px, expected a multiple of the patch, %d px", folder,
                 how->picture_size, config->patch_size);
    return FALSE;
  }
  if (!cow_folder_make (folder, error))
    return FALSE;
  g_autoptr (CowAdapter) adapter = make_adapter (folder, config, how);

  return cow_adapter_write (adapter, folder, error) &&
         (!how->head || write_head_and_card (folder, config, how, error));
}
