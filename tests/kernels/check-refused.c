/* SPDX-License-Identifier: MIT */
/* Shapes that every training operation must refuse, before it touches any memory: contradictions,
 * negative sizes, sizes that overflow. */
#include "tests/kernels/gradients.h"

#include <math.h>

#define HUGE_SIZE (INT64_MAX / 2) /* times a float's size, or anything, it overflows */

/* Small memory on the device for all pointers: what is refused must not be written. */
static float *data, *out;
static float *on_host; /* of `data` */

/* CHECK_BAD (call, struct variable, field, value): the good struct works, and with the field
 * changed it is refused. */
#define CHECK_STATUS(call, made, field, value, status)                                             \
  do {                                                                                             \
    made = good;                                                                                   \
    made.field = value;                                                                            \
    CHECK ((call) == status);                                                                      \
  } while (0)
#define CHECK_BAD(call, made, field, value) CHECK_STATUS (call, made, field, value, CK_BAD_SHAPE)

static void
refuse_linear (CkStream *stream)
{
  const CkTraining *training = stream->training;
  const CkWeightSource dense = { .type = CK_F32, .out = 4, .in = 8, .host_data = on_host }, nf4 = {
    .type = CK_NF4, .out = 4, .in = 8, .host_data = on_host, .host_absmax = on_host, .block = 64
  };
  const CkAdapter lora = { .rank = 2, .scale = 1, .down = data, .up = data };
  CkLinearBackward op, good = { .rows = 2, .x = data, .y = data, .dy = data, .dx = out };
  const CkWeight *weight = weight_on_device (stream, &dense, true),
                 *four_bits = weight_on_device (stream, &nf4, true);

  good.weight = weight;
  CHECK (training->linear_backward (stream, &good) == CK_OK);
  CHECK_STATUS (training->linear_backward (stream, &op), op, rows, 0, CK_OK);
  CHECK_BAD (training->linear_backward (stream, &op), op, rows, -1);
  CHECK_BAD (training->linear_backward (stream, &op), op, rows, HUGE_SIZE);
  CHECK_BAD (training->linear_backward (stream, &op), op, gradients.up,
             out); /* without an adapter */
  CHECK_BAD (training->linear_backward (stream, &op), op, gradients.down, out);
  CHECK_BAD (training->linear_backward (stream, &op), op, gradients.gain, out);
  CHECK_STATUS (training->linear_backward (stream, &op), op, weight, four_bits, CK_OK);
  good.weight = four_bits;
  CHECK_STATUS (training->linear_backward (stream, &op), op, gradients.weight, out, CK_UNSUPPORTED);

  good.weight = weight;
  good.adapter = lora;
  CHECK (training->linear_backward (stream, &good) == CK_OK);
  CHECK_BAD (training->linear_backward (stream, &op), op, gradients.gain, out); /* LoRA has none */
  good.adapter.gain = data;
  CHECK_STATUS (training->linear_backward (stream, &op), op, gradients.gain, out, CK_OK);
  good.y = NULL;
  CHECK_BAD (training->linear_backward (stream, &op), op, gradients.gain, out);
  CHECK_STATUS (training->linear_backward (stream, &op), op, gradients.weight, out, CK_UNSUPPORTED);
  good.adapter = lora;
  CHECK_BAD (training->linear_backward (stream, &op), op, adapter.rank, -1);
  CHECK_BAD (training->linear_backward (stream, &op), op, adapter.up, NULL);
  CHECK_BAD (training->linear_backward (stream, &op), op, adapter.dropout,
             0.5f);                      /* without a key */
  for (int bits = 56; bits < 63; bits++) /* whose memory cannot even be counted */
    CHECK_BAD (training->linear_backward (stream, &op), op, adapter.rank, INT64_C (1) << bits);
  good.adapter.key = (const uint64_t *)data;
  CHECK_BAD (training->linear_backward (stream, &op), op, adapter.dropout, -0.1f);
  CHECK_BAD (training->linear_backward (stream, &op), op, adapter.dropout, 1.1f);
  CHECK_BAD (training->linear_backward (stream, &op), op, adapter.dropout, NAN);
  CHECK_BAD (training->linear_backward (stream, &op), op, adapter.kept, true); /* what? */
  good.adapter.dropout = 0.5f;
  good.adapter.low = out;
  CHECK (training->linear_backward (stream, &good) == CK_BAD_SHAPE); /* without a mask */
  good.adapter.mask = (uint8_t *)out;
  CHECK (training->linear_backward (stream, &good) == CK_BAD_SHAPE); /* that no forward wrote */
  good.adapter.kept = true;
  CHECK (training->linear_backward (stream, &good) == CK_OK);
  good.adapter.dropout = 0;
  CHECK (training->linear_backward (stream, &good) == CK_BAD_SHAPE);
}

static void
refuse_layers (CkStream *stream)
{
  const CkTraining *training = stream->training;

  {
    const CkNormBackward good = {
      .weight = data, .rows = 2, .cols = 4, .x = data, .dy = data, .dx = out
    };
    CkNormBackward op;

    CHECK (training->norm_backward (stream, &good) == CK_OK);
    CHECK_STATUS (training->norm_backward (stream, &op), op, rows, 0, CK_OK);
    CHECK_BAD (training->norm_backward (stream, &op), op, cols, 0);
    CHECK_BAD (training->norm_backward (stream, &op), op, rows, -1);
    CHECK_BAD (training->norm_backward (stream, &op), op, rows, HUGE_SIZE);
    CHECK_BAD (training->norm_backward (stream, &op), op, cols, HUGE_SIZE);
  }
  {
    const CkAttentionBackward good = { .forward = { .batch = 1,
                                                    .tokens = 2,
                                                    .heads = 2,
                                                    .head_dim = 4,
                                                    .prefix = 1,
                                                    .cos = data,
                                                    .sin = data,
                                                    .q = out,
                                                    .k = out + 16,
                                                    .v = data,
                                                    .out = ck_f32 (data) },
                                       .dout = data,
                                       .dq = out + 32,
                                       .dk = out + 32,
                                       .dv = out + 48 };
    CkAttentionBackward op;

    CHECK (training->attention_backward (stream, &good) == CK_OK);
    CHECK_BAD (training->attention_backward (stream, &op), op, forward.head_dim, 3);
    CHECK_BAD (training->attention_backward (stream, &op), op, forward.prefix, 3);
    CHECK_BAD (training->attention_backward (stream, &op), op, forward.prefix, -1);
    CHECK_BAD (training->attention_backward (stream, &op), op, forward.queries, 3);
    CHECK_BAD (training->attention_backward (stream, &op), op, forward.queries, -1);
    CHECK_BAD (training->attention_backward (stream, &op), op, forward.sin, NULL);
    CHECK_BAD (training->attention_backward (stream, &op), op, forward.batch, 0);
    CHECK_BAD (training->attention_backward (stream, &op), op, forward.heads, HUGE_SIZE);
    CHECK_BAD (training->attention_backward (stream, &op), op, forward.tokens, HUGE_SIZE);
    CHECK_STATUS (training->attention_backward (stream, &op), op, forward.products, CK_I16,
                  CK_UNSUPPORTED);
  }
}

static void
refuse_embed (CkStream *stream)
{
  const CkTraining *training = stream->training;
  const CkWeightSource dense = { .type = CK_F32, .out = 4, .in = 8, .host_data = on_host },
                       half = { .type = CK_BF16, .out = 4, .in = 8, .host_data = on_host };
  CkEmbedBackward op, good = { .forward = { .batch = 1,
                                            .channels = 2,
                                            .height = 4,
                                            .width = 4,
                                            .patch = 2,
                                            .dim = 4,
                                            .pixels = data },
                               .dtokens = data };
  const CkWeight *weight = weight_on_device (stream, &dense, true),
                 *two_bytes = weight_on_device (stream, &half, true);

  good.forward.weight = weight;
  CHECK_STATUS (training->embed_backward (stream, &op), op, dweight, out, CK_OK);
  CHECK_STATUS (training->embed_backward (stream, &op), op, dbias, out, CK_OK);
  CHECK_BAD (training->embed_backward (stream, &op), op, forward.width, 5);
  CHECK_BAD (training->embed_backward (stream, &op), op, forward.channels, 3);
  CHECK_BAD (training->embed_backward (stream, &op), op, forward.dim, 5);
  CHECK_BAD (training->embed_backward (stream, &op), op, forward.n_prefix, -1);
  CHECK_BAD (training->embed_backward (stream, &op), op, forward.batch, HUGE_SIZE);
  good.forward.weight = two_bytes;
  CHECK_STATUS (training->embed_backward (stream, &op), op, dbias, out, CK_OK);
  CHECK_STATUS (training->embed_backward (stream, &op), op, dweight, out, CK_UNSUPPORTED);
}

/* Operations on n elements, or on rows of cols. */
static void
refuse_elementwise (CkStream *stream)
{
  static const int64_t bad[] = { -1, INT64_MIN, HUGE_SIZE, INT64_MAX };
  const CkTraining *training = stream->training;
  const uint64_t *key = (const uint64_t *)data;
  CkAdamW adam = { .step = (const CkAdamWStep *)data,
                   .factor = data,
                   .gradients = data,
                   .first = out,
                   .second = out,
                   .parameters = out };

  for (int i = 0; i < 4; i++) {
    const int64_t n = bad[i];

    CHECK (stream->operations->activate (stream, CK_GELU, n, data, out) == CK_BAD_SHAPE);
    CHECK (training->activate_backward (stream, CK_GELU, n, data, data, out) == CK_BAD_SHAPE);
    CHECK (training->gate (stream, n, data, data, out) == CK_BAD_SHAPE);
    CHECK (training->gate_backward (stream, n, data, data, data, out, out) == CK_BAD_SHAPE);
    CHECK (training->add_scaled (stream, n, 2, data, NULL, out) == CK_BAD_SHAPE);
    CHECK (training->add_scaled (stream, 2, n, data, NULL, out) == CK_BAD_SHAPE);
    CHECK (training->add_scaled_backward (stream, n, 2, data, data, NULL, out, NULL) ==
           CK_BAD_SHAPE);
    CHECK (training->add_scaled_backward (stream, 2, n, data, data, NULL, out, NULL) ==
           CK_BAD_SHAPE);
    CHECK (training->dropout (stream, key, 0.5f, n, data, out) == CK_BAD_SHAPE);
    CHECK (stream->operations->copy_rows (stream, n, 2, data, 2, out, 2) == CK_BAD_SHAPE);
    CHECK (stream->operations->copy_rows (stream, 2, n, data, 2, out, 2) == CK_BAD_SHAPE);
    CHECK (stream->operations->copy_rows (stream, 2, 2, data, n, out, 2) == CK_BAD_SHAPE);
    CHECK (stream->operations->copy_rows (stream, 2, 2, data, 2, out, n) == CK_BAD_SHAPE);
    CHECK (stream->operations->fill (stream, out, n, 1) == CK_BAD_SHAPE);
    CHECK (training->multiply (stream, out, n, 1) == CK_BAD_SHAPE);
    CHECK (training->add_squares (stream, data, n, (double *)out) == CK_BAD_SHAPE);
    CHECK (training->add (stream, n, data, out) == CK_BAD_SHAPE);
    adam.n = n;
    CHECK (training->adamw (stream, &adam) == CK_BAD_SHAPE);
  }
  CHECK (stream->operations->copy_rows (stream, 2, 3, data, 3, out, 2) ==
         CK_BAD_SHAPE); /* rows of the copy would overlap */
  CHECK (training->dropout (stream, key, -0.1f, 2, data, out) == CK_BAD_SHAPE);
  CHECK (training->dropout (stream, key, 1.1f, 2, data, out) == CK_BAD_SHAPE);
  CHECK (training->dropout (stream, key, NAN, 2, data, out) == CK_BAD_SHAPE);
}

static void
refuse_convolution (CkStream *stream)
{
  static const CkConvolution bad[] = {
    { 0, 1, 3, 3, 1, 3, 1, 1 },
    { 1, 0, 3, 3, 1, 3, 1, 1 },
    { 1, 1, 3, 3, -1, 3, 1, 1 },
    { 1, 1, 3, 3, 1, 0, 1, 0 },
    { 1, 1, 3, 3, 1, 3, 0, 1 },
    { 1, 1, 3, 3, 1, 3, 1, -1 },
    { 1, 1, 3, 3, 1, 3, 1, 3 },
    { 1, 1, 3, 2, 1, 3, 1, 0 },
    { 1, 1, 2, 3, 1, 3, 1, 0 },
    { HUGE_SIZE, 1, 3, 3, 1, 3, 1, 1 },
    { 1, 1, 3, 3, 1, HUGE_SIZE, 1, 1 },
    { 1, 1, INT32_MAX, INT32_MAX, INT32_MAX, 3, 1, 1 },
    { 1, INT32_MAX, INT32_MAX, INT32_MAX, 1, 3, 1, 1 },
    { 1, INT32_MAX, 3, 3, INT32_MAX, 3, 1, 1 },
    { INT32_MAX, 1, 1, INT32_MAX, 3, INT32_MAX, 1, INT32_MAX - 1 },
  };
  const CkTraining *training = stream->training;

  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    if (stream->operations->convolution (stream, &bad[i], data, data, out) != CK_BAD_SHAPE ||
        training->convolution_backward (stream, &bad[i], data, data, data, out, out) !=
            CK_BAD_SHAPE)
      fail ("shape %d of a convolution is not refused", (int)i);
  }
}

static void
refuse_batch_norm (CkStream *stream)
{
  const CkTraining *training = stream->training;
  const CkBatchNorm good = { .rows = 2,
                             .channels = 3,
                             .weight = data,
                             .bias = data,
                             .running_mean = out + 16,
                             .running_variance = out + 20,
                             .saved_mean = out + 24,
                             .saved_inverse = out + 28 };
  CkBatchNorm norm;

  CHECK (stream->operations->batch_norm (stream, &good, true, data, out) == CK_OK);
  CHECK_STATUS (stream->operations->batch_norm (stream, &norm, false, data, out), norm, rows, 1,
                CK_OK);
  CHECK_BAD (stream->operations->batch_norm (stream, &norm, true, data, out), norm, rows, 1);
  CHECK_BAD (stream->operations->batch_norm (stream, &norm, false, data, out), norm, rows, 0);
  CHECK_BAD (stream->operations->batch_norm (stream, &norm, true, data, out), norm, rows,
             HUGE_SIZE);
  CHECK_BAD (stream->operations->batch_norm (stream, &norm, true, data, out), norm, channels, 0);
  CHECK_BAD (stream->operations->batch_norm (stream, &norm, true, data, out), norm, channels,
             HUGE_SIZE);
  CHECK_STATUS (stream->operations->batch_norm (stream, &norm, true, data, out), norm, activation,
                CK_GELU, CK_UNSUPPORTED);
  CHECK_BAD (training->batch_norm_backward (stream, &norm, data, data, out, out, NULL, NULL), norm,
             rows, 1);
  CHECK_BAD (training->batch_norm_backward (stream, &norm, data, data, out, out, NULL, NULL), norm,
             channels, -1);
  CHECK_BAD (training->batch_norm_backward (stream, &norm, data, data, out, out, NULL, NULL), norm,
             rows, HUGE_SIZE);
  CHECK_STATUS (training->batch_norm_backward (stream, &norm, data, data, out, out, NULL, NULL),
                norm, activation, CK_SILU, CK_UNSUPPORTED);
}

static void
refuse_pooling (CkStream *stream)
{
  static const int64_t bad[] = { 0, -1, INT64_MIN, HUGE_SIZE, INT64_MAX };
  const CkTraining *training = stream->training;
  uint8_t *places = (uint8_t *)out;

  for (int i = 0; i < 5 * 4; i++) {
    int64_t n[4] = { 1, 3, 3, 4 }; /* batch, height, width, channels */

    n[i % 4] = bad[i / 4];
    CHECK (stream->operations->max_pool (stream, n[0], n[1], n[2], n[3], data, out, places) ==
           CK_BAD_SHAPE);
    CHECK (training->max_pool_backward (stream, n[0], n[1], n[2], n[3], data, places, out) ==
           CK_BAD_SHAPE);
    n[2] = i % 4 == 2 ? n[2] : n[1];
    CHECK (stream->operations->mean_pool (stream, n[0], n[2], n[3], data, out) == CK_BAD_SHAPE);
    CHECK (training->mean_pool_backward (stream, n[0], n[2], n[3], data, out) == CK_BAD_SHAPE);
    CHECK (stream->operations->channels_last (stream, n[0], n[3], n[2], data, out) == CK_BAD_SHAPE);
  }
}

/* The loss is the caller's: it gets the device's copy back when the stream settles. */
static void
refuse_entropy (CkStream *stream, double *loss)
{
  const CkTraining *training = stream->training;
  const CkCrossEntropy good = { .batch = 2,
                                .classes = 4,
                                .logits = data,
                                .labels = (const int32_t *)data, /* zeros */
                                .factor = 1,
                                .loss = D_BYTES (loss, sizeof *loss) };
  CkCrossEntropy op;

  CHECK (training->cross_entropy (stream, &good) == CK_OK);
  CHECK_BAD (training->cross_entropy (stream, &op), op, batch, 0);
  CHECK_BAD (training->cross_entropy (stream, &op), op, classes, 0);
  CHECK_BAD (training->cross_entropy (stream, &op), op, batch, HUGE_SIZE);
  CHECK_BAD (training->cross_entropy (stream, &op), op, classes, HUGE_SIZE);
  CHECK_BAD (training->cross_entropy (stream, &op), op, smoothing, 1.5f);
  CHECK_BAD (training->cross_entropy (stream, &op), op, smoothing, NAN);
}

static void
refuse_binary_entropy (CkStream *stream, double *loss)
{
  const CkTraining *training = stream->training;
  const CkBinaryCrossEntropy good = { .batch = 2,
                                      .classes = 4,
                                      .logits = data,
                                      .targets = data,
                                      .factor = 1,
                                      .loss = D_BYTES (loss, sizeof *loss) };
  CkBinaryCrossEntropy op;

  CHECK (training->binary_cross_entropy (stream, &good) == CK_OK);
  CHECK_BAD (training->binary_cross_entropy (stream, &op), op, batch, 0);
  CHECK_BAD (training->binary_cross_entropy (stream, &op), op, classes, 0);
  CHECK_BAD (training->binary_cross_entropy (stream, &op), op, batch, HUGE_SIZE);
  CHECK_BAD (training->binary_cross_entropy (stream, &op), op, classes, HUGE_SIZE);
}

/* Nothing that is refused is enqueued: `out` holds what the good calls wrote, `data` zeros. */
void
check_refused_shapes (void)
{
  float *outputs = floats_filled (64, FILL_ZERO);

  case_begin ();
  floats_align (true); /* keys lie there, too */
  on_host = floats_filled (64, FILL_ZERO);
  floats_align (false);
  for (int t = 0; team (t) != NULL; t++) {
    CkStream *stream = team (t);
    double loss = 0, binary_loss = 0;

    data = D (on_host);
    out = D (outputs);
    refuse_linear (stream);
    refuse_layers (stream);
    refuse_embed (stream);
    refuse_elementwise (stream);
    refuse_convolution (stream);
    refuse_batch_norm (stream);
    refuse_pooling (stream);
    refuse_entropy (stream, &loss);
    refuse_binary_entropy (stream, &binary_loss);
    CHECK (settle (stream) == CK_OK);
    for (int i = 0; i < 64; i++)
      CHECK (on_host[i] == 0);
  }
  floats_free (on_host, 64);
  floats_free (outputs, 64);
  case_end ("refused-shapes", "all");
}
