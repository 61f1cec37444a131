/* SPDX-License-Identifier: MIT */
/*
 * A linear layer does not say which one it is; what follows it does. Those since the last norm are
 * held until then: before attention they are q, k and v; the one behind attention is o; one that
 * adds the residual is the MLP's last, and those before it are its first; those behind the last
 * norm are a head's.
 */
#include "trainer/eval/operation-times.h"

#include <time.h>

struct _CowOperationTimes {
  CkOperations table; /* first: the stream's pointer to it leads here */
  const CkOperations *real;
  CkStream *stream;
  gboolean timed;
  gboolean after_attention; /* the next linear layer is o */
  CowOperationTime held;    /* the linear layers since the last norm */
  CowOperationTime times[COW_N_OPERATIONS];
};

static const char *const names[COW_N_OPERATIONS] = {
  [COW_OPERATION_EMBED] = "embed",
  [COW_OPERATION_NORM] = "norm",
  [COW_OPERATION_QKV] = "q/k/v",
  [COW_OPERATION_ATTENTION] = "attention",
  [COW_OPERATION_O] = "o",
  [COW_OPERATION_UP] = "up/gate",
  [COW_OPERATION_DOWN] = "down",
  [COW_OPERATION_HEAD] = "head",
  [COW_OPERATION_CONVOLUTION] = "convolution",
  [COW_OPERATION_BATCH_NORM] = "batch norm",
  [COW_OPERATION_POOLING] = "pooling",
  [COW_OPERATION_OTHER] = "other",
};

const char *
cow_operation_name (CowOperationKind kind)
{
  return names[kind];
}

double
cow_products_sum (const CowProducts *self)
{
  double sum = 0;

  for (guint i = 0; i < COW_N_PRODUCTS; i++)
    sum += self->of[i];
  return sum;
}

/* ---- the clock ------------------------------------------------------------------------------- */

static CowOperationTimes *
times_of (CkStream *stream)
{
  return (CowOperationTimes *)stream->operations;
}

static double
seconds_now (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* When an operation begins; the stream has nothing else to do then. */
static double
start (CowOperationTimes *self)
{
  if (!self->timed)
    return 0;
  ck_synchronize (self->stream);
  return seconds_now ();
}

/* Adds an operation that began at `from` and has that many multiply-adds; its own status. A failure
 * of its work is sticky, so that it is not lost here. */
static CkStatus
finish (CowOperationTimes *self, CowOperationTime *time, double from, CkType type,
        double multiply_adds, CkStatus status)
{
  if (self->timed) {
    ck_synchronize (self->stream);
    time->seconds += seconds_now () - from;
  }
  time->calls++;
  time->products.of[type] += 2 * multiply_adds;
  return status;
}

/* ---- linear layers --------------------------------------------------------------------------- */

/* Says what the held layers were. */
static void
release (CowOperationTimes *self, CowOperationKind kind)
{
  CowOperationTime *time = &self->times[kind];

  time->calls += self->held.calls;
  time->seconds += self->held.seconds;
  for (guint i = 0; i < COW_N_PRODUCTS; i++)
    time->products.of[i] += self->held.products.of[i];
  self->held = (CowOperationTime){ 0 };
}

static CkStatus
time_linear (CkStream *stream, const CkLinear *op)
{
  CowOperationTimes *self = times_of (stream);
  const double rows = (double)op->rows;
  CowOperationTime *time = &self->held;
  int64_t out, in;
  const double from = start (self);
  const CkStatus status = self->real->linear (stream, op);

  if (self->after_attention)
    time = &self->times[COW_OPERATION_O];
  else if (op->residual) {
    release (self, COW_OPERATION_UP);
    time = &self->times[COW_OPERATION_DOWN];
  }
  self->after_attention = FALSE;
  ck_weight_shape (op->weight, &out, &in);
  const double products =
      rows * ((double)in * (double)out + (double)op->adapter.rank * (double)(in + out));
  return finish (self, time, from, ck_weight_factors (op->weight), products, status);
}

static CkStatus
time_norm (CkStream *stream, const CkNorm *op)
{
  CowOperationTimes *self = times_of (stream);
  const double from = start (self);
  const CkStatus status = self->real->norm (stream, op);

  release (self, COW_OPERATION_HEAD);
  return finish (self, &self->times[COW_OPERATION_NORM], from, CK_F32, 0, status);
}

static CkStatus
time_attention (CkStream *stream, const CkAttention *op)
{
  CowOperationTimes *self = times_of (stream);
  const double products = (double)op->batch * (double)op->heads * (double)op->head_dim *
                          (double)ck_attention_queries (op) * (double)op->tokens; /* of either */
  CowOperationTime *time = &self->times[COW_OPERATION_ATTENTION];
  const double from = start (self);
  const CkStatus status = self->real->attention (stream, op);

  release (self, COW_OPERATION_QKV);
  self->after_attention = TRUE;
  /* scores are of 16 bits in int8 too, which a GPU makes by products of 8 bits */
  const gboolean wide = op->products == CK_I8 && stream->device->products & CK_USE_INT16;
  time->products.of[wide ? CK_I16 : op->products] += 2 * products;
  return finish (self, time, from, op->products, products, status);
}

/* ---- the others ------------------------------------------------------------------------------ */

static CkStatus
time_embed (CkStream *stream, const CkEmbed *op)
{
  CowOperationTimes *self = times_of (stream);
  const double products = (double)op->batch * (double)op->channels * (double)op->height *
                          (double)op->width * (double)op->dim;
  const double from = start (self);
  const CkStatus status = self->real->embed (stream, op);

  return finish (self, &self->times[COW_OPERATION_EMBED], from, ck_weight_product (op->weight),
                 products, status);
}

static CkStatus
time_convolution (CkStream *stream, const CkConvolution *shape, const float *x, const float *weight,
                  float *y)
{
  CowOperationTimes *self = times_of (stream);
  const gint64 spread = 2 * shape->padding - shape->kernel;
  const double height = (double)((shape->height + spread) / shape->stride + 1),
               width = (double)((shape->width + spread) / shape->stride + 1);
  const double products = (double)shape->batch * height * width * (double)shape->out *
                          (double)shape->in * (double)shape->kernel * (double)shape->kernel;
  const double from = start (self);
  const CkStatus status = self->real->convolution (stream, shape, x, weight, y);

  return finish (self, &self->times[COW_OPERATION_CONVOLUTION], from, CK_F32, products, status);
}

/* An operation without products: its parameters in parentheses, and what it is called with. */
#define PLAIN(name, kind, parameters, ...)                                                         \
  static CkStatus time_##name parameters                                                           \
  {                                                                                                \
    CowOperationTimes *self = times_of (stream);                                                   \
    const double from = start (self);                                                              \
    const CkStatus status = self->real->name (__VA_ARGS__);                                        \
                                                                                                   \
    return finish (self, &self->times[kind], from, CK_F32, 0, status);                             \
  }

PLAIN (resample, COW_OPERATION_OTHER, (CkStream * stream, const CkResample *op), stream, op)
PLAIN (activate, COW_OPERATION_OTHER,
       (CkStream * stream, CkActivation activation, int64_t n, const float *x, float *y), stream,
       activation, n, x, y)
PLAIN (channels_last, COW_OPERATION_OTHER,
       (CkStream * stream, int64_t batch, int64_t channels, int64_t area, const float *x, float *y),
       stream, batch, channels, area, x, y)
PLAIN (batch_norm, COW_OPERATION_BATCH_NORM,
       (CkStream * stream, const CkBatchNorm *norm, bool training, const float *x, float *y),
       stream, norm, training, x, y)
PLAIN (max_pool, COW_OPERATION_POOLING,
       (CkStream * stream, int64_t batch, int64_t height, int64_t width, int64_t channels,
        const float *x, float *y, uint8_t *places),
       stream, batch, height, width, channels, x, y, places)
PLAIN (mean_pool, COW_OPERATION_POOLING,
       (CkStream * stream, int64_t batch, int64_t area, int64_t channels, const float *x, float *y),
       stream, batch, area, channels, x, y)
PLAIN (copy_rows, COW_OPERATION_OTHER,
       (CkStream * stream, int64_t rows, int64_t cols, const float *src, int64_t src_stride,
        float *dst, int64_t dst_stride),
       stream, rows, cols, src, src_stride, dst, dst_stride)
PLAIN (fill, COW_OPERATION_OTHER, (CkStream * stream, float *x, int64_t n, float value), stream, x,
       n, value)
PLAIN (weight_dequantise, COW_OPERATION_OTHER,
       (CkStream * stream, const CkWeight *weight, int64_t first, int64_t rows, float *out), stream,
       weight, first, rows, out)

/* ---- the table ------------------------------------------------------------------------------- */

static const CkOperations timing_table = {
  .linear = time_linear,
  .norm = time_norm,
  .attention = time_attention,
  .embed = time_embed,
  .resample = time_resample,
  .activate = time_activate,
  .channels_last = time_channels_last,
  .convolution = time_convolution,
  .batch_norm = time_batch_norm,
  .max_pool = time_max_pool,
  .mean_pool = time_mean_pool,
  .copy_rows = time_copy_rows,
  .fill = time_fill,
  .weight_dequantise = time_weight_dequantise,
};

CowOperationTimes *
cow_operation_times_new (CkStream *stream)
{
  CowOperationTimes *self = g_new0 (CowOperationTimes, 1);

  self->table = timing_table;
  self->real = stream->operations;
  self->stream = stream;
  stream->operations = &self->table;
  return self;
}

void
cow_operation_times_free (CowOperationTimes *self)
{
  if (!self)
    return;
  self->stream->operations = self->real;
  g_free (self);
}

void
cow_operation_times_begin (CowOperationTimes *self, gboolean timed)
{
  self->timed = timed;
  self->after_attention = FALSE;
  self->held = (CowOperationTime){ 0 };
  for (guint i = 0; i < COW_N_OPERATIONS; i++)
    self->times[i] = (CowOperationTime){ 0 };
}

const CowOperationTime *
cow_operation_times_end (CowOperationTimes *self)
{
  release (self, COW_OPERATION_HEAD);
  return self->times;
}
