/* SPDX-License-Identifier: MIT */
/* Weights that come from the host's memory give the bits of those in the GPU's, whether copies run
 * as late or as early as they may; and they are on their way before they are asked for. */
#include "tests/kernels/check-streamed.h"

#include "kernels/cuda/cuda-stream.h"
#include "tests/kernels/harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LAYERS = 5, ROWS = 3, WIDE = 128, PASSES = 4 };

/* A network that is as deep as wide: layer i is [widths[i + 1], widths[i]]. */
static const int64_t widths[LAYERS + 1] = { 64, 128, 64, 64, 128, 64 };

typedef struct {
  CkStream *stream;
  TestWeight tests[LAYERS];
  CkWeight *weights[LAYERS];
  float *x[LAYERS + 1]; /* device memory [ROWS, widths[i]] */
  float *dx, *dy;       /* device memory [ROWS, WIDE] */
} Network;

static void
check_ok (CkStatus status, const char *what)
{
  if (status != CK_OK)
    fail ("%s: %s", what, ck_status_text (status));
}

static void
network_open (Network *self, CkStream *stream, CkType type)
{
  *self = (Network){ .stream = stream };
  for (int i = 0; i < LAYERS; i++)
    test_weight_init (&self->tests[i], type, widths[i + 1], widths[i], FILL_RANDOM);
  for (int i = 0; i <= LAYERS; i++)
    self->x[i] = ck_alloc (stream, ROWS * WIDE * sizeof (float));
  self->dx = ck_alloc (stream, ROWS * WIDE * sizeof (float));
  self->dy = ck_alloc (stream, ROWS * WIDE * sizeof (float));
}

static void
make_weights (Network *self, int uses)
{
  for (int i = 0; i < LAYERS; i++)
    check_ok (ck_weight_new (self->stream->device, &self->tests[i].source,
                             (CkWeightUses)(ALL_USES | uses), &self->weights[i]),
              "ck_weight_new");
}

static void
free_weights (Network *self)
{
  for (int i = 0; i < LAYERS; i++)
    ck_weight_free (self->stream->device, self->weights[i]);
}

static void
network_close (Network *self)
{
  for (int i = 0; i < LAYERS; i++)
    test_weight_clear (&self->tests[i]);
  for (int i = 0; i <= LAYERS; i++)
    ck_free (self->stream, self->x[i]);
  ck_free (self->stream, self->dx);
  ck_free (self->stream, self->dy);
}

static void
enqueue_layer (Network *self, int i)
{
  const CkLinear op = { .weight = self->weights[i],
                        .rows = ROWS,
                        .x = { CK_F32, self->x[i] },
                        .y = { CK_F32, self->x[i + 1] } };

  check_ok (self->stream->operations->linear (self->stream, &op), "linear");
}

/* dx of the layers down to the first, each of which writes where the one before it read. */
static void
enqueue_backward (Network *self)
{
  float *dy = self->dy, *dx = self->dx;

  check_ok (self->stream->operations->copy_rows (self->stream, 1, ROWS * widths[LAYERS],
                                                 self->x[LAYERS], ROWS * widths[LAYERS], dy,
                                                 ROWS * widths[LAYERS]),
            "copy_rows");
  for (int i = LAYERS - 1; i >= 0; i--) {
    const CkLinearBackward op = {
      .weight = self->weights[i], .rows = ROWS, .x = self->x[i], .dy = dy, .dx = dx
    };
    float *read = dy;

    check_ok (self->stream->training->linear_backward (self->stream, &op), "linear_backward");
    dy = dx;
    dx = read;
  }
  self->dx = dy;
  self->dy = dx;
}

/* Passes forward, then forward and backward, without a wait; their last results go to `out`. */
enum { RESULTS = ROWS * (64 + 64) };

static void
run (Network *self, float *out)
{
  float pixels[ROWS * 64];

  for (int i = 0; i < ROWS * 64; i++)
    pixels[i] = (float)(i % 13) / 8 - .75f;
  check_ok (ck_upload (self->stream, self->x[0], pixels, sizeof pixels), "ck_upload");
  for (int pass = 0; pass < PASSES; pass++) {
    for (int i = 0; i < LAYERS; i++)
      enqueue_layer (self, i);
    if (pass >= PASSES / 2)
      enqueue_backward (self);
  }
  check_ok (ck_download (self->stream, out, self->x[LAYERS], ROWS * 64 * sizeof (float)),
            "ck_download");
  check_ok (ck_download (self->stream, out + ROWS * 64, self->dx, ROWS * 64 * sizeof (float)),
            "ck_download");
}

/* In one kind of products, resident and streamed. */
static void
check_products (Network *self, const char *type, const char *name, int uses)
{
  float resident[RESULTS], streamed[RESULTS];

  make_weights (self, uses);
  run (self, resident);
  free_weights (self);
  make_weights (self, uses | CK_USE_STREAMED);
  for (int round = 0; round < 2; round++) {
    memset (streamed, 0xff, sizeof streamed);
    run (self, streamed);
    if (memcmp (resident, streamed, sizeof resident) != 0)
      fail ("%s in %s: streamed weights give other bits", type, name);
  }
  free_weights (self);
}

static void
check_bits (CkStream *stream)
{
  for (int t = 0; t < 4; t++) {
    Network network;

    network_open (&network, stream, weight_types[t]);
    for (int p = 0; p < N_LINEAR_PRODUCTS; p++)
      if (has_products (stream, all_products[p]))
        check_products (&network, type_names[weight_types[t]], product_names[p], all_products[p]);
    network_close (&network);
  }
}

/* Once a pass has been seen, each weight is on its way while the one before it is used. */
static void
check_ahead (CkStream *stream)
{
  const CkCudaFetcher *fetcher = &((const CkCudaStream *)stream)->fetcher;
  Network network;
  float out[RESULTS];

  network_open (&network, stream, CK_NF4);
  make_weights (&network, CK_USE_STREAMED);
  run (&network, out);
  for (int pass = 0; pass < 3; pass++)
    for (int i = 0; i < LAYERS; i++) {
      const CkCudaSlot *current, *other;

      enqueue_layer (&network, i);
      current = &fetcher->slots[fetcher->current];
      other = &fetcher->slots[1 - fetcher->current];
      CHECK (&current->weight->base == network.weights[i]);
      if (pass == 2)
        CHECK (&other->weight->base == network.weights[(i + 1) % LAYERS]);
    }
  CHECK (ck_synchronize (stream) == CK_OK);
  free_weights (&network);
  network_close (&network);
}

/* What is recorded and replayed holds no streamed weight; the results are the same. */
static void
check_replays (CkStream *stream)
{
  Network network;
  float first[ROWS * 64], found[ROWS * 64];

  network_open (&network, stream, CK_NF4);
  make_weights (&network, CK_USE_STREAMED);
  run (&network, (float[RESULTS]){ 0 });
  check_ok (ck_download (stream, first, network.x[LAYERS], sizeof first), "ck_download");
  for (int i = 0; i < 4; i++) {
    do {
      CHECK (!ck_replay_begin (stream, 7));
      for (int layer = 0; layer < LAYERS; layer++)
        enqueue_layer (&network, layer);
    } while (!ck_replay_end (stream));
    check_ok (ck_download (stream, found, network.x[LAYERS], sizeof found), "ck_download");
    CHECK (memcmp (found, first, sizeof found) == 0);
  }
  free_weights (&network);
  network_close (&network);
}

/* They take the memory of two slots, however many they are, and what ck_weight_bytes () says. */
static void
check_memory (CkStream *stream)
{
  Network network;
  const size_t before = ck_device_free_bytes (stream->device);
  size_t most = 0, all = 0, taken;

  network_open (&network, stream, CK_F32);
  taken = before - ck_device_free_bytes (stream->device);
  for (int i = 0; i < LAYERS; i++) {
    size_t bytes = 0;

    CHECK (ck_weight_bytes (stream->device, &network.tests[i].source, ALL_USES, &bytes) == CK_OK);
    CHECK (bytes >= ck_weight_source_bytes (&network.tests[i].source));
    most = bytes > most ? bytes : most;
    all += bytes;
  }
  make_weights (&network, 0);
  CHECK (before - ck_device_free_bytes (stream->device) <= taken + all);
  CHECK (before - ck_device_free_bytes (stream->device) > taken + all / 2);
  free_weights (&network);
  make_weights (&network, CK_USE_STREAMED);
  CHECK (before - ck_device_free_bytes (stream->device) == taken);
  run (&network, (float[RESULTS]){ 0 });
  CHECK (before - ck_device_free_bytes (stream->device) <= taken + 2 * most + 1024);
  free_weights (&network);
  network_close (&network);
}

/* ---- scratch memory -------------------------------------------------------------------------- */

/* What a layer, attention and a convolution leave of scratch memory is what was said before. */
static void
check_scratch (CkStream *stream)
{
  enum { N = 24, DIM = 64, HEADS = 2, RANK = 4, SIDE = 6 };
  const CkCudaStream *cuda = (const CkCudaStream *)stream;
  TestWeight test;
  CkWeight *weight;
  size_t taken = 0;
  float *some = ck_alloc (stream, (size_t)N * N * DIM * sizeof *some);

  test_weight_init (&test, CK_NF4, DIM, DIM, FILL_RANDOM);
  const CkWeightUses uses = (CkWeightUses)(ALL_USES | CK_USE_INT8);
  const CkLinearShape linear = { .source = test.source, .uses = uses, .rows = N, .rank = RANK };
  const CkConvolution convolution = { 1, 3, SIDE, SIDE, 5, 3, 1, 1 };
  const CkAdapter adapter = {
    .rank = RANK, .scale = 1, .down = some, .up = some + DIM * RANK, .gain = some
  };
  CkAttention attention = { .batch = 1,
                            .tokens = N,
                            .heads = HEADS,
                            .head_dim = DIM / HEADS,
                            .prefix = N,
                            .products = CK_I8,
                            .q = some,
                            .k = some,
                            .v = some,
                            .out = ck_f32 (some + N * DIM) };
  const CkMemoryPlan plan = { .n_linear = 1,
                              .linear = &linear,
                              .n_convolutions = 1,
                              .convolutions = &convolution,
                              .attention = &attention,
                              .training = true };
  float *out = some + 2 * N * DIM, *more = out + N * DIM;
  const size_t planned = ck_scratch_bytes (stream->device, &plan);

  check_ok (ck_weight_new (stream->device, &test.source, uses, &weight), "ck_weight_new");
  check_ok (stream->operations->fill (stream, some, (int64_t)N * N * DIM, .25f), "fill");
  check_ok (stream->operations->linear (stream, &(CkLinear){ .weight = weight,
                                                             .adapter = adapter,
                                                             .rows = N,
                                                             .x = ck_f32 (some),
                                                             .y = ck_f32 (out) }),
            "linear");
  check_ok (stream->training->linear_backward (
                stream, &(CkLinearBackward){ .weight = weight,
                                             .adapter = adapter,
                                             .rows = N,
                                             .x = some,
                                             .dy = some,
                                             .dx = out,
                                             .gradients = { .down = more, .up = more + DIM * N } }),
            "linear_backward");
  check_ok (stream->operations->attention (stream, &attention), "attention");
  check_ok (stream->operations->convolution (stream, &convolution, some, some, out), "convolution");
  check_ok (
      stream->training->convolution_backward (stream, &convolution, some, some, some, out, more),
      "convolution_backward");
  CHECK (ck_synchronize (stream) == CK_OK);
  for (int i = 0; i < CK_CUDA_N_SCRATCH; i++)
    taken += ck_cuda_allocation_bytes (cuda->scratch[i].bytes);
  if (taken != planned)
    fail ("%zu bytes of scratch memory, %zu planned", taken, planned);
  ck_weight_free (stream->device, weight);
  ck_free (stream, some);
  test_weight_clear (&test);
}

static void
check_all (const char *device)
{
  static void (*const checks[]) (CkStream *) = { check_memory, check_ahead, check_replays,
                                                 check_bits };

  for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
    CkStream *stream = stream_open (device, "auto", 0);

    checks[i](stream);
    stream_close (stream);
  }
}

void
check_streamed (const char *device)
{
  CkStream *stream = stream_open (device, "auto", 0);

  check_scratch (stream);
  stream_close (stream);
  check_all (device);
  setenv ("COW_CUDA_EARLY", "1", 1);
  check_all (device);
  unsetenv ("COW_CUDA_EARLY");
}
