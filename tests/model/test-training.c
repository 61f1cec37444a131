/* SPDX-License-Identifier: MIT */
/*
 * Networks in training: recomputation, threads, saving, what a classifier makes of a saved folder,
 * going on from one, how often DoRA's norms are computed, and its dropout against PEFT's formula.
 */
#include <math.h>
#include <string.h>

#include "model/files/vit-sizes.h"
#include "model/files/vit-layout.h"
#include "model/network/classifier.h"
#include "model/training/random.h"
#include "model/training/vit-train-private.h"
#include "tests/model/golden.h"
#include "tests/model/scratch.h"
#include "kernels/device.h"
#include "tests/model/training.h"

static gsize
bytes_of (Training *training)
{
  return cow_network_parameters (training->network)->count * sizeof (float);
}

/* ---- the same numbers ------------------------------------------------------------------------ */

/* The precisions that products of linear layers have. */
static const CowPrecision precisions[] = { COW_PRECISION_FP32, COW_PRECISION_INT16 };

static gboolean
has_layers (const TrainingCase *sort)
{
  return sort->kind != COW_NETWORK_FROZEN && sort->kind != COW_NETWORK_RESNET18;
}

static guint
n_precisions (const TrainingCase *sort)
{
  return has_layers (sort) ? G_N_ELEMENTS (precisions) : 1;
}

/* With gradient checkpointing the backward pass repeats the forward's random numbers: bit for bit
 * the same loss and gradients. */
static void
recompute (gconstpointer data, CowPrecision precision)
{
  TrainingHow how = { .adapter_dropout = .3f, .head_dropout = .4f, .precision = precision };
  Training *kept = training_new (data, &how);
  how.checkpointing = TRUE;
  Training *recomputed = training_new (data, &how);
  for (guint64 key = 1; key <= 2; key++)
    g_assert_cmpfloat (training_pass (kept, key, TRUE), ==, training_pass (recomputed, key, TRUE));
  g_autofree float *a = training_gradients (kept), *b = training_gradients (recomputed);
  g_assert_cmpmem (a, bytes_of (kept), b, bytes_of (recomputed));
  training_free (kept);
  training_free (recomputed);
}

static void
test_recomputation (gconstpointer data)
{
  for (guint i = 0; i < n_precisions (data); i++)
    recompute (data, precisions[i]);
}

/* Gradients where products are of whole numbers of 16 bits are those of fp32 but for what the
 * numbers are rounded by, and not exactly those: the option does something. */
static void
test_precision (gconstpointer data)
{
  if (!has_layers (data))
    return;
  const TrainingHow exact = { 0 }, rounded = { .precision = COW_PRECISION_INT16 };
  Training *want = training_new (data, &exact), *got = training_new (data, &rounded);
  g_assert_cmpfloat_with_epsilon (training_pass (got, 1, TRUE), training_pass (want, 1, TRUE),
                                  1e-4);
  g_autofree float *a = training_gradients (got), *b = training_gradients (want);
  const double off = training_distance (a, b, cow_network_parameters (want->network)->count);
  g_test_message ("gradients differ by %g", off);
  g_assert_cmpfloat (off, >, 1e-6);
  g_assert_cmpfloat (off, <, 3e-4);
  training_free (want);
  training_free (got);
}

static float *
train_on (const TrainingCase *sort, int threads, CowPrecision precision, float *logits)
{
  const TrainingHow how = { .threads = threads,
                            .adapter_dropout = .3f,
                            .head_dropout = .4f,
                            .fresh = TRUE,
                            .precision = precision };
  Training *training = training_new (sort, &how);
  for (int step = 1; step <= 3; step++)
    training_step (training, step);
  float *values = training_values (training);
  g_autofree float *last = training_logits (training);
  memcpy (logits, last, sizeof *logits * (gsize)sort->batch * TRAINING_CLASSES);
  for (gsize i = 0; i < cow_network_parameters (training->network)->count; i++)
    g_assert_true (isfinite (values[i]));
  training_free (training);
  return values;
}

/* One seed, one result, whatever the number of threads. */
static void
compare_threads (const TrainingCase *sort, CowPrecision precision)
{
  const gsize logits = sizeof (float) * (gsize)sort->batch * TRAINING_CLASSES;
  float one_logits[4 * TRAINING_CLASSES], more_logits[4 * TRAINING_CLASSES];
  g_autofree float *one = train_on (sort, 1, precision, one_logits);
  const TrainingHow how = { .fresh = TRUE };
  Training *untrained = training_new (sort, &how);
  g_autofree float *before = training_values (untrained);
  for (int threads = 2; threads <= 3; threads++) {
    g_autofree float *more = train_on (sort, threads, precision, more_logits);
    g_assert_cmpmem (one, bytes_of (untrained), more, bytes_of (untrained));
    g_assert_cmpmem (one_logits, logits, more_logits, logits);
  }
  g_assert_cmpint (memcmp (one, before, bytes_of (untrained)), !=, 0);
  training_free (untrained);
}

static void
test_threads (gconstpointer data)
{
  for (guint i = 0; i < n_precisions (data); i++)
    compare_threads (data, precisions[i]);
}

/* ---- saved folders --------------------------------------------------------------------------- */

/* The logits of a classifier that opens a saved folder as the element does. */
static float *
classify (Training *training, const char *folder)
{
  GError *error = NULL;
  const TrainingCase *sort = training->sort;
  CowOutput output;
  g_autofree char *base = training_base (sort);
  g_assert_cmpint (cow_classifier_needs_model (folder), ==, base != NULL);
  g_autoptr (CowClassifier) classifier =
      cow_classifier_new (&(CowClassifierOptions){ .model = base, .adapter = folder }, &error);
  g_assert_no_error (error);
  g_assert_true (cow_classifier_run_tokens (classifier, training->pixels, sort->batch, sort->side,
                                            sort->side, &output, &error));
  g_assert_no_error (error);
  g_assert_cmpint (output.n_tokens, ==,
                   cow_classifier_n_tokens (classifier, sort->side, sort->side));
  g_assert_cmpint (output.n_tokens > 0, ==, output.last_hidden_state != NULL);
  return g_memdup2 (output.logits, (gsize)sort->batch * TRAINING_CLASSES * sizeof (float));
}

static void
assert_near (const float *found, const float *expected, gsize n, double limit)
{
  for (gsize i = 0; i < n; i++)
    g_assert_cmpfloat_with_epsilon (found[i], expected[i], limit);
}

/* What was trained is what runs: a classifier of the saved folder gives the logits that the
 * training network gives. */
static void
check_saved (const TrainingCase *sort, const TrainingHow *how)
{
  Training *training = training_new (sort, how);
  char *folder = scratch_new ();
  for (int step = 1; step <= 2; step++)
    training_step (training, step);
  training_save (training, folder);
  g_autofree float *expected = training_logits (training), *found = classify (training, folder);
  assert_near (found, expected, (gsize)training->sort->batch * TRAINING_CLASSES, 2e-5);
  scratch_free (folder);
  training_free (training);
}

static void
test_saved (gconstpointer data)
{
  check_saved (data, &(TrainingHow){ .adapter_dropout = .1f, .head_dropout = .2f });
}

/* An adapter that was saved goes on with the numbers that it stopped with. */
static void
test_reopened (gconstpointer data)
{
  const TrainingCase *sort = data;
  char *folder = scratch_new ();
  Training *first = training_new (sort, &(TrainingHow){ .fresh = TRUE });
  for (int step = 1; step <= 2; step++)
    training_step (first, step);
  training_save (first, folder);
  Training *second = training_new (sort, &(TrainingHow){ .start = folder });
  g_autofree float *a = training_values (first), *b = training_values (second),
                   *x = training_logits (first), *y = training_logits (second);
  g_assert_cmpmem (a, bytes_of (first), b, bytes_of (second));
  g_assert_cmpmem (x, sizeof (float) * (gsize)sort->batch * TRAINING_CLASSES, y,
                   sizeof (float) * (gsize)sort->batch * TRAINING_CLASSES);
  scratch_free (folder);
  training_free (first);
  training_free (second);
}

/* A fresh adapter changes nothing yet: B is 0, and DoRA's magnitudes are the norms of the rows. */
static void
check_fresh (const TrainingCase *sort, const TrainingHow *how)
{
  Training *adapted = training_new (sort, how);
  GError *error = NULL;
  char *folder = scratch_new ();
  g_autofree char *base = training_base (sort);
  CowOutput output;
  training_save (adapted, folder);
  g_autofree float *expected = training_logits (adapted);
  Training *frozen = training_new (training_case ("frozen"), &(TrainingHow){ .start = folder });
  g_autoptr (CowClassifier) classifier =
      cow_classifier_new (&(CowClassifierOptions){ .model = base }, &error);
  g_assert_no_error (error);
  g_assert_true (cow_classifier_run (classifier, adapted->pixels, sort->batch, sort->side,
                                     sort->side, &output, &error));
  guint n;
  g_assert_true (cow_network_forward (frozen->network, output.pooler_output, sort->batch, 0, 0,
                                      FALSE, 0, &error));
  const CowPass *pass = cow_network_read (frozen->network, &n, NULL, &error);
  g_assert_no_error (error);
  assert_near (pass->logits, expected, (gsize)sort->batch * TRAINING_CLASSES, 2e-5);
  scratch_free (folder);
  training_free (adapted);
  training_free (frozen);
}

static void
test_fresh (gconstpointer data)
{
  check_fresh (data, &(TrainingHow){ .fresh = TRUE });
}

/* PiSSA and OLoRA take out of the base what they start with, in 4 bits too, and what they train is
 * saved for the base as it is. */
static void
test_init (gconstpointer data)
{
  for (CowLoraInit init = COW_INIT_PISSA; init <= COW_INIT_OLORA; init++)
    for (int rslora = 0; rslora < 2; rslora++) {
      TrainingHow how = { .fresh = TRUE, .init = init, .rslora = rslora };
      check_fresh (data, &how);
      how.adapter_dropout = how.head_dropout = .2f;
      check_saved (data, &how);
    }
}

/* LoRA+: a first step of Adam is the rate, whatever the gradient, so that lora_B and vectors go
 * further by the ratio; biases do so without decay. */
static void
test_rates (void)
{
  GError *error = NULL;
  const double rate = 1e-3, ratio = 8, decay = .5;
  Training *training = training_new (training_case ("dora-q"), &(TrainingHow){ 0 });
  CowParameters *parameters = cow_network_parameters (training->network);
  const CowAdamW settings = { rate, .9, .999, 1e-12, decay, 1, ratio };
  g_autofree float *before = training_values (training);
  training_pass (training, 1, TRUE);
  g_assert_true (cow_network_step (training->network, &settings, 0, &error));
  g_assert_no_error (error);
  g_autofree float *after = training_values (training), *slopes = training_gradients (training);
  guint n_rates[3] = { 0 };
  for (guint i = 0; i < parameters->list->len; i++) {
    const CowParameter *p = cow_parameters_get (parameters, i);
    const gboolean bias = g_str_has_suffix (p->name, "bias");
    const gboolean far = bias || strstr (p->name, "lora_B") || strstr (p->name, "magnitude");
    const double step = far ? ratio * rate : rate;
    for (gsize k = p->offset; k < p->offset + p->count; k++) {
      const double expected =
          before[k] * (1 - (bias ? 0 : step * decay)) - copysign (step, slopes[k]);
      if (fabsf (slopes[k]) > 1e-6f)
        g_assert_cmpfloat_with_epsilon (after[k], expected, 1e-3 * step + 1e-6 * fabs (before[k]));
    }
    n_rates[bias ? 2 : far]++;
  }
  g_assert_true (n_rates[0] > 0 && n_rates[1] > 0 && n_rates[2] > 0);
  training_free (training);
}

/* The mean of the values after three steps, of which each counts .6 times the next; what is
 * computed with it differs, and afterwards all is as it was. */
static void
test_mean (gconstpointer data)
{
  const TrainingCase *sort = data;
  const gsize n_logits = (gsize)sort->batch * TRAINING_CLASSES;
  GError *error = NULL;
  Training *training = training_new (sort, &(TrainingHow){ 0 });
  CowParameters *parameters = cow_network_parameters (training->network);
  g_autofree double *expected = g_new0 (double, parameters->count);
  double weights = 0;

  g_assert_true (cow_parameters_keep_mean (parameters, .6, &error));
  g_assert_true (cow_network_show_mean (training->network, 0, &error)); /* there is none yet */
  for (int step = 1; step <= 3; step++) {
    training_step (training, step);
    g_autofree float *values = training_values (training);
    weights = .6 * weights + 1;
    for (gsize i = 0; i < parameters->count; i++)
      expected[i] = .6 * expected[i] + (double)values[i];
  }
  g_autofree float *last = training_values (training), *logits = training_logits (training);
  for (int again = 0; again < 2; again++)
    g_assert_true (cow_network_show_mean (training->network, 3, &error));
  g_assert_no_error (error);
  g_autofree float *mean = training_values (training), *others = training_logits (training);
  for (gsize i = 0; i < parameters->count; i++)
    g_assert_cmpfloat_with_epsilon (mean[i], expected[i] / weights,
                                    1e-6 * (1 + fabs (expected[i])));
  g_assert_cmpint (memcmp (logits, others, n_logits * sizeof *logits), !=, 0);
  for (int again = 0; again < 2; again++)
    g_assert_true (cow_network_show_values (training->network, &error));
  g_autofree float *back = training_values (training), *same = training_logits (training);
  g_assert_cmpmem (back, bytes_of (training), last, bytes_of (training));
  g_assert_cmpmem (same, n_logits * sizeof *same, logits, n_logits * sizeof *logits);
  training_free (training);
}

/* State that is no parameter comes back too: a ResNet's running statistics. */
static void
test_buffers (void)
{
  const TrainingCase *sort = training_case ("resnet18");
  GError *error = NULL;
  gsize n, m;
  float *from, *to;
  Training *trained = training_new (sort, &(TrainingHow){ 0 }),
           *other = training_new (sort, &(TrainingHow){ 0 });
  for (int step = 1; step <= 2; step++)
    training_step (trained, step);
  g_autofree float *values = training_values (trained), *expected = training_logits (trained);
  g_assert_cmpuint (cow_network_n_buffers (trained->network), ==, 1);
  g_assert_cmpstr (cow_network_buffer (trained->network, 0, &n, &from, &error), ==,
                   "running_statistics");
  g_assert_nonnull (cow_network_buffer (other->network, 0, &m, &to, &error));
  g_assert_cmpuint (n, ==, m);
  g_assert_cmpint (memcmp (from, to, n * sizeof (float)), !=, 0);
  g_assert_cmpfloat (from[n - 1], ==, 2); /* batches seen */
  memcpy (to, from, n * sizeof (float));
  g_assert_cmpint (ck_upload (other->stream, cow_network_parameters (other->network)->values,
                              values, bytes_of (other)),
                   ==, CK_OK);
  g_assert_true (cow_network_refresh (other->network, &error));
  g_assert_no_error (error);
  g_autofree float *found = training_logits (other);
  g_assert_cmpmem (found, sizeof (float) * (gsize)sort->batch * TRAINING_CLASSES, expected,
                   sizeof (float) * (gsize)sort->batch * TRAINING_CLASSES);
  training_free (trained);
  training_free (other);
}

/* ---- DoRA ------------------------------------------------------------------------------------ */

static CkOperations real_operations;
static int n_linears, n_dequantised;

static CkStatus
counted_linear (CkStream *stream, const CkLinear *op)
{
  n_linears++;
  return real_operations.linear (stream, op);
}

static CkStatus
counted_dequantise (CkStream *stream, const CkWeight *weight, int64_t first, int64_t rows,
                    float *out)
{
  n_dequantised++;
  return real_operations.weight_dequantise (stream, weight, first, rows, out);
}

/* Calls of `linear` and `weight_dequantise` during a micro-batch and, after it, a step. */
static void
count (const char *name, gboolean checkpointing, int *linears, int *dequantised)
{
  GError *error = NULL;
  Training *training =
      training_new (training_case (name), &(TrainingHow){ .checkpointing = checkpointing });
  const CowAdamW settings = { 1e-3, .9, .999, 1e-8, .01, 1, 1 };
  CkOperations counted = *training->stream->operations;
  real_operations = counted;
  counted.linear = counted_linear;
  counted.weight_dequantise = counted_dequantise;
  training->stream->operations = &counted;
  n_linears = n_dequantised = 0;
  training_pass (training, 1, TRUE);
  linears[0] = n_linears;
  dequantised[0] = n_dequantised;
  n_linears = n_dequantised = 0;
  g_assert_true (cow_network_step (training->network, &settings, 1, &error));
  linears[1] = n_linears;
  dequantised[1] = n_dequantised;
  training->stream->operations = &real_operations;
  training_free (training);
}

/* DoRA's norms cost three small products a module and optimiser step, and nothing in a micro-batch
 * or a recomputation: passes compute the network's own linear layers only, seven a gated layer, and
 * the head's three. |W|^2 is never computed again, and neither is a layer's last product.
 */
static void
test_norms_once_a_step (void)
{
  int linears[2], dequantised[2];
  for (int checkpointing = 0; checkpointing < 2; checkpointing++) {
    count ("dora-all-gated", checkpointing, linears, dequantised);
    /* Recomputed is every layer but the last, whose values are still there. */
    g_assert_cmpint (linears[0], ==, 2 * 7 + 3 + (checkpointing ? 6 : 0));
    g_assert_cmpint (linears[1], ==, 3 * 2 * 7);
    g_assert_cmpint (dequantised[1], ==, 0);
  }
  count ("lora-all", FALSE, linears, dequantised);
  g_assert_cmpint (linears[0], ==, 2 * 6 + 3);
  g_assert_cmpint (linears[1], ==, 0);
}

/* y [rows, out] = x w^T in double. */
static double *
product (const float *x, int rows, const float *w, int out, int in)
{
  double *y = g_new0 (double, rows *out);
  for (int r = 0; r < rows; r++)
    for (int o = 0; o < out; o++)
      for (int c = 0; c < in; c++)
        y[r * out + o] += (double)x[r * in + c] * w[o * in + c];
  return y;
}

static float *
narrow (const double *x, gsize n)
{
  float *y = g_new (float, n);
  for (gsize i = 0; i < n; i++)
    y[i] = (float)x[i];
  return y;
}

static float *
to_host (CkStream *stream, const float *device, gsize n)
{
  float *host = g_new (float, n);
  g_assert_cmpint (ck_download (stream, host, device, n * sizeof (float)), ==, CK_OK);
  return host;
}

/* One layer of DoRA with dropout: b + g (W x + s B A d), d being x after dropout, g = m / norm
 * (model/README.md says why W x has none). */
static void
test_dora_dropout (gconstpointer data)
{
  enum { ROWS = 5, HIDDEN = 128 };
  const float p = GPOINTER_TO_INT (data) ? .3f : 0;
  const guint64 key = 17;
  Training *training = training_new (training_case ("dora-q"), &(TrainingHow){ 0 });
  CkStream *stream = training->stream;
  const CowTrainLinear *layer =
      &((CowVitTrain *)cow_network_backbone (training->network))->layers[1][COW_Q];
  const CkAdapter *adapter = &layer->base.adapter;
  const int rank = (int)adapter->rank;
  const gsize n = ROWS * HIDDEN, bytes = n * sizeof (float);
  g_autofree float *x = g_new (float, n);
  for (gsize i = 0; i < n; i++)
    x[i] = (float)(2 * cow_random_unit (3, i) - 1);
  float *on_device = ck_alloc (stream, 3 * bytes), *weight = ck_alloc (stream, 4 * HIDDEN * HIDDEN);
  guint64 *key_on_device = ck_alloc (stream, sizeof key);
  const CowTrainDropout dropout = { .p = p, .key = key_on_device };
  g_assert_cmpint (ck_upload (stream, on_device, x, bytes), ==, CK_OK);
  g_assert_cmpint (ck_upload (stream, key_on_device, &key, sizeof key), ==, CK_OK);
  g_assert_cmpint (
      stream->operations->weight_dequantise (stream, layer->base.weight, 0, HIDDEN, weight), ==,
      CK_OK);
  g_assert_cmpint (
      stream->training->dropout (stream, key_on_device, p, (gint64)n, on_device, on_device + n), ==,
      CK_OK);
  g_assert_cmpint (cow_train_linear_forward (layer, ROWS, on_device, &dropout, on_device + 2 * n),
                   ==, CK_OK);
  g_autofree float *w = to_host (stream, weight, HIDDEN * HIDDEN),
                   *d = to_host (stream, on_device + n, n),
                   *y = to_host (stream, on_device + 2 * n, n);
  g_autofree float *down = to_host (stream, adapter->down, (gsize)rank * HIDDEN),
                   *up = to_host (stream, adapter->up, HIDDEN * (gsize)rank),
                   *gain = to_host (stream, adapter->gain, HIDDEN),
                   *bias = to_host (stream, layer->base.bias, HIDDEN);
  ck_free (stream, on_device);
  ck_free (stream, weight);
  ck_free (stream, key_on_device);
  g_autofree double *wx = product (x, ROWS, w, HIDDEN, HIDDEN),
                    *ad = product (d, ROWS, down, rank, HIDDEN);
  g_autofree float *low = narrow (ad, (gsize)(ROWS * rank));
  g_autofree double *bad = product (low, ROWS, up, HIDDEN, rank);
  int n_dropped = 0;
  for (int i = 0; i < ROWS * HIDDEN; i++) {
    const int o = i % HIDDEN;
    const double expected = bias[o] + gain[o] * (wx[i] + (double)adapter->scale * bad[i]);
    g_assert_cmpfloat_with_epsilon (y[i], expected, 2e-5);
    n_dropped += d[i] == 0;
  }
  g_assert_cmpfloat_with_epsilon (n_dropped, p * ROWS * HIDDEN, .1 * ROWS * HIDDEN);
  training_free (training);
}

/* ---- memory ---------------------------------------------------------------------------------- */

static const CkDeviceClass *real_class;
static GHashTable *allocated; /* bytes by address */
static gsize allocated_bytes;

static void *
counted_alloc (CkStream *stream, size_t bytes)
{
  void *memory = real_class->alloc (stream, bytes);
  allocated_bytes += bytes;
  g_hash_table_insert (allocated, memory, GSIZE_TO_POINTER (bytes));
  return memory;
}

static void
counted_free (CkStream *stream, void *memory)
{
  allocated_bytes -= GPOINTER_TO_SIZE (g_hash_table_lookup (allocated, memory));
  g_hash_table_remove (allocated, memory);
  real_class->free (stream, memory);
}

/* What a network reserves in its first pass is what is predicted, and the few rows of the pictures,
 * the positions and the head. */
static void
test_memory (gconstpointer data)
{
  const TrainingCase *sort = data;
  for (int checkpointing = 0; checkpointing < 2; checkpointing++) {
    const TrainingHow how = { .checkpointing = checkpointing, .adapter_dropout = .3f };
    Training *training = training_new (sort, &how);
    CowNetwork *network = training->network;
    const CowNetworkOptions options = { .kind = sort->kind,
                                        .rank = sort->rank,
                                        .adapter_dropout =
                                            training->device->keeps_dropout ? .3f : 0,
                                        .targets = training_targets (sort) };
    const CowTrainedBackbone *backbone = cow_network_backbone (network); /* NULL: features */
    const gsize predicted =
        cow_network_activation_bytes (&options, backbone ? &backbone->config : NULL, sort->batch,
                                      sort->side, sort->side, checkpointing);
    real_class = training->device->klass;
    CkDeviceClass counted = *real_class;
    counted.alloc = counted_alloc;
    counted.free = counted_free;
    training->device->klass = &counted;
    allocated = g_hash_table_new (NULL, NULL);
    allocated_bytes = 0;
    training_pass (training, 1, TRUE);
    const gsize pictures = (gsize)(sort->batch * 3 * sort->side * sort->side) * sizeof (float);
    /* Per picture: three of the head's features, twenty of the head's layers, which are no wider.
     */
    const gsize rows = (gsize)sort->batch *
                       (gsize)(23 * cow_network_n_features (network) + 20 * TRAINING_CLASSES) *
                       sizeof (float);
    const gsize positions = 2 * 16 * 64 * sizeof (float);
    g_test_message ("%" G_GSIZE_FORMAT " bytes predicted, %" G_GSIZE_FORMAT " reserved", predicted,
                    allocated_bytes);
    g_assert_cmpuint (allocated_bytes, >=, predicted);
    g_assert_cmpuint (allocated_bytes, <=, predicted + pictures + rows + positions);
    training->device->klass = real_class;
    training_free (training);
    g_hash_table_unref (allocated);
  }
}

/* ---- what is trained, and what can't be ------------------------------------------------------ */

static gsize
n_trained (CowNetwork *network)
{
  gsize n = 0;
  for (guint i = 0; i < cow_network_parameters (network)->list->len; i++)
    n += cow_parameters_get (cow_network_parameters (network), i)->count;
  return n;
}

/* The counts of the paper's networks. */
static void
test_counts (void)
{
  static const struct {
    CowNetworkKind kind;
    gsize n;
  } cases[] = { { COW_NETWORK_RESNET18, 11310153 }, { COW_NETWORK_VIT, 21817737 } };
  GError *error = NULL;
  g_autoptr (CkDevice) device = cow_device_open (NULL, 0, &error);
  g_autoptr (CkStream) stream = cow_stream_new (device, 0, &error);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    const CowNetworkOptions options = {
      .kind = cases[i].kind, .n_classes = 9, .image_size = 224, .batch = 1
    };
    CowNetwork *network = cow_network_new (stream, &options, &error);
    g_assert_no_error (error);
    g_assert_cmpuint (n_trained (network), ==, cases[i].n);
    cow_network_free (network);
  }
  CowVitConfig small;
  g_assert_true (cow_vit_config_of_size ("vit_small_patch16_224", &small));
  /* Without the head's norm and two layers, with a norm of its own */
  g_assert_cmpint (cow_vit_config_n_parameters (&small), ==,
                   21817737 - 2 * 384 - (384 + 1) * 384 - (384 + 1) * 9);
}

typedef struct {
  const char *name;
  const char *base, *start, *start_head; /* golden */
  const char *target;
  CowNetworkKind kind;
  int code;
  const char *says;
  int rank; /* 0: 4 */
  CowLoraInit init;
  gboolean rslora;
} Refused;

static const Refused refused[] = {
  { "target", "plain/nf4", .target = "qq_proj", .kind = COW_NETWORK_LORA,
    .code = COW_ERROR_ARGUMENT, .says = "qq_proj" },
  { "gate", "plain/nf4", .target = "gate_proj", .kind = COW_NETWORK_LORA,
    .code = COW_ERROR_ARGUMENT, .says = "gate_proj" },
  { "other-method", "plain/nf4", "plain/lora_q_r8", "plain", NULL, COW_NETWORK_DORA,
    COW_ERROR_MISMATCH, .says = "LoRA" },
  { "other-network", "gated7b/nf4", "plain/lora_all_r16", "plain", NULL, COW_NETWORK_LORA,
    COW_ERROR_MISMATCH, .says = "mlp" },
  { "no-head", "plain/nf4", "plain/lora_q_r8", NULL, NULL, COW_NETWORK_LORA, COW_ERROR_NOT_FOUND,
    .says = "classifier.safetensors" },
  { "rank-too-large", "plain/nf4", .target = "q_proj", .kind = COW_NETWORK_LORA, .rank = 129,
    .init = COW_INIT_PISSA, .code = COW_ERROR_ARGUMENT, .says = "a rank of 128 at most, not 129" },
  { "start-has-values", "plain/nf4", "plain/lora_q_r8", "plain", NULL, COW_NETWORK_LORA,
    COW_ERROR_ARGUMENT, .says = "has values of its own", .init = COW_INIT_OLORA },
  { "start-has-scale", "plain/nf4", "plain/lora_q_r8", "plain", NULL, COW_NETWORK_LORA,
    COW_ERROR_ARGUMENT, .says = "has a scale of its own", .rslora = TRUE },
  { "no-base", "plain/none", .target = "q_proj", .kind = COW_NETWORK_LORA,
    .code = COW_ERROR_NOT_FOUND, .says = "plain/none" },
};

static void
test_refused (gconstpointer data)
{
  const Refused *c = data;
  GError *error = NULL;
  g_autoptr (CkDevice) device = cow_device_open (NULL, 0, &error);
  g_autoptr (CkStream) stream = cow_stream_new (device, 0, &error);
  g_autofree char *base = golden_path (c->base), *start = c->start ? golden_path (c->start) : NULL,
                  *head = c->start_head ? golden_path (c->start_head) : NULL;
  const char *const targets[] = { c->target ? c->target : "q_proj", NULL };
  const CowNetworkOptions options = { .kind = c->kind,
                                      .n_classes = 9,
                                      .model = base,
                                      .start = start,
                                      .start_head = head,
                                      .rank = c->rank ? c->rank : 4,
                                      .alpha = 8,
                                      .init = c->init,
                                      .rslora = c->rslora,
                                      .targets = targets,
                                      .image_size = 64,
                                      .batch = 2 };
  g_assert_null (cow_network_new (stream, &options, &error));
  g_assert_error (error, COW_ERROR, c->code);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, c->says));
  g_clear_error (&error);
}

/* Pictures of a size that a network does not take, and a gradient that is not finite. */
static void
test_refused_pictures (void)
{
  static const struct {
    const char *sort;
    int height, width;
    const char *says;
  } cases[] = { { "lora-all", 60, 64, "multiples of 16" },
                { "vit", 64, 48, "squares of 64" },
                { "resnet18", 64, 16, "32" } };
  GError *error = NULL;
  g_autofree float *pixels = g_new0 (float, 3 * 64 * 64);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    Training *training = training_new (training_case (cases[i].sort), &(TrainingHow){ 0 });
    g_assert_false (cow_network_forward (training->network, pixels, 1, cases[i].height,
                                         cases[i].width, TRUE, 0, &error));
    g_assert_error (error, COW_ERROR, COW_ERROR_ARGUMENT);
    g_assert_nonnull (strstr (error->message, cases[i].says));
    g_clear_error (&error);
    training_free (training);
  }
  Training *training = training_new (training_case ("frozen"), &(TrainingHow){ 0 });
  const CowAdamW settings = { 1e-3, .9, .999, 1e-8, .01, 1, 1 };
  g_autofree float *before = training_values (training);
  const float nan = NAN;
  double norm;
  guint n;
  training_pass (training, 1, TRUE);
  g_assert_cmpint (ck_upload (training->stream,
                              cow_network_parameters (training->network)->gradients, &nan,
                              sizeof nan),
                   ==, CK_OK);
  g_assert_true (cow_network_step (training->network, &settings, 1, &error));
  g_assert_no_error (error);
  g_assert_null (cow_network_read (training->network, &n, &norm, &error));
  g_assert_error (error, COW_ERROR, COW_ERROR_DEVICE);
  g_clear_error (&error);
  g_autofree float *after = training_values (training);
  g_assert_cmpmem (before, bytes_of (training), after, bytes_of (training));
  training_free (training);
}

/* A ResNet can't take statistics of one value. */
static void
test_one_value (void)
{
  GError *error = NULL;
  Training *training = training_new (training_case ("resnet18"), &(TrainingHow){ 0 });
  g_autofree float *pixels = g_new0 (float, 3 * 32 * 32);
  g_assert_false (cow_network_forward (training->network, pixels, 1, 32, 32, TRUE, 0, &error));
  g_assert_error (error, COW_ERROR, COW_ERROR_ARGUMENT);
  g_clear_error (&error);
  g_assert_true (cow_network_forward (training->network, pixels, 1, 32, 32, FALSE, 0, &error));
  g_assert_no_error (error);
  training_free (training);
}

static void
add_cases (const char *name, void (*test) (gconstpointer), gboolean adapters, gboolean whole)
{
  for (const TrainingCase *sort = training_cases; sort->name; sort++) {
    const gboolean adapter = sort->adapter != NULL;
    g_autofree char *path = g_strdup_printf ("/training/%s/%s", name, sort->name);
    if ((adapter && adapters) || (!adapter && whole))
      g_test_add_data_func (path, sort, test);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add_cases ("recomputation", test_recomputation, TRUE, TRUE);
  add_cases ("threads", test_threads, TRUE, TRUE);
  add_cases ("precision", test_precision, TRUE, TRUE);
  add_cases ("saved", test_saved, TRUE, FALSE);
  for (const TrainingCase *sort = training_cases; sort->name; sort++)
    if (!sort->base) {
      g_autofree char *path = g_strconcat ("/training/saved/", sort->name, NULL);
      g_test_add_data_func (path, sort, test_saved);
    }
  add_cases ("reopened", test_reopened, TRUE, FALSE);
  add_cases ("fresh", test_fresh, TRUE, FALSE);
  add_cases ("init", test_init, TRUE, FALSE);
  g_test_add_func ("/training/rates", test_rates);
  add_cases ("mean", test_mean, TRUE, FALSE);
  add_cases ("memory", test_memory, TRUE, TRUE);
  g_test_add_func ("/training/buffers", test_buffers);
  g_test_add_func ("/training/dora/norms-once-a-step", test_norms_once_a_step);
  g_test_add_data_func ("/training/dora/without-dropout", GINT_TO_POINTER (FALSE),
                        test_dora_dropout);
  g_test_add_data_func ("/training/dora/with-dropout", GINT_TO_POINTER (TRUE), test_dora_dropout);
  g_test_add_func ("/training/counts", test_counts);
  for (guint i = 0; i < G_N_ELEMENTS (refused); i++) {
    g_autofree char *path = g_strconcat ("/training/refused/", refused[i].name, NULL);
    g_test_add_data_func (path, &refused[i], test_refused);
  }
  g_test_add_func ("/training/refused/pictures", test_refused_pictures);
  g_test_add_func ("/training/refused/one-value", test_one_value);
  return g_test_run ();
}
