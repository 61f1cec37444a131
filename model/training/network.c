/* SPDX-License-Identifier: MIT */
#include "model/training/network-private.h"

#include <math.h>
#include <string.h>

#include "model/files/file-writer.h"
#include "model/files/floats.h"
#include "model/files/host-memory.h"
#include "model/files/vit-sizes.h"
#include "model/network/backbones.h"
#include "model/training/random.h"
#include "model/training/trained-backbones.h"

void
cow_network_backbone_config (CowNetworkKind kind, const CowVitConfig *named, int image_size,
                             CowBackboneConfig *config)
{
  const CowKind *row = cow_kind (kind);
  CowVitConfig vit = { 0 };
  if (row->size)
    cow_vit_config_of_size (row->size, &vit);
  else if (row->named)
    vit = *named;
  if (vit.family && image_size > 0)
    vit.image_size = image_size;
  cow_backbone_config_init (config, vit.family ? vit.family->model_type : row->model_type, &vit);
}

/* ---- activations: how much, and whether they fit --------------------------------------------- */

gboolean
cow_network_checkpoints (CowNetworkKind kind, const CowBackboneConfig *config)
{
  return !cow_kind (kind)->cached && !cow_kind_reads_tokens (cow_kind (kind)) &&
         cow_trained_class_of (config)->checkpoints;
}

static CowTrainedParts
trained_parts (const CowNetworkOptions *options)
{
  const CowKind *kind = cow_kind (options->kind);
  CowTrainedParts parts = { .dora = kind->dora,
                            .rank = cow_adapter_start_rank (options->init, options->rank),
                            .dropout = options->adapter_dropout > 0 };
  for (CowModule module = 0; kind->adapted && module < COW_N_MODULES; module++)
    if (cow_adapter_start_is_target (options->targets, module))
      parts.adapted |= 1u << module;
  return parts;
}

gsize
cow_network_activation_bytes (const CowNetworkOptions *options, const CowBackboneConfig *config,
                              int batch, int height, int width, gboolean checkpointing)
{
  const CowTrainedParts parts = trained_parts (options);
  const CowKind *kind = cow_kind (options->kind);
  return kind->cached ? 0
         : cow_kind_reads_tokens (kind)
             ? config->klass->workspace_bytes (config, batch, height, width)
             : cow_trained_class_of (config)->activation_bytes (config, &parts, batch, height,
                                                                width, checkpointing);
}

/* Of the device: bytes; 4 GiB where nothing tells. */
static gsize
available_memory (CkDevice *device)
{
  const gsize bytes =
      device->host_memory ? cow_host_memory_available () : ck_device_free_bytes (device);
  return bytes > 0 && bytes < G_MAXSIZE ? bytes : (gsize)4 << 30;
}

/* Whether activations of this network without checkpointing exceed the limit. */
static gboolean
wants_checkpointing (CkDevice *device, const CowNetworkOptions *options,
                     const CowBackboneConfig *config)
{
  CowNetworkOptions kept = *options;
  if (options->checkpointing != COW_CHECKPOINTING_AUTO)
    return options->checkpointing == COW_CHECKPOINTING_ON;
  const gsize limit = options->memory_limit ? options->memory_limit : available_memory (device) / 2;
  if (!device->keeps_dropout)
    kept.adapter_dropout = 0;
  return cow_network_activation_bytes (&kept, config, options->batch, options->image_size,
                                       options->image_size, FALSE) > limit;
}

/* ---- making ---------------------------------------------------------------------------------- */

static gboolean
open_base (CowNetwork *self, const CowNetworkOptions *options, CowBackboneConfig *config,
           GError **error)
{
  self->checkpoint = cow_checkpoint_open (options->model, error);
  if (!self->checkpoint ||
      !cow_backbone_config_read (options->model, self->checkpoint, NULL, config, error))
    return FALSE;
  if (self->kind->adapted ? cow_backbone_takes_adapters (config)
                          : cow_backbone_takes_heads (config))
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED, "%s: a %s, which is no base for %s",
               options->model, config->title,
               cow_backbone_takes_heads (config)
                   ? "LoRA and DoRA (the frozen recipes train a head on it)"
                   : "adapters and heads");
  return FALSE;
}

/* An adapter to start from has its own scale and values. */
static gboolean
check_start (const CowNetwork *self, const CowNetworkOptions *options, GError **error)
{
  if (!options->start ||
      (options->init == COW_INIT_DEFAULT && (!options->rslora || self->adapter->rslora)))
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT, "%s has %s of its own: %s is for new adapters",
               options->start, options->init == COW_INIT_DEFAULT ? "a scale" : "values",
               options->init == COW_INIT_DEFAULT ? "use-rslora" : "init-lora-weights");
  return FALSE;
}

static gboolean
make_adapter (CowNetwork *self, const CowNetworkOptions *options, const CowVitConfig *config,
              GError **error)
{
  const CowAdapterStart fresh = { .model = options->model,
                                  .targets = options->targets,
                                  .seed = options->seed,
                                  .rank = options->rank,
                                  .alpha = options->alpha,
                                  .dropout = options->adapter_dropout,
                                  .dora = self->kind->dora,
                                  .rslora = options->rslora,
                                  .init = options->init };
  self->adapter = options->start
                      ? cow_adapter_read (options->start, config, error)
                      : cow_adapter_start (&fresh, self->stream, self->checkpoint, config, error);
  if (!self->adapter || !check_start (self, options, error))
    return FALSE;
  if (self->adapter->dora == self->kind->dora)
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_MISMATCH, "%s holds a %s adapter, the recipe trains %s",
               options->start, self->adapter->dora ? "DoRA" : "LoRA",
               self->kind->dora ? "DoRA" : "LoRA");
  return FALSE;
}

/* The backbone, and the width of its features. */
static gboolean
make_backbone (CowNetwork *self, const CowNetworkOptions *options, GError **error)
{
  CowBackboneConfig config;
  if (!cow_kind_needs_base (self->kind))
    cow_network_backbone_config (options->kind, &options->config,
                                 self->kind->named ? 0 : options->image_size, &config);
  else if (!open_base (self, options, &config, error))
    return FALSE;
  self->features = config.n_features;
  config.streamed = options->streamed;
  if (self->kind->cached)
    return TRUE;
  if (cow_kind_reads_tokens (self->kind))
    return cow_network_boxes_new (self, options, &config, error);
  if (self->kind->adapted && !make_adapter (self, options, &config.vit, error))
    return FALSE;
  const CowTrainedOptions train = { .adapter = self->adapter,
                                    .checkpoint = self->checkpoint,
                                    .fresh = options->start == NULL,
                                    .checkpointing = wants_checkpointing (self->stream->device,
                                                                          options, &config),
                                    .adapter_dropout = self->adapter ? options->adapter_dropout : 0,
                                    .precision = options->precision };
  self->backbone =
      cow_trained_class_of (&config)->create (self->parameters, &config, &train, error);
  return self->backbone &&
         (!options->detector || cow_network_boxes_new (self, options, &config, error));
}

/* A classifier's head; *like is the one that it starts from, or NULL. */
static gboolean
make_head (CowNetwork *self, const CowNetworkOptions *options, CowHeadWeights **like,
           GError **error)
{
  const char *folder = options->start_head ? options->start_head : options->start;
  if (folder &&
      !(*like = cow_head_weights_read (folder, self->features, options->n_classes, error)))
    return FALSE;
  self->head = cow_head_train_new (self->parameters, self->features, options->n_classes,
                                   self->kind->head, options->head_dropout, *like);
  return TRUE;
}

CowNetwork *
cow_network_new (CkStream *stream, const CowNetworkOptions *options, GError **error)
{
  const gboolean detects = options->detector != NULL;
  g_return_val_if_fail (stream->training != NULL && (detects || options->n_classes > 0), NULL);
  g_return_val_if_fail (detects ? !cow_kind (options->kind)->cached
                                : !cow_kind_reads_tokens (cow_kind (options->kind)),
                        NULL);
  g_autoptr (CowNetwork) self = g_new0 (CowNetwork, 1);
  self->stream = stream;
  self->kind = cow_kind (options->kind);
  self->n_classes = options->n_classes;
  self->parameters = cow_parameters_new (stream);
  self->kept = g_array_new (FALSE, TRUE, sizeof (CowKeptPass));
  self->passes = g_array_new (FALSE, FALSE, sizeof (CowPass));
  if (!cow_precision_check (stream->device, options->precision, error) ||
      !make_backbone (self, options, error))
    return NULL;
  g_autoptr (CowHeadWeights) like = NULL;
  if (!(options->detector ? cow_network_boxes_regions (self, options, error)
                          : make_head (self, options, &like, error)))
    return NULL;
  return cow_parameters_allocate (self->parameters, error) &&
                 (!self->backbone ||
                  self->backbone->klass->start (self->backbone, options->seed, error)) &&
                 (options->detector ? cow_network_boxes_start (self, options, error)
                                    : cow_head_train_start (
                                          self->head, like,
                                          cow_random_key (options->seed, G_MAXUINT32), error)) &&
                 (!self->checkpoint || cow_checkpoint_check (self->checkpoint, error))
             ? g_steal_pointer (&self)
             : NULL;
}

static void
clear_buffers (CowNetwork *self)
{
  CkStream *stream = self->stream;
  ck_free (stream, self->input);
  ck_free (stream, self->dlogits);
  ck_free (stream, self->labels);
  ck_free (stream, self->targets);
  self->input = self->dlogits = self->targets = NULL;
  self->labels = NULL;
  self->batch = 0;
}

static void
clear_kept (CkStream *stream, CowKeptPass *kept)
{
  ck_free (stream, kept->logits);
  ck_free (stream, kept->loss);
  g_free (kept->host_logits);
  *kept = (CowKeptPass){ 0 };
}

void
cow_network_free (CowNetwork *self)
{
  if (!self)
    return;
  CkStream *stream = self->stream;
  g_clear_pointer (&self->head, cow_head_train_free);
  cow_network_boxes_clear (self);
  if (self->backbone)
    self->backbone->klass->free (self->backbone);
  g_clear_pointer (&self->adapter, cow_adapter_free);
  g_clear_pointer (&self->parameters, cow_parameters_free);
  g_clear_pointer (&self->checkpoint, cow_checkpoint_close);
  clear_buffers (self);
  ck_free (stream, self->class_weights);
  for (guint i = 0; i < self->kept->len; i++)
    clear_kept (stream, &g_array_index (self->kept, CowKeptPass, i));
  g_array_unref (self->kept);
  g_array_unref (self->passes);
  g_free (self);
}

CowParameters *
cow_network_parameters (CowNetwork *self)
{
  return self->parameters;
}

CowTrainedBackbone *
cow_network_backbone (CowNetwork *self)
{
  return self->backbone;
}

gint64
cow_network_n_features (const CowNetwork *self)
{
  return self->features;
}

guint
cow_network_n_buffers (const CowNetwork *self)
{
  return self->backbone && self->backbone->klass->buffer_name ? 1 : 0;
}

const char *
cow_network_buffer (CowNetwork *self, guint i, gsize *count, float **values, GError **error)
{
  g_return_val_if_fail (i < cow_network_n_buffers (self), NULL);
  *values = self->backbone->klass->buffer (self->backbone, count, error);
  return *values ? self->backbone->klass->buffer_name : NULL;
}

/* ---- passes ---------------------------------------------------------------------------------- */

/* Logits of a picture, of which buffers have one where there are none. */
static gsize
n_outputs (const CowNetwork *self)
{
  return MAX (self->n_classes, 1);
}

/* Device memory for an input, its labels and its logits' gradient. */
static gboolean
ensure_buffers (CowNetwork *self, int batch, gsize input_bytes, GError **error)
{
  CkStream *stream = self->stream;
  const gsize outputs = n_outputs (self);
  if (self->batch == batch && self->input_bytes == input_bytes)
    return TRUE;
  clear_buffers (self);
  self->input = ck_alloc (stream, input_bytes);
  self->dlogits = ck_alloc (stream, (gsize)batch * outputs * sizeof (float));
  self->labels = ck_alloc (stream, (gsize)batch * sizeof (gint32));
  self->targets = ck_alloc (stream, (gsize)batch * outputs * sizeof (float));
  if (!self->class_weights)
    self->class_weights = ck_alloc (stream, outputs * sizeof (float));
  if (!self->input || !self->dlogits || !self->labels || !self->targets || !self->class_weights) {
    clear_buffers (self);
    return cow_check (CK_NO_MEMORY, error, "a batch of %d pictures", batch);
  }
  self->batch = batch;
  self->input_bytes = input_bytes;
  return TRUE;
}

/* Room for what this pass leaves. */
static CowKeptPass *
add_kept (CowNetwork *self, int batch, GError **error)
{
  const gsize bytes = (gsize)batch * n_outputs (self) * sizeof (float);
  if (self->n_kept == self->kept->len)
    g_array_set_size (self->kept, self->n_kept + 1);
  CowKeptPass *kept = &g_array_index (self->kept, CowKeptPass, self->n_kept);
  if (kept->room < batch) {
    clear_kept (self->stream, kept);
    kept->logits = ck_alloc (self->stream, bytes);
    kept->loss = ck_alloc (self->stream, sizeof *kept->loss);
    kept->host_logits = g_try_malloc (bytes);
    if (!kept->logits || !kept->loss || !kept->host_logits) {
      clear_kept (self->stream, kept);
      cow_check (CK_NO_MEMORY, error, "the results of %d pictures", batch);
      return NULL;
    }
    kept->room = batch;
  }
  kept->batch = batch;
  kept->has_loss = FALSE;
  self->n_kept++;
  return kept;
}

static const float *
forward (CowNetwork *self, int batch, int height, int width, gboolean training, guint64 key,
         GError **error)
{
  const float *features = self->input;
  if (self->backbone)
    features = self->backbone->klass->forward (self->backbone, self->input, batch, height, width,
                                               training, key, error);
  return features ? cow_head_train_forward (self->head, features, batch, training,
                                            cow_random_key (key, G_MAXUINT64 - 1), error)
                  : NULL;
}

/* The logits of the last forward stay until they are read. */
static gboolean
keep_logits (CowNetwork *self, const CowKeptPass *kept, GError **error)
{
  const gint64 n = (gint64)kept->batch * self->n_classes;
  return cow_check (
      self->stream->operations->copy_rows (self->stream, 1, n, self->logits, n, kept->logits, n),
      error, "keeping logits");
}

/* What the network reads of a picture, floats. */
static gsize
input_size (const CowNetwork *self, int height, int width)
{
  return self->kind->cached ? (gsize)self->features : 3 * (gsize)height * (gsize)width;
}

gboolean
cow_network_forward (CowNetwork *self, const float *pixels, int batch, int height, int width,
                     gboolean training, guint64 key, GError **error)
{
  CkStream *stream = self->stream;
  const CowBackboneConfig *config = self->backbone     ? &self->backbone->config
                                    : self->boxes.base ? &self->boxes.base->config
                                                       : NULL;
  gsize bytes;
  if (config && !config->klass->check_size (config, width, height, error))
    return FALSE;
  if (batch < 1 ||
      !g_size_checked_mul (&bytes, input_size (self, height, width) * sizeof (float), (gsize)batch))
    return cow_check (CK_BAD_SHAPE, error, "a batch of %d pictures", batch);
  if (!ensure_buffers (self, batch, bytes, error) ||
      !cow_check (ck_upload (stream, self->input, pixels, bytes), error, "uploading pictures"))
    return FALSE;
  if (self->boxes.head)
    return cow_network_boxes_forward (self, batch, height, width, training, key, error) &&
           add_kept (self, batch, error);
  self->logits = forward (self, batch, height, width, training, key, error);
  if (!self->logits)
    return FALSE;
  const CowKeptPass *kept = add_kept (self, batch, error);
  return kept && keep_logits (self, kept, error);
}

static gboolean
backward (CowNetwork *self, GError **error)
{
  const float *dfeatures;
  return cow_parameters_begin_batch (self->parameters, error) &&
         cow_head_train_backward (self->head, self->dlogits, self->backbone != NULL, &dfeatures,
                                  error) &&
         (!self->backbone || self->backbone->klass->backward (self->backbone, dfeatures, error)) &&
         cow_parameters_end_batch (self->parameters, error);
}

gboolean
cow_network_loss (CowNetwork *self, const gint32 *labels, const float *class_weights,
                  float smoothing, gboolean with_backward, float factor, GError **error)
{
  CkStream *stream = self->stream;
  g_return_val_if_fail (self->n_kept > 0, FALSE);
  CowKeptPass *kept = &g_array_index (self->kept, CowKeptPass, self->n_kept - 1);
  const CkCrossEntropy op = { .batch = self->batch,
                              .classes = self->n_classes,
                              .logits = self->logits,
                              .labels = self->labels,
                              .class_weights = class_weights ? self->class_weights : NULL,
                              .smoothing = smoothing,
                              .factor = factor,
                              .loss = kept->loss,
                              .dlogits = self->dlogits };
  CkStatus status = ck_upload (stream, self->labels, labels, (gsize)self->batch * sizeof *labels);
  if (status == CK_OK && class_weights)
    status = ck_upload (stream, self->class_weights, class_weights,
                        self->n_classes * sizeof *class_weights);
  if (status == CK_OK)
    status = stream->training->cross_entropy (stream, &op);
  kept->has_loss = status == CK_OK;
  return cow_check (status, error, "the loss") && (!with_backward || backward (self, error));
}

gboolean
cow_network_loss_multiple (CowNetwork *self, const float *targets, const float *positive_weights,
                           gboolean with_backward, float factor, GError **error)
{
  CkStream *stream = self->stream;
  g_return_val_if_fail (self->n_kept > 0, FALSE);
  CowKeptPass *kept = &g_array_index (self->kept, CowKeptPass, self->n_kept - 1);
  const CkBinaryCrossEntropy op = { .batch = self->batch,
                                    .classes = self->n_classes,
                                    .logits = self->logits,
                                    .targets = self->targets,
                                    .positive_weights =
                                        positive_weights ? self->class_weights : NULL,
                                    .factor = factor,
                                    .loss = kept->loss,
                                    .dlogits = self->dlogits };
  CkStatus status = ck_upload (stream, self->targets, targets,
                               (gsize)self->batch * self->n_classes * sizeof *targets);
  if (status == CK_OK && positive_weights)
    status = ck_upload (stream, self->class_weights, positive_weights,
                        self->n_classes * sizeof *positive_weights);
  if (status == CK_OK)
    status = stream->training->binary_cross_entropy (stream, &op);
  kept->has_loss = status == CK_OK;
  return cow_check (status, error, "the loss") && (!with_backward || backward (self, error));
}

/* Copies what a pass left to the host. */
static CkStatus
read_pass (CowNetwork *self, CowKeptPass *kept, CowPass *pass)
{
  const gsize bytes = (gsize)kept->batch * self->n_classes * sizeof (float);
  if (self->boxes.head) {
    *pass = (CowPass){ .batch = kept->batch, .loss = kept->has_loss ? kept->host_loss : NAN };
    return CK_OK;
  }
  *pass = (CowPass){ .batch = kept->batch, .logits = kept->host_logits, .loss = NAN };
  CkStatus status = ck_download (self->stream, kept->host_logits, kept->logits, bytes);
  if (status == CK_OK && kept->has_loss)
    status = ck_download (self->stream, &pass->loss, kept->loss, sizeof pass->loss);
  return status;
}

static gboolean
read_norm (CowNetwork *self, double *norm, GError **error)
{
  if (!cow_parameters_norm (self->parameters, norm, error))
    return FALSE;
  if (isfinite (*norm))
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_DEVICE,
               "the gradient of step %" G_GINT64_FORMAT
               " is not finite: the learning rate %g may be too high for this network",
               self->settings.step, self->settings.learning_rate);
  return FALSE;
}

const CowPass *
cow_network_read (CowNetwork *self, guint *n, double *norm, GError **error)
{
  const gboolean stepped = self->stepped;
  CkStatus status = ck_synchronize (self->stream);
  double found = 0;
  g_array_set_size (self->passes, self->n_kept);
  for (guint i = 0; i < self->n_kept && status == CK_OK; i++)
    status = read_pass (self, &g_array_index (self->kept, CowKeptPass, i),
                        &g_array_index (self->passes, CowPass, i));
  *n = self->n_kept;
  self->n_kept = 0;
  self->stepped = FALSE;
  if (!cow_check (status, error, "the network") || (stepped && !read_norm (self, &found, error)))
    return NULL;
  if (norm)
    *norm = found;
  return (const CowPass *)(void *)self->passes->data;
}

gboolean
cow_network_refresh (CowNetwork *self, GError **error)
{
  return !self->backbone || self->backbone->klass->refresh (self->backbone, error);
}

static gboolean
finish (CowNetwork *self, GError **error)
{
  return !self->backbone || !self->backbone->klass->finish ||
         self->backbone->klass->finish (self->backbone, error);
}

gboolean
cow_network_step (CowNetwork *self, const CowAdamW *settings, double max_norm, GError **error)
{
  self->settings = *settings;
  self->stepped = TRUE;
  return finish (self, error) &&
         cow_parameters_step (self->parameters, settings, max_norm, error) &&
         cow_network_refresh (self, error);
}

gboolean
cow_network_show_mean (CowNetwork *self, gint64 n, GError **error)
{
  return cow_parameters_show_mean (self->parameters, n, error) && cow_network_refresh (self, error);
}

gboolean
cow_network_show_values (CowNetwork *self, GError **error)
{
  return cow_parameters_show_values (self->parameters, error) && cow_network_refresh (self, error);
}

gboolean
cow_network_save (CowNetwork *self, const char *folder, GError **error)
{
  if (!cow_folder_make (folder, error))
    return FALSE;
  return (!self->backbone || self->backbone->klass->write (self->backbone, folder, error)) &&
         (self->boxes.head ? cow_network_boxes_save (self, folder, error)
                           : cow_head_train_write (self->head, folder, error));
}
