/* SPDX-License-Identifier: MIT */
#include "model/network/head-classifier.h"

#include "model/network/buffer.h"

#define NORM_EPSILON 1e-5f /* torch's default */

enum { LOGITS, PROBABILITIES, N_RESULTS };

typedef struct {
  CowHead parent;
  CowHeadWeights *weights; /* as read */
  double temperature;
  gboolean multiple; /* the card's */
  /* Device memory */
  CkWeight **layers;         /* [n_layers] */
  float **biases;            /* [n_layers] */
  float *norm[2];            /* weight and bias of the layer norm, or NULL */
  CowBuffer normed;          /* [batch, n_features], with a norm */
  CowBuffer hidden[2];       /* [batch, widest layer], in turn */
  int room;                  /* pictures that there is room for in: */
  float *results[N_RESULTS]; /* host: [batch, n_classes] */
} ClassifierHead;

/* ---- loading --------------------------------------------------------------------------------- */

static gboolean
upload (ClassifierHead *self, float **device, const float *host, gint64 n, const char *what,
        GError **error)
{
  CkStream *stream = self->parent.stream;
  const gsize bytes = (gsize)n * sizeof (float);
  *device = ck_alloc (stream, bytes);
  return cow_check (*device ? ck_upload (stream, *device, host, bytes) : CK_NO_MEMORY, error,
                    "%s: %s", self->weights->path, what);
}

static gboolean
load_norm (ClassifierHead *self, GError **error)
{
  const CowHeadWeights *weights = self->weights;
  const gint64 n = weights->layers[0].in;
  return !weights->norm_weight ||
         (upload (self, &self->norm[0], weights->norm_weight, n, "its layer norm", error) &&
          upload (self, &self->norm[1], weights->norm_bias, n, "its layer norm", error));
}

static gboolean
load (ClassifierHead *self, GError **error)
{
  CkStream *stream = self->parent.stream;
  self->layers = g_new0 (CkWeight *, self->weights->n_layers);
  self->biases = g_new0 (float *, self->weights->n_layers);
  for (guint i = 0; i < self->weights->n_layers; i++) {
    const CowHeadLayer *layer = &self->weights->layers[i];
    const CkWeightSource source = {
      .type = CK_F32, .out = layer->out, .in = layer->in, .host_data = layer->weight
    };
    if (!cow_check (ck_weight_new (stream->device, &source, CK_USE_FORWARD, &self->layers[i]),
                    error, "%s: its layer %u", self->weights->path, i) ||
        !upload (self, &self->biases[i], layer->bias, layer->out, "a bias", error))
      return FALSE;
  }
  return load_norm (self, error);
}

static void
clear_buffers (ClassifierHead *self)
{
  CkStream *stream = self->parent.stream;
  cow_buffer_clear (&self->normed, stream);
  for (int i = 0; i < 2; i++)
    cow_buffer_clear (&self->hidden[i], stream);
  for (guint i = 0; i < N_RESULTS; i++) {
    g_clear_pointer (&self->results[i], g_free);
    self->parent.results[i].data = NULL;
  }
  self->room = 0;
}

static void
head_free (CowHead *parent)
{
  ClassifierHead *self = (ClassifierHead *)parent;
  CkStream *stream = parent->stream;
  clear_buffers (self);
  ck_synchronize (stream); /* before the weights go */
  for (guint i = 0; self->layers && i < self->weights->n_layers; i++) {
    ck_weight_free (stream->device, self->layers[i]);
    ck_free (stream, self->biases[i]);
  }
  ck_free (stream, self->norm[0]);
  ck_free (stream, self->norm[1]);
  cow_head_weights_free (self->weights);
  g_free (self->layers);
  g_free (self->biases);
  g_free (self);
}

CowHead *
cow_head_classifier_new (CkStream *stream, CowHeadWeights *weights, GError **error)
{
  const gsize n_classes = (gsize)cow_head_weights_n_outputs (weights);
  ClassifierHead *self = g_new0 (ClassifierHead, 1);
  self->parent =
      (CowHead){ .klass = &cow_head_classifier_class,
                 .stream = stream,
                 .n_results = N_RESULTS,
                 .results = { [LOGITS] = { COW_RESULT_LOGITS, n_classes, NULL },
                              [PROBABILITIES] = { COW_RESULT_PROBABILITIES, n_classes, NULL } } };
  self->weights = weights;
  self->temperature = 1;
  self->multiple = TRUE;
  if (load (self, error))
    return &self->parent;
  head_free (&self->parent);
  return NULL;
}

static CowHead *
head_open (CkStream *stream, const char *folder, gint64 n_features, const CowCard *card,
           GError **error)
{
  const guint n_classes = g_strv_length ((char **)cow_card_told (card));
  CowHeadWeights *weights = cow_head_weights_read (folder, n_features, n_classes, error);
  CowHead *head = weights ? cow_head_classifier_new (stream, weights, error) : NULL;
  if (head) {
    ClassifierHead *self = (ClassifierHead *)head;
    self->temperature = card->temperature;
    self->multiple = card->multiple;
  }
  return head;
}

/* ---- running --------------------------------------------------------------------------------- */

/* The widest layer, in floats. */
static gsize
widest (const CowHeadWeights *weights)
{
  gint64 width = 0;
  for (guint i = 0; i < weights->n_layers; i++)
    width = MAX (width, weights->layers[i].out);
  return (gsize)width;
}

static gboolean
ensure_buffers (ClassifierHead *self, int batch, GError **error)
{
  CkStream *stream = self->parent.stream;
  const gsize n = (gsize)batch, wide = n * widest (self->weights) * sizeof (float);
  gboolean complete = TRUE;
  if (batch <= self->room)
    return TRUE;
  clear_buffers (self);
  if (self->norm[0])
    complete = cow_buffer_reserve (&self->normed, stream,
                                   n * (gsize)self->weights->layers[0].in * sizeof (float));
  for (int i = 0; i < 2; i++)
    complete &= cow_buffer_reserve (&self->hidden[i], stream, wide);
  for (guint r = 0; r < N_RESULTS; r++) {
    self->results[r] = g_try_new (float, n * self->parent.results[r].n);
    complete &= self->results[r] != NULL;
    self->parent.results[r].data = self->results[r];
  }
  if (complete) {
    self->room = batch;
    return TRUE;
  }
  clear_buffers (self);
  return cow_check (CK_NO_MEMORY, error, "the head's results of %d pictures", batch);
}

/* features -> *logits [batch, n_classes], both device memory. */
static CkStatus
compute_logits (ClassifierHead *self, const float *features, int batch, const float **logits)
{
  CkStream *stream = self->parent.stream;
  const CowHeadWeights *weights = self->weights;
  CkStatus status = CK_OK;
  const float *x = features;
  if (self->norm[0]) {
    const CkNorm op = { .weight = self->norm[0],
                        .bias = self->norm[1],
                        .epsilon = NORM_EPSILON,
                        .rows = batch,
                        .cols = weights->layers[0].in,
                        .x = features,
                        .y = ck_f32 (self->normed.data) };
    status = stream->operations->norm (stream, &op);
    x = self->normed.data;
  }
  for (guint i = 0; i < weights->n_layers && status == CK_OK; i++) {
    const gboolean last = i + 1 == weights->n_layers;
    const CkLinear op = { .weight = self->layers[i],
                          .bias = self->biases[i],
                          .activation = last ? CK_IDENTITY : weights->activation,
                          .rows = batch,
                          .x = ck_f32 (x),
                          .y = ck_f32 (self->hidden[i % 2].data) };
    status = stream->operations->linear (stream, &op);
    x = self->hidden[i % 2].data;
  }
  *logits = x;
  return status;
}

static gboolean
run (CowHead *parent, const float *features, int batch, GError **error)
{
  ClassifierHead *self = (ClassifierHead *)parent;
  CkStream *stream = parent->stream;
  const guint n_classes = (guint)parent->results[LOGITS].n;
  const float *logits;
  if (!ensure_buffers (self, batch, error) ||
      !cow_check (compute_logits (self, features, batch, &logits), error, "the classifier head") ||
      !cow_check (ck_download (stream, self->results[LOGITS], logits,
                               (gsize)batch * n_classes * sizeof (float)),
                  error, "downloading logits"))
    return FALSE;
  for (int i = 0; i < batch; i++)
    (self->multiple ? cow_sigmoid : cow_softmax) (
        self->results[LOGITS] + (gsize)i * n_classes, n_classes, self->temperature,
        self->results[PROBABILITIES] + (gsize)i * n_classes);
  return TRUE;
}

const CowHeadClass cow_head_classifier_class = { .open = head_open, .run = run, .free = head_free };
