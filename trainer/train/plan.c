/* SPDX-License-Identifier: MIT */
/* Parameters, memory and disk. */
#include "trainer/train/plan.h"

#include <math.h>

#include "model/files/config-sizes.h"
#include "model/files/locate.h"
#include "model/files/nf4.h"
#include "model/network/resnet.h"

#define PROGRAM_BYTES                                                                              \
  (120 * 1000 * 1000)      /* libraries, their buffers, the picture being decoded in each thread */
#define BYTES_A_TRAINED 16 /* value, gradient, two moments */
#define BYTES_A_SAVED   4  /* an adapter's value */
#define BYTES_A_STATE   12 /* state.safetensors: value and two moments */
#define SMALL_FILES     (16 * 1000 * 1000) /* contact sheet, plots, tables */
#define BATCHES_ON_WAY  5                  /* of the loader, its own default */

/* ---- what the recipe stands on --------------------------------------------------------------- */

static gsize
count_linear (const CowVitConfig *config)
{
  gsize n = 0;
  for (CowModule module = 0; module < COW_N_MODULES; module++) {
    gint64 out, in;
    gboolean bias;
    if (cow_vit_config_module (config, module, &out, &in, &bias))
      n += (gsize)(out * in);
  }
  return n * (gsize)config->n_layers;
}

/* Half a byte an element, and the fp32 absmax of a block that is restored when the weight is
 * loaded. */
static guint64
nf4_bytes (gsize elements)
{
  return elements / 2 + elements / COW_NF4_BLOCK * (sizeof (float) + 1);
}

gboolean
cow_plan_input_from_model (CowPlanInput *self, const char *path, GError **error)
{
  g_autoptr (CowCheckpoint) checkpoint = cow_checkpoint_open (path, error);

  if (!checkpoint || !cow_vit_config_for (path, checkpoint, &self->config, error))
    return FALSE;
  const CowTensor *weight = cow_checkpoint_find (checkpoint, "layer.0.attention.q_proj.weight");
  const gboolean nf4 =
      cow_checkpoint_find (checkpoint, "layer.0.attention.q_proj.weight.absmax") != NULL;
  self->storage = nf4                                   ? CK_NF4
                  : !weight || weight->dtype == COW_F32 ? CK_F32
                  : weight->dtype == COW_BF16           ? CK_BF16
                                                        : CK_F16;
  self->base_bytes = nf4 ? count_linear (&self->config) / COW_NF4_BLOCK * sizeof (float) : 0;
  for (guint i = 0; i < cow_checkpoint_n_tensors (checkpoint); i++)
    self->base_bytes += cow_checkpoint_nth (checkpoint, i)->n_bytes;
  return TRUE;
}

gboolean
cow_plan_input_from_size (CowPlanInput *self, const char *size, CkType storage, GError **error)
{
  if (!cow_vit_config_of_size (size, &self->config)) {
    g_autofree char *names = g_strjoinv (", ", (char **)cow_vit_size_names);
    g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND, "there is no size \"%s\"; there are %s",
                 size, names);
    return FALSE;
  }
  const gsize linear = count_linear (&self->config),
              others = (gsize)cow_vit_config_n_parameters (&self->config) - linear;
  self->storage = storage;
  self->base_bytes =
      others * sizeof (float) +
      (storage == CK_NF4 ? nf4_bytes (linear) : linear * (storage == CK_F32 ? 4 : 2));
  return TRUE;
}

gboolean
cow_plan_input_from_scratch (CowPlanInput *self, const CowRecipe *recipe, GError **error)
{
  self->storage = CK_F32;
  self->base_bytes = 0;
  if (recipe->kind == COW_NETWORK_VIT)
    self->config = cow_network_vit_small (recipe->preprocess.width);
  if (recipe->kind != COW_NETWORK_DINOV3)
    return TRUE;
  if (!cow_vit_config_of_size (recipe->network, &self->config)) {
    g_autoptr (GError) local = NULL;
    g_autofree char *path = cow_locate (recipe->network, &local);
    if (!path) {
      g_autofree char *names = g_strjoinv (", ", (char **)cow_vit_size_names);
      g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND,
                   "--network %s: neither a size (%s) nor a folder with a config.json: %s",
                   recipe->network, names, local->message);
      return FALSE;
    }
    if (!cow_vit_config_read (path, &self->config, error))
      return FALSE;
  }
  /* The size in a config.json is that of its own pictures; ours count. */
  self->config.image_size = recipe->preprocess.width;
  return TRUE;
}

/* ---- parameters ------------------------------------------------------------------------------ */

static gint64
linear_parameters (gint64 in, gint64 out)
{
  return in * out + out;
}

/* The heads of model/training/head-train.h. */
static gint64
head_parameters (CowNetworkKind kind, gint64 features, gint64 classes)
{
  if (kind == COW_NETWORK_RESNET18)
    return linear_parameters (features, features / 2) + linear_parameters (features / 2, classes);
  if (kind == COW_NETWORK_VIT || kind == COW_NETWORK_DINOV3)
    return 2 * features + linear_parameters (features, features) +
           linear_parameters (features, classes);
  return linear_parameters (features, features / 4) +
         linear_parameters (features / 4, features / 8) + linear_parameters (features / 8, classes);
}

static gint64
resnet_parameters (void)
{
  gint64 n = 0;
  for (guint i = 0; i < COW_RESNET_N_UNITS; i++) {
    const CowResnetUnit *unit = &cow_resnet_units[i];
    n += (gint64)unit->in * unit->out * unit->kernel * unit->kernel + 2 * unit->out;
  }
  return n;
}

static gint64
adapter_parameters (const CowRecipe *recipe, const CowVitConfig *config)
{
  g_auto (GStrv) targets = g_strsplit (recipe->targets, ",", -1);
  gint64 n = 0;

  for (char **target = targets; *target; target++)
    g_strstrip (*target);
  for (CowModule module = 0; module < COW_N_MODULES; module++) {
    gint64 out, in;
    gboolean bias;
    if (cow_vit_config_module (config, module, &out, &in, &bias) &&
        cow_network_is_target ((const char *const *)targets, module))
      n += recipe->rank * (in + out) + (recipe->kind == COW_NETWORK_DORA ? out : 0);
  }
  return n * config->n_layers;
}

static gint64
backbone_parameters (const CowRecipe *recipe, const CowVitConfig *config)
{
  switch ((CowNetworkKind)recipe->kind) {
  case COW_NETWORK_LORA:
  case COW_NETWORK_DORA:
    return adapter_parameters (recipe, config);
  case COW_NETWORK_FROZEN:
    return 0;
  case COW_NETWORK_RESNET18:
    return resnet_parameters ();
  case COW_NETWORK_DINOV3: /* all but the mask token, which only pre-training uses */
    return cow_vit_config_n_parameters (config) - config->hidden_size;
  case COW_NETWORK_VIT:
    return cow_vit_config_n_parameters (config);
  }
  g_return_val_if_reached (0);
}

/* ---- memory and disk ------------------------------------------------------------------------- */

/* What computing features needs: model/network/vit.c's buffers. */
static guint64
feature_activations (const CowVitConfig *config, const CowRecipe *recipe)
{
  const guint64 patches = (guint64)(recipe->preprocess.width / config->patch_size) *
                          (guint64)(recipe->preprocess.height / config->patch_size);
  const guint64 rows = (guint64)recipe->batch * (patches + 1 + (guint64)config->n_registers);
  return rows * sizeof (float) *
         (5 * (guint64)config->hidden_size +
          (config->gated ? 2 : 1) * (guint64)config->intermediate_size);
}

static void
plan_activations (CowPlan *self, const CowRecipe *recipe, const CowPlanInput *input,
                  guint64 available)
{
  const CowPreprocess *p = &recipe->preprocess;
  const CowNetworkKind kind = (CowNetworkKind)recipe->kind;
  const guint64 plain = cow_network_activation_bytes (kind, &input->config, recipe->batch,
                                                      p->height, p->width, FALSE);
  const gboolean transformer = kind != COW_NETWORK_RESNET18 && kind != COW_NETWORK_FROZEN;

  /* Half of what is left beside everything else. */
  const guint64 others = self->base + self->parameters + self->loading + PROGRAM_BYTES;
  const guint64 limit = available > others ? (available - others) / 2 : 0;
  self->checkpointing =
      transformer && (recipe->checkpointing == COW_CHECKPOINTING_ON ||
                      (recipe->checkpointing == COW_CHECKPOINTING_AUTO && plain > limit));
  self->activations = kind == COW_NETWORK_FROZEN ? feature_activations (&input->config, recipe)
                      : self->checkpointing
                          ? cow_network_activation_bytes (kind, &input->config, recipe->batch,
                                                          p->height, p->width, TRUE)
                          : plain;
}

void
cow_plan_sizes (CowPlan *self, const CowRecipe *recipe, const CowPlanInput *input,
                guint64 available)
{
  const CowNetworkKind kind = (CowNetworkKind)recipe->kind;
  const gint64 width =
      kind == COW_NETWORK_RESNET18 ? COW_RESNET_FEATURES : input->config.hidden_size;
  const guint64 n_features = input->n_train * cow_recipe_copies (recipe) + input->n_val;

  *self = (CowPlan){ .head = head_parameters (kind, width, input->n_classes),
                     .base = input->base_bytes };
  self->trained = self->head + backbone_parameters (recipe, &input->config);
  self->parameters = (guint64)self->trained * BYTES_A_TRAINED;
  self->loading = BATCHES_ON_WAY * (guint64)recipe->batch *
                  cow_preprocess_size (&recipe->preprocess) * sizeof (float);
  plan_activations (self, recipe, input, available);
  self->memory = self->base + self->parameters + self->activations + self->loading + PROGRAM_BYTES;
  /* best and last, and last once more while it is being replaced. */
  self->folder = (guint64)self->trained * (3 * BYTES_A_SAVED + 2 * BYTES_A_STATE) + SMALL_FILES;
  /* Twice: rows as they come, and the finished file while it is written. */
  self->features =
      kind == COW_NETWORK_FROZEN ? 2 * n_features * (guint64)width * sizeof (float) : 0;
}

/* ---- text ------------------------------------------------------------------------------------ */

char *
cow_plan_bytes_text (guint64 bytes)
{
  const double value = (double)bytes;
  return value >= 1e9 ? g_strdup_printf ("%.1f GB", value / 1e9)
                      : g_strdup_printf ("%.0f MB", ceil (value / 1e6));
}

char *
cow_plan_time_text (double seconds)
{
  return seconds < 100      ? g_strdup_printf ("%.2g s", seconds)
         : seconds < 5400   ? g_strdup_printf ("%.0f min", seconds / 60)
         : seconds < 172800 ? g_strdup_printf ("%.1f h", seconds / 3600)
                            : g_strdup_printf ("%.1f days", seconds / 86400);
}
