/* SPDX-License-Identifier: MIT */
#include "model/training/train-linear.h"

#include <math.h>
#include <string.h>

#include "model/network/dora.h"

/* Registers TENSOR of a module under PEFT's name for it. */
static int
add_adapter_tensor (CowParameters *parameters, const char *module, const char *tensor, guint n_dims,
                    gint64 rows, gint64 cols)
{
  const gint64 dims[] = { rows, cols };
  g_autofree char *name = g_strdup_printf ("base_model.model.%s.%s", module, tensor);
  return (int)cow_parameters_add (parameters, name, n_dims, dims);
}

gboolean
cow_train_linear_init_adapted (CowTrainLinear *self, CowParameters *parameters,
                               const CowCheckpoint *checkpoint, const char *name, gint64 out,
                               gint64 in, gboolean has_bias, const CowLora *lora, CkWeightUses more,
                               GError **error)
{
  const CkWeightUses uses = (CkWeightUses)(CK_USE_BACKWARD | more);

  *self = (CowTrainLinear){
    .parameters = parameters, .weight = -1, .bias = -1, .a = -1, .b = -1, .magnitude = -1
  };
  if (!cow_linear_init (&self->base, parameters->stream, checkpoint, name, out, in, has_bias, NULL,
                        uses, error))
    return FALSE;
  if (!lora)
    return TRUE;
  const gint64 trained = lora->rank - lora->fixed;
  self->fixed = lora->fixed;
  self->a = add_adapter_tensor (parameters, name, "lora_A.weight", 2, trained, in);
  self->b = add_adapter_tensor (parameters, name, "lora_B.weight", 2, out, trained);
  if (lora->magnitude)
    self->magnitude = add_adapter_tensor (parameters, name, "lora_magnitude_vector", 1, out, 0);
  return TRUE;
}

void
cow_train_linear_init_dense (CowTrainLinear *self, CowParameters *parameters, gint64 out, gint64 in,
                             int weight, gsize weight_offset, int bias, gsize bias_offset,
                             CowPrecision precision)
{
  *self = (CowTrainLinear){ .base = { .stream = parameters->stream, .out = out, .in = in },
                            .parameters = parameters,
                            .weight = weight,
                            .bias = bias,
                            .a = -1,
                            .b = -1,
                            .magnitude = -1,
                            .weight_offset = weight_offset,
                            .bias_offset = bias_offset,
                            .precision = precision };
}

/* The weight is computed from the parameters' own memory, so that a step of the optimiser needs no
 * copy. */
static gboolean
attach_dense (CowTrainLinear *self, GError **error)
{
  CowLinear *base = &self->base;
  const CkWeightSource source = {
    .type = CK_F32,
    .out = base->out,
    .in = base->in,
    .parameters = cow_parameters_value (self->parameters, (guint)self->weight) + self->weight_offset
  };
  if (self->bias >= 0)
    base->bias = cow_parameters_value (self->parameters, (guint)self->bias) + self->bias_offset;
  const CkWeightUses uses =
      (CkWeightUses)(CK_USE_FORWARD | CK_USE_BACKWARD | cow_precision_uses (self->precision));
  return cow_check (ck_weight_new (base->stream->device, &source, uses, &base->weight), error, "%s",
                    cow_parameters_get (self->parameters, (guint)self->weight)->name);
}

static gboolean
attach_dora (CowTrainLinear *self, const CowLora *lora, gboolean fresh, GError **error)
{
  const gsize out = (gsize)self->base.out;
  self->squares = g_new (double, out);
  self->norms = g_new (double, out);
  self->gain_host = g_new (float, out);
  self->gain = ck_alloc (self->base.stream, out * sizeof (float));
  if (!self->gain)
    return cow_check (CK_NO_MEMORY, error, "DoRA's gain");
  self->base.adapter.gain = self->gain;
  if (!cow_check (cow_dora_row_squares (self->base.stream, self->base.weight, self->base.out,
                                        self->base.in, self->squares),
                  error, "row norms"))
    return FALSE;
  if (!fresh)
    return cow_parameters_set (self->parameters, (guint)self->magnitude, lora->magnitude, error);
  for (gsize o = 0; o < out; o++)
    self->gain_host[o] = (float)sqrt (self->squares[o]);
  return cow_parameters_set (self->parameters, (guint)self->magnitude, self->gain_host, error);
}

/* ---- an adapter with a fixed part ------------------------------------------------------------ */

/* Columns of the trained part between a matrix [out, columns] of lora_B and one of its own. */
static void
copy_columns (gint64 out, gint64 columns, const float *from, gint64 from_stride, float *to,
              gint64 to_stride)
{
  for (gint64 o = 0; o < out; o++)
    memcpy (to + o * to_stride, from + o * from_stride, (gsize)columns * sizeof *to);
}

/* Room for trained and fixed together, with the fixed part's values. */
static gboolean
attach_fixed (CowTrainLinear *self, const CowLora *lora, GError **error)
{
  CkStream *stream = self->base.stream;
  const gsize n_down = (gsize)(lora->rank * lora->in), n_up = (gsize)(lora->out * lora->rank);
  float **const arrays[] = { &self->down, &self->up, &self->down_gradient, &self->up_gradient };
  const gsize sizes[] = { n_down, n_up, n_down, n_up };
  for (guint i = 0; i < G_N_ELEMENTS (arrays); i++)
    if (!(*arrays[i] = ck_alloc (stream, sizes[i] * sizeof (float))))
      return cow_check (CK_NO_MEMORY, error, "an adapter's fixed part");
  CkStatus status = ck_upload (stream, self->down, lora->a, n_down * sizeof (float));
  if (status == CK_OK)
    status = ck_upload (stream, self->up, lora->b, n_up * sizeof (float));
  self->base.adapter.down = self->down;
  self->base.adapter.up = self->up;
  return cow_check (status, error, "uploading an adapter's fixed part");
}

/* What has been trained, where it is computed with. */
static CkStatus
join_parts (CowTrainLinear *self)
{
  CkStream *stream = self->base.stream;
  const gint64 rank = self->base.adapter.rank, trained = rank - self->fixed, in = self->base.in,
               out = self->base.out;
  const CkStatus status = stream->operations->copy_rows (
      stream, trained, in, cow_parameters_value (self->parameters, (guint)self->a), in, self->down,
      in);
  if (status != CK_OK)
    return status;
  return stream->operations->copy_rows (stream, out, trained,
                                        cow_parameters_value (self->parameters, (guint)self->b),
                                        trained, self->up, rank);
}

/* Before a layer's backward and after it: gradients of the whole, of which the trained part's are
 * the parameters'. A micro-batch goes through a layer once, so there is nothing to add to. */
static CkStatus
clear_gradients (const CowTrainLinear *self)
{
  CkStream *stream = self->base.stream;
  const gint64 rank = self->base.adapter.rank;
  const CkStatus status =
      stream->operations->fill (stream, self->down_gradient, rank * self->base.in, 0);
  return status != CK_OK
             ? status
             : stream->operations->fill (stream, self->up_gradient, self->base.out * rank, 0);
}

static CkStatus
take_gradients (const CowTrainLinear *self)
{
  CkStream *stream = self->base.stream;
  const gint64 rank = self->base.adapter.rank, trained = rank - self->fixed, in = self->base.in;
  const CkStatus status = stream->operations->copy_rows (
      stream, trained, in, self->down_gradient, in,
      cow_parameters_gradient (self->parameters, (guint)self->a), in);
  if (status != CK_OK)
    return status;
  return stream->operations->copy_rows (stream, self->base.out, trained, self->up_gradient, rank,
                                        cow_parameters_gradient (self->parameters, (guint)self->b),
                                        trained);
}

/* lora_B's trained columns to and from the parameters. */
static gboolean
set_up (CowTrainLinear *self, const CowLora *lora, GError **error)
{
  const gint64 trained = lora->rank - lora->fixed;
  g_autofree float *columns = g_try_new (float, lora->out *trained);
  if (!columns)
    return cow_check (CK_NO_MEMORY, error, "lora_B");
  copy_columns (lora->out, trained, lora->b, lora->rank, columns, trained);
  return cow_parameters_set (self->parameters, (guint)self->b, columns, error);
}

static gboolean
read_up (const CowTrainLinear *self, CowLora *lora, GError **error)
{
  const gint64 trained = lora->rank - lora->fixed;
  g_autofree float *columns = g_try_new (float, lora->out *trained);
  if (!columns)
    return cow_check (CK_NO_MEMORY, error, "lora_B");
  if (!cow_parameters_read (self->parameters, (guint)self->b, columns, error))
    return FALSE;
  copy_columns (lora->out, trained, columns, trained, lora->b, lora->rank);
  return TRUE;
}

/* ---- values ---------------------------------------------------------------------------------- */

gboolean
cow_train_linear_attach (CowTrainLinear *self, const CowLora *lora, gboolean fresh, GError **error)
{
  if (self->weight >= 0)
    return attach_dense (self, error);
  if (self->a < 0)
    return TRUE;
  self->base.adapted = TRUE;
  self->base.adapter = (CkAdapter){ .rank = lora->rank,
                                    .scale = lora->scale,
                                    .down = cow_parameters_value (self->parameters, (guint)self->a),
                                    .up = cow_parameters_value (self->parameters, (guint)self->b) };
  /* Trained rows of lora_A are the first ones, so they lie as they are. */
  if (!cow_parameters_set (self->parameters, (guint)self->a, lora->a, error) ||
      !set_up (self, lora, error) || (self->fixed > 0 && !attach_fixed (self, lora, error)))
    return FALSE;
  if (self->magnitude >= 0 && !attach_dora (self, lora, fresh, error))
    return FALSE;
  return cow_train_linear_refresh (self, error);
}

gboolean
cow_train_linear_refresh (CowTrainLinear *self, GError **error)
{
  if (self->fixed > 0 && !cow_check (join_parts (self), error, "an adapter's trained part"))
    return FALSE;
  if (self->magnitude < 0)
    return TRUE;
  CkStream *stream = self->base.stream;
  const gint64 out = self->base.out;
  if (!cow_check (cow_dora_norms (self->base.stream, self->base.weight, self->base.out,
                                  self->base.in, &self->base.adapter, self->squares, self->norms),
                  error, "DoRA norms") ||
      !cow_parameters_read (self->parameters, (guint)self->magnitude, self->gain_host, error))
    return FALSE;
  for (gint64 o = 0; o < out; o++) {
    if (!(self->norms[o] > 0)) {
      g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                   "%s: row %" G_GINT64_FORMAT " of W + s B A is zero, which DoRA cannot scale",
                   cow_parameters_get (self->parameters, (guint)self->magnitude)->name, o);
      return FALSE;
    }
    self->gain_host[o] = (float)(self->gain_host[o] / self->norms[o]);
  }
  return cow_check (ck_upload (stream, self->gain, self->gain_host, (gsize)out * sizeof (float)),
                    error, "uploading DoRA's gain");
}

gboolean
cow_train_linear_finish (CowTrainLinear *self, GError **error)
{
  if (self->magnitude < 0)
    return TRUE;
  CkStream *stream = self->base.stream;
  const gint64 out = self->base.out;
  const gsize bytes = (gsize)out * sizeof (float);
  float *gradient = cow_parameters_gradient (self->parameters, (guint)self->magnitude);
  g_autofree float *host = g_new (float, out);
  CkStatus status = ck_download (stream, host, gradient, bytes);
  for (gint64 o = 0; o < out && status == CK_OK; o++)
    host[o] = (float)(host[o] / self->norms[o]);
  if (status == CK_OK)
    status = ck_upload (stream, gradient, host, bytes);
  return cow_check (status, error, "the gradient of DoRA's magnitude");
}

gboolean
cow_train_linear_read (const CowTrainLinear *self, CowLora *lora, GError **error)
{
  return cow_parameters_read (self->parameters, (guint)self->a, lora->a, error) &&
         read_up (self, lora, error) &&
         (self->magnitude < 0 ||
          cow_parameters_read (self->parameters, (guint)self->magnitude, lora->magnitude, error));
}

void
cow_train_linear_clear (CowTrainLinear *self)
{
  if (!self->base.stream)
    return;
  if (self->weight >= 0)
    self->base.bias = NULL; /* the parameters own it, as they own the adapter's matrices */
  memset (&self->base.adapter, 0, sizeof self->base.adapter);
  float *const own[] = { self->gain, self->down, self->up, self->down_gradient, self->up_gradient };
  for (guint i = 0; i < G_N_ELEMENTS (own); i++)
    ck_free (self->base.stream, own[i]);
  cow_linear_clear (&self->base);
  g_free (self->squares);
  g_free (self->norms);
  g_free (self->gain_host);
  memset (self, 0, sizeof *self);
}

static CkAdapter
adapter_with (const CowTrainLinear *self, const CowTrainDropout *dropout)
{
  CkAdapter adapter = self->base.adapter;
  if (adapter.rank == 0)
    return adapter;
  adapter.dropout = dropout->p;
  adapter.key = dropout->key;
  adapter.mask = dropout->mask;
  adapter.low = dropout->low;
  adapter.kept = dropout->kept;
  return adapter;
}

CkStatus
cow_train_linear_forward (const CowTrainLinear *self, gint64 rows, const float *x,
                          const CowTrainDropout *dropout, float *y)
{
  const CkLinear op = { .weight = self->base.weight,
                        .adapter = adapter_with (self, dropout),
                        .bias = self->base.bias,
                        .rows = rows,
                        .x = ck_f32 (x),
                        .y = ck_f32 (y) };
  return self->base.stream->operations->linear (self->base.stream, &op);
}

static float *
gradient_of (const CowTrainLinear *self, int parameter, gsize offset)
{
  return parameter < 0 ? NULL
                       : cow_parameters_gradient (self->parameters, (guint)parameter) + offset;
}

CkStatus
cow_train_linear_backward (const CowTrainLinear *self, gint64 rows, const float *x, const float *y,
                           const float *dy, const CowTrainDropout *dropout, float *dx,
                           gboolean add_dx)
{
  const gboolean joined = self->fixed > 0;
  const CkLinearBackward op = {
    .weight = self->base.weight,
    .adapter = adapter_with (self, dropout),
    .bias = self->base.bias,
    .rows = rows,
    .x = x,
    .y = y,
    .dy = dy,
    .dx = dx,
    .add_dx = add_dx,
    .gradients = { .weight = gradient_of (self, self->weight, self->weight_offset),
                   .bias = gradient_of (self, self->bias, self->bias_offset),
                   .down = joined ? self->down_gradient : gradient_of (self, self->a, 0),
                   .up = joined ? self->up_gradient : gradient_of (self, self->b, 0),
                   .gain = gradient_of (self, self->magnitude, 0) },
  };
  CkStatus status = joined ? clear_gradients (self) : CK_OK;
  if (status == CK_OK)
    status = self->base.stream->training->linear_backward (self->base.stream, &op);
  return status == CK_OK && joined ? take_gradients (self) : status;
}
