/* SPDX-License-Identifier: MIT */
#include "model/network/classifier.h"

#include <string.h>

#include "model/network/classifier-private.h"

CowClassifier *
cow_classifier_new (const CowClassifierOptions *options, GError **error)
{
  g_autoptr (CowClassifier) self = g_new0 (CowClassifier, 1);
  return cow_classifier_load (self, options, error) ? g_steal_pointer (&self) : NULL;
}

/* ---- running --------------------------------------------------------------------------------- */

static void
clear_buffers (CowClassifier *self)
{
  CkBackend *backend = self->backend;
  float **device[] = { &self->pixels, &self->features, &self->hidden[0], &self->hidden[1] };
  float **host[] = { &self->last_hidden_state, &self->pooler_output, &self->logits,
                     &self->probabilities };
  for (guint i = 0; i < G_N_ELEMENTS (device); i++) {
    backend->free (backend, *device[i]);
    *device[i] = NULL;
  }
  for (guint i = 0; i < G_N_ELEMENTS (host); i++)
    g_clear_pointer (host[i], g_free);
  self->batch = 0;
}

/* The widest layer of the head, in floats. */
static gsize
head_width (const CowHead *head)
{
  gint64 width = 0;
  for (guint i = 0; i < head->n_layers; i++)
    width = MAX (width, head->layers[i].out);
  return (gsize)width;
}

static gboolean
ensure_buffers (CowClassifier *self, int batch, gint64 n_tokens, gsize pixel_bytes)
{
  if (self->batch == batch && self->n_tokens == n_tokens && self->pixel_bytes == pixel_bytes)
    return TRUE;
  clear_buffers (self);
  CkBackend *backend = self->backend;
  const gsize hidden = (gsize)cow_classifier_n_features (self), n = (gsize)batch;
  self->pixels = backend->alloc (backend, pixel_bytes);
  self->features = backend->alloc (backend, n * hidden * sizeof (float));
  self->pooler_output = g_try_new (float, n *hidden);
  if (n_tokens > 0)
    self->last_hidden_state = g_try_new (float, n *(gsize)n_tokens *hidden);
  gboolean complete = self->pixels && self->features && self->pooler_output &&
                      (self->last_hidden_state || n_tokens == 0);
  if (complete && self->head) {
    const gsize classes = cow_classifier_n_classes (self);
    for (int i = 0; i < 2; i++)
      self->hidden[i] = backend->alloc (backend, n * head_width (self->head) * sizeof (float));
    self->logits = g_try_new (float, n *classes);
    self->probabilities = g_try_new (float, n *classes);
    complete = self->hidden[0] && self->hidden[1] && self->logits && self->probabilities;
  }
  if (!complete) {
    clear_buffers (self);
    return FALSE;
  }
  self->batch = batch;
  self->n_tokens = n_tokens;
  self->pixel_bytes = pixel_bytes;
  return TRUE;
}

static CkStatus
run_head (CowClassifier *self, int batch)
{
  CkBackend *backend = self->backend;
  const gsize hidden = (gsize)cow_classifier_n_features (self);
  const guint n_classes = cow_classifier_n_classes (self);
  CkStatus status = backend->upload (backend, self->features, self->pooler_output,
                                     (gsize)batch * hidden * sizeof (float));
  const float *x = self->features;
  if (status == CK_OK && self->head_norm[0]) {
    const CkNorm norm = { self->head_norm[0], self->head_norm[1],
                          1e-5f }; /* torch's default epsilon */
    status = backend->norm (backend, &norm, batch, (int64_t)hidden, self->features, self->features);
  }
  for (guint i = 0; i < self->head->n_layers && status == CK_OK; i++) {
    const gboolean last = i + 1 == self->head->n_layers;
    CkLinear layer = { .weight = self->head_weight[i],
                       .bias = self->head_bias[i],
                       .activation = last ? CK_IDENTITY : self->head->activation };
    CkInput input = { CK_F32, x };
    status = backend->linear (backend, &layer, batch, &input, self->hidden[i % 2]);
    x = self->hidden[i % 2];
  }
  if (status == CK_OK)
    status =
        backend->download (backend, self->logits, x, (gsize)batch * n_classes * sizeof (float));
  for (int i = 0; i < batch && status == CK_OK; i++)
    cow_softmax (self->logits + (gsize)i * n_classes, n_classes, self->card->temperature,
                 self->probabilities + (gsize)i * n_classes);
  return status;
}

/* The network's features of self->pixels, to self->pooler_output and, of a vision transformer,
 * self->last_hidden_state. */
static gboolean
run_network (CowClassifier *self, int batch, int height, int width, GError **error)
{
  CkBackend *backend = self->backend;
  const gsize hidden = (gsize)cow_classifier_n_features (self), n = (gsize)batch,
              picture = (gsize)self->n_tokens * hidden;
  if (self->is_resnet) {
    const float *features =
        cow_resnet_forward (self->resnet, self->pixels, batch, height, width, error);
    return features && cow_check (backend->download (backend, self->pooler_output, features,
                                                     n * hidden * sizeof (float)),
                                  error, "downloading features");
  }
  const float *state = cow_vit_forward (self->vit, self->pixels, batch, height, width, error);
  if (!state || !cow_check (backend->download (backend, self->last_hidden_state, state,
                                               n * picture * sizeof (float)),
                            error, "downloading features"))
    return FALSE;
  for (gsize i = 0; i < n; i++)
    memcpy (self->pooler_output + i * hidden, self->last_hidden_state + i * picture,
            hidden * sizeof (float));
  return TRUE;
}

gboolean
cow_classifier_run (CowClassifier *self, const float *pixels, int batch, int height, int width,
                    CowOutput *output, GError **error)
{
  gsize area, bytes;
  if (batch < 1 || height < 1 || width < 1 ||
      !g_size_checked_mul (&area, (gsize)height * 3 * sizeof (float), (gsize)width) ||
      !g_size_checked_mul (&bytes, area, (gsize)batch))
    return cow_check (CK_BAD_SHAPE, error, "%d pictures of %d x %d", batch, width, height);
  const gint64 n_tokens = cow_classifier_n_tokens (self, height, width);
  if (!ensure_buffers (self, batch, n_tokens, bytes))
    return cow_check (CK_NO_MEMORY, error, "a batch of %d pictures of %d x %d", batch, width,
                      height);
  if (!cow_check (self->backend->upload (self->backend, self->pixels, pixels, bytes), error,
                  "uploading pixels") ||
      !run_network (self, batch, height, width, error))
    return FALSE;
  if (self->head && !cow_check (run_head (self, batch), error, "the classifier head"))
    return FALSE;
  self->results[0].data = self->logits;
  self->results[1].data = self->probabilities;
  *output = (CowOutput){ n_tokens, self->last_hidden_state, self->pooler_output, self->logits,
                         self->probabilities };
  return TRUE;
}

void
cow_classifier_free (CowClassifier *self)
{
  if (!self)
    return;
  CkBackend *backend = self->backend;
  if (backend) {
    clear_buffers (self);
    backend->free (backend, self->head_norm[0]);
    backend->free (backend, self->head_norm[1]);
    for (guint i = 0; self->head_weight && i < self->head->n_layers; i++) {
      backend->weight_free (backend, self->head_weight[i]);
      backend->free (backend, self->head_bias[i]);
    }
  }
  g_clear_pointer (&self->vit, cow_vit_free);
  g_clear_pointer (&self->resnet, cow_resnet_free);
  g_clear_pointer (&self->head, cow_head_free);
  g_clear_pointer (&self->card, cow_card_free);
  g_clear_pointer (&self->checkpoint, cow_checkpoint_close);
  ck_backend_close (backend);
  g_free (self->head_weight);
  g_free (self->head_bias);
  g_free (self->model_path);
  g_free (self->adapter_path);
  g_free (self->device_text);
  g_free (self);
}

const CowResult *
cow_classifier_results (const CowClassifier *self, guint *n)
{
  *n = self->head ? G_N_ELEMENTS (self->results) : 0;
  return self->results;
}

/* ---- what it is ------------------------------------------------------------------------------ */

CkBackend *
cow_classifier_backend (const CowClassifier *self)
{
  return self->backend;
}

const CowVitConfig *
cow_classifier_config (const CowClassifier *self)
{
  return self->is_resnet ? NULL : &self->config;
}

gint64
cow_classifier_n_features (const CowClassifier *self)
{
  return self->is_resnet ? COW_RESNET_FEATURES : self->config.hidden_size;
}

gint64
cow_classifier_n_tokens (const CowClassifier *self, int height, int width)
{
  return self->is_resnet ? 0 : cow_vit_n_tokens (self->vit, height, width);
}

gboolean
cow_classifier_check_size (const CowClassifier *self, const char *where, int width, int height,
                           GError **error)
{
  CowResnetShape shape;
  if (self->is_resnet && cow_resnet_shape (&shape, 1, height, width, error))
    return TRUE;
  if (self->is_resnet) {
    g_prefix_error (error, "%s: ", where);
    return FALSE;
  }
  const CowVitConfig *config = &self->config;
  const int patch = config->patch_size, side = config->image_size;
  if (width > 0 && height > 0 && width % patch == 0 && height % patch == 0 &&
      (!config->timm || (width == side && height == side)))
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_MISMATCH,
               "%s: pictures of %d x %d (width x height), but %s needs %s %d", where, width, height,
               self->model_path, config->timm ? "squares of" : "multiples of",
               config->timm ? side : patch);
  return FALSE;
}

const CowPreprocess *
cow_classifier_preprocess (const CowClassifier *self)
{
  return &self->card->preprocess;
}

const CowCard *
cow_classifier_card (const CowClassifier *self)
{
  return self->card;
}

const char *const *
cow_classifier_classes (const CowClassifier *self)
{
  return (const char *const *)self->card->classes;
}

guint
cow_classifier_n_classes (const CowClassifier *self)
{
  return self->head ? cow_card_n_classes (self->card) : 0;
}

gboolean
cow_classifier_has_head (const CowClassifier *self)
{
  return self->head != NULL;
}

const char *
cow_classifier_model_path (const CowClassifier *self)
{
  return self->model_path;
}

const char *
cow_classifier_adapter_path (const CowClassifier *self)
{
  return self->adapter_path;
}

const char *
cow_classifier_device_text (const CowClassifier *self)
{
  return self->device_text;
}

CowPrecision
cow_classifier_precision (const CowClassifier *self)
{
  return self->precision;
}
