/* SPDX-License-Identifier: MIT */
/*
 * The operations of test-device: each is checked by the CPU's, and copied into the queue with its
 * pointers as the queue sees them.
 */
#include "kernels/test-device/queue.h"

static void *
place (CkTestStream *stream, const void *pointer, const char *what)
{
  return ck_test_memory_place (((CkTestDevice *)stream->base.device)->memory, pointer, what);
}

/* A field of the work's struct, by its name. */
#define PLACE(field) op->field = place (stream, op->field, #field)

/* ---- operations that have a struct ----------------------------------------------------------- */

#define RUN(table, name)                                                                           \
  static void run_##name (CkTestStream *stream, CkTestWork *work)                                  \
  {                                                                                                \
    stream->cpu->table->name (stream->cpu, &work->op.name);                                        \
  }

/* Checks what was given, and copies it to *op in work for run_NAME (). */
#define BEGIN(table, name)                                                                         \
  CkTestStream *stream = (CkTestStream *)self;                                                     \
  const CkStatus status = stream->checker->table->name (stream->checker, given);                   \
  CkTestWork *work = status == CK_OK ? ck_test_work_new (run_##name, 0) : NULL;                    \
  __typeof__ (work->op.name) *op;                                                                  \
                                                                                                   \
  if (status != CK_OK)                                                                             \
    return status;                                                                                 \
  op = &work->op.name;                                                                             \
  *op = *given

RUN (operations, linear)

static CkStatus
test_linear (CkStream *self, const CkLinear *given)
{
  BEGIN (operations, linear);
  PLACE (adapter.down);
  PLACE (adapter.up);
  PLACE (adapter.gain);
  PLACE (adapter.key);
  PLACE (adapter.mask);
  PLACE (adapter.low);
  PLACE (bias);
  PLACE (multiplier);
  PLACE (scale);
  PLACE (residual);
  PLACE (x.data);
  PLACE (y.data);
  work->weight = op->weight;
  return ck_test_enqueue (stream, work);
}

RUN (operations, norm)

static CkStatus
test_norm (CkStream *self, const CkNorm *given)
{
  BEGIN (operations, norm);
  PLACE (weight);
  PLACE (bias);
  PLACE (x);
  PLACE (y.data);
  return ck_test_enqueue (stream, work);
}

RUN (operations, attention)

static CkStatus
test_attention (CkStream *self, const CkAttention *given)
{
  BEGIN (operations, attention);
  PLACE (cos);
  PLACE (sin);
  PLACE (q);
  PLACE (k);
  PLACE (v);
  PLACE (out.data);
  return ck_test_enqueue (stream, work);
}

RUN (operations, embed)

static CkStatus
test_embed (CkStream *self, const CkEmbed *given)
{
  BEGIN (operations, embed);
  PLACE (bias);
  PLACE (prefix);
  PLACE (position);
  PLACE (pixels);
  PLACE (tokens);
  work->weight = op->weight;
  return ck_test_enqueue (stream, work);
}

RUN (training, linear_backward)

static CkStatus
test_linear_backward (CkStream *self, const CkLinearBackward *given)
{
  BEGIN (training, linear_backward);
  PLACE (adapter.down);
  PLACE (adapter.up);
  PLACE (adapter.gain);
  PLACE (adapter.key);
  PLACE (adapter.mask);
  PLACE (adapter.low);
  PLACE (bias);
  PLACE (x);
  PLACE (y);
  PLACE (dy);
  PLACE (dx);
  PLACE (gradients.weight);
  PLACE (gradients.bias);
  PLACE (gradients.down);
  PLACE (gradients.up);
  PLACE (gradients.gain);
  work->weight = op->weight;
  return ck_test_enqueue (stream, work);
}

RUN (training, norm_backward)

static CkStatus
test_norm_backward (CkStream *self, const CkNormBackward *given)
{
  BEGIN (training, norm_backward);
  PLACE (weight);
  PLACE (x);
  PLACE (dy);
  PLACE (dx);
  PLACE (dweight);
  PLACE (dbias);
  return ck_test_enqueue (stream, work);
}

RUN (training, attention_backward)

static CkStatus
test_attention_backward (CkStream *self, const CkAttentionBackward *given)
{
  BEGIN (training, attention_backward);
  PLACE (forward.cos);
  PLACE (forward.sin);
  PLACE (forward.q);
  PLACE (forward.k);
  PLACE (forward.v);
  PLACE (dout);
  PLACE (dq);
  PLACE (dk);
  PLACE (dv);
  PLACE (forward.out.data);
  return ck_test_enqueue (stream, work);
}

RUN (training, embed_backward)

static CkStatus
test_embed_backward (CkStream *self, const CkEmbedBackward *given)
{
  BEGIN (training, embed_backward);
  PLACE (forward.bias);
  PLACE (forward.prefix);
  PLACE (forward.position);
  PLACE (forward.pixels);
  PLACE (forward.tokens);
  PLACE (dtokens);
  PLACE (dweight);
  PLACE (dbias);
  PLACE (dprefix);
  PLACE (dposition);
  work->weight = op->forward.weight;
  return ck_test_enqueue (stream, work);
}

RUN (training, cross_entropy)

static CkStatus
test_cross_entropy (CkStream *self, const CkCrossEntropy *given)
{
  BEGIN (training, cross_entropy);
  PLACE (logits);
  PLACE (labels);
  PLACE (class_weights);
  PLACE (loss);
  PLACE (dlogits);
  return ck_test_enqueue (stream, work);
}

RUN (training, binary_cross_entropy)

static CkStatus
test_binary_cross_entropy (CkStream *self, const CkBinaryCrossEntropy *given)
{
  BEGIN (training, binary_cross_entropy);
  PLACE (logits);
  PLACE (targets);
  PLACE (positive_weights);
  PLACE (loss);
  PLACE (dlogits);
  return ck_test_enqueue (stream, work);
}

RUN (training, adamw)

static CkStatus
test_adamw (CkStream *self, const CkAdamW *given)
{
  BEGIN (training, adamw);
  PLACE (step);
  PLACE (factor);
  PLACE (gradients);
  PLACE (first);
  PLACE (second);
  PLACE (parameters);
  return ck_test_enqueue (stream, work);
}

/* A frame on the host stays where it is: who lent it waits before it takes it back. */
RUN (operations, resample)

static CkStatus
test_resample (CkStream *self, const CkResample *given)
{
  BEGIN (operations, resample);
  for (int i = 0; i < 3 && op->picture.place == CK_ON_DEVICE; i++)
    PLACE (picture.plane[i]);
  PLACE (out);
  return ck_test_enqueue (stream, work);
}

/* ---- the others: CkTestArguments keeps their arguments in their order ------------------------ */

/* Checks the arguments that follow the stream, and makes work for run_NAME (). */
#define BEGIN_ARGUMENTS(table, name, ...)                                                          \
  CkTestStream *stream = (CkTestStream *)self;                                                     \
  const CkStatus status = stream->checker->table->name (stream->checker, __VA_ARGS__);             \
  CkTestWork *work = status == CK_OK ? ck_test_work_new (run_##name, 0) : NULL;                    \
  CkTestArguments *a;                                                                              \
                                                                                                   \
  if (status != CK_OK)                                                                             \
    return status;                                                                                 \
  a = &work->op.arguments

static void
run_activate (CkTestStream *stream, CkTestWork *work)
{
  const CkTestArguments *a = &work->op.arguments;

  stream->cpu->operations->activate (stream->cpu, a->activation, a->n[0], a->p[0], (void *)a->p[1]);
}

static CkStatus
test_activate (CkStream *self, CkActivation activation, int64_t n, const float *x, float *y)
{
  BEGIN_ARGUMENTS (operations, activate, activation, n, x, y);
  a->activation = activation;
  a->n[0] = n;
  a->p[0] = place (stream, x, "x");
  a->p[1] = place (stream, y, "y");
  return ck_test_enqueue (stream, work);
}

static void
run_channels_last (CkTestStream *stream, CkTestWork *work)
{
  const CkTestArguments *a = &work->op.arguments;

  stream->cpu->operations->channels_last (stream->cpu, a->n[0], a->n[1], a->n[2], a->p[0],
                                          (void *)a->p[1]);
}

static CkStatus
test_channels_last (CkStream *self, int64_t batch, int64_t channels, int64_t area, const float *x,
                    float *y)
{
  BEGIN_ARGUMENTS (operations, channels_last, batch, channels, area, x, y);
  a->n[0] = batch;
  a->n[1] = channels;
  a->n[2] = area;
  a->p[0] = place (stream, x, "x");
  a->p[1] = place (stream, y, "y");
  return ck_test_enqueue (stream, work);
}

static void
run_convolution (CkTestStream *stream, CkTestWork *work)
{
  const CkTestArguments *a = &work->op.arguments;

  stream->cpu->operations->convolution (stream->cpu, &a->convolution, a->p[0], a->p[1],
                                        (void *)a->p[2]);
}

static CkStatus
test_convolution (CkStream *self, const CkConvolution *shape, const float *x, const float *weight,
                  float *y)
{
  BEGIN_ARGUMENTS (operations, convolution, shape, x, weight, y);
  a->convolution = *shape;
  a->p[0] = place (stream, x, "x");
  a->p[1] = place (stream, weight, "weight");
  a->p[2] = place (stream, y, "y");
  return ck_test_enqueue (stream, work);
}

static CkBatchNorm
place_batch_norm (CkTestStream *stream, const CkBatchNorm *given)
{
  CkBatchNorm norm = *given, *op = &norm;

  PLACE (weight);
  PLACE (bias);
  PLACE (residual);
  PLACE (running_mean);
  PLACE (running_variance);
  PLACE (saved_mean);
  PLACE (saved_inverse);
  return norm;
}

static void
run_batch_norm (CkTestStream *stream, CkTestWork *work)
{
  const CkTestArguments *a = &work->op.arguments;

  stream->cpu->operations->batch_norm (stream->cpu, &a->norm, a->yes, a->p[0], (void *)a->p[1]);
}

static CkStatus
test_batch_norm (CkStream *self, const CkBatchNorm *norm, bool training, const float *x, float *y)
{
  BEGIN_ARGUMENTS (operations, batch_norm, norm, training, x, y);
  a->norm = place_batch_norm (stream, norm);
  a->yes = training;
  a->p[0] = place (stream, x, "x");
  a->p[1] = place (stream, y, "y");
  return ck_test_enqueue (stream, work);
}

static void
run_max_pool (CkTestStream *stream, CkTestWork *work)
{
  const CkTestArguments *a = &work->op.arguments;

  stream->cpu->operations->max_pool (stream->cpu, a->n[0], a->n[1], a->n[2], a->n[3], a->p[0],
                                     (void *)a->p[1], (void *)a->p[2]);
}

static CkStatus
test_max_pool (CkStream *self, int64_t batch, int64_t height, int64_t width, int64_t channels,
               const float *x, float *y, uint8_t *places)
{
  BEGIN_ARGUMENTS (operations, max_pool, batch, height, width, channels, x, y, places);
  a->n[0] = batch;
  a->n[1] = height;
  a->n[2] = width;
  a->n[3] = channels;
  a->p[0] = place (stream, x, "x");
  a->p[1] = place (stream, y, "y");
  a->p[2] = place (stream, places, "places");
  return ck_test_enqueue (stream, work);
}

static void
run_mean_pool (CkTestStream *stream, CkTestWork *work)
{
  const CkTestArguments *a = &work->op.arguments;

  stream->cpu->operations->mean_pool (stream->cpu, a->n[0], a->n[1], a->n[2], a->p[0],
                                      (void *)a->p[1]);
}

static CkStatus
test_mean_pool (CkStream *self, int64_t batch, int64_t area, int64_t channels, const float *x,
                float *y)
{
  BEGIN_ARGUMENTS (operations, mean_pool, batch, area, channels, x, y);
  a->n[0] = batch;
  a->n[1] = area;
  a->n[2] = channels;
  a->p[0] = place (stream, x, "x");
  a->p[1] = place (stream, y, "y");
  return ck_test_enqueue (stream, work);
}

static void
run_copy_rows (CkTestStream *stream, CkTestWork *work)
{
  const CkTestArguments *a = &work->op.arguments;

  stream->cpu->operations->copy_rows (stream->cpu, a->n[0], a->n[1], a->p[0], a->n[2],
                                      (void *)a->p[1], a->n[3]);
}

static CkStatus
test_copy_rows (CkStream *self, int64_t rows, int64_t cols, const float *src, int64_t src_stride,
                float *dst, int64_t dst_stride)
{
  BEGIN_ARGUMENTS (operations, copy_rows, rows, cols, src, src_stride, dst, dst_stride);
  a->n[0] = rows;
  a->n[1] = cols;
  a->p[0] = place (stream, src, "src");
  a->n[2] = src_stride;
  a->p[1] = place (stream, dst, "dst");
  a->n[3] = dst_stride;
  return ck_test_enqueue (stream, work);
}

static void
run_fill (CkTestStream *stream, CkTestWork *work)
{
  const CkTestArguments *a = &work->op.arguments;

  stream->cpu->operations->fill (stream->cpu, (void *)a->p[0], a->n[0], a->f);
}

static CkStatus
test_fill (CkStream *self, float *x, int64_t n, float value)
{
  BEGIN_ARGUMENTS (operations, fill, x, n, value);
  a->p[0] = place (stream, x, "x");
  a->n[0] = n;
  a->f = value;
  return ck_test_enqueue (stream, work);
}

static void
run_weight_dequantise (CkTestStream *stream, CkTestWork *work)
{
  const CkTestArguments *a = &work->op.arguments;

  stream->cpu->operations->weight_dequantise (stream->cpu, work->weight, a->n[0], a->n[1],
                                              (void *)a->p[0]);
}

static CkStatus
test_weight_dequantise (CkStream *self, const CkWeight *weight, int64_t first, int64_t rows,
                        float *out)
{
  BEGIN_ARGUMENTS (operations, weight_dequantise, weight, first, rows, out);
  work->weight = weight;
  a->n[0] = first;
  a->n[1] = rows;
  a->p[0] = place (stream, out, "out");
  return ck_test_enqueue (stream, work);
}

static void
run_activate_backward (CkTestStream *stream, CkTestWork *work)
{
  const CkTestArguments *a = &work->op.arguments;

  stream->cpu->training->activate_backward (stream->cpu, a->activation, a->n[0], a->p[0], a->p[1],
                                            (void *)a->p[2]);
}

static CkStatus
test_activate_backward (CkStream *self, CkActivation activation, int64_t n, const float *x,
                        const float *dy, float *dx)
{
  BEGIN_ARGUMENTS (training, activate_backward, activation, n, x, dy, dx);
  a->activation = activation;
  a->n[0] = n;
  a->p[0] = place (stream, x, "x");
  a->p[1] = place (stream, dy, "dy");
  a->p[2] = place (stream, dx, "dx");
  return ck_test_enqueue (stream, work);
}

static void
run_gate (CkTestStream *stream, CkTestWork *work)
{
  const CkTestArguments *a = &work->op.arguments;

  stream->cpu->training->gate (stream->cpu, a->n[0], a->p[0], a->p[1], (void *)a->p[2]);
}

static CkStatus
test_gate (CkStream *self, int64_t n, const float *gate, const float *up, float *y)
{
  BEGIN_ARGUMENTS (training, gate, n, gate, up, y);
  a->n[0] = n;
  a->p[0] = place (stream, gate, "gate");
  a->p[1] = place (stream, up, "up");
  a->p[2] = place (stream, y, "y");
  return ck_test_enqueue (stream, work);
}

static void
run_gate_backward (CkTestStream *stream, CkTestWork *work)
{
  const CkTestArguments *a = &work->op.arguments;

  stream->cpu->training->gate_backward (stream->cpu, a->n[0], a->p[0], a->p[1], a->p[2],
                                        (void *)a->p[3], (void *)a->p[4]);
}

static CkStatus
test_gate_backward (CkStream *self, int64_t n, const float *gate, const float *up, const float *dy,
                    float *dgate, float *dup)
{
  BEGIN_ARGUMENTS (training, gate_backward, n, gate, up, dy, dgate, dup);
  a->n[0] = n;
  a->p[0] = place (stream, gate, "gate");
  a->p[1] = place (stream, up, "up");
  a->p[2] = place (stream, dy, "dy");
  a->p[3] = place (stream, dgate, "dgate");
  a->p[4] = place (stream, dup, "dup");
  return ck_test_enqueue (stream, work);
}

static void
run_add_scaled (CkTestStream *stream, CkTestWork *work)
{
  const CkTestArguments *a = &work->op.arguments;

  stream->cpu->training->add_scaled (stream->cpu, a->n[0], a->n[1], a->p[0], a->p[1],
                                     (void *)a->p[2]);
}

static CkStatus
test_add_scaled (CkStream *self, int64_t rows, int64_t cols, const float *y, const float *scale,
                 float *x)
{
  BEGIN_ARGUMENTS (training, add_scaled, rows, cols, y, scale, x);
  a->n[0] = rows;
  a->n[1] = cols;
  a->p[0] = place (stream, y, "y");
  a->p[1] = place (stream, scale, "scale");
  a->p[2] = place (stream, x, "x");
  return ck_test_enqueue (stream, work);
}

static void
run_add_scaled_backward (CkTestStream *stream, CkTestWork *work)
{
  const CkTestArguments *a = &work->op.arguments;

  stream->cpu->training->add_scaled_backward (stream->cpu, a->n[0], a->n[1], a->p[0], a->p[1],
                                              a->p[2], (void *)a->p[3], (void *)a->p[4]);
}

static CkStatus
test_add_scaled_backward (CkStream *self, int64_t rows, int64_t cols, const float *dx,
                          const float *y, const float *scale, float *dy, float *dscale)
{
  BEGIN_ARGUMENTS (training, add_scaled_backward, rows, cols, dx, y, scale, dy, dscale);
  a->n[0] = rows;
  a->n[1] = cols;
  a->p[0] = place (stream, dx, "dx");
  a->p[1] = place (stream, y, "y");
  a->p[2] = place (stream, scale, "scale");
  a->p[3] = place (stream, dy, "dy");
  a->p[4] = place (stream, dscale, "dscale");
  return ck_test_enqueue (stream, work);
}

static void
run_dropout (CkTestStream *stream, CkTestWork *work)
{
  const CkTestArguments *a = &work->op.arguments;

  stream->cpu->training->dropout (stream->cpu, a->p[0], a->f, a->n[0], a->p[1], (void *)a->p[2]);
}

static CkStatus
test_dropout (CkStream *self, const uint64_t *key, float p, int64_t n, const float *x, float *y)
{
  BEGIN_ARGUMENTS (training, dropout, key, p, n, x, y);
  a->p[0] = place (stream, key, "key");
  a->f = p;
  a->n[0] = n;
  a->p[1] = place (stream, x, "x");
  a->p[2] = place (stream, y, "y");
  return ck_test_enqueue (stream, work);
}

static void
run_convolution_backward (CkTestStream *stream, CkTestWork *work)
{
  const CkTestArguments *a = &work->op.arguments;

  stream->cpu->training->convolution_backward (stream->cpu, &a->convolution, a->p[0], a->p[1],
                                               a->p[2], (void *)a->p[3], (void *)a->p[4]);
}

static CkStatus
test_convolution_backward (CkStream *self, const CkConvolution *shape, const float *x,
                           const float *weight, const float *dy, float *dx, float *dweight)
{
  BEGIN_ARGUMENTS (training, convolution_backward, shape, x, weight, dy, dx, dweight);
  a->convolution = *shape;
  a->p[0] = place (stream, x, "x");
  a->p[1] = place (stream, weight, "weight");
  a->p[2] = place (stream, dy, "dy");
  a->p[3] = place (stream, dx, "dx");
  a->p[4] = place (stream, dweight, "dweight");
  return ck_test_enqueue (stream, work);
}

static void
run_batch_norm_backward (CkTestStream *stream, CkTestWork *work)
{
  const CkTestArguments *a = &work->op.arguments;

  stream->cpu->training->batch_norm_backward (stream->cpu, &a->norm, a->p[0], a->p[1],
                                              (void *)a->p[2], (void *)a->p[3], (void *)a->p[4],
                                              (void *)a->p[5]);
}

static CkStatus
test_batch_norm_backward (CkStream *self, const CkBatchNorm *norm, const float *x, const float *y,
                          float *dy, float *dx, float *dweight, float *dbias)
{
  BEGIN_ARGUMENTS (training, batch_norm_backward, norm, x, y, dy, dx, dweight, dbias);
  a->norm = place_batch_norm (stream, norm);
  a->p[0] = place (stream, x, "x");
  a->p[1] = place (stream, y, "y");
  a->p[2] = place (stream, dy, "dy");
  a->p[3] = place (stream, dx, "dx");
  a->p[4] = place (stream, dweight, "dweight");
  a->p[5] = place (stream, dbias, "dbias");
  return ck_test_enqueue (stream, work);
}

static void
run_max_pool_backward (CkTestStream *stream, CkTestWork *work)
{
  const CkTestArguments *a = &work->op.arguments;

  stream->cpu->training->max_pool_backward (stream->cpu, a->n[0], a->n[1], a->n[2], a->n[3],
                                            a->p[0], a->p[1], (void *)a->p[2]);
}

static CkStatus
test_max_pool_backward (CkStream *self, int64_t batch, int64_t height, int64_t width,
                        int64_t channels, const float *dy, const uint8_t *places, float *dx)
{
  BEGIN_ARGUMENTS (training, max_pool_backward, batch, height, width, channels, dy, places, dx);
  a->n[0] = batch;
  a->n[1] = height;
  a->n[2] = width;
  a->n[3] = channels;
  a->p[0] = place (stream, dy, "dy");
  a->p[1] = place (stream, places, "places");
  a->p[2] = place (stream, dx, "dx");
  return ck_test_enqueue (stream, work);
}

static void
run_mean_pool_backward (CkTestStream *stream, CkTestWork *work)
{
  const CkTestArguments *a = &work->op.arguments;

  stream->cpu->training->mean_pool_backward (stream->cpu, a->n[0], a->n[1], a->n[2], a->p[0],
                                             (void *)a->p[1]);
}

static CkStatus
test_mean_pool_backward (CkStream *self, int64_t batch, int64_t area, int64_t channels,
                         const float *dy, float *dx)
{
  BEGIN_ARGUMENTS (training, mean_pool_backward, batch, area, channels, dy, dx);
  a->n[0] = batch;
  a->n[1] = area;
  a->n[2] = channels;
  a->p[0] = place (stream, dy, "dy");
  a->p[1] = place (stream, dx, "dx");
  return ck_test_enqueue (stream, work);
}

static void
run_add_squares (CkTestStream *stream, CkTestWork *work)
{
  const CkTestArguments *a = &work->op.arguments;

  stream->cpu->training->add_squares (stream->cpu, a->p[0], a->n[0], (void *)a->p[1]);
}

static CkStatus
test_add_squares (CkStream *self, const float *x, int64_t n, double *sum)
{
  BEGIN_ARGUMENTS (training, add_squares, x, n, sum);
  a->p[0] = place (stream, x, "x");
  a->n[0] = n;
  a->p[1] = place (stream, sum, "sum");
  return ck_test_enqueue (stream, work);
}

static void
run_clip_factor (CkTestStream *stream, CkTestWork *work)
{
  const CkTestArguments *a = &work->op.arguments;

  stream->cpu->training->clip_factor (stream->cpu, a->p[0], a->d, (void *)a->p[1]);
}

static CkStatus
test_clip_factor (CkStream *self, const double *squares, double max_norm, float *factor)
{
  BEGIN_ARGUMENTS (training, clip_factor, squares, max_norm, factor);
  a->p[0] = place (stream, squares, "squares");
  a->d = max_norm;
  a->p[1] = place (stream, factor, "factor");
  return ck_test_enqueue (stream, work);
}

static void
run_multiply (CkTestStream *stream, CkTestWork *work)
{
  const CkTestArguments *a = &work->op.arguments;

  stream->cpu->training->multiply (stream->cpu, (void *)a->p[0], a->n[0], a->f);
}

static CkStatus
test_multiply (CkStream *self, float *x, int64_t n, float factor)
{
  BEGIN_ARGUMENTS (training, multiply, x, n, factor);
  a->p[0] = place (stream, x, "x");
  a->n[0] = n;
  a->f = factor;
  return ck_test_enqueue (stream, work);
}

static void
run_add (CkTestStream *stream, CkTestWork *work)
{
  const CkTestArguments *a = &work->op.arguments;

  stream->cpu->training->add (stream->cpu, a->n[0], a->p[0], (void *)a->p[1]);
}

static CkStatus
test_add (CkStream *self, int64_t n, const float *x, float *y)
{
  BEGIN_ARGUMENTS (training, add, n, x, y);
  a->n[0] = n;
  a->p[0] = place (stream, x, "x");
  a->p[1] = place (stream, y, "y");
  return ck_test_enqueue (stream, work);
}

const CkOperations ck_test_operations = {
  .linear = test_linear,
  .norm = test_norm,
  .attention = test_attention,
  .embed = test_embed,
  .resample = test_resample,
  .activate = test_activate,
  .channels_last = test_channels_last,
  .convolution = test_convolution,
  .batch_norm = test_batch_norm,
  .max_pool = test_max_pool,
  .mean_pool = test_mean_pool,
  .copy_rows = test_copy_rows,
  .fill = test_fill,
  .weight_dequantise = test_weight_dequantise,
};

const CkTraining ck_test_training = {
  .linear_backward = test_linear_backward,
  .norm_backward = test_norm_backward,
  .attention_backward = test_attention_backward,
  .embed_backward = test_embed_backward,
  .activate_backward = test_activate_backward,
  .gate = test_gate,
  .gate_backward = test_gate_backward,
  .add_scaled = test_add_scaled,
  .add_scaled_backward = test_add_scaled_backward,
  .dropout = test_dropout,
  .convolution_backward = test_convolution_backward,
  .batch_norm_backward = test_batch_norm_backward,
  .max_pool_backward = test_max_pool_backward,
  .mean_pool_backward = test_mean_pool_backward,
  .cross_entropy = test_cross_entropy,
  .binary_cross_entropy = test_binary_cross_entropy,
  .add_squares = test_add_squares,
  .clip_factor = test_clip_factor,
  .multiply = test_multiply,
  .add = test_add,
  .adamw = test_adamw,
};
