/* SPDX-License-Identifier: MIT */
#include "model/classifier.h"

#include <string.h>

#include "model/head.h"
#include "model/linear.h"
#include "model/locate.h"
#include "model/vit.h"

struct _CowClassifier {
  char *model_path, *adapter_path;
  char *device_text;
  CkBackend *backend;
  CowCheckpoint *checkpoint; /* open as long as vit computes from it */
  CowCard *card;
  CowVit *vit;

  CowHead *head;          /* NULL without one */
  CkWeight **head_weight; /* [head->n_layers] */
  float **head_bias;      /* [head->n_layers], device memory */
  float *head_norm[2];    /* weight and bias of the head's layer norm, device memory, or NULL */

  /* What the last run gave, and the device memory that it needed; grown as batches come. */
  int batch;
  gint64 n_tokens;
  float *pixels; /* device: [batch, 3, height, width] */
  gsize pixel_bytes;
  float *features;                                                   /* device: [batch, hidden], class tokens gathered */
  float *hidden[2];                                                  /* device: [batch, widest head layer], in turn */
  float *last_hidden_state, *pooler_output, *logits, *probabilities; /* host */
};

/* ---- loading ---- */

static gboolean
open_backend (CowClassifier *self, const char *device, GError **error)
{
  if (device && !g_str_equal (device, "auto") && !g_str_equal (device, "cpu")) {
    g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT, "device \"%s\" is unknown; this build offers: auto, cpu", device);
    return FALSE;
  }
  CkStatus status = ck_cpu_open (NULL, 0, &self->backend);
  if (status == CK_UNSUPPORTED) {
    g_autofree char *levels = g_strjoinv (", ", (char **)ck_cpu_levels ());
    g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT, "COWBEHAVIOR_CPU=\"%s\": this processor offers: auto, %s",
                 g_getenv ("COWBEHAVIOR_CPU") ? g_getenv ("COWBEHAVIOR_CPU") : "", levels);
    return FALSE;
  }
  if (!cow_check (status, error, "opening the CPU backend"))
    return FALSE;
  self->device_text = g_strdup_printf ("%s (%s)", self->backend->name, self->backend->level);
  return TRUE;
}

static gboolean
upload_norm (CowClassifier *self, GError **error)
{
  CkBackend *backend = self->backend;
  const float *const host[] = { self->head->norm_weight, self->head->norm_bias };
  const gsize bytes = (gsize)self->head->layers[0].in * sizeof (float);
  for (int i = 0; i < 2 && self->head->norm_weight; i++) {
    self->head_norm[i] = backend->alloc (backend, bytes);
    if (!cow_check (self->head_norm[i] ? backend->upload (backend, self->head_norm[i], host[i], bytes) : CK_NO_MEMORY, error,
                    "%s: the layer norm of the head", self->head->path))
      return FALSE;
  }
  return TRUE;
}

/* Puts the head's layers on the backend. */
static gboolean
upload_head (CowClassifier *self, GError **error)
{
  CkBackend *backend = self->backend;
  if (!upload_norm (self, error))
    return FALSE;
  self->head_weight = g_new0 (CkWeight *, self->head->n_layers);
  self->head_bias = g_new0 (float *, self->head->n_layers);
  for (guint i = 0; i < self->head->n_layers; i++) {
    const CowHeadLayer *layer = &self->head->layers[i];
    CkWeightSource source = { .type = CK_F32, .out = layer->out, .in = layer->in, .data = layer->weight };
    const gsize bytes = (gsize)layer->out * sizeof (float);
    CkStatus status = backend->weight_new (backend, &source, &self->head_weight[i]);
    if (status == CK_OK && !(self->head_bias[i] = backend->alloc (backend, bytes)))
      status = CK_NO_MEMORY;
    if (status == CK_OK)
      status = backend->upload (backend, self->head_bias[i], layer->bias, bytes);
    if (!cow_check (status, error, "%s: layer %u of the head", self->head->path, i))
      return FALSE;
  }
  return TRUE;
}

/* The adapter, which is absent in a folder that holds a head alone (frozen backbone). NULL without error when absent. */
static gboolean
read_adapter (CowClassifier *self, const CowVitConfig *config, CowAdapter **adapter, GError **error)
{
  *adapter = NULL;
  gboolean expected = g_str_equal (self->card->kind, "lora") || g_str_equal (self->card->kind, "dora");
  if (!cow_adapter_present (self->adapter_path) && !expected)
    return TRUE;
  *adapter = cow_adapter_read (self->adapter_path, config, error);
  return *adapter != NULL;
}

/* The head: an adapter without one gives features only; a folder with neither is an error. */
static gboolean
read_head (CowClassifier *self, const CowVitConfig *config, gboolean card_found, gboolean has_adapter, GError **error)
{
  GError *local = NULL;
  self->head = cow_head_read (self->adapter_path, config->hidden_size, cow_card_n_classes (self->card), &local);
  if (self->head)
    return upload_head (self, error);
  if (has_adapter && !card_found && g_error_matches (local, COW_ERROR, COW_ERROR_NOT_FOUND)) {
    g_clear_error (&local);
    return TRUE;
  }
  g_propagate_error (error, local);
  return FALSE;
}

static gboolean
check_preprocess (const CowClassifier *self, const CowVitConfig *config, GError **error)
{
  const CowPreprocess *preprocess = &self->card->preprocess;
  if (config->n_channels != 3) {
    g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED, "%s: a network for pictures of %d channels; only 3 (RGB) are supported",
                 self->model_path, config->n_channels);
    return FALSE;
  }
  if (preprocess->width % config->patch_size == 0 && preprocess->height % config->patch_size == 0)
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_MISMATCH, "%s: pictures of %d x %d (width x height), but %s needs multiples of %d",
               self->adapter_path, preprocess->width, preprocess->height, self->model_path, config->patch_size);
  return FALSE;
}

static gboolean
load (CowClassifier *self, const CowClassifierOptions *options, GError **error)
{
  CowVitConfig config;
  g_autoptr (CowAdapter) adapter = NULL;
  gboolean card_found = FALSE;
  if (!open_backend (self, options->device, error))
    return FALSE;
  self->model_path = cow_locate (options->model, error);
  if (!self->model_path)
    return FALSE;
  self->checkpoint = cow_checkpoint_open (self->model_path, error);
  if (!self->checkpoint || !cow_vit_config_for (self->model_path, self->checkpoint, &config, error))
    return FALSE;
  if (options->adapter) {
    self->adapter_path = cow_locate (options->adapter, error);
    if (!self->adapter_path || !(self->card = cow_card_read (self->adapter_path, &card_found, error)))
      return FALSE;
    if (!check_preprocess (self, &config, error) || !read_adapter (self, &config, &adapter, error) ||
        !read_head (self, &config, card_found, adapter != NULL, error))
      return FALSE;
  } else {
    self->card = cow_card_new_default ();
  }
  self->vit = cow_vit_new (self->backend, &config, self->checkpoint, adapter, error);
  return self->vit != NULL;
}

CowClassifier *
cow_classifier_new (const CowClassifierOptions *options, GError **error)
{
  g_autoptr (CowClassifier) self = g_new0 (CowClassifier, 1);
  return load (self, options, error) ? g_steal_pointer (&self) : NULL;
}

/* ---- running ---- */

static void
clear_buffers (CowClassifier *self)
{
  CkBackend *backend = self->backend;
  float **device[] = { &self->pixels, &self->features, &self->hidden[0], &self->hidden[1] };
  float **host[] = { &self->last_hidden_state, &self->pooler_output, &self->logits, &self->probabilities };
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
  const gsize hidden = (gsize)cow_vit_config (self->vit)->hidden_size, n = (gsize)batch;
  self->pixels = backend->alloc (backend, pixel_bytes);
  self->features = backend->alloc (backend, n * hidden * sizeof (float));
  self->pooler_output = g_try_new (float, n *hidden);
  self->last_hidden_state = g_try_new (float, n *(gsize)n_tokens *hidden);
  gboolean complete = self->pixels && self->features && self->pooler_output && self->last_hidden_state;
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
  const gsize hidden = (gsize)cow_vit_config (self->vit)->hidden_size;
  const guint n_classes = cow_classifier_n_classes (self);
  CkStatus status = backend->upload (backend, self->features, self->pooler_output, (gsize)batch * hidden * sizeof (float));
  const float *x = self->features;
  if (status == CK_OK && self->head_norm[0]) {
    const CkNorm norm = { self->head_norm[0], self->head_norm[1], 1e-5f }; /* torch's default epsilon */
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
    status = backend->download (backend, self->logits, x, (gsize)batch * n_classes * sizeof (float));
  for (int i = 0; i < batch && status == CK_OK; i++)
    cow_softmax (self->logits + (gsize)i * n_classes, n_classes, self->card->temperature, self->probabilities + (gsize)i * n_classes);
  return status;
}

gboolean
cow_classifier_run (CowClassifier *self, const float *pixels, int batch, int height, int width, CowOutput *output, GError **error)
{
  const gsize hidden = (gsize)cow_vit_config (self->vit)->hidden_size;
  gsize area, bytes;
  if (batch < 1 || height < 1 || width < 1 || !g_size_checked_mul (&area, (gsize)height * 3 * sizeof (float), (gsize)width) ||
      !g_size_checked_mul (&bytes, area, (gsize)batch))
    return cow_check (CK_BAD_SHAPE, error, "%d pictures of %d x %d", batch, width, height);
  const gint64 n_tokens = cow_vit_n_tokens (self->vit, height, width);
  if (!ensure_buffers (self, batch, n_tokens, bytes))
    return cow_check (CK_NO_MEMORY, error, "a batch of %d pictures of %d x %d", batch, width, height);
  if (!cow_check (self->backend->upload (self->backend, self->pixels, pixels, bytes), error, "uploading pixels"))
    return FALSE;
  const float *state = cow_vit_forward (self->vit, self->pixels, batch, height, width, error);
  if (!state)
    return FALSE;
  const gsize picture = (gsize)n_tokens * hidden;
  if (!cow_check (self->backend->download (self->backend, self->last_hidden_state, state, (gsize)batch * picture * sizeof (float)), error,
                  "downloading features"))
    return FALSE;
  for (int i = 0; i < batch; i++)
    memcpy (self->pooler_output + (gsize)i * hidden, self->last_hidden_state + (gsize)i * picture, hidden * sizeof (float));
  if (self->head && !cow_check (run_head (self, batch), error, "the classifier head"))
    return FALSE;
  *output = (CowOutput){ n_tokens, self->last_hidden_state, self->pooler_output, self->logits, self->probabilities };
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

/* ---- what it is ---- */

CkBackend *
cow_classifier_backend (const CowClassifier *self)
{
  return self->backend;
}

const CowVitConfig *
cow_classifier_config (const CowClassifier *self)
{
  return cow_vit_config (self->vit);
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

static const char *const precision_names[] = { [COW_PRECISION_AUTO] = "auto", [COW_PRECISION_FP32] = "fp32" };

const char *
cow_precision_name (CowPrecision precision)
{
  return precision_names[precision];
}

gboolean
cow_precision_parse (const char *name, CowPrecision *precision)
{
  for (guint i = 0; i < G_N_ELEMENTS (precision_names); i++)
    if (g_str_equal (name, precision_names[i])) {
      *precision = (CowPrecision)i;
      return TRUE;
    }
  return FALSE;
}
