/* SPDX-License-Identifier: MIT */
/* Parameters, memory and disk. */
#include "trainer/train/plan.h"

#include <math.h>

#include "model/files/host-memory.h"
#include "model/files/vit-sizes.h"
#include "model/files/locate.h"
#include "model/files/nf4.h"
#include "model/files/vit-layout.h"
#include "model/network/backbones.h"
#include "model/network/detector-file.h"

#define PROGRAM_BYTES                                                                              \
  (120 * 1000 * 1000)      /* libraries, their buffers, the picture being decoded in each thread */
#define BYTES_A_TRAINED 16 /* value, gradient, two moments */
#define BYTES_A_SUM     4  /* gradients of the step's earlier batches */
#define BYTES_A_MEAN    8  /* the sum of --ema, and values while their mean is judged */
#define BYTES_A_SAVED   4  /* an adapter's value */
#define BYTES_A_FIXED   16 /* of the whole that is computed with, two values and two gradients */
#define BYTES_A_STATE   12 /* state.safetensors: value and two moments */
#define SMALL_FILES     (16 * 1000 * 1000)    /* contact sheet, plots, tables */
#define STAGING_BYTES   (4 * 4 * 1024 * 1024) /* pinned, of a device's streams */
#define BATCHES_ON_WAY  5                     /* of the loader, its own default */

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

/* The next smaller or else larger batch that does not leave a single picture over. */
static guint64
better_batch (guint64 n, guint64 batch)
{
  for (guint64 smaller = batch; smaller > 1; smaller--)
    if (n % smaller != 1)
      return smaller;
  return batch + 1 > 2 && n % (batch + 1) != 1 ? batch + 1 : batch + 2;
}

gboolean
cow_plan_input_from_model (CowPlanInput *self, const char *path, GError **error)
{
  g_autoptr (CowCheckpoint) checkpoint = cow_checkpoint_open (path, error);

  if (!checkpoint || !cow_backbone_config_read (path, checkpoint, NULL, &self->backbone, error))
    return FALSE;
  if (!cow_backbone_takes_heads (&self->backbone)) {
    g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
                 "%s: a %s, which is no base for adapters and heads", path, self->backbone.title);
    return FALSE;
  }
  self->storage = cow_memory_storage (checkpoint);
  self->base_bytes = self->storage == CK_NF4
                         ? count_linear (&self->backbone.vit) / COW_NF4_BLOCK * sizeof (float)
                         : 0;
  for (guint i = 0; i < cow_checkpoint_n_tensors (checkpoint); i++)
    self->base_bytes += cow_checkpoint_nth (checkpoint, i)->n_bytes;
  return TRUE;
}

gboolean
cow_plan_input_check_batches (const CowPlanInput *self, const CowRecipe *recipe, GError **error)
{
  const CowBackboneClass *klass = self->backbone.klass;
  const int height = recipe->preprocess.height, width = recipe->preprocess.width,
            least =
                klass->smallest_batch ? klass->smallest_batch (&self->backbone, height, width) : 1;
  const guint64 n = self->n_train * cow_recipe_copies (recipe), batch = (guint64)recipe->batch,
                last = n % batch ? n % batch : MIN (n, batch);
  if (last >= (guint64)least)
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT,
               "%" G_GUINT64_FORMAT " pictures an epoch in batches of %d leave a last batch of "
               "%" G_GUINT64_FORMAT ", and batch norm on pictures of %d x %d needs %d at least: "
               "--batch %" G_GUINT64_FORMAT
               " leaves none over, larger pictures (--size) need no more "
               "than one",
               n, recipe->batch, last, width, height, least, better_batch (n, batch));
  return FALSE;
}

gboolean
cow_plan_input_from_size (CowPlanInput *self, const char *size, CkType storage, GError **error)
{
  CowVitConfig config;
  if (!cow_vit_config_of_size (size, &config)) {
    g_autofree char *names = g_strjoinv (", ", (char **)cow_vit_size_names);
    g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND, "there is no size \"%s\"; there are %s",
                 size, names);
    return FALSE;
  }
  cow_backbone_config_init (&self->backbone, config.family->model_type, &config);
  const gsize linear = count_linear (&config),
              others = (gsize)cow_vit_config_n_parameters (&config) - linear;
  self->storage = storage;
  self->base_bytes =
      others * sizeof (float) +
      (storage == CK_NF4 ? nf4_bytes (linear) : linear * (storage == CK_F32 ? 4 : 2));
  return TRUE;
}

/* The vision transformer that --network names: a size, or a folder with a config.json. */
static gboolean
read_network (const CowRecipe *recipe, CowVitConfig *config, GError **error)
{
  const CowKind *kind = cow_recipe_kind (recipe);
  if (!cow_vit_config_of_size (recipe->network, config)) {
    g_autoptr (GError) local = NULL;
    g_autofree char *path = cow_locate (recipe->network, &local);
    if (!path) {
      g_autofree char *names = g_strjoinv (", ", (char **)cow_vit_size_names);
      g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND,
                   "--network %s: neither a size (%s) nor a folder with a config.json: %s",
                   recipe->network, names, local->message);
      return FALSE;
    }
    if (!cow_vit_config_read (path, config, error))
      return FALSE;
  }
  if (g_str_equal (config->family->model_type, kind->model_type))
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_MISMATCH,
               "--network %s: a %s, which is not what a %s recipe trains", recipe->network,
               config->family->title, kind->name);
  return FALSE;
}

gboolean
cow_plan_input_from_scratch (CowPlanInput *self, const CowRecipe *recipe, GError **error)
{
  CowVitConfig named = { 0 };
  self->storage = CK_F32;
  self->base_bytes = 0;
  if (cow_recipe_kind (recipe)->named && !read_network (recipe, &named, error))
    return FALSE;
  /* The size in a config.json is that of its own pictures; ours count. */
  cow_network_backbone_config ((CowNetworkKind)recipe->kind, &named, recipe->preprocess.width,
                               &self->backbone);
  return TRUE;
}

gboolean
cow_plan_input_check_size (const CowPlanInput *self, const CowRecipe *recipe, GError **error)
{
  const int width = recipe->preprocess.width, height = recipe->preprocess.height;
  if (self->backbone.klass->check_size (&self->backbone, width, height, error))
    return TRUE;
  g_prefix_error (error, "--size %dx%d: ", width, height);
  return FALSE;
}

/* ---- parameters ------------------------------------------------------------------------------ */

/* Free with g_strfreev. */
static GStrv
targets_of (const CowRecipe *recipe)
{
  GStrv targets = g_strsplit (recipe->targets, ",", -1);

  for (char **target = targets; *target; target++)
    g_strstrip (*target);
  return targets;
}

static gint64
adapter_parameters (const CowRecipe *recipe, const CowVitConfig *config)
{
  g_auto (GStrv) targets = targets_of (recipe);
  gint64 n = 0;

  for (CowModule module = 0; module < COW_N_MODULES; module++) {
    gint64 out, in;
    gboolean bias;
    if (cow_vit_config_module (config, module, &out, &in, &bias) &&
        cow_adapter_start_is_target ((const char *const *)targets, module))
      n += recipe->rank * (in + out) + (cow_recipe_kind (recipe)->dora ? out : 0);
  }
  return n * config->n_layers;
}

static gint64
backbone_parameters (const CowRecipe *recipe, const CowBackboneConfig *backbone)
{
  const CowKind *kind = cow_recipe_kind (recipe);
  if (kind->cached || cow_kind_reads_tokens (kind))
    return 0;
  return kind->adapted ? adapter_parameters (recipe, &backbone->vit)
                       : backbone->klass->n_trained (backbone);
}

/* ---- memory and disk ------------------------------------------------------------------------- */

static CowAdapterShape
adapter_shape (const CowRecipe *recipe, const char *const *targets)
{
  const CowKind *kind = cow_recipe_kind (recipe);
  CowAdapterShape shape = { .dora = kind->dora,
                            .rank = cow_recipe_whole_rank (recipe),
                            .dropout = recipe->adapter_dropout > 0 };

  if (!kind->adapted)
    return (CowAdapterShape){ 0 };
  for (CowModule module = 0; module < COW_N_MODULES; module++)
    if (cow_adapter_start_is_target (targets, module))
      shape.modules |= 1u << module;
  return shape;
}

/* What a step takes, with `activations` bytes of them. */
static CowMemoryUse
memory_use (const CowPlan *self, const CowRecipe *recipe, const CowPlanInput *input,
            const CowBackboneConfig *backbone, const char *const *targets, guint64 activations)
{
  const CowKind *kind = cow_recipe_kind (recipe);

  return (CowMemoryUse){ .backbone = backbone,
                         .storage = input->storage,
                         .adapter = adapter_shape (recipe, targets),
                         .batch = recipe->batch,
                         .height = recipe->preprocess.height,
                         .width = recipe->preprocess.width,
                         .activations = activations,
                         .training = !kind->cached && !cow_kind_reads_tokens (kind),
                         .from_scratch = !cow_recipe_has_base (recipe),
                         .parameters = self->parameters };
}

/* The bytes of activations that there are, and whether it is with checkpointing. */
typedef struct {
  guint64 plain, checkpointed;
  gboolean possible; /* the second */
} Activations;

static Activations
count_activations (const CowRecipe *recipe, const CowPlanInput *input, const CkDevice *device,
                   const char *const *targets)
{
  const CowPreprocess *p = &recipe->preprocess;
  const CowNetworkKind kind = (CowNetworkKind)recipe->kind;
  const CowBackboneConfig *backbone = &input->backbone;
  const CowNetworkOptions options = { .kind = kind,
                                      .rank = recipe->rank,
                                      .init = (CowLoraInit)recipe->init,
                                      .adapter_dropout = device->keeps_dropout
                                                             ? (float)recipe->adapter_dropout
                                                             : 0,
                                      .targets = targets };
  Activations found = { .possible = cow_network_checkpoints (kind, backbone) };

  if (cow_kind (kind)->cached) {
    found.plain = backbone->klass->workspace_bytes (backbone, recipe->batch, p->height, p->width);
    return found;
  }
  found.plain =
      cow_network_activation_bytes (&options, backbone, recipe->batch, p->height, p->width, FALSE);
  if (found.possible)
    found.checkpointed =
        cow_network_activation_bytes (&options, backbone, recipe->batch, p->height, p->width, TRUE);
  if (input->detector) {
    const gsize head = cow_detector_bytes (input->detector, recipe->batch, p->height, p->width);
    found.plain += head;
    found.checkpointed += head;
  }
  return found;
}

/* In the host's memory half of what is left beside everything else may be activations. */
static gboolean
fits_host (const CowPlan *self, guint64 activations, guint64 available)
{
  const guint64 others = self->base + self->parameters + self->loading + PROGRAM_BYTES;

  return activations <= (available > others ? (available - others) / 2 : 0);
}

static void
plan_activations (CowPlan *self, const CowRecipe *recipe, const CowPlanInput *input,
                  CkDevice *device, guint64 available)
{
  g_auto (GStrv) targets = targets_of (recipe);
  const char *const *names = (const char *const *)targets;
  const Activations found = count_activations (recipe, input, device, names);
  CowBackboneConfig backbone = input->backbone;
  CowMemory memory;

  backbone.precision = cow_recipe_precision (recipe);
  CowMemoryUse use = memory_use (self, recipe, input, &backbone, names, found.plain);
  cow_memory_plan (&memory, device, &use, 0);
  const gboolean fits =
      device->host_memory ? fits_host (self, found.plain, available) : memory.device <= available;
  self->checkpointing =
      found.possible && (recipe->checkpointing == COW_CHECKPOINTING_ON ||
                         (recipe->checkpointing == COW_CHECKPOINTING_AUTO && !fits));
  self->activations = self->checkpointing ? found.checkpointed : found.plain;
  use.activations = self->activations;
  if (device->host_memory)
    cow_memory_plan (&memory, device, &use, 0);
  else
    cow_memory_fit (&memory, device, &use, available, &self->streamed);
  self->scratch = memory.scratch;
  if (!device->host_memory)
    self->device = memory;
}

/* Of a base on a device the host keeps the absmax of 4-bit weights, and what is streamed. */
static guint64
host_bytes (const CowPlan *self, const CowPlanInput *input, const CkDevice *device)
{
  if (device->host_memory)
    return self->base + self->parameters + self->activations + self->scratch;
  return self->pinned +
         (input->storage == CK_NF4 ? self->base / COW_NF4_BLOCK * 2 * sizeof (float) : 0);
}

/* Values of adapters that are fixed beside as many that train. */
static guint64
fixed_values (const CowRecipe *recipe, const CowPlan *self)
{
  const gboolean doubled = cow_recipe_whole_rank (recipe) > recipe->rank;
  return doubled && cow_recipe_is_adapted (recipe) ? (guint64)(self->trained - self->head) : 0;
}

/* Parameters of what is behind the backbone. */
static gint64
head_parameters (const CowRecipe *recipe, const CowPlanInput *input)
{
  const CowHeadStyle style = cow_recipe_kind (recipe)->head;
  const CowRoiMap map =
      input->detector ? cow_detector_map (input->detector, 0, 0) : (CowRoiMap){ 0 };

  if (!input->detector)
    return cow_head_style_n_parameters (style, input->backbone.n_features, input->n_classes);
  const gint64 pooled = cow_roi_n_pooled (&map);
  gint64 n = cow_detector_n_parameters (input->detector);
  if (input->n_classes > 0)
    n += cow_head_style_n_parameters (style, pooled, input->n_classes);
  if (input->n_identities > 0)
    n += cow_head_style_n_parameters (COW_HEAD_TAPERED, pooled, input->n_identities);
  return n;
}

void
cow_plan_sizes (CowPlan *self, const CowRecipe *recipe, const CowPlanInput *input, CkDevice *device,
                guint64 available)
{
  const CowKind *kind = cow_recipe_kind (recipe);
  const gint64 width = input->backbone.n_features;
  const guint64 n_features = input->n_train * cow_recipe_copies (recipe) + input->n_val;

  *self = (CowPlan){ .head = head_parameters (recipe, input), .base = input->base_bytes };
  self->trained = self->head + backbone_parameters (recipe, &input->backbone);
  const guint64 fixed = fixed_values (recipe, self);
  self->parameters = (guint64)self->trained *
                         (BYTES_A_TRAINED + (recipe->gradient_accumulation > 1 ? BYTES_A_SUM : 0) +
                          (recipe->ema > 0 ? BYTES_A_MEAN : 0)) +
                     fixed * BYTES_A_FIXED;
  self->loading = BATCHES_ON_WAY * (guint64)recipe->batch *
                  cow_preprocess_size (&recipe->preprocess) * sizeof (float);
  plan_activations (self, recipe, input, device, available);
  if (!device->host_memory)
    self->pinned = self->device.streamed + STAGING_BYTES;
  self->memory = host_bytes (self, input, device) + self->loading + PROGRAM_BYTES;
  /* best and last, and last once more while it is being replaced. */
  self->folder = (guint64)self->trained * (3 * BYTES_A_SAVED + 2 * BYTES_A_STATE +
                                           (recipe->ema > 0 ? 2 * BYTES_A_SAVED : 0)) +
                 SMALL_FILES + 3 * fixed * BYTES_A_SAVED +
                 3 * (guint64)recipe->keep_pictures * cow_preprocess_size (&recipe->preprocess);
  /* Twice: rows as they come, and the finished file while it is written. */
  self->features = kind->cached ? 2 * n_features * (guint64)width * sizeof (float) : 0;
}

gboolean
cow_plan_available (CkDevice *device, guint64 *bytes, GError **error)
{
  if (!device->host_memory)
    return cow_memory_available (device, bytes, error);
  *bytes = cow_host_memory_available ();
  if (*bytes == 0)
    *bytes = G_MAXUINT64;
  return TRUE;
}

gboolean
cow_plan_fits (const CowPlan *self, CkDevice *device, guint64 available, char **why)
{
  g_autoptr (GError) error = NULL;

  *why = NULL;
  if (device->host_memory)
    return self->memory <= available;
  if (!cow_memory_check (&self->device, device, available, "this run", &error)) {
    *why = g_strdup (error->message);
    return FALSE;
  }
  const guint64 host = cow_host_memory_available ();
  if (host == 0 || self->memory <= host)
    return TRUE;
  g_autofree char *needed = cow_memory_bytes_text (self->memory),
                  *there = cow_memory_bytes_text (host);
  *why =
      g_strdup_printf ("this run: needs %s of the host's memory, %s are available", needed, there);
  return FALSE;
}
