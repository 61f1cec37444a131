/* SPDX-License-Identifier: MIT */
#include "model/training/head-train.h"

#include <math.h>
#include <string.h>

#include "model/files/floats.h"
#include "model/training/random.h"
#include "model/files/safetensors.h"
#include "model/training/train-linear.h"

#define MAX_LAYERS   8
#define NORM_EPSILON 1e-5f

struct _CowHeadTrain {
  CkStream *stream;
  CowParameters *parameters;
  CowHeadStyle style;
  float dropout;
  guint first, n_parameters; /* the head's tensors among the parameters */
  int norm_weight, norm_bias;
  guint n;
  CowTrainLinear layer[MAX_LAYERS];

  int batch;
  gboolean training;
  guint64 *keys;  /* device [1 + n]: of the dropout before the first layer and after each */
  const float *x; /* [batch, features], the caller's */
  float *front;   /* [batch, features] after what comes before the first layer: norm, dropout */
  float *y[MAX_LAYERS];  /* [batch, out] of each layer */
  float *a[MAX_LAYERS];  /* [batch, out] after activation and dropout; the last has none */
  float *dy[MAX_LAYERS]; /* gradients of y */
  float *dx, *dfront;    /* [batch, features] */
};

static gboolean
has_norm (const CowHeadTrain *self)
{
  return self->style == COW_HEAD_NORMED;
}

/* Whether the first layer reads something else than the features: what a norm or a dropout made of
 * them. */
static gboolean
has_front (const CowHeadTrain *self)
{
  return self->style != COW_HEAD_TAPERED;
}

static void
add_linear (CowHeadTrain *self, guint number, gint64 out, gint64 in)
{
  const gint64 weight_dims[] = { out, in }, bias_dims[] = { out };
  g_autofree char *weight = g_strdup_printf ("%u.weight", number),
                  *bias = g_strdup_printf ("%u.bias", number);
  const int w = (int)cow_parameters_add (self->parameters, weight, 2, weight_dims);
  const int b = (int)cow_parameters_add (self->parameters, bias, 1, bias_dims);
  cow_train_linear_init_dense (&self->layer[self->n++], self->parameters, out, in, w, 0, b, 0,
                               COW_PRECISION_FP32);
}

/* The first linear layer's number in torch.nn.Sequential, behind a norm and a dropout. */
static guint
first_number (CowHeadStyle style)
{
  return style == COW_HEAD_NORMED ? 2 : style == COW_HEAD_HALVED ? 1 : 0;
}

CowHeadTrain *
cow_head_train_new (CowParameters *parameters, gint64 features, guint n_classes, CowHeadStyle style,
                    float dropout, const CowHeadWeights *like)
{
  CowHeadTrain *self = g_new0 (CowHeadTrain, 1);
  self->stream = parameters->stream;
  self->parameters = parameters;
  self->style = !like ? style : like->norm_weight ? COW_HEAD_NORMED : COW_HEAD_TAPERED;
  self->dropout = dropout;
  self->first = parameters->list->len;
  if (has_norm (self)) {
    self->norm_weight = (int)cow_parameters_add (parameters, "0.weight", 1, &features);
    self->norm_bias = (int)cow_parameters_add (parameters, "0.bias", 1, &features);
  }
  if (like) {
    for (guint i = 0; i < MIN (like->n_layers, MAX_LAYERS); i++)
      add_linear (self, first_number (self->style) + 3 * i, like->layers[i].out,
                  like->layers[i].in);
  } else {
    gint64 widths[COW_HEAD_MAX_STYLED + 1];
    const guint n = cow_head_style_widths (style, features, n_classes, widths);
    for (guint i = 0; i < n; i++)
      add_linear (self, first_number (style) + 3 * i, widths[i + 1], widths[i]);
  }
  self->n_parameters = parameters->list->len - self->first;
  return self;
}

/* The random numbers of a pass in training: a key for each dropout. */
static CkStatus
put_keys (CowHeadTrain *self, guint64 key)
{
  guint64 keys[1 + MAX_LAYERS];
  for (guint i = 0; i <= self->n; i++)
    keys[i] = cow_random_key (key, i);
  if (!self->training || !(self->dropout > 0))
    return CK_OK;
  if (!self->keys && !(self->keys = ck_alloc (self->stream, sizeof keys)))
    return CK_NO_MEMORY;
  return ck_upload (self->stream, self->keys, keys, (1 + self->n) * sizeof *keys);
}

static void
clear_buffers (CowHeadTrain *self)
{
  CkStream *stream = self->stream;
  float **single[] = { &self->front, &self->dx, &self->dfront };
  for (guint i = 0; i < G_N_ELEMENTS (single); i++) {
    ck_free (stream, *single[i]);
    *single[i] = NULL;
  }
  for (guint i = 0; i < MAX_LAYERS; i++) {
    ck_free (stream, self->y[i]);
    ck_free (stream, self->a[i]);
    ck_free (stream, self->dy[i]);
    self->y[i] = self->a[i] = self->dy[i] = NULL;
  }
  self->batch = 0;
}

void
cow_head_train_free (CowHeadTrain *self)
{
  if (!self)
    return;
  clear_buffers (self);
  ck_free (self->stream, self->keys);
  for (guint i = 0; i < self->n; i++)
    cow_train_linear_clear (&self->layer[i]);
  g_free (self);
}

/* ---- initial values -------------------------------------------------------------------------- */

static gboolean
set_linear (CowHeadTrain *self, const CowTrainLinear *layer, const float *weight, const float *bias,
            GError **error)
{
  return cow_parameters_set (self->parameters, (guint)layer->weight, weight, error) &&
         cow_parameters_set (self->parameters, (guint)layer->bias, bias, error);
}

static gboolean
initialise_linear (CowHeadTrain *self, const CowTrainLinear *layer, guint64 key, GError **error)
{
  const gint64 out = layer->base.out, in = layer->base.in, n = out * in;
  g_autofree float *weight = cow_floats_new ((gsize)n, "the head", error),
                   *bias = g_new0 (float, out);
  const gboolean uniform = self->style != COW_HEAD_TAPERED;
  const double deviation = sqrt (2. / (double)out), bound = 1 / sqrt ((double)in);
  if (!weight)
    return FALSE;
  for (gint64 i = 0; i < n; i++)
    weight[i] = (float)(uniform ? bound * (2 * cow_random_unit (key, (guint64)i) - 1)
                                : deviation * cow_random_normal (key, (guint64)i));
  for (gint64 o = 0; o < out && uniform; o++)
    bias[o] = (float)(bound * (2 * cow_random_unit (key, (guint64)(n + o)) - 1));
  return set_linear (self, layer, weight, bias, error);
}

static gboolean
check_same_shape (const CowHeadTrain *self, const CowHeadWeights *head, GError **error)
{
  gboolean same = head->n_layers == self->n && (head->norm_weight != NULL) == has_norm (self);
  for (guint i = 0; i < self->n && same; i++)
    same = head->layers[i].in == self->layer[i].base.in &&
           head->layers[i].out == self->layer[i].base.out;
  if (!same)
    g_set_error (error, COW_ERROR, COW_ERROR_MISMATCH,
                 "%s: its layers are not those of the head that is trained, so that training can't "
                 "go on from it",
                 head->path);
  return same;
}

gboolean
cow_head_train_start (CowHeadTrain *self, const CowHeadWeights *head, guint64 seed, GError **error)
{
  if (head && !check_same_shape (self, head, error))
    return FALSE;
  for (guint i = 0; i < self->n; i++) {
    if (!cow_train_linear_attach (&self->layer[i], NULL, FALSE, error))
      return FALSE;
    if (head ? !set_linear (self, &self->layer[i], head->layers[i].weight, head->layers[i].bias,
                            error)
             : !initialise_linear (self, &self->layer[i], cow_random_key (seed, i), error))
      return FALSE;
  }
  if (!has_norm (self))
    return TRUE;
  const gsize n = cow_parameters_get (self->parameters, (guint)self->norm_weight)->count;
  g_autofree float *ones = g_new (float, n), *zeroes = g_new0 (float, n);
  for (gsize i = 0; i < n; i++)
    ones[i] = 1;
  return cow_parameters_set (self->parameters, (guint)self->norm_weight,
                             head ? head->norm_weight : ones, error) &&
         cow_parameters_set (self->parameters, (guint)self->norm_bias,
                             head ? head->norm_bias : zeroes, error);
}

/* ---- passes ---------------------------------------------------------------------------------- */

static gboolean
reserve (CowHeadTrain *self, float **buffer, int batch, gint64 cols)
{
  *buffer = ck_alloc (self->stream, (gsize)batch * (gsize)cols * sizeof (float));
  return *buffer != NULL;
}

static gboolean
ensure_buffers (CowHeadTrain *self, int batch, GError **error)
{
  if (self->batch == batch)
    return TRUE;
  clear_buffers (self);
  const gint64 features = self->layer[0].base.in;
  gboolean complete = reserve (self, &self->dx, batch, features) &&
                      reserve (self, &self->front, batch, features) &&
                      reserve (self, &self->dfront, batch, features);
  for (guint i = 0; i < self->n && complete; i++) {
    const gint64 out = self->layer[i].base.out;
    complete = reserve (self, &self->y[i], batch, out) && reserve (self, &self->a[i], batch, out) &&
               reserve (self, &self->dy[i], batch, out);
  }
  if (!complete) {
    clear_buffers (self);
    return cow_check (CK_NO_MEMORY, error, "the head's activations");
  }
  self->batch = batch;
  return TRUE;
}

/* The dropout after layer i (-1: before the first): p comes first in either head, then p / 2. */
static float
dropout_after (const CowHeadTrain *self, int i)
{
  if (!self->training)
    return 0;
  return i == (has_front (self) ? -1 : 0) ? self->dropout : self->dropout / 2;
}

static CkStatus
drop (const CowHeadTrain *self, int i, float *x, gint64 n)
{
  const float p = dropout_after (self, i);
  return p > 0 ? self->stream->training->dropout (self->stream, self->keys + i + 1, p, n, x, x)
               : CK_OK;
}

static CkActivation
activation_of (const CowHeadTrain *self)
{
  return has_norm (self) ? CK_GELU : CK_RELU;
}

/* What comes before the first layer, to self->front. */
static CkStatus
front_forward (CowHeadTrain *self)
{
  CkStream *stream = self->stream;
  const gint64 features = self->layer[0].base.in;
  CkStatus status;
  if (has_norm (self)) {
    const CkNorm op = {
      .weight = cow_parameters_value (self->parameters, (guint)self->norm_weight),
      .bias = cow_parameters_value (self->parameters, (guint)self->norm_bias),
      .epsilon = NORM_EPSILON,
      .rows = self->batch,
      .cols = features,
      .x = self->x,
      .y = ck_f32 (self->front),
    };
    status = stream->operations->norm (stream, &op);
  } else {
    status = stream->operations->copy_rows (stream, self->batch, features, self->x, features,
                                            self->front, features);
  }
  return status == CK_OK ? drop (self, -1, self->front, self->batch * features) : status;
}

static CkStatus
forward (CowHeadTrain *self)
{
  const float *x = has_front (self) ? self->front : self->x;
  CkStatus status = has_front (self) ? front_forward (self) : CK_OK;
  for (guint i = 0; i < self->n && status == CK_OK; i++) {
    const gint64 n = self->batch * self->layer[i].base.out;
    status = cow_train_linear_forward (&self->layer[i], self->batch, x, NULL, self->y[i]);
    if (status != CK_OK || i + 1 == self->n)
      break;
    status = self->stream->operations->activate (self->stream, activation_of (self), n, self->y[i],
                                                 self->a[i]);
    if (status == CK_OK)
      status = drop (self, (int)i, self->a[i], n);
    x = self->a[i];
  }
  return status;
}

const float *
cow_head_train_forward (CowHeadTrain *self, const float *x, int batch, gboolean training,
                        guint64 key, GError **error)
{
  if (!ensure_buffers (self, batch, error))
    return NULL;
  self->x = x;
  self->training = training;
  CkStatus status = put_keys (self, key);
  if (status == CK_OK)
    status = forward (self);
  return cow_check (status, error, "the head") ? self->y[self->n - 1] : NULL;
}

/* From the gradient of the first layer's input to that of the features; *dx is the head's array
 * that holds it. */
static CkStatus
front_backward (CowHeadTrain *self, const float **dx)
{
  const gint64 features = self->layer[0].base.in;
  CkStatus status = drop (self, -1, self->dfront, self->batch * features);
  *dx = self->dfront;
  if (status != CK_OK || !has_norm (self))
    return status;
  const CkNormBackward op = {
    .weight = cow_parameters_value (self->parameters, (guint)self->norm_weight),
    .epsilon = NORM_EPSILON,
    .rows = self->batch,
    .cols = features,
    .x = self->x,
    .dy = self->dfront,
    .dx = self->dx,
    .dweight = cow_parameters_gradient (self->parameters, (guint)self->norm_weight),
    .dbias = cow_parameters_gradient (self->parameters, (guint)self->norm_bias),
  };
  *dx = self->dx;
  return self->stream->training->norm_backward (self->stream, &op);
}

static CkStatus
backward (CowHeadTrain *self, const float *dlogits, gboolean want_dx,
          const float **features_gradient)
{
  const CkTraining *training = self->stream->training;
  const float *dy = dlogits;
  for (int i = (int)self->n - 1; i >= 0; i--) {
    const float *x = i > 0 ? self->a[i - 1] : has_front (self) ? self->front : self->x;
    float *dx = i > 0              ? self->dy[i - 1]
                : has_front (self) ? self->dfront
                : want_dx          ? self->dx
                                   : NULL;
    CkStatus status = cow_train_linear_backward (&self->layer[i], self->batch, x, self->y[i], dy,
                                                 NULL, dx, FALSE);
    if (status == CK_OK && i > 0) {
      const gint64 n = self->batch * self->layer[i - 1].base.out;
      status = drop (self, i - 1, dx, n);
      if (status == CK_OK)
        status = training->activate_backward (self->stream, activation_of (self), n, self->y[i - 1],
                                              dx, dx);
    }
    if (status != CK_OK)
      return status;
    dy = dx;
  }
  *features_gradient = self->dx;
  return has_front (self) ? front_backward (self, features_gradient) : CK_OK;
}

gboolean
cow_head_train_backward (CowHeadTrain *self, const float *dlogits, gboolean want_dx,
                         const float **dx, GError **error)
{
  return cow_check (backward (self, dlogits, want_dx, dx), error, "the head's backward pass");
}

gboolean
cow_head_train_write (const CowHeadTrain *self, const char *folder, GError **error)
{
  g_autofree char *path = g_build_filename (folder, COW_HEAD_FILE, NULL);
  return cow_parameters_write (self->parameters, self->first, self->n_parameters, path, error);
}

gboolean
cow_head_train_write_identity (const CowHeadTrain *self, const char *folder, GError **error)
{
  g_autofree char *path = g_build_filename (folder, COW_IDENTITY_FILE, NULL);
  return cow_parameters_write (self->parameters, self->first, self->n_parameters - 2, path, error);
}
