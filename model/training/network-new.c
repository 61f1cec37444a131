/* SPDX-License-Identifier: MIT */
/* Loading a network for training and giving what trains its first values. */
#include <math.h>
#include <string.h>

#include "model/training/network-private.h"
#include "model/training/random.h"

/* ---- activations: how much, and whether they fit --------------------------------------------- */

gsize
cow_network_activation_bytes (CowNetworkKind kind, const CowVitConfig *config, int batch,
                              int height, int width, gboolean checkpointing)
{
  if (kind == COW_NETWORK_RESNET18)
    return cow_resnet_train_activation_bytes (batch, height, width);
  if (kind == COW_NETWORK_FROZEN)
    return 0;
  const gsize tokens = (gsize)(1 + config->n_registers) +
                       (gsize)(height / config->patch_size) * (gsize)(width / config->patch_size);
  const gsize rows = (gsize)batch * tokens, hidden = (gsize)config->hidden_size,
              inner = (gsize)config->intermediate_size;
  const gsize layer = 9 * hidden + (config->gated ? 3 : 2) * inner;    /* CowTrainActs */
  const gsize backward = 6 * hidden + (config->gated ? 2 : 1) * inner; /* gradients on their way */
  const gsize sets = checkpointing ? 1 : (gsize)config->n_layers;
  return rows * sizeof (float) * (((gsize)config->n_layers + 1) * hidden + sets * layer + backward);
}

/* MemAvailable of /proc/meminfo in bytes; 4 GiB where it can't be read. */
static gsize
available_memory (void)
{
  g_autofree char *text = NULL;
  const char *line = g_file_get_contents ("/proc/meminfo", &text, NULL, NULL)
                         ? strstr (text, "MemAvailable:")
                         : NULL;
  return line ? (gsize)g_ascii_strtoull (line + strlen ("MemAvailable:"), NULL, 10) * 1024
              : (gsize)4 << 30;
}

gboolean
cow_network_wants_checkpointing (const CowNetworkOptions *options, const CowVitConfig *config)
{
  if (options->checkpointing != COW_CHECKPOINTING_AUTO)
    return options->checkpointing == COW_CHECKPOINTING_ON;
  const gsize limit = options->memory_limit ? options->memory_limit : available_memory () / 2;
  return cow_network_activation_bytes (options->kind, config, options->batch, options->image_size,
                                       options->image_size, FALSE) > limit;
}

/* ---- fresh adapters -------------------------------------------------------------------------- */

/* PEFT's rule. */
gboolean
cow_network_is_target (const char *const *targets, CowModule module)
{
  for (; *targets; targets++) {
    g_autofree char *suffix = g_strconcat (".", *targets, NULL);
    if (g_str_equal (*targets, "all-linear") || g_str_equal (*targets, cow_module_name (module)) ||
        g_str_has_suffix (cow_module_name (module), suffix))
      return TRUE;
  }
  return FALSE;
}

/* PEFT's first values: A uniform in +-1 / sqrt (in), B zero. DoRA's magnitude follows from the
 * weight later. */
static CowLora *
fresh_lora (const CowNetworkOptions *options, gint64 out, gint64 in, guint64 key)
{
  CowLora *lora = g_new0 (CowLora, 1);
  *lora = (CowLora){ .in = in,
                     .out = out,
                     .rank = options->rank,
                     .alpha = options->alpha,
                     .scale = options->alpha / (float)options->rank };
  lora->a = g_new (float, lora->rank *in);
  lora->b = g_new0 (float, out * lora->rank);
  if (options->kind == COW_NETWORK_DORA)
    lora->magnitude = g_new0 (float, out);
  const double bound = 1 / sqrt ((double)in);
  for (gint64 i = 0; i < lora->rank * in; i++)
    lora->a[i] = (float)(bound * (2 * cow_random_unit (key, (guint64)i) - 1));
  return lora;
}

static CowAdapter *
fresh_adapter (const CowNetworkOptions *options, const CowVitConfig *config, GError **error)
{
  g_autoptr (CowAdapter) adapter = g_new0 (CowAdapter, 1);
  guint n = 0;
  adapter->dora = options->kind == COW_NETWORK_DORA;
  adapter->rank = options->rank;
  adapter->alpha = options->alpha;
  adapter->dropout = options->adapter_dropout;
  adapter->base = g_path_get_basename (options->model);
  adapter->target_modules = g_strdupv ((char **)options->targets);
  adapter->n_layers = config->n_layers;
  adapter->loras = g_new0 (CowLora *, config->n_layers * COW_N_MODULES);
  for (int i = 0; i < config->n_layers * COW_N_MODULES; i++) {
    gint64 out, in;
    gboolean bias;
    const CowModule module = (CowModule)(i % COW_N_MODULES);
    if (!cow_vit_config_module (config, module, &out, &in, &bias) ||
        !cow_network_is_target (options->targets, module))
      continue;
    adapter->loras[i] = fresh_lora (options, out, in, cow_random_key (options->seed, (guint64)i));
    n++;
  }
  if (n == 0) {
    g_autofree char *targets = g_strjoinv (", ", (char **)options->targets);
    g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT,
                 "targets \"%s\": no linear layer of %s has such a name; expected all-linear or "
                 "some of q_proj k_proj v_proj o_proj gate_proj "
                 "up_proj down_proj",
                 targets, options->model);
    return NULL;
  }
  return g_steal_pointer (&adapter);
}

/* ---- kinds ----------------------------------------------------------------------------------- */

static gboolean
open_base (CowNetwork *self, const CowNetworkOptions *options, GError **error)
{
  self->checkpoint = cow_checkpoint_open (options->model, error);
  if (!self->checkpoint ||
      !cow_vit_config_for (options->model, self->checkpoint, &self->config, error))
    return FALSE;
  if (!self->config.timm)
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
               "%s: timm's vision transformer; adapters are for DINOv3 networks", options->model);
  return FALSE;
}

static gboolean
new_adapted (CowNetwork *self, const CowNetworkOptions *options, GError **error)
{
  if (!open_base (self, options, error))
    return FALSE;
  self->adapter = options->start ? cow_adapter_read (options->start, &self->config, error)
                                 : fresh_adapter (options, &self->config, error);
  if (!self->adapter)
    return FALSE;
  if (self->adapter->dora != (options->kind == COW_NETWORK_DORA)) {
    g_set_error (error, COW_ERROR, COW_ERROR_MISMATCH,
                 "%s holds a %s adapter, the recipe trains %s", options->start,
                 self->adapter->dora ? "DoRA" : "LoRA",
                 options->kind == COW_NETWORK_DORA ? "DoRA" : "LoRA");
    return FALSE;
  }
  const CowVitTrainOptions train = { cow_network_wants_checkpointing (options, &self->config),
                                     options->adapter_dropout };
  self->vit = cow_vit_train_new_adapted (self->parameters, &self->config, self->checkpoint,
                                         self->adapter, &train, error);
  return self->vit != NULL;
}

static gboolean
new_scratch (CowNetwork *self, const CowNetworkOptions *options, GError **error)
{
  self->config = options->config;
  const CowVitTrainOptions train = { cow_network_wants_checkpointing (options, &self->config), 0 };
  self->vit = cow_vit_train_new_scratch (self->parameters, &self->config, &train, error);
  return self->vit != NULL;
}

CowVitConfig
cow_network_vit_small (int image_size)
{
  return (CowVitConfig){
    .hidden_size = 384,
    .n_layers = 12,
    .n_heads = 6,
    .intermediate_size = 1536,
    .patch_size = 16,
    .n_channels = 3,
    .image_size = image_size,
    .q_bias = TRUE,
    .k_bias = TRUE,
    .v_bias = TRUE,
    .o_bias = TRUE,
    .mlp_bias = TRUE,
    .norm_epsilon = 1e-6f,
    .rope_theta = 100,
    .timm = TRUE,
  };
}

static gboolean
new_kind (CowNetwork *self, const CowNetworkOptions *options, GError **error)
{
  CowNetworkOptions small = *options;
  switch (options->kind) {
  case COW_NETWORK_LORA:
  case COW_NETWORK_DORA:
    return new_adapted (self, options, error);
  case COW_NETWORK_FROZEN:
    return open_base (self, options, error);
  case COW_NETWORK_DINOV3:
    return new_scratch (self, options, error);
  case COW_NETWORK_VIT:
    small.config = cow_network_vit_small (options->image_size);
    return new_scratch (self, &small, error);
  case COW_NETWORK_RESNET18:
    self->resnet = cow_resnet_train_new (self->parameters);
    return TRUE;
  }
  g_return_val_if_reached (FALSE);
}

static gboolean
start (CowNetwork *self, const CowNetworkOptions *options, const CowHead *head, GError **error)
{
  const guint64 head_seed = cow_random_key (options->seed, G_MAXUINT32);
  if (self->resnet && !cow_resnet_train_initialise (self->resnet, options->seed, error))
    return FALSE;
  if (self->vit && !cow_vit_train_start (self->vit, self->adapter, options->start == NULL, error))
    return FALSE;
  if (self->vit && !self->adapter && !cow_vit_train_initialise (self->vit, options->seed, error))
    return FALSE;
  return cow_head_train_start (self->head, head, head_seed, error);
}

CowNetwork *
cow_network_new (CkBackend *backend, const CowNetworkOptions *options, GError **error)
{
  g_return_val_if_fail (backend->training != NULL && options->n_classes > 0, NULL);
  g_autoptr (CowNetwork) self = g_new0 (CowNetwork, 1);
  self->backend = backend;
  self->kind = options->kind;
  self->n_classes = options->n_classes;
  self->parameters = cow_parameters_new (backend);
  if (!new_kind (self, options, error))
    return NULL;
  self->features = self->resnet ? COW_RESNET_FEATURES : self->config.hidden_size;
  g_autoptr (CowHead) head = NULL;
  const char *head_folder = options->start_head ? options->start_head : options->start;
  if (head_folder &&
      !(head = cow_head_read (head_folder, self->features, options->n_classes, error)))
    return NULL;
  /* The recipes' narrow ReLU layers on features that say nothing yet die in the first steps: what
   * starts from scratch gets the ViT's. */
  const gboolean from_scratch =
      options->kind == COW_NETWORK_VIT || options->kind == COW_NETWORK_DINOV3;
  const CowHeadStyle style = self->resnet   ? COW_HEAD_RESNET
                             : from_scratch ? COW_HEAD_VIT
                                            : COW_HEAD_MLP;
  self->head = cow_head_train_new (self->parameters, self->features, options->n_classes, style,
                                   options->head_dropout, head);
  if (!cow_parameters_allocate (self->parameters, error) || !start (self, options, head, error))
    return NULL;
  return g_steal_pointer (&self);
}
