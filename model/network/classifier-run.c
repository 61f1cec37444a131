/* SPDX-License-Identifier: MIT */
/* A batch of pictures: pixels to the device, features, the head, and what comes out back. */
#include <math.h>

#include "model/network/classifier-private.h"

/* What a run computes. */
typedef struct {
  int batch, height, width;
  gsize pixel_bytes;
  gint64 n_tokens; /* that are wanted, 0: none */
} Shape;

static gsize
count_features (const CowClassifier *self, const Shape *shape)
{
  return (gsize)shape->batch * (gsize)self->config.n_features;
}

void
cow_classifier_clear_buffers (CowClassifier *self)
{
  cow_buffer_clear (&self->pixels, self->stream);
  cow_buffer_clear (&self->tokens, self->stream);
  g_clear_pointer (&self->last_hidden_state, g_free);
  g_clear_pointer (&self->pooler_output, g_free);
  self->last_hidden_state_room = self->pooler_output_room = 0;
}

static gboolean
reserve_floats (float **floats, gsize *room, gsize n)
{
  if (n <= *room)
    return TRUE;
  g_free (*floats);
  *floats = g_try_new (float, n);
  *room = *floats ? n : 0;
  return *floats != NULL;
}

static gboolean
ensure_buffers (CowClassifier *self, const Shape *shape)
{
  const gsize features = count_features (self, shape), tokens = features * (gsize)shape->n_tokens;
  if (cow_buffer_reserve (&self->pixels, self->stream, shape->pixel_bytes) &&
      cow_buffer_reserve (&self->tokens, self->stream, tokens * sizeof (float)) &&
      reserve_floats (&self->pooler_output, &self->pooler_output_room, features) &&
      reserve_floats (&self->last_hidden_state, &self->last_hidden_state_room, tokens))
    return TRUE;
  cow_classifier_clear_buffers (self);
  return FALSE;
}

/* The features of self->pixels, device memory; with tokens where they are wanted. */
static const float *
enqueue_features (CowClassifier *self, const Shape *shape, GError **error)
{
  const CowBackboneClass *klass = self->config.klass;
  const int last = self->config.vit.n_layers - 1;
  float *tokens = self->tokens.data;
  if (shape->n_tokens == 0)
    return klass->features (self->backbone, self->pixels.data, shape->batch, shape->height,
                            shape->width, error);
  return klass->tokens (self->backbone, self->pixels.data, shape->batch, shape->height,
                        shape->width, &last, 1, &tokens, error);
}

/* The same work comes again with every batch of a size, so the device may replay it. */
static gboolean
compute_features (CowClassifier *self, const Shape *shape, GError **error)
{
  const guint64 key = ((guint64)shape->batch << 40) ^ ((guint64)shape->height << 20) ^
                      ((guint64)shape->width << 1) ^ (guint64)(shape->n_tokens > 0);
  GError *local = NULL;
  do {
    if (ck_replay_begin (self->stream, key))
      return TRUE;
    g_clear_error (&local);
    self->features = enqueue_features (self, shape, &local);
  } while (!ck_replay_end (self->stream));
  if (local)
    g_propagate_error (error, local);
  return self->features != NULL;
}

static gboolean
download (CowClassifier *self, const Shape *shape, const float *features, GError **error)
{
  CkStream *stream = self->stream;
  const gsize bytes = count_features (self, shape) * sizeof (float);
  CkStatus status = ck_download (stream, self->pooler_output, features, bytes);
  if (status == CK_OK && shape->n_tokens > 0)
    status = ck_download (stream, self->last_hidden_state, self->tokens.data,
                          bytes * (gsize)shape->n_tokens);
  return cow_check (status, error, "downloading features");
}

/* The head's result of that name, NULL without one. */
static const float *
result_of (const CowClassifier *self, const char *name)
{
  for (guint i = 0; self->head && i < self->head->n_results; i++)
    if (g_str_equal (self->head->results[i].name, name))
      return self->head->results[i].data;
  return NULL;
}

/* Where the pixels of a batch come from: one of these. */
typedef struct {
  const float *host;            /* [batch, 3, height, width] */
  const float *const *pictures; /* [batch], on the device */
} Pixels;

static CkStatus
take_pixels (CowClassifier *self, const Pixels *from, const Shape *shape)
{
  const gsize picture = shape->pixel_bytes / sizeof (float) / (gsize)shape->batch;
  float *pixels = self->pixels.data;
  CkStatus status = CK_OK;
  if (from->host)
    return ck_upload (self->stream, pixels, from->host, shape->pixel_bytes);
  for (int i = 0; i < shape->batch && status == CK_OK; i++)
    status = self->stream->operations->copy_rows (self->stream, 1, (gint64)picture,
                                                  from->pictures[i], (gint64)picture,
                                                  pixels + (gsize)i * picture, (gint64)picture);
  return status;
}

static gboolean
compute (CowClassifier *self, const Pixels *from, const Shape *shape, GError **error)
{
  if (!cow_check (take_pixels (self, from, shape), error, "uploading pixels"))
    return FALSE;
  return compute_features (self, shape, error) &&
         (!self->head ||
          self->head->klass->run (self->head, self->features, shape->batch, error)) &&
         download (self, shape, self->features, error);
}

static gboolean
run (CowClassifier *self, const Pixels *from, int batch, int height, int width, gboolean tokens,
     CowOutput *output, GError **error)
{
  gsize area, bytes;
  if (batch < 1 || height < 1 || width < 1 ||
      !g_size_checked_mul (&area, (gsize)height * 3 * sizeof (float), (gsize)width) ||
      !g_size_checked_mul (&bytes, area, (gsize)batch))
    return cow_check (CK_BAD_SHAPE, error, "%d pictures of %d x %d", batch, width, height);
  const gint64 n_tokens = cow_backbone_n_tokens (&self->config, height, width);
  const Shape shape = { batch, height, width, bytes, tokens ? n_tokens : 0 };
  if (!cow_check (ensure_buffers (self, &shape) ? CK_OK : CK_NO_MEMORY, error,
                  "a batch of %d pictures of %d x %d", batch, width, height) ||
      !compute (self, from, &shape, error)) {
    /* What failed is this batch's; the next one begins anew. */
    ck_stream_reset (self->stream);
    cow_device_explain (self->device, error);
    return FALSE;
  }
  *output = (CowOutput){ n_tokens, shape.n_tokens > 0 ? self->last_hidden_state : NULL,
                         self->pooler_output, result_of (self, COW_RESULT_LOGITS),
                         result_of (self, COW_RESULT_PROBABILITIES) };
  return TRUE;
}

gboolean
cow_classifier_run (CowClassifier *self, const float *pixels, int batch, int height, int width,
                    CowOutput *output, GError **error)
{
  return run (self, &(Pixels){ .host = pixels }, batch, height, width, FALSE, output, error);
}

gboolean
cow_classifier_run_tokens (CowClassifier *self, const float *pixels, int batch, int height,
                           int width, CowOutput *output, GError **error)
{
  return run (self, &(Pixels){ .host = pixels }, batch, height, width, TRUE, output, error);
}

gboolean
cow_classifier_run_prepared (CowClassifier *self, const float *const *pictures, int batch,
                             int height, int width, CowOutput *output, GError **error)
{
  return run (self, &(Pixels){ .pictures = pictures }, batch, height, width, FALSE, output, error);
}

gboolean
cow_classifier_check_finite (const CowClassifier *self, const char *what, const char *name,
                             const float *values, gsize n, GError **error)
{
  for (gsize i = 0; i < n; i++)
    if (!isfinite (values[i])) {
      g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                   "%s: number %" G_GSIZE_FORMAT " of the %s of %s is %g, expected a finite "
                   "number: the weights are too large for this computation",
                   self->adapter_path ? self->adapter_path : self->model_path, i, name, what,
                   (double)values[i]);
      return FALSE;
    }
  return TRUE;
}

gboolean
cow_classifier_check_output (const CowClassifier *self, const CowOutput *output, int i,
                             const char *what, GError **error)
{
  const gsize n_features = (gsize)self->config.n_features;
  if (!cow_classifier_check_finite (self, what, COW_RESULT_FEATURES,
                                    output->pooler_output + (gsize)i * n_features, n_features,
                                    error))
    return FALSE;
  for (guint r = 0; self->head && r < self->head->n_results; r++) {
    const CowResult *result = &self->head->results[r];
    if (!cow_classifier_check_finite (self, what, result->name, result->data + (gsize)i * result->n,
                                      result->n, error))
      return FALSE;
  }
  return TRUE;
}

const CowResult *
cow_classifier_results (const CowClassifier *self, guint *n)
{
  *n = self->head ? self->head->n_results : 0;
  return self->head ? self->head->results : NULL;
}
