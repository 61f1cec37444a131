/* SPDX-License-Identifier: MIT */
#include "model/network/linear.h"

#include <math.h>
#include <string.h>

#include "model/network/dora.h"
#include "model/files/floats.h"
#include "model/files/nf4.h"

/* A network's weight computes forward, and is dequantised by DoRA and by merging. */
#define WEIGHT_USES ((CkWeightUses)(CK_USE_FORWARD | CK_USE_DEQUANTISE))

/* Copies host floats to new device memory; NULL on error. */
static float *
upload (CkStream *stream, const float *host, gint64 n, const char *what, GError **error)
{
  float *device = ck_alloc (stream, (size_t)n * sizeof (float));
  if (!device) {
    cow_check (CK_NO_MEMORY, error, "%s, %" G_GINT64_FORMAT " values", what, n);
    return NULL;
  }
  if (!cow_check (ck_upload (stream, device, host, (size_t)n * sizeof (float)), error,
                  "uploading %s", what)) {
    ck_free (stream, device);
    return NULL;
  }
  return device;
}

float *
cow_vector_upload (CkStream *stream, const CowCheckpoint *checkpoint, const char *name, gint64 n,
                   GError **error)
{
  const CowTensor *tensor = cow_checkpoint_find (checkpoint, name);
  if (!tensor) {
    g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND, "%s has no tensor %s",
                 cow_checkpoint_path (checkpoint), name);
    return NULL;
  }
  /* Leading dimensions of 1 don't count: tokens are stored as [1, n, hidden]. */
  if (cow_tensor_count (tensor) != (gsize)n) {
    g_autofree char *shape = cow_tensor_shape_text (tensor);
    g_set_error (error, COW_ERROR, COW_ERROR_MISMATCH,
                 "%s: tensor %s is %s, expected %" G_GINT64_FORMAT " values",
                 cow_checkpoint_file_of (checkpoint, tensor), name, shape, n);
    return NULL;
  }
  g_autofree float *host = g_try_new (float, n);
  if (!host) {
    cow_check (CK_NO_MEMORY, error, "%s", name);
    return NULL;
  }
  if (!cow_tensor_to_f32 (tensor, cow_checkpoint_file_of (checkpoint, tensor), host, error))
    return NULL;
  return upload (stream, host, n, name, error);
}

static gboolean
init_gain (CowLinear *self, const char *name, const CowLora *lora, GError **error)
{
  g_autofree double *squares = g_new (double, self->out), *norms = g_new (double, self->out);
  g_autofree float *gain = g_new (float, self->out);
  if (!cow_check (cow_dora_row_squares (self->stream, self->weight, self->out, self->in, squares),
                  error, "row norms of %s", name) ||
      !cow_check (cow_dora_norms (self->stream, self->weight, self->out, self->in, &self->adapter,
                                  squares, norms),
                  error, "DoRA norms of %s", name))
    return FALSE;
  for (gint64 o = 0; o < self->out; o++) {
    gain[o] = (float)(lora->magnitude[o] / norms[o]);
    if (!isfinite (gain[o])) {
      g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                   "%s: row %" G_GINT64_FORMAT
                   " of W + s B A has norm %g, so that DoRA's magnitude %g has no "
                   "direction to scale",
                   name, o, norms[o], lora->magnitude[o]);
      return FALSE;
    }
  }
  self->adapter.gain = upload (self->stream, gain, self->out, "DoRA gain", error);
  return self->adapter.gain != NULL;
}

static gboolean
init_adapter (CowLinear *self, const char *name, const CowLora *lora, GError **error)
{
  if (lora->in != self->in || lora->out != self->out) {
    g_set_error (error, COW_ERROR, COW_ERROR_MISMATCH,
                 "%s: the adapter is for [%" G_GINT64_FORMAT ", %" G_GINT64_FORMAT
                 "], the layer is [%" G_GINT64_FORMAT ", %" G_GINT64_FORMAT "]",
                 name, lora->out, lora->in, self->out, self->in);
    return FALSE;
  }
  self->adapter.rank = lora->rank;
  self->adapter.scale = lora->scale;
  self->adapter.down = upload (self->stream, lora->a, lora->rank * lora->in, "lora_A", error);
  if (!self->adapter.down)
    return FALSE;
  self->adapter.up = upload (self->stream, lora->b, lora->out * lora->rank, "lora_B", error);
  if (!self->adapter.up)
    return FALSE;
  self->adapted = TRUE;
  return !lora->magnitude || init_gain (self, name, lora, error);
}

static gboolean
new_weight (const CowLinear *self, const CowCheckpoint *checkpoint, const char *name,
            CkWeightUses products, CkWeight **weight, GError **error)
{
  const CkWeightUses uses = (CkWeightUses)(WEIGHT_USES | products);
  return cow_check (ck_weight_new (self->stream->device, &self->source, uses, weight), error,
                    "%s: tensor %s.weight", cow_checkpoint_path (checkpoint), name);
}

/* Gives the memory of the file's numbers back where the device has its own. */
static void
release_source (const CowLinear *self, const CowCheckpoint *checkpoint, const char *name)
{
  g_autofree char *weight_name = g_strconcat (name, ".weight", NULL);
  if (!ck_weight_reads_source (self->weight))
    cow_checkpoint_release_pages (checkpoint, cow_checkpoint_find (checkpoint, weight_name));
}

static gboolean
init_weight (CowLinear *self, const CowCheckpoint *checkpoint, const char *name,
             const CowLora *lora, CkWeightUses more, GError **error)
{
  g_autofree char *weight_name = g_strconcat (name, ".weight", NULL);
  if (!cow_weight_find (checkpoint, weight_name, self->out, self->in, &self->source, &self->absmax,
                        error) ||
      !new_weight (self, checkpoint, name, more, &self->weight, error) ||
      (lora && !init_adapter (self, name, lora, error)))
    return FALSE;
  /* After DoRA, whose norms come from the file's own numbers. */
  release_source (self, checkpoint, name);
  return TRUE;
}

gboolean
cow_linear_bias (CkStream *stream, const CowCheckpoint *checkpoint, const char *name, gint64 out,
                 gboolean has_bias, float **bias, GError **error)
{
  g_autofree char *bias_name = g_strconcat (name, ".bias", NULL);
  *bias = NULL;
  if (has_bias)
    return (*bias = cow_vector_upload (stream, checkpoint, bias_name, out, error)) != NULL;
  if (!cow_checkpoint_find (checkpoint, bias_name))
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_MISMATCH,
               "%s has a tensor %s, but its configuration says that this layer has no bias",
               cow_checkpoint_path (checkpoint), bias_name);
  return FALSE;
}

gboolean
cow_linear_init (CowLinear *self, CkStream *stream, const CowCheckpoint *checkpoint,
                 const char *name, gint64 out, gint64 in, gboolean has_bias, const CowLora *lora,
                 CkWeightUses more, GError **error)
{
  *self = (CowLinear){ .stream = stream, .out = out, .in = in };
  if (init_weight (self, checkpoint, name, lora, more, error) &&
      cow_linear_bias (stream, checkpoint, name, out, has_bias, &self->bias, error))
    return TRUE;
  cow_linear_clear (self);
  return FALSE;
}

gboolean
cow_linear_init_weight (CowLinear *self, CkStream *stream, const CowCheckpoint *checkpoint,
                        const char *name, gint64 out, gint64 in, const CowLora *lora,
                        GError **error)
{
  *self = (CowLinear){ .stream = stream, .out = out, .in = in };
  if (init_weight (self, checkpoint, name, lora, (CkWeightUses)0, error))
    return TRUE;
  cow_linear_clear (self);
  return FALSE;
}

void
cow_linear_clear (CowLinear *self)
{
  CkStream *stream = self->stream;
  if (!stream)
    return;
  /* The weight may go when nothing that is enqueued uses it any more. */
  ck_synchronize (stream);
  ck_weight_free (stream->device, self->weight);
  ck_free (stream, self->bias);
  ck_free (stream, (void *)self->adapter.down);
  ck_free (stream, (void *)self->adapter.up);
  ck_free (stream, (void *)self->adapter.gain);
  g_free (self->absmax);
  memset (self, 0, sizeof *self);
}

gboolean
cow_linear_set_products (CowLinear *self, const CowCheckpoint *checkpoint, const char *name,
                         CkWeightUses products, GError **error)
{
  CkWeight *weight;
  g_autofree char *weight_name = g_strconcat (name, ".weight", NULL);
  if (!cow_tensor_read (cow_checkpoint_find (checkpoint, weight_name), error) ||
      !new_weight (self, checkpoint, name, products, &weight, error))
    return FALSE;
  ck_synchronize (self->stream);
  ck_weight_free (self->stream->device, self->weight);
  self->weight = weight;
  release_source (self, checkpoint, name);
  return TRUE;
}

/* out [rows out, in] += scale * B A, then times the gain; host memory. */
static void
merge_adapter (gint64 out_rows, gint64 in, gint64 rank, float scale, const float *a, const float *b,
               const float *gain, float *out)
{
  for (gint64 o = 0; o < out_rows; o++) {
    float *row = out + o * in;
    for (gint64 r = 0; r < rank; r++) {
      const float factor = scale * b[o * rank + r];
      for (gint64 c = 0; c < in; c++)
        row[c] += factor * a[r * in + c];
    }
    for (gint64 c = 0; gain && c < in; c++)
      row[c] *= gain[o];
  }
}

gboolean
cow_linear_merged (const CowLinear *self, float *out, GError **error)
{
  CkStream *stream = self->stream;
  const gsize bytes = (gsize)(self->out * self->in) * sizeof (float);
  float *device = ck_alloc (stream, bytes);
  CkStatus status =
      device ? stream->operations->weight_dequantise (stream, self->weight, 0, self->out, device)
             : CK_NO_MEMORY;
  if (status == CK_OK)
    status = ck_download (stream, out, device, bytes);
  ck_free (stream, device);
  if (status == CK_OK && self->adapted) {
    const CkAdapter *adapter = &self->adapter;
    g_autofree float *a = cow_floats_new ((gsize)(adapter->rank * self->in), "lora_A", error),
                     *b = a ? cow_floats_new ((gsize)(self->out * adapter->rank), "lora_B", error)
                            : NULL;
    g_autofree float *gain = adapter->gain ? g_new (float, self->out) : NULL;
    if (!b)
      return FALSE;
    status =
        ck_download (stream, a, adapter->down, (gsize)(adapter->rank * self->in) * sizeof (float));
    if (status == CK_OK)
      status =
          ck_download (stream, b, adapter->up, (gsize)(self->out * adapter->rank) * sizeof (float));
    if (status == CK_OK && gain)
      status = ck_download (stream, gain, adapter->gain, (gsize)self->out * sizeof (float));
    if (status == CK_OK)
      merge_adapter (self->out, self->in, adapter->rank, adapter->scale, a, b, gain, out);
  }
  return cow_check (status, error, "merging a layer of %" G_GINT64_FORMAT " x %" G_GINT64_FORMAT,
                    self->out, self->in);
}
