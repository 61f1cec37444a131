/* SPDX-License-Identifier: MIT */
/* Shapes that every training operation must refuse, before it touches any memory: contradictions,
 * negative sizes, sizes that overflow. */
#include "tests/kernels/gradients.h"

#include <math.h>

#define HUGE_SIZE (INT64_MAX / 2) /* times a float's size, or anything, it overflows */

/* Small memory for all pointers: what is refused must not be written. */
static float data[64], out[64];
static const float untouched[64];

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
refuse_linear (CkBackend *backend)
{
  const CkTraining *training = backend->training;
  const CkWeightSource dense = { .type = CK_F32, .out = 4, .in = 8, .data = data }, nf4 = {
    .type = CK_NF4, .out = 4, .in = 8, .data = data, .absmax = data, .block = 64
  };
  const CkAdapter lora = { .rank = 2, .scale = 1, .down = data, .up = data };
  CkAdapter adapter;
  CkLinearBackward op, good = { .rows = 2, .x = data, .y = data, .dy = data, .dx = out };
  CkWeight *weight, *four_bits;

  CHECK (backend->weight_new (backend, &dense, &weight) == CK_OK &&
         backend->weight_new (backend, &nf4, &four_bits) == CK_OK);
  good.weight = weight;
  CHECK (training->linear_backward (backend, &good) == CK_OK);
  CHECK_STATUS (training->linear_backward (backend, &op), op, rows, 0, CK_OK);
  CHECK_BAD (training->linear_backward (backend, &op), op, rows, -1);
  CHECK_BAD (training->linear_backward (backend, &op), op, rows, HUGE_SIZE);
  CHECK_BAD (training->linear_backward (backend, &op), op, gradients.up,
             out); /* without an adapter */
  CHECK_BAD (training->linear_backward (backend, &op), op, gradients.down, out);
  CHECK_BAD (training->linear_backward (backend, &op), op, gradients.gain, out);
  CHECK_STATUS (training->linear_backward (backend, &op), op, weight, four_bits, CK_OK);
  good.weight = four_bits;
  CHECK_STATUS (training->linear_backward (backend, &op), op, gradients.weight, out,
                CK_UNSUPPORTED);

  good.weight = weight;
  good.adapter = &adapter;
  adapter = lora;
  CHECK (training->linear_backward (backend, &good) == CK_OK);
  CHECK_BAD (training->linear_backward (backend, &op), op, gradients.gain, out); /* LoRA has none */
  adapter.gain = data;
  CHECK_STATUS (training->linear_backward (backend, &op), op, gradients.gain, out, CK_OK);
  good.y = NULL;
  CHECK_BAD (training->linear_backward (backend, &op), op, gradients.gain, out);
  CHECK_STATUS (training->linear_backward (backend, &op), op, gradients.weight, out,
                CK_UNSUPPORTED);
  adapter = lora, adapter.rank = -1;
  CHECK (training->linear_backward (backend, &good) == CK_BAD_SHAPE);
  for (int bits = 56; bits < 63; bits++) { /* whose memory can, or cannot even, be counted */
    CkStatus status;

    adapter.rank = INT64_C (1) << bits;
    status = training->linear_backward (backend, &good);
    CHECK (status == CK_BAD_SHAPE || status == CK_NO_MEMORY);
  }
  for (int i = 0; i < 3; i++) {
    adapter = lora, adapter.dropout = i == 0 ? -0.1f : i == 1 ? 1.1f : NAN;
    CHECK (training->linear_backward (backend, &good) == CK_BAD_SHAPE);
  }
  backend->weight_free (backend, weight);
  backend->weight_free (backend, four_bits);
}

static void
refuse_layers (CkBackend *backend)
{
  const CkTraining *training = backend->training;

  {
    const CkNormBackward good = {
      .weight = data, .rows = 2, .cols = 4, .x = data, .dy = data, .dx = out
    };
    CkNormBackward op;

    CHECK (training->norm_backward (backend, &good) == CK_OK);
    CHECK_STATUS (training->norm_backward (backend, &op), op, rows, 0, CK_OK);
    CHECK_BAD (training->norm_backward (backend, &op), op, cols, 0);
    CHECK_BAD (training->norm_backward (backend, &op), op, rows, -1);
    CHECK_BAD (training->norm_backward (backend, &op), op, rows, HUGE_SIZE);
    CHECK_BAD (training->norm_backward (backend, &op), op, cols, HUGE_SIZE);
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
                                                    .v = data },
                                       .dout = data,
                                       .dq = out + 32,
                                       .dk = out + 32,
                                       .dv = out + 48 };
    CkAttentionBackward op;

    CHECK (training->attention_backward (backend, &good) == CK_OK);
    CHECK_BAD (training->attention_backward (backend, &op), op, forward.head_dim, 3);
    CHECK_BAD (training->attention_backward (backend, &op), op, forward.prefix, 3);
    CHECK_BAD (training->attention_backward (backend, &op), op, forward.prefix, -1);
    CHECK_BAD (training->attention_backward (backend, &op), op, forward.sin, NULL);
    CHECK_BAD (training->attention_backward (backend, &op), op, forward.batch, 0);
    CHECK_BAD (training->attention_backward (backend, &op), op, forward.heads, HUGE_SIZE);
    CHECK_BAD (training->attention_backward (backend, &op), op, forward.tokens, HUGE_SIZE);
  }
}

static void
refuse_embed (CkBackend *backend)
{
  const CkTraining *training = backend->training;
  const CkWeightSource dense = { .type = CK_F32, .out = 4, .in = 8, .data = data },
                       half = { .type = CK_BF16, .out = 4, .in = 8, .data = data };
  CkEmbedBackward op, good = { .forward = { .batch = 1,
                                            .channels = 2,
                                            .height = 4,
                                            .width = 4,
                                            .patch = 2,
                                            .dim = 4,
                                            .pixels = data },
                               .dtokens = data };
  CkWeight *weight, *two_bytes;

  CHECK (backend->weight_new (backend, &dense, &weight) == CK_OK &&
         backend->weight_new (backend, &half, &two_bytes) == CK_OK);
  good.forward.weight = weight;
  CHECK_STATUS (training->embed_backward (backend, &op), op, dweight, out, CK_OK);
  CHECK_STATUS (training->embed_backward (backend, &op), op, dbias, out, CK_OK);
  CHECK_BAD (training->embed_backward (backend, &op), op, forward.width, 5);
  CHECK_BAD (training->embed_backward (backend, &op), op, forward.channels, 3);
  CHECK_BAD (training->embed_backward (backend, &op), op, forward.dim, 5);
  CHECK_BAD (training->embed_backward (backend, &op), op, forward.n_prefix, -1);
  CHECK_BAD (training->embed_backward (backend, &op), op, forward.batch, HUGE_SIZE);
  good.forward.weight = two_bytes;
  CHECK_STATUS (training->embed_backward (backend, &op), op, dbias, out, CK_OK);
  CHECK_STATUS (training->embed_backward (backend, &op), op, dweight, out, CK_UNSUPPORTED);
  backend->weight_free (backend, weight);
  backend->weight_free (backend, two_bytes);
}

/* Operations on n elements, or on rows of cols. */
static void
refuse_elementwise (CkBackend *backend)
{
  static const int64_t bad[] = { -1, INT64_MIN, HUGE_SIZE, INT64_MAX };
  const CkTraining *training = backend->training;
  const CkAdamW adam = { 1e-3, 0.9, 0.999, 1e-8, 0, 1 }, early = { 1e-3, 0.9, 0.999, 1e-8, 0, 0 };
  double sum;

  for (int i = 0; i < 4; i++) {
    const int64_t n = bad[i];

    CHECK (training->activate (backend, CK_GELU, n, data, out) == CK_BAD_SHAPE);
    CHECK (training->activate_backward (backend, CK_GELU, n, data, data, out) == CK_BAD_SHAPE);
    CHECK (training->gate (backend, n, data, data, out) == CK_BAD_SHAPE);
    CHECK (training->gate_backward (backend, n, data, data, data, out, out) == CK_BAD_SHAPE);
    CHECK (training->add_scaled (backend, n, 2, data, NULL, out) == CK_BAD_SHAPE);
    CHECK (training->add_scaled (backend, 2, n, data, NULL, out) == CK_BAD_SHAPE);
    CHECK (training->add_scaled_backward (backend, n, 2, data, data, NULL, out, NULL) ==
           CK_BAD_SHAPE);
    CHECK (training->add_scaled_backward (backend, 2, n, data, data, NULL, out, NULL) ==
           CK_BAD_SHAPE);
    CHECK (training->dropout (backend, 0, 0.5f, n, data, out) == CK_BAD_SHAPE);
    CHECK (training->copy_rows (backend, n, 2, data, 2, out, 2) == CK_BAD_SHAPE);
    CHECK (training->copy_rows (backend, 2, n, data, 2, out, 2) == CK_BAD_SHAPE);
    CHECK (training->copy_rows (backend, 2, 2, data, n, out, 2) == CK_BAD_SHAPE);
    CHECK (training->copy_rows (backend, 2, 2, data, 2, out, n) == CK_BAD_SHAPE);
    CHECK (training->fill (backend, out, n, 1) == CK_BAD_SHAPE);
    CHECK (training->multiply (backend, out, n, 1) == CK_BAD_SHAPE);
    CHECK (training->sum_squares (backend, data, n, &sum) == CK_BAD_SHAPE);
    CHECK (training->adamw (backend, &adam, 1, n, data, out, out, out) == CK_BAD_SHAPE);
  }
  CHECK (training->adamw (backend, &early, 1, 2, data, out, out, out) == CK_BAD_SHAPE);
  CHECK (training->copy_rows (backend, 2, 3, data, 3, out, 2) ==
         CK_BAD_SHAPE); /* rows of the copy would overlap */
  CHECK (training->dropout (backend, 0, -0.1f, 2, data, out) == CK_BAD_SHAPE);
  CHECK (training->dropout (backend, 0, 1.1f, 2, data, out) == CK_BAD_SHAPE);
  CHECK (training->dropout (backend, 0, NAN, 2, data, out) == CK_BAD_SHAPE);
}

static void
refuse_convolution (CkBackend *backend)
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
  const CkTraining *training = backend->training;

  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    if (training->convolution (backend, &bad[i], data, data, out) != CK_BAD_SHAPE ||
        training->convolution_backward (backend, &bad[i], data, data, data, out, out) !=
            CK_BAD_SHAPE)
      fail ("shape %d of a convolution is not refused", (int)i);
  }
}

static void
refuse_batch_norm (CkBackend *backend)
{
  const CkTraining *training = backend->training;
  const CkBatchNorm good = { .rows = 2,
                             .channels = 3,
                             .weight = data,
                             .bias = data,
                             .running_mean = out + 16,
                             .running_variance = out + 20,
                             .saved_mean = out + 24,
                             .saved_inverse = out + 28 };
  CkBatchNorm norm;

  CHECK (training->batch_norm (backend, &good, true, data, out) == CK_OK);
  CHECK_STATUS (training->batch_norm (backend, &norm, false, data, out), norm, rows, 1, CK_OK);
  CHECK_BAD (training->batch_norm (backend, &norm, true, data, out), norm, rows, 1);
  CHECK_BAD (training->batch_norm (backend, &norm, false, data, out), norm, rows, 0);
  CHECK_BAD (training->batch_norm (backend, &norm, true, data, out), norm, rows, HUGE_SIZE);
  CHECK_BAD (training->batch_norm (backend, &norm, true, data, out), norm, channels, 0);
  CHECK_BAD (training->batch_norm (backend, &norm, true, data, out), norm, channels, HUGE_SIZE);
  CHECK_STATUS (training->batch_norm (backend, &norm, true, data, out), norm, activation, CK_GELU,
                CK_UNSUPPORTED);
  CHECK_BAD (training->batch_norm_backward (backend, &norm, data, data, out, out, NULL, NULL), norm,
             rows, 1);
  CHECK_BAD (training->batch_norm_backward (backend, &norm, data, data, out, out, NULL, NULL), norm,
             channels, -1);
  CHECK_BAD (training->batch_norm_backward (backend, &norm, data, data, out, out, NULL, NULL), norm,
             rows, HUGE_SIZE);
  CHECK_STATUS (training->batch_norm_backward (backend, &norm, data, data, out, out, NULL, NULL),
                norm, activation, CK_SILU, CK_UNSUPPORTED);
}

static void
refuse_pooling (CkBackend *backend)
{
  static const int64_t bad[] = { 0, -1, INT64_MIN, HUGE_SIZE, INT64_MAX };
  const CkTraining *training = backend->training;
  uint8_t places[16] = { 0 };

  for (int i = 0; i < 5 * 4; i++) {
    int64_t n[4] = { 1, 3, 3, 4 }; /* batch, height, width, channels */

    n[i % 4] = bad[i / 4];
    CHECK (training->max_pool (backend, n[0], n[1], n[2], n[3], data, out, places) == CK_BAD_SHAPE);
    CHECK (training->max_pool_backward (backend, n[0], n[1], n[2], n[3], data, places, out) ==
           CK_BAD_SHAPE);
    n[2] = i % 4 == 2 ? n[2] : n[1];
    CHECK (training->mean_pool (backend, n[0], n[2], n[3], data, out) == CK_BAD_SHAPE);
    CHECK (training->mean_pool_backward (backend, n[0], n[2], n[3], data, out) == CK_BAD_SHAPE);
    CHECK (training->channels_last (backend, n[0], n[3], n[2], data, out) == CK_BAD_SHAPE);
  }
}

static void
refuse_entropy (CkBackend *backend)
{
  const CkTraining *training = backend->training;
  const int32_t labels[2] = { 1, 3 }, low = -1;
  double loss;

  CHECK (training->cross_entropy (backend, 2, 4, data, labels, NULL, 0, 1, &loss, NULL) == CK_OK);
  CHECK (training->cross_entropy (backend, 2, 3, data, labels, NULL, 0, 1, &loss, out) ==
         CK_BAD_SHAPE);
  CHECK (training->cross_entropy (backend, 1, 3, data, &low, NULL, 0, 1, &loss, out) ==
         CK_BAD_SHAPE);
  CHECK (training->cross_entropy (backend, 0, 4, data, labels, NULL, 0, 1, &loss, out) ==
         CK_BAD_SHAPE);
  CHECK (training->cross_entropy (backend, 2, 0, data, labels, NULL, 0, 1, &loss, out) ==
         CK_BAD_SHAPE);
  CHECK (training->cross_entropy (backend, HUGE_SIZE, 4, data, labels, NULL, 0, 1, &loss, out) ==
         CK_BAD_SHAPE);
  CHECK (training->cross_entropy (backend, 2, HUGE_SIZE, data, labels, NULL, 0, 1, &loss, out) ==
         CK_BAD_SHAPE);
  CHECK (training->cross_entropy (backend, 2, 4, data, labels, NULL, 1.5f, 1, &loss, out) ==
         CK_BAD_SHAPE);
  CHECK (training->cross_entropy (backend, 2, 4, data, labels, NULL, NAN, 1, &loss, out) ==
         CK_BAD_SHAPE);
}

void
check_refused_shapes (void)
{
  case_begin ();
  for (int t = 0; team (t) != NULL; t++) {
    refuse_linear (team (t));
    refuse_layers (team (t));
    refuse_embed (team (t));
    refuse_elementwise (team (t));
    refuse_convolution (team (t));
    refuse_batch_norm (team (t));
    refuse_pooling (team (t));
    refuse_entropy (team (t));
  }
  compare_floats ("inputs", data, untouched, 64, 0, 0);
  case_end ("refused-shapes", "all");
}
