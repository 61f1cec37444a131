/* SPDX-License-Identifier: MIT */
/*
 * Times a network on a device with nothing but model/ and kernels/, so that it runs where neither
 * GStreamer nor libvips is:
 *   bench-gpu peak DEVICE SECONDS
 *   bench-gpu forward DEVICE MODEL PRECISION BATCH SECONDS
 *   bench-gpu train DEVICE MODEL lora|dora PRECISION RANK BATCH SECONDS
 *   bench-gpu linear DEVICE OUT IN ROWS int8|bf16|fp16|fp32 SECONDS KERNELS (bench-linear.c)
 * It prints one line of JSON: of a network the median of its passes, milliseconds and pictures a
 * second. Pictures are made up, 224 x 224, and in memory (of the device, forward). `peak` is what
 * the device's multiply-adds reach by themselves, the best of bursts of so many seconds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/network/classifier.h"
#include "model/training/network.h"
#include "tests/gpu/bench-linear.h"

enum { SIDE = 224, PICTURE = 3 * SIDE * SIDE, MOST_PASSES = 10000, N_CLASSES = 9 };

static void
check (GError *error)
{
  if (!error)
    return;
  g_printerr ("bench-gpu: %s\n", error->message);
  exit (1);
}

/* [batch, 3, SIDE, SIDE], as a camera's pixels after normalisation. */
static float *
make_pixels (int batch)
{
  float *pixels = g_new (float, (gsize)batch *PICTURE);
  for (gsize i = 0; i < (gsize)batch * PICTURE; i++)
    pixels[i] = (float)((i * 2654435761u >> 7) % 4096) / 1024 - 2;
  return pixels;
}

static int
compare (const void *a, const void *b)
{
  const gint64 x = *(const gint64 *)a, y = *(const gint64 *)b;
  return (x > y) - (x < y);
}

/* Calls pass () until `seconds` are over, two passes before that not counted, and prints. */
static void
measure (void (*pass) (gpointer), gpointer data, int batch, double seconds)
{
  static gint64 times[MOST_PASSES];
  int n = 0;
  pass (data);
  pass (data);
  const gint64 end = g_get_monotonic_time () + (gint64)(seconds * G_USEC_PER_SEC);
  do {
    const gint64 begin = g_get_monotonic_time ();
    pass (data);
    times[n++] = g_get_monotonic_time () - begin;
  } while (n < MOST_PASSES && (n < 3 || g_get_monotonic_time () < end));
  qsort (times, (size_t)n, sizeof *times, compare);
  const double ms = (double)times[n / 2] / 1000 / batch;
  printf ("{\"ms\": %.4f, \"pictures_per_s\": %.2f, \"passes\": %d}\n", ms, 1000 / ms, n);
}

/* ---- forward --------------------------------------------------------------------------------- */

typedef struct {
  CowClassifier *classifier;
  const float **pictures; /* on the device */
  int batch;
} Forward;

static void
run_forward (gpointer data)
{
  Forward *self = data;
  GError *error = NULL;
  CowOutput output;
  cow_classifier_run_prepared (self->classifier, self->pictures, self->batch, SIDE, SIDE, &output,
                               &error);
  check (error);
}

static void
bench_forward (char **argv)
{
  GError *error = NULL;
  CowClassifierOptions options = { .device = argv[0], .model = argv[1] };
  const int batch = atoi (argv[3]);
  cow_precision_parse (argv[2], &options.precision, &error);
  check (error);
  Forward self = { .classifier = cow_classifier_new (&options, &error), .batch = batch };
  check (error);
  CkStream *stream = cow_classifier_stream (self.classifier);
  g_autofree float *pixels = make_pixels (batch);
  g_autofree const float **pictures = g_new (const float *, batch);
  float *memory = ck_alloc (stream, (gsize)batch * PICTURE * sizeof (float));
  cow_check (memory ? ck_upload (stream, memory, pixels, (gsize)batch * PICTURE * sizeof (float))
                    : CK_NO_MEMORY,
             &error, "%d pictures", batch);
  check (error);
  for (int i = 0; i < batch; i++)
    pictures[i] = memory + (gsize)i * PICTURE;
  self.pictures = pictures;
  measure (run_forward, &self, batch, g_ascii_strtod (argv[4], NULL));
  ck_free (stream, memory);
  cow_classifier_free (self.classifier);
}

/* ---- training -------------------------------------------------------------------------------- */

typedef struct {
  CowNetwork *network;
  const float *pixels;
  const gint32 *labels;
  int batch;
  guint64 key;
} Training;

static void
run_step (gpointer data)
{
  Training *self = data;
  const CowAdamW settings = { .learning_rate = 1e-4,
                              .beta1 = .9,
                              .beta2 = .999,
                              .epsilon = 1e-8,
                              .weight_decay = .01,
                              .step = (gint64)++self->key };
  GError *error = NULL;
  double norm;
  guint n;
  if (cow_network_forward (self->network, self->pixels, self->batch, SIDE, SIDE, TRUE, self->key,
                           &error) &&
      cow_network_loss (self->network, self->labels, NULL, .1f, TRUE, 1, &error) &&
      cow_network_step (self->network, &settings, 1, &error))
    cow_network_read (self->network, &n, &norm, &error);
  check (error);
}

static void
bench_training (char **argv)
{
  static const char *const targets[] = { "all-linear", NULL };
  GError *error = NULL;
  const int rank = atoi (argv[4]), batch = atoi (argv[5]);
  CowPrecision precision = COW_PRECISION_FP32;
  cow_precision_parse (argv[3], &precision, &error);
  check (error);
  CkDevice *device = cow_device_open (argv[0], 0, &error);
  check (error);
  CkStream *stream = cow_stream_new (device, 0, &error);
  check (error);
  const CowNetworkOptions options = {
    .kind = g_str_equal (argv[2], "dora") ? COW_NETWORK_DORA : COW_NETWORK_LORA,
    .n_classes = N_CLASSES,
    .model = argv[1],
    .rank = rank,
    .alpha = (float)rank,
    .adapter_dropout = .1f,
    .targets = targets,
    .precision = precision,
    .image_size = SIDE,
    .batch = batch,
  };
  Training self = { .network = cow_network_new (stream, &options, &error), .batch = batch };
  check (error);
  g_autofree float *pixels = make_pixels (batch);
  g_autofree gint32 *labels = g_new (gint32, batch);
  for (int i = 0; i < batch; i++)
    labels[i] = i % N_CLASSES;
  self.pixels = pixels;
  self.labels = labels;
  measure (run_step, &self, batch, g_ascii_strtod (argv[6], NULL));
  cow_network_free (self.network);
  ck_stream_free (stream);
  ck_device_close (device);
}

/* ---- peaks ----------------------------------------------------------------------------------- */

/* Tera-operations a second in bursts whose rounds are doubled until they take long enough; 0: the
 * device has no products of this type. */
static double
find_peak (CkStream *stream, CkType type, double seconds)
{
  enum { FIRST_ROUNDS = 16, BURSTS = 5 };
  GError *error = NULL;
  double best = 0;
  int64_t rounds = FIRST_ROUNDS;
  for (int bursts = 0; bursts < BURSTS;) {
    double operations;
    const gint64 begin = g_get_monotonic_time ();
    CkStatus status = ck_peak (stream, type, rounds, &operations);
    if (status == CK_UNSUPPORTED)
      return 0;
    if (status == CK_OK)
      status = ck_synchronize (stream);
    const double took = (double)(g_get_monotonic_time () - begin) / G_USEC_PER_SEC;
    cow_check (status, &error, "multiply-adds of the device");
    check (error);
    if (took < seconds) {
      rounds *= 2;
      continue;
    }
    best = MAX (best, operations / took / 1e12);
    bursts++;
  }
  return best;
}

static void
bench_peaks (char **argv)
{
  static const struct {
    const char *name;
    CkType type;
  } types[] = { { "fp32", CK_F32 }, { "fp16", CK_F16 }, { "bf16", CK_BF16 }, { "int8", CK_I8 } };
  GError *error = NULL;
  const char *separator = "{";
  CkDevice *device = cow_device_open (argv[0], 0, &error);
  check (error);
  CkStream *stream = cow_stream_new (device, 0, &error);
  check (error);
  for (gsize i = 0; i < G_N_ELEMENTS (types); i++) {
    const double peak = find_peak (stream, types[i].type, g_ascii_strtod (argv[1], NULL));
    if (peak > 0) {
      printf ("%s\"%s_tops\": %.4g", separator, types[i].name, peak);
      separator = ", ";
    }
  }
  printf ("}\n");
  ck_stream_free (stream);
  ck_device_close (device);
}

int
main (int argc, char **argv)
{
  if (argc == 4 && g_str_equal (argv[1], "peak"))
    bench_peaks (argv + 2);
  else if (argc == 7 && g_str_equal (argv[1], "forward") && atoi (argv[5]) > 0)
    bench_forward (argv + 2);
  else if (argc == 9 && g_str_equal (argv[1], "train") && atoi (argv[6]) > 0 && atoi (argv[7]) > 0)
    bench_training (argv + 2);
  else if (argc == 9 && g_str_equal (argv[1], "linear"))
    return bench_linear (argv + 2);
  else {
    g_printerr ("Usage: bench-gpu peak DEVICE SECONDS\n"
                "       bench-gpu forward DEVICE MODEL PRECISION BATCH SECONDS\n"
                "       bench-gpu train DEVICE MODEL lora|dora PRECISION RANK BATCH SECONDS\n"
                "       bench-gpu linear DEVICE OUT IN ROWS PRECISION SECONDS KERNELS\n");
    return 2;
  }
  return 0;
}
