/* SPDX-License-Identifier: MIT */
#include "model/training/network.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

#include "model/training/network-private.h"
#include "model/training/random.h"

void
cow_network_free (CowNetwork *self)
{
  if (!self)
    return;
  CkBackend *backend = self->backend;
  g_clear_pointer (&self->head, cow_head_train_free);
  g_clear_pointer (&self->vit, cow_vit_train_free);
  g_clear_pointer (&self->resnet, cow_resnet_train_free);
  g_clear_pointer (&self->adapter, cow_adapter_free);
  g_clear_pointer (&self->parameters, cow_parameters_free);
  g_clear_pointer (&self->checkpoint, cow_checkpoint_close);
  backend->free (backend, self->input);
  backend->free (backend, self->dlogits);
  g_free (self->host_logits);
  g_free (self);
}

const char *
cow_network_kind_name (CowNetworkKind kind)
{
  static const char *const names[] = {
    "lora", "dora", "frozen", "dinov3", "vit-small", "resnet18"
  };
  return names[kind];
}

CowParameters *
cow_network_parameters (CowNetwork *self)
{
  return self->parameters;
}

guint
cow_network_n_buffers (const CowNetwork *self)
{
  return self->resnet ? 1 : 0;
}

const char *
cow_network_buffer (CowNetwork *self, guint i, gsize *count, float **values, GError **error)
{
  g_return_val_if_fail (i < cow_network_n_buffers (self), NULL);
  *values = cow_resnet_train_running (self->resnet, count, error);
  return *values ? "running_statistics" : NULL;
}

/* Device memory for an input and its logits' gradient. */
static gboolean
ensure_buffers (CowNetwork *self, int batch, gsize input_bytes, GError **error)
{
  CkBackend *backend = self->backend;
  if (self->batch == batch && self->input_bytes == input_bytes)
    return TRUE;
  backend->free (backend, self->input);
  backend->free (backend, self->dlogits);
  g_free (self->host_logits);
  const gsize logits = (gsize)batch * self->n_classes;
  self->input = backend->alloc (backend, input_bytes);
  self->dlogits = backend->alloc (backend, logits * sizeof (float));
  self->host_logits = g_new (float, logits);
  self->batch = 0;
  if (!self->input || !self->dlogits)
    return cow_check (CK_NO_MEMORY, error, "a batch of %d pictures", batch);
  self->batch = batch;
  self->input_bytes = input_bytes;
  return TRUE;
}

/* The sides that the network takes; FALSE with an error where they don't fit. */
static gboolean
check_sides (const CowNetwork *self, int height, int width, GError **error)
{
  const int patch = self->config.patch_size, side = self->config.image_size;
  if (self->kind == COW_NETWORK_FROZEN || self->resnet)
    return TRUE;
  const gboolean fits =
      height >= patch && width >= patch && height % patch == 0 && width % patch == 0;
  if (fits && (!self->config.timm || (height == side && width == side)))
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT,
               "pictures of %d x %d (width x height): this network takes %s %d", width, height,
               self->config.timm ? "squares of" : "multiples of", self->config.timm ? side : patch);
  return FALSE;
}

static const float *
forward (CowNetwork *self, int batch, int height, int width, gboolean training, guint64 key,
         GError **error)
{
  const float *features = self->input;
  if (self->resnet)
    features =
        cow_resnet_train_forward (self->resnet, self->input, batch, height, width, training, error);
  else if (self->vit)
    features =
        cow_vit_train_forward (self->vit, self->input, batch, height, width, training, key, error);
  return features ? cow_head_train_forward (self->head, features, batch, training,
                                            cow_random_key (key, G_MAXUINT64 - 1), error)
                  : NULL;
}

const float *
cow_network_forward (CowNetwork *self, const float *pixels, int batch, int height, int width,
                     gboolean training, guint64 key, GError **error)
{
  gsize bytes;
  const gsize picture =
      self->kind == COW_NETWORK_FROZEN ? (gsize)self->features : 3 * (gsize)height * (gsize)width;
  if (!check_sides (self, height, width, error))
    return NULL;
  if (batch < 1 || !g_size_checked_mul (&bytes, picture * sizeof (float), (gsize)batch)) {
    cow_check (CK_BAD_SHAPE, error, "a batch of %d pictures", batch);
    return NULL;
  }
  if (!ensure_buffers (self, batch, bytes, error) ||
      !cow_check (self->backend->upload (self->backend, self->input, pixels, bytes), error,
                  "uploading pictures"))
    return NULL;
  self->logits = forward (self, batch, height, width, training, key, error);
  if (!self->logits ||
      !cow_check (self->backend->download (self->backend, self->host_logits, self->logits,
                                           (gsize)batch * self->n_classes * sizeof (float)),
                  error, "downloading logits"))
    return NULL;
  return self->host_logits;
}

static gboolean
backward (CowNetwork *self, GError **error)
{
  const float *dfeatures;
  return cow_head_train_backward (self->head, self->dlogits, self->vit || self->resnet, &dfeatures,
                                  error) &&
         (!self->vit || cow_vit_train_backward (self->vit, dfeatures, error)) &&
         (!self->resnet || cow_resnet_train_backward (self->resnet, dfeatures, error));
}

gboolean
cow_network_loss (CowNetwork *self, const gint32 *labels, const float *class_weights,
                  float smoothing, gboolean with_backward, float factor, double *loss,
                  GError **error)
{
  const CkStatus status = self->backend->training->cross_entropy (
      self->backend, self->batch, self->n_classes, self->logits, labels, class_weights, smoothing,
      factor, loss, self->dlogits);
  return cow_check (status, error, "the loss") && (!with_backward || backward (self, error));
}

gboolean
cow_network_refresh (CowNetwork *self, GError **error)
{
  return (!self->vit || cow_vit_train_refresh (self->vit, error)) &&
         (!self->resnet || cow_resnet_train_refresh (self->resnet, error));
}

gboolean
cow_network_step (CowNetwork *self, const CkAdamW *settings, double max_norm, double *norm,
                  GError **error)
{
  return (!self->vit || cow_vit_train_finish (self->vit, error)) &&
         cow_parameters_step (self->parameters, settings, max_norm, norm, error) &&
         cow_parameters_clear_gradients (self->parameters, error) &&
         (!self->vit || cow_vit_train_refresh (self->vit, error));
}

gboolean
cow_network_save (CowNetwork *self, const char *folder, GError **error)
{
  if (g_mkdir_with_parents (folder, 0777) != 0) {
    g_set_error (error, COW_ERROR, COW_ERROR_IO, "%s: no such folder can be made: %s", folder,
                 g_strerror (errno));
    return FALSE;
  }
  if (self->adapter && (!cow_vit_train_read (self->vit, self->adapter, error) ||
                        !cow_adapter_write (self->adapter, folder, error)))
    return FALSE;
  if ((self->resnet && !cow_resnet_train_write (self->resnet, folder, error)) ||
      (self->vit && !self->adapter && !cow_vit_train_write (self->vit, folder, error)))
    return FALSE;
  return cow_head_train_write (self->head, folder, error);
}
