/* SPDX-License-Identifier: MIT */
/*
 * Networks of two blocks on an emulated GPU: the precisions that it offers and computes in, what
 * precision=auto finds there, and a step of training against the CPU's.
 */
#include <math.h>
#include <string.h>

#include "kernels/device.h"
#include "model/adapter/kept-pictures.h"
#include "model/network/classifier.h"
#include "model/network/precision-resolve.h"
#include "tests/model/precision-fixture.h"
#include "tests/model/scratch.h"
#include "tests/model/training.h"

#define DEVICE  "cuda-emulated"
#define PIXELS  ((gsize)3 * PRECISION_SIDE * PRECISION_SIDE)
#define SM_75   "75" /* the oldest GPUs that there are kernels for */
#define SM_86   "86"
#define DROPOUT .3f

/* ---- precisions ------------------------------------------------------------------------------ */

typedef struct {
  const char *architecture;
  const char *offered;
  CowPrecision under_int8; /* the next finer one */
} Offer;

static const Offer offers[] = {
  { SM_75, "fp32, fp16, int8", COW_PRECISION_FP16 },
  { SM_86, "fp32, fp16, bf16, int8", COW_PRECISION_BF16 },
};

static CowClassifier *
open_classifier (const PrecisionFolders *self, CowPrecision precision, GError **error)
{
  const CowClassifierOptions options = {
    .model = self->model, .adapter = self->adapter, .device = DEVICE, .precision = precision
  };
  return cow_classifier_new (&options, error);
}

/* A precision that the GPU lacks is one error, which names those that it has. */
static void
test_offers (PrecisionFolders *self, gconstpointer data)
{
  const Offer *offer = data;
  g_autoptr (GError) error = NULL;
  g_setenv ("COW_CUDA_ARCHITECTURE", offer->architecture, TRUE);
  g_autoptr (CkDevice) device = cow_device_open (DEVICE, 1, &error);
  g_assert_no_error (error);
  g_assert_cmpint (cow_precision_finer (device, COW_PRECISION_INT8), ==, offer->under_int8);
  for (CowPrecision p = COW_PRECISION_FP32; p <= COW_PRECISION_LAST; p++) {
    if (cow_precision_check (device, p, NULL))
      continue;
    g_autofree char *expected =
        g_strdup_printf ("precision %s: %s:0 (sm_%s) has no instructions for it; it offers: %s",
                         cow_precision_name (p), DEVICE, offer->architecture, offer->offered);
    g_assert_null (open_classifier (self, p, &error));
    g_assert_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED);
    g_assert_cmpstr (error->message, ==, expected);
    g_clear_error (&error);
  }
  g_unsetenv ("COW_CUDA_ARCHITECTURE");
}

/* What a pass multiplied; every layer and every attention of it the same. */
static const CkOperations *real;
static CkType linear_type, attention_type;
static guint n_linear, n_attention;

static CkStatus
record_linear (CkStream *stream, const CkLinear *op)
{
  const CkType type = ck_weight_factors (op->weight);
  /* the head's layers are fp32 */
  if (type != CK_F32 || n_linear == 0) {
    g_assert_true (n_linear == 0 || type == linear_type);
    linear_type = type;
    n_linear++;
  }
  return real->linear (stream, op);
}

static CkStatus
record_attention (CkStream *stream, const CkAttention *op)
{
  g_assert_true (n_attention == 0 || op->products == attention_type);
  attention_type = op->products;
  n_attention++;
  return real->attention (stream, op);
}

/* The features of a picture; free with g_free. */
static float *
compute (CowClassifier *classifier, const float *pixels)
{
  g_autoptr (GError) error = NULL;
  CkStream *stream = cow_classifier_stream (classifier);
  CowOutput output;
  real = stream->operations;
  CkOperations recording = *real;
  recording.linear = record_linear;
  recording.attention = record_attention;
  stream->operations = &recording;
  n_linear = n_attention = 0;
  cow_classifier_run (classifier, pixels, 1, PRECISION_SIDE, PRECISION_SIDE, &output, &error);
  stream->operations = real;
  g_assert_no_error (error);
  return g_memdup2 (output.pooler_output,
                    (gsize)cow_classifier_n_features (classifier) * sizeof (float));
}

/* Linear layers and attention multiply numbers of the precision, and the answers show it. */
static void
test_products (PrecisionFolders *self, gconstpointer data)
{
  static const struct {
    CowPrecision precision;
    CkType linear, attention;
  } cases[] = { { COW_PRECISION_FP16, CK_F16, CK_F16 },
                { COW_PRECISION_BF16, CK_BF16, CK_BF16 },
                { COW_PRECISION_INT8, CK_I8, CK_F16 } };
  g_autoptr (GError) error = NULL;
  g_autofree float *pixels = precision_pictures ();
  g_autoptr (CowClassifier) fp32 = open_classifier (self, COW_PRECISION_FP32, &error);
  g_assert_no_error (error);
  g_autofree float *exact = compute (fp32, pixels);
  const gsize bytes = (gsize)cow_classifier_n_features (fp32) * sizeof (float);
  g_assert_cmpint (linear_type, ==, CK_F32);
  g_assert_cmpint (attention_type, ==, CK_F32);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (CowClassifier) fast = open_classifier (self, cases[i].precision, &error);
    g_assert_no_error (error);
    g_autofree float *rounded = compute (fast, pixels);
    g_assert_cmpint (linear_type, ==, cases[i].linear);
    g_assert_cmpint (attention_type, ==, cases[i].attention);
    g_assert_cmpuint (n_linear, ==, cow_classifier_n_linear (fast));
    g_assert_cmpint (memcmp (rounded, exact, bytes), !=, 0);
  }
}

/* ---- auto ------------------------------------------------------------------------------------ */

static void
keep_picture (const PrecisionFolders *self)
{
  g_autoptr (GError) error = NULL;
  g_autofree float *pixels = precision_pictures ();
  g_auto (CowKeptPictures) pictures = { 1, PRECISION_SIDE, PRECISION_SIDE, g_new (guint8, PIXELS) };
  for (gsize i = 0; i < PIXELS; i++)
    pictures.rgb[i] = (guint8)(255 * pixels[i % 3 * PIXELS / 3 + i / 3] + .5f);
  cow_kept_pictures_write (&pictures, self->adapter, &error);
  g_assert_no_error (error);
}

/* It tries what the GPU has, and no more, and takes one that passes or fp32. */
static void
test_auto (PrecisionFolders *self, gconstpointer data)
{
  g_auto (CowPrecisionChoice) first = { 0 }, second = { 0 };
  CowClassifierOptions options = { .model = self->model,
                                   .adapter = self->adapter,
                                   .device = DEVICE };
  keep_picture (self);
  cow_precision_resolve_within (&options, 300, &first);
  g_test_message ("%s %s", cow_precision_name (options.precision), first.why);
  g_assert_true (first.measured && first.tried_now && first.on_gpu);
  g_assert_null (first.warning);
  g_assert_cmpint (options.precision, !=, COW_PRECISION_AUTO);
  g_autofree char *file = scratch_read (self->adapter, "precision.json", NULL);
  g_assert_nonnull (strstr (file, "\"" DEVICE ":0 (sm_86)\""));
  for (CowPrecision p = COW_PRECISION_INT16; p <= COW_PRECISION_LAST; p++) {
    g_autofree char *path = g_strdup_printf ("\"precision\" : \"%s\",\n", cow_precision_name (p));
    g_assert_true (!strstr (file, path) == (p == COW_PRECISION_INT16));
  }
  g_assert_null (strstr (file, "not exact enough"));
  /* The CPU's choice is another. */
  cow_precision_choose (COW_PRECISION_AUTO, self->model, self->adapter, "cpu", &second);
  g_assert_cmpint (second.precision, ==, COW_PRECISION_FP32);
  g_assert_nonnull (strstr (second.why, "knows other processors than cpu"));
}

/* ---- training -------------------------------------------------------------------------------- */

/* How far loss and gradients of a pass on the GPU are from the CPU's in fp32. */
static void
compare_training (const TrainingCase *sort, CowPrecision precision, double *loss, double *gradients)
{
  TrainingHow how = { .adapter_dropout = DROPOUT, .head_dropout = DROPOUT };
  Training *cpu = training_new (sort, &how);
  how.precision = precision;
  how.device = DEVICE;
  Training *gpu = training_new (sort, &how);
  g_assert_cmpstr (gpu->device->name, ==, DEVICE ":0");
  *loss = fabs (training_pass (gpu, 1, TRUE) - training_pass (cpu, 1, TRUE));
  g_autofree float *got = training_gradients (gpu), *want = training_gradients (cpu);
  *gradients = training_distance (got, want, cow_network_parameters (cpu->network)->count);
  g_test_message ("%s in %s: loss %.1e, gradients %.1e", sort->name, cow_precision_name (precision),
                  *loss, *gradients);
  training_free (cpu);
  training_free (gpu);
}

static void
test_training (gconstpointer data)
{
  double loss, gradients;
  compare_training (data, COW_PRECISION_FP32, &loss, &gradients);
  g_assert_cmpfloat (loss, <, 2e-6);
  g_assert_cmpfloat (gradients, <, 3e-6);
}

/* fp16 has fp32's products backward, of activations that were rounded forward. */
static void
test_training_halves (gconstpointer data)
{
  static const struct {
    CowPrecision precision;
    double most;
  } cases[] = { { COW_PRECISION_FP16, 1e-3 }, { COW_PRECISION_BF16, 1e-2 } };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    double loss, gradients;
    compare_training (data, cases[i].precision, &loss, &gradients);
    g_assert_cmpfloat (loss, <, 1e-3);
    g_assert_cmpfloat (gradients, >, 1e-5);
    g_assert_cmpfloat (gradients, <, cases[i].most);
  }
}

static const CkDeviceClass *real_class;
static gsize allocated;

static void *
count_alloc (CkStream *stream, size_t bytes)
{
  allocated += bytes;
  return real_class->alloc (stream, bytes);
}

/* Bytes that a first pass reserves on the GPU. */
static gsize
count_bytes (const TrainingCase *sort, float dropout)
{
  const TrainingHow how = { .device = DEVICE, .adapter_dropout = dropout };
  Training *training = training_new (sort, &how);
  real_class = training->device->klass;
  CkDeviceClass counted = *real_class;
  counted.alloc = count_alloc;
  training->device->klass = &counted;
  allocated = 0;
  training_pass (training, 1, FALSE);
  training->device->klass = real_class;
  training_free (training);
  return allocated;
}

/* A GPU makes random numbers anew: with dropout there are their keys, and nothing is kept. */
static void
test_dropout_memory (gconstpointer data)
{
  const gsize keys = 2 * COW_N_MODULES * sizeof (guint64);
  g_assert_cmpuint (count_bytes (data, DROPOUT), ==, count_bytes (data, 0) + keys);
}

/* Convolutions of a ResNet are too many for an emulator, and replays go through them on a GPU. */
static gboolean
is_affordable (const TrainingCase *sort)
{
  return sort->kind != COW_NETWORK_RESNET18;
}

static void
add_training (void)
{
  for (const TrainingCase *sort = training_cases; sort->name; sort++) {
    g_autofree char *path = g_strconcat ("/network-cuda/training/", sort->name, NULL),
                    *halves = g_strconcat ("/network-cuda/training-halves/", sort->name, NULL);
    if (is_affordable (sort))
      g_test_add_data_func (path, sort, test_training);
    if (g_str_equal (sort->name, "lora-all") || g_str_equal (sort->name, "dinov3"))
      g_test_add_data_func (halves, sort, test_training_halves);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, function, data)                                                                  \
  g_test_add ("/network-cuda/" name, PrecisionFolders, data, precision_set_up, function,           \
              precision_tear_down)
  ADD ("offers/sm_75", test_offers, &offers[0]);
  ADD ("offers/sm_86", test_offers, &offers[1]);
  ADD ("products", test_products, NULL);
  ADD ("auto", test_auto, NULL);
#undef ADD
  add_training ();
  g_test_add_data_func ("/network-cuda/dropout-memory", &training_cases[0], test_dropout_memory);
  return g_test_run ();
}
